//! A code is given.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{
    consent::Method,
    event::UserId,
    recipient::Recipient,
    stores::{Guess, Saved},
    verification::{MOST_GUESSES, Verification},
};
use tracing::{info, warn};
use uuid::Uuid;

use crate::routes::consent::{Word, revoke};
use crate::{
    api::Api,
    auth::{Origin, Person},
    body::{Body, object},
    problem::{Kind, Problem},
};

/// A code, as the person read it off their phone.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Guessed {
    pub verification_id: Uuid,
    /// Six digits.
    #[schemars(regex(pattern = r"^[0-9]{6}$"))]
    pub code: String,
    /// Where the person is. For backends only.
    #[serde(default, deserialize_with = "object")]
    #[schemars(with = "Origin")]
    pub origin: Option<Origin>,
}

/// The number is theirs.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    phone_verified: bool,
}

/// How often the binding is begun anew when others change the person's row at the same time.
const TRIES: u32 = 5;

pub async fn check(State(api): State<Arc<Api>>, person: Person, Body(guess): Body<Guessed>) -> Result<Json<Verified>, Problem> {
    let now = api.now();
    let origin = person.origin(guess.origin)?;
    if guess.code.len() != 6 || !guess.code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::invalid("code", "not a code, expected six digits"));
    }
    let verification = match api.guess(guess.verification_id, &person.user_id, now).await? {
        Guess::Counted(verification) => verification,
        // Somebody else's is as unknown as none at all.
        Guess::Refused(found) => {
            let mine = found.filter(|row| row.user_id == person.user_id);
            // Should whoever gave the last guess not have come to it.
            if let Some(row) = mine.as_ref().filter(|row| row.attempts >= MOST_GUESSES && row.used_at.is_none() && row.closed_at.is_none()) {
                api.close_locked(row, now).await;
            }
            return Err(mine.map_or_else(|| Kind::NotFound.problem(), |row| refusal(&row, now)));
        }
    };
    if !verification.matches(&guess.code, api.code_secret.get().await?) {
        info!(verification.id = %verification.verification_id, verification.attempts = verification.attempts, "wrong code");
        if verification.attempts == MOST_GUESSES {
            api.close_locked(&verification, now).await;
        }
        return Err(Kind::WrongCode.problem().and("attemptsLeft", MOST_GUESSES - verification.attempts));
    }
    let recipient = api.bind(&verification, &origin, now).await?;
    info!(verification.id = %verification.verification_id, "verified");
    if let Err(error) = api.codes.came_back(&verification, now).await {
        warn!(verification.id = %verification.verification_id, reason = format!("{error:#}"), "its coming back was not counted");
    }
    api.close(&verification, now).await;
    api.welcome(&recipient, now).await?;
    Ok(Json(Verified { phone_verified: true }))
}

fn refusal(row: &Verification, now: Timestamp) -> Problem {
    if row.used_at.is_some() {
        Kind::CodeUsed.problem()
    } else if row.valid_until <= now {
        Kind::CodeExpired.problem()
    } else {
        Problem::until(Kind::CodeLocked, row.valid_until.duration_since(now).max(SignedDuration::from_secs(1)))
    }
}

fn log_trouble(verification: &Verification, result: anyhow::Result<()>) {
    if let Err(error) = result {
        warn!(verification.id = %verification.verification_id, reason = format!("{error:#}"), "not closed yet");
    }
}

impl Api {
    /// Counts a guess, always at the verification that the code was first made for: a text that says it once more has an id of its own, and may be all that the main
    /// app knows.
    async fn guess(&self, id: Uuid, user: &UserId, now: Timestamp) -> anyhow::Result<Guess> {
        let guess = self.verifications.guess(id, user, now).await?;
        match guess {
            Guess::Refused(Some(row)) if row.user_id == *user && row.repeats.is_some() => {
                self.verifications.guess(row.repeats.unwrap_or(id), user, now).await
            }
            guess => Ok(guess),
        }
    }

    /// AWS hears that the code came back. If that fails the person need not know: the row keeps a mark, and the reconciler tries again.
    async fn close(&self, verification: &Verification, now: Timestamp) {
        log_trouble(verification, self.closing.close(verification.verification_id, now).await.map(|_| ()));
    }

    /// AWS hears that the code will not come back.
    async fn close_locked(&self, verification: &Verification, now: Timestamp) {
        log_trouble(verification, self.closing.close_locked(verification.verification_id, now).await);
    }

    /// Makes the number the person's own and uses the code up, together or not at all. Consent stays with the number it was given for: a changed number has none.
    async fn bind(&self, verification: &Verification, origin: &Origin, now: Timestamp) -> Result<Recipient, Problem> {
        for _ in 0..TRIES {
            let before = self.person(&verification.user_id).await?;
            let mut after = before.clone();
            if let Some(erasure) = before.erasures.last().filter(|_| before.erased) {
                // What was begun before is erased with the rest; and nobody moves in while things are being carried out.
                if before.was_erased_since(verification.created_at) {
                    return Err(Kind::NotFound.problem());
                } else if erasure.finished_at.is_none() {
                    return Err(Kind::Conflict.problem());
                }
                after = before.reborn();
            }
            let word = Word { method: Method::PhoneVerification, origin: origin.clone(), disclosure: None, at: now };
            let changed = before.phone.as_ref() != Some(&verification.phone);
            let statement = if changed { revoke(&mut after, word) } else { None };
            after.phone = Some(verification.phone.clone());
            after.phone_verified_at = Some(now);
            let used = self.verifications.use_up(verification.verification_id, now)?;
            if let Saved::Yes(saved) = self.ledger.save(&self.recipients, &before, &after, statement, Some(used)).await? {
                return Ok(*saved);
            }
            let used = self.verifications.get(verification.verification_id).await?.is_none_or(|row| row.used_at.is_some());
            if used {
                return Err(Kind::CodeUsed.problem());
            }
        }
        Err(Kind::Conflict.problem())
    }
}
