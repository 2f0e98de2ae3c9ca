//! `GET` and `POST …/opt-in`: the prompt of the main app.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{
    consent::{Method, Statement},
    recipient::Recipient,
    text::Locale,
};

use crate::routes::consent::{Word, give};
use crate::routes::preferences::unknown_disclosure;
use crate::{
    api::Api,
    auth::{Origin, Person},
    body::{Body, Query, object, present},
    disclosures,
    problem::{Kind, Problem},
};

/// Who joined a moment ago has other things to do.
const AFTER_JOINING: SignedDuration = SignedDuration::from_mins(3);
const BETWEEN_SHOWINGS: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromptQuery {
    /// When the person joined, RFC 3339. Without it they count as a member of long standing.
    #[serde(default)]
    #[schemars(with = "Timestamp")]
    member_since: Option<Timestamp>,
    /// The language of the page, a BCP 47 tag: the disclosure comes in it. Without it, in the one of their texts.
    #[serde(default)]
    #[schemars(with = "String")]
    lang: Option<String>,
}

/// Whether to ask, and with which words.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are a contract")]
pub struct Prompt {
    show_prompt: bool,
    already_opted_in: bool,
    phone_number: Option<String>,
    phone_verified: bool,
    disclosure: Shown,
}

/// The words that have to stand beside the question.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Shown {
    version: &'static str,
    text: &'static str,
}

/// What a person does with the prompt.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choice {
    action: Action,
    /// The disclosure that they saw: needed to opt in.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "String", extend("enum" = disclosures::ALL.map(|disclosure| disclosure.version)))]
    disclosure_version: Option<String>,
    /// Where the person is. For backends only.
    #[serde(default, deserialize_with = "object")]
    #[schemars(with = "Origin")]
    origin: Option<Origin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Action {
    /// They saw it: it is not shown again for a day.
    Shown,
    /// Yes.
    OptIn,
    /// Not now: again after a day.
    RemindLater,
    /// No, and never again.
    Dismiss,
}

pub async fn read(State(api): State<Arc<Api>>, person: Person, Query(query): Query<PromptQuery>) -> Result<Json<Prompt>, Problem> {
    let recipient = api.person(&person.user_id).await?;
    let locale = query.lang.as_deref().map_or_else(|| recipient.text_locale(), Locale::of);
    Ok(Json(Prompt::of(&recipient, query.member_since, locale, api.now())))
}

pub async fn choose(State(api): State<Arc<Api>>, person: Person, Body(choice): Body<Choice>) -> Result<Json<Prompt>, Problem> {
    let origin = person.origin(choice.origin.clone())?;
    let now = api.now();
    let recipient = api.change(&person.user_id, |recipient| apply(&choice, recipient, &origin, now)).await?;
    if choice.action == Action::OptIn {
        api.welcome(&recipient, now).await?;
    }
    Ok(Json(Prompt::of(&recipient, None, recipient.text_locale(), now)))
}

fn apply(choice: &Choice, recipient: &mut Recipient, origin: &Origin, at: Timestamp) -> Result<Option<Statement>, Problem> {
    let version = choice.disclosure_version.as_deref();
    let disclosure = version.map(|version| disclosures::find(version).ok_or_else(unknown_disclosure)).transpose()?;
    match choice.action {
        Action::OptIn => {
            let disclosure = disclosure.ok_or_else(|| Problem::invalid("disclosureVersion", "missing: opt_in needs it"))?;
            return opt_in(recipient, Word { method: Method::OptInModal, origin: origin.clone(), disclosure: Some(disclosure), at });
        }
        Action::Shown | Action::RemindLater => recipient.prompt_shown_at = Some(at),
        Action::Dismiss => recipient.prompt_dismissed_at = recipient.prompt_dismissed_at.or(Some(at)),
    }
    Ok(None)
}

fn opt_in(recipient: &mut Recipient, word: Word) -> Result<Option<Statement>, Problem> {
    if recipient.phone.is_none() {
        return Err(Kind::PhoneNumberNeeded.problem());
    }
    recipient.begin_with_everything();
    Ok(give(recipient, word))
}

impl Prompt {
    fn of(recipient: &Recipient, member_since: Option<Timestamp>, locale: Locale, now: Timestamp) -> Self {
        let already_opted_in = recipient.sms_enabled && recipient.standing_consent().is_some();
        let settled = member_since.is_none_or(|since| now.duration_since(since) >= AFTER_JOINING);
        let rested = recipient.prompt_shown_at.is_none_or(|shown| now.duration_since(shown) >= BETWEEN_SHOWINGS);
        let disclosure = disclosures::current(locale);
        Self {
            show_prompt: !recipient.erased && !already_opted_in && settled && rested && recipient.prompt_dismissed_at.is_none(),
            already_opted_in,
            phone_number: recipient.phone.as_ref().map(|phone| phone.as_e164().to_owned()),
            phone_verified: recipient.verified_phone().is_some(),
            disclosure: Shown { version: disclosure.version, text: disclosure.wording },
        }
    }
}
