//! What the simulated AWS account owns, and what its texts cost.

use serde_json::{Value, json};

/// The account, the one of the local cloud.
pub const ACCOUNT_ID: &str = "000000000000";
/// The toll-free number that texts come from.
pub const PHONE_NUMBER: &str = "+18663448034";
/// Its id.
pub const PHONE_NUMBER_ID: &str = "phone-7f1e6a3c0b9d4e58a2c4d6e8f0a1b2c3";
/// Its ARN.
pub const PHONE_NUMBER_ARN: &str = "arn:aws:sms-voice:us-east-1:000000000000:phone-number/phone-7f1e6a3c0b9d4e58a2c4d6e8f0a1b2c3";
/// The configuration set that publishes delivery events.
pub const CONFIGURATION_SET: &str = "allthrive-sms";
/// Its ARN.
pub const CONFIGURATION_SET_ARN: &str = "arn:aws:sms-voice:us-east-1:000000000000:configuration-set/allthrive-sms";
/// The number's opt-out list.
pub const OPT_OUT_LIST: &str = "Default";
/// Its ARN.
pub const OPT_OUT_LIST_ARN: &str = "arn:aws:sms-voice:us-east-1:000000000000:opt-out-list/Default";
/// The protect configuration, whose rules allow the United States only.
pub const PROTECT_CONFIGURATION_ID: &str = "protect-e06e5d722c31455286262a108e7d863d";
/// Its ARN.
pub const PROTECT_CONFIGURATION_ARN: &str = "arn:aws:sms-voice:us-east-1:000000000000:protect-configuration/protect-e06e5d722c31455286262a108e7d863d";
/// What AWS may at most be asked to spend in a month, in US dollars.
pub const MAX_SPEND_USD: i64 = 1000;

/// AWS's price of a message part, in micro-USD (user guide, "Monitor with EventBridge": US toll-free, October 2024).
const PRICE: i64 = 5810;
/// The carrier's fee for a part, in micro-USD (ibidem).
const CARRIER_FEE: i64 = 3020;

/// AWS's price and the carrier's fee for a text, in micro-USD.
#[must_use]
pub fn price(parts: u32) -> (i64, i64) {
    (PRICE * i64::from(parts), CARRIER_FEE * i64::from(parts))
}

/// Micro-USD as the decimal dollars of events.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "exact far beyond the price of any text")]
pub fn usd(micro: i64) -> f64 {
    micro as f64 / 1e6
}

/// Whether `identity` is our number, by itself, its id or its ARN.
#[must_use]
pub fn is_our_number(identity: &str) -> bool {
    [PHONE_NUMBER, &PHONE_NUMBER[1..], PHONE_NUMBER_ID, PHONE_NUMBER_ARN].contains(&identity)
}

/// What kind of thing an unknown origination identity would be.
#[must_use]
pub fn kind_of_identity(identity: &str) -> &'static str {
    let name = identity.rsplit(':').next().unwrap_or(identity);
    match name {
        _ if name.starts_with("pool") => "pool",
        _ if name.starts_with("rcs") => "rcs-agent",
        _ if name.starts_with("phone") || name.strip_prefix('+').unwrap_or(name).bytes().all(|b| b.is_ascii_digit()) => "phone-number",
        _ => "sender-id",
    }
}

/// Our number as `DescribePhoneNumbers` shows it; `two_way_topic` is where inbound texts go.
#[must_use]
pub fn described_number(two_way_topic: Option<&str>) -> Value {
    let mut number = json!({
        "PhoneNumberArn": PHONE_NUMBER_ARN,
        "PhoneNumberId": PHONE_NUMBER_ID,
        "PhoneNumber": PHONE_NUMBER,
        "Status": "ACTIVE",
        "IsoCountryCode": "US",
        "MessageType": "TRANSACTIONAL",
        "NumberCapabilities": ["SMS"],
        "NumberType": "TOLL_FREE",
        "MonthlyLeasingPrice": "2.00",
        "TwoWayEnabled": true,
        "SelfManagedOptOutsEnabled": false,
        "OptOutListName": OPT_OUT_LIST,
        "InternationalSendingEnabled": false,
        "DeletionProtectionEnabled": true,
        "CreatedTimestamp": 1_767_225_600,
    });
    if let Some(topic) = two_way_topic {
        number["TwoWayChannelArn"] = topic.into();
    }
    number
}

/// The values of our number that a filter of `DescribePhoneNumbers` looks at.
#[must_use]
pub fn filtered_values(number: &Value, filter: &str) -> Vec<String> {
    let member = match filter {
        "status" => "Status",
        "iso-country-code" => "IsoCountryCode",
        "message-type" => "MessageType",
        "number-capability" => "NumberCapabilities",
        "number-type" => "NumberType",
        "two-way-enabled" => "TwoWayEnabled",
        "self-managed-opt-outs-enabled" => "SelfManagedOptOutsEnabled",
        "opt-out-list-name" => "OptOutListName",
        "deletion-protection-enabled" => "DeletionProtectionEnabled",
        _ => "TwoWayChannelArn",
    };
    match &number[member] {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Bool(flag) => vec![flag.to_string()],
        _ => Vec::new(),
    }
}
