//! Several held texts that become one, and their books.

use std::collections::BTreeSet;

use sms::{
    consent::Method,
    content::Digest,
    event::{Event, UserId},
    kind::{Category, Kind},
    opt_out::OptOut,
    quiet_hours::SendingHours,
    recipient::{Categories, Consent, Recipient},
    stores::Wish,
};

use super::{
    races::{Chance, jostled},
    *,
};

const PRICE: i64 = 1000;

/// Half past eleven in New York, where Ada is.
fn night() -> Timestamp {
    "2026-11-23T04:30:00Z".parse().expect("instant")
}

/// Late enough in the next morning for every held text.
fn morning() -> Timestamp {
    "2026-11-23T13:20:00Z".parse().expect("instant")
}

pub fn ada() -> Recipient {
    let phone = || PHONE.parse().expect("phone");
    let consent = Consent { given_at: night(), method: Method::SettingsPage, ip: None, disclosure_version: None, phone: phone(), revoked_at: None };
    Recipient {
        phone: Some(phone()),
        phone_verified_at: Some(night()),
        sms_enabled: true,
        categories: Categories::ALL_ON,
        consent: Some(consent),
        time_zone: Some("America/New_York".into()),
        ..Recipient::new(UserId::try_from("ada".to_owned()).expect("user"))
    }
}

fn challenge(n: usize) -> Content {
    let topic = ["Haiku", "Limerick", "Sonnet"][n % 3];
    Content::BattleInvitation(BattleInvitation {
        inviter_name: format!("Bob {n}"),
        battle_topic: topic.into(),
        invitation_link: "https://allthrive.ai/b".into(),
    })
}

fn streak() -> Content {
    Content::StreakAlert(sms::content::StreakAlert { streak_count: 7, action_link: "https://allthrive.ai/s".into() })
}

/// One night with texts for Ada that wait for the morning.
struct Night {
    stage: Stage,
    held: Vec<Message>,
}

impl Night {
    async fn with(contents: impl IntoIterator<Item = Content>) -> Self {
        let mut stage = Stage::set().await;
        stage.reconciler.rules.quiet_hours = Some(SendingHours::default());
        stage.reconciler.recipients.put(&ada()).await.expect("put");
        let mut held = Vec::new();
        for (n, content) in contents.into_iter().enumerate() {
            let id = n.to_string();
            held.push(Self::admit(&stage, &id, content, None).await);
        }
        drop(stage.embedded.calls.take());
        Self { stage, held }
    }

    async fn admit(stage: &Stage, id: &str, content: Content, expirytime: Option<Timestamp>) -> Message {
        let user_id = ada().user_id;
        let event = Event { source: "test".into(), id: id.into(), time: None, expirytime, user_id, related: None, content };
        let wish = Wish { event: &event, recipient: Some(&ada()), opt_out: None };
        let admitted = stage.reconciler.admissions.admit(&[wish], &stage.reconciler.rules, night(), async |_, message| Ok(message)).await;
        let row = admitted.into_iter().next().expect("one").expect("admitted").row().clone();
        assert_eq!(row.status, Status::Held, "{:?}", row.gates);
        row
    }

    /// Every row, but for those that were held first.
    async fn digests(&self) -> Vec<Message> {
        let rows = self.stage.embedded.scan("MessagesTable").await.expect("scan");
        let ids = rows.iter().map(|row| row["message_id"].as_str().expect("id").parse().expect("id")).collect::<Vec<Uuid>>();
        let rows = self.stage.reconciler.messages.all(ids).await.expect("rows");
        rows.into_iter().filter(|row| row.kind() == Kind::Digest).collect()
    }

    async fn statuses(&self) -> Vec<Status> {
        let mut statuses = Vec::new();
        for row in &self.held {
            statuses.push(self.stage.status(row.message_id.as_u128()).await);
        }
        statuses
    }

    /// The month's committed and settled money; the texts of Ada's day; the texts to her number.
    async fn books(&self) -> (i64, i64, BTreeSet<String>, BTreeSet<String>) {
        let rows = self.stage.embedded.scan("LimitsTable").await.expect("scan");
        let row = |key: &str| rows.iter().find(|row| row["limit_id"].as_str().is_some_and(|id| id.starts_with(key))).cloned().unwrap_or_default();
        let (month, day, hours) = (row("budget/"), row("day/"), row("hours/"));
        let ids = day["ids"].as_array().into_iter().flatten().filter_map(|id| Some(id.as_str()?.to_owned())).collect();
        let texts = hours["texts"].as_object().into_iter().flat_map(|texts| texts.keys().cloned()).collect();
        (month["committed"].as_i64().unwrap_or_default(), month["settled"].as_i64().unwrap_or_default(), ids, texts)
    }

    /// Runs and sends until nothing is due, and counts what went out.
    async fn end(&self) -> usize {
        let mut sender = Sender::default();
        let mut now = morning();
        for _ in 0..20 {
            self.stage.run_at(now).await;
            sender.work(&self.stage, now, |_| Some(Change::Arrived)).await;
            for row in self.digests().await {
                self.stage.reconciler.admissions.settle(&row, now).await.expect("settle");
            }
            let Some(next) = self.stage.due().await.into_values().min() else { break };
            now = now.max(next);
        }
        assert!(sender.texts.values().all(|texts| *texts == 1), "{:?}", sender.texts);
        sender.texts.len()
    }
}

#[tokio::test]
async fn three_held_texts_go_as_one_which_takes_their_place_in_every_book() {
    let night = Night::with([challenge(0), streak(), challenge(1)]).await;
    assert_eq!(night.books().await.0, 3 * PRICE);
    night.stage.run_at(morning()).await;
    let digests = night.digests().await;
    let [digest] = digests.as_slice() else { panic!("{} digests", digests.len()) };
    let body = "AllThrive: Waiting for you: 2 battle invitations, 1 streak alert.\nSee them: https://allthrive.ai\nReply STOP to opt out";
    assert_eq!((digest.status, digest.body.as_deref(), digest.parts), (Status::Pending, Some(body), Some(1)));
    assert_eq!(digest.gates.len(), 16, "it met every gate");
    for row in &night.held {
        let row = night.stage.row(row.message_id.as_u128()).await;
        assert_eq!((row.status, row.merged_into, row.settled), (Status::Merged, Some(digest.message_id), Some(sms::money::MicroUsd(0))));
        assert!(row.status.is_final() && row.changes.last().is_some_and(|entered| entered.status == Status::Merged));
    }
    let only = BTreeSet::from([digest.message_id.to_string()]);
    assert_eq!(night.books().await, (PRICE, 0, only.clone(), only.clone()));
    assert_eq!(night.end().await, 1, "one text");
    assert_eq!(night.books().await, (PRICE, PRICE, only.clone(), only));
}

#[tokio::test]
async fn two_short_texts_save_too_little_and_keep_their_words_and_two_long_ones_do_not() {
    let short = Night::with([challenge(0), challenge(1)]).await;
    assert_eq!((short.end().await, short.digests().await.len()), (2, 0));
    assert_eq!(short.statuses().await, [Status::Delivered; 2]);
    let long = |n| match challenge(n) {
        Content::BattleInvitation(data) => Content::BattleInvitation(BattleInvitation { battle_topic: format!("{n} ").repeat(60), ..data }),
        other => other,
    };
    let long = Night::with([long(1), long(2)]).await;
    assert!(long.held.iter().all(|row| row.parts == Some(2)));
    assert_eq!((long.end().await, long.digests().await.len()), (1, 1));
    assert_eq!(long.statuses().await, [Status::Merged; 2]);
}

#[tokio::test]
async fn what_is_not_wanted_any_more_or_of_no_use_for_long_is_no_part_of_it() {
    let night = Night::with([challenge(0), challenge(1), challenge(2), streak()]).await;
    let soon = Night::admit(&night.stage, "soon", challenge(3), Some(morning() + minutes(30))).await;
    let categories = Categories { streak_alerts: false, ..Categories::ALL_ON };
    night.stage.reconciler.recipients.put(&Recipient { categories, version: 1, ..ada() }).await.expect("put");
    assert_eq!(night.end().await, 2, "the digest, and the one that ends soon");
    assert_eq!(night.statuses().await, [Status::Merged, Status::Merged, Status::Merged, Status::Suppressed]);
    assert_eq!(night.stage.status(soon.message_id.as_u128()).await, Status::Delivered);
    let Content::Digest(Digest { texts }) = night.digests().await.remove(0).content else { panic!("no digest") };
    assert_eq!(texts.into_iter().collect::<Vec<_>>(), [(Category::BattleInvitations, 3)]);
}

#[tokio::test]
async fn who_said_stop_in_the_night_gets_no_digest() {
    let stop = |everything: bool| OptOut {
        phone: PHONE.parse().expect("phone"),
        everything_since: everything.then(night),
        categories: if everything { BTreeSet::new() } else { [Category::BattleInvitations].into() },
        confirmation: None,
        method: Method::SmsKeyword,
        rule: "keyword stop".into(),
        relisting_refused: None,
        stopped_at: None,
        started_at: None,
        updated_at: night(),
        revision: None,
    };
    for everything in [true, false] {
        let night = Night::with((0..3).map(challenge)).await;
        assert!(night.stage.reconciler.opt_outs.say(&stop(everything)).await.expect("say"));
        night.stage.run_at(morning()).await;
        assert_eq!(night.digests().await.len(), 0, "a sender looks at the opt-out of each");
        assert_eq!(night.statuses().await, [Status::Pending; 3]);
    }
}

#[tokio::test]
async fn a_full_day_has_room_for_the_digest_of_its_own_texts() {
    let night = Night::with((0..10).map(challenge)).await;
    assert_eq!(night.books().await.2.len(), 10, "the cap is reached");
    assert_eq!((night.end().await, night.digests().await.len()), (1, 1));
    assert_eq!(night.books().await.2.len(), 1);
}

#[tokio::test]
async fn whatever_call_a_run_dies_after_one_digest_goes_out_and_the_books_are_right() {
    let mut deaths = 0;
    loop {
        let night = Night::with([challenge(0), streak(), challenge(1)]).await;
        night.stage.embedded.calls.end_after(Some(deaths));
        let survived = night.stage.reconciler.run(Timestamp::MAX, morning).await.is_ok();
        night.stage.embedded.calls.end_after(None);
        assert_eq!((night.end().await, night.statuses().await), (1, vec![Status::Merged; 3]), "a death after call {deaths}");
        assert_eq!((night.books().await.0, night.books().await.1), (PRICE, PRICE), "a death after call {deaths}");
        if survived {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 10, "{deaths} calls are too few");
}

#[tokio::test]
async fn two_runs_at_once_make_one_digest() {
    for seed in 0..40 {
        let night = Night::with([challenge(0), streak(), challenge(1)]).await;
        let mut other = Stage::reconciler(&night.stage.embedded, &night.stage.simulator);
        other.rules = night.stage.reconciler.rules.clone();
        let run = async |reconciler: &Reconciler, seed| jostled(reconciler.run(Timestamp::MAX, morning), Chance::new(seed)).await;
        let (one, two) = futures::join!(run(&night.stage.reconciler, seed * 2), run(&other, seed * 2 + 1));
        one.and(two).expect("neither run fails");
        assert_eq!((night.digests().await.len(), night.statuses().await), (1, vec![Status::Merged; 3]), "seed {seed}");
        assert_eq!(night.end().await, 1, "seed {seed}");
        assert_eq!(night.books().await.0, PRICE, "seed {seed}");
    }
}

#[tokio::test]
async fn who_died_between_a_last_status_and_the_books_is_made_up_for() {
    let mut deaths = 0;
    loop {
        let night = Night::with([challenge(0)]).await;
        let revoked = Recipient { sms_enabled: false, version: 1, ..ada() };
        night.stage.reconciler.recipients.put(&revoked).await.expect("put");
        night.stage.embedded.calls.end_after(Some(deaths));
        let survived = night.stage.reconciler.run(Timestamp::MAX, morning).await.is_ok();
        night.stage.embedded.calls.end_after(None);
        assert_eq!((night.end().await, night.statuses().await), (0, vec![Status::Suppressed]), "a death after call {deaths}");
        assert_eq!((night.books().await.0, night.books().await.2.len()), (0, 0), "a death after call {deaths}");
        if survived {
            break;
        }
        deaths += 1;
    }
}
