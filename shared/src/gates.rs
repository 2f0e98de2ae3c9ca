//! The gates: everything that can keep a text from being written, in one order, and why.
//!
//! Pure: the same case at the same instant is always decided the same.

use std::cell::OnceCell;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    books::Books,
    budget::{self, Budget, Reserved, Spent},
    caps::{self, Caps, Day, Hours},
    content::{Content, DirectMessage},
    event::Event,
    kind::{Class, Kind},
    message::{Entered, Message, Status, useful_until},
    moment,
    money::{MicroUsd, Prices},
    opt_out::OptOut,
    phone::{Country, PhoneNumber},
    quiet_hours::{self, Place, SendingHours, Slot},
    recipient::{Consent, Recipient},
    text::{self, CODE_PLACEHOLDER, House, Locale, Text, Unfit},
};

/// A gate, by the name it has in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The record is an event of ours. One that is not goes to the dead-letter queue: it has no row.
    Schema,
    /// The event was not seen before. The conditional write of the row is this gate.
    Duplicate,
    /// We know the person, and a number of theirs.
    Recipient,
    /// They proved the number.
    PhoneVerified,
    /// The number is in a country that we may text.
    Country,
    /// Nobody with this number said stop.
    OptOut,
    /// They said yes, with this number.
    Consent,
    /// The master switch is on.
    MasterSwitch,
    /// The switch of its category is on.
    Category,
    /// They are not in the app, where they would see it anyway.
    Offline,
    /// It is still of use.
    Expiry,
    /// It can be put into words that we may send.
    Content,
    /// It is daytime where they are.
    QuietHours,
    /// They had few texts today.
    UserDailyCap,
    /// The number had few texts this hour.
    CarrierHourlyCap,
    /// There is money left.
    Budget,
}

/// What a gate said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Pass,
    /// Go on: this kind of text does not meet this gate.
    Skip,
    /// Go on, but not before the morning.
    Hold,
    /// Stop here.
    Fail,
}

/// One gate's word, as the row keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which gate.
    pub gate: Gate,
    /// What it said.
    pub verdict: Verdict,
    /// Why, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What the house decides for everybody.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How texts sound, and where their links may lead.
    pub house: House,
    /// The countries that may be texted, with what a part costs there.
    pub prices: Prices,
    /// When promotional texts may be sent; `None` for at any time.
    pub quiet_hours: Option<SendingHours>,
    /// How many texts anybody gets.
    pub caps: Caps,
    /// What may be spent within a month.
    pub budget: Budget,
}

/// Who was seen in the app this recently needs no text about a message there.
pub const ONLINE_FOR: SignedDuration = SignedDuration::from_mins(5);

/// Why a promotional text may not go where the hour is not known.
pub const NOBODY_KNOWS_THE_TIME: &str = "nobody knows what time it is there: the recipient has no time zone";

/// An event and all that decides about it.
struct Case<'a> {
    message_id: Uuid,
    event: &'a Event,
    content: Content,
    recipient: Option<&'a Recipient>,
    opt_out: Option<&'a OptOut>,
    books: &'a Books,
    rules: &'a Rules,
    now: Timestamp,
    useful_until: Timestamp,
    /// When it would go, if nothing but the hour mattered; `None` where nobody knows what time it is there.
    slot: Option<Slot>,
    text: OnceCell<Result<Text, Unfit>>,
}

type Judge = fn(&Case<'_>) -> Ruling;

/// A gate's word before it is written down.
enum Ruling {
    Pass,
    Skip(&'static str),
    /// Not before the morning.
    Hold(String),
    Fail(String),
    /// It will be of no use any more when it could go.
    TooLate(String),
}

/// The order is a contract: readers of rows rely on it.
///
/// `Schema` comes before this list and `Duplicate` after it, since only reading the record and writing the row can tell.
/// The last three are decided by what was counted until now, and the write that counts the text makes sure of them.
const GATES: [(Gate, Judge); 14] = [
    (Gate::Recipient, recipient),
    (Gate::PhoneVerified, phone_verified),
    (Gate::Country, country),
    (Gate::OptOut, opt_out),
    (Gate::Consent, consent),
    (Gate::MasterSwitch, master_switch),
    (Gate::Category, category),
    (Gate::Offline, offline),
    (Gate::Expiry, expiry),
    (Gate::Content, content),
    (Gate::QuietHours, quiet_hours),
    (Gate::UserDailyCap, user_daily_cap),
    (Gate::CarrierHourlyCap, carrier_hourly_cap),
    (Gate::Budget, budget),
];

/// The number that `event` would be texted to, whatever the gates say of it.
#[must_use]
pub fn addressee<'a>(event: &'a Event, recipient: Option<&'a Recipient>) -> Option<&'a PhoneNumber> {
    match &event.content {
        Content::PhoneVerification(data) => Some(&data.phone),
        _ => recipient.and_then(|recipient| recipient.phone.as_ref()),
    }
}

/// Takes `event` through all gates, and answers with its row: `pending` or `held` if all let it through, else `suppressed` or `expired` with the gate that said no.
#[must_use]
pub fn decide(event: &Event, recipient: Option<&Recipient>, opt_out: Option<&OptOut>, books: &Books, rules: &Rules, now: Timestamp) -> Message {
    let content = text::harmless(event.content.clone());
    let useful_until = end(event, now);
    let case = Case {
        message_id: event.message_id(),
        event,
        content,
        recipient,
        opt_out,
        books,
        rules,
        now,
        useful_until,
        slot: slot(event, recipient, rules, useful_until, now),
        text: OnceCell::new(),
    };
    let (gates, status) = judge(&case);
    let row = row(&case, gates, status);
    // Of an erased person nothing is written down, not even what they did not get. Who wants to prove a number is about to come back.
    let gone = recipient.is_some_and(|recipient| recipient.erased) && case.kind() != Kind::PhoneVerification;
    if gone { row.erased(now) } else { row }
}

/// The rows of the limits table that [`decide`] will ask the books for.
#[must_use]
pub fn counted_in(event: &Event, recipient: Option<&Recipient>, rules: &Rules, now: Timestamp) -> Vec<String> {
    let at = goes_at(event, recipient, rules, now);
    let day = (event.content.kind().class() == Class::Promotional).then(|| Day::key(&event.user_id, &day(event, recipient, at)));
    let hours = addressee(event, recipient).map(Hours::key);
    day.into_iter().chain(hours).chain([Spent::key(&budget::month(at))]).collect()
}

/// When a text that is decided at `now` goes, as far as anybody knows.
#[must_use]
pub fn goes_at(event: &Event, recipient: Option<&Recipient>, rules: &Rules, now: Timestamp) -> Timestamp {
    match slot(event, recipient, rules, end(event, now), now) {
        Some(Slot::At(release)) => release,
        _ => now,
    }
}

/// When the text stops being useful: by its event, or by its kind if that is sooner.
fn end(event: &Event, now: Timestamp) -> Timestamp {
    let natural_end = useful_until(&event.content, now);
    event.expirytime.map_or(natural_end, |end| end.min(natural_end))
}

/// The day that it is for the person at `at`.
fn day(event: &Event, recipient: Option<&Recipient>, at: Timestamp) -> String {
    day_in(place(event, recipient).as_ref(), at)
}

fn day_in(place: Option<&Place>, at: Timestamp) -> String {
    place.map_or_else(|| at.to_zoned(TimeZone::UTC).date().to_string(), |place| place.day(at))
}

/// When a promotional text would go, were it only for the hour.
fn slot(event: &Event, recipient: Option<&Recipient>, rules: &Rules, useful_until: Timestamp, now: Timestamp) -> Option<Slot> {
    let Some(hours) = rules.quiet_hours.filter(|_| event.content.kind().class() == Class::Promotional) else { return Some(Slot::Now) };
    let place = place(event, recipient)?;
    Some(quiet_hours::slot(event.message_id(), &place, &hours, useful_until, now))
}

fn place(event: &Event, recipient: Option<&Recipient>) -> Option<Place> {
    Place::of(addressee(event, recipient)?, recipient.and_then(|recipient| recipient.time_zone.as_deref()))
}

fn judge(case: &Case<'_>) -> (Vec<Step>, Status) {
    let step = |gate, verdict, detail| Step { gate, verdict, detail };
    let mut steps = vec![step(Gate::Schema, Verdict::Pass, None), step(Gate::Duplicate, Verdict::Pass, None)];
    let mut status = Status::Pending;
    for (gate, judge) in GATES {
        let (verdict, detail, end) = match judge(case) {
            Ruling::Pass => (Verdict::Pass, None, None),
            Ruling::Skip(why) => (Verdict::Skip, Some(why.to_owned()), None),
            Ruling::Hold(why) => {
                status = Status::Held;
                (Verdict::Hold, Some(why), None)
            }
            Ruling::Fail(why) => (Verdict::Fail, Some(why), Some(Status::Suppressed)),
            Ruling::TooLate(why) => (Verdict::Fail, Some(why), Some(Status::Expired)),
        };
        steps.push(step(gate, verdict, detail));
        if let Some(end) = end {
            return (steps, end);
        }
    }
    (steps, status)
}

/// Lets `gate` say no to a decided row, with `detail`. It counts if no gate before it has said no.
pub fn refuse(message: &mut Message, gate: Gate, detail: String) {
    if message.gates.iter().any(|step| step.verdict == Verdict::Fail && step.gate <= gate) {
        return;
    }
    message.gates.retain(|step| step.gate < gate);
    message.gates.push(Step { gate, verdict: Verdict::Fail, detail: Some(detail) });
    message.status = Status::Suppressed;
    message.changes = vec![Entered { status: Status::Suppressed, at: message.created_at }];
    message.estimated_price = None;
}

/// The price of a decided text that the budget refused.
#[must_use]
pub fn unaffordable(message: &Message) -> Option<MicroUsd> {
    let refused = message.gates.last().is_some_and(|step| step.gate == Gate::Budget && step.verdict == Verdict::Fail);
    message.estimated_price.filter(|_| refused)
}

/// Takes an answer to what somebody texted through the gates that it meets, and answers with its row: `pending`, or `suppressed` with the gate that said no.
///
/// Whoever asks has agreed to the answer, at any hour; but nobody is answered without end, nor without money.
#[must_use]
pub fn answer(message: Message, opt_out: Option<&OptOut>, books: &Books, rules: &Rules, now: Timestamp) -> Message {
    let text = text::render(&message.content, message.locale, &rules.house, now, CODE_PLACEHOLDER);
    let body = text.as_ref().ok().map(|text| text.body.clone());
    // The link that a person gets with the answer to HELP is made by the sender: until then nobody knows how long it is.
    let longest = (message.kind() == Kind::HelpReply && message.user_id.is_some()).then(|| message.kind().part_limit());
    let parts = text.as_ref().map_or(0, |text| text.size.parts.max(longest.unwrap_or_default()));
    let price = message.country.and_then(|country| rules.prices.of(country));
    let cost = price.unwrap_or_default().times(parts);
    let month = budget::month(now);
    let words = body.as_deref().map(caps::words);
    let hours = message.phone.as_ref().map(|phone| books.hours(phone));
    let verdicts = [
        (Gate::Country, not_allowed(message.country, &rules.prices)),
        (Gate::OptOut, opt_out.and_then(|opt_out| opt_out.blocks(&message.content, message.message_id))),
        (Gate::Content, text.as_ref().err().map(ToString::to_string)),
        (Gate::CarrierHourlyCap, hours.and_then(|hours| hours.refuse(&rules.caps, words.as_deref(), now))),
        (Gate::Budget, rules.budget.refuse(message.class, cost, &books.spent(&month), now)),
    ];
    let no = verdicts.iter().position(|(_, no)| no.is_some());
    let steps = verdicts.into_iter().take(no.map_or(usize::MAX, |no| no + 1));
    let steps = steps.map(|(gate, detail)| Step { gate, verdict: if detail.is_some() { Verdict::Fail } else { Verdict::Pass }, detail });
    let status = if no.is_some() { Status::Suppressed } else { Status::Pending };
    let mut row = message.decided(status);
    row.gates = steps.collect();
    row.body = body;
    row.parts = text.is_ok().then_some(parts);
    row.encoding = text.ok().map(|text| text.size.encoding);
    row.estimated_price = price.map(|_| cost);
    row.reserved = no.is_none().then_some(Reserved { amount: cost, resent: MicroUsd(0), month, day: None });
    row
}

/// What is reserved for an admitted text that goes at `at`: the same, in the books of that day and month.
#[must_use]
pub fn reserved_at(message: &Message, at: Timestamp) -> Option<Reserved> {
    let reserved = message.reserved.as_ref()?;
    let place = message.phone.as_ref().and_then(|phone| Place::of(phone, message.time_zone.as_deref()));
    let day = reserved.day.as_ref().map(|_| day_in(place.as_ref(), at));
    Some(Reserved { month: budget::month(at), day, ..reserved.clone() })
}

/// The gate, and its word, that does not let an admitted text into the books where it would count as `moved`. In `books` it does not count yet.
#[must_use]
pub fn crowded(message: &Message, moved: &Message, books: &Books, rules: &Rules, now: Timestamp) -> Option<(Gate, String)> {
    let (old, new) = (message.reserved.as_ref()?, moved.reserved.as_ref()?);
    let full_day = message.user_id.as_ref().zip(new.day.as_ref().filter(|day| old.day.as_ref() != Some(*day)));
    let full_day = full_day.and_then(|(user, day)| day_is_full(books.day(user, day), day, &rules.caps));
    if let Some(why) = full_day {
        return Some((Gate::UserDailyCap, why));
    }
    let at = moved.release_at.unwrap_or(now);
    let hours = message.phone.as_ref().map(|phone| books.hours(phone));
    if let Some(why) = hours.and_then(|hours| hours.refuse(&rules.caps, caps::words_of(message).as_deref(), at)) {
        return Some((Gate::CarrierHourlyCap, why));
    }
    // What is reserved in a month stays reserved in it.
    let dear = (old.month != new.month).then(|| rules.budget.refuse(message.class, new.amount, &books.spent(&new.month), now)).flatten();
    dear.map(|why| (Gate::Budget, why))
}

fn row(case: &Case<'_>, gates: Vec<Step>, status: Status) -> Message {
    let text = case.text.get().and_then(|text| text.as_ref().ok());
    let mut message = Message::new(case.message_id, case.content.clone(), case.useful_until, case.now).to(case.phone().cloned()).decided(status);
    message.user_id = Some(case.event.user_id.clone());
    message.locale = case.locale();
    message.gates = gates;
    message.source = Some(case.event.source.clone());
    message.event_id = Some(case.event.id.clone());
    message.related.clone_from(&case.event.related);
    message.time_zone = case.recipient.and_then(|recipient| recipient.time_zone.clone());
    message.release_at = match case.slot {
        Some(Slot::At(release)) if status == Status::Held => Some(release),
        _ => None,
    };
    if matches!(status, Status::Pending | Status::Held) {
        message.reserved = Some(Reserved { amount: case.price(), resent: MicroUsd(0), month: budget::month(case.goes_at()), day: case.day() });
    }
    if let Some(text) = text {
        message.parts = Some(text.size.parts);
        message.encoding = Some(text.size.encoding);
        message.estimated_price = message.country.is_some().then(|| case.price());
        message.body = (case.kind() != Kind::PhoneVerification).then(|| text.body.clone());
    }
    message
}

impl Case<'_> {
    fn kind(&self) -> Kind {
        self.content.kind()
    }

    fn phone(&self) -> Option<&PhoneNumber> {
        addressee(self.event, self.recipient)
    }

    fn locale(&self) -> Locale {
        self.recipient.map(Recipient::text_locale).unwrap_or_default()
    }

    /// When it goes, as far as anybody knows.
    fn goes_at(&self) -> Timestamp {
        match self.slot {
            Some(Slot::At(release)) => release,
            _ => self.now,
        }
    }

    /// The day of the person's that it counts in; none if it counts in none.
    fn day(&self) -> Option<String> {
        (self.kind().class() == Class::Promotional).then(|| day(self.event, self.recipient, self.goes_at()))
    }

    /// What it should cost.
    fn price(&self) -> MicroUsd {
        let price = self.phone().and_then(PhoneNumber::country).and_then(|country| self.rules.prices.of(country));
        let parts = self.text().as_ref().map_or(0, |text| text.size.parts);
        price.unwrap_or_default().times(parts)
    }

    fn text(&self) -> &Result<Text, Unfit> {
        self.text.get_or_init(|| text::render(&self.content, self.locale(), &self.rules.house, self.now, CODE_PLACEHOLDER))
    }
}

fn recipient(case: &Case<'_>) -> Ruling {
    match (case.kind(), case.recipient) {
        (Kind::PhoneVerification, _) => Ruling::Skip("the event names the number"),
        (_, None) => Ruling::Fail("no such recipient: nobody ever saved preferences for this user".into()),
        (_, Some(recipient)) if recipient.erased => Ruling::Fail("the recipient was erased".into()),
        (_, Some(recipient)) if recipient.phone.is_none() => Ruling::Fail("the recipient has no phone number".into()),
        _ => Ruling::Pass,
    }
}

/// Why a text, once admitted, is not wanted any more by `recipient`, the person that it names; `None` if it is. What somebody asked for is, and what nobody is named in.
#[must_use]
pub fn unwanted(message: &Message, recipient: Option<&Recipient>) -> Option<String> {
    let is_asked_for = matches!(message.kind(), Kind::PhoneVerification | Kind::OptInConfirmation | Kind::OptOutConfirmation | Kind::HelpReply);
    if is_asked_for || message.user_id.is_none() {
        return None;
    }
    let Some(recipient) = recipient else { return Some("nobody knows the person any more".into()) };
    if recipient.verified_phone() != message.phone.as_ref() {
        return Some("the number is not theirs any more".into());
    }
    if recipient.standing_consent().is_none() {
        return Some("consent was revoked while it waited".into());
    }
    if message.kind() == Kind::SecurityAlert {
        return None;
    }
    if !recipient.sms_enabled {
        return Some("texts were switched off while it waited".into());
    }
    let category = message.content.categories().into_iter().find(|category| !recipient.categories.allow(*category))?;
    Some(format!("{} was switched off while it waited", category.as_str()))
}

fn phone_verified(case: &Case<'_>) -> Ruling {
    match (case.kind(), case.recipient.and_then(Recipient::verified_phone)) {
        (Kind::PhoneVerification, _) => Ruling::Skip("the text is what verifies the number"),
        (_, None) => Ruling::Fail("the number was never verified".into()),
        _ => Ruling::Pass,
    }
}

fn country(case: &Case<'_>) -> Ruling {
    not_allowed(case.phone().and_then(PhoneNumber::country), &case.rules.prices).map_or(Ruling::Pass, Ruling::Fail)
}

fn not_allowed(country: Option<Country>, prices: &Prices) -> Option<String> {
    match country {
        None => Some("the number's prefix belongs to no country".into()),
        Some(country) => prices.of(country).is_none().then(|| format!("texts to {country} are not allowed")),
    }
}

fn opt_out(case: &Case<'_>) -> Ruling {
    match case.opt_out.and_then(|opt_out| opt_out.blocks(&case.content, case.message_id)) {
        Some(why) => Ruling::Fail(why),
        None => Ruling::Pass,
    }
}

fn consent(case: &Case<'_>) -> Ruling {
    let Some(recipient) = case.recipient.filter(|_| case.kind() != Kind::PhoneVerification) else {
        return Ruling::Skip("the person asked for this text");
    };
    match (&recipient.consent, recipient.standing_consent()) {
        (_, Some(_)) => Ruling::Pass,
        (None, None) => Ruling::Fail("consent was never given".into()),
        (Some(Consent { revoked_at: Some(at), .. }), None) => Ruling::Fail(format!("consent was revoked at {}", moment::text(*at))),
        (Some(_), None) => Ruling::Fail("consent was given for another number".into()),
    }
}

fn master_switch(case: &Case<'_>) -> Ruling {
    match case.kind() {
        Kind::SecurityAlert | Kind::PhoneVerification => Ruling::Skip("always sent"),
        _ if case.recipient.is_some_and(|recipient| recipient.sms_enabled) => Ruling::Pass,
        _ => Ruling::Fail("texts are switched off".into()),
    }
}

fn category(case: &Case<'_>) -> Ruling {
    match case.kind().category() {
        None => Ruling::Skip("has no switch of its own"),
        Some(category) if case.recipient.is_some_and(|recipient| recipient.categories.allow(category)) => Ruling::Pass,
        Some(category) => Ruling::Fail(format!("{} is switched off", category.as_str())),
    }
}

fn offline(case: &Case<'_>) -> Ruling {
    match &case.content {
        Content::DirectMessage(DirectMessage { recipient_last_seen_at: Some(seen), .. }) if *seen > case.now - ONLINE_FOR => {
            Ruling::Fail(format!("seen in the app at {}, less than {} minutes ago", moment::text(*seen), ONLINE_FOR.as_mins()))
        }
        Content::DirectMessage(_) => Ruling::Pass,
        _ => Ruling::Skip("for direct messages only"),
    }
}

fn expiry(case: &Case<'_>) -> Ruling {
    if case.useful_until <= case.now { Ruling::TooLate(format!("of no use since {}", moment::text(case.useful_until))) } else { Ruling::Pass }
}

fn content(case: &Case<'_>) -> Ruling {
    match case.text() {
        Ok(_) => Ruling::Pass,
        Err(unfit) => Ruling::Fail(unfit.to_string()),
    }
}

fn quiet_hours(case: &Case<'_>) -> Ruling {
    if case.kind().class() == Class::Transactional {
        return Ruling::Skip("sent at any hour");
    }
    if case.rules.quiet_hours.is_none() {
        return Ruling::Skip("quiet hours are switched off");
    }
    let place = || place(case.event, case.recipient).map(|place| place.to_string()).unwrap_or_default();
    match case.slot {
        Some(Slot::Now) => Ruling::Pass,
        Some(Slot::At(release)) => Ruling::Hold(format!("quiet hours in {}: held until {}", place(), moment::text(release))),
        Some(Slot::TooLate(open)) => {
            let (open, end) = (moment::text(open), moment::text(case.useful_until));
            Ruling::TooLate(format!("quiet hours in {} until {open}, and of no use after {end}", place()))
        }
        Some(Slot::Never) => Ruling::Fail(at_no_hour(&place())),
        None => Ruling::Fail(NOBODY_KNOWS_THE_TIME.into()),
    }
}

/// Why a promotional text may not go to a place where no hour of the day is one for it.
#[must_use]
pub fn at_no_hour(place: &str) -> String {
    format!("at no hour of the day may texts be sent to {place}")
}

fn user_daily_cap(case: &Case<'_>) -> Ruling {
    let Some(day) = case.day() else { return Ruling::Skip("for promotional texts only") };
    day_is_full(case.books.day(&case.event.user_id, &day), &day, &case.rules.caps).map_or(Ruling::Pass, Ruling::Fail)
}

fn day_is_full(texts: usize, day: &str, caps: &Caps) -> Option<String> {
    (texts >= caps.per_day).then(|| format!("{texts} promotional texts on {day} already"))
}

fn carrier_hourly_cap(case: &Case<'_>) -> Ruling {
    let Some(phone) = case.phone() else { return Ruling::Pass };
    // A code is never the same twice, whatever stands for it here.
    let words = case.text().as_ref().ok().filter(|_| case.kind() != Kind::PhoneVerification).map(|text| caps::words(&text.body));
    let refused = case.books.hours(phone).refuse(&case.rules.caps, words.as_deref(), case.goes_at());
    refused.map_or(Ruling::Pass, Ruling::Fail)
}

fn budget(case: &Case<'_>) -> Ruling {
    let spent = case.books.spent(&budget::month(case.goes_at()));
    let refused = case.rules.budget.refuse(case.kind().class(), case.price(), &spent, case.now);
    refused.map_or(Ruling::Pass, Ruling::Fail)
}
