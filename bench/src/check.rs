//! What a contestant has to do before it is timed.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use aws_sdk_dynamodb::types::AttributeValue;
use journeys::{
    rig::{
        wire::{Call, Fate, Hand},
        world::World,
    },
    stack::Published,
};
use serde_json::{Value, json};
use sms::{consent::Method, opt_out::OptOut};

use crate::{
    contestant::Contestant,
    pipeline::{cloud, phone, record, take},
    process::answer,
};

/// A contestant in a cloud in which the provider can be told to fail.
struct Stage<'a> {
    contestant: &'a Contestant,
    world: World,
    provider: Arc<Mutex<Fate>>,
}

/// Fails with the name of what the contestant does not do.
pub async fn behaves(contestant: &Contestant) -> anyhow::Result<()> {
    let provider = Arc::new(Mutex::new(Fate::Pass));
    let stage = Stage { contestant, world: cloud().await?, provider };
    let checks = async {
        stage.sends_a_text_once().await.context("a text is sent once")?;
        stage.meets_the_gates().await.context("gates")?;
        stage.hands_back_what_it_cannot_read().await.context("an unreadable record")?;
        stage.caps_a_day().await.context("the daily cap")?;
        stage.looks_at_the_opt_out_again().await.context("an opt-out while the text waits")?;
        stage.knows_what_an_answer_means().await.context("what the provider answers")
    };
    checks.await.with_context(|| format!("{} does not do its job", contestant.name))
}

impl Stage<'_> {
    fn hand(&self) -> Hand {
        let provider = self.provider.clone();
        Arc::new(move |call: &Call<'_>| match call.service {
            "PinpointSMSVoiceV2" => provider.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            _ => Fate::Pass,
        })
    }

    async fn run(&self, function: &'static str, records: &[Value]) -> anyhow::Result<Vec<String>> {
        let mut process = self.contestant.start(&self.world, function, &[], self.hand()).await?;
        let said = answer(&mut process, json!({"Records": records})).await?;
        let failed = said["batchItemFailures"].as_array().cloned().unwrap_or_default();
        Ok(failed.iter().filter_map(|failure| failure["itemIdentifier"].as_str().map(str::to_owned)).collect())
    }

    /// Publishes events, lets the producer have them in one batch, and answers with the jobs that it put on the bulk lane.
    async fn decide(&self, events: &[&Published]) -> anyhow::Result<Vec<Value>> {
        let records = events.iter().map(|event| record(&event.event.to_string())).collect::<Vec<_>>();
        let failed = self.run("producer", &records).await?;
        anyhow::ensure!(failed.is_empty(), "{} of {} records failed", failed.len(), records.len());
        Ok(take(&self.world, "BulkQueue", 10))
    }

    async fn status(&self, event: &Published) -> anyhow::Result<String> {
        let id = AttributeValue::S(event.message_id().to_string());
        let found = self.world.cloud.database.dynamodb.get_item().table_name("MessagesTable").key("message_id", id).send().await?;
        let row = found.item.context("there is no row")?;
        Ok(row.get("status").and_then(|status| status.as_s().ok()).context("the row has no status")?.clone())
    }

    async fn expect(&self, event: &Published, status: &str, texts: u64) -> anyhow::Result<()> {
        let (is, sent) = (self.status(event).await?, self.world.cloud.provider.simulator.taken(event.message_id()));
        anyhow::ensure!(is == status && sent == texts, "it is {is} and was sent {sent} times; {status} and {texts} were expected");
        Ok(())
    }

    async fn sends_a_text_once(&self) -> anyhow::Result<()> {
        let event = Published::sample("battle_invitation", "u0")?;
        let jobs = self.decide(&[&event, &event]).await?;
        anyhow::ensure!(jobs.len() == 1, "one event twice in a batch made {} jobs", jobs.len());
        self.expect(&event, "pending", 0).await?;
        for _ in 0..2 {
            self.run("sender", &jobs).await?;
            self.expect(&event, "sent", 1).await?;
        }
        let again = self.decide(&[&event]).await?;
        anyhow::ensure!(again.is_empty(), "an event that came again after its text went made a job");
        Ok(())
    }

    async fn meets_the_gates(&self) -> anyhow::Result<()> {
        let people = self.world.recipients();
        for (n, who) in ["without-consent", "opted-out", "category-off"].into_iter().enumerate() {
            let mut person = self.world.person(who, &phone(5000 + n)).await?;
            match who {
                "without-consent" => person.consent = None,
                "category-off" => person.categories.battle_invitations = false,
                _ => self.opt_out(&phone(5000 + n)).await?,
            }
            people.put(&person).await?;
        }
        for who in ["nobody", "without-consent", "opted-out", "category-off"] {
            let event = Published::sample("battle_invitation", who)?;
            anyhow::ensure!(self.decide(&[&event]).await?.is_empty(), "{who} gets a text");
            self.expect(&event, "suppressed", 0).await.context(who)?;
        }
        Ok(())
    }

    async fn opt_out(&self, phone: &str) -> anyhow::Result<()> {
        let now = self.world.now();
        let opt_out = OptOut {
            phone: phone.parse()?,
            everything_since: Some(now),
            categories: BTreeSet::new(),
            confirmation: None,
            method: Method::SmsKeyword,
            rule: "keyword stop".into(),
            relisting_refused: None,
            stopped_at: None,
            started_at: None,
            updated_at: now,
            revision: None,
        };
        self.world.opt_outs().say(&opt_out).await?;
        Ok(())
    }

    async fn hands_back_what_it_cannot_read(&self) -> anyhow::Result<()> {
        let event = Published::sample("battle_result", "u1")?;
        let records = [record("not an event"), record(&event.event.to_string())];
        let failed = self.run("producer", &records).await?;
        anyhow::ensure!(failed == [records[0]["messageId"].as_str().unwrap_or_default()], "the wrong records failed: {failed:?}");
        drop(take(&self.world, "BulkQueue", 10));
        self.expect(&event, "pending", 0).await
    }

    async fn caps_a_day(&self) -> anyhow::Result<()> {
        let events = (0..12).map(|_| Published::sample("battle_invitation", "u2")).collect::<anyhow::Result<Vec<_>>>()?;
        let mut jobs = 0;
        for event in &events {
            jobs += self.decide(&[event]).await?.len();
        }
        anyhow::ensure!(jobs == 10, "{jobs} texts on one day");
        Ok(())
    }

    async fn looks_at_the_opt_out_again(&self) -> anyhow::Result<()> {
        let event = Published::sample("battle_invitation", "u3")?;
        let jobs = self.decide(&[&event]).await?;
        self.opt_out(&phone(3)).await?;
        self.run("sender", &jobs).await?;
        self.expect(&event, "suppressed", 0).await
    }

    async fn knows_what_an_answer_means(&self) -> anyhow::Result<()> {
        // The user, what becomes of the call, whether the job comes again, the status and the texts.
        let cases = [
            ("u4", Fate::Refused("ThrottlingException"), true, "pending", 0),
            ("u5", Fate::Unanswered, false, "unknown", 1),
            ("refused", Fate::Pass, false, "failed", 0),
        ];
        self.world.person("refused", "+15005550401").await?;
        for (who, fate, again, status, texts) in cases {
            let event = Published::sample("battle_invitation", who)?;
            let jobs = self.decide(&[&event]).await?;
            *self.provider.lock().unwrap_or_else(PoisonError::into_inner) = fate.clone();
            let failed = self.run("sender", &jobs).await?;
            *self.provider.lock().unwrap_or_else(PoisonError::into_inner) = Fate::Pass;
            anyhow::ensure!(failed.is_empty() != again, "{fate:?}: {} jobs come again", failed.len());
            self.expect(&event, status, texts).await.with_context(|| format!("{fate:?}"))?;
        }
        Ok(())
    }
}
