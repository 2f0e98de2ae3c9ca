//! Codes on an embedded DynamoDB: how often one may be asked for, by whatever way, and what AWS hears of it in the end.

use std::{collections::BTreeSet, net::IpAddr};

use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use journeys::embedded::{Embedded, sdk};
use simulator::{Faults, Running};
use sms::{
    closing::{Closed, Closing, Feedback},
    content::{Content, PhoneVerification},
    event::UserId,
    gates::{self, Gate, Step, Verdict},
    kind::Class,
    message::{Change, Message, Status},
    money::MicroUsd,
    phone::{Country, PhoneNumber},
    provider::{Answer, Dispatch, Provider},
    stores::{Asked, Asker, Codes, Guess, Limits, Messages, Notes, Verifications, Why},
    verification::{MOST_GUESSES, Verification},
};
use uuid::Uuid;

const PHONE: &str = "+12025550101";

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("instant")
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn user(id: &str) -> UserId {
    UserId::try_from(id.to_owned()).expect("user")
}

fn phone(number: &str) -> PhoneNumber {
    number.parse().expect("phone")
}

fn id(n: usize) -> Uuid {
    Uuid::from_u128(1000 + n as u128)
}

struct Stage {
    embedded: Embedded,
    codes: Codes,
}

impl Stage {
    async fn set(per_hour: u64) -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let limits = Limits::new(embedded.dynamodb.clone(), "LimitsTable".into());
        let verifications = Verifications::new(embedded.dynamodb.clone(), "VerificationsTable".into());
        Self { codes: Codes { limits, verifications, per_hour }, embedded }
    }

    /// An odd one is asked for as the api asks, which knows where the person is; an even one as an event does, which does not.
    async fn ask(&self, n: usize, user_id: &str, number: &str, at: Timestamp) -> Asked {
        let address = (n % 2 == 1).then(|| format!("203.0.113.{}", n % 250).parse::<IpAddr>().expect("address"));
        let (user, phone) = (user(user_id), phone(number));
        let asker = Asker { user: &user, phone: &phone, address, has_proven: false, is_sent: true };
        self.codes.ask(&asker, id(n), [7; 16], at).await.expect("ask")
    }

    /// How often the row `limit_id` has counted.
    async fn counted(&self, limit_id: &str) -> usize {
        let rows = self.embedded.scan("LimitsTable").await.expect("scan");
        let row = rows.iter().find(|row| row["limit_id"] == limit_id);
        row.and_then(|row| row["times"].as_array()).map_or(0, Vec::len)
    }
}

fn why(asked: &Asked) -> Option<&Why> {
    match asked {
        Asked::Granted(_) => None,
        Asked::Refused(refusal) => Some(&refusal.why),
    }
}

fn granted(asked: &[Asked]) -> usize {
    asked.iter().filter(|asked| why(asked).is_none()).count()
}

#[tokio::test]
async fn the_limits_are_the_same_by_whatever_way_a_code_is_asked_for() {
    let stage = Stage::set(1000).await;
    for n in 0..5 {
        assert_eq!(why(&stage.ask(n, &format!("u{n}"), PHONE, now()).await), None, "{n}");
    }
    for n in [5, 6] {
        assert_eq!(why(&stage.ask(n, &format!("u{n}"), PHONE, now()).await), Some(&Why::Number), "{n}");
    }
    for n in 20..30 {
        assert_eq!(why(&stage.ask(n, "busy", &format!("+1202556{n:04}"), now()).await), None, "{n}");
    }
    for n in [30, 31] {
        assert_eq!(why(&stage.ask(n, "busy", &format!("+1202556{n:04}"), now()).await), Some(&Why::Person), "{n}");
    }
    assert_eq!(why(&stage.ask(40, "new", "+12025570001", now()).await), None);
    assert_eq!(why(&stage.ask(41, "new", "+12025570001", later(29)).await), Some(&Why::TooSoon));
    assert_eq!(why(&stage.ask(41, "new", "+12025570001", later(30)).await), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_gets_five_codes_of_sixty_at_once_by_both_ways() {
    let stage = Stage::set(1000).await;
    let users = (0..60).map(|n| format!("u{n}")).collect::<Vec<_>>();
    let asked = join_all(users.iter().enumerate().map(|(n, user)| stage.ask(n, user, PHONE, now()))).await;
    assert_eq!((granted(&asked), stage.counted(&format!("number/{PHONE}")).await), (5, 5), "{asked:?}");
    assert_eq!(stage.embedded.scan("VerificationsTable").await.expect("scan").len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_gets_ten_codes_of_forty_at_once_by_both_ways() {
    let stage = Stage::set(1000).await;
    let numbers = (0..40).map(|n| format!("+1202556{n:04}")).collect::<Vec<_>>();
    let asked = join_all(numbers.iter().enumerate().map(|(n, number)| stage.ask(n, "u", number, now()))).await;
    assert_eq!((granted(&asked), stage.counted("user/u").await), (10, 10), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_of_forty_at_once_goes_to_the_same_person_and_number_by_both_ways() {
    let stage = Stage::set(1000).await;
    let asked = join_all((0..40).map(|n| stage.ask(n, "u", PHONE, now()))).await;
    assert_eq!(granted(&asked), 1, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_seven_codes_of_fifty_at_once_by_both_ways() {
    let stage = Stage::set(7).await;
    let people = (0..50).map(|n| (format!("u{n}"), format!("+1202556{n:04}"))).collect::<Vec<_>>();
    let asked = join_all(people.iter().enumerate().map(|(n, (user, number))| stage.ask(n, user, number, now()))).await;
    assert_eq!(granted(&asked), 7, "{asked:?}");
    assert!(asked.iter().filter_map(why).all(|why| *why == Why::Everybody), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_counts_once_however_often_and_at_once_it_asks() {
    let stage = Stage::set(1000).await;
    let first = join_all((0..20).map(|_| stage.ask(1, "u", PHONE, now()))).await;
    assert_eq!(granted(&first), 20, "each is the same code: {first:?}");
    let again = stage.ask(1, "u", PHONE, later(40)).await;
    let Asked::Granted(verification) = again else { panic!("{again:?}") };
    assert_eq!((verification.verification_id, verification.valid_until), (id(1), later(600)), "a try after a crash finds what was written before it");
    for row in [format!("number/{PHONE}"), "user/u".to_owned(), format!("code/u/{PHONE}")] {
        assert_eq!(stage.counted(&row).await, 1, "{row}");
    }
    assert_eq!(stage.embedded.scan("VerificationsTable").await.expect("scan").len(), 1);
}

#[tokio::test]
async fn what_is_refused_is_not_counted_and_has_a_gate() {
    let stage = Stage::set(1).await;
    stage.ask(1, "u", PHONE, now()).await;
    let cases = [(stage.ask(2, "u", PHONE, later(1)).await, Gate::CarrierHourlyCap, "the next code in 29 s")];
    let everybody = (stage.ask(3, "v", "+12025550102", later(1)).await, Gate::CarrierHourlyCap, "everybody together had all codes of this hour");
    for (asked, gate, words) in cases.into_iter().chain([everybody]) {
        let Asked::Refused(refusal) = asked else { panic!("{asked:?}") };
        let (said, detail) = refusal.gate().expect("a gate");
        assert_eq!(said, gate);
        assert!(detail.contains(words) && !detail.contains("2025550"), "{detail}");
    }
    assert_eq!((stage.counted("user/u").await, stage.counted("user/v").await), (1, 0));
}

#[tokio::test]
async fn a_code_that_was_closed_is_said_no_more() {
    let stage = Stage::set(1000).await;
    stage.ask(1, "u", PHONE, now()).await;
    let Asked::Granted(second) = stage.ask(2, "u", PHONE, later(30)).await else { panic!("granted") };
    assert_eq!((second.repeats, second.verification_id), (Some(id(1)), id(2)));
    let verifications = &stage.codes.verifications;
    let living = verifications.get(id(1)).await.expect("get").expect("row");
    assert_eq!(living.texts, BTreeSet::from([id(2)]));
    for _ in 0..MOST_GUESSES {
        assert!(matches!(verifications.guess(id(1), &user("u"), later(31)).await.expect("guess"), Guess::Counted(_)));
    }
    verifications.close(id(1), later(32)).await.expect("close");
    assert_eq!(verifications.repeat(&living, id(3)).await.expect("repeat"), None, "it was read as living, and is not any more");
    let Asked::Granted(third) = stage.ask(3, "u", PHONE, later(60)).await else { panic!("granted") };
    assert_eq!(third.repeats, None);
}

/// A verification, its texts at the simulated AWS, and who closes it.
struct End {
    embedded: Embedded,
    simulator: Running,
    closing: Closing,
}

impl End {
    async fn set() -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let simulator = Running::start(simulator::Config::default()).await.expect("simulator");
        let closing = Closing {
            verifications: Verifications::new(embedded.dynamodb.clone(), "VerificationsTable".into()),
            messages: Messages::new(embedded.dynamodb.clone(), "MessagesTable".into()),
            feedback: Feedback::new(&sdk(&simulator.url())),
        };
        let end = Self { embedded, simulator, closing };
        end.closing.verifications.write(&Verification::new(id(0), user("u"), phone(PHONE), [7; 16], now())).await.expect("write");
        end
    }

    /// The row of the `n`th text, still pending.
    async fn write(&self, n: usize) {
        let content = Content::PhoneVerification(PhoneVerification { phone: phone(PHONE) });
        self.closing.messages.write(&Message::new(id(n), content, later(600), now()).to(Some(phone(PHONE)))).await.expect("write");
        self.change(n, Change::Claimed, Notes::default()).await;
    }

    async fn change(&self, n: usize, change: Change, notes: Notes) {
        self.closing.messages.change(id(n), change, None, notes, now()).await.expect("change");
    }

    /// The `n`th text is sent: at the simulator to a phone of its own, since one phone takes one text a second.
    async fn send(&self, n: usize) {
        let identities = "US=+18663448034".parse().expect("identities");
        let provider = Provider::new(&sdk(&self.simulator.url()), identities, "allthrive-sms".into(), None);
        let phone = Self::phone(n);
        let text = Dispatch {
            message_id: id(n),
            phone: &phone,
            country: Country::US,
            body: "Your code",
            class: Class::Transactional,
            max_price: MicroUsd(8830),
            time_to_live: std::time::Duration::from_mins(10),
            gets_feedback: true,
        };
        let Answer::Accepted(name) = provider.send(&text).await else { panic!("accepted") };
        self.change(n, Change::Accepted, Notes::default().with("provider_message_id", name).expect("notes")).await;
    }

    fn phone(n: usize) -> PhoneNumber {
        phone(&format!("+1202555{:04}", 200 + n))
    }

    /// What AWS heard of the `n`th text.
    fn heard(&self, n: usize) -> &'static str {
        self.simulator.simulator.texts(&Self::phone(n))[0].feedback.expect("it asked for feedback")
    }

    async fn is_marked(&self) -> bool {
        self.closing.verifications.get(id(0)).await.expect("get").expect("row").untold
    }

    async fn use_up(&self, at: Timestamp) {
        let used = self.closing.verifications.use_up(id(0), at).expect("use up");
        self.embedded.dynamodb.transact_write_items().transact_items(used).send().await.expect("used up");
    }

    async fn close(&self, at: Timestamp) -> Closed {
        self.closing.close(id(0), at).await.expect("close")
    }
}

#[tokio::test]
async fn aws_hears_of_all_texts_that_an_expired_code_has_failed_and_not_before() {
    let end = End::set().await;
    for n in [0, 1] {
        end.write(n).await;
        end.send(n).await;
    }
    let living = end.closing.verifications.get(id(0)).await.expect("get").expect("row");
    end.closing.verifications.repeat(&living, id(1)).await.expect("repeat").expect("living");
    assert_eq!(end.close(later(599)).await, Closed::NotBefore(later(600)));
    assert_eq!((end.heard(0), end.heard(1)), ("AWAITED", "AWAITED"));
    assert_eq!(end.close(later(600)).await, Closed::Yes);
    assert_eq!((end.heard(0), end.heard(1), end.is_marked().await), ("FAILED", "FAILED", false));
    assert_eq!(end.closing.close(id(1), later(601)).await.expect("close"), Closed::NoSuch, "a repeat is closed with what it repeats");
    assert_eq!(end.closing.close(id(9), later(601)).await.expect("close"), Closed::NoSuch);
    assert_eq!(end.embedded.scan("VerificationsTable").await.expect("scan").len(), 2, "closing makes no rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_is_closed_once_however_many_close_it() {
    let end = End::set().await;
    end.write(0).await;
    end.send(0).await;
    end.use_up(later(10)).await;
    let closed = join_all((0..10).map(|n| end.close(later(11 + n)))).await;
    assert!(closed.iter().all(|closed| *closed == Closed::Yes), "{closed:?}");
    let at = end.closing.verifications.get(id(0)).await.expect("get").expect("row").closed_at;
    end.close(later(700)).await;
    assert_eq!(end.closing.verifications.get(id(0)).await.expect("get").expect("row").closed_at, at, "the first stands");
    assert_eq!(end.heard(0), "RECEIVED");
}

#[tokio::test]
async fn what_aws_did_not_take_leaves_a_mark_and_is_told_later() {
    let end = End::set().await;
    end.write(0).await;
    end.send(0).await;
    end.use_up(later(10)).await;
    end.simulator.simulator.set_faults(Faults { error_rate: 1.0, ..Faults::default() });
    assert_eq!(end.close(later(11)).await, Closed::Untold);
    assert_eq!((end.heard(0), end.is_marked().await), ("AWAITED", true));
    end.simulator.simulator.set_faults(Faults::default());
    assert_eq!(end.close(later(70)).await, Closed::Yes);
    assert_eq!((end.heard(0), end.is_marked().await), ("RECEIVED", false));
}

#[tokio::test]
async fn a_text_on_its_way_is_waited_for_until_aws_stops_waiting_itself() {
    let end = End::set().await;
    end.write(0).await;
    assert_eq!(end.close(later(600)).await, Closed::Untold, "its name is not known yet");
    end.send(0).await;
    assert_eq!(end.close(later(601)).await, Closed::Yes);
    assert_eq!(end.heard(0), "FAILED");

    let end = End::set().await;
    end.write(0).await;
    assert_eq!(end.close(later(600 + 3599)).await, Closed::Untold);
    assert_eq!(end.close(later(600 + 3600)).await, Closed::Yes);
    assert!(!end.is_marked().await);
}

#[tokio::test]
async fn of_a_text_that_aws_never_took_or_has_forgotten_there_is_nothing_to_tell() {
    let end = End::set().await;
    end.write(0).await;
    end.change(0, Change::Refused, Notes::default()).await;
    assert_eq!((end.close(later(600)).await, end.is_marked().await), (Closed::Yes, false));

    let end = End::set().await;
    end.write(0).await;
    end.change(0, Change::Accepted, Notes::default().with("provider_message_id", "forgotten").expect("notes")).await;
    assert_eq!((end.close(later(600)).await, end.is_marked().await), (Closed::Yes, false));
}

#[tokio::test]
async fn a_right_code_that_was_overtaken_by_the_lock_has_the_last_word() {
    let end = End::set().await;
    end.write(0).await;
    end.send(0).await;
    for _ in 0..MOST_GUESSES {
        end.closing.verifications.guess(id(0), &user("u"), later(5)).await.expect("guess");
    }
    assert_eq!(end.close(later(6)).await, Closed::Yes);
    assert_eq!(end.heard(0), "FAILED");
    end.use_up(later(7)).await;
    assert!(end.is_marked().await);
    assert_eq!(end.close(later(7)).await, Closed::Yes);
    assert_eq!((end.heard(0), end.is_marked().await), ("RECEIVED", false));
}

#[tokio::test]
async fn who_told_aws_of_a_failure_does_not_wipe_out_a_success_that_came_meanwhile() {
    let end = End::set().await;
    let (before, _) = end.closing.verifications.close(id(0), later(600)).await.expect("close").expect("row");
    end.use_up(later(600)).await;
    end.closing.verifications.told(&before).await.expect("told");
    assert!(end.is_marked().await, "AWS heard FAILED, and has to hear RECEIVED");
}

#[test]
fn the_first_gate_that_says_no_is_the_one_in_the_row() {
    let step = |gate, verdict| Step { gate, verdict, detail: None };
    let trail = |last| {
        [Gate::Schema, Gate::Duplicate, Gate::Country].map(|gate| step(gate, Verdict::Pass)).into_iter().chain([step(Gate::OptOut, last)]).collect()
    };
    let content = Content::PhoneVerification(PhoneVerification { phone: phone(PHONE) });
    let row = |last, status| Message { gates: trail(last), ..Message::new(id(0), content.clone(), later(600), now()).decided(status) };
    let names = |message: &Message| message.gates.iter().map(|step| (step.gate, step.verdict)).collect::<Vec<_>>();

    let mut opted_out = row(Verdict::Fail, Status::Suppressed);
    let before = opted_out.clone();
    gates::refuse(&mut opted_out, Gate::CarrierHourlyCap, "too many".into());
    assert_eq!(opted_out, before, "an earlier gate has said no");
    gates::refuse(&mut opted_out, Gate::Country, "blocked".into());
    assert_eq!(names(&opted_out), [(Gate::Schema, Verdict::Pass), (Gate::Duplicate, Verdict::Pass), (Gate::Country, Verdict::Fail)]);

    let mut pending = row(Verdict::Pass, Status::Pending);
    gates::refuse(&mut pending, Gate::UserDailyCap, "too many".into());
    assert_eq!((names(&pending).len(), names(&pending).last()), (5, Some(&(Gate::UserDailyCap, Verdict::Fail))));
    assert_eq!((pending.status, pending.changes.len(), pending.changes[0].status), (Status::Suppressed, 1, Status::Suppressed));
}
