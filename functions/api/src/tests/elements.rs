//! The script of the custom elements.

use super::{Call, Stage};
use crate::routes::elements::SCRIPT;

#[tokio::test]
async fn the_script_is_for_everybody_and_kept_by_browsers() {
    let stage = Stage::set().await;
    let answer = stage.ask(Call::new("GET", "/sms-elements.js")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let etag = answer.header("etag");
    let again = async |known: &str| stage.ask(Call::new("GET", "/sms-elements.js").header("if-none-match", known)).await.status;
    assert_eq!([again(etag).await, again(&format!("\"x\", W/{etag}")).await, again("*").await, again("\"x\"").await], [304, 304, 304, 200]);
    let answer = stage.ask(Call::new("GET", "/sms-elements.js").header("if-none-match", etag)).await;
    assert_eq!(answer.header("etag"), etag);
}

#[test]
fn the_script_is_small() {
    assert!(SCRIPT.len() < 15_000, "{} bytes", SCRIPT.len());
}

#[test]
fn every_word_of_the_script_is_there_in_both_languages() {
    let words = SCRIPT.split("const WORDS = {\n").nth(1).and_then(|rest| rest.split("\n};").next()).expect("words");
    assert!(words.lines().count() > 20, "{words}");
    for line in words.lines() {
        assert_eq!(line.matches(" | ").count(), 1, "{line}");
        let (english, spanish) = line.split_once(" | ").expect("two languages");
        assert_eq!(english.contains("{}"), spanish.contains("{}"), "{line}");
    }
}
