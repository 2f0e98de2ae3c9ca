//! Codes: how often one may be asked for (per number, per user, per address, once in 30 seconds, and by everybody together), and whether they come back.
//!
//! Whoever asks, and however, asks here: the same rows count for all of them.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use tracing::{error, info};
use uuid::Uuid;

use super::{Limits, Verifications};
use crate::{
    conversion::{self, Block, Count},
    event::UserId,
    gates::Gate,
    lambda::jitter,
    limits::{Limit, Tally},
    metrics::{self, Metric},
    phone::PhoneNumber,
    verification::Verification,
};

/// Between two texts with a code of the same person to the same number.
pub const RESEND_GAP: SignedDuration = SignedDuration::from_secs(30);

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const PER_NUMBER: [Limit; 2] = [Limit::new(5, HOUR), Limit::new(10, DAY)];
const PER_USER: [Limit; 1] = [Limit::new(10, DAY)];
const PER_ADDRESS: [Limit; 1] = [Limit::new(20, HOUR)];
const PER_USER_AND_NUMBER: [Limit; 1] = [Limit::new(1, RESEND_GAP)];

/// How often a request is tried again when others are faster. Each time somebody wins, so that the limit itself ends most of it.
const TRIES: u32 = 25;

/// A code that ends sooner than this is not said once more: it would hardly arrive in time.
const WORTH_REPEATING: SignedDuration = SignedDuration::from_secs(60);

/// The limits table and the verifications table, as far as codes go.
#[derive(Debug, Clone)]
pub struct Codes {
    /// What was asked for lately.
    pub limits: Limits,
    /// What the codes are made from.
    pub verifications: Verifications,
    /// How many codes may be texted within an hour of the clock, to all numbers together.
    pub per_hour: u64,
}

/// Who asks for a code.
#[derive(Debug)]
pub struct Asker<'a> {
    /// The person.
    pub user: &'a UserId,
    /// The number that they want to prove.
    pub phone: &'a PhoneNumber,
    /// Where the person is, if anybody knows.
    pub address: Option<IpAddr>,
    /// Whether it is their proven number already: no pump owns one, so that a block of its prefix does not concern them.
    pub has_proven: bool,
    /// Whether the gates let a code through to it. If not, the limits count all the same, for nobody may see that; but what is not sent cannot come back.
    pub is_sent: bool,
}

/// What came of asking.
#[derive(Debug)]
pub enum Asked {
    /// This is what the code of the message is made from: a fresh row, or one that repeats the code that lives. It is written, and the message may follow.
    Granted(Box<Verification>),
    /// There is no code now.
    Refused(Refusal),
}

/// Why there is no code now, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is in the way.
    pub why: Why,
    /// How long it will be.
    pub wait: SignedDuration,
}

/// What is in the way of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The person had one for this number less than [`RESEND_GAP`] ago.
    TooSoon,
    /// The number had its codes.
    Number,
    /// The person had theirs.
    Person,
    /// The address had its codes.
    Address,
    /// Everybody together had theirs: the breaker.
    Everybody,
    /// The prefix of the number is blocked.
    Blocked(Block),
    /// Nothing is, but too many asked at this very moment. Nothing was counted.
    Crowd,
}

/// A row that counts, what it may come to, and what it means if that is too much.
type Counted = (String, &'static [Limit], Why);

/// The rows that count what was done by a person, or by them to a number; those of the number itself are not theirs to erase: with them would go its protection.
pub fn ids_of(user: &UserId, phones: impl IntoIterator<Item = PhoneNumber>) -> Vec<String> {
    let to = phones.into_iter().map(|phone| id_of_pair(user, &phone));
    [id_of_user(user)].into_iter().chain(to).collect()
}

/// The row that counts what was done to a number, by whomever.
#[must_use]
pub fn id_of_number(phone: &PhoneNumber) -> String {
    format!("number/{}", phone.as_e164())
}

fn id_of_user(user: &UserId) -> String {
    format!("user/{user}")
}

fn id_of_pair(user: &UserId, phone: &PhoneNumber) -> String {
    format!("code/{user}/{}", phone.as_e164())
}

impl Asker<'_> {
    /// The rows that count. The first is the person's and the number's, which names their verification.
    fn limits(&self) -> Vec<Counted> {
        let mut limits: Vec<Counted> = vec![
            (id_of_pair(self.user, self.phone), &PER_USER_AND_NUMBER, Why::TooSoon),
            (id_of_number(self.phone), &PER_NUMBER, Why::Number),
            (id_of_user(self.user), &PER_USER, Why::Person),
        ];
        limits.extend(self.address.map(|address| (format!("address/{}", network(address)), &PER_ADDRESS[..], Why::Address)));
        limits
    }
}

/// Whoever has one IPv6 address has the 2⁶⁴ beside it.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            format!("{:x}:{:x}:{:x}:{:x}", address.segments()[0], address.segments()[1], address.segments()[2], address.segments()[3])
        }
    }
}

impl Refusal {
    /// The gate that it is in the row of a text, and the words for it; `None` for a crowd, which says nothing about the text: it may be tried again.
    #[must_use]
    pub fn gate(&self) -> Option<(Gate, String)> {
        let wait = self.wait.as_secs() + i64::from(self.wait.subsec_nanos() > 0);
        let detail = |who: &str| format!("{who}: the next code in {wait} s");
        Some(match &self.why {
            Why::Person => (Gate::UserDailyCap, detail("the person had 10 codes within 24 hours")),
            Why::Number => (Gate::CarrierHourlyCap, detail("the number had 5 codes within an hour, or 10 within 24")),
            Why::TooSoon => (Gate::CarrierHourlyCap, detail("the person had a code for this number less than 30 s ago")),
            Why::Address => (Gate::CarrierHourlyCap, detail("the person's address had 20 codes within an hour")),
            Why::Everybody => (Gate::CarrierHourlyCap, detail("everybody together had all codes of this hour")),
            Why::Blocked(block) => (Gate::Country, block.detail()),
            Why::Crowd => return None,
        })
    }
}

impl Codes {
    /// Counts one more code of `asker`, for the text `message_id`, and writes what it is made from; or says how long to wait.
    ///
    /// All rows are counted together, and only as they were read: however many ask at once, no limit is ever passed. The same message is counted once, however
    /// often this is repeated before `asker` asks for another.
    pub async fn ask(&self, asker: &Asker<'_>, message_id: Uuid, random: [u8; 16], now: Timestamp) -> anyhow::Result<Asked> {
        let limits = asker.limits();
        let ids = limits.iter().map(|(id, ..)| id.clone()).collect::<Vec<_>>();
        let fresh = || Verification::new(message_id, asker.user.clone(), asker.phone.clone(), random, now);
        let mut block = None;
        for attempt in 0..TRIES {
            let tallies = self.limits.read(&ids).await?;
            if tallies[0].message_id == Some(message_id) {
                return self.grant(tallies[0].verification_id, fresh(), now).await;
            }
            if let Some(refusal) = refusal(&tallies, &limits, now) {
                return Ok(Asked::Refused(refusal));
            }
            if attempt == 0 {
                block = self.block(asker, now).await?;
                // Last, so that who is limited anyway takes nothing from everybody; once, however often this is tried.
                if block.is_none()
                    && let Some(refusal) = self.count_for_everybody(now).await?
                {
                    return Ok(Asked::Refused(refusal));
                }
            }
            let living = self.living(tallies[0].verification_id, now).await?.map(|living| living.verification_id);
            let mut after = tallies.iter().zip(&limits).map(|(tally, (_, limits, _))| tally.and(now, memory(limits))).collect::<Vec<_>>();
            if block.is_none() {
                after[0].verification_id = Some(living.unwrap_or(message_id));
                after[0].message_id = Some(message_id);
            }
            if self.limits.write(&after).await? {
                return match block {
                    Some(block) => Ok(blocked(block, now)),
                    None => self.granted(asker, after[0].verification_id, fresh(), now).await,
                };
            }
            tokio::time::sleep(std::time::Duration::from_secs_f64(0.05 * jitter())).await;
        }
        Ok(Asked::Refused(Refusal { why: Why::Crowd, wait: SignedDuration::from_secs(1) }))
    }

    /// Why [`Self::ask`] would refuse `asker` at `now`. Nothing is counted.
    pub async fn foresee(&self, asker: &Asker<'_>, message_id: Uuid, now: Timestamp) -> anyhow::Result<Option<Refusal>> {
        let limits = asker.limits();
        let tallies = self.limits.read(&limits.iter().map(|(id, ..)| id.clone()).collect::<Vec<_>>()).await?;
        if tallies[0].message_id == Some(message_id) {
            return Ok(None);
        }
        if let Some(refusal) = refusal(&tallies, &limits, now) {
            return Ok(Some(refusal));
        }
        if let Some((block, _)) = self.foresee_block(asker, now).await? {
            return Ok(Some(Refusal { wait: block.blocked_until.duration_since(now), why: Why::Blocked(block) }));
        }
        let (id, ends) = hour(now)?;
        let is_open = self.limits.counted(id).await? >= self.per_hour;
        Ok(is_open.then(|| Refusal { why: Why::Everybody, wait: ends.duration_since(now) }))
    }

    /// A code came back. For who used it up, and nobody else: each counts once.
    pub async fn came_back(&self, verification: &Verification, now: Timestamp) -> anyhow::Result<()> {
        metrics::emit(now, Metric::CodesBack, 1.0);
        self.limits.convert(conversion::prefix(&verification.phone), verification.created_at, Count { asked: 0, back: 1 }).await
    }

    /// The verification `id`, if its code may be said once more.
    async fn living(&self, id: Option<Uuid>, now: Timestamp) -> anyhow::Result<Option<Verification>> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.verifications.get(id).await?.filter(|verification| verification.is_open(now + WORTH_REPEATING)))
    }

    /// A code was just counted.
    async fn granted(&self, asker: &Asker<'_>, id: Option<Uuid>, fresh: Verification, now: Timestamp) -> anyhow::Result<Asked> {
        if id == Some(fresh.verification_id) {
            // Written in any case: how long an answer takes must not tell whether a code goes out.
            let count = Count { asked: u64::from(asker.is_sent), back: 0 };
            self.limits.convert(conversion::prefix(asker.phone), now, count).await?;
            if asker.is_sent {
                metrics::emit(now, Metric::CodesAsked, 1.0);
            }
        }
        self.grant(id, fresh, now).await
    }

    /// Writes what the code is made from: the verification `id` again if it lives, else `fresh`.
    async fn grant(&self, id: Option<Uuid>, fresh: Verification, now: Timestamp) -> anyhow::Result<Asked> {
        if id == Some(fresh.verification_id) {
            // There is one already if this is a repeat after a crash: then that holds.
            let verification = match self.verifications.get(fresh.verification_id).await? {
                Some(there) => there,
                None => fresh,
            };
            self.verifications.write(&verification).await?;
            return Ok(Asked::Granted(Box::new(verification)));
        }
        if let Some(living) = self.living(id, now).await?
            && let Some(repeated) = self.verifications.repeat(&living, fresh.verification_id).await?
        {
            return Ok(Asked::Granted(Box::new(repeated)));
        }
        self.verifications.write(&fresh).await?;
        Ok(Asked::Granted(Box::new(fresh)))
    }

    /// The block of the number's prefix, and its figures if it is to begin now.
    async fn foresee_block(&self, asker: &Asker<'_>, now: Timestamp) -> anyhow::Result<Option<(Block, Option<Count>)>> {
        if asker.has_proven {
            return Ok(None);
        }
        let prefix = conversion::prefix(asker.phone);
        if let Some(block) = self.limits.blocked(prefix, now).await? {
            return Ok(Some((block, None)));
        }
        let (recent, past) = self.limits.conversion(prefix, now).await?;
        if !conversion::has_collapsed(recent, past) {
            return Ok(None);
        }
        Ok(Some((Block::new(prefix, recent, now), Some(recent))))
    }

    /// The block of the number's prefix, old or new.
    async fn block(&self, asker: &Asker<'_>, now: Timestamp) -> anyhow::Result<Option<Block>> {
        let Some((block, begins)) = self.foresee_block(asker, now).await? else { return Ok(None) };
        if let Some(recent) = begins
            && self.limits.block(&block, now).await?
        {
            error!(prefix = block.prefix(), codes.asked = recent.asked, codes.back = recent.back, "conversion collapsed: the prefix is blocked");
            metrics::emit(now, Metric::ConversionCollapsed, 1.0);
        }
        Ok(Some(block))
    }

    /// The breaker: whatever goes wrong elsewhere, no more codes than this leave within an hour of the clock.
    async fn count_for_everybody(&self, now: Timestamp) -> anyhow::Result<Option<Refusal>> {
        let (id, ends) = hour(now)?;
        if self.limits.count(id, self.per_hour, ends).await? {
            return Ok(None);
        }
        error!(codes_per_hour = self.per_hour, "the breaker is open: no more codes this hour");
        Ok(Some(Refusal { why: Why::Everybody, wait: ends.duration_since(now) }))
    }
}

/// The row of the clock's hour, and when that ends.
fn hour(now: Timestamp) -> anyhow::Result<(String, Timestamp)> {
    let hour = now.as_second().div_euclid(3600);
    Ok((format!("everybody/{hour}"), Timestamp::from_second((hour + 1) * 3600)?))
}

fn blocked(block: Block, now: Timestamp) -> Asked {
    info!(prefix = block.prefix(), "no code: the prefix is blocked");
    metrics::emit(now, Metric::CodesBlocked, 1.0);
    Asked::Refused(Refusal { wait: block.blocked_until.duration_since(now), why: Why::Blocked(block) })
}

/// The limit that has to be waited for the longest.
fn refusal(tallies: &[Tally], limits: &[Counted], now: Timestamp) -> Option<Refusal> {
    let refusals =
        tallies.iter().zip(limits).filter_map(|(tally, (_, limits, why))| Some(Refusal { wait: tally.wait(limits, now)?, why: why.clone() }));
    refusals.max_by_key(|refusal| refusal.wait)
}

/// How long a row has to be remembered: as long as its longest limit looks back, and as long as a code lives.
fn memory(limits: &[Limit]) -> SignedDuration {
    limits.iter().map(|limit| limit.within).max().unwrap_or(DAY).max(crate::message::CODE_LIFE)
}
