//! The lines of the log that CloudWatch makes metrics of: the dashboard draws what really is written, and nothing that is written names a person.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use jiff::{SignedDuration, Timestamp};
use journeys::{embedded::Embedded, template};
use serde_json::Value;
use sms::{
    budget::Budget,
    caps::Caps,
    consent::Method,
    content::{Alert, BattleInvitation, Content, SecurityAlert},
    conversion::{LEAST_ASKED, RIPE_AFTER},
    event::{Event, UserId},
    gates::Rules,
    kind::{Class, Kind},
    message::{Change, Status},
    metrics::{self, Metric, NAMESPACE},
    money::MicroUsd,
    phone::PhoneNumber,
    recipient::{Categories, Consent, Recipient},
    stores::{Admissions, Asked, Asker, Codes, Limits, Messages, Notes, Verifications, Wish},
    text::House,
};
use uuid::Uuid;

/// A metric by one of its sets of dimensions, with their values.
type Kept = (String, BTreeMap<String, String>);

fn now() -> Timestamp {
    "2026-11-23T15:00:00Z".parse().expect("instant")
}

fn ada() -> Recipient {
    let phone = || "+13125560001".parse().expect("phone");
    let consent = Consent { given_at: now(), method: Method::SettingsPage, ip: None, disclosure_version: None, phone: phone(), revoked_at: None };
    Recipient {
        phone: Some(phone()),
        phone_verified_at: Some(now()),
        sms_enabled: true,
        categories: Categories::ALL_ON,
        consent: Some(consent),
        ..Recipient::new(UserId::try_from("ada".to_owned()).expect("user"))
    }
}

/// What everything happens with.
struct Stage {
    admissions: Admissions,
    messages: Messages,
    codes: Codes,
}

impl Stage {
    fn over(embedded: &Embedded) -> Self {
        let dynamodb = || embedded.dynamodb.clone();
        let verifications = Verifications::new(dynamodb(), "VerificationsTable".into());
        Self {
            admissions: Admissions::new(dynamodb(), "MessagesTable".into(), "LimitsTable".into()),
            messages: Messages::new(dynamodb(), "MessagesTable".into()),
            codes: Codes { limits: Limits::new(dynamodb(), "LimitsTable".into()), verifications, per_hour: 1000 },
        }
    }

    /// Admits a text, takes it through `changes`, and settles it.
    async fn text(&self, id: &str, content: Content, changes: &[Change]) {
        let rules = Rules {
            house: House { link_domains: vec!["allthrive.ai".into()], support_contact: "support@allthrive.ai".into() },
            prices: "US=1000".parse().expect("prices"),
            quiet_hours: None,
            caps: Caps { per_day: 100, ..Caps::default() },
            budget: Budget { monthly: MicroUsd(1_000_000), promotional: None, transactional: None, kept_percent: 20 },
        };
        let (ada, source, id) = (ada(), "test".to_owned(), id.to_owned());
        let event = Event { source, id, time: None, expirytime: None, user_id: ada.user_id.clone(), related: None, content };
        let wish = Wish { event: &event, recipient: Some(&ada), opt_out: None };
        let admitted = self.admissions.admit(&[wish], &rules, now(), async |_, message| Ok(message)).await.remove(0).expect("admitted");
        assert_eq!(admitted.row().status, Status::Pending);
        for change in changes {
            let notes = Notes::default().with("price", Some(700).filter(|_| *change == Change::Arrived)).expect("notes");
            self.messages.change(event.message_id(), *change, None, notes, now()).await.expect("change");
        }
        let row = self.messages.get(event.message_id()).await.expect("get").expect("row");
        self.admissions.settle(&row, now()).await.expect("settle");
    }

    async fn code(&self, n: u64, at: Timestamp) -> Asked {
        let (user, phone) = (UserId::try_from(format!("u{n}")).expect("user"), format!("+1202556{n:04}").parse::<PhoneNumber>().expect("phone"));
        let asker = Asker { user: &user, phone: &phone, address: None, has_proven: false, is_sent: true };
        self.codes.ask(&asker, Uuid::from_u128(u128::from(n)), [7; 16], at).await.expect("ask")
    }
}

#[tokio::test]
#[ignore = "it is the story whose log the other tests read"]
async fn everything_happens() {
    let embedded = Embedded::start().await.expect("embedded");
    let stage = Stage::over(&embedded);
    let invitation = |id: &str| {
        let (inviter_name, battle_topic, invitation_link) = ("Bob".into(), format!("Duel {id}"), "https://allthrive.ai/b".into());
        Content::BattleInvitation(BattleInvitation { inviter_name, battle_topic, invitation_link })
    };
    let ways: [&[Change]; 7] = [
        &[Change::Claimed, Change::Accepted, Change::Arrived],
        &[Change::Claimed, Change::Accepted, Change::Lost],
        &[Change::Claimed, Change::Refused],
        &[Change::Claimed, Change::Unanswered],
        &[Change::Claimed, Change::OptedOut],
        &[Change::Lapsed],
        &[Change::Claimed, Change::Deferred, Change::Merged],
    ];
    for (n, changes) in ways.into_iter().enumerate() {
        stage.text(&format!("i{n}"), invitation(&n.to_string()), changes).await;
        let alert = SecurityAlert { alert: Alert::NewLogin, detail: n.to_string(), link: "https://allthrive.ai/s".into() };
        stage.text(&format!("a{n}"), Content::SecurityAlert(alert), changes).await;
    }
    stage.admissions.close(now()).await.expect("close");

    let Asked::Granted(first) = stage.code(0, now()).await else { panic!("the first code is refused") };
    stage.codes.came_back(&first, now()).await.expect("came back");
    for n in 1..LEAST_ASKED {
        assert!(matches!(stage.code(n, now()).await, Asked::Granted(_)), "{n}");
    }
    assert!(matches!(stage.code(LEAST_ASKED, now() + RIPE_AFTER + SignedDuration::from_mins(1)).await, Asked::Refused(_)));

    // The sender and the reconciler, which are no libraries, write these. Their own tests see them do it.
    for class in [Class::Promotional, Class::Transactional] {
        metrics::emit(now(), Metric::Parts(class), 2.0);
    }
    metrics::emit(now(), Metric::Throttled, 1.0);
    metrics::emit(now(), Metric::OptOutDrift, 5.0);
}

/// The lines that a process writes to its log while everything happens, as CloudWatch reads them.
fn lines() -> Vec<Value> {
    let story = ["--ignored", "--exact", "everything_happens", "--nocapture", "--test-threads=1"];
    let told = Command::new(std::env::current_exe().expect("this test")).args(story).output().expect("a process");
    let log = String::from_utf8(told.stdout).expect("text");
    assert!(told.status.success(), "{log}{}", String::from_utf8_lossy(&told.stderr));
    // Before the first of them is what the harness says of the test.
    let lines = log.lines().filter(|line| line.contains("\"_aws\"")).filter_map(|line| line.get(line.find('{')?..));
    let lines = lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect::<Vec<_>>();
    assert!(!lines.is_empty(), "{log}");
    lines
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list")).clone()
}

/// What CloudWatch keeps of a line.
fn kept(line: &Value) -> Vec<Kept> {
    let directives = list(&line["_aws"]["CloudWatchMetrics"]).into_iter().filter(|directive| directive["Namespace"] == NAMESPACE);
    let kept = directives.flat_map(|directive| {
        let names = list(&directive["Metrics"]).into_iter().map(|metric| text(&metric["Name"]));
        let sets = list(&directive["Dimensions"]);
        let set = |set: &Value| list(set).iter().map(|name| (text(name), text(&line[text(name)]))).collect::<BTreeMap<_, _>>();
        let sets = sets.iter().map(set).collect::<Vec<_>>();
        names.flat_map(|name| sets.clone().into_iter().map(move |set| (name.clone(), set))).collect::<Vec<_>>()
    });
    kept.collect()
}

/// The lines of the dashboard's graphs.
fn drawn() -> Vec<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = template::parse(&std::fs::read_to_string(path).expect("template.yaml")).expect("a template");
    let body = text(&template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]);
    let widgets = list(&serde_json::from_str::<Value>(&body).expect("JSON")["widgets"]);
    widgets.iter().filter_map(|widget| widget["properties"]["metrics"].as_array()).flatten().map(list).collect()
}

#[test]
fn every_metric_that_the_dashboard_draws_is_written_when_everything_happens() {
    let written = lines().iter().flat_map(kept).collect::<BTreeSet<_>>();
    let ours = drawn().into_iter().filter(|line| line[0] == NAMESPACE).map(|line| {
        let words = line.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        (words[1].clone(), words[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<BTreeMap<_, _>>())
    });
    let ours = ours.collect::<Vec<Kept>>();
    assert!(ours.len() > 20, "{ours:?}");
    for metric in &ours {
        assert!(written.contains(metric), "{metric:?} was not written");
    }
    // What it searches for has values of each dimension that nobody lists.
    let searches =
        drawn().into_iter().filter_map(|line| line.last()?["expression"].as_str().map(str::to_owned)).filter(|it| it.starts_with("SEARCH"));
    let searches = searches.collect::<Vec<_>>();
    assert_eq!(searches.len(), 1, "{searches:?}");
    let schema = searches[0].split(['{', '}']).nth(1).expect("a schema").split(',').skip(1).collect::<BTreeSet<_>>();
    let found = written
        .iter()
        .filter(|(name, set)| searches[0].contains(&format!("\"{name}\"")) && set.keys().map(String::as_str).eq(schema.iter().copied()));
    let types = found.map(|(_, set)| set["Type"].as_str()).collect::<BTreeSet<_>>();
    assert_eq!(types, BTreeSet::from(["battle_invitation", "security_alert"]));
    // And nothing is written that is drawn nowhere.
    let names = |metrics: &mut dyn Iterator<Item = &Kept>| metrics.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    assert_eq!(names(&mut written.iter()), names(&mut ours.iter()));
}

#[test]
fn a_line_is_what_cloudwatch_reads_and_its_dimensions_have_few_values() {
    let values = BTreeMap::from([
        ("Type", Kind::ALL.map(Kind::as_str).to_vec()),
        ("Outcome", metrics::OUTCOMES.map(Status::as_str).to_vec()),
        ("Class", [Class::Promotional, Class::Transactional].map(Class::as_str).to_vec()),
    ]);
    for line in lines() {
        let metadata = line["_aws"].as_object().expect("metadata");
        assert_eq!(metadata.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(["CloudWatchMetrics", "Timestamp"]), "{line}");
        assert!(metadata["Timestamp"].as_i64().is_some_and(|at| at >= now().as_millisecond()), "{line}");
        let directives = list(&metadata["CloudWatchMetrics"]);
        assert_eq!(directives.len(), 1, "{line}");
        assert_eq!(directives[0]["Namespace"], NAMESPACE);

        let mut known = BTreeSet::from(["_aws".to_owned()]);
        let metrics = list(&directives[0]["Metrics"]);
        assert!((1..=100).contains(&metrics.len()), "{line}");
        for metric in metrics {
            assert!(["Count", "Percent", "None"].contains(&text(&metric["Unit"]).as_str()), "{line}");
            assert!(line[text(&metric["Name"])].is_number(), "{line}");
            known.insert(text(&metric["Name"]));
        }
        for set in list(&directives[0]["Dimensions"]) {
            for name in list(&set).iter().map(text) {
                let few = values.get(name.as_str()).unwrap_or_else(|| panic!("{name} may be anything: {line}"));
                assert!(few.contains(&text(&line[&name]).as_str()), "{line}");
                known.insert(name);
            }
        }
        // What no directive names would be in the log all the same.
        assert_eq!(line.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>(), known, "{line}");
    }
}
