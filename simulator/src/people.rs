//! The people of the local stack: one for each way that a text can fare.

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, PutRequest, WriteRequest},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_dynamo::aws_sdk_dynamodb_1::to_item;
use sms::{
    consent::{Action, LedgerEntry, Method, Statement},
    event::UserId,
    opt_out::OptOut,
    phone::PhoneNumber,
    recipient::{Categories, Consent, Recipient},
    stores::{Item, Recipients},
};

/// Somebody, with all that the tables hold on them.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their row.
    pub recipient: Recipient,
    /// Their consent ledger.
    pub ledger: Vec<LedgerEntry>,
    /// Their number's opt-out.
    pub opt_out: Option<OptOut>,
}

/// The tables that people live in.
#[derive(Debug, Clone)]
pub struct Tables {
    /// `RECIPIENTS_TABLE`.
    pub recipients: String,
    /// `CONSENTS_TABLE`.
    pub consents: String,
    /// `OPT_OUTS_TABLE`.
    pub opt_outs: String,
}

/// The five whom everybody knows, and `extra` more like Ada: `u1` with `+13125560001`, and so on, at most 9,999.
pub fn people(extra: u32, now: Timestamp) -> anyhow::Result<Vec<Person>> {
    anyhow::ensure!(extra <= 9_999, "SEED_PEOPLE is {extra}: at most 9999, since their numbers end in four digits");
    let mut people = vec![
        person("ada", "+12025550101")?.verified(now).consenting(now),
        person("ben", "+12025550102")?.verified(now),
        person("cam", "+12025550103")?.verified(now).consenting(now).stopped(now),
        person("dee", "+12025550104")?,
        person("eve", "+12025550105")?.verified(now).consenting(now).without_battle_invitations(),
    ];
    for n in 1..=extra {
        people.push(person(&format!("u{n}"), &format!("+1312556{n:04}"))?.verified(now).consenting(now));
    }
    Ok(people)
}

fn person(user: &str, phone: &str) -> anyhow::Result<Person> {
    let user = UserId::try_from(user.to_owned()).map_err(anyhow::Error::msg)?;
    let recipient = Recipient {
        phone: Some(phone.parse()?),
        categories: Categories::ALL_ON,
        time_zone: Some("America/New_York".into()),
        locale: Some("en-US".into()),
        ..Recipient::new(user)
    };
    Ok(Person { recipient, ledger: Vec::new(), opt_out: None })
}

impl Person {
    fn verified(mut self, now: Timestamp) -> Self {
        self.recipient.phone_verified_at = Some(now);
        self
    }

    fn consenting(mut self, now: Timestamp) -> Self {
        let Some(phone) = self.recipient.phone.clone() else { return self };
        self.state(Action::Given, Method::SettingsPage, &phone, None, now);
        self.recipient.sms_enabled = true;
        self.recipient.consent =
            Some(Consent { given_at: now, method: Method::SettingsPage, ip: None, disclosure_version: None, phone, revoked_at: None });
        self
    }

    fn stopped(mut self, now: Timestamp) -> Self {
        let Some(phone) = self.recipient.phone.clone() else { return self };
        self.state(Action::Revoked, Method::SmsKeyword, &phone, Some("STOP"), now);
        self.recipient.sms_enabled = false;
        self.recipient.consent = self.recipient.consent.map(|consent| Consent { revoked_at: Some(now), ..consent });
        self.opt_out = Some(OptOut {
            phone,
            everything_since: Some(now),
            categories: std::collections::BTreeSet::new(),
            confirmation: None,
            method: Method::SmsKeyword,
            rule: "keyword stop".into(),
            relisting_refused: None,
            stopped_at: None,
            started_at: None,
            updated_at: now,
            revision: None,
        });
        self
    }

    fn without_battle_invitations(mut self) -> Self {
        self.recipient.categories.battle_invitations = false;
        self
    }

    fn state(&mut self, action: Action, method: Method, phone: &PhoneNumber, wording: Option<&str>, at: Timestamp) {
        let statement = Statement {
            at,
            action,
            method,
            phone: Some(phone.clone()),
            ip: None,
            user_agent: None,
            disclosure_version: None,
            wording: wording.map(str::to_owned),
        };
        let entry = LedgerEntry::after(self.recipient.ledger.as_ref(), self.recipient.user_id.clone(), statement);
        self.recipient.ledger = Some(entry.head());
        self.ledger.push(entry);
    }
}

/// Writes those of `people` whom the tables do not have yet; what happened to the others since stays as it is. Answers how many are new.
pub async fn seed(client: &Client, tables: &Tables, people: &[Person]) -> anyhow::Result<usize> {
    let recipients = Recipients::new(client.clone(), tables.recipients.clone());
    let mut new = 0;
    for some in people.chunks(25) {
        let there = recipients.batch(some.iter().map(|person| &person.recipient.user_id)).await?.found;
        let missing = some.iter().filter(|person| there.iter().all(|row| row.user_id != person.recipient.user_id)).collect::<Vec<_>>();
        // Ledgers and opt-outs first: a crash between leaves no one who consented without a proof.
        for ledgers in missing.iter().flat_map(|person| &person.ledger).collect::<Vec<_>>().chunks(25) {
            write(client, &tables.consents, ledgers).await?;
        }
        write(client, &tables.opt_outs, &missing.iter().filter_map(|person| person.opt_out.as_ref()).collect::<Vec<_>>()).await?;
        write(client, &tables.recipients, &missing.iter().map(|person| &person.recipient).collect::<Vec<_>>()).await?;
        new += missing.len();
    }
    Ok(new)
}

async fn write(client: &Client, table: &str, rows: &[impl Serialize]) -> anyhow::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let put = |row| Ok(WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item(row)?)).build()?).build());
    let requests = rows.iter().map(put).collect::<anyhow::Result<Vec<_>>>()?;
    let answer = client.batch_write_item().request_items(table, requests).send().await.with_context(|| format!("BatchWriteItem on {table}"))?;
    anyhow::ensure!(answer.unprocessed_items.is_none_or(|left| left.is_empty()), "{table} took only some of the people: try again");
    Ok(())
}

fn item(row: &impl Serialize) -> anyhow::Result<Item> {
    let item: std::collections::HashMap<String, AttributeValue> = to_item(row)?;
    Ok(item)
}
