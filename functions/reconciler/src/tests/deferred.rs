//! Texts that were admitted in the daytime and met the quiet hours in their lane: they count on the day, in the hour and in the month in which they go.

use sms::{
    budget::Reserved,
    event::Event,
    gates::{Gate, Verdict},
    quiet_hours::SendingHours,
    recipient::Recipient,
    stores::{Rebooked, Wish},
};

use super::{
    digests::ada,
    races::{Chance, jostled},
    *,
};

fn at(text: &str) -> Timestamp {
    text.parse().expect("instant")
}

/// Two minutes before the quiet hours in New York.
fn evening() -> Timestamp {
    at("2026-11-24T01:58:00Z")
}

/// Late enough on the next day for all that waited.
fn morning() -> Timestamp {
    at("2026-11-24T13:30:00Z")
}

fn londoner() -> Recipient {
    Recipient { time_zone: Some("Europe/London".into()), ..ada() }
}

/// The same in London, where it is another month for AWS too.
fn last_of_november() -> Timestamp {
    at("2026-11-30T20:58:00Z")
}

fn first_of_december() -> Timestamp {
    at("2026-12-01T08:30:00Z")
}

impl Stage {
    async fn quiet_for(person: &Recipient) -> Self {
        let mut stage = Self::set().await;
        stage.reconciler.rules.quiet_hours = Some(SendingHours::default());
        stage.reconciler.recipients.put(person).await.expect("put");
        stage
    }

    async fn admit(&self, id: usize, person: &Recipient, now: Timestamp) -> Message {
        let content =
            BattleInvitation { inviter_name: format!("Bob {id}"), battle_topic: "Haiku".into(), invitation_link: "https://allthrive.ai/b".into() };
        let (user_id, content) = (person.user_id.clone(), Content::BattleInvitation(content));
        let event = Event { source: "test".into(), id: id.to_string(), time: None, expirytime: None, user_id, related: None, content };
        let wish = Wish { event: &event, recipient: Some(person), opt_out: None };
        let admitted = self.reconciler.admissions.admit(&[wish], &self.reconciler.rules, now, async |_, message| Ok(message)).await;
        let row = admitted.into_iter().next().expect("one").expect("admitted").row().clone();
        assert_eq!(row.status, Status::Pending, "{:?}", row.gates);
        row
    }

    /// Admits a text that the sender then finds to be too late for today.
    async fn defer(&self, id: usize, person: &Recipient, now: Timestamp) -> Message {
        let row = self.admit(id, person, now).await;
        let (place, closed) = (sms::quiet_hours::Place::of(row.phone.as_ref().expect("phone"), row.time_zone.as_deref()), now + minutes(3));
        let slot = sms::quiet_hours::slot(row.message_id, &place.expect("a place"), &SendingHours::default(), row.useful_until, closed);
        let sms::quiet_hours::Slot::At(release) = slot else { panic!("{slot:?}") };
        self.change(row.message_id.as_u128(), Change::Claimed, None, closed).await.expect("claimed");
        let notes = Notes::default().with("release_at", sms::moment::text(release)).expect("notes");
        let deferred = self.reconciler.messages.change(row.message_id, Change::Deferred, Some(1), notes, closed).await.expect("deferred");
        let Changed::Yes(row) = deferred else { panic!("{deferred:?}") };
        assert_eq!(row.status, Status::Held);
        *row
    }

    async fn rows(&self) -> Vec<Message> {
        let rows = self.embedded.scan("MessagesTable").await.expect("scan");
        let ids = rows.iter().map(|row| row["message_id"].as_str().expect("id").parse().expect("id")).collect::<Vec<Uuid>>();
        self.reconciler.messages.all(ids).await.expect("rows")
    }

    /// What leaves.
    async fn leaving(&self) -> usize {
        self.rows().await.iter().filter(|row| row.status == Status::Pending).count()
    }

    async fn limits(&self, id: &str) -> Value {
        let rows = self.embedded.scan("LimitsTable").await.expect("scan");
        rows.into_iter().find(|row| row["limit_id"] == id).unwrap_or_default()
    }

    async fn on(&self, day: &str) -> usize {
        self.limits(&format!("day/{day}/ada")).await["ids"].as_array().map_or(0, Vec::len)
    }

    async fn committed(&self, month: &str) -> i64 {
        self.limits(&format!("budget/{month}")).await["committed"].as_i64().unwrap_or_default()
    }
}

fn refused_by(row: &Message) -> Option<Gate> {
    row.gates.last().filter(|step| step.verdict == Verdict::Fail).map(|step| step.gate)
}

#[tokio::test]
async fn ten_that_the_evening_kept_back_and_ten_of_the_morning_are_ten_on_that_day() {
    let stage = Stage::quiet_for(&ada()).await;
    let mut kept = Vec::new();
    for id in 0..10 {
        kept.push(stage.defer(id, &ada(), evening()).await);
    }
    assert_eq!((stage.on("2026-11-23").await, stage.on("2026-11-24").await), (10, 0));
    stage.run_at(evening() + minutes(4)).await;
    for id in 10..20 {
        stage.admit(id, &ada(), at("2026-11-24T13:00:00Z")).await;
    }
    stage.run_at(morning()).await;
    assert_eq!(stage.leaving().await, 10);
    for row in kept {
        let row = stage.row(row.message_id.as_u128()).await;
        assert_eq!((row.status, refused_by(&row), row.settled), (Status::Suppressed, Some(Gate::UserDailyCap), Some(MicroUsd(0))));
        assert_eq!((row.gates.len(), row.delivery_detail.as_deref()), (14, Some("10 promotional texts on 2026-11-24 already")));
    }
    assert_eq!((stage.on("2026-11-23").await, stage.on("2026-11-24").await), (0, 10));
    assert_eq!(stage.committed("2026-11").await, 10_000);
    assert_eq!(stage.limits(&format!("hours/{PHONE}")).await["texts"].as_object().map(serde_json::Map::len), Some(10));
}

#[tokio::test]
async fn what_the_evening_kept_back_takes_the_room_that_the_morning_left() {
    let stage = Stage::quiet_for(&ada()).await;
    for id in 0..10 {
        stage.defer(id, &ada(), evening()).await;
    }
    for id in 10..14 {
        stage.admit(id, &ada(), at("2026-11-24T13:00:00Z")).await;
    }
    for minute in 0..3 {
        stage.run_at(morning() + minutes(minute)).await;
    }
    let rows = stage.rows().await;
    let count = |status| rows.iter().filter(|row| row.status == status).count();
    let (held, suppressed) = (count(Status::Held), count(Status::Suppressed));
    assert!(held == 0 && suppressed <= 4, "there was room for six: {held} are held and {suppressed} suppressed");
    assert!(rows.iter().filter(|row| row.status == Status::Suppressed).all(|row| refused_by(row) == Some(Gate::UserDailyCap)));
    let leaving = stage.leaving().await;
    assert!((5..=10).contains(&leaving), "{leaving}");
    assert_eq!((stage.on("2026-11-23").await, stage.on("2026-11-24").await), (0, leaving));
    for id in 20..(30 - leaving) {
        stage.admit(id, &ada(), morning()).await;
    }
    assert_eq!(stage.on("2026-11-24").await, 10);
}

#[tokio::test]
async fn what_another_run_has_moved_meanwhile_is_not_crowded_out_by_its_own_place() {
    let stage = Stage::quiet_for(&ada()).await;
    let seen = stage.defer(0, &ada(), evening()).await;
    for id in 10..19 {
        stage.admit(id, &ada(), at("2026-11-24T13:00:00Z")).await;
    }
    let rebook = async || stage.reconciler.admissions.rebook(&seen, &stage.reconciler.rules, morning()).await.expect("rebook");
    assert!(matches!(rebook().await, Rebooked::Yes(_)), "the tenth");
    // To who has an old row in their hands the day is full: of that very text too.
    assert!(matches!(rebook().await, Rebooked::Full(Gate::UserDailyCap, _)));
    let crowded = stage.reconciler.messages.crowd_out(&seen, Notes::default(), morning()).await.expect("crowd out");
    assert!(matches!(crowded, Changed::No(Some(_))));
    stage.run_at(morning()).await;
    assert_eq!((stage.leaving().await, stage.on("2026-11-24").await), (10, 10));
}

#[tokio::test]
async fn the_money_and_the_costs_are_those_of_the_month_in_which_it_goes() {
    let stage = Stage::quiet_for(&londoner()).await;
    let row = stage.defer(1, &londoner(), last_of_november()).await;
    assert_eq!((stage.committed("2026-11").await, stage.committed("2026-12").await), (1000, 0));
    stage.run_at(first_of_december()).await;
    assert_eq!((stage.committed("2026-11").await, stage.committed("2026-12").await), (0, 1000));
    let id = row.message_id.as_u128();
    for change in [Change::Claimed, Change::Accepted, Change::Arrived] {
        stage.change(id, change, None, first_of_december()).await.expect("a change");
    }
    let row = stage.row(id).await;
    let reserved = Reserved { amount: MicroUsd(1000), resent: MicroUsd(0), month: "2026-12".into(), day: Some("2026-12-01".into()) };
    assert_eq!((row.reserved.as_ref(), row.release_at), (Some(&reserved), Some(first_of_december())));
    stage.reconciler.admissions.settle(&row, first_of_december()).await.expect("settle");
    let days = async |month| stage.reconciler.admissions.costs(month).await.expect("costs").days.into_keys().collect::<Vec<_>>();
    assert_eq!((days("2026-11").await, days("2026-12").await), (vec![], vec!["2026-12-01".to_owned()]));
}

#[tokio::test]
async fn a_month_without_money_and_an_hour_without_room_end_what_the_evening_kept_back() {
    for gate in [Gate::Budget, Gate::CarrierHourlyCap] {
        let mut stage = Stage::quiet_for(&londoner()).await;
        let row = stage.defer(1, &londoner(), last_of_november()).await;
        match gate {
            Gate::Budget => stage.reconciler.rules.budget.monthly = MicroUsd(1250),
            _ => stage.reconciler.rules.caps.any_per_hour = 1,
        }
        stage.admit(2, &londoner(), at("2026-12-01T08:10:00Z")).await;
        stage.run_at(first_of_december()).await;
        let row = stage.row(row.message_id.as_u128()).await;
        assert_eq!((row.status, refused_by(&row)), (Status::Suppressed, Some(gate)));
        assert_eq!((stage.committed("2026-11").await, stage.committed("2026-12").await), (0, 1000));
    }
}

#[tokio::test]
async fn whatever_call_a_run_dies_after_it_goes_once_and_counts_once() {
    let mut deaths = 0;
    loop {
        let stage = Stage::quiet_for(&londoner()).await;
        let row = stage.defer(1, &londoner(), last_of_november()).await;
        stage.embedded.calls.end_after(Some(deaths));
        let survived = stage.reconciler.run(Timestamp::MAX, first_of_december).await.is_ok();
        stage.embedded.calls.end_after(None);
        for minute in 0..4 {
            stage.run_at(first_of_december() + minutes(minute)).await;
        }
        assert_eq!(stage.status(row.message_id.as_u128()).await, Status::Pending, "a death after call {deaths}");
        let books = (stage.on("2026-11-30").await, stage.on("2026-12-01").await, stage.committed("2026-11").await, stage.committed("2026-12").await);
        assert_eq!(books, (0, 1, 0, 1000), "a death after call {deaths}");
        if survived {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 8, "{deaths} calls are too few");
}

#[tokio::test]
async fn two_runs_at_once_move_it_once() {
    for seed in 0..30 {
        let stage = Stage::quiet_for(&londoner()).await;
        for id in 0..3 {
            stage.defer(id, &londoner(), last_of_november()).await;
        }
        let mut other = Stage::reconciler(&stage.embedded, &stage.simulator);
        other.rules = stage.reconciler.rules.clone();
        let run = async |reconciler: &Reconciler, seed| jostled(reconciler.run(Timestamp::MAX, first_of_december), Chance::new(seed)).await;
        let (one, two) = futures::join!(run(&stage.reconciler, seed * 2), run(&other, seed * 2 + 1));
        one.and(two).expect("neither run fails");
        for minute in 0..2 {
            stage.run_at(first_of_december() + minutes(minute)).await;
        }
        let leaving = stage.leaving().await;
        assert!((1..=3).contains(&leaving), "seed {seed}");
        let parts = stage.rows().await.iter().filter(|row| row.status == Status::Pending).filter_map(|row| row.parts).sum::<u32>();
        let books = (stage.on("2026-11-30").await, stage.on("2026-12-01").await, stage.committed("2026-11").await, stage.committed("2026-12").await);
        assert_eq!(books, (0, leaving, 0, i64::from(parts) * 1000), "seed {seed}");
    }
}

#[tokio::test]
async fn whoever_erases_a_text_that_was_just_moved_gives_back_where_it_counts() {
    let stage = Stage::quiet_for(&londoner()).await;
    let seen = stage.defer(1, &londoner(), last_of_november()).await;
    let moved = stage.reconciler.admissions.rebook(&seen, &stage.reconciler.rules, first_of_december()).await.expect("rebook");
    assert!(matches!(moved, Rebooked::Yes(_)));
    let again = stage.reconciler.admissions.rebook(&seen, &stage.reconciler.rules, first_of_december()).await.expect("rebook");
    assert!(matches!(again, Rebooked::No), "it was moved already");
    let left = stage.reconciler.messages.erase(&seen, first_of_december()).await.expect("erase");
    stage.reconciler.admissions.settle(&left, first_of_december()).await.expect("settle");
    assert_eq!((stage.committed("2026-11").await, stage.committed("2026-12").await), (0, 0));
}
