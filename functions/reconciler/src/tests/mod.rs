//! Rows in; rows and jobs out: each rule at its edges, a death after every call, two runs at once, and random worlds.

mod codes;
mod comparison;
mod deaths;
mod deferred;
mod digests;
mod races;
mod rules;
mod worlds;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use journeys::embedded::{Embedded, sdk};
use serde_json::Value;
use simulator::Running;
use sms::{
    budget::Budget,
    caps::Caps,
    closing::{Closing, Feedback},
    content::{BattleInvitation, Content, PhoneVerification, SecurityAlert},
    due::LOST_AFTER,
    gates::Rules,
    kind::Lane,
    message::{Change, Entered, LEASE, Message, Status},
    money::MicroUsd,
    provider::{OptOutList, SpendLimit},
    queues::{Lanes, OptOutOrders, SendJob},
    stores::{Admissions, Changed, Comparisons, Messages, Notes, OptOuts, Recipients, Verifications},
    text::House,
};
use uuid::Uuid;

use crate::reconciler::Reconciler;

const PHONE: &str = "+12025550101";
const RESEND_AFTER: SignedDuration = SignedDuration::from_secs(120);
const MOMENT: SignedDuration = SignedDuration::from_millis(1);

fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("instant")
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn invitation() -> Content {
    Content::BattleInvitation(BattleInvitation {
        inviter_name: "Ada".into(),
        battle_topic: "Haiku".into(),
        invitation_link: "https://allthrive.ai/b".into(),
    })
}

fn alert() -> Content {
    let alert = serde_json::from_value(serde_json::json!("new_login")).expect("an alert");
    Content::SecurityAlert(SecurityAlert { alert, detail: "Firefox".into(), link: "https://allthrive.ai/s".into() })
}

fn code() -> Content {
    Content::PhoneVerification(PhoneVerification { phone: PHONE.parse().expect("phone") })
}

/// A row that took `status` at `at` and is of use for `life` from then.
fn row(id: u128, content: Content, status: Status, at: Timestamp, life: SignedDuration) -> Message {
    let row = Message::new(Uuid::from_u128(id), content, at + life, at).to(PHONE.parse().ok()).decided(status);
    let lease_until = (status == Status::Sending).then(|| at + LEASE);
    Message { attempts: u32::from(lease_until.is_some()), lease_until, ..row }
}

/// A row that is in doubt for the `times`-th time, since `at`.
fn in_doubt(id: u128, content: Content, times: usize, at: Timestamp) -> Message {
    let row = row(id, content, Status::Unknown, at, minutes(600));
    Message { changes: vec![Entered { status: Status::Unknown, at }; times], attempts: 1, ..row }
}

struct Stage {
    embedded: Embedded,
    simulator: Running,
    reconciler: Reconciler,
}

impl Stage {
    async fn set() -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let simulator = Running::start(simulator::Config::default()).await.expect("simulator");
        let reconciler = Self::reconciler(&embedded, &simulator);
        Self { embedded, simulator, reconciler }
    }

    fn reconciler(embedded: &Embedded, simulator: &Running) -> Reconciler {
        let dynamodb = || embedded.dynamodb.clone();
        Reconciler {
            messages: Messages::new(dynamodb(), "MessagesTable".into()),
            recipients: Recipients::new(dynamodb(), "RecipientsTable".into()),
            admissions: Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into()),
            closing: Closing {
                verifications: Verifications::new(dynamodb(), "VerificationsTable".into()),
                messages: Messages::new(dynamodb(), "MessagesTable".into()),
                feedback: Feedback::new(&sdk(&simulator.url())),
            },
            opt_outs: OptOuts::new(dynamodb(), "OptOutsTable".into()),
            comparisons: Comparisons::new(dynamodb(), "LimitsTable".into()),
            list: OptOutList::new(&sdk(&simulator.url()), "Default".into()),
            spend_limit: SpendLimit::new(&sdk(&simulator.url())),
            lanes: Lanes::new(embedded.sqs.clone(), "http://queues/urgent".into(), "http://queues/bulk".into()),
            orders: OptOutOrders::new(embedded.sqs.clone(), "http://queues/inbound".into()),
            rules: Rules {
                house: House { link_domains: vec!["allthrive.ai".into()], support_contact: "support@allthrive.ai".into() },
                prices: "US=1000".parse().expect("prices"),
                quiet_hours: None,
                caps: Caps::default(),
                budget: Budget { monthly: MicroUsd(1_000_000), promotional: None, transactional: None, kept_percent: 20 },
            },
            resend_after: RESEND_AFTER,
            most: crate::reconciler::MOST,
        }
    }

    async fn with(self, rows: impl IntoIterator<Item = Message>) -> Self {
        for row in rows {
            self.reconciler.messages.write(&row).await.expect("write");
        }
        drop(self.embedded.calls.take());
        self
    }

    async fn run_at(&self, now: Timestamp) {
        self.reconciler.run(Timestamp::MAX, || now).await.expect("run");
    }

    async fn row(&self, id: u128) -> Message {
        self.reconciler.messages.get(Uuid::from_u128(id)).await.expect("get").expect("row")
    }

    async fn status(&self, id: u128) -> Status {
        self.row(id).await.status
    }

    /// When each message is due, as the index has it.
    async fn due(&self) -> BTreeMap<u128, Timestamp> {
        let rows = self.embedded.scan("MessagesTable").await.expect("scan");
        let id = |row: &Value| row["message_id"].as_str().expect("id").parse::<Uuid>().expect("id").as_u128();
        let at = |row: &Value| row["due_at"].as_str().map(|at| at.parse::<Timestamp>().expect("instant"));
        rows.iter().filter_map(|row| Some((id(row), at(row)?))).collect()
    }

    async fn due_at(&self, id: u128) -> Option<Timestamp> {
        self.due().await.remove(&id)
    }

    /// The jobs that a lane got so far.
    fn jobs(&self, lane: &str) -> Vec<u128> {
        let id = |body: &String| serde_json::from_str::<SendJob>(body).expect("a job").message_id.as_u128();
        self.embedded.queues.bodies(lane).iter().map(id).collect()
    }

    async fn change(&self, id: u128, change: Change, attempt: Option<u32>, now: Timestamp) -> Option<Message> {
        let lease = (change == Change::Claimed).then(|| sms::moment::text(now + LEASE));
        let notes = Notes::default().with("lease_until", lease).expect("notes");
        match self.reconciler.messages.change(Uuid::from_u128(id), change, attempt, notes, now).await.expect("change") {
            Changed::Yes(row) => Some(*row),
            Changed::No(_) => None,
        }
    }
}

/// What a sender does: takes each job once and claims its row. `texts` counts the claims that it won: the calls to AWS.
#[derive(Default)]
struct Sender {
    taken: BTreeMap<&'static str, usize>,
    texts: BTreeMap<u128, usize>,
}

impl Sender {
    /// Takes the jobs that came since the last time, and ends each of its claims with what `outcome` says; `None` dies.
    async fn work(&mut self, stage: &Stage, now: Timestamp, mut outcome: impl FnMut(&Message) -> Option<Change>) {
        for lane in ["urgent", "bulk"] {
            let taken = self.taken.entry(lane).or_default();
            let jobs = stage.jobs(lane).split_off(*taken);
            *taken += jobs.len();
            for id in jobs {
                let Some(row) = stage.change(id, Change::Claimed, None, now).await else { continue };
                if row.is_lapsed(now) {
                    stage.change(id, Change::Lapsed, Some(row.attempts), now).await;
                    continue;
                }
                *self.texts.entry(id).or_default() += 1;
                let Some(change) = outcome(&row) else { continue };
                stage.change(id, change, Some(row.attempts), now).await;
                if change == Change::Released {
                    // Its job comes again; that it went out is not so.
                    *self.texts.entry(id).or_default() -= 1;
                }
            }
        }
    }
}
