//! `make consent-proof` on the tables of an embedded DynamoDB: the page has all there is, and says so loudly if the ledger is not what was written.

use std::{path::PathBuf, process::Output};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use journeys::{embedded::Embedded, stack::user};
use serde_json::{Value, json};
use sms::{
    consent::{Action, LedgerEntry, LedgerHead, Method, Statement},
    content::{BattleInvitation, Content, PhoneVerification},
    erasure::{tenures, years_after},
    event::message_id,
    gates::{Gate, Step, Verdict},
    kind::Category,
    message::{Change, Message},
    moment,
    opt_out::OptOut,
    phone::PhoneNumber,
    recipient::{Categories, Consent, Recipient},
    stores::{Item, Ledger, Messages, Notes, OptOuts, Recipients, Replies, Reply, Saved},
};
use tokio::process::Command;
use uuid::Uuid;

const NUMBER: &str = "+12025550101";
const FORMER: &str = "+12025550199";
const WORDS: &str = include_str!("../../disclosures/2026-11.en.txt");
/// Everything that JSON writers do not agree on by themselves.
const AGENT: &str = "Mozilla/5.0 (\"quoted\" \\ <b>bold</b> é 日本 😀 \u{7f} \u{2028} / \t \n \u{1f})";

/// Tables with one person, and a folder for the pages.
struct Stage {
    embedded: Embedded,
    folder: PathBuf,
}

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().expect("instant")
}

fn later(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

fn phone(number: &str) -> PhoneNumber {
    number.parse().expect("phone")
}

fn statement(action: Action, method: Method, number: &str, minutes: i64) -> Statement {
    Statement { at: later(minutes), action, method, phone: Some(phone(number)), ip: None, user_agent: None, disclosure_version: None, wording: None }
}

impl Stage {
    /// Ada: two numbers, every way to say yes and no, texts with every outcome, replies of every meaning.
    async fn set(name: &str) -> Self {
        let embedded = Embedded::start().await.expect("embedded");
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("proof-{name}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let tables = ["RecipientsTable", "ConsentsTable", "MessagesTable", "RepliesTable", "OptOutsTable"];
        let outputs = tables.iter().map(|table| ((*table).to_owned(), json!(table))).collect::<serde_json::Map<_, _>>();
        let stack = json!({"aws": embedded.dynamodb_url, "outputs": outputs});
        std::fs::write(folder.join("stack.json"), stack.to_string()).expect("a file");
        let stage = Self { embedded, folder };
        stage.live().await;
        stage
    }

    async fn live(&self) {
        let dynamodb = || self.embedded.dynamodb.clone();
        let shown = Statement {
            ip: Some("203.0.113.7".into()),
            user_agent: Some(AGENT.into()),
            disclosure_version: Some("2026-11.en".into()),
            wording: Some(WORDS.trim_end().into()),
            ..statement(Action::Given, Method::OptInModal, FORMER, 0)
        };
        let words = |statement: Statement, words: &str| Statement { wording: Some(words.into()), ..statement };
        let last = statement(Action::Given, Method::SettingsPage, NUMBER, 50);
        let consent = Consent { given_at: last.at, method: last.method, ip: None, disclosure_version: None, phone: phone(NUMBER), revoked_at: None };
        let mut row = Recipient { sms_enabled: true, categories: Categories::ALL_ON, ..Recipient::new(user("ada")) };
        for statement in [
            shown.clone(),
            statement(Action::Revoked, Method::PhoneVerification, FORMER, 10),
            Statement { phone: Some(phone(NUMBER)), at: later(20), method: Method::SettingsPage, ..shown },
            words(statement(Action::Revoked, Method::SmsKeyword, NUMBER, 30), "Please <stop>"),
            last,
        ] {
            let number = statement.phone.clone();
            let after = Recipient { phone: number, phone_verified_at: Some(statement.at), consent: Some(consent.clone()), ..row.clone() };
            row = self.save(&row, &after, statement).await;
        }
        for (n, (content, number, changes)) in [
            (invitation("Accepted & delivered"), NUMBER, &[Change::Claimed, Change::Accepted, Change::Arrived][..]),
            (invitation("Nobody knows"), NUMBER, &[Change::Claimed, Change::Unanswered]),
            (invitation("Refused"), FORMER, &[Change::Claimed, Change::Refused]),
            (Content::PhoneVerification(PhoneVerification { phone: phone(NUMBER) }), NUMBER, &[Change::Claimed, Change::Accepted, Change::Lost]),
            (invitation("Never wanted"), NUMBER, &[Change::Claimed, Change::OptedOut]),
        ]
        .into_iter()
        .enumerate()
        {
            self.text(n, content, number, changes).await;
        }
        for (id, number, body, meaning, rule, minutes) in [
            ("early", NUMBER, "who is this?", "other", "none", 1),
            ("stop", NUMBER, "Please <stop>", "stop_all", "please stop", 30),
            ("help", FORMER, "<script>alert('help')</script>", "help", "keyword help", 5),
        ] {
            let at = later(minutes);
            let reply = Reply {
                inbound_message_id: id.into(),
                phone: phone(number),
                body: body.into(),
                meaning: meaning.into(),
                rule: rule.into(),
                review: false,
                received_at: at,
                obeyed_at: (id != "early").then_some(later(minutes)),
                expires_at: 0,
            };
            Replies::new(dynamodb(), "RepliesTable".into()).begin(&reply).await.expect("reply");
        }
        let answer = Message::new(message_id("sms/replies", "help"), Content::HelpReply {}, later(60), later(5)).to(Some(phone(FORMER)));
        let answer = Message { body: Some("AllThrive: the answer to HELP".into()), ..answer };
        self.messages().write(&answer).await.expect("write");
        let opt_out = OptOut {
            phone: phone(NUMBER),
            everything_since: None,
            categories: [Category::StreakAlerts].into(),
            confirmation: None,
            method: Method::SmsKeyword,
            rule: "stop with a category".into(),
            relisting_refused: None,
            stopped_at: None,
            started_at: None,
            updated_at: later(30),
            revision: None,
        };
        OptOuts::new(dynamodb(), "OptOutsTable".into()).say(&opt_out).await.expect("opt-out");
    }

    async fn save(&self, before: &Recipient, after: &Recipient, statement: Statement) -> Recipient {
        match self.ledger().save(&self.recipients(), before, after, Some(statement), None).await.expect("save") {
            Saved::Yes(row) => *row,
            Saved::Overtaken => panic!("overtaken"),
        }
    }

    async fn text(&self, n: usize, content: Content, number: &str, changes: &[Change]) {
        let at = later(i64::try_from(n).expect("a number") + 51);
        let suppressed = changes.last() == Some(&Change::OptedOut);
        let step = |gate, verdict, detail: Option<&str>| Step { gate, verdict, detail: detail.map(str::to_owned) };
        let second =
            if suppressed { step(Gate::OptOut, Verdict::Fail, Some("opted out <of everything>")) } else { step(Gate::OptOut, Verdict::Pass, None) };
        let body = (!matches!(content, Content::PhoneVerification(_))).then(|| format!("AllThrive: the words of text {n}\nReply STOP"));
        let message = Message::new(Uuid::from_u128(n as u128 + 1), content, later(600), at).to(Some(phone(number)));
        let message =
            Message { user_id: Some(user("ada")), body, parts: Some(2), gates: vec![step(Gate::Schema, Verdict::Pass, None), second], ..message };
        self.messages().write(&message).await.expect("write");
        for change in changes {
            let notes = match change {
                Change::Arrived | Change::Lost => Notes::default().with("price", 5810).and_then(|notes| notes.with("carrier_fee", 3020)),
                Change::Refused => Notes::default().with("delivery_detail", "DESTINATION_COUNTRY_BLOCKED"),
                _ => Ok(Notes::default()),
            };
            self.messages().change(message.message_id, *change, None, notes.expect("notes"), at).await.expect("change");
        }
    }

    fn recipients(&self) -> Recipients {
        Recipients::new(self.embedded.dynamodb.clone(), "RecipientsTable".into())
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(self.embedded.dynamodb.clone(), "ConsentsTable".into())
    }

    fn messages(&self) -> Messages {
        Messages::new(self.embedded.dynamodb.clone(), "MessagesTable".into())
    }

    async fn prove(&self, person: &str) -> Output {
        let here = env!("CARGO_MANIFEST_DIR");
        let python = format!("{here}/../.venv/cloud/bin/python");
        let mut command = Command::new(&python);
        command.args(["-B", &format!("{here}/../local/consent_proof.py"), "--", person]).current_dir(&self.folder);
        command.env("STACK_FILE", self.folder.join("stack.json")).env_remove("STACK");
        command.output().await.unwrap_or_else(|error| panic!("{python} cannot be run ({error}): `make test` makes it"))
    }

    /// The page, and whether it was made with success.
    async fn page(&self) -> (String, bool) {
        let path = self.folder.join("consent-proof-ada.html");
        if path.exists() {
            std::fs::remove_file(&path).expect("remove");
        }
        let output = self.prove("ada").await;
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!said.contains(&NUMBER[1..]) && !said.contains("203.0.113"), "{said}");
        let page = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("no page ({error}): {said}"));
        (page, output.status.success())
    }

    async fn entry(&self, seq: u64) -> Item {
        let answer = self.embedded.dynamodb.get_item().table_name("ConsentsTable").set_key(Some(key(seq))).send().await.expect("get");
        answer.item.expect("an entry")
    }

    async fn put(&self, item: Item) {
        self.embedded.dynamodb.put_item().table_name("ConsentsTable").set_item(Some(item)).send().await.expect("put");
    }

    async fn remove(&self, seq: u64) {
        self.embedded.dynamodb.delete_item().table_name("ConsentsTable").set_key(Some(key(seq))).send().await.expect("delete");
    }

    /// What the page says if it is broken, and that it is then loud and fails.
    async fn assert_broken(&self, finding: &str) {
        let (page, success) = self.page().await;
        assert!(!success && page.contains("THE CONSENT RECORD IS BROKEN.") && !page.contains("The consent record is whole."), "{finding}");
        assert!(page.contains(finding), "{finding} is not in {}", page.split("</div>").next().unwrap_or_default());
    }
}

fn invitation(topic: &str) -> Content {
    Content::BattleInvitation(BattleInvitation {
        inviter_name: "Bob".into(),
        battle_topic: topic.into(),
        invitation_link: "https://allthrive.ai/b/9".into(),
    })
}

fn key(seq: u64) -> Item {
    Item::from([("user_id".into(), AttributeValue::S("ada".into())), ("seq".into(), AttributeValue::N(seq.to_string()))])
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#x27;")
}

/// Every text in `value` that a reader of the page has to find there, by the names in `names`.
fn texts(value: &Value, names: &[&str], found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if names.contains(&name.as_str()) => found.push(text.clone()),
                    other => texts(other, names, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, names, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_page_has_everything_that_the_tables_have() {
    let stage = Stage::set("complete").await;
    let (page, success) = stage.page().await;
    assert!(success && page.contains("The consent record is whole.") && page.contains("All 5 entries are unchanged"));
    let mut wanted = Vec::new();
    for (table, rows, names) in [
        ("ConsentsTable", 5, &["at", "phone", "ip", "user_agent", "disclosure_version", "wording", "hash", "previous"][..]),
        ("MessagesTable", 6, &["phone", "body", "status", "at", "detail", "delivery_detail"]),
        ("RepliesTable", 3, &["phone", "body", "rule", "received_at", "obeyed_at"]),
        ("OptOutsTable", 1, &["phone", "rule", "updated_at"]),
    ] {
        let found = stage.embedded.scan(table).await.expect("scan");
        assert_eq!(found.len(), rows, "{table}");
        for row in &found {
            texts(row, names, &mut wanted);
        }
    }
    assert!(wanted.len() > 80, "{}", wanted.len());
    for text in &wanted {
        assert!(page.contains(&escaped(text)), "{text} is not on the page");
    }
    assert!(page.contains("word for word the file disclosures/2026-11.en.txt"));
    assert_eq!(page.matches("$0.00883").count(), 2, "the price of each text that has one");
    assert!(page.contains("$0.01766"), "and of all together");
    assert_eq!(page.matches("not within the time in which the number is known").count(), 1, "the early reply");
    assert!(page.contains("streak_alerts") && page.contains("Stop everything") && page.contains("not yet"));
    assert!(page.contains("a verification code; codes are kept nowhere"));
    for foreign in ["<script", "src=", "href=", "url(", "@import", "http-equiv=\"refresh\""] {
        assert!(!page.contains(foreign), "{foreign}: the page has to stand alone");
    }
}

#[tokio::test]
async fn a_ledger_that_is_not_what_was_written_is_said_loudly() {
    let stage = Stage::set("broken").await;
    let whole = [stage.entry(1).await, stage.entry(2).await, stage.entry(3).await, stage.entry(4).await, stage.entry(5).await];
    let with = |place: usize, name: &str, value: &str| {
        let mut item = whole[place].clone();
        item.insert(name.into(), AttributeValue::S(value.into()));
        item
    };
    stage.put(with(2, "wording", "Other words")).await;
    stage.assert_broken("Entry 3 was changed").await;
    stage.put(with(2, "note", "harmless")).await;
    stage.assert_broken("Entry 3 has fields that no hash covers: note").await;
    stage.put(whole[2].clone()).await;

    stage.remove(5).await;
    stage.assert_broken("The ledger is cut off: it ends at entry 4").await;
    stage.put(whole[4].clone()).await;
    stage.remove(1).await;
    stage.assert_broken("Entry 1 is missing").await;
    stage.put(whole[0].clone()).await;

    let moved = |place: usize, seq: u64| whole[place].clone().into_iter().chain(key(seq)).collect::<Item>();
    stage.put(moved(1, 3)).await;
    stage.put(moved(2, 2)).await;
    stage.assert_broken("Entry 2 does not follow the one before it").await;
    stage.put(whole[1].clone()).await;
    stage.put(whole[2].clone()).await;

    let head = LedgerHead { seq: 5, hash: whole[4]["hash"].as_s().expect("hash").clone() };
    let extra = LedgerEntry::after(Some(&head), user("ada"), statement(Action::Given, Method::Api, NUMBER, 90));
    stage.put(serde_dynamo::aws_sdk_dynamodb_1::to_item(extra).expect("item")).await;
    stage.assert_broken("Entries after 5 were added").await;
    stage.remove(6).await;
    assert!(stage.page().await.1, "whole again");
}

#[tokio::test]
async fn an_erased_person_is_proven_by_the_sealed_ledger_as_long_as_it_is_kept() {
    let stage = Stage::set("erased").await;
    let before = stage.recipients().get(&user("ada")).await.expect("get").expect("row");
    let entries = stage.ledger().of(&user("ada")).await.expect("entries");
    let statement = Statement { phone: None, ..statement(Action::Erased, Method::Api, NUMBER, 100) };
    let kept_until = years_after(Timestamp::now(), 4);
    stage.ledger().mark_erased(&stage.recipients(), &before, statement, kept_until, tenures(&before, &entries)).await.expect("mark");
    stage.ledger().seal(&user("ada"), 1, 6, kept_until).await.expect("seal");
    for id in 1..=5 {
        let row = stage.messages().get(Uuid::from_u128(id)).await.expect("get").expect("row");
        stage.messages().erase(&row, later(100)).await.expect("erase");
    }
    let (page, success) = stage.page().await;
    assert!(success && page.contains("All 6 entries are unchanged"), "sealed entries are whole");
    assert!(page.contains("everything about this person was erased") && page.contains(&moment::text(kept_until)));
    assert!(page.contains("Person erased, ledger sealed") && !page.contains("the words of text"));
    stage.remove(6).await;
    stage.assert_broken("it ends at entry 5").await;
}

#[tokio::test]
async fn what_was_forgotten_when_its_time_was_over_is_not_missed() {
    let stage = Stage::set("forgotten").await;
    let before = stage.recipients().get(&user("ada")).await.expect("get").expect("row");
    let erased = Statement { phone: None, ..statement(Action::Erased, Method::Api, NUMBER, 100) };
    let over = "2020-01-01T00:00:00Z".parse().expect("instant");
    let Saved::Yes(mark) = stage.ledger().mark_erased(&stage.recipients(), &before, erased, over, Vec::new()).await.expect("mark") else {
        panic!("overtaken")
    };
    let back = Recipient { phone: Some(phone(NUMBER)), phone_verified_at: Some(later(300)), ..mark.reborn() };
    stage.save(&mark, &back, statement(Action::Given, Method::SettingsPage, NUMBER, 300)).await;
    for seq in [1, 2, 4, 6] {
        stage.remove(seq).await;
    }
    let (page, success) = stage.page().await;
    assert!(success && page.contains("The one entry is unchanged") && page.contains("has come back"), "{success}");
    stage.remove(7).await;
    stage.assert_broken("The ledger is cut off: it ends at entry 6").await;
}

#[tokio::test]
async fn who_is_not_there_and_a_stack_that_is_not_up_are_said_in_a_sentence() {
    let stage = Stage::set("nobody").await;
    for (person, words) in
        [("nobody", "There is no person nobody on this stack"), ("+12025550101", "There is no person +*********01"), (" ", "name a person")]
    {
        let output = stage.prove(person).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words) && !said.contains("Traceback"), "{said}");
    }
    std::fs::remove_file(stage.folder.join("stack.json")).expect("remove");
    let output = stage.prove("ada").await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("No local stack runs") && said.contains("make run"), "{said}");
}
