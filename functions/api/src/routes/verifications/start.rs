//! A code is asked for.

use std::sync::Arc;

use anyhow::anyhow;
use axum::{Json, extract::State, http::StatusCode};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{
    content::{Content, PhoneVerification},
    event::{Event, UserId},
    moment,
    phone::PhoneNumber,
    stores::Wish,
    verification::Verification,
};
use uuid::Uuid;

use super::limits::{Asker, RESEND_GAP};
use crate::{
    api::Api,
    auth::{Origin, Person},
    body::{Body, present},
    problem::{Kind, Problem},
};

/// A number to prove.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerificationRequest {
    /// E.164.
    #[schemars(with = "String", regex(pattern = r"^\+[1-9][0-9]{7,14}$"))]
    phone_number: PhoneNumber,
    /// Where the person is. For backends only.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Origin")]
    origin: Option<Origin>,
}

/// A code is on its way. The same is said whether or not the number is anybody's, and whether or not it wants texts from us.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    verification_id: Uuid,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    expires_at: Timestamp,
    /// When the same code may be asked for once more.
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    resend_after: Timestamp,
}

/// A code that ends sooner than this is not sent once more: it would hardly arrive in time.
const WORTH_REPEATING: SignedDuration = SignedDuration::from_secs(60);

pub async fn start(
    State(api): State<Arc<Api>>,
    person: Person,
    Body(request): Body<VerificationRequest>,
) -> Result<(StatusCode, Json<Started>), Problem> {
    let (user, phone, now) = (&person.user_id, &request.phone_number, api.now());
    let origin = person.origin(request.origin)?;
    if phone.country().and_then(|country| api.rules.prices.of(country)).is_none() {
        return Err(Kind::CountryNotAllowed.problem());
    }
    let event = wish(user, phone)?;
    let message_id = event.message_id();
    let fresh = Verification::new(message_id, user.clone(), phone.clone(), random()?, now);
    let asker = Asker { user, phone, address: origin.ip };
    let id = api.count_code(&asker, message_id, now).await?;

    let verification = if id == message_id { fresh } else { api.living(Some(id), now).await?.map_or(fresh, |living| living.repeated_in(message_id)) };
    let event = Event { expirytime: Some(verification.valid_until), ..event };
    api.send_code(&event, &verification, now).await?;
    let started =
        Started { verification_id: verification.repeats.unwrap_or(message_id), expires_at: verification.valid_until, resend_after: now + RESEND_GAP };
    Ok((StatusCode::ACCEPTED, Json(started)))
}

/// What the main app could have published to the same end; its id is the message's.
fn wish(user: &UserId, phone: &PhoneNumber) -> anyhow::Result<Event> {
    Ok(Event {
        source: "sms/verifications".to_owned(),
        id: Uuid::from_bytes(random()?).to_string(),
        time: None,
        expirytime: None,
        user_id: user.clone(),
        related: None,
        content: Content::PhoneVerification(PhoneVerification { phone: phone.clone() }),
    })
}

/// 128 bits from the operating system's cryptographic random number generator.
fn random() -> anyhow::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(bytes)
}

impl Api {
    /// The verification `id`, if its code may be sent once more.
    pub async fn living(&self, id: Option<Uuid>, now: Timestamp) -> anyhow::Result<Option<Verification>> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.verifications.get(id).await?.filter(|verification| verification.is_open(now + WORTH_REPEATING)))
    }

    /// Writes what the code is made from, then the message, then the job: no sender finds one without the other.
    async fn send_code(&self, event: &Event, verification: &Verification, now: Timestamp) -> anyhow::Result<()> {
        let recipient = self.recipients.get(&event.user_id).await?;
        let opt_out = self.opt_outs.get(&verification.phone).await?;
        // Also for a number that gets nothing: whether a guess is counted must not tell that.
        self.verifications.write(verification).await?;
        self.send(&Wish { event, recipient: recipient.as_ref(), opt_out: opt_out.as_ref() }, now).await
    }
}
