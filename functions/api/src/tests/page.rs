//! The preference page: what each of its forms does, and whom it refuses.

use base64::{Engine, engine::general_purpose::STANDARD};
use sms::{
    consent::Method,
    content::{BattleInvitation, Content},
    gates::{Gate, Step, Verdict},
    message::{Message, Status},
    opt_out::OptOut,
    recipient::Recipient,
    stores::{Messages, OptOuts},
    token::{Scope, form_proof},
};
use uuid::Uuid;

use super::{Answer, Call, PHONE, SignedDuration, Stage, Value, ada, ben, json, key_pair, phone, user};

const OTHER: &str = "+12025550102";

/// Somebody's browser with the page open.
struct Tab<'a> {
    stage: &'a Stage,
    token: String,
}

impl Stage {
    fn tab(&self, user: &str) -> Tab<'_> {
        Tab { stage: self, token: self.token(user) }
    }

    async fn opt_out(&self, everything: bool, categories: &[sms::kind::Category]) {
        let row = OptOut {
            phone: phone(PHONE),
            everything_since: everything.then(|| self.now()),
            categories: categories.iter().copied().collect(),
            confirmation: None,
            method: Method::SmsKeyword,
            rule: "keyword stop".into(),
            relisting_refused: None,
            stopped_at: None,
            started_at: None,
            updated_at: self.now(),
            revision: None,
        };
        OptOuts::new(self.embedded.dynamodb.clone(), "OptOutsTable".into()).say(&row).await.expect("say");
    }

    async fn entries(&self) -> Vec<Value> {
        self.rows("ConsentsTable").await
    }
}

impl Tab<'_> {
    fn with_cookie(&self, mut call: Call) -> Call {
        call.event["cookies"] = json!(["theme=dark", format!("preferences_token={}", self.token)]);
        call
    }

    async fn get(&self, query: &str) -> Answer {
        self.stage.ask(self.with_cookie(Call::new("GET", &format!("/preferences{query}")))).await
    }

    /// Sends a form with its proof.
    async fn post(&self, fields: &[(&str, &str)]) -> Answer {
        let proof = form_proof(&self.token);
        self.post_bare(&[fields, &[("proof", &proof)]].concat()).await
    }

    async fn post_bare(&self, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut call = Call::new("POST", "/preferences").header("content-type", "application/x-www-form-urlencoded");
        // As API Gateway has a form: it is none of the types that it takes for text.
        call.event["body"] = STANDARD.encode(body).into();
        call.event["isBase64Encoded"] = true.into();
        self.stage.ask(self.with_cookie(call)).await
    }

    /// Saves with every switch as in `fields`, from a page that is up to date.
    async fn save(&self, fields: &[(&str, &str)]) -> Answer {
        let version = self.stage.recipients.get(&user("ada")).await.expect("get").map_or(0, |row| row.version).to_string();
        self.post(&[&[("act", "save"), ("version", &version), ("disclosure", "2026-11.en"), ("language", "en")], fields].concat()).await
    }
}

impl Answer {
    fn goes_to(&self, address: &str) {
        assert_eq!((self.status, self.header("location")), (303, address), "{self:?}");
    }

    /// It says so, beside the field that is described by it.
    fn faults(&self, status: u16, field: &str, words: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(self.text.contains("<title>Error: Your text messages"), "{}", self.text);
        let fault = self.text.split(&format!("id=\"{field}-fault\"")).nth(1).unwrap_or_else(|| panic!("no fault of {field}: {}", self.text));
        assert!(fault.split("</p>").next().is_some_and(|fault| fault.contains(words)), "{fault}");
        let element = self.text.split('<').find(|element| element.contains(&format!("id=\"{field}\""))).expect("the field");
        assert!(element.contains(&format!("aria-describedby=\"{field}-fault ")), "{element}");
        assert!(self.text.contains(&format!("<a href=\"#{field}\">")), "the list at the top leads to it");
    }

    fn says(&self, words: &str) -> &Self {
        assert!(self.text.contains(words), "no {words:?} in {}", self.text);
        self
    }
}

#[tokio::test]
async fn the_token_leaves_the_address_for_a_strict_cookie() {
    let stage = Stage::set().await.with(ada()).await;
    let token = stage.token("ada");
    let answer = stage.ask(Call::new("GET", &format!("/preferences?token={token}"))).await;
    answer.goes_to("preferences");
    assert_eq!(answer.header("set-cookie"), format!("preferences_token={token}; Max-Age=900; HttpOnly; Secure; SameSite=Strict"));
    assert_eq!([answer.header("referrer-policy"), answer.header("cache-control")], ["no-referrer", "no-store"]);
    let answer = stage.ask(Call::new("GET", &format!("/preferences?token={token}&lang=es"))).await;
    answer.goes_to("preferences?lang=es");
}

#[tokio::test]
async fn the_page_allows_nothing_but_its_own_style_and_keeps_out_of_frames_and_caches() {
    let stage = Stage::set().await.with(ada()).await;
    let answer = stage.tab("ada").get("").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = answer.header("content-security-policy");
    let style = answer.text.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).expect("a style");
    let hash = STANDARD.encode(<sha2::Sha256 as sha2::Digest>::digest(style));
    let expected = format!("default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
    assert_eq!(policy, expected);
    for inline in ["<script", " style=", " onclick=", "javascript:"] {
        assert!(!answer.text.contains(inline), "{inline}");
    }
    assert!(!answer.text.contains(&stage.token("ada")), "the token is in no page");
    assert_eq!(
        [answer.header("cache-control"), answer.header("referrer-policy"), answer.header("x-content-type-options")],
        ["no-store", "no-referrer", "nosniff"]
    );
}

#[tokio::test]
async fn without_a_good_token_the_page_says_how_to_get_one_and_nothing_of_anybody() {
    let stage = Stage::set().await.with(ada()).await;
    let good = stage.token("ada");
    let foreign = sms::token::TokenKeys::new(&key_pair('f', "")).expect("keys").sign(&sms::token::Claims {
        user_id: user("ada"),
        scope: Scope::Manage,
        expires_at: i64::MAX,
    });
    let ended = stage.token_until("ada", Scope::Manage, stage.now());
    let of_nobody = stage.token_until("nobody", Scope::Manage, stage.now());
    let none = stage.ask(Call::new("GET", "/preferences")).await;
    none.says("text HELP");
    for token in ["", "x", &format!("{}A", &good[..good.len() - 1]), &foreign, &ended, &of_nobody] {
        let tab = Tab { stage: &stage, token: token.to_owned() };
        let by_link = stage.ask(Call::new("GET", &format!("/preferences?token={token}"))).await;
        for answer in [by_link, tab.get("").await, tab.post(&[("act", "stop")]).await, tab.save(&[]).await] {
            assert_eq!((answer.status, &answer.text), (401, &none.text), "{token}");
            assert!(answer.header("set-cookie").starts_with("preferences_token=; Max-Age=0"), "and the cookie is forgotten");
        }
    }
    let spanish = stage.ask(Call::new("GET", "/preferences").header("accept-language", "es-MX,es;q=0.9")).await;
    spanish.says("Este enlace ya no funciona").says("<html lang=\"es\">");
    assert!(stage.recipient("ada").await.sms_enabled, "and nothing happened");
}

#[tokio::test]
async fn who_comes_from_another_site_is_led_on_by_a_page_of_ours() {
    let stage = Stage::set().await.with(ada()).await;
    let answer = stage.ask(Call::new("GET", "/preferences").header("sec-fetch-site", "cross-site")).await;
    assert_eq!(answer.status, 200);
    answer.says(r#"<meta http-equiv="refresh" content="0; url=preferences">"#);
    let answer = stage.ask(Call::new("GET", "/preferences").header("sec-fetch-site", "same-origin")).await;
    assert_eq!(answer.status, 401, "and not in a circle");
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let stage = Stage::set().await.with(ada()).await;
    let tab = stage.tab("ada");
    let others = form_proof(&stage.token("bob"));
    for proof in ["", "x", &others] {
        for act in ["save", "stop", "send-code", "check-code"] {
            let answer = tab.post_bare(&[("act", act), ("proof", proof), ("phone", OTHER), ("version", "0")]).await;
            assert_eq!(answer.status, 403, "{act} {proof}");
            answer.says("Nothing was changed");
        }
    }
    assert_eq!(tab.post(&[("act", "everything")]).await.status, 403);
    assert_eq!(tab.post_bare(&[]).await.status, 403);
    assert_eq!((stage.recipient("ada").await, stage.jobs()), (ada(), 0));
}

#[tokio::test]
async fn a_link_for_looking_shows_everything_and_changes_nothing() {
    let stage = Stage::set().await.with(ada()).await;
    let tab = Tab { stage: &stage, token: stage.token_until("ada", Scope::Read, stage.now() + SignedDuration::from_mins(1)) };
    let page = tab.get("").await;
    page.says("ending in 0101").says("This link lets you look but not change anything");
    assert!(!page.text.contains("<button"), "there is nothing to press");
    for act in ["save", "stop", "send-code", "check-code"] {
        let answer = tab.post(&[("act", act), ("version", "0"), ("phone", OTHER)]).await;
        assert_eq!(answer.status, 403, "{act}");
        answer.says("<title>Error: ").says("This link lets you look");
    }
    assert_eq!((stage.recipient("ada").await, stage.jobs()), (ada(), 0));
}

#[tokio::test]
async fn a_number_is_asked_for_proven_and_bound() {
    let stage = Stage::set().await;
    let tab = stage.tab("ada");
    tab.get("").await.says("We have no number of yours").says("autocomplete=\"tel\"");
    let asked = tab.post(&[("act", "send-code"), ("phone", "(202) 555-0101")]).await;
    let id = stage.rows("VerificationsTable").await[0]["verification_id"].clone();
    let id = id.as_str().expect("an id");
    asked.goes_to(&format!("preferences?done=code&verification={id}#code"));

    let page = tab.get(&format!("?done=code&verification={id}")).await;
    page.says("role=\"status\" tabindex=\"-1\">The code is on its way.")
        .says("autocomplete=\"one-time-code\" inputmode=\"numeric\"")
        .says("+1 202 555 0101");
    tab.get(&format!("?verification={id}")).await.says("It works for 10 more minutes.");
    stage.later(9 * 60 + 1);
    tab.get(&format!("?verification={id}")).await.says("It works for one more minute.");
    let theirs = stage.tab("eve").get(&format!("?verification={id}")).await;
    assert!(!theirs.text.contains("one-time-code") && !theirs.text.contains("+1 202 555 0101"), "somebody else's is not shown");

    for (code, words) in [("12", "Enter the six digits"), ("abcdef", "Enter the six digits"), ("", "Enter the six digits")] {
        tab.post(&[("act", "check-code"), ("verification", id), ("code", code)]).await.faults(422, "code", words);
    }
    let code = stage.code(&json!(id)).await;
    let wrong = format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000);
    tab.post(&[("act", "check-code"), ("verification", id), ("code", &wrong)]).await.faults(422, "code", "You have 4 more tries");
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    tab.post(&[("act", "check-code"), ("verification", id), ("code", &spaced)]).await.goes_to("preferences?done=proven#done");
    tab.get("?done=proven").await.says("This number is yours").says("ending in 0101");
    assert_eq!(stage.recipient("ada").await.verified_phone(), Some(&phone(PHONE)));
    tab.post(&[("act", "check-code"), ("verification", id), ("code", &code)]).await.says("This code does not work any more");
}

#[tokio::test]
async fn codes_are_limited_as_they_are_for_programs() {
    let stage = Stage::set().await;
    let tab = stage.tab("ada");
    for bad in ["", "12", "two"] {
        tab.post(&[("act", "send-code"), ("phone", bad)]).await.faults(422, "phone", "Enter a mobile number");
    }
    tab.post(&[("act", "send-code"), ("phone", "+442071838750")]).await.faults(422, "phone", "numbers of this country");
    assert_eq!(tab.post(&[("act", "send-code"), ("phone", PHONE)]).await.status, 303);
    tab.post(&[("act", "send-code"), ("phone", PHONE)]).await.faults(429, "phone", "Try again in 30 seconds");
    let id = stage.rows("VerificationsTable").await[0]["verification_id"].as_str().expect("an id").to_owned();
    stage.later(10);
    let again = [("act", "send-code"), ("phone", PHONE), ("verification", id.as_str())];
    tab.post(&again).await.faults(429, "code", "Try again in 20 seconds");
    stage.later(20);
    tab.post(&again).await.goes_to(&format!("preferences?done=code&verification={id}#code"));
    let code = stage.code(&json!(id)).await;
    let wrong = format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000);
    let guess = [("act", "check-code"), ("verification", id.as_str()), ("code", wrong.as_str())];
    for words in ["4 more tries", "3 more tries", "2 more tries", "one more try"] {
        tab.post(&guess).await.faults(422, "code", words);
    }
    tab.post(&guess).await.faults(422, "phone", "the last try. Ask for a new one.");
    tab.post(&guess).await.faults(429, "phone", "Too many wrong codes. Ask for a new one.");
    tab.post(&[("act", "check-code"), ("verification", "x"), ("code", &code)]).await.faults(404, "phone", "This code does not work any more");
    assert_eq!(stage.jobs(), 2);
    stage.later(30);
    let anew = tab.post(&[("act", "send-code"), ("phone", PHONE)]).await;
    assert_eq!(anew.status, 303, "and a new one can be asked for");
    assert!(!anew.header("location").contains(&id));
}

#[tokio::test]
async fn turning_texts_on_is_consent_to_the_words_that_were_shown() {
    let stage = Stage::set().await.with(ben()).await;
    let tab = stage.tab("ada");
    tab.get("").await.says("version 2026-11.en").says("Consent is not a condition").says("name=\"disclosure\" value=\"2026-11.en\"");
    tab.get("?lang=es").await.says("name=\"disclosure\" value=\"2026-11.es\"").says("Tu consentimiento no es condición");
    tab.save(&[("texts", "on"), ("streak_alerts", "on")]).await.goes_to("preferences?done=saved#done");
    let row = stage.recipient("ada").await;
    assert!(row.sms_enabled && row.categories.streak_alerts && !row.categories.battle_results);
    let consent = row.standing_consent().expect("consent");
    assert_eq!((consent.method, consent.disclosure_version.as_deref()), (Method::SettingsPage, Some("2026-11.en")));
    assert_eq!(consent.ip.as_deref(), Some("203.0.113.7"));
    assert_eq!(stage.entries().await[0]["user_agent"], "Test/1");
    let kinds = stage.rows("MessagesTable").await.iter().map(|row| row["type"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds, ["opt_in_confirmation"], "the first yes is confirmed once");

    let page = tab.get("?done=saved").await;
    page.says("Texts are on. You agreed on Nov 23, 2026").says("You said yes").says("on your settings page, for the number ending in 0101");
    assert!(!page.text.contains("name=\"disclosure\""), "what was agreed to is not asked again");
    tab.save(&[("streak_alerts", "on")]).await.goes_to("preferences?done=saved#done");
    assert!(stage.recipient("ada").await.standing_consent().is_none());
    assert_eq!(stage.entries().await.len(), 2);
}

#[tokio::test]
async fn a_yes_to_words_that_were_not_shown_is_none() {
    let stage = Stage::set().await.with(ben()).await;
    let tab = stage.tab("ada");
    for disclosure in ["", "1999-01.en"] {
        let fields = [("act", "save"), ("version", "0"), ("texts", "on"), ("streak_alerts", "on"), ("disclosure", disclosure), ("language", "en")];
        let answer = tab.post(&fields).await;
        assert_eq!(answer.status, 412, "{disclosure}");
    }
    assert_eq!(stage.recipient("ada").await, ben());
}

#[tokio::test]
async fn a_yes_that_leads_to_no_text_is_questioned() {
    let stage = Stage::set().await;
    let tab = stage.tab("ada");
    tab.save(&[("texts", "on"), ("streak_alerts", "on")]).await.faults(422, "texts-on", "Prove your number first");
    let stage = stage.with(ben()).await;
    let tab = stage.tab("ada");
    tab.save(&[("texts", "on")]).await.faults(422, "kinds", "Tick at least one kind");
    stage.opt_out(true, &[]).await;
    tab.get("").await.says("All texts to your number are stopped");
    let answer = tab.save(&[("texts", "on"), ("streak_alerts", "on"), ("time_zone", "Europe/Madrid")]).await;
    answer.faults(422, "texts-on", "text START");
    answer.says(r#"<option value="Europe/Madrid" selected>"#).says(r#"name="streak_alerts" value="on" checked"#);
    assert!(stage.entries().await.is_empty());
}

#[tokio::test]
async fn switches_zone_and_language_are_saved() {
    let stage = Stage::set().await.with(Recipient { locale: Some("en-GB".into()), ..ada() }).await;
    let tab = stage.tab("ada");
    tab.save(&[("texts", "on"), ("achievements", "on"), ("time_zone", "America/Los_Angeles")]).await.goes_to("preferences?done=saved#done");
    let row = stage.recipient("ada").await;
    assert_eq!((row.time_zone.as_deref(), row.locale.as_deref()), (Some("America/Los_Angeles"), Some("en-GB")), "English stays what English it was");
    assert!(row.categories.achievements && !row.categories.streak_alerts && row.standing_consent().is_some());
    assert!(stage.entries().await.is_empty(), "a switch is no consent");

    tab.save(&[("texts", "on"), ("achievements", "on"), ("time_zone", "Mars/Olympus")]).await.faults(422, "time_zone", "Choose a time zone");
    tab.save(&[("texts", "on"), ("achievements", "on"), ("language", "es"), ("lang", "en")]).await.goes_to("preferences?done=saved#done");
    let row = stage.recipient("ada").await;
    assert_eq!((row.time_zone, row.locale.as_deref()), (None, Some("es")));
    tab.get("").await.says("<html lang=\"es\">").says("Guardar");
    tab.get("?lang=en").await.says("<html lang=\"en\">").says("name=\"lang\" value=\"en\"");
}

#[tokio::test]
async fn a_form_from_an_older_page_changes_nothing_and_shows_how_things_are() {
    let stage = Stage::set().await.with(ada()).await;
    let tab = stage.tab("ada");
    tab.save(&[("texts", "on"), ("achievements", "on")]).await.goes_to("preferences?done=saved#done");
    let saved = stage.recipient("ada").await;
    for version in ["0", "", "x", "99"] {
        let answer = tab.post(&[("act", "save"), ("version", version), ("texts", "on"), ("streak_alerts", "on"), ("language", "en")]).await;
        assert_eq!(answer.status, 412);
        answer.says("<title>Error: ").says("nothing was saved").says("name=\"achievements\" value=\"on\" checked");
        assert!(!answer.text.contains("name=\"streak_alerts\" value=\"on\" checked"), "what is shown is what is so");
        answer.says(&format!("name=\"version\" value=\"{}\"", saved.version));
    }
    assert_eq!(stage.recipient("ada").await, saved);
}

#[tokio::test]
async fn stop_everything_stops_everything_from_whatever_page() {
    let stage = Stage::set().await.with(ada()).await;
    let tab = stage.tab("ada");
    for _ in 0..2 {
        tab.post(&[("act", "stop"), ("version", "77")]).await.goes_to("preferences?done=stopped#done");
    }
    tab.get("?done=stopped").await.says("Everything is stopped");
    let row = stage.recipient("ada").await;
    assert!(!row.sms_enabled && row.standing_consent().is_none());
    assert_eq!(stage.entries().await.len(), 1, "to say no twice is to say it once");
    let order = json!({"asked": {"phone": PHONE, "at": "2026-11-23T10:00:00.000Z"}}).to_string();
    assert_eq!(stage.embedded.queues.bodies("inbound"), [order.clone(), order]);
}

#[tokio::test]
async fn nobody_stops_the_texts_to_a_number_that_they_did_not_prove() {
    let stage = Stage::set().await.with(Recipient { phone_verified_at: None, ..ada() }).await;
    stage.tab("ada").post(&[("act", "stop")]).await.goes_to("preferences?done=stopped#done");
    assert!(stage.recipient("ada").await.standing_consent().is_none());
    assert!(stage.embedded.queues.bodies("inbound").is_empty());
}

async fn texted(stage: &Stage, number: u32, status: Status, gate: Option<Gate>, topic: &str) {
    let at = stage.now() + SignedDuration::from_mins(number.into());
    let content = Content::BattleInvitation(BattleInvitation {
        inviter_name: "Bob".into(),
        battle_topic: topic.into(),
        invitation_link: "https://allthrive.ai/b".into(),
    });
    let mut message = Message::new(Uuid::from_u128(number.into()), content, at, at).to(Some(phone(PHONE))).decided(status);
    message.user_id = Some(user("ada"));
    message.body = Some(format!("AllThrive: {topic}"));
    message.gates = gate.map(|gate| Step { gate, verdict: Verdict::Fail, detail: Some("detail".into()) }).into_iter().collect();
    Messages::new(stage.embedded.dynamodb.clone(), "MessagesTable".into()).write(&message).await.expect("write");
}

#[tokio::test]
async fn history_says_what_became_of_each_text_and_why_page_by_page() {
    let stage = Stage::set().await.with(ada()).await;
    for number in 1..=10 {
        texted(&stage, number, Status::Delivered, None, &format!("topic {number}.")).await;
    }
    texted(&stage, 11, Status::Suppressed, Some(Gate::Category), "topic 11.").await;
    texted(&stage, 12, Status::Undelivered, None, "topic 12.").await;
    let tab = stage.tab("ada");
    let page = tab.get("").await;
    page.says("This kind was off.")
        .says("Not delivered")
        .says("You agreed to texts, and this kind was on. Your phone or its network did not take it.");
    let place = |topic: &str| page.text.find(topic).unwrap_or_else(|| panic!("no {topic}"));
    assert!(place("topic 12.") < place("topic 11.") && place("topic 11.") < place("topic 3."), "newest first");
    assert!(!page.text.contains("topic 2."), "ten to a page");
    let older = page.text.split("href=\"preferences").find_map(|rest| rest.strip_prefix("?before=")?.split("#history").next()).expect("a way on");
    let second = tab.get(&format!("?before={older}")).await;
    second.says("topic 2.").says("topic 1.").says("Newest texts");
    assert!(!second.text.contains("topic 3.") && !second.text.contains("Older texts"));
    let others = stage.tab("bob").get(&format!("?before={older}")).await;
    others.says("Nothing yet.");
    assert_eq!(tab.get("?before=nonsense").await.status, 200);
}

#[tokio::test]
async fn what_others_typed_is_never_markup() {
    let stage = Stage::set().await.with(ada()).await;
    texted(&stage, 1, Status::Delivered, None, "<script>alert(1)</script><img src=x onerror=\"a\"> & \"'").await;
    let page = stage.tab("ada").get("").await;
    page.says("&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&quot;a&quot;&gt; &amp; &quot;'");
    let hostile = "\"><script>alert(1)</script>";
    let tab = stage.tab("ada");
    let answers = [
        tab.post(&[("act", "send-code"), ("phone", hostile), ("lang", hostile)]).await,
        tab.save(&[("time_zone", hostile), ("language", hostile), ("verification", hostile)]).await,
        tab.get("?done=%22%3E%3Cscript%3E&lang=%22%3E%3Cscript%3E&verification=%3Cscript%3E&before=%3Cscript%3E").await,
        stage.ask(Call::new("GET", "/preferences?lang=%3Cscript%3E&token=%3Cscript%3E")).await,
    ];
    for answer in answers {
        assert!(!answer.text.contains("<script"), "{}", answer.text);
    }
}

#[tokio::test]
async fn categories_that_were_stopped_by_text_say_so() {
    let stage = Stage::set().await.with(ada()).await;
    stage.opt_out(false, &[sms::kind::Category::BattleInvitations]).await;
    let page = stage.tab("ada").get("").await;
    assert_eq!(page.text.matches("Stopped by a text from your number").count(), 1);
}

#[tokio::test]
async fn a_tampered_ledger_is_not_passed_over() {
    let stage = Stage::set().await.with(ben()).await;
    let tab = stage.tab("ada");
    tab.save(&[("texts", "on"), ("streak_alerts", "on")]).await.goes_to("preferences?done=saved#done");
    assert!(!tab.get("").await.text.contains("does not add up"));
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let number = aws_sdk_dynamodb::types::AttributeValue::N("1".to_owned());
    let update = stage.embedded.dynamodb.update_item().table_name("ConsentsTable").key("user_id", text("ada")).key("seq", number);
    update.update_expression("SET ip = :ip").expression_attribute_values(":ip", text("192.0.2.1")).send().await.expect("tampering");
    tab.get("").await.says("does not add up");
}

#[tokio::test]
async fn forms_that_are_too_long_are_refused() {
    let stage = Stage::set().await.with(ada()).await;
    let answer = stage.tab("ada").post(&[("act", "stop"), ("phone", &"1".repeat(17 * 1024))]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(stage.recipient("ada").await, ada());
}
