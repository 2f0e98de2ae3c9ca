//! A code is asked for.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{
    content::{Content, PhoneVerification},
    event::{Event, UserId},
    gates,
    message::{Message, Status},
    moment,
    phone::PhoneNumber,
    recipient::Recipient,
    stores::{Asked, Asker, RESEND_GAP, Why, Wish},
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    api::Api,
    auth::{Origin, Person},
    body::{Body, object},
    problem::{Kind, Problem},
};

/// A number to prove.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerificationRequest {
    /// E.164.
    #[schemars(with = "String", regex(pattern = r"^\+[1-9][0-9]{7,14}$"))]
    pub phone_number: PhoneNumber,
    /// Where the person is. For backends only.
    #[serde(default, deserialize_with = "object")]
    #[schemars(with = "Origin")]
    pub origin: Option<Origin>,
}

/// A code is on its way. The same is said whether or not the number is anybody's, and whether or not it wants texts from us.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    pub verification_id: Uuid,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    expires_at: Timestamp,
    /// When the same code may be asked for once more.
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    resend_after: Timestamp,
}

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
    let recipient = api.recipients.get(user).await?;
    let opt_out = api.opt_outs.get(phone).await?;
    let event = event(user, phone)?;
    let wish = Wish { event: &event, recipient: recipient.as_ref(), opt_out: opt_out.as_ref() };
    let has_proven = recipient.as_ref().and_then(Recipient::verified_phone) == Some(phone);
    let (outcome, random) = (OnceCell::new(), random()?);
    let ask = async |_, mut message: Message| {
        let asker = Asker { user, phone, address: origin.ip, has_proven, is_sent: message.status == Status::Pending };
        match outcome.get_or_try_init(|| api.codes.ask(&asker, message.message_id, random, now)).await? {
            Asked::Granted(verification) => message.useful_until = message.useful_until.min(verification.valid_until),
            Asked::Refused(refusal) => match (&refusal.why, refusal.gate()) {
                (Why::Blocked(_), Some((gate, detail))) => gates::refuse(&mut message, gate, detail),
                // Of somebody who asks too often there is nothing to remember; of a prefix that is blocked there is.
                _ => bail!("too many codes"),
            },
        }
        Ok(message)
    };
    let row = api.admit(wish, now, ask).await;
    let verification = match outcome.into_inner() {
        Some(Asked::Granted(verification)) => verification,
        Some(Asked::Refused(refusal)) => {
            if matches!(refusal.why, Why::Blocked(_)) {
                row?;
            }
            return Err(Problem::until(Kind::TooManyCodes, refusal.wait));
        }
        None => return Err(row.err().unwrap_or_else(|| anyhow!("nobody asked for a code")).into()),
    };
    let row = row?;
    // Also if nothing is to be sent: the sender drops such a job, and how long the answer took does not tell who said stop.
    if let Some((_, error)) = api.lanes.enqueue(&[(row.message_id, row.lane)]).await.pop() {
        return Err(error.into());
    }
    let verification_id = verification.repeats.unwrap_or(verification.verification_id);
    Ok((StatusCode::ACCEPTED, Json(Started { verification_id, expires_at: verification.valid_until, resend_after: now + RESEND_GAP })))
}

/// What the main app could have published to the same end; its id is the message's.
fn event(user: &UserId, phone: &PhoneNumber) -> anyhow::Result<Event> {
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
