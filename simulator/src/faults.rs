//! How the network misbehaves: what `PUT /faults` sets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The faults in force. A `PUT` is the whole of them: a key that it leaves out goes back to its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How long every answer of the API waits, after the work is done.
    pub latency_ms: u64,
    /// The share of calls that end in an `InternalServerException` with nothing done.
    pub error_rate: f64,
    /// The share of texts that are taken and delivered, but never answered: the connection closes.
    pub drop_response_rate: f64,
    /// Message parts that the number takes each second; more is throttled. Null: no limit.
    pub parts_per_second: Option<u32>,
    /// Texts that the account may send each second; more is throttled. Null: no limit.
    pub requests_per_second: Option<u32>,
    /// How long after a text its last receipt comes.
    pub receipt_delay_ms: u64,
    /// The share of receipts that come twice.
    pub receipt_duplicate_rate: f64,
    /// Receipts come last first, the first of them before the API has answered.
    pub receipt_shuffle: bool,
    /// What may be spent each month, carrier fees included. Null: no limit.
    pub spend_limit_usd: Option<f64>,
    /// Whether the network itself obeys STOP and START, as it does for toll-free numbers.
    pub carrier_handles_stop: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            error_rate: 0.0,
            drop_response_rate: 0.0,
            parts_per_second: Some(3),
            requests_per_second: None,
            receipt_delay_ms: 200,
            receipt_duplicate_rate: 0.0,
            receipt_shuffle: false,
            spend_limit_usd: None,
            carrier_handles_stop: true,
        }
    }
}

/// Longest of the delays: a day.
const LONGEST_MS: u64 = 24 * 60 * 60 * 1000;

impl Faults {
    /// From the body of a `PUT`; an error is a sentence for whoever sent it.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let value = serde_json::from_slice::<Value>(body).map_err(|error| format!("The body is no JSON: {error}."))?;
        if !value.is_object() {
            return Err("Faults are a JSON object.".into());
        }
        let faults = serde_path_to_error::deserialize::<_, Self>(value).map_err(|error| match error.path().to_string() {
            root if root == "." => format!("{}.", error.inner()),
            key => format!("{key}: {}.", error.inner()),
        })?;
        faults.within_bounds()
    }

    fn within_bounds(self) -> Result<Self, String> {
        let rates = [
            ("error_rate", self.error_rate),
            ("drop_response_rate", self.drop_response_rate),
            ("receipt_duplicate_rate", self.receipt_duplicate_rate),
        ];
        if let Some((key, _)) = rates.into_iter().find(|(_, rate)| !(0.0..=1.0).contains(rate)) {
            return Err(format!("{key}: a rate is from 0 to 1."));
        }
        let delays = [("latency_ms", self.latency_ms), ("receipt_delay_ms", self.receipt_delay_ms)];
        if let Some((key, _)) = delays.into_iter().find(|(_, delay)| *delay > LONGEST_MS) {
            return Err(format!("{key}: at most {LONGEST_MS}, a day."));
        }
        if self.spend_limit_usd.is_some_and(|limit| !(0.0..=1e9).contains(&limit)) {
            return Err("spend_limit_usd: from 0 to 1000000000, or null.".into());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Faults;

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let contract = json!({"latency_ms":0,"error_rate":0.0,"drop_response_rate":0.0,"parts_per_second":3,"requests_per_second":null,"receipt_delay_ms":200,
            "receipt_duplicate_rate":0.0,"receipt_shuffle":false,"spend_limit_usd":null,"carrier_handles_stop":true});
        assert_eq!(serde_json::to_value(Faults::default()).unwrap(), contract);
        assert_eq!(Faults::read(contract.to_string().as_bytes()), Ok(Faults::default()));
    }

    #[test]
    fn a_key_left_out_goes_back_to_its_default() {
        assert_eq!(Faults::read(b"{}"), Ok(Faults::default()));
        assert_eq!(Faults::read(br#"{"error_rate":1}"#), Ok(Faults { error_rate: 1.0, ..Faults::default() }));
        assert_eq!(Faults::read(br#"{"parts_per_second":null}"#), Ok(Faults { parts_per_second: None, ..Faults::default() }));
    }

    #[test]
    fn what_is_no_fault_is_refused_in_a_sentence_that_names_it() {
        for (body, named) in [
            ("", "JSON"),
            ("[]", "a JSON object"),
            (r#"{"eror_rate":1}"#, "unknown field `eror_rate`"),
            (r#"{"error_rate":1.5}"#, "error_rate"),
            (r#"{"error_rate":-0.1}"#, "error_rate"),
            (r#"{"error_rate":"1"}"#, "error_rate"),
            (r#"{"error_rate":null}"#, "error_rate"),
            (r#"{"parts_per_second":-1}"#, "parts_per_second"),
            (r#"{"parts_per_second":2.5}"#, "parts_per_second"),
            (r#"{"latency_ms":86400001}"#, "latency_ms"),
            (r#"{"spend_limit_usd":-1}"#, "spend_limit_usd"),
            (r#"{"receipt_shuffle":1}"#, "receipt_shuffle"),
        ] {
            let sentence = Faults::read(body.as_bytes()).expect_err(body);
            assert!(sentence.contains(named), "{body}: {sentence}");
        }
    }
}
