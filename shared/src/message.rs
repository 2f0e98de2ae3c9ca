//! A text on its way: its row, and the state machine that every change of it goes through.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    budget::Reserved,
    content::Content,
    encoding::Encoding,
    event::{Related, UserId},
    gates::{Gate, Step},
    kind::{Class, Kind, Lane},
    moment,
    money::MicroUsd,
    phone::{Country, PhoneNumber},
    text::Locale,
};

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Admitted, and waiting in its lane.
    Pending,
    /// Claimed by a sender, until the lease ends.
    Sending,
    /// AWS has it.
    Sent,
    /// The phone, or the carrier where it says no more, has it. Final.
    Delivered,
    /// AWS had it and could not deliver it. Final.
    Undelivered,
    /// AWS refused it for good. Final.
    Failed,
    /// AWS gave no answer: it may have gone out.
    Unknown,
    /// Waiting for the morning.
    Held,
    /// A gate said no. Final.
    Suppressed,
    /// It stopped being useful before it was sent. Final.
    Expired,
    /// It became part of a digest. Final.
    Merged,
}

/// What can happen to a text. Behind each: the one function that makes it happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// sender: this process, and no other, may call AWS.
    Claimed,
    /// sender: surely not accepted, so that it may be tried again.
    Released,
    /// sender: AWS took it and named it.
    Accepted,
    /// sender: AWS refused it for good.
    Refused,
    /// sender: no answer came back.
    Unanswered,
    /// sender: the person opted out while it waited.
    OptedOut,
    /// sender, with the text in its hands; reconciler, for one that waits in a lane or for the morning: it stopped being useful.
    Lapsed,
    /// sender: the quiet hours began while it waited.
    Deferred,
    /// receipts: on its way to the phone, so AWS has it.
    Handed,
    /// receipts: it arrived.
    Arrived,
    /// receipts: it will not arrive.
    Lost,
    /// reconciler: its lease ended without a word from the sender. api: its person was erased while a sender had it.
    Abandoned,
    /// reconciler: it may have gone out, and its kind's policy is to send it again.
    Retried,
    /// reconciler: the quiet hours are over.
    Due,
    /// reconciler: a digest has it.
    Merged,
    /// reconciler: where it would count now that it goes, there is no room for it.
    CrowdedOut,
    /// api: its person was erased while it waited.
    Erased,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Undelivered,
        Self::Failed,
        Self::Unknown,
        Self::Held,
        Self::Suppressed,
        Self::Expired,
        Self::Merged,
    ];

    /// The name in rows and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Suppressed => "suppressed",
            Self::Expired => "expired",
            Self::Merged => "merged",
        }
    }

    /// Whether nothing can change it any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Undelivered | Self::Failed | Self::Suppressed | Self::Expired | Self::Merged)
    }

    /// The status after `change`, or `None` if the change changes nothing.
    ///
    /// Queues and receipts repeat themselves and overtake each other, so a change that comes twice or late is everyday life here, not an error.
    #[must_use]
    pub fn after(self, change: Change) -> Option<Self> {
        match (self, change) {
            (Self::Pending, Change::Claimed) => Some(Self::Sending),
            (Self::Sending, Change::Released) => Some(Self::Pending),
            (Self::Sending, Change::Accepted) => Some(Self::Sent),
            (Self::Sending, Change::Refused) => Some(Self::Failed),
            (Self::Sending, Change::Unanswered | Change::Abandoned) => Some(Self::Unknown),
            (Self::Sending | Self::Held, Change::OptedOut) | (Self::Held, Change::CrowdedOut) => Some(Self::Suppressed),
            (Self::Pending | Self::Sending | Self::Held, Change::Lapsed) => Some(Self::Expired),
            (Self::Sending, Change::Deferred) => Some(Self::Held),
            // A receipt may overtake the sender's own note that it sent, and may come when a second try is under way already.
            (Self::Pending | Self::Sending | Self::Unknown, Change::Handed) => Some(Self::Sent),
            (Self::Pending | Self::Sending | Self::Unknown | Self::Sent, Change::Arrived) => Some(Self::Delivered),
            (Self::Pending | Self::Sending | Self::Unknown | Self::Sent, Change::Lost) => Some(Self::Undelivered),
            (Self::Unknown, Change::Retried) | (Self::Held, Change::Due) => Some(Self::Pending),
            (Self::Held, Change::Merged) => Some(Self::Merged),
            (Self::Pending | Self::Held, Change::Erased) => Some(Self::Suppressed),
            _ => None,
        }
    }
}

impl Change {
    /// The statuses that this change leads out of, and the one it leads to. The stores make their conditions of it.
    #[must_use]
    pub fn edge(self) -> (Vec<Status>, Option<Status>) {
        let from = Status::ALL.into_iter().filter(|status| status.after(self).is_some()).collect::<Vec<_>>();
        let to = from.first().and_then(|status| status.after(self));
        (from, to)
    }
}

/// One line of a row's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// The status it took.
    pub status: Status,
    /// When.
    #[serde(with = "moment")]
    pub at: Timestamp,
}

/// The row of a text in the messages table: everything about it but a code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its key: UUID v5 of the event's source and id, or of what else caused it.
    pub message_id: Uuid,
    /// Whom it is for, where that is known: a stranger may ask for HELP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// `type` and `data`.
    #[serde(flatten)]
    pub content: Content,
    /// Promotional or transactional.
    pub class: Class,
    /// The queue it waits in.
    pub lane: Lane,
    /// The whole number; none where the recipient has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<PhoneNumber>,
    /// The number as people may see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_masked: Option<String>,
    /// The country of the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// The language of the text.
    pub locale: Locale,
    /// Where it stands.
    pub status: Status,
    /// How it came there, oldest first.
    pub changes: Vec<Entered>,
    /// What decided it, in order.
    pub gates: Vec<Step>,
    /// The words: those last sent, or those that would be sent now. None where a code is in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Message parts of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// Encoding of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// How often a sender claimed it.
    #[serde(default)]
    pub attempts: u32,
    /// AWS's `MessageId` of the last accepted attempt, or of the one of which a receipt spoke before its sender did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_message_id: Option<String>,
    /// What it should cost, in micro-USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_price: Option<MicroUsd>,
    /// What AWS charges for it, without the carrier's fee, in micro-USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<MicroUsd>,
    /// What the carrier charges for it, in micro-USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_fee: Option<MicroUsd>,
    /// What is set aside for it, and where it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Reserved>,
    /// What it has cost in the end, in micro-USD, as the month's books have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<MicroUsd>,
    /// The carrier that took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// AWS's `messageStatus` of the last receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_status: Option<String>,
    /// AWS's `messageStatusDescription` of the last receipt, or the reason why a sender did not send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_detail: Option<String>,
    /// The event's `source`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The event's `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The thing it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub related: Option<Related>,
    /// When it stops being useful.
    #[serde(with = "moment")]
    pub useful_until: Timestamp,
    /// While `held`: when it is let go.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub release_at: Option<Timestamp>,
    /// If `merged`: the digest that stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<Uuid>,
    /// The time zone that the person had set: IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Until when the sender that claimed it is alone with it.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// When the row was written.
    #[serde(with = "moment")]
    pub created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "moment")]
    pub updated_at: Timestamp,
    /// When it lost everything personal, because its person was erased.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
    /// When DynamoDB may forget it: epoch seconds.
    pub expires_at: i64,
}

/// How long a row is kept: what was sent and why stays provable for a bit over a year.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

impl Message {
    /// A row that a function is about to write, not yet decided: `pending`, with no number, gates or words.
    #[must_use]
    pub fn new(message_id: Uuid, content: Content, useful_until: Timestamp, now: Timestamp) -> Self {
        let kind = content.kind();
        Self {
            message_id,
            user_id: None,
            content,
            class: kind.class(),
            lane: kind.lane(),
            phone: None,
            phone_masked: None,
            country: None,
            locale: Locale::default(),
            status: Status::Pending,
            changes: vec![Entered { status: Status::Pending, at: now }],
            gates: Vec::new(),
            body: None,
            parts: None,
            encoding: None,
            attempts: 0,
            provider_message_id: None,
            estimated_price: None,
            price: None,
            carrier_fee: None,
            reserved: None,
            settled: None,
            carrier: None,
            delivery_status: None,
            delivery_detail: None,
            source: None,
            event_id: None,
            related: None,
            useful_until,
            release_at: None,
            merged_into: None,
            time_zone: None,
            lease_until: None,
            created_at: now,
            updated_at: now,
            erased_at: None,
            expires_at: (now + KEPT).as_second(),
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.content.kind()
    }

    /// Whether it is too late for it at `now`.
    #[must_use]
    pub fn is_lapsed(&self, now: Timestamp) -> bool {
        self.useful_until < now + SHORTEST_LIFE
    }

    /// The same row, for `phone`.
    #[must_use]
    pub fn to(mut self, phone: Option<PhoneNumber>) -> Self {
        self.phone_masked = phone.as_ref().map(PhoneNumber::masked);
        self.country = phone.as_ref().and_then(PhoneNumber::country);
        self.phone = phone;
        self
    }

    /// The same row without anything personal: what is left says what kind of text it was, what became of it and what it cost, and lets receipts and repeats find it.
    ///
    /// Only what is named here is kept. Details of gates go too: an opt-out's time would lead to its number.
    #[must_use]
    pub fn erased(&self, now: Timestamp) -> Self {
        let fixed_words = |step: &Step| step.gate == Gate::Recipient;
        let gates = self.gates.iter().map(|step| Step { detail: step.detail.clone().filter(|_| fixed_words(step)), ..step.clone() });
        Self {
            country: self.country,
            locale: self.locale,
            status: self.status,
            changes: self.changes.clone(),
            gates: gates.collect(),
            parts: self.parts,
            encoding: self.encoding,
            attempts: self.attempts,
            provider_message_id: self.provider_message_id.clone(),
            estimated_price: self.estimated_price,
            price: self.price,
            carrier_fee: self.carrier_fee,
            carrier: self.carrier.clone(),
            delivery_status: self.delivery_status.clone(),
            delivery_detail: self.delivery_detail.clone().filter(|_| self.status != Status::Suppressed),
            lease_until: self.lease_until,
            merged_into: self.merged_into,
            updated_at: now,
            reserved: self.reserved.clone().map(|reserved| Reserved { day: None, ..reserved }),
            settled: self.settled,
            erased_at: Some(now),
            expires_at: self.expires_at,
            ..Self::new(self.message_id, self.content.blank(), self.useful_until, self.created_at)
        }
    }

    /// The same row, born with another status than `pending`.
    #[must_use]
    pub fn decided(mut self, status: Status) -> Self {
        self.status = status;
        self.changes = vec![Entered { status, at: self.created_at }];
        self
    }
}

/// When a text of this content stops being useful, if its event does not say it.
#[must_use]
pub fn useful_until(content: &Content, now: Timestamp) -> Timestamp {
    let hours = |hours| now + SignedDuration::from_hours(hours);
    match content {
        Content::BattleReminder(data) => data.ends_at,
        Content::PhoneVerification(_) => now + CODE_LIFE,
        // "Presumed fine if sent within five minutes" (47 CFR 64.1200(a)(12)).
        Content::OptOutConfirmation(_) => now + SignedDuration::from_mins(5),
        Content::OptInConfirmation {} | Content::HelpReply {} => hours(1),
        // A streak ends with the day.
        Content::StreakAlert(_) => hours(12),
        Content::DirectMessage(_) | Content::Digest(_) => hours(24),
        Content::BattleInvitation(_) | Content::BattleResult(_) | Content::AchievementUnlock(_) | Content::SecurityAlert(_) => hours(24),
    }
}

/// How long a claim holds: longer than the sender may run, so that nobody takes over from one that still lives.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// AWS's shortest `TimeToLive`: what is of use for less is not sent any more.
pub const SHORTEST_LIFE: SignedDuration = SignedDuration::from_secs(5);

/// How long a verification code lives.
pub const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::{Change, Status};

    const CHANGES: [Change; 17] = [
        Change::Claimed,
        Change::Released,
        Change::Accepted,
        Change::Refused,
        Change::Unanswered,
        Change::OptedOut,
        Change::Lapsed,
        Change::Deferred,
        Change::Handed,
        Change::Arrived,
        Change::Lost,
        Change::Abandoned,
        Change::Retried,
        Change::Due,
        Change::Merged,
        Change::Erased,
        Change::CrowdedOut,
    ];

    #[test]
    fn the_whole_machine_on_one_page() {
        #[rustfmt::skip]
        let table = [
            //            Claimed  Released Accepted Refused Unanswered OptedOut    Lapsed   Deferred  Handed  Arrived    Lost         Abandoned  Retried  Due      Merged  Erased      CrowdedOut
            "Pending      Sending  ·        ·        ·       ·          ·           Expired  ·         Sent    Delivered  Undelivered  ·          ·        ·        ·       Suppressed  ·",
            "Sending      ·        Pending  Sent     Failed  Unknown    Suppressed  Expired  Held      Sent    Delivered  Undelivered  Unknown    ·        ·        ·       ·           ·",
            "Sent         ·        ·        ·        ·       ·          ·           ·        ·         ·       Delivered  Undelivered  ·          ·        ·        ·       ·           ·",
            "Delivered    ·        ·        ·        ·       ·          ·           ·        ·         ·       ·          ·            ·          ·        ·        ·       ·           ·",
            "Undelivered  ·        ·        ·        ·       ·          ·           ·        ·         ·       ·          ·            ·          ·        ·        ·       ·           ·",
            "Failed       ·        ·        ·        ·       ·          ·           ·        ·         ·       ·          ·            ·          ·        ·        ·       ·           ·",
            "Unknown      ·        ·        ·        ·       ·          ·           ·        ·         Sent    Delivered  Undelivered  ·          Pending  ·        ·       ·           ·",
            "Held         ·        ·        ·        ·       ·          Suppressed  Expired  ·         ·       ·          ·            ·          ·        Pending  Merged  Suppressed  Suppressed",
            "Suppressed   ·        ·        ·        ·       ·          ·           ·        ·         ·       ·          ·            ·          ·        ·        ·       ·           ·",
            "Expired      ·        ·        ·        ·       ·          ·           ·        ·         ·       ·          ·            ·          ·        ·        ·       ·           ·",
            "Merged       ·        ·        ·        ·       ·          ·           ·        ·         ·       ·          ·            ·          ·        ·        ·       ·           ·",
        ];
        for (status, row) in Status::ALL.into_iter().zip(table) {
            let real = CHANGES.map(|change| status.after(change).map_or("·".to_owned(), |to| format!("{to:?}")));
            let written = row.split_whitespace().collect::<Vec<_>>();
            assert_eq!(written[0], format!("{status:?}"));
            assert_eq!(written[1..], real, "{status:?}");
        }
    }

    #[test]
    fn every_change_leads_to_one_status() {
        for change in CHANGES {
            let (from, to) = change.edge();
            assert!(!from.is_empty(), "{change:?} is never possible");
            assert!(from.iter().all(|status| status.after(change) == to), "{change:?} leads to several statuses");
        }
    }

    #[test]
    fn a_final_status_never_yields() {
        for status in Status::ALL {
            let yields = CHANGES.iter().any(|change| status.after(*change).is_some());
            assert_eq!(status.is_final(), !yields, "{status:?}");
        }
    }
}
