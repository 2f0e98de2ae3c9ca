//! Quiet hours: when a promotional text may reach a person, by the clock on their wall.

use std::{fmt, str::FromStr};

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use uuid::Uuid;

use crate::{
    area_codes::{self, FIFTY_STATES},
    phone::PhoneNumber,
};

/// From when until when on any day texts may be sent, before a state says less: from the first second of `open`, up to and without `close`. Written `08:00-21:00`.
///
/// Eight to nine is 47 CFR 64.1200(c)(1): nothing "before the hour of 8 a.m. or after 9 p.m. (local time at the called party's location)".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendingHours {
    open: Time,
    close: Time,
}

/// Why a text is no such hours.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not sending hours: wants two times of one day with a dash between, the earlier first, such as 08:00-21:00")]
pub struct NotSendingHours;

/// The hours of a state that allows less than the federal rule: Monday to Friday, Saturday, Sunday; `None` for a day without any.
struct StateHours {
    state: &'static str,
    days: [Option<(i8, i8)>; 3],
}

const fn every_day(state: &'static str, open: i8, close: i8) -> StateHours {
    StateHours { state, days: [Some((open, close)); 3] }
}

/// States that allow less, also for texts, and also for texts to people who agreed to them, as far as their courts have said.
/// States that exempt who agreed (AL, LA, MS, RI, UT), or mean calls by voice, are left to the federal rule.
const STATES: &[StateHours] = &[
    // Conn. Gen. Stat. § 42-288a
    every_day("CT", 9, 20),
    // Fla. Stat. § 501.616(6)(a)
    every_day("FL", 8, 20),
    // Md. Code, Com. Law § 14-4502 ff. (Stop the Spam Calls Act)
    every_day("MD", 8, 20),
    // Okla. Stat. tit. 15, § 775C.4
    every_day("OK", 8, 20),
    // Tex. Bus. & Com. Code § 301.051; texts since SB 140 of 2025
    StateHours { state: "TX", days: [Some((9, 21)), Some((9, 21)), Some((12, 21))] },
    // RCW 80.36.390
    every_day("WA", 8, 20),
];

/// The clocks and the law that a text to somebody has to keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    zones: Vec<TimeZone>,
    state: Option<&'static str>,
}

/// What quiet hours say of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// It may be sent, if it is before this.
    Until(Timestamp),
    /// It may not be sent before the first, and then until the second.
    Held(Timestamp, Timestamp),
    /// There is no moment of the day at which it may be sent.
    Always,
}

/// When a promotional text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// As soon as it can.
    Now,
    /// It is held until then.
    At(Timestamp),
    /// It would have to be held until then, and is of no use any more when that comes.
    TooLate(Timestamp),
    /// There is no moment of the day at which it may go.
    Never,
}

/// Held texts of one morning leave within this time, so that eight o'clock is no burst.
pub const SPREAD: SignedDuration = SignedDuration::from_mins(20);

/// What a released text needs to get out: the reconciler comes by once a minute, spreads its texts over the next, and then their lane has them.
const WAY_OUT: SignedDuration = SignedDuration::from_mins(2);

/// How far to look for an opening: a week has every weekday's rule in it.
const DAYS_AHEAD: i32 = 8;

impl Default for SendingHours {
    fn default() -> Self {
        Self { open: Time::constant(8, 0, 0, 0), close: Time::constant(21, 0, 0, 0) }
    }
}

impl SendingHours {
    /// What is left of these hours on a weekday in a state; `None` if nothing is.
    fn on(&self, weekday: Weekday, state: Option<&str>) -> Option<(Time, Time)> {
        let Some(rule) = STATES.iter().find(|rule| Some(rule.state) == state) else { return Some((self.open, self.close)) };
        let (open, close) = match weekday {
            Weekday::Saturday => rule.days[1],
            Weekday::Sunday => rule.days[2],
            _ => rule.days[0],
        }?;
        let (open, close) = (self.open.max(Time::constant(open, 0, 0, 0)), self.close.min(Time::constant(close, 0, 0, 0)));
        (open < close).then_some((open, close))
    }
}

impl Place {
    /// Where `phone` is, as far as anybody can tell: the zone is the person's `setting`, else all those of the area code; the state is the area code's.
    ///
    /// `None` for a number outside the North American plan whose owner has set no zone: nobody knows what time it is there.
    #[must_use]
    pub fn of(phone: &PhoneNumber, setting: Option<&str>) -> Option<Self> {
        let set = setting.and_then(|name| TimeZone::get(name).ok());
        let area = phone.area_code().map(area_codes::area);
        let names = match area {
            Some(area) => area.map_or(FIFTY_STATES, |area| area.zones),
            None => &[],
        };
        let zones = set.map_or_else(|| names.iter().filter_map(|name| TimeZone::get(name).ok()).collect(), |zone| vec![zone]);
        (!zones.is_empty()).then(|| Self { zones, state: area.flatten().map(|area| area.state) })
    }

    /// The day that it is there at `now`, such as `2026-11-22`; the earliest one, where zones differ.
    #[must_use]
    pub fn day(&self, now: Timestamp) -> String {
        let days = self.zones.iter().map(|zone| now.to_zoned(zone.clone()).date());
        days.min().map(|day| day.to_string()).unwrap_or_default()
    }

    /// Whether a promotional text may be sent at `now`, or when.
    #[must_use]
    pub fn quiet(&self, hours: &SendingHours, now: Timestamp) -> Quiet {
        // Where the hours of several zones overlap, that overlap begins with the opening of one of them.
        let openings = self.zones.iter().flat_map(|zone| self.days(zone, hours, now)).map(|(open, _)| open).filter(|open| *open > now);
        let mut openings = openings.collect::<Vec<_>>();
        openings.sort();
        let found = std::iter::once(now).chain(openings).find_map(|moment| Some((moment, self.closing(hours, moment)?)));
        match found {
            Some((open, close)) if open == now => Quiet::Until(close),
            Some((open, close)) => Quiet::Held(open, close),
            None => Quiet::Always,
        }
    }

    /// The first closing after `moment`, if every zone is open then.
    fn closing(&self, hours: &SendingHours, moment: Timestamp) -> Option<Timestamp> {
        let closing = |zone| self.days(zone, hours, moment).find(|(open, close)| *open <= moment && moment < *close).map(|(_, close)| close);
        let closings = self.zones.iter().map(closing).collect::<Option<Vec<_>>>()?;
        closings.into_iter().min()
    }

    /// Openings and closings in `zone`, from the day of `now` on.
    fn days(&self, zone: &TimeZone, hours: &SendingHours, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = now.to_zoned(zone.clone()).date();
        (0..DAYS_AHEAD).filter_map(move |ahead| {
            let day = today.checked_add(ahead.days()).ok()?;
            let (open, close) = hours.on(day.weekday(), self.state)?;
            let at = |time| zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok();
            Some((at(open)?, at(close)?))
        })
    }
}

/// When the text `id` to `place` goes, if it is decided at `now` and of use until `useful_until`.
#[must_use]
pub fn slot(id: Uuid, place: &Place, hours: &SendingHours, useful_until: Timestamp, now: Timestamp) -> Slot {
    match place.quiet(hours, now) {
        Quiet::Until(_) => Slot::Now,
        Quiet::Held(open, _) if useful_until <= open => Slot::TooLate(open),
        Quiet::Held(open, close) => Slot::At(release(id, open, close.min(useful_until))),
        Quiet::Always => Slot::Never,
    }
}

/// When the text `id`, held until `open`, is let go: somewhere within the first minutes, always the same, and early enough to get out before `end`, or at `open` itself.
fn release(id: Uuid, open: Timestamp, end: Timestamp) -> Timestamp {
    let room = SPREAD.min(end.duration_since(open) - WAY_OUT).as_millis();
    let room = u64::try_from(room).unwrap_or_default().max(1);
    // The id is a hash, or random: its last bits are as good as any.
    let offset = id.as_u64_pair().1 % room;
    open + SignedDuration::from_millis(i64::try_from(offset).unwrap_or_default())
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zones = self.zones.iter().filter_map(TimeZone::iana_name).collect::<Vec<_>>();
        write!(f, "{}", zones.join(", "))?;
        self.state.map_or(Ok(()), |state| write!(f, " ({state})"))
    }
}

impl FromStr for SendingHours {
    type Err = NotSendingHours;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (open, close) = text.split_once('-').ok_or(NotSendingHours)?;
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).map_err(|_| NotSendingHours);
        let (open, close) = (time(open)?, time(close)?);
        if open < close { Ok(Self { open, close }) } else { Err(NotSendingHours) }
    }
}

impl fmt::Display for SendingHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.open.strftime("%H:%M"), self.close.strftime("%H:%M"))
    }
}

#[cfg(test)]
#[path = "quiet_hours/tests.rs"]
mod tests;
