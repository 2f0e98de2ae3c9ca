//! The simulator at work: the core, with a clock, chance, and somebody to tell.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;
use sms::phone::PhoneNumber;
use tokio::sync::broadcast;
use tracing::warn;
use uuid::Uuid;

use crate::{
    console::Console,
    faults::Faults,
    outcomes::Answer,
    receipts::{Receipt, Sent},
    requests::SendTextMessage,
    sink::Sink,
    state::{Accepted, Declined, State, Stats, Taken, Text},
};

/// End User Messaging SMS and the phones behind it. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Simulator(Arc<Inner>);

/// Whom the simulator talks to.
#[derive(Debug, Default)]
pub struct Config {
    /// Where delivery events go.
    pub receipts: Sink,
    /// Where inbound texts go.
    pub inbound: Sink,
    /// What the page may look into.
    pub console: Console,
    /// What time it is.
    pub clock: Clock,
}

/// Tells the time: the one on the wall, unless a test has another.
#[derive(Clone)]
pub struct Clock(pub Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Timestamp::now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Clock({})", (self.0)())
    }
}

#[derive(Debug)]
struct Inner {
    config: Config,
    state: Mutex<State>,
    live: broadcast::Sender<Live>,
}

/// Something that the page wants to hear of at once.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Live {
    /// A text on a phone.
    Message {
        /// Whose.
        phone: PhoneNumber,
        /// The text.
        message: Text,
    },
    /// A text on a phone has another status.
    Status {
        /// Whose.
        phone: PhoneNumber,
        /// Which text.
        message_id: String,
        /// The status.
        status: &'static str,
    },
    /// The counts changed.
    Stats(Stats),
}

/// How far behind a page may fall before it is sent away to load everything anew.
const BACKLOG: usize = 4096;

impl Simulator {
    /// One without any texts, opt-outs or faults.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Inner { config, state: Mutex::default(), live: broadcast::channel(BACKLOG).0 }))
    }

    /// The core.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic under this lock leaves nothing half done that a development tool should die for.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0.config.clock.0)()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Live> {
        self.0.live.subscribe()
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state().stats.clone()
    }

    /// The faults in force.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    /// Other faults, from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().set_faults(faults);
    }

    /// The texts on a phone, oldest first.
    #[must_use]
    pub fn texts(&self, phone: &PhoneNumber) -> Vec<Text> {
        self.state().texts(phone).to_vec()
    }

    /// How many texts were taken for a message of ours.
    #[must_use]
    pub fn taken(&self, message_id: Uuid) -> u64 {
        self.state().taken(message_id)
    }

    /// Whether AWS's opt-out list has a number.
    #[must_use]
    pub fn is_opted_out(&self, phone: &PhoneNumber) -> bool {
        self.state().opt_outs.has(phone)
    }

    /// Puts a number on the opt-out list, as STOP does.
    pub fn opt_out(&self, phone: &PhoneNumber) {
        drop(self.state().opt_outs.put(phone, true, self.now()));
    }

    /// Forgets the statistics and the conversations.
    pub fn clear(&self) {
        self.state().clear();
        self.tell_stats();
    }

    /// A person texts us; answers the `inboundMessageId` once the text is published.
    pub async fn person_texts(&self, phone: &PhoneNumber, body: &str) -> anyhow::Result<String> {
        let inbound = self.state().person_texts(phone, body, [Uuid::new_v4(), Uuid::new_v4()], self.now());
        let id = inbound.text.message_id.clone();
        for message in std::iter::once(inbound.text).chain(inbound.network) {
            self.tell(Live::Message { phone: phone.clone(), message });
        }
        self.0.config.inbound.publish(inbound.payload).await?;
        Ok(id)
    }

    /// `SendTextMessage`; answers how to answer, and the `MessageId`.
    pub(crate) async fn send(&self, request: &SendTextMessage) -> Result<(Answer, String), Declined> {
        let accepted = self.state().send(request, Uuid::new_v4(), self.now())?;
        let taken = match accepted {
            Accepted::Rehearsed(id) => return Ok((Answer::Prompt, id)),
            Accepted::Taken(taken) => *taken,
        };
        let answer = (taken.answer, taken.sent.message_id.clone());
        self.tell(Live::Message { phone: taken.sent.phone.clone(), message: taken.text.clone() });
        self.follow(taken).await;
        Ok(answer)
    }

    /// Sees to the events of a text: those that are due now before anything is answered, the others in time.
    async fn follow(&self, taken: Taken) {
        let Taken { sent, receipts, is_published, .. } = taken;
        let (now, later): (Vec<_>, Vec<_>) = receipts.into_iter().partition(|(after, _)| after.is_zero() && self.faults().receipt_shuffle);
        for (_, receipt) in now {
            self.happens(&sent, receipt, is_published).await;
        }
        let this = self.clone();
        tokio::spawn(async move {
            let mut waited = Duration::ZERO;
            for (after, receipt) in later {
                tokio::time::sleep(after.saturating_sub(waited)).await;
                waited = after;
                this.happens(&sent, receipt, is_published).await;
            }
        });
    }

    async fn happens(&self, sent: &Sent, receipt: Receipt, is_published: bool) {
        let now = self.now();
        let (status, duplicate_rate) = {
            let mut state = self.state();
            (state.record(sent, receipt, now), state.faults.receipt_duplicate_rate)
        };
        if let Some(status) = status {
            self.tell(Live::Status { phone: sent.phone.clone(), message_id: sent.message_id.clone(), status });
            self.tell_stats();
        }
        let times = if chance(duplicate_rate) { 2 } else { 1 };
        for _ in 0..if is_published { times } else { 0 } {
            if let Err(error) = self.0.config.receipts.publish(receipt.event(sent, now)).await {
                warn!(error = format!("{error:#}"), message.id = sent.message_id, "a delivery event is lost");
            }
        }
    }

    pub(crate) fn tell_stats(&self) {
        self.tell(Live::Stats(self.stats()));
    }

    fn tell(&self, live: Live) {
        // Nobody may be listening.
        drop(self.0.live.send(live));
    }
}

/// True at the given rate.
pub(crate) fn chance(rate: f64) -> bool {
    let random = getrandom::u32().unwrap_or_default();
    // Neither rate 0 nor rate 1 is left to chance.
    f64::from(random) < rate * (f64::from(u32::MAX) + 1.0)
}
