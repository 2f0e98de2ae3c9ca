//! The browser that the journeys drive: what is switched is switched, and what axe-core should find it finds.

use journeys::browser::Browser;

const GOOD: &str = "data:text/html,<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>Good</title><main><h1>Good</h1><p id=said>no script</p>\
    <form><label>Name <input name=n></label><button>Send</button></form></main><script>document.querySelector('p').textContent='script'</script></html>";

#[tokio::test]
async fn axe_finds_what_is_wrong_and_nothing_else() -> anyhow::Result<()> {
    let browser = Browser::open().await?;
    for scripts in [true, false] {
        browser.scripts(scripts).await?;
        browser.client.goto(GOOD).await?;
        browser.axe().await?;
        browser.client.goto(&GOOD.replace("<label>Name <input name=n></label>", "<input name=n>")).await?;
        let error = browser.axe().await.expect_err("an input without a name").to_string();
        assert!(error.contains("label: Form elements must have labels"), "{error}");
    }
    browser.client.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_page_runs_no_script_and_is_as_wide_and_dark_as_told() -> anyhow::Result<()> {
    let browser = Browser::open().await?;
    for (scripts, said) in [(true, "script"), (false, "no script")] {
        browser.scripts(scripts).await?;
        browser.client.goto(GOOD).await?;
        let words = browser.client.find(fantoccini::Locator::Id("said")).await?.text().await?;
        assert_eq!(words, said);
    }
    for (scheme, dark) in [("dark", true), ("light", false)] {
        browser.colours(scheme).await?;
        assert_eq!(browser.client.execute("return matchMedia('(prefers-color-scheme: dark)').matches", vec![]).await?, dark);
    }
    for width in [320, 1200] {
        browser.width(width).await?;
        assert_eq!(browser.client.execute("return innerWidth", vec![]).await?, width);
    }
    browser.client.close().await?;
    Ok(())
}
