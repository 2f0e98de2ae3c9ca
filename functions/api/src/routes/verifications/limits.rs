//! How often a code may be asked for: per number, per user, per address, once in 30 seconds, and by everybody together.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use sms::{event::UserId, lambda::jitter, limits::Limit, phone::PhoneNumber};
use tracing::error;
use uuid::Uuid;

use crate::{
    api::Api,
    problem::{Kind, Problem},
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

/// Who asks for a code.
pub struct Asker<'a> {
    pub user: &'a UserId,
    pub phone: &'a PhoneNumber,
    /// Where the person is, if anybody knows.
    pub address: Option<IpAddr>,
}

/// The rows that count what was done by a person, or by them to a number; those of the number itself are not theirs to erase: with them would go its protection.
pub fn ids_of(user: &UserId, phones: impl IntoIterator<Item = PhoneNumber>) -> Vec<String> {
    let to = phones.into_iter().map(|phone| format!("code/{user}/{}", phone.as_e164()));
    [format!("user/{user}")].into_iter().chain(to).collect()
}

/// The row that counts what was done to a number, by whomever.
pub fn id_of_number(phone: &PhoneNumber) -> String {
    format!("number/{}", phone.as_e164())
}

impl Asker<'_> {
    /// The rows that count, with what they may come to. The first is the person's and the number's, which names their verification.
    fn limits(&self) -> Vec<(String, &'static [Limit])> {
        let (user, phone) = (self.user, self.phone.as_e164());
        let mut limits: Vec<(String, &'static [Limit])> = vec![
            (format!("code/{user}/{phone}"), &PER_USER_AND_NUMBER),
            (format!("number/{phone}"), &PER_NUMBER),
            (format!("user/{user}"), &PER_USER),
        ];
        limits.extend(self.address.map(|address| (format!("address/{}", network(address)), &PER_ADDRESS[..])));
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

impl Api {
    /// Counts one more code of `asker`, or says how long to wait. Answers with the verification whose code it is: the one that lives, else `fresh`.
    ///
    /// All rows are written together, and only as they were read: however many ask at once, no limit is ever passed.
    pub async fn count_code(&self, asker: &Asker<'_>, fresh: Uuid, now: Timestamp) -> Result<Uuid, Problem> {
        let limits = asker.limits();
        let ids = limits.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        let mut shared = false;
        for _ in 0..TRIES {
            let tallies = self.limits.read(&ids).await?;
            if let Some(wait) = tallies.iter().zip(&limits).filter_map(|(tally, (_, limits))| tally.wait(limits, now)).max() {
                return Err(Problem::until(Kind::TooManyCodes, wait));
            }
            // Last, so that who is limited anyway takes nothing from everybody; once, however often this is tried.
            if !shared {
                self.count_for_everybody(now).await?;
                shared = true;
            }
            let verification = self.living(tallies[0].verification_id, now).await?.map_or(fresh, |living| living.verification_id);
            let mut after = tallies.iter().zip(&limits).map(|(tally, (_, limits))| tally.and(now, memory(limits))).collect::<Vec<_>>();
            after[0].verification_id = Some(verification);
            if self.limits.write(&after).await? {
                return Ok(verification);
            }
            tokio::time::sleep(std::time::Duration::from_secs_f64(0.05 * jitter())).await;
        }
        Err(Problem::until(Kind::TooManyCodes, SignedDuration::from_secs(1)))
    }

    /// The breaker: whatever goes wrong elsewhere, no more codes than this leave within an hour of the clock.
    async fn count_for_everybody(&self, now: Timestamp) -> Result<(), Problem> {
        let hour = now.as_second().div_euclid(3600);
        let ends = Timestamp::from_second((hour + 1) * 3600).map_err(anyhow::Error::from)?;
        if self.limits.count(format!("everybody/{hour}"), self.codes_per_hour, ends).await? {
            return Ok(());
        }
        error!(codes_per_hour = self.codes_per_hour, "the breaker is open: no more codes this hour");
        Err(Problem::until(Kind::TooManyCodes, ends.duration_since(now)))
    }
}

/// How long a row has to be remembered: as long as its longest limit looks back, and as long as a code lives.
fn memory(limits: &[Limit]) -> SignedDuration {
    limits.iter().map(|limit| limit.within).max().unwrap_or(DAY).max(sms::message::CODE_LIFE)
}
