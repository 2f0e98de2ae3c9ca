//! What AWS took, as the provider itself has it: which texts, of how many parts, and what it bills for each.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use sms::{
    delivery::CONTEXT_MESSAGE_ID,
    message::{Message, Status},
    phone::PhoneNumber,
};
use uuid::Uuid;

use super::{
    sqs::DEAD,
    world::{Broken, World},
};

/// A text that AWS took and about which it has said its last word.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Our id, which AWS was given to remember.
    pub message_id: Uuid,
    /// Whom it went to.
    pub phone: PhoneNumber,
    /// The words on the phone.
    pub body: String,
    /// Its message parts.
    pub parts: u32,
    /// When AWS took it.
    pub at: Timestamp,
    /// What it is billed for, with the carrier's fee: micro-USD.
    pub bill: i64,
    /// Whether the last word is a dead letter, so that nobody knows of it.
    pub is_dead: bool,
}

impl World {
    /// All texts that AWS took, by the last receipts that it published.
    pub fn taken(&self) -> anyhow::Result<Vec<Taken>> {
        let dead = self.cloud.sqs.all(DEAD).iter().filter_map(|letter| last_word(&letter.body)).collect::<BTreeSet<_>>();
        let mut texts = BTreeMap::new();
        // Some are published twice.
        for event in self.cloud.last_words() {
            let name = event["messageId"].as_str().context("a receipt without a MessageId")?.to_owned();
            let text = self.text(&name, &event, dead.contains(&name))?;
            texts.insert(name, text);
        }
        Ok(texts.into_values().collect())
    }

    fn text(&self, name: &str, event: &Value, is_dead: bool) -> anyhow::Result<Taken> {
        let phone = event["destinationPhoneNumber"].as_str().context("a receipt without a number")?.parse::<PhoneNumber>()?;
        let texts = self.cloud.provider.simulator.texts(&phone);
        let text = texts.into_iter().find(|text| text.message_id == name).context("a receipt of a text that is on no phone")?;
        let message_id = event["context"][CONTEXT_MESSAGE_ID].as_str().context("a receipt without our id")?.parse()?;
        let bill = micro_usd(&event["totalMessagePrice"])? + micro_usd(&event["totalCarrierFee"])?;
        Ok(Taken { message_id, phone, body: text.body, parts: text.parts, at: text.at, bill, is_dead })
    }
}

/// What AWS calls the text of a receipt in its SNS envelope, if the receipt is its last word.
fn last_word(envelope: &str) -> Option<String> {
    let envelope = serde_json::from_str::<Value>(envelope).ok()?;
    let event = serde_json::from_str::<Value>(envelope["Message"].as_str()?).ok()?;
    event["messageId"].as_str().filter(|_| event["isFinal"] == true).map(str::to_owned)
}

/// The dollars of a receipt in micro-USD, by other means than those of the functions.
fn micro_usd(dollars: &Value) -> anyhow::Result<i64> {
    let dollars = dollars.as_f64().context("a receipt without a price")?;
    Ok(format!("{:.0}", dollars * 1e6).parse()?)
}

/// Of every text about which AWS's last word came through, the row is over, and says of parts and money what AWS says.
pub fn receipts_hold(rows: &[Message], taken: &[Taken], broken: &mut Broken) {
    let mut texts = BTreeMap::<Uuid, Vec<&Taken>>::new();
    for text in taken {
        texts.entry(text.message_id).or_default().push(text);
    }
    for row in rows {
        let texts = texts.get(&row.message_id).map(Vec::as_slice).unwrap_or_default();
        let heard = texts.iter().copied().filter(|text| !text.is_dead).collect::<Vec<_>>();
        if !heard.is_empty() {
            receipt_holds(row, &heard, texts.iter().map(|text| text.bill).sum(), broken);
        }
    }
}

/// The same of one row: `heard` are its texts of whose end it knows, and `billed` is what all its texts are billed for.
fn receipt_holds(row: &Message, heard: &[&Taken], billed: i64, broken: &mut Broken) {
    let what = || format!("{} {}", row.kind().as_str(), row.status.as_str());
    broken.unless(row.status.is_final(), || format!("{} is not over, and AWS has said its last word", what()));
    let parts = heard.iter().map(|text| text.parts).collect::<Vec<_>>();
    broken.unless(parts.iter().any(|parts| row.parts == Some(*parts)), || format!("{} has {:?} parts, and AWS counts {parts:?}", what(), row.parts));
    let (settled, resent) = (row.settled.map(|settled| settled.0), row.reserved.as_ref().map_or(0, |reserved| reserved.resent.0));
    // A receipt knows of one text. What was reserved for each further one stays in the books, and is no less than what that is billed for.
    let is_billed = match row.status {
        Status::Delivered | Status::Undelivered => heard.iter().any(|text| settled == Some(text.bill + resent)),
        _ => settled == Some(resent),
    };
    let is_paid = settled >= Some(billed);
    broken.unless(is_billed && is_paid, || {
        format!("{} is billed for {billed}, and the books say {settled:?}, {resent} of it for second texts", what())
    });
}
