//! `DELETE /v1/users/{userId}`: a person is forgotten, but for the opt-out of their number and, sealed, their ledger.
//!
//! First the mark in the place of their row, which stops everything that is still to come; then what there was. Who asks again after a crash goes on where it ended:
//! the mark keeps the numbers that are to be cleaned up after until all is done.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::future::try_join_all;
use jiff::Timestamp;
use sms::{
    books::day_key,
    consent::{Action, Method},
    erasure::{Erasure, Tenure, tenures, years_after},
    event::{UserId, message_id},
    kind,
    message::Message,
    recipient::Recipient,
    stores::{Saved, ids_of},
};
use tracing::info;

use crate::routes::consent::{Word, revoke};
use crate::{
    api::Api,
    auth::{Origin, Person},
    problem::{Kind, Problem},
};

/// How often the mark is tried again when others change the row at the same time.
const TRIES: u32 = 5;
/// Texts or replies that are cleaned up at once.
const AT_ONCE: i32 = 25;
/// How many times that in one request: what is more has to wait for the next, or the function would run out of time.
const MOST_ROUNDS: u32 = 20;

/// 204 when nothing is left; 202 when there is more than one request can do.
pub async fn erase(State(api): State<Arc<Api>>, person: Person) -> Result<Response, Problem> {
    let now = api.now();
    let mark = api.mark_erased(&person.user_id, now).await?;
    if api.sweep(&mark, now).await? {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Ok((StatusCode::ACCEPTED, [(header::RETRY_AFTER, "1")]).into_response())
    }
}

impl Api {
    /// Puts the mark in the place of the row of `user`, unless it is there; answers with it.
    async fn mark_erased(&self, user: &UserId, now: Timestamp) -> Result<Recipient, Problem> {
        for _ in 0..TRIES {
            let before = self.person(user).await?;
            if before.erased {
                return Ok(before);
            }
            let word = || Word { method: Method::Api, origin: Origin::default(), disclosure: None, at: now };
            if before.consent.as_ref().is_some_and(|consent| consent.revoked_at.is_none()) {
                match self.change(user, |recipient| Ok(revoke(recipient, word()))).await {
                    // Somebody else erased them just now, and the next look finds their mark.
                    Err(problem) if problem.kind != Kind::Erased => return Err(problem),
                    _ => continue,
                }
            }
            let entries = self.ledger.since(user, before.seal()).await?;
            let statement = word().statement(Action::Erased, None);
            let kept_until = years_after(now, self.consent_retention_years);
            let marked = self.ledger.mark_erased(&self.recipients, &before, statement, kept_until, tenures(&before, &entries)).await?;
            if let Saved::Yes(mark) = marked {
                return Ok(*mark);
            }
        }
        Err(Kind::Conflict.problem())
    }

    /// Removes what there is of the person whose row is `mark`; answers whether that was all.
    ///
    /// It also looks for texts when all was done before: one that was being decided when they were erased may have come late.
    async fn sweep(&self, mark: &Recipient, now: Timestamp) -> Result<bool, Problem> {
        let user = &mark.user_id;
        let Some(erasure) = mark.erasures.last() else { return Ok(true) };
        if !self.sweep_messages(user, now).await? {
            return Ok(false);
        }
        if erasure.finished_at.is_some() {
            return Ok(true);
        }
        self.seal(mark, erasure).await?;
        let theirs = ids_of(user, erasure.numbers.iter().map(|number| number.phone.clone()));
        try_join_all(theirs.iter().map(|id| self.codes.limits.delete(id))).await?;
        for number in &erasure.numbers {
            if !self.sweep_replies(user, number, now).await? {
                return Ok(false);
            }
        }
        self.finish(mark, now).await?;
        Ok(true)
    }

    /// Seals what earlier erasures have not sealed.
    async fn seal(&self, mark: &Recipient, erasure: &Erasure) -> anyhow::Result<()> {
        let sealed = mark.erasures.iter().rev().nth(1).map_or(0, |earlier| earlier.ledger.seq);
        self.ledger.seal(&mark.user_id, sealed + 1, erasure.ledger.seq, erasure.kept_until).await
    }

    async fn sweep_messages(&self, user: &UserId, now: Timestamp) -> anyhow::Result<bool> {
        let mut after = None;
        for _ in 0..MOST_ROUNDS {
            let page = self.messages.of(user, after.as_ref(), AT_ONCE).await?;
            // The index may still name some that were cleaned a moment ago.
            let messages = page.messages.iter().filter(|message| message.erased_at.is_none()).collect::<Vec<_>>();
            let codes = messages.iter().filter(|message| message.kind() == kind::Kind::PhoneVerification);
            try_join_all(codes.map(|message| self.verifications.delete(message.message_id))).await?;
            let phones = messages.iter().filter_map(|message| message.phone.clone()).collect::<BTreeSet<_>>();
            let limits = if messages.is_empty() { Vec::new() } else { ids_of(user, phones) };
            let days = messages.iter().filter_map(|message| day_key(message, message.reserved.as_ref()?)).collect::<BTreeSet<_>>();
            try_join_all(limits.iter().chain(&days).map(|id| self.codes.limits.delete(id))).await?;
            // Last: a text that is clean leads to nothing any more.
            let left = try_join_all(messages.iter().map(|message| self.messages.erase(message, now))).await?;
            try_join_all(left.iter().map(|message| self.admissions.settle(message, now))).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Removes the replies that are surely theirs, with what we answered. Not those of a number that somebody else has too: they are that person's as well.
    async fn sweep_replies(&self, user: &UserId, number: &Tenure, now: Timestamp) -> anyhow::Result<bool> {
        if self.recipients.with_phone(&number.phone).await?.iter().any(|other| other != user) {
            return Ok(true);
        }
        let mut after = None;
        for _ in 0..MOST_ROUNDS {
            let (replies, next) = self.replies.of(&number.phone, after.as_ref(), AT_ONCE).await?;
            try_join_all(replies.iter().filter(|reply| number.covers(reply.received_at)).map(async |reply| {
                if let Some(answer) = self.answer_to(&reply.inbound_message_id).await? {
                    self.messages.erase(&answer, now).await?;
                }
                self.replies.delete(&reply.inbound_message_id).await
            }))
            .await?;
            match next {
                Some(next) => after = Some(next),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// What we answered to a reply. It may name no person, since a stranger may ask for help too.
    async fn answer_to(&self, inbound_message_id: &str) -> anyhow::Result<Option<Message>> {
        self.messages.get(message_id("sms/replies", inbound_message_id)).await
    }

    /// Forgets the numbers too. If somebody else did so first, it is done as well.
    async fn finish(&self, mark: &Recipient, now: Timestamp) -> anyhow::Result<()> {
        let mut after = mark.clone();
        if let Some(erasure) = after.erasures.last_mut() {
            erasure.numbers.clear();
            erasure.finished_at = Some(now);
        }
        if let Saved::Yes(_) = self.ledger.save(&self.recipients, mark, &after, None, None).await? {
            info!(user.id = mark.user_id.as_str(), ledger.seq = mark.seal().map(|seal| seal.seq), "erased");
        }
        Ok(())
    }
}
