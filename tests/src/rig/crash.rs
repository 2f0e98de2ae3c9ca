//! Kills a function at every call it makes, and looks at what became of the texts.
//!
//! A scenario is lived once without harm, which shows the calls of each function. Then it is lived anew for every call, as the n-th of its operation by its function: the
//! process dies before the call leaves, when it has left, or when its answer is there. SQS brings back what nobody deleted, the reconciler comes by, and [`World::broken`] says what does not hold.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use futures::StreamExt;
use jiff::{SignedDuration, civil::time, tz::TimeZone};
use serde_json::{Value, json};
use simulator::Faults;
use sms::{consent::verify, event::message_id, kind::Kind, message::Status, phone::PhoneNumber};
use uuid::Uuid;

use super::{
    function::Outcome,
    sqs::DEAD,
    wire::{Call, Fate, Hand},
    world::{Broken, World},
};
use crate::stack::{Published, user};

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// An invitation, whose event comes twice.
    Invitation,
    /// A code by an event.
    Code,
    /// An alert.
    Alert,
    /// An invitation that AWS takes and does not answer.
    UnansweredInvitation,
    /// An alert that AWS takes and does not answer.
    UnansweredAlert,
    /// An invitation of which AWS says nothing for an hour.
    SilentInvitation,
    /// An alert of which AWS says nothing for an hour.
    SilentAlert,
    /// A text to a phone that has blocked us at its carrier.
    Blocked,
    /// A text that AWS refuses, because its list has the number.
    Refused,
    /// STOP; and an invitation after it.
    Stop,
    /// "Please stop texting me", which is confirmed.
    PlainStop,
    /// STOP, and START after it.
    Start,
    /// HELP.
    Help,
    /// An invitation at night.
    Held,
    /// Three of them, which leave as one.
    Digest,
    /// Somebody proves a number, agrees, and gets a welcome.
    OptIn,
    /// Somebody says STOP while an invitation waits in its lane.
    StopInTheLane,
    /// Somebody switches texts off while an invitation waits in its lane.
    SwitchOffInTheLane,
    /// A record that nobody can read, in every queue.
    Unreadable,
    /// Two texts, of which AWS takes one and wants the other later.
    Throttled,
    /// An invitation for which there is no slot for ten minutes.
    NoSlot,
    /// An invitation whose receipts do not say whose they are.
    StrayReceipts,
    /// Somebody is erased while a text for them is under way.
    Leaving,
    /// AWS's list and ours are not the same.
    Drift,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::Invitation,
        Self::Code,
        Self::Alert,
        Self::UnansweredInvitation,
        Self::UnansweredAlert,
        Self::SilentInvitation,
        Self::SilentAlert,
        Self::Blocked,
        Self::Refused,
        Self::Stop,
        Self::PlainStop,
        Self::Start,
        Self::Help,
        Self::Held,
        Self::Digest,
        Self::OptIn,
        Self::StopInTheLane,
        Self::SwitchOffInTheLane,
        Self::Unreadable,
        Self::Throttled,
        Self::NoSlot,
        Self::StrayReceipts,
        Self::Leaving,
        Self::Drift,
    ];

    /// Its name, as the table has it.
    #[must_use]
    pub fn name(self) -> String {
        // UnansweredAlert → unanswered alert
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push(' ');
            }
            name.extend(c.to_lowercase());
        }
        name
    }

    /// What comes of it if nobody dies: how many texts AWS takes, and what the rows say in the end.
    fn unharmed(self) -> (u64, &'static str) {
        match self {
            Self::Invitation
            | Self::Code
            | Self::Alert
            | Self::UnansweredInvitation
            | Self::UnansweredAlert
            | Self::SilentInvitation
            | Self::SilentAlert
            | Self::Help
            | Self::Held
            | Self::NoSlot
            | Self::StrayReceipts => (1, "delivered"),
            Self::Blocked => (1, "suppressed, undelivered"),
            Self::Refused => (0, "failed, suppressed"),
            Self::Stop | Self::StopInTheLane | Self::SwitchOffInTheLane | Self::Leaving => (0, "suppressed"),
            Self::PlainStop => (1, "delivered, suppressed"),
            Self::Digest => (1, "delivered, merged ×3"),
            Self::OptIn | Self::Throttled => (2, "delivered ×2"),
            Self::Start | Self::Unreadable | Self::Drift => (0, ""),
        }
    }

    fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Held | Self::Digest => &[("QUIET_HOURS", "on")],
            _ => &[],
        }
    }

    /// Lives it, until nothing is left to happen; answers with what does not hold.
    async fn live(self, world: &World, hand: &Hand) -> anyhow::Result<Broken> {
        let mut broken = Broken::default();
        let phone: PhoneNumber = match self {
            Self::UnansweredInvitation | Self::UnansweredAlert => "+15005550900",
            Self::Blocked => "+15005550015",
            Self::Refused => "+15005550401",
            _ => "+12025550147",
        }
        .parse()?;
        if matches!(self, Self::Held | Self::Digest) {
            let now = world.now().to_zoned(TimeZone::get("America/New_York")?);
            let late = now.date().to_datetime(time(23, 30, 0, 0)).to_zoned(now.time_zone().clone())?;
            let late = if late < now { late.tomorrow()? } else { late };
            world.cloud.clock.forward(SignedDuration::from_secs(late.timestamp().duration_since(world.now()).as_secs()))?;
        }
        if self != Self::Drift {
            world.compared().await?;
        }
        if self != Self::OptIn {
            world.person("ada", phone.as_e164()).await?;
        }
        if matches!(self, Self::SilentInvitation | Self::SilentAlert) {
            world.cloud.receipts_take(SignedDuration::from_hours(1));
        }
        let sample = |kind: &str| Published::sample(kind, "ada");
        let says = async |words: &str| world.cloud.provider.simulator.person_texts(&phone, words).await;
        let mut said = None;
        match self {
            Self::Invitation => {
                let event = sample("battle_invitation")?;
                world.publish(&event);
                world.publish(&event);
            }
            Self::Held | Self::UnansweredInvitation | Self::SilentInvitation | Self::Blocked | Self::Refused => {
                world.publish(&sample("battle_invitation")?);
            }
            Self::Code => world.publish(&sample("phone_verification")?.with("phone", phone.as_e164())),
            Self::Alert | Self::UnansweredAlert | Self::SilentAlert => world.publish(&sample("security_alert")?),
            Self::Stop | Self::Start => drop(says("STOP").await?),
            Self::PlainStop => said = Some(says("Please stop texting me").await?),
            Self::Help => said = Some(says("HELP").await?),
            Self::Digest => {
                for kind in ["battle_invitation", "battle_result", "achievement_unlock"] {
                    world.publish(&sample(kind)?);
                }
            }
            Self::OptIn => opt_in(world, hand, &phone).await?,
            Self::StopInTheLane => {
                world.publish(&sample("battle_invitation")?);
                world.run_fed("producer", hand).await?;
                drop(says("STOP").await?);
                obeyed(world, hand).await?;
            }
            Self::SwitchOffInTheLane => {
                world.publish(&sample("battle_invitation")?);
                world.run_fed("producer", hand).await?;
                ask(world, hand, "PATCH", "/v1/users/ada/preferences", &json!({"smsEnabled": false})).await?;
            }
            Self::Unreadable => {
                for (_, polling) in &world.feeds {
                    world.cloud.sqs.put(polling.queue, &garbage(polling.queue), Value::Null, world.now());
                }
            }
            Self::Throttled => {
                let faults = Faults { parts_per_second: Some(1), receipt_delay_ms: 0, ..Faults::default() };
                world.cloud.provider.simulator.set_faults(faults);
                world.publish(&sample("security_alert")?);
                world.publish(&sample("phone_verification")?.with("phone", phone.as_e164()));
            }
            Self::NoSlot => {
                world.busy(SignedDuration::from_mins(10)).await?;
                world.publish(&sample("battle_invitation")?);
            }
            Self::StrayReceipts => {
                world.cloud.receipts_stray();
                world.publish(&sample("battle_invitation")?);
            }
            Self::Leaving => {
                world.publish(&sample("battle_invitation")?);
                world.run_fed("producer", hand).await?;
                ask(world, hand, "DELETE", "/v1/users/ada", &Value::Null).await?;
            }
            Self::Drift => {
                world.cloud.provider.simulator.opt_out(&phone);
                for _ in 0..6 {
                    world.run("reconciler", hand, json!({})).await?;
                    world.pump(hand).await?;
                }
            }
        }
        world.settle(hand).await?;
        self.check(world, hand, &phone, said.as_deref(), &mut broken).await?;
        broken.0.extend(world.broken().await?.0);
        Ok(broken)
    }

    /// What only this one promises. `said` is what AWS calls the words that want an answer.
    async fn check(self, world: &World, hand: &Hand, phone: &PhoneNumber, said: Option<&str>, broken: &mut Broken) -> anyhow::Result<()> {
        let opted_out = async || anyhow::Ok(world.opt_outs().get(phone).await?.is_some_and(|opt_out| opt_out.everything_since.is_some()));
        match self {
            Self::Start => {
                broken.unless(opted_out().await?, || "STOP was not obeyed".into());
                world.cloud.clock.forward(SignedDuration::from_secs(1))?;
                world.cloud.provider.simulator.person_texts(phone, "START").await?;
                world.settle(hand).await?;
                broken.unless(!opted_out().await?, || "START was not obeyed".into());
            }
            // A first text that never left told nobody that it would be refused.
            Self::Blocked | Self::Refused if world.rows().await?.iter().all(|(row, _)| row.status == Status::Unknown) => {}
            Self::Stop | Self::PlainStop | Self::Blocked | Self::Refused => {
                broken.unless(opted_out().await?, || "the opt-out is not kept".into());
                let listed = world.cloud.provider.simulator.is_opted_out(phone);
                broken.unless(self != Self::PlainStop || listed, || "AWS's list does not have the number".into());
                let consent = world.recipients().get(&user("ada")).await?.and_then(|ada| ada.consent);
                broken.unless(consent.is_none_or(|consent| consent.revoked_at.is_some()), || "the consent still stands".into());
                let event = Published::sample("battle_result", "ada")?;
                world.publish(&event);
                world.settle(hand).await?;
                let after = world.cloud.provider.simulator.taken(event.message_id());
                broken.unless(after == 0, || "somebody who opted out was texted".into());
            }
            Self::Digest => {
                let statuses = world.rows().await?.into_iter().map(|(row, _)| row.status).collect::<Vec<_>>();
                let merged = statuses.iter().filter(|status| **status == Status::Merged).count();
                broken.unless(merged == 3 || statuses.len() == 3, || format!("{merged} of three are in a digest"));
                let texts = world.cloud.provider.simulator.stats().accepted;
                broken.unless(texts <= 3, || format!("{texts} texts for three"));
            }
            Self::OptIn => {
                let ada = world.recipients().get(&user("ada")).await?.context("nobody is there")?;
                broken.unless(ada.standing_consent().is_some(), || "the yes is lost".into());
                let welcomes = world.rows().await?.iter().filter(|(row, _)| row.kind() == Kind::OptInConfirmation).count();
                broken.unless(welcomes == 1, || format!("{welcomes} welcomes"));
            }
            Self::StopInTheLane | Self::SwitchOffInTheLane => {
                // Not even asked for: the network would stop what we did not.
                let calls = world.cloud.provider.simulator.stats().calls;
                broken.unless(calls == 0, || format!("{calls} texts to somebody who did not want them any more"));
                // A sender that died left no word, and nobody knows better.
                let over = |status| matches!(status, Status::Suppressed | Status::Unknown);
                broken.unless(world.rows().await?.iter().all(|(row, _)| over(row.status)), || "the invitation is not suppressed".into());
            }
            Self::Leaving => {
                let rows = world.rows().await?;
                let left = rows.iter().any(|(row, _)| row.phone.is_some() || row.body.is_some());
                broken.unless(!left, || "something is left of who was erased".into());
            }
            Self::Unreadable => {
                let dead = world.cloud.sqs.all(DEAD);
                for (_, polling) in &world.feeds {
                    let is_kept = dead.iter().any(|letter| letter.body == garbage(polling.queue));
                    broken.unless(is_kept, || format!("a record of {} is lost", polling.queue));
                }
            }
            Self::Drift => broken.unless(opted_out().await?, || "the drift was not repaired".into()),
            _ => {}
        }
        if let Some(said) = said {
            let answer = message_id("sms/replies", said);
            broken.unless(world.rows().await?.iter().any(|(row, _)| row.message_id == answer), || "nobody answers".into());
        }
        // One death is less than what a record is tried.
        let dead = world.cloud.sqs.all(DEAD);
        let may_be_dead = matches!(self, Self::Unreadable | Self::StrayReceipts);
        broken.unless(may_be_dead || dead.is_empty(), || format!("{} dead letters", dead.len()));
        if let Some(ada) = world.recipients().get(&user("ada")).await?.filter(|ada| !ada.erased) {
            let ledger = world.ledger("ada").await?;
            broken.unless(verify(&ledger, ada.ledger.as_ref()).is_ok(), || "the consent ledger is broken".into());
        }
        Ok(())
    }
}

/// What nobody can read, in `queue`.
fn garbage(queue: &str) -> String {
    format!("nothing that anybody can read, in {queue}")
}

/// Lets inbound obey what was said, and nobody else do anything meanwhile.
async fn obeyed(world: &World, hand: &Hand) -> anyhow::Result<()> {
    let (_, polling) = world.feeds.iter().find(|(function, _)| *function == "inbound").context("nobody feeds inbound")?;
    world.arrived().await?;
    // One that dies is followed by the next, when its record can be seen again.
    for _ in 0..polling.tries {
        world.run_fed("inbound", hand).await?;
        if world.cloud.sqs.all(polling.queue).is_empty() {
            return Ok(());
        }
        world.cloud.clock.forward(polling.visibility)?;
    }
    anyhow::bail!("it is never obeyed")
}

/// Somebody proves a number and says yes, asking again whenever nobody answers.
async fn opt_in(world: &World, hand: &Hand, phone: &PhoneNumber) -> anyhow::Result<()> {
    let started = ask(world, hand, "POST", "/v1/users/ada/verifications", &json!({"phoneNumber": phone.as_e164()})).await?;
    world.pump(hand).await?;
    // The text may have to wait for its sender to come back.
    for _ in 0..6 {
        if !world.cloud.provider.simulator.texts(phone).is_empty() {
            break;
        }
        world.cloud.clock.forward(SignedDuration::from_secs(61))?;
        world.run("reconciler", hand, json!({})).await?;
        world.pump(hand).await?;
    }
    let texts = world.cloud.provider.simulator.texts(phone);
    let code =
        texts.iter().find_map(|text| text.body.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6)).context("no code came")?;
    ask(world, hand, "POST", "/v1/users/ada/verifications/check", &json!({"verificationId": started["verificationId"], "code": code})).await?;
    let question = ask(world, hand, "GET", "/v1/users/ada/opt-in", &Value::Null).await?;
    let yes = json!({"action": "opt_in", "disclosureVersion": question["disclosure"]["version"]});
    ask(world, hand, "POST", "/v1/users/ada/opt-in", &yes).await?;
    Ok(())
}

/// A backend asks the api, and again if it dies; answers with what it said.
async fn ask(world: &World, hand: &Hand, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
    let http = json!({"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "Test/1"});
    let iam = json!({"accessKey": "AKIA", "accountId": "1", "callerId": "c", "userArn": "arn:aws:iam::1:user/backend", "userId": "u"});
    let context = json!({"accountId": "1", "apiId": "a", "domainName": "d", "http": http, "requestId": "r", "routeKey": "$default",
        "stage": "$default", "time": "t", "timeEpoch": 0, "authorizer": {"iam": iam}});
    let mut event = json!({"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"host": "d", "content-type": "application/json"}, "requestContext": context, "isBase64Encoded": false});
    if !body.is_null() {
        event["body"] = body.to_string().into();
    }
    for _ in 0..4 {
        let outcome = world.run("api", hand, event.clone()).await?;
        let Outcome::Answer(answer) = outcome else { continue };
        let status = answer["statusCode"].as_u64().unwrap_or_default();
        let said = serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
        match status {
            200..=299 => return Ok(said),
            // It was done, and nobody heard the answer.
            410 | 409 if path.ends_with("/check") => return Ok(said),
            429 => world.cloud.clock.forward(SignedDuration::from_secs(31))?,
            500.. => {}
            _ => anyhow::bail!("{method} {path} answers {status}: {said}"),
        }
    }
    anyhow::bail!("{method} {path} never answers")
}

/// When a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// Before the call leaves.
    Before,
    /// When it has left: nobody hears its answer.
    During,
    /// When the answer is there.
    After,
}

impl Kill {
    const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];

    fn fate(self) -> Fate {
        match self {
            Self::Before => Fate::DiesBefore,
            Self::During => Fate::DiesDuring,
            Self::After => Fate::DiesAfter,
        }
    }

    /// Its name, as the table has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Before => "before it leaves",
            Self::During => "before its answer",
            Self::After => "after its answer",
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Cell {
    /// What happens.
    pub scenario: Scenario,
    /// Who dies, if anybody does.
    pub target: Option<Target>,
    /// Texts that AWS took.
    pub sent: u64,
    /// What the rows say in the end, such as `delivered, merged ×3`.
    pub statuses: String,
    /// Whether the call was made, so that it died.
    pub struck: bool,
    /// What does not hold.
    pub broken: Vec<String>,
}

/// A call that is to be the last one of its process.
#[derive(Debug, Clone)]
pub struct Target {
    /// Who is killed.
    pub function: &'static str,
    /// At which call, such as `DynamoDB.UpdateItem`.
    pub call: String,
    /// At which of those that it makes, from 1.
    pub nth: usize,
    /// When.
    pub kill: Kill,
}

#[derive(Default)]
struct Seen {
    calls: Mutex<Vec<(&'static str, String)>>,
    struck: AtomicBool,
}

fn hand(target: Option<Target>, seen: Arc<Seen>) -> Hand {
    Arc::new(move |call: &Call<'_>| {
        let mut calls = seen.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.push((call.function, format!("{}.{}", call.service, call.operation)));
        let Some(target) = &target else { return Fate::Pass };
        let is_meant = |(function, call): &(&'static str, String)| *function == target.function && *call == target.call;
        let nth = calls.iter().filter(|made| is_meant(made)).count();
        if calls.last().is_some_and(is_meant) && nth == target.nth {
            seen.struck.store(true, Ordering::Release);
            return target.kill.fate();
        }
        Fate::Pass
    })
}

/// A folder that is gone when this is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/rig").join(Uuid::new_v4().to_string());
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Lives `scenario`, until a process dies as `target` has it, if it does, and on; answers also with the calls that were made.
async fn life(scenario: Scenario, target: Option<Target>) -> anyhow::Result<(Cell, Vec<(&'static str, String)>)> {
    let folder = Folder::new()?;
    let world = World::new(&folder.0, scenario.settings()).await?;
    let seen = Arc::new(Seen::default());
    let mut broken = match scenario.live(&world, &hand(target.clone(), seen.clone())).await {
        Ok(broken) => broken,
        Err(error) => Broken(vec![format!("{error:#}")]),
    };
    let mut statuses = BTreeMap::<_, usize>::new();
    for (row, _) in world.rows().await? {
        *statuses.entry(row.status.as_str()).or_default() += 1;
    }
    let shown = |(status, times): (&str, usize)| if times == 1 { status.to_owned() } else { format!("{status} ×{times}") };
    let statuses = statuses.into_iter().map(shown).collect::<Vec<_>>().join(", ");
    let sent = world.cloud.provider.simulator.stats().accepted;
    if target.is_none() {
        let says_why = world.cloud.sqs.all(DEAD).iter().all(|letter| !letter.is_worn_out);
        broken.unless(says_why, || "a dead letter does not say why".into());
        let wanted = scenario.unharmed();
        broken.unless(wanted == (sent, statuses.as_str()), || format!("{sent} texts, {statuses}: expected {wanted:?}"));
    }
    let calls = std::mem::take(&mut *seen.calls.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((Cell { scenario, target, sent, statuses, struck: seen.struck.load(Ordering::Acquire), broken: broken.0 }, calls))
}

/// Lives `scenarios`, unharmed and then with a death at every call, or every `step`th of them all; tells `report` about each.
pub async fn crash(scenarios: &[Scenario], step: usize, side_by_side: usize, mut report: impl FnMut(&Cell)) -> anyhow::Result<()> {
    let mut targets = Vec::new();
    for scenario in scenarios {
        let (cell, calls) = life(*scenario, None).await?;
        anyhow::ensure!(cell.broken.is_empty(), "{} does not hold even unharmed: {:?}", scenario.name(), cell.broken);
        report(&cell);
        for function in super::world::FUNCTIONS {
            let mut made = BTreeMap::<&String, usize>::new();
            for (_, call) in calls.iter().filter(|(name, _)| *name == function) {
                let nth = made.entry(call).or_default();
                *nth += 1;
                // Nobody answers the function's own answer.
                let kills = if call == "Lambda.Answer" { &Kill::ALL[..1] } else { &Kill::ALL[..] };
                targets.extend(kills.iter().map(|kill| (*scenario, Target { function, call: call.clone(), nth: *nth, kill: *kill })));
            }
        }
    }
    let cells = futures::stream::iter(targets.into_iter().step_by(step)).map(async |(scenario, target)| {
        let (cell, _) = life(scenario, Some(target.clone())).await?;
        // A life that went another way, and never made the call, shows nothing of it: it is lived once more.
        if cell.struck || !cell.broken.is_empty() { anyhow::Ok(cell) } else { Ok(life(scenario, Some(target)).await?.0) }
    });
    let mut cells = cells.buffered(side_by_side);
    while let Some(cell) = cells.next().await {
        report(&cell?);
    }
    Ok(())
}
