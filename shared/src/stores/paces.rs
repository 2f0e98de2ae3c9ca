//! What is booked ahead of an origination identity and of a recipient: an instant each, in the limits table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::{SignedDuration, Timestamp};

use super::{Item, attribute};
use crate::{
    pacing::{self, Booking, RECIPIENT_GAP},
    phone::PhoneNumber,
};

/// The limits table, where it paces.
#[derive(Debug, Clone)]
pub struct Paces {
    client: Client,
    table: String,
    /// What was last seen of each identity: a guess, which the write makes sure of.
    seen: Arc<Mutex<HashMap<String, Timestamp>>>,
}

/// How long a row that paces nothing any more is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

impl Paces {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, seen: Arc::default() }
    }

    /// Books texts from `identity` as [`pacing::book`] says. One write; one more for each booking that somebody else got in between.
    pub async fn book(&self, identity: &str, times: &[SignedDuration], ahead: SignedDuration, now: Timestamp) -> anyhow::Result<Booking> {
        let id = format!("pace/{identity}");
        let mut seen = self.seen.lock().ok().and_then(|seen| seen.get(&id).copied());
        let mut certain = false;
        loop {
            let booking = pacing::book(seen, times, ahead, now);
            // Only what was just read says that there is no room. A guess may be too old: without it the write says how things are.
            if booking.slots.is_empty() && (certain || seen.is_none()) {
                return Ok(booking);
            }
            if booking.slots.is_empty() {
                seen = None;
                continue;
            }
            if let Some(other) = self.replace(&id, seen.filter(|seen| *seen > now), booking.free_at, now).await? {
                seen = other;
            } else {
                self.remember(id, booking.free_at);
                return Ok(booking);
            }
            certain = true;
        }
    }

    /// Books the next text to `phone`, or says how long that has to wait.
    pub async fn recipient(&self, phone: &PhoneNumber, now: Timestamp) -> anyhow::Result<Option<SignedDuration>> {
        let other = self.replace(&format!("to/{}", phone.as_e164()), None, now + RECIPIENT_GAP, now).await?;
        Ok(other.flatten().map(|free_at| free_at.duration_since(now)).filter(|wait| *wait > SignedDuration::ZERO))
    }

    /// Sets the instant, if it still is `before`, or, without one, if it is past. Answers with what it is instead if it is not.
    async fn replace(&self, id: &str, before: Option<Timestamp>, after: Timestamp, now: Timestamp) -> anyhow::Result<Option<Option<Timestamp>>> {
        let condition = if before.is_some() { "free_at = :before" } else { "attribute_not_exists(free_at) OR free_at <= :before" };
        let written = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("limit_id", AttributeValue::S(id.to_owned()))
            .update_expression("SET free_at = :after, expires_at = :forget")
            .condition_expression(condition)
            .expression_attribute_values(":before", attribute(before.unwrap_or(now).as_microsecond())?)
            .expression_attribute_values(":after", attribute(after.as_microsecond())?)
            .expression_attribute_values(":forget", attribute((after + KEPT).as_second())?)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match written.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(None),
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Some(failed.item.as_ref().and_then(booked))),
            Err(error) => Err(error).with_context(|| format!("UpdateItem on {}", self.table)),
        }
    }

    fn remember(&self, id: String, free_at: Timestamp) {
        if let Ok(mut seen) = self.seen.lock() {
            seen.insert(id, free_at);
        }
    }
}

fn booked(item: &Item) -> Option<Timestamp> {
    let micros = item.get("free_at")?.as_n().ok()?.parse().ok()?;
    Timestamp::from_microsecond(micros).ok()
}
