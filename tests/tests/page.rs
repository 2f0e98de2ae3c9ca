//! The console page in a real Chromium: publish, read, reply, and see why a text was not sent.

use fantoccini::Locator;
use journeys::{
    browser::Browser,
    stack::{Stack, eventually},
};

async fn publish(browser: &Browser, kind: &str, person: &str) -> anyhow::Result<()> {
    browser.find("publish-type").await?.select_by_value(kind).await?;
    browser.find("publish-person").await?.select_by_value(person).await?;
    Ok(browser.find("publish-send").await?.click().await?)
}

#[tokio::test]
async fn a_newcomer_publishes_reads_stops_and_sees_why_the_next_is_not_sent() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let browser = Browser::open().await?;
    browser.client.goto(&stack.console).await?;
    // Others may have made more people than a page shows.
    browser.client.find(Locator::Css("#search")).await?.send_keys("u40").await?;
    browser.find("person-u40").await?.click().await?;

    publish(&browser, "battle_invitation", "u40").await?;
    browser.see("[data-testid=bubble][data-direction=to_person]", 1).await?;
    browser.see("[data-testid=row][data-status=delivered]", 1).await?;
    let text = browser.find("bubble").await?.text().await?;
    assert!(text.contains("has challenged you to a battle on AllThrive!"), "{text}");

    browser.find("reply-input").await?.send_keys("STOP").await?;
    browser.find("reply-send").await?.click().await?;
    browser.see("[data-testid=bubble][data-direction=from_person]", 1).await?;
    eventually("the opt-out", async || stack.opt_outs().get(&"+13125560040".parse()?).await).await?;

    publish(&browser, "battle_result", "u40").await?;
    browser.see("[data-testid=row][data-status=suppressed][data-type=battle_result]", 1).await?;
    browser.client.find(Locator::Css("[data-testid=row][data-type=battle_result] summary")).await?.click().await?;
    browser.see("[data-testid=row][data-type=battle_result] [data-testid=gate-opt_out][data-verdict=fail]", 1).await?;
    browser.client.close_window().await?;
    Ok(())
}
