//! How long a battle lasts from now on, never more than it does.

use jiff::{Timestamp, civil::Date, tz};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

enum Left {
    /// Under a minute.
    Moments,
    /// Up to a week, in its two largest units, rounded down.
    Span { days: i64, hours: i64, minutes: i64 },
    /// Longer: its last day.
    Until(Date),
}

pub(super) fn in_english(ends_at: Timestamp, now: Timestamp) -> String {
    match Left::from(ends_at, now) {
        Left::Moments => "in less than a minute".to_owned(),
        Left::Span { days, hours, minutes } => format!("in {}", span(days, hours, minutes, ["day", "days"])),
        Left::Until(date) => format!("on {}", date.strftime("%b %-d, %Y")),
    }
}

pub(super) fn in_spanish(ends_at: Timestamp, now: Timestamp) -> String {
    const MONTHS: [&str; 12] = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"];
    match Left::from(ends_at, now) {
        Left::Moments => "en menos de un minuto".to_owned(),
        Left::Span { days, hours, minutes } => format!("en {}", span(days, hours, minutes, ["día", "días"])),
        Left::Until(date) => {
            let month = MONTHS.iter().zip(1..).find(|(_, number)| *number == date.month()).map_or("", |(name, _)| name);
            format!("el {} {month} {}", date.day(), date.year())
        }
    }
}

fn span(days: i64, hours: i64, minutes: i64, [day, many_days]: [&str; 2]) -> String {
    let day = if days == 1 { day } else { many_days };
    match (days, hours, minutes) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} {day}"),
        (days, hours, _) => format!("{days} {day} {hours} h"),
    }
}

impl Left {
    fn from(ends_at: Timestamp, now: Timestamp) -> Self {
        let seconds = ends_at.duration_since(now).as_secs();
        if seconds < MINUTE {
            Self::Moments
        } else if seconds <= 7 * DAY {
            Self::Span { days: seconds / DAY, hours: seconds % DAY / HOUR, minutes: seconds % HOUR / MINUTE }
        } else {
            // Where the day begins last: wherever the reader is, the battle lasts to that day at least.
            Self::Until(tz::offset(-12).to_datetime(ends_at).date())
        }
    }
}
