//! Delivery events, exactly in AWS's shape (user guide, "Event types" and "Event format", and receipts seen in public code).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use sms::{
    encoding::{Encoding, Size},
    phone::PhoneNumber,
};

use crate::account;

/// What the network says of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Happened {
    /// Waits for its turn.
    Queued,
    /// On its way.
    Pending,
    /// The carrier has it.
    Successful,
    /// The phone has it.
    Delivered,
    /// There is no such number.
    Invalid,
    /// The body is not valid.
    InvalidMessage,
    /// The phone is off.
    Unreachable,
    /// The carrier is down.
    CarrierUnreachable,
    /// The person blocked us at the carrier.
    Blocked,
    /// The carrier blocked this text.
    CarrierBlocked,
    /// The carrier takes it for spam.
    Spam,
    /// Nobody knows.
    Unknown,
    /// Its time to live ran out.
    TtlExpired,
    /// A protect rule filtered it.
    ProtectBlocked,
}

/// A text that the service took, as its events describe it.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The service's id.
    pub message_id: String,
    /// Where it goes.
    pub phone: PhoneNumber,
    /// `TRANSACTIONAL` or `PROMOTIONAL`.
    pub message_type: String,
    /// What the sender wants to see again.
    pub context: BTreeMap<String, String>,
    /// Encoding and parts.
    pub size: Size,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

/// One event that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// What happened.
    pub happened: Happened,
    /// Whether nothing more follows.
    pub is_final: bool,
}

/// The event on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OnTheWire<'a> {
    event_type: String,
    event_version: &'static str,
    event_timestamp: i64,
    is_final: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    origination_phone_number: Option<&'static str>,
    destination_phone_number: &'a str,
    iso_country_code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_international_send: Option<bool>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    carrier: Option<Network>,
    message_id: &'a str,
    message_request_timestamp: i64,
    message_encoding: &'static str,
    message_type: &'a str,
    message_status: &'static str,
    message_status_description: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    context: &'a BTreeMap<String, String>,
    total_message_parts: u32,
    total_message_price: f64,
    total_carrier_fee: f64,
    protect_configuration: Protect,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    mcc: &'static str,
    mnc: &'static str,
    carrier_name: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Protect {
    protect_configuration_id: &'static str,
    protect_status: &'static str,
}

const CARRIERS: [Network; 3] = [
    Network { mcc: "310", mnc: "260", carrier_name: "T-Mobile USA, Inc." },
    Network { mcc: "311", mnc: "480", carrier_name: "Verizon Wireless" },
    Network { mcc: "310", mnc: "410", carrier_name: "AT&T Wireless" },
];

impl Happened {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Queued,
        Self::Pending,
        Self::Successful,
        Self::Delivered,
        Self::Invalid,
        Self::InvalidMessage,
        Self::Unreachable,
        Self::CarrierUnreachable,
        Self::Blocked,
        Self::CarrierBlocked,
        Self::Spam,
        Self::Unknown,
        Self::TtlExpired,
        Self::ProtectBlocked,
    ];

    /// `messageStatus`, and what follows `TEXT_` in `eventType`.
    #[must_use]
    pub fn status(self) -> &'static str {
        self.words().0
    }

    /// The status as the phones show it.
    #[must_use]
    pub fn shown(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Queued => ("QUEUED", "queued", "Message is queued for delivery"),
            Self::Pending => ("PENDING", "pending", "Message is in the process of being delivered"),
            Self::Successful => ("SUCCESSFUL", "successful", "Message has been accepted by phone carrier"),
            Self::Delivered => ("DELIVERED", "delivered", "Message has been accepted by phone"),
            Self::Invalid => ("INVALID", "invalid", "Invalid phone number"),
            Self::InvalidMessage => ("INVALID_MESSAGE", "invalid_message", "Message body is invalid"),
            Self::Unreachable => ("UNREACHABLE", "unreachable", "Phone is currently unreachable/unavailable"),
            Self::CarrierUnreachable => ("CARRIER_UNREACHABLE", "carrier_unreachable", "Phone carrier is currently unreachable/unavailable"),
            Self::Blocked => ("BLOCKED", "blocked", "Phone has blocked SMS"),
            Self::CarrierBlocked => ("CARRIER_BLOCKED", "carrier_blocked", "Phone carrier has blocked this message"),
            Self::Spam => ("SPAM", "spam", "Blocked as spam by phone carrier"),
            Self::Unknown => ("UNKNOWN", "unknown", "Unknown error attempting to reach phone"),
            Self::TtlExpired => ("TTL_EXPIRED", "ttl_expired", "Message could not be delivered within its time to live"),
            Self::ProtectBlocked => ("PROTECT_BLOCKED", "protect_blocked", "Message blocked by protect configuration"),
        }
    }

    /// Whether the text counts as arrived, given whether this is the last word: SUCCESSFUL and DELIVERED mean the same in some countries.
    #[must_use]
    pub fn is_arrival(self, is_final: bool) -> bool {
        self == Self::Delivered || (self == Self::Successful && is_final)
    }

    /// Seen of AWS: what never reached a carrier costs nothing.
    fn is_charged(self) -> bool {
        !matches!(self, Self::Blocked | Self::ProtectBlocked | Self::TtlExpired | Self::Invalid | Self::InvalidMessage)
    }
}

impl Receipt {
    /// An event that is not the last.
    #[must_use]
    pub const fn interim(happened: Happened) -> Self {
        Self { happened, is_final: false }
    }

    /// The last event.
    #[must_use]
    pub const fn last(happened: Happened) -> Self {
        Self { happened, is_final: true }
    }

    /// The event as it is published, at `now`.
    #[must_use]
    pub fn event(self, sent: &Sent, now: Timestamp) -> String {
        let (status, _, description) = self.happened.words();
        let (price, carrier_fee) = account::price(if self.happened.is_charged() { sent.size.parts } else { 0 });
        let event = OnTheWire {
            event_type: format!("TEXT_{status}"),
            event_version: "1.0",
            event_timestamp: now.as_millisecond(),
            is_final: self.is_final,
            origination_phone_number: (self.happened != Happened::Blocked).then_some(account::PHONE_NUMBER),
            destination_phone_number: sent.phone.as_e164(),
            iso_country_code: "US",
            is_international_send: (self.happened != Happened::Blocked).then_some(false),
            carrier: self.carrier(sent),
            message_id: &sent.message_id,
            message_request_timestamp: sent.requested_at.as_millisecond(),
            message_encoding: match sent.size.encoding {
                Encoding::Gsm => "GSM",
                Encoding::Unicode => "Unicode",
            },
            message_type: &sent.message_type,
            message_status: status,
            message_status_description: description,
            context: &sent.context,
            total_message_parts: sent.size.parts,
            total_message_price: account::usd(price),
            total_carrier_fee: account::usd(carrier_fee),
            protect_configuration: Protect {
                protect_configuration_id: account::PROTECT_CONFIGURATION_ID,
                protect_status: if self.happened == Happened::ProtectBlocked { "FILTER" } else { "ALLOW" },
            },
        };
        serde_json::to_string(&event).unwrap_or_default()
    }

    /// The carrier is named once it had the text; where SUCCESSFUL is the last word it is not (seen of AWS).
    fn carrier(self, sent: &Sent) -> Option<Network> {
        let had_it = match self.happened {
            Happened::Successful => !self.is_final,
            Happened::Delivered | Happened::Unreachable | Happened::CarrierBlocked | Happened::Spam => true,
            _ => false,
        };
        let digit = usize::from(sent.phone.as_e164().bytes().next_back().unwrap_or_default());
        had_it.then_some(CARRIERS[digit % CARRIERS.len()])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use serde_json::{Value, json};
    use sms::encoding::Size;

    use super::{Happened, Receipt, Sent};

    fn sent(body: &str) -> Sent {
        Sent {
            message_id: "862a8790-60c0-4430-9b2b-658bd0000000".into(),
            phone: "+12025550101".parse().unwrap(),
            message_type: "PROMOTIONAL".into(),
            context: BTreeMap::from([("account".into(), "bar".into())]),
            size: Size::of(body),
            requested_at: Timestamp::from_millisecond(1_686_975_103_170).unwrap(),
        }
    }

    fn event(receipt: Receipt, body: &str) -> Value {
        serde_json::from_str(&receipt.event(&sent(body), Timestamp::from_millisecond(1_686_975_103_470).unwrap())).unwrap()
    }

    #[test]
    fn a_delivered_event_has_the_fields_of_the_guide() {
        assert_eq!(
            event(Receipt::last(Happened::Delivered), "Hello"),
            json!({
                "eventType": "TEXT_DELIVERED", "eventVersion": "1.0", "eventTimestamp": 1_686_975_103_470_i64, "isFinal": true,
                "originationPhoneNumber": "+18663448034", "destinationPhoneNumber": "+12025550101", "isoCountryCode": "US", "isInternationalSend": false,
                "mcc": "311", "mnc": "480", "carrierName": "Verizon Wireless",
                "messageId": "862a8790-60c0-4430-9b2b-658bd0000000", "messageRequestTimestamp": 1_686_975_103_170_i64, "messageEncoding": "GSM",
                "messageType": "PROMOTIONAL", "messageStatus": "DELIVERED", "messageStatusDescription": "Message has been accepted by phone",
                "context": {"account": "bar"}, "totalMessageParts": 1, "totalMessagePrice": 0.00581, "totalCarrierFee": 0.00302,
                "protectConfiguration": {"protectConfigurationId": "protect-e06e5d722c31455286262a108e7d863d", "protectStatus": "ALLOW"},
            })
        );
    }

    #[test]
    fn fields_that_aws_leaves_out_are_left_out() {
        let blocked = event(Receipt::last(Happened::Blocked), "Hello");
        for field in ["originationPhoneNumber", "isInternationalSend", "mcc", "mnc", "carrierName"] {
            assert_eq!(blocked.get(field), None, "{field}");
        }
        assert_eq!((&blocked["messageStatusDescription"], &blocked["totalMessagePrice"]), (&json!("Phone has blocked SMS"), &json!(0.0)));
        assert_eq!(event(Receipt::last(Happened::Successful), "Hello").get("mcc"), None);
        assert_eq!(event(Receipt::interim(Happened::Successful), "Hello")["mcc"], "311");
        assert_eq!(event(Receipt::last(Happened::ProtectBlocked), "Hello")["protectConfiguration"]["protectStatus"], "FILTER");
    }

    #[test]
    fn the_price_is_that_of_all_parts() {
        let long = event(Receipt::last(Happened::Delivered), &"字".repeat(71));
        assert_eq!((&long["messageEncoding"], &long["totalMessageParts"]), (&json!("Unicode"), &json!(2)));
        assert_eq!((&long["totalMessagePrice"], &long["totalCarrierFee"]), (&json!(0.01162), &json!(0.00604)));
    }
}
