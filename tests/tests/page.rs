//! The console page in a real Chromium: publish, read, reply, and see why a text was not sent.

use std::{process::Stdio, time::Duration};

use anyhow::Context;
use fantoccini::{Client, ClientBuilder, Locator};
use journeys::stack::{Stack, eventually};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A browser of its own, gone when dropped.
struct Browser {
    client: Client,
    _driver: Child,
}

impl Browser {
    async fn open() -> anyhow::Result<Self> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("chromedriver is missing: apt-get install chromium chromium-driver")?;
        let mut lines = BufReader::new(driver.stdout.take().context("no output")?).lines();
        let port = loop {
            let line = lines.next_line().await?.context("chromedriver ended before it said its port")?;
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1400,1000",
        ];
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}}).as_object().cloned().context("capabilities")?;
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        let client = builder.capabilities(capabilities).connect(&format!("http://127.0.0.1:{port}")).await?;
        Ok(Self { client, _driver: driver })
    }

    async fn find(&self, id: &str) -> anyhow::Result<fantoccini::elements::Element> {
        let selector = format!("[data-testid='{id}']");
        let wait = self.client.wait().at_most(Duration::from_secs(30));
        wait.for_element(Locator::Css(&selector)).await.with_context(|| format!("no {id} on the page"))
    }

    async fn count(&self, selector: &str) -> anyhow::Result<usize> {
        Ok(self.client.find_all(Locator::Css(selector)).await?.len())
    }

    /// Waits until exactly `count` elements match.
    async fn see(&self, selector: &str, count: usize) -> anyhow::Result<()> {
        eventually(&format!("{count} × {selector}"), async || Ok((self.count(selector).await? == count).then_some(()))).await
    }

    async fn publish(&self, kind: &str, person: &str) -> anyhow::Result<()> {
        self.find("publish-type").await?.select_by_value(kind).await?;
        self.find("publish-person").await?.select_by_value(person).await?;
        Ok(self.find("publish-send").await?.click().await?)
    }
}

#[tokio::test]
async fn a_newcomer_publishes_reads_stops_and_sees_why_the_next_is_not_sent() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let browser = Browser::open().await?;
    browser.client.goto(&stack.console).await?;
    browser.find("person-u40").await?.click().await?;

    browser.publish("battle_invitation", "u40").await?;
    browser.see("[data-testid=bubble][data-direction=to_person]", 1).await?;
    browser.see("[data-testid=row][data-status=delivered]", 1).await?;
    let text = browser.find("bubble").await?.text().await?;
    assert!(text.contains("has challenged you to a battle on AllThrive!"), "{text}");

    browser.find("reply-input").await?.send_keys("STOP").await?;
    browser.find("reply-send").await?.click().await?;
    browser.see("[data-testid=bubble][data-direction=from_person]", 1).await?;
    eventually("the opt-out", async || stack.opt_outs().get(&"+13125560040".parse()?).await).await?;

    browser.publish("battle_result", "u40").await?;
    browser.see("[data-testid=row][data-status=suppressed][data-type=battle_result]", 1).await?;
    browser.client.find(Locator::Css("[data-testid=row][data-type=battle_result] summary")).await?.click().await?;
    browser.see("[data-testid=row][data-type=battle_result] [data-testid=gate-opt_out][data-verdict=fail]", 1).await?;
    browser.client.close_window().await?;
    Ok(())
}
