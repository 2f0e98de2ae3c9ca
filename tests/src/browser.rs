//! A real Chromium: with or without scripts, light or dark, wide or narrow; and axe-core, which looks for what shuts people out.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context;
use fantoccini::{Client, ClientBuilder, Locator, elements::Element, wd::WebDriverCompatibleCommand};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use url::Url;

use crate::stack::eventually;

/// A browser of its own, gone when dropped.
pub struct Browser {
    /// What drives it.
    pub client: Client,
    scripts_off: AtomicBool,
    _driver: Driver,
    // After the driver, which writes to it until it has ended.
    _folder: Folder,
}

/// What runs the browser. Both end when it is dropped.
struct Driver(Child);

/// Where a driver and its browser keep their things. Gone when dropped.
struct Folder(PathBuf);

/// A command of the Chrome `DevTools` Protocol, by way of chromedriver.
#[derive(Debug)]
struct DevTools(&'static str, Value);

impl Browser {
    /// Starts it, 1400 pixels wide.
    pub async fn open() -> anyhow::Result<Self> {
        let folder = Folder::create()?;
        let (driver, port) = driver(&folder).await?;
        let arguments = [
            &format!("--user-data-dir={}/profile", folder.0.display()),
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
        Ok(Self { client, scripts_off: AtomicBool::new(false), _driver: driver, _folder: folder })
    }

    /// The element with this `data-testid`, as soon as it is there.
    pub async fn find(&self, id: &str) -> anyhow::Result<Element> {
        let selector = format!("[data-testid='{id}']");
        let wait = self.client.wait().at_most(Duration::from_secs(30));
        wait.for_element(Locator::Css(&selector)).await.with_context(|| format!("no {id} on the page"))
    }

    /// How many elements match.
    pub async fn count(&self, selector: &str) -> anyhow::Result<usize> {
        Ok(self.client.find_all(Locator::Css(selector)).await?.len())
    }

    /// Waits until exactly `count` elements match.
    pub async fn see(&self, selector: &str, count: usize) -> anyhow::Result<()> {
        eventually(&format!("{count} × {selector}"), async || Ok((self.count(selector).await? == count).then_some(()))).await
    }

    /// Switches the scripts of pages on or off, from the next page on; what a test runs itself works all the same, unless it waits for something.
    pub async fn scripts(&self, on: bool) -> anyhow::Result<()> {
        self.scripts_off.store(!on, Ordering::Relaxed);
        self.tell("Emulation.setScriptExecutionDisabled", json!({"value": !on})).await
    }

    /// What [`axe`] finds on the page, also on one without scripts: they are on while axe-core, which is one, looks.
    pub async fn axe(&self) -> anyhow::Result<()> {
        let off = self.scripts_off.load(Ordering::Relaxed);
        self.scripts(true).await?;
        let found = axe(&self.client).await;
        self.scripts(!off).await?;
        found
    }

    /// Makes pages believe that the person likes `light` or `dark`.
    pub async fn colours(&self, scheme: &str) -> anyhow::Result<()> {
        self.tell("Emulation.setEmulatedMedia", json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]})).await
    }

    /// Makes the page so wide: a window would not go below 500 pixels, and a phone has 320.
    pub async fn width(&self, pixels: u32) -> anyhow::Result<()> {
        let metrics = json!({"width": pixels, "height": 900, "deviceScaleFactor": 1, "mobile": pixels < 600});
        self.tell("Emulation.setDeviceMetricsOverride", metrics).await
    }

    /// A picture of the whole page, as PNG.
    pub async fn picture(&self, path: &Path) -> anyhow::Result<()> {
        let size = self
            .client
            .execute("scrollTo(0, 0); return [document.documentElement.clientWidth, document.documentElement.scrollHeight]", vec![])
            .await?;
        let clip = json!({"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1});
        let answer = self.ask("Page.captureScreenshot", json!({"clip": clip, "captureBeyondViewport": true})).await?;
        let png = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, answer["data"].as_str().context("no picture")?)?;
        Ok(std::fs::write(path, png)?)
    }

    async fn tell(&self, command: &'static str, parameters: Value) -> anyhow::Result<()> {
        self.ask(command, parameters).await.map(drop)
    }

    async fn ask(&self, command: &'static str, parameters: Value) -> anyhow::Result<Value> {
        self.client.issue_cmd(DevTools(command, parameters)).await.with_context(|| command.to_owned())
    }
}

/// A driver, and its port. It takes a free port of IPv4 and wants the same one of IPv6, which another driver may have taken meanwhile: then it ends, and another is begun.
async fn driver(folder: &Folder) -> anyhow::Result<(Driver, String)> {
    for _ in 0..10 {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", &folder.0)
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("chromedriver is missing: apt-get install chromium chromium-driver")?;
        let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some((_, port)) = line.split_once("successfully on port ") {
                return Ok((Driver(process), port.trim_end_matches('.').to_owned()));
            }
        }
    }
    anyhow::bail!("chromedriver ended ten times before it said its port")
}

/// A test that fails half-way closes nothing, and the browser, a child of the driver, would outlive both.
impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(group) = self.0.id() {
            let _ = std::process::Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
        }
    }
}

impl Folder {
    fn create() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("journeys-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).with_context(|| format!("no folder {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The last process of the browser may still be writing.
        let gone = || std::fs::remove_dir_all(&self.0).is_ok() || !self.0.exists();
        let _ = (0..100).find(|_| {
            gone() || {
                std::thread::sleep(Duration::from_millis(10));
                false
            }
        });
    }
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"cmd": self.0, "params": self.1}).to_string()))
    }
}

/// Fails with every violation that axe-core finds on the page as it stands: WCAG 2.2 A and AA, and axe's best practices. Scripts have to be on.
pub async fn axe(client: &Client) -> anyhow::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/axe/node_modules/axe-core/axe.min.js");
    let script = std::fs::read_to_string(script).context("axe-core is missing: python3 local/tools.py axe")?;
    let tags = json!({"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]});
    client.execute(&format!("{script}\nreturn null"), vec![]).await?;
    let run = "const done = arguments[1]; axe.run(document, arguments[0]).then(done, error => done({failed: String(error)}))";
    let report = client.execute_async(run, vec![tags]).await?;
    let violations = report["violations"].as_array().with_context(|| format!("axe-core failed: {}", report["failed"]))?;
    anyhow::ensure!(report["passes"].as_array().is_some_and(|passes| passes.len() > 10), "axe-core looked at next to nothing: {}", report["url"]);
    let words = violations.iter().map(|violation| {
        let nodes = violation["nodes"].as_array().into_iter().flatten();
        let word = |value: &Value| value.as_str().unwrap_or_default().replace('\n', " ");
        let nodes = nodes.map(|node| format!("\n    {} — {}", word(&node["html"]), word(&node["failureSummary"]))).collect::<String>();
        format!("\n  {}: {}{nodes}", word(&violation["id"]), word(&violation["help"]))
    });
    let words = words.collect::<String>();
    anyhow::ensure!(words.is_empty(), "axe-core finds fault with {}:{words}", client.current_url().await?.path());
    Ok(())
}
