//! The requests that the service understands, once their shape is known to be right.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

/// `SendTextMessage`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendTextMessage {
    /// E.164, with or without the plus sign.
    pub destination_phone_number: String,
    /// The number, its id or its ARN; AWS chooses one if there is none.
    pub origination_identity: Option<String>,
    /// The words.
    pub message_body: Option<String>,
    /// `TRANSACTIONAL` or `PROMOTIONAL`.
    pub message_type: Option<String>,
    /// Name or ARN; without one there are no events.
    pub configuration_set_name: Option<String>,
    /// US dollars a text.
    pub max_price: Option<String>,
    /// Seconds.
    pub time_to_live: Option<u64>,
    /// Echoed in events.
    pub context: Option<BTreeMap<String, String>>,
    /// Whether to check only.
    pub dry_run: Option<bool>,
    /// Id or ARN.
    pub protect_configuration_id: Option<String>,
    /// Whether the sender will say if it was of use.
    pub message_feedback_enabled: Option<bool>,
}

/// `PutMessageFeedback`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutMessageFeedback {
    /// Which text.
    pub message_id: String,
    /// `RECEIVED` or `FAILED`.
    pub message_feedback_status: String,
}

/// `PutOptedOutNumber` and `DeleteOptedOutNumber`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OptedOutNumber {
    /// Name or ARN.
    pub opt_out_list_name: String,
    /// E.164, with or without the plus sign.
    pub opted_out_number: String,
}

/// `DescribeOptedOutNumbers`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeOptedOutNumbers {
    /// Name or ARN.
    pub opt_out_list_name: String,
    /// At most five; none means all.
    pub opted_out_numbers: Option<Vec<String>>,
    /// `end-user-opted-out`.
    pub filters: Option<Vec<Filter>>,
    /// Which page.
    #[serde(flatten)]
    pub page: Page,
}

/// `DescribePhoneNumbers`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribePhoneNumbers {
    /// Ids or ARNs; none means all.
    pub phone_number_ids: Option<Vec<String>>,
    /// All must hold.
    pub filters: Option<Vec<Filter>>,
    /// `SELF` or `SHARED`.
    pub owner: Option<String>,
    /// Which page.
    #[serde(flatten)]
    pub page: Page,
}

/// A filter: any of the values will do.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    /// What it looks at.
    pub name: String,
    /// What may be there.
    pub values: Vec<String>,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Page {
    /// From the answer before.
    pub next_token: Option<String>,
    /// At most so many.
    pub max_results: Option<usize>,
}

impl SendTextMessage {
    /// How long AWS may try: three days if nothing is said.
    #[must_use]
    pub fn time_to_live(&self) -> Duration {
        Duration::from_secs(self.time_to_live.unwrap_or(259_200))
    }

    /// `MaxPrice` in micro-USD.
    #[must_use]
    pub fn max_price(&self) -> Option<i64> {
        let (dollars, fraction) = self.max_price.as_deref()?.split_once('.')?;
        format!("{dollars:0>1}{fraction:0<6}").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::SendTextMessage;

    #[test]
    fn a_maximum_price_is_dollars() {
        for (text, micro) in [(".5", 500_000), ("0.00883", 8830), ("99.99999", 99_999_990), ("1.0", 1_000_000), (".00001", 10)] {
            let request = SendTextMessage { max_price: Some(text.into()), ..SendTextMessage::default() };
            assert_eq!(request.max_price(), Some(micro), "{text}");
        }
    }
}
