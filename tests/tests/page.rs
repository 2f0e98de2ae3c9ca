//! The pages of the simulator in a real Chromium: publish, read, reply, see why a text was not sent; and how the system fares.

use fantoccini::Locator;
use journeys::{
    browser::Browser,
    stack::{Published, Stack, eventually},
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

#[tokio::test]
async fn the_status_page_draws_what_became_of_texts_and_money_in_both_themes() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let texts = [Published::sample("battle_invitation", "u41")?, Published::sample("battle_invitation", "nobody-knows")?];
    stack.publish(&texts).await?;
    for text in &texts {
        stack.settled(text).await?;
    }
    let browser = Browser::open().await?;
    browser.client.goto(&format!("{}/status", stack.console)).await?;
    for status in ["delivered", "suppressed"] {
        browser.see(&format!("#outcomes .{status}"), 1).await?;
        let bars =
            eventually("a bar of it", async || Ok(Some(browser.count(&format!("#texts .bar.{status}")).await?).filter(|bars| *bars > 0))).await?;
        assert!(bars <= 60, "{bars} bars of an hour's minutes");
    }
    let types = browser.find("types").await?.text().await?;
    assert!(types.contains("battle_invitation") && types.contains("delivered"), "{types}");
    let money = eventually("the month's money", async || {
        let words = browser.find("money").await?.text().await?;
        Ok(Some(words).filter(|words| words.contains("$1,000")))
    });
    money.await?;
    for scheme in ["light", "dark"] {
        browser.colours(scheme).await?;
        for width in [320, 1200] {
            browser.width(width).await?;
            browser.axe().await?;
            let room = browser.client.execute("return document.documentElement.scrollWidth", vec![]).await?;
            assert!(room.as_u64().is_some_and(|room| room <= u64::from(width)), "{room} wide, {scheme}, {width}");
            if let Some(folder) = std::env::var_os("PICTURES") {
                browser.picture(&std::path::PathBuf::from(folder).join(format!("status-{scheme}-{width}.png"))).await?;
            }
        }
    }
    browser.client.close_window().await?;
    Ok(())
}
