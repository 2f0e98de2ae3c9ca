//! `GET` and `PATCH …/preferences`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{
    consent::{Method, Statement},
    moment,
    recipient::{Categories, Recipient},
};

use crate::routes::consent::{Word, give, revoke};
use crate::{
    api::Api,
    auth::{Origin, Person},
    body::{Body, object, present},
    disclosures,
    problem::{Kind, Problem},
};

/// What a person wants.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preferences {
    phone_number: Option<String>,
    phone_verified: bool,
    /// The master switch.
    sms_enabled: bool,
    categories: Switches,
    /// IANA name.
    time_zone: Option<String>,
    /// BCP 47 tag.
    locale: Option<String>,
    /// Whether they agreed to texts to this number.
    has_consent: bool,
    #[serde(with = "moment::option")]
    #[schemars(with = "Option<Timestamp>")]
    consent_given_at: Option<Timestamp>,
}

/// A switch for each kind of text.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are six switches")]
struct Switches {
    battle_invitations: bool,
    battle_results: bool,
    battle_reminders: bool,
    streak_alerts: bool,
    direct_messages: bool,
    achievements: bool,
}

/// What is to change; what is not named stays. A number is changed by verifying another.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::option_option, reason = "not named, null, and a value are three things")]
pub struct Patch {
    /// On records consent, off revokes it. The first consent turns every category on, unless categories are named with it.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "bool")]
    pub sms_enabled: Option<bool>,
    #[serde(default, deserialize_with = "object")]
    #[schemars(with = "SwitchesPatch")]
    pub categories: Option<SwitchesPatch>,
    /// IANA name, such as `America/New_York`; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    pub time_zone: Option<Option<String>>,
    /// BCP 47 tag, such as `es-MX`; `null` for none.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>", extend("pattern" = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", "maxLength" = 35))]
    pub locale: Option<Option<String>>,
    /// The disclosure that was shown beside the master switch.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String", extend("enum" = disclosures::ALL.map(|disclosure| disclosure.version)))]
    pub disclosure_version: Option<String>,
    /// Where the person is. For backends only.
    #[serde(default, deserialize_with = "object")]
    #[schemars(with = "Origin")]
    pub origin: Option<Origin>,
}

/// The switches to change.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct SwitchesPatch {
    #[serde(deserialize_with = "present")]
    #[schemars(with = "bool")]
    battle_invitations: Option<bool>,
    #[serde(deserialize_with = "present")]
    #[schemars(with = "bool")]
    battle_results: Option<bool>,
    #[serde(deserialize_with = "present")]
    #[schemars(with = "bool")]
    battle_reminders: Option<bool>,
    #[serde(deserialize_with = "present")]
    #[schemars(with = "bool")]
    streak_alerts: Option<bool>,
    #[serde(deserialize_with = "present")]
    #[schemars(with = "bool")]
    direct_messages: Option<bool>,
    #[serde(deserialize_with = "present")]
    #[schemars(with = "bool")]
    achievements: Option<bool>,
}

pub async fn read(State(api): State<Arc<Api>>, person: Person) -> Result<Response, Problem> {
    Ok(answer(&api.person(&person.user_id).await?))
}

/// A person has to say which version they saw, so that two tabs do not overwrite one another; a backend may.
pub async fn change(State(api): State<Arc<Api>>, person: Person, headers: HeaderMap, Body(patch): Body<Patch>) -> Result<Response, Problem> {
    let seen = headers.get(header::IF_MATCH);
    if seen.is_none() && !person.is_represented() {
        return Err(Kind::PreconditionRequired.problem());
    }
    let origin = person.origin(patch.origin.clone())?;
    let now = api.now();
    let change = |recipient: &mut Recipient| {
        let matches = seen.is_none_or(|seen| matches(seen, recipient));
        let statement = apply(&patch, recipient, &origin, now)?;
        if matches { Ok(statement) } else { Err(Kind::PreconditionFailed.problem()) }
    };
    let recipient = api.change(&person.user_id, change).await?;
    if patch.sms_enabled == Some(true) {
        api.welcome(&recipient, now).await?;
    }
    Ok(answer(&recipient))
}

impl From<Categories> for SwitchesPatch {
    fn from(on: Categories) -> Self {
        Self {
            battle_invitations: Some(on.battle_invitations),
            battle_results: Some(on.battle_results),
            battle_reminders: Some(on.battle_reminders),
            streak_alerts: Some(on.streak_alerts),
            direct_messages: Some(on.direct_messages),
            achievements: Some(on.achievements),
        }
    }
}

fn answer(recipient: &Recipient) -> Response {
    ([(header::ETAG, etag(recipient))], Json(Preferences::of(recipient))).into_response()
}

fn etag(recipient: &Recipient) -> String {
    version_tag(recipient.version)
}

/// The `ETag` of a version.
pub fn version_tag(version: u64) -> String {
    format!("\"{version}\"")
}

fn matches(seen: &HeaderValue, recipient: &Recipient) -> bool {
    let etag = etag(recipient);
    seen.to_str().is_ok_and(|seen| seen.trim() == "*" || seen.split(',').any(|one| one.trim() == etag))
}

fn apply(patch: &Patch, recipient: &mut Recipient, origin: &Origin, at: Timestamp) -> Result<Option<Statement>, Problem> {
    if let Some(zone) = &patch.time_zone {
        recipient.time_zone = zone.as_deref().map(time_zone).transpose()?;
    }
    if let Some(locale) = &patch.locale {
        recipient.locale = locale.as_deref().map(language_tag).transpose()?;
    }
    if let Some(switches) = &patch.categories {
        switches.apply(&mut recipient.categories);
    }

    let version = patch.disclosure_version.as_deref();
    let disclosure = version.map(|version| disclosures::find(version).ok_or_else(unknown_disclosure)).transpose()?;
    let word = Word { method: Method::SettingsPage, origin: origin.clone(), disclosure, at };
    match patch.sms_enabled {
        Some(true) if recipient.phone.is_none() => Err(Kind::PhoneNumberNeeded.problem()),
        Some(true) => {
            if patch.names_no_category() {
                recipient.begin_with_everything();
            }
            Ok(give(recipient, word))
        }
        Some(false) => Ok(revoke(recipient, word)),
        None => Ok(None),
    }
}

/// What is wrong with a version that no file has.
pub fn unknown_disclosure() -> Problem {
    let known = disclosures::ALL.map(|disclosure| disclosure.version).join(", ");
    Problem::invalid("disclosureVersion", &format!("not a disclosure, expected one of {known}"))
}

fn time_zone(name: &str) -> Result<String, Problem> {
    let zone = TimeZone::get(name).ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    zone.ok_or_else(|| Problem::invalid("timeZone", "not an IANA time zone, expected one such as America/New_York"))
}

fn language_tag(tag: &str) -> Result<String, Problem> {
    let mut parts = tag.split('-');
    let language = parts.next().is_some_and(|part| (2..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let rest = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let fits = language && rest && tag.len() <= 35;
    fits.then(|| tag.to_owned()).ok_or_else(|| Problem::invalid("locale", "not a language tag, expected one such as en-US"))
}

impl Preferences {
    fn of(recipient: &Recipient) -> Self {
        let on = recipient.categories;
        Self {
            phone_number: recipient.phone.as_ref().map(|phone| phone.as_e164().to_owned()),
            phone_verified: recipient.verified_phone().is_some(),
            sms_enabled: recipient.sms_enabled,
            categories: Switches {
                battle_invitations: on.battle_invitations,
                battle_results: on.battle_results,
                battle_reminders: on.battle_reminders,
                streak_alerts: on.streak_alerts,
                direct_messages: on.direct_messages,
                achievements: on.achievements,
            },
            time_zone: recipient.time_zone.clone(),
            locale: recipient.locale.clone(),
            has_consent: recipient.standing_consent().is_some(),
            consent_given_at: recipient.standing_consent().map(|consent| consent.given_at),
        }
    }
}

impl Patch {
    fn names_no_category(&self) -> bool {
        self.categories.as_ref().is_none_or(|switches| *switches == SwitchesPatch::default())
    }
}

impl SwitchesPatch {
    fn apply(&self, on: &mut Categories) {
        *on = Categories {
            battle_invitations: self.battle_invitations.unwrap_or(on.battle_invitations),
            battle_results: self.battle_results.unwrap_or(on.battle_results),
            battle_reminders: self.battle_reminders.unwrap_or(on.battle_reminders),
            streak_alerts: self.streak_alerts.unwrap_or(on.streak_alerts),
            direct_messages: self.direct_messages.unwrap_or(on.direct_messages),
            achievements: self.achievements.unwrap_or(on.achievements),
        };
    }
}
