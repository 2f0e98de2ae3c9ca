//! The reference's books: one line for every text that costs or counts, and sums over the lines.

use jiff::tz::TimeZone;

use super::{
    cast::{HOUR, KEPT_PERCENT, Limits, Moment, Money, Number, Person, TextId, timestamp},
    judge::day,
};

/// The months since year 0, by UTC.
pub type Month = i32;

#[derive(Debug, Clone)]
pub struct Line {
    pub id: TextId,
    pub promotional: bool,
    pub month: Month,
    /// What is reserved, and later what it has cost.
    pub amount: Money,
    /// How much of the amount was never reserved.
    pub unforeseen: Money,
    /// Where it is counted, if it is.
    pub place: Option<Place>,
}

/// Where a text is counted, whatever it costs.
#[derive(Debug, Clone)]
pub struct Place {
    pub person: Person,
    /// The day since 1970, by the person's own clock.
    pub day: Option<i64>,
    pub number: Number,
    pub goes_at: Moment,
    /// None for a code, which is never the same.
    pub words: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Ledger(pub Vec<Line>);

impl Ledger {
    pub fn committed(&self, month: Month) -> Money {
        self.of(month).map(|line| line.amount).sum()
    }

    pub fn committed_by(&self, promotional: bool, month: Month) -> Money {
        self.of(month).filter(|line| line.promotional == promotional).map(|line| line.amount).sum()
    }

    pub fn unforeseen_by(&self, promotional: bool, month: Month) -> Money {
        self.of(month).filter(|line| line.promotional == promotional).map(|line| line.unforeseen).sum()
    }

    fn of(&self, month: Month) -> impl Iterator<Item = &Line> {
        self.0.iter().filter(move |line| line.month == month)
    }

    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.iter().filter_map(|line| line.place.as_ref())
    }

    pub fn on_day(&self, person: Person, day: i64) -> usize {
        self.places().filter(|place| place.person == person && place.day == Some(day)).count()
    }

    /// The texts to `number` that go less than an hour before or after `moment`.
    pub fn near(&self, number: Number, moment: Moment) -> impl Iterator<Item = &Place> {
        self.places().filter(move |place| place.number == number && (place.goes_at - moment).abs() < HOUR)
    }

    pub fn day_has_room(&self, limits: &Limits, person: Person, day: i64) -> bool {
        self.on_day(person, day) < limits.per_day
    }

    pub fn hour_has_room(&self, limits: &Limits, place: &Place) -> bool {
        let near = || self.near(place.number, place.goes_at);
        let same = near().filter(|other| place.words.is_some() && other.words == place.words).count();
        near().count() < limits.any_per_hour && same < limits.same_per_hour
    }

    pub fn can_pay(&self, limits: &Limits, promotional: bool, month: Month, price: Money) -> bool {
        let kept = if promotional { Money::from(KEPT_PERCENT) } else { 0 };
        let own = if promotional { limits.promotional } else { limits.transactional };
        let fits = |committed: Money, most: Money| committed + price <= most;
        fits(self.committed(month), limits.monthly * (100 - kept) / 100) && own.is_none_or(|own| fits(self.committed_by(promotional, month), own))
    }

    /// Lets a text count where it goes if it goes at `moment`, if there is room for it there.
    pub fn move_to(&mut self, id: TextId, moment: Moment, limits: &Limits) -> bool {
        let old = self.line(id).expect("a line").clone();
        let place = old.place.as_ref().expect("a place");
        let moved = Place { day: place.day.map(|_| day(place.number, moment)), goes_at: moment, ..place.clone() };
        let month = month(moment);
        if old.is_of(month, moved.day) {
            return true;
        }
        self.strike_out(id);
        let has_room = moved.day.is_none_or(|day| place.day == Some(day) || self.day_has_room(limits, moved.person, day))
            && self.hour_has_room(limits, &moved)
            && (old.month == month || self.can_pay(limits, old.promotional, month, old.amount));
        self.0.push(if has_room { Line { month, place: Some(moved), ..old } } else { old });
        has_room
    }

    pub fn line(&self, id: TextId) -> Option<&Line> {
        self.0.iter().find(|line| line.id == id)
    }

    pub fn correct(&mut self, id: TextId, amount: Money, unforeseen: Money) {
        for line in self.0.iter_mut().filter(|line| line.id == id) {
            (line.amount, line.unforeseen) = (amount, unforeseen);
        }
    }

    pub fn strike_out(&mut self, id: TextId) {
        self.0.retain(|line| line.id != id);
    }

    /// Drops what is over. Last month's texts may still be under way.
    pub fn turn_the_page(&mut self, now: Moment) {
        let month = month(now);
        self.0.retain(|line| line.month >= month - 1);
    }
}

impl Line {
    pub fn is_of(&self, month: Month, day: Option<i64>) -> bool {
        self.month == month && self.place.as_ref().is_some_and(|place| place.day == day)
    }
}

pub fn month(moment: Moment) -> Month {
    let date = timestamp(moment).to_zoned(TimeZone::UTC).date();
    i32::from(date.year()) * 12 + i32::from(date.month()) - 1
}

/// The name of a month, such as `2026-11`.
pub fn name(month: Month) -> String {
    format!("{}-{:02}", month / 12, month % 12 + 1)
}
