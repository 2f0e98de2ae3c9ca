//! The core of the simulator: what was sent, to whom, and what the rules say to the next request. No clock, no network, no randomness.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use jiff::{Timestamp, tz::TimeZone};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sms::{
    delivery::CONTEXT_MESSAGE_ID,
    encoding::{Encoding, Size},
    phone::{Country, PhoneNumber},
};
use uuid::Uuid;

use crate::{
    account,
    faults::Faults,
    opt_outs::OptOutList,
    outcomes::{Answer, Outcome},
    pacing::Pacing,
    receipts::{Happened, Receipt, Sent},
    refusal::{Exception, Refusal},
    requests::{OptedOutNumber, PutMessageFeedback, SendTextMessage},
};

/// All that the simulator knows.
#[derive(Debug, Default)]
pub struct State {
    /// The faults in force.
    pub faults: Faults,
    /// What was counted.
    pub stats: Stats,
    /// AWS's opt-out list.
    pub opt_outs: OptOutList,
    phones: BTreeMap<PhoneNumber, Vec<Text>>,
    sent: HashMap<String, Place>,
    taken: HashMap<String, u64>,
    carrier_blocks: HashSet<PhoneNumber>,
    pacing: Pacing,
    spent: Spent,
}

/// What was counted since the last `DELETE /stats`. Calls are those of `SendTextMessage`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Texts taken.
    pub accepted: u64,
    /// Calls refused, by exception.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Texts that arrived.
    pub delivered: u64,
    /// Calls.
    pub calls: u64,
}

/// A text on a phone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    /// To the person or from them.
    pub direction: Direction,
    /// The words.
    pub body: String,
    /// When.
    #[serde(serialize_with = "rfc3339")]
    pub at: Timestamp,
    /// The service's `MessageId`, or the `inboundMessageId`.
    pub message_id: String,
    /// Message parts.
    pub parts: u32,
    /// `GSM` or `UNICODE`.
    pub encoding: Encoding,
    /// `accepted`, then what the network said, such as `delivered`; `received` of a text from the person, `network` of the network's own.
    pub status: &'static str,
    /// Of a text sent with `MessageFeedbackEnabled`: `AWAITED`, then what `PutMessageFeedback` said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feedback: Option<&'static str>,
}

/// Who wrote a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The service or the network.
    ToPerson,
    /// The person.
    FromPerson,
}

/// A phone in the list of phones.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phone {
    /// Its number.
    pub phone: PhoneNumber,
    /// How many texts are on it.
    pub messages: usize,
    /// When the last came.
    #[serde(serialize_with = "rfc3339")]
    pub last_at: Timestamp,
}

/// A text that the service took: what it is to do now.
#[derive(Debug, Clone)]
pub struct Taken {
    /// What its events tell.
    pub sent: Sent,
    /// How it is on the phone.
    pub text: Text,
    /// How to answer.
    pub answer: Answer,
    /// Its events, each with its time from now.
    pub receipts: Vec<(Duration, Receipt)>,
    /// Whether its events are published: only a configuration set does that.
    pub is_published: bool,
}

/// What a request to send led to.
#[derive(Debug)]
pub enum Accepted {
    /// A dry run: this id, and nothing else.
    Rehearsed(String),
    /// A text.
    Taken(Box<Taken>),
}

/// Why a request to send led to nothing.
#[derive(Debug)]
pub enum Declined {
    /// An exception.
    Refused(Refusal),
    /// The connection closes without a word.
    HungUp,
}

/// What a person's text led to.
#[derive(Debug)]
pub struct Inbound {
    /// For the inbound topic.
    pub payload: String,
    /// How it is on the phone.
    pub text: Text,
    /// What the network answers.
    pub network: Option<Text>,
}

#[derive(Debug)]
struct Place {
    phone: PhoneNumber,
    at: usize,
    is_settled: bool,
}

/// What was spent in a month (years and months as one number), in micro-USD.
#[derive(Debug, Default)]
struct Spent {
    month: i32,
    micro_usd: i64,
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl State {
    /// Other faults, and free limits: a rate that was just raised holds at once.
    pub fn set_faults(&mut self, faults: Faults) {
        self.faults = faults;
        self.pacing = Pacing::default();
    }

    /// Forgets the statistics, the conversations and what was spent; opt-outs, blocks at the carrier and faults stay.
    pub fn clear(&mut self) {
        self.stats = Stats::default();
        self.phones.clear();
        self.sent.clear();
        self.taken.clear();
        self.spent = Spent::default();
    }

    /// Every phone with a text on it, the busiest moment first.
    #[must_use]
    pub fn phones(&self) -> Vec<Phone> {
        let phone = |(phone, texts): (&PhoneNumber, &Vec<Text>)| {
            Some(Phone { phone: phone.clone(), messages: texts.len(), last_at: texts.iter().map(|text| text.at).max()? })
        };
        let mut phones = self.phones.iter().filter_map(phone).collect::<Vec<_>>();
        phones.sort_by_key(|phone| std::cmp::Reverse(phone.last_at));
        phones
    }

    /// The texts on a phone, oldest first.
    #[must_use]
    pub fn texts(&self, phone: &PhoneNumber) -> &[Text] {
        self.phones.get(phone).map_or(&[], Vec::as_slice)
    }

    /// How many texts were taken that carried the id of this message of ours, whatever became of the answer.
    #[must_use]
    pub fn taken(&self, message_id: Uuid) -> u64 {
        self.taken.get(&message_id.to_string()).copied().unwrap_or_default()
    }

    /// `SendTextMessage`, of which `id` becomes the `MessageId`.
    pub fn send(&mut self, request: &SendTextMessage, id: Uuid, now: Timestamp) -> Result<Accepted, Declined> {
        known_resources(request)?;
        let body = readable_body(request)?;
        let phone = number("DestinationPhoneNumber", &request.destination_phone_number)?;
        let outcome = Outcome::of(phone.as_e164());
        self.reachable(&phone)?;
        if let Some(refusal) = outcome.refusal() {
            return Err(refusal.into());
        }
        let size = Size::of(body);
        self.affordable(request, size, now)?;
        if request.dry_run == Some(true) {
            return Ok(Accepted::Rehearsed(id.to_string()));
        }
        if !self.pacing.admit(&phone, size.parts, &self.faults, now) {
            return Err(Refusal::plain(Exception::Throttling).into());
        }
        if matches!(outcome, Outcome::HungUp) {
            return Err(Declined::HungUp);
        }
        Ok(Accepted::Taken(Box::new(self.take(request, body, &phone, outcome, id, now))))
    }

    /// Whether the rules let texts through to `phone`.
    fn reachable(&self, phone: &PhoneNumber) -> Result<(), Refusal> {
        if phone.country() != Some(Country::US) {
            let blocked = Refusal::because(Exception::Conflict, "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION");
            return Err(blocked.about("protect-configuration", account::PROTECT_CONFIGURATION_ID));
        }
        if self.opt_outs.has(phone) {
            // The number in the clear, as AWS may well do: whoever logs this message gives somebody away, and a test of ours notices.
            return Err(Refusal::because(Exception::Conflict, "DESTINATION_PHONE_NUMBER_OPTED_OUT").about("opted-out-number", phone.as_e164()));
        }
        Ok(())
    }

    fn affordable(&self, request: &SendTextMessage, size: Size, now: Timestamp) -> Result<(), Refusal> {
        let (price, carrier_fee) = account::price(size.parts);
        if request.max_price().is_some_and(|most| most < price + carrier_fee) {
            return Err(Refusal::because(Exception::Validation, "PRICE_OVER_THRESHOLD"));
        }
        if self.faults.spend_limit_usd.is_some_and(|limit| account::usd(self.spent.in_month_of(now)) >= limit) {
            return Err(Refusal::because(Exception::ServiceQuotaExceeded, "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"));
        }
        Ok(())
    }

    fn take(&mut self, request: &SendTextMessage, body: &str, phone: &PhoneNumber, outcome: Outcome, id: Uuid, now: Timestamp) -> Taken {
        let feedback = (request.message_feedback_enabled == Some(true)).then_some("AWAITED");
        let text = Text { feedback, ..text(Direction::ToPerson, body, "accepted", id, now) };
        let size = Size { encoding: text.encoding, parts: text.parts };
        self.stats.accepted += 1;
        if let Some(own) = request.context.as_ref().and_then(|context| context.get(CONTEXT_MESSAGE_ID)) {
            *self.taken.entry(own.clone()).or_default() += 1;
        }
        self.spent.add(size.parts, now);
        let at = self.keep(phone, text.clone());
        self.sent.insert(id.to_string(), Place { phone: phone.clone(), at, is_settled: false });
        let (receipts, answer) = match outcome {
            _ if self.carrier_blocks.contains(phone) => (&[Receipt::last(Happened::Blocked)][..], Answer::Prompt),
            Outcome::Receipts(receipts) => (receipts, Answer::Prompt),
            Outcome::Answered(answer) => (crate::outcomes::ORDINARY_RECEIPTS, answer),
            Outcome::Refused(..) | Outcome::HungUp => (&[][..], Answer::Prompt),
        };
        Taken {
            receipts: schedule(receipts, request.time_to_live(), &self.faults),
            sent: Sent {
                message_id: id.to_string(),
                phone: phone.clone(),
                message_type: request.message_type.clone().unwrap_or_else(|| "TRANSACTIONAL".into()),
                context: request.context.clone().unwrap_or_default(),
                size,
                requested_at: now,
            },
            text,
            answer,
            is_published: request.configuration_set_name.is_some(),
        }
    }

    /// Notes what the network said of a text; answers its new status, if it has one: the last word stands.
    pub fn record(&mut self, sent: &Sent, receipt: Receipt, now: Timestamp) -> Option<&'static str> {
        // A text that met a block at the carrier gets its number onto AWS's list (seen of AWS with toll-free numbers).
        if receipt.happened == Happened::Blocked && self.carrier_blocks.contains(&sent.phone) {
            self.opt_outs.put(&sent.phone, true, now);
        }
        let place = self.sent.get_mut(&sent.message_id).filter(|place| !place.is_settled)?;
        place.is_settled = receipt.is_final;
        let text = self.phones.get_mut(&place.phone)?.get_mut(place.at)?;
        text.status = receipt.happened.shown();
        self.stats.delivered += u64::from(receipt.happened.is_arrival(receipt.is_final));
        Some(text.status)
    }

    /// A person texts us, and `ids` are for their text and for the network's answer.
    pub fn person_texts(&mut self, phone: &PhoneNumber, body: &str, ids: [Uuid; 2], now: Timestamp) -> Inbound {
        let ours = |text: &&Text| text.direction == Direction::ToPerson && text.status != NETWORK;
        let previous = self.texts(phone).iter().rev().find(ours).map(|text| text.message_id.clone());
        let received = text(Direction::FromPerson, body, "received", ids[0], now);
        self.keep(phone, received.clone());
        let network = self.network_answer(phone, body).map(|answer| text(Direction::ToPerson, answer, NETWORK, ids[1], now));
        if let Some(answer) = &network {
            self.keep(phone, answer.clone());
        }
        // The emulator's log quotes the first hundred characters of what is published: nobody's number and words are among them.
        let mut payload = json!({
            "inboundMessageId": ids[0],
            "destinationNumber": account::PHONE_NUMBER,
            "messageKeyword": keyword(body),
            "originationNumber": phone.as_e164(),
            "messageBody": body,
        });
        if let Some(previous) = previous {
            payload["previousPublishedMessageId"] = previous.into();
        }
        Inbound { payload: payload.to_string(), text: received, network }
    }

    /// What the toll-free network itself does with STOP, and with UNSTOP and START after it.
    fn network_answer(&mut self, phone: &PhoneNumber, body: &str) -> Option<&'static str> {
        if !self.faults.carrier_handles_stop {
            return None;
        }
        match body.trim().to_ascii_uppercase().as_str() {
            "STOP" => {
                self.carrier_blocks.insert(phone.clone());
                Some(
                    "NETWORK MSG: You replied with the word \"stop\" which blocks all texts sent from this number. Text back \"unstop\" to receive messages again.",
                )
            }
            "UNSTOP" | "START" => self
                .carrier_blocks
                .remove(phone)
                .then_some("NETWORK MSG: You have replied \"unstop\" and will begin receiving messages again from this number."),
            _ => None,
        }
    }

    /// `PutMessageFeedback`.
    pub fn feedback(&mut self, request: &PutMessageFeedback) -> Result<Value, Refusal> {
        let Some(place) = self.sent.get(&request.message_id) else {
            return Err(Refusal::missing("message", request.message_id.as_str()));
        };
        let said = if request.message_feedback_status == "RECEIVED" { "RECEIVED" } else { "FAILED" };
        // What was sent without asking for it shows none. What AWS answers there its documentation does not say.
        let text = self.phones.get_mut(&place.phone).and_then(|texts| texts.get_mut(place.at));
        if let Some(feedback) = text.and_then(|text| text.feedback.as_mut()) {
            *feedback = said;
        }
        Ok(json!({"MessageId": request.message_id, "MessageFeedbackStatus": request.message_feedback_status}))
    }

    /// `PutOptedOutNumber`.
    pub fn opt_out(&mut self, request: &OptedOutNumber, now: Timestamp) -> Result<Value, Refusal> {
        known_list(&request.opt_out_list_name)?;
        Ok(self.opt_outs.put(&number("OptedOutNumber", &request.opted_out_number)?, false, now))
    }

    /// `DeleteOptedOutNumber`.
    pub fn opt_in(&mut self, request: &OptedOutNumber, now: Timestamp) -> Result<Value, Refusal> {
        known_list(&request.opt_out_list_name)?;
        self.opt_outs.delete(&number("OptedOutNumber", &request.opted_out_number)?, now)
    }

    fn keep(&mut self, phone: &PhoneNumber, text: Text) -> usize {
        let texts = self.phones.entry(phone.clone()).or_default();
        texts.push(text);
        texts.len() - 1
    }
}

const NETWORK: &str = "network";

/// Refuses a list that is not ours.
pub fn known_list(name: &str) -> Result<(), Refusal> {
    known("opt-out-list", Some(name), &[account::OPT_OUT_LIST, account::OPT_OUT_LIST_ARN])
}

/// A number of a request, which may lack its plus sign.
pub fn number(field: &str, text: &str) -> Result<PhoneNumber, Refusal> {
    let phone = format!("+{}", text.strip_prefix('+').unwrap_or(text)).parse::<PhoneNumber>().ok();
    phone.filter(|phone| phone.country().is_some()).ok_or_else(|| Refusal::parameter("INVALID_PARAMETER", field, "Not a number that can be texted"))
}

fn known_resources(request: &SendTextMessage) -> Result<(), Refusal> {
    if let Some(identity) = request.origination_identity.as_deref().filter(|identity| !account::is_our_number(identity)) {
        return Err(Refusal::missing(account::kind_of_identity(identity), identity));
    }
    known("configuration-set", request.configuration_set_name.as_deref(), &[account::CONFIGURATION_SET, account::CONFIGURATION_SET_ARN])?;
    let protect = [account::PROTECT_CONFIGURATION_ID, account::PROTECT_CONFIGURATION_ARN];
    known("protect-configuration", request.protect_configuration_id.as_deref(), &protect)
}

fn known(kind: &'static str, name: Option<&str>, names: &[&str]) -> Result<(), Refusal> {
    match name {
        Some(name) if !names.contains(&name) => Err(Refusal::missing(kind, name)),
        _ => Ok(()),
    }
}

fn readable_body(request: &SendTextMessage) -> Result<&str, Refusal> {
    let body = request.message_body.as_deref();
    let body = body.ok_or_else(|| Refusal::parameter("MISSING_PARAMETER", "MessageBody", "Member must not be null"))?;
    if !Size::is_sendable(body) {
        return Err(Refusal::parameter("MAXIMUM_SIZE_EXCEEDED", "MessageBody", "At most 1530 GSM or 630 other characters"));
    }
    Ok(body)
}

/// The events of a text, spread evenly over the receipt delay; one event if the time to live ends before that.
fn schedule(receipts: &[Receipt], time_to_live: Duration, faults: &Faults) -> Vec<(Duration, Receipt)> {
    let delay = Duration::from_millis(faults.receipt_delay_ms);
    if delay > time_to_live && !receipts.is_empty() {
        return vec![(time_to_live, Receipt::last(Happened::TtlExpired))];
    }
    let count = u32::try_from(receipts.len()).unwrap_or(u32::MAX);
    let moments = (1..=count).map(|n| delay * n / count);
    if faults.receipt_shuffle {
        let moments = std::iter::once(Duration::ZERO).chain(moments.skip(1));
        return moments.zip(receipts.iter().rev().copied()).collect();
    }
    moments.zip(receipts.iter().copied()).collect()
}

fn text(direction: Direction, body: &str, status: &'static str, id: Uuid, at: Timestamp) -> Text {
    let Size { encoding, parts } = Size::of(body);
    Text { direction, body: body.to_owned(), at, message_id: id.to_string(), parts, encoding, status, feedback: None }
}

/// `messageKeyword`: the number's keyword that the text begins with, or the account's own.
fn keyword(body: &str) -> String {
    let first = body.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    let known = ["STOP", "HELP", "START", "UNSTOP"].contains(&first.as_str());
    if known { first } else { format!("KEYWORD_{}", account::ACCOUNT_ID) }
}

impl Spent {
    fn add(&mut self, parts: u32, now: Timestamp) {
        let (price, carrier_fee) = account::price(parts);
        *self = Self { month: month(now), micro_usd: self.in_month_of(now) + price + carrier_fee };
    }

    fn in_month_of(&self, now: Timestamp) -> i64 {
        if self.month == month(now) { self.micro_usd } else { 0 }
    }
}

fn month(now: Timestamp) -> i32 {
    let date = now.to_zoned(TimeZone::UTC).date();
    i32::from(date.year()) * 12 + i32::from(date.month())
}

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};
    use uuid::Uuid;

    use super::{Accepted, Declined, State, keyword, schedule};
    use crate::{
        faults::Faults,
        outcomes::ORDINARY_RECEIPTS,
        receipts::{Happened, Receipt},
        requests::SendTextMessage,
    };

    fn delayed(receipt_delay_ms: u64) -> Faults {
        Faults { receipt_delay_ms, ..Faults::default() }
    }

    fn scheduled(faults: &Faults, time_to_live: u64) -> Vec<(u64, Happened)> {
        let events = schedule(ORDINARY_RECEIPTS, Duration::from_secs(time_to_live), faults);
        events.into_iter().map(|(after, receipt)| (u64::try_from(after.as_millis()).unwrap(), receipt.happened)).collect()
    }

    #[test]
    fn events_are_spread_over_the_receipt_delay() {
        assert_eq!(scheduled(&delayed(200), 600), [(100, Happened::Successful), (200, Happened::Delivered)]);
        assert_eq!(scheduled(&delayed(0), 600), [(0, Happened::Successful), (0, Happened::Delivered)]);
        assert_eq!(scheduled(&Faults { receipt_shuffle: true, ..delayed(200) }, 600), [(0, Happened::Delivered), (200, Happened::Successful)]);
    }

    #[test]
    fn a_text_that_cannot_arrive_within_its_time_to_live_expires() {
        assert_eq!(scheduled(&delayed(5000), 5), [(2500, Happened::Successful), (5000, Happened::Delivered)]);
        assert_eq!(scheduled(&delayed(5001), 5), [(5000, Happened::TtlExpired)]);
        assert_eq!(schedule(&[], Duration::from_secs(5), &delayed(6000)), [], "where no receipt ever comes, none says so");
    }

    #[test]
    fn money_is_counted_by_the_month() {
        let mut state = State { faults: Faults { spend_limit_usd: Some(0.008), ..Faults::default() }, ..State::default() };
        let request =
            SendTextMessage { destination_phone_number: "+12025550101".into(), message_body: Some("Hello".into()), ..SendTextMessage::default() };
        let mut send = |now: &str| state.send(&request, Uuid::nil(), now.parse().unwrap());
        assert!(send("2026-11-30T23:59:00Z").is_ok());
        assert!(
            matches!(send("2026-11-30T23:59:59Z"), Err(Declined::Refused(refusal)) if refusal.reason == Some("MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"))
        );
        assert!(send("2026-12-01T00:00:00Z").is_ok());
    }

    #[test]
    fn the_last_word_on_a_text_stands() {
        let mut state = State::default();
        let (now, request) = (
            Timestamp::UNIX_EPOCH,
            SendTextMessage { destination_phone_number: "12025550101".into(), message_body: Some("Hello".into()), ..SendTextMessage::default() },
        );
        let Ok(Accepted::Taken(taken)) = state.send(&request, Uuid::nil(), now) else { panic!("it is taken") };
        assert_eq!(state.record(&taken.sent, Receipt::last(Happened::Delivered), now), Some("delivered"));
        assert_eq!(state.record(&taken.sent, Receipt::interim(Happened::Successful), now + SignedDuration::from_secs(1)), None);
        assert_eq!(state.record(&taken.sent, Receipt::last(Happened::Delivered), now), None);
        assert_eq!((state.stats.delivered, state.texts(&taken.sent.phone)[0].status), (1, "delivered"));
    }

    #[test]
    fn keywords_are_what_a_text_begins_with() {
        for (body, expected) in [("stop", "STOP"), ("Help me", "HELP"), ("I stop", "KEYWORD_000000000000"), ("", "KEYWORD_000000000000")] {
            assert_eq!(keyword(body), expected);
        }
    }
}
