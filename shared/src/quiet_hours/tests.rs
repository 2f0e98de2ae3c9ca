//! Every case says what time it is there, and when a text may go.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Place, Quiet, SPREAD, SendingHours, release};
fn place(area: &str, zone: &str) -> Place {
    let number = if area.len() == 3 { format!("+1{area}5550100") } else { format!("+{area}") };
    Place::of(&number.parse().expect("number"), Some(zone).filter(|zone| !zone.is_empty())).expect("a place")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Area code or number, the person's setting, now, and the first moment at which a text may go; `·` is now.
#[rustfmt::skip]
const OPENINGS: &[(&str, &str, &str, &str)] = &[
    // The federal hours, to the second. 2026-11-23 is a Monday.
    ("202", "", "2026-11-23T00:00:00-05:00", "2026-11-23T08:00:00-05:00"),
    ("202", "", "2026-11-23T07:59:59-05:00", "2026-11-23T08:00:00-05:00"),
    ("202", "", "2026-11-23T07:59:59.999-05:00", "2026-11-23T08:00:00-05:00"),
    ("202", "", "2026-11-23T08:00:00-05:00", "·"),
    ("202", "", "2026-11-23T20:59:59-05:00", "·"),
    ("202", "", "2026-11-23T20:59:59.999-05:00", "·"),
    ("202", "", "2026-11-23T21:00:00-05:00", "2026-11-24T08:00:00-05:00"),
    ("202", "", "2026-11-23T23:30:00-05:00", "2026-11-24T08:00:00-05:00"),
    ("202", "", "2026-12-31T23:59:59-05:00", "2027-01-01T08:00:00-05:00"),
    // One zone after the other.
    ("312", "", "2026-11-23T07:59:59-06:00", "2026-11-23T08:00:00-06:00"),
    ("312", "", "2026-11-23T20:59:59-06:00", "·"),
    ("303", "", "2026-11-23T07:59:59-07:00", "2026-11-23T08:00:00-07:00"),
    ("303", "", "2026-11-23T21:00:00-07:00", "2026-11-24T08:00:00-07:00"),
    ("213", "", "2026-11-23T08:00:00-08:00", "·"),
    ("213", "", "2026-11-23T21:00:00-08:00", "2026-11-24T08:00:00-08:00"),
    ("808", "", "2026-11-23T07:59:59-10:00", "2026-11-23T08:00:00-10:00"),
    ("808", "", "2026-07-01T20:59:59-10:00", "·"),
    ("787", "", "2026-07-01T08:00:00-04:00", "·"),
    ("787", "", "2026-11-23T21:00:00-04:00", "2026-11-24T08:00:00-04:00"),
    ("340", "", "2026-11-23T07:00:00-04:00", "2026-11-23T08:00:00-04:00"),
    ("671", "", "2026-11-23T07:59:59+10:00", "2026-11-23T08:00:00+10:00"),
    ("684", "", "2026-11-23T21:00:00-11:00", "2026-11-24T08:00:00-11:00"),
    // The nights in which the clocks change are an hour shorter and an hour longer.
    ("202", "", "2026-03-07T21:00:00-05:00", "2026-03-08T08:00:00-04:00"),
    ("202", "", "2026-03-08T01:59:59-05:00", "2026-03-08T08:00:00-04:00"),
    ("202", "", "2026-03-08T07:59:59-04:00", "2026-03-08T08:00:00-04:00"),
    ("202", "", "2026-03-08T08:00:00-05:00", "·"),
    ("202", "", "2026-10-31T21:00:00-04:00", "2026-11-01T08:00:00-05:00"),
    ("202", "", "2026-11-01T01:30:00-04:00", "2026-11-01T08:00:00-05:00"),
    ("202", "", "2026-11-01T01:30:00-05:00", "2026-11-01T08:00:00-05:00"),
    ("202", "", "2026-11-01T08:00:00-04:00", "2026-11-01T08:00:00-05:00"),
    ("602", "", "2026-03-08T07:59:59-07:00", "2026-03-08T08:00:00-07:00"),
    ("602", "", "2026-07-01T08:00:00-07:00", "·"),
    // Area codes that span zones: allowed in all of them.
    ("928", "", "2026-07-01T07:59:59-07:00", "2026-07-01T08:00:00-07:00"),
    ("928", "", "2026-07-01T20:00:00-07:00", "2026-07-02T08:00:00-07:00"),
    ("928", "", "2026-12-01T20:00:00-07:00", "·"),
    ("423", "", "2026-11-23T08:30:00-05:00", "2026-11-23T08:00:00-06:00"),
    ("423", "", "2026-11-23T20:59:59-05:00", "·"),
    ("423", "", "2026-11-23T20:00:00-06:00", "2026-11-24T08:00:00-06:00"),
    ("208", "", "2026-11-23T08:00:00-07:00", "2026-11-23T08:00:00-08:00"),
    ("541", "", "2026-11-23T20:30:00-08:00", "2026-11-24T08:00:00-08:00"),
    ("605", "", "2026-11-23T08:59:59-06:00", "2026-11-23T08:00:00-07:00"),
    ("701", "", "2026-11-23T21:00:00-06:00", "2026-11-24T08:00:00-07:00"),
    ("906", "", "2026-11-23T08:59:59-05:00", "2026-11-23T08:00:00-06:00"),
    ("907", "", "2026-11-23T08:59:59-09:00", "2026-11-23T08:00:00-10:00"),
    ("907", "", "2026-11-23T20:59:59-09:00", "·"),
    ("775", "", "2026-03-08T08:00:00-06:00", "2026-03-08T08:00:00-07:00"),
    // States that allow less.
    ("305", "", "2026-11-23T08:00:00-05:00", "·"),
    ("305", "", "2026-11-23T19:59:59-05:00", "·"),
    ("305", "", "2026-11-23T20:00:00-05:00", "2026-11-24T08:00:00-05:00"),
    ("850", "", "2026-11-23T08:59:59-05:00", "2026-11-23T08:00:00-06:00"),
    ("850", "", "2026-11-23T20:00:00-05:00", "2026-11-24T08:00:00-06:00"),
    ("206", "", "2026-11-23T19:59:59-08:00", "·"),
    ("206", "", "2026-11-23T20:00:00-08:00", "2026-11-24T08:00:00-08:00"),
    ("410", "", "2026-11-23T20:00:00-05:00", "2026-11-24T08:00:00-05:00"),
    ("405", "", "2026-11-23T20:00:00-06:00", "2026-11-24T08:00:00-06:00"),
    ("203", "", "2026-11-23T08:59:59-05:00", "2026-11-23T09:00:00-05:00"),
    ("203", "", "2026-11-23T20:00:00-05:00", "2026-11-24T09:00:00-05:00"),
    ("214", "", "2026-11-21T08:59:59-06:00", "2026-11-21T09:00:00-06:00"),
    ("214", "", "2026-11-21T21:00:00-06:00", "2026-11-22T12:00:00-06:00"),
    ("214", "", "2026-11-22T11:59:59-06:00", "2026-11-22T12:00:00-06:00"),
    ("214", "", "2026-11-22T20:59:59-06:00", "·"),
    ("214", "", "2026-11-22T21:00:00-06:00", "2026-11-23T09:00:00-06:00"),
    ("214", "", "2026-03-08T11:59:59-05:00", "2026-03-08T12:00:00-05:00"),
    ("432", "", "2026-11-22T12:30:00-06:00", "2026-11-22T12:00:00-07:00"),
    // The person's setting comes before the area code, but the state's law stays.
    ("202", "America/Los_Angeles", "2026-11-23T08:00:00-05:00", "2026-11-23T08:00:00-08:00"),
    ("202", "America/Los_Angeles", "2026-11-23T20:59:59-08:00", "·"),
    ("423", "America/New_York", "2026-11-23T08:00:00-05:00", "·"),
    ("206", "America/New_York", "2026-11-23T20:00:00-05:00", "2026-11-24T08:00:00-05:00"),
    ("202", "Mars/Olympus_Mons", "2026-11-23T07:00:00-05:00", "2026-11-23T08:00:00-05:00"),
    ("866", "America/Denver", "2026-11-23T08:00:00-07:00", "·"),
    ("202", "Asia/Kolkata", "2026-11-23T07:59:59+05:30", "2026-11-23T08:00:00+05:30"),
    ("202", "Australia/Lord_Howe", "2026-04-05T07:59:59+10:30", "2026-04-05T08:00:00+10:30"),
    ("447860019066", "Europe/London", "2026-03-29T07:59:59+01:00", "2026-03-29T08:00:00+01:00"),
    // Without a place: wherever in the fifty states it is.
    ("866", "", "2026-11-23T12:59:59-05:00", "2026-11-23T08:00:00-10:00"),
    ("866", "", "2026-11-23T13:00:00-05:00", "·"),
    ("866", "", "2026-11-23T20:59:59-05:00", "·"),
    ("500", "", "2026-11-23T21:00:00-05:00", "2026-11-24T08:00:00-10:00"),
];

#[test]
fn a_text_waits_for_the_morning_wherever_the_person_is() {
    assert!(OPENINGS.len() >= 60);
    for (area, zone, now, opening) in OPENINGS {
        let open = match place(area, zone).quiet(&SendingHours::default(), at(now)) {
            Quiet::Until(_) => at(now),
            Quiet::Held(open, _) => open,
            Quiet::Always => panic!("{area} {now}: never"),
        };
        let wanted = if *opening == "·" { at(now) } else { at(opening) };
        assert_eq!(open, wanted, "{area} {zone} at {now}");
    }
}

#[test]
fn the_day_ends_with_the_first_zone_that_closes() {
    let cases = [
        ("202", "2026-11-23T12:00:00-05:00", "2026-11-23T21:00:00-05:00"),
        ("423", "2026-11-23T12:00:00-05:00", "2026-11-23T21:00:00-05:00"),
        ("850", "2026-11-23T12:00:00-05:00", "2026-11-23T20:00:00-05:00"),
        ("866", "2026-11-23T15:00:00-05:00", "2026-11-23T21:00:00-05:00"),
        ("202", "2026-03-08T12:00:00-04:00", "2026-03-08T21:00:00-04:00"),
    ];
    for (area, now, end) in cases {
        assert_eq!(place(area, "").quiet(&SendingHours::default(), at(now)), Quiet::Until(at(end)), "{area}");
    }
}

#[test]
fn hours_of_the_house_may_be_narrower_and_a_state_narrows_them_further() {
    let hours = "10:30-20:30".parse::<SendingHours>().expect("hours");
    let opening = |area, now| match place(area, "").quiet(&hours, at(now)) {
        Quiet::Until(_) => None,
        other => Some(other),
    };
    assert_eq!(opening("202", "2026-11-23T10:30:00-05:00"), None);
    let held = Quiet::Held(at("2026-11-24T10:30:00-05:00"), at("2026-11-24T20:00:00-05:00"));
    assert_eq!(opening("305", "2026-11-23T20:00:00-05:00"), Some(held));
    assert_eq!(hours.to_string(), "10:30-20:30");
    for bad in ["", "8-21", "21:00-08:00", "08:00-08:00", "08:00-24:00", "08:00", "a-b"] {
        assert!(bad.parse::<SendingHours>().is_err(), "{bad:?}");
    }
}

#[test]
fn hours_that_no_two_zones_share_are_never_open() {
    let hours = "08:00-09:00".parse().expect("hours");
    assert_eq!(place("866", "").quiet(&hours, at("2026-11-23T12:00:00Z")), Quiet::Always);
}

#[test]
fn nobody_knows_what_time_it_is_for_a_foreign_number_without_a_setting() {
    assert_eq!(Place::of(&"+447860019066".parse().expect("number"), None), None);
    assert!(Place::of(&"+12025550100".parse().expect("number"), None).is_some());
}

#[test]
fn the_day_there_is_the_one_on_their_wall() {
    assert_eq!(place("202", "").day(at("2026-11-23T04:59:59Z")), "2026-11-22");
    assert_eq!(place("202", "").day(at("2026-11-23T05:00:00Z")), "2026-11-23");
    assert_eq!(place("423", "").day(at("2026-11-23T05:30:00Z")), "2026-11-22", "in the zone where it is still yesterday");
}

proptest! {
    #[test]
    fn a_release_is_within_the_first_minutes_and_leaves_time_to_get_out(id in any::<u128>(), room in 0_i64..90_000) {
        let open = at("2026-11-23T13:00:00Z");
        let end = open + SignedDuration::from_secs(room);
        let moment = release(Uuid::from_u128(id), open, end);
        prop_assert!(open <= moment && moment < open + SPREAD);
        prop_assert!(moment == open || moment + SignedDuration::from_mins(2) <= end, "no time for the reconciler and the lane");
        prop_assert_eq!(moment, release(Uuid::from_u128(id), open, end));
    }

    /// What the rule says, tried minute by minute: nothing earlier would have done, and the opening itself does.
    #[test]
    fn an_opening_is_the_first_moment_that_is_open(case in 0..OPENINGS.len(), minutes in 0_i64..20_000) {
        let (area, zone, now, _) = OPENINGS[case];
        let (place, hours, now) = (place(area, zone), SendingHours::default(), at(now) + SignedDuration::from_mins(minutes));
        let is_open = |moment| matches!(place.quiet(&hours, moment), Quiet::Until(_));
        if let Quiet::Held(open, end) = place.quiet(&hours, now) {
            prop_assert!(is_open(open) && is_open(end - SignedDuration::from_secs(1)) && !is_open(end));
            prop_assert!(!is_open(open - SignedDuration::from_secs(1)));
            let mut moment = now;
            while moment < open {
                prop_assert!(!is_open(moment), "{}", moment);
                moment += SignedDuration::from_mins(13);
            }
        }
    }

    #[test]
    fn a_thousand_held_texts_are_no_burst(seed in any::<u64>()) {
        let open = at("2026-11-23T13:00:00Z");
        let mut per_minute = [0_u32; 20];
        for n in 0..1000_u32 {
            let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{seed}/{n}").as_bytes());
            let after = release(id, open, open + SignedDuration::from_hours(13)).duration_since(open).as_mins();
            per_minute[usize::try_from(after).expect("minutes")] += 1;
        }
        prop_assert!(per_minute.iter().all(|texts| (15..120).contains(texts)), "{:?}", per_minute);
    }
}
