//! Delivery events: what AWS says of a text on its way to the phone.
//!
//! Shapes: AWS End User Messaging SMS user guide, "event types" and "event format". All but the type and the id may be missing,
//! and a field that we do not know is no error.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use crate::{message::Change, money::MicroUsd, phone::PhoneNumber};

/// One delivery event.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryEvent {
    /// Such as `TEXT_DELIVERED`.
    pub event_type: String,
    /// What `SendTextMessage` called the text.
    pub message_id: String,
    /// When AWS was asked to send it; none also if what stands there is no instant.
    #[serde(rename = "messageRequestTimestamp", default, deserialize_with = "instant")]
    pub requested_at: Option<Timestamp>,
    /// Whether AWS will say no more.
    #[serde(default)]
    pub is_final: Option<bool>,
    /// Such as `DELIVERED`.
    #[serde(default)]
    pub message_status: Option<String>,
    /// A sentence about it.
    #[serde(default)]
    pub message_status_description: Option<String>,
    /// What the sender gave AWS to remember.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
    /// The number it was sent from.
    #[serde(default)]
    pub origination_phone_number: Option<PhoneNumber>,
    /// The number it was sent to.
    #[serde(default)]
    pub destination_phone_number: Option<PhoneNumber>,
    /// Who carries it.
    #[serde(default)]
    pub carrier_name: Option<String>,
    /// Mobile country code.
    #[serde(default)]
    pub mcc: Option<String>,
    /// Mobile network code.
    #[serde(default)]
    pub mnc: Option<String>,
    /// Parts that AWS counted.
    #[serde(default)]
    pub total_message_parts: Option<u32>,
    /// US dollars, decimal. (The field table says "thousandths of a cent", every example and every real event says dollars.)
    #[serde(default)]
    pub total_message_price: Option<f64>,
    /// US dollars, decimal.
    #[serde(default)]
    pub total_carrier_fee: Option<f64>,
}

/// Epoch milliseconds. Anything else is no reason not to read what became of the text.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let millis = Value::deserialize(deserializer)?.as_i64();
    Ok(millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
}

/// The key under which the sender puts the message id into `Context`.
pub const CONTEXT_MESSAGE_ID: &str = "message_id";

/// What an event means for its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It goes this way.
    Change(Change),
    /// Not about a text of ours: voice, media and RCS have events too.
    NotAText,
}

impl DeliveryEvent {
    /// What it means.
    ///
    /// AWS uses SUCCESSFUL and DELIVERED interchangeably, depending on the country: a final SUCCESSFUL is an arrival, one that is not final announces a DELIVERED.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        let last_word = self.is_final.unwrap_or(true);
        Meaning::Change(match self.event_type.as_str() {
            "TEXT_QUEUED" | "TEXT_PENDING" | "TEXT_SENT" => Change::Handed,
            "TEXT_SUCCESSFUL" if self.is_final == Some(true) => Change::Arrived,
            "TEXT_SUCCESSFUL" => Change::Handed,
            "TEXT_DELIVERED" => Change::Arrived,
            // INVALID, INVALID_MESSAGE, UNREACHABLE, CARRIER_UNREACHABLE, BLOCKED, CARRIER_BLOCKED, SPAM, UNKNOWN, TTL_EXPIRED, PROTECT_BLOCKED,
            // and what AWS may add: a word that is not final settles nothing.
            other if other.starts_with("TEXT_") && last_word => Change::Lost,
            other if other.starts_with("TEXT_") => Change::Handed,
            _ => return Meaning::NotAText,
        })
    }

    /// The message it is about, if the sender's note came back with it.
    #[must_use]
    pub fn own_message_id(&self) -> Option<Uuid> {
        self.context.get(CONTEXT_MESSAGE_ID)?.parse().ok()
    }

    /// Whether it says that the person blocked us at the carrier, which on a toll-free number is how STOP ends.
    #[must_use]
    pub fn is_opt_out(&self) -> bool {
        let toll_free = self.origination_phone_number.as_ref().is_none_or(PhoneNumber::is_toll_free);
        toll_free && matches!(self.message_status_description.as_deref(), Some("Phone has blocked SMS" | "Phone number is opted out"))
    }

    /// AWS's price.
    #[must_use]
    pub fn price(&self) -> Option<MicroUsd> {
        self.total_message_price.and_then(MicroUsd::from_usd)
    }

    /// The carrier's fee.
    #[must_use]
    pub fn carrier_fee(&self) -> Option<MicroUsd> {
        self.total_carrier_fee.and_then(MicroUsd::from_usd)
    }

    /// The carrier's name, or its network where the event has no name.
    #[must_use]
    pub fn carrier(&self) -> Option<String> {
        let network = || Some(format!("{}-{}", self.mcc.as_deref()?, self.mnc.as_deref()?));
        self.carrier_name.clone().or_else(network)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{DeliveryEvent, Meaning};
    use crate::message::Change;

    fn event(json: &str) -> DeliveryEvent {
        serde_json::from_str(json).expect(json)
    }

    #[test]
    fn every_event_type_has_its_meaning() {
        let table = [
            ("TEXT_QUEUED", Some(false), Some(Change::Handed)),
            ("TEXT_PENDING", Some(false), Some(Change::Handed)),
            ("TEXT_SENT", None, Some(Change::Handed)),
            ("TEXT_SUCCESSFUL", Some(false), Some(Change::Handed)),
            ("TEXT_SUCCESSFUL", Some(true), Some(Change::Arrived)),
            ("TEXT_SUCCESSFUL", None, Some(Change::Handed)),
            ("TEXT_DELIVERED", Some(true), Some(Change::Arrived)),
            ("TEXT_INVALID", Some(true), Some(Change::Lost)),
            ("TEXT_INVALID_MESSAGE", Some(true), Some(Change::Lost)),
            ("TEXT_UNREACHABLE", Some(true), Some(Change::Lost)),
            ("TEXT_CARRIER_UNREACHABLE", Some(true), Some(Change::Lost)),
            ("TEXT_CARRIER_UNREACHABLE", Some(false), Some(Change::Handed)),
            ("TEXT_BLOCKED", Some(true), Some(Change::Lost)),
            ("TEXT_CARRIER_BLOCKED", Some(true), Some(Change::Lost)),
            ("TEXT_SPAM", Some(true), Some(Change::Lost)),
            ("TEXT_UNKNOWN", Some(true), Some(Change::Lost)),
            ("TEXT_TTL_EXPIRED", Some(true), Some(Change::Lost)),
            ("TEXT_PROTECT_BLOCKED", Some(true), Some(Change::Lost)),
            ("TEXT_OF_NEXT_YEAR", Some(true), Some(Change::Lost)),
            ("TEXT_OF_NEXT_YEAR", Some(false), Some(Change::Handed)),
            ("VOICE_ANSWERED", Some(true), None),
            ("RCS_DELIVERED", Some(true), None),
        ];
        for (kind, last, change) in table {
            let event = DeliveryEvent { is_final: last, ..event(&format!(r#"{{"eventType":"{kind}","messageId":"m"}}"#)) };
            assert_eq!(event.meaning(), change.map_or(Meaning::NotAText, Meaning::Change), "{kind} {last:?}");
        }
    }

    #[test]
    fn a_real_blocked_receipt_without_its_origin_is_an_opt_out() {
        let blocked = event(
            r#"{"eventType":"TEXT_BLOCKED","eventVersion":"1.0","eventTimestamp":1737550671501,"isFinal":true,"destinationPhoneNumber":"+12025550101",
                "isoCountryCode":"US","messageId":"1fdc2c24","messageRequestTimestamp":1737550671412,"messageEncoding":"GSM","messageType":"TRANSACTIONAL",
                "messageStatus":"BLOCKED","messageStatusDescription":"Phone has blocked SMS","totalMessageParts":4,"totalMessagePrice":0,"totalCarrierFee":0,
                "protectConfiguration":{"protectConfigurationId":"p","protectStatus":"ALLOW"}}"#,
        );
        assert!(blocked.is_opt_out());
        assert!(!DeliveryEvent { origination_phone_number: "+12065550152".parse().ok(), ..blocked.clone() }.is_opt_out(), "a long code");
        assert!(DeliveryEvent { origination_phone_number: "+18663448034".parse().ok(), ..blocked }.is_opt_out());
    }

    #[test]
    fn when_a_text_was_asked_for_may_be_missing_or_no_instant() {
        let asked = |value: &str| event(&format!(r#"{{"eventType":"TEXT_BLOCKED","messageId":"m","messageRequestTimestamp":{value}}}"#)).requested_at;
        assert_eq!(asked("1737550671412"), "2025-01-22T12:57:51.412Z".parse::<Timestamp>().ok());
        for none in ["null", "\"1737550671412\"", "1e30", "-9223372036854775808", "{}"] {
            assert_eq!(asked(none), None, "{none}");
        }
        assert_eq!(event(r#"{"eventType":"TEXT_BLOCKED","messageId":"m"}"#).requested_at, None);
    }

    #[test]
    fn prices_are_dollars() {
        let event =
            event(r#"{"eventType":"TEXT_DELIVERED","messageId":"m","totalMessagePrice":0.00581,"totalCarrierFee":0.00302,"mcc":"310","mnc":"800"}"#);
        assert_eq!((event.price().map(|p| p.0), event.carrier_fee().map(|p| p.0)), (Some(5810), Some(3020)));
        assert_eq!(event.carrier().as_deref(), Some("310-800"));
    }
}
