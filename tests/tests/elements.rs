//! `<sms-opt-in>` and `<sms-settings>` in a real Chromium, on the demo page: as the main app embeds them, with a phone beside them.

use std::time::Duration;

use anyhow::Context;
use fantoccini::{
    Locator,
    actions::{InputSource, KeyAction, KeyActions},
    elements::Element,
    key::Key,
};
use journeys::{
    browser::Browser,
    stack::{Stack, eventually, user},
};
use serde_json::{Value, json};
use sms::{
    consent::{Action, Method},
    recipient::Recipient,
};
use tokio::process::Command;

const OPT_IN: &str = "sms-opt-in";
const SETTINGS: &str = "sms-settings";

/// The demo page, and all that is behind it.
struct Demo {
    stack: Stack,
    browser: Browser,
}

impl Demo {
    async fn open() -> anyhow::Result<Self> {
        Ok(Self { stack: Stack::open().await?, browser: Browser::open().await? })
    }

    /// Comes as `person`; both elements have asked the API when this is done.
    async fn visit(&self, person: &str, more: &str) -> anyhow::Result<()> {
        self.browser.client.goto(&format!("{}/demo?person={person}{more}", self.stack.console)).await?;
        self.inside(SETTINGS, "#locale").await?;
        let asked = "return performance.getEntriesByType('resource').filter(({ name, responseEnd }) => name.includes('/v1/me/opt-in?') && responseEnd).length";
        eventually("both to ask whether to ask", async || Ok((self.run(asked).await? == 2).then_some(()))).await
    }

    async fn run(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.browser.client.execute(script, vec![]).await?)
    }

    /// What matches in the shadow of `element`, as soon as it is there.
    async fn inside(&self, element: &str, selector: &str) -> anyhow::Result<Element> {
        eventually(&format!("{selector} in {element}"), async || Ok(self.find(element, selector).await.ok())).await
    }

    async fn find(&self, element: &str, selector: &str) -> anyhow::Result<Element> {
        let shadow = self.browser.client.find(Locator::Css(element)).await?.shadow_root().await?;
        Ok(shadow.find(Locator::Css(selector)).await?)
    }

    async fn click(&self, element: &str, selector: &str) -> anyhow::Result<()> {
        Ok(self.inside(element, selector).await?.click().await?)
    }

    async fn is_asked(&self) -> anyhow::Result<bool> {
        Ok(self.run("return !!document.querySelector('sms-opt-in').shadowRoot.querySelector('dialog[open]')").await? == true)
    }

    /// Waits until `element` says `words`, which may stand anywhere in it.
    async fn hears(&self, element: &str, words: &str) -> anyhow::Result<()> {
        let script = format!("return document.querySelector('{element}').shadowRoot.textContent");
        eventually(&format!("{element} to say {words:?}"), async || {
            Ok(self.run(&script).await?.as_str().is_some_and(|said| said.contains(words)).then_some(()))
        })
        .await
    }

    async fn is_on(&self, switch: &str) -> anyhow::Result<bool> {
        Ok(self.inside(SETTINGS, switch).await?.is_selected().await?)
    }

    /// Presses keys, one after the other, wherever the focus is.
    async fn press(&self, keys: &[Key]) -> anyhow::Result<()> {
        for key in keys {
            let value = char::from(*key);
            let actions = KeyActions::new("keys".into()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
            self.browser.client.perform_actions(actions).await?;
        }
        Ok(())
    }

    async fn write(&self, text: &str) -> anyhow::Result<()> {
        let keys =
            text.chars().fold(KeyActions::new("keys".into()), |keys, value| keys.then(KeyAction::Down { value }).then(KeyAction::Up { value }));
        Ok(self.browser.client.perform_actions(keys).await?)
    }

    /// The id of what has the focus, inside of the element that has it.
    async fn focus(&self) -> anyhow::Result<String> {
        let id = self.run("return document.activeElement?.shadowRoot?.activeElement?.id ?? ''").await?;
        Ok(id.as_str().unwrap_or_default().to_owned())
    }

    async fn focus_is(&self, id: &str) -> anyhow::Result<()> {
        eventually(&format!("the focus on {id}"), async || Ok((self.focus().await? == id).then_some(()))).await
    }

    /// The number of the phone on the page.
    async fn number(&self) -> anyhow::Result<String> {
        Ok(self.browser.find("number").await?.text().await?)
    }

    /// The text on the phone of the page that has `part`.
    async fn text_with(&self, part: &str) -> anyhow::Result<String> {
        eventually(&format!("a text with {part:?}"), async || {
            let texts = self.run("return [...document.querySelectorAll('#texts .to_person')].map((text) => text.textContent)").await?;
            let texts = texts.as_array().cloned().unwrap_or_default();
            Ok(texts.iter().filter_map(Value::as_str).find(|text| text.contains(part)).map(str::to_owned))
        })
        .await
    }

    /// The code that the phone got, last.
    async fn code(&self, sentence: &str) -> anyhow::Result<String> {
        let text = self.text_with(sentence).await?;
        text.split(sentence).nth(1).and_then(|rest| rest.get(..6)).map(str::to_owned).context("no code in the text")
    }

    async fn row(&self, person: &str) -> anyhow::Result<Recipient> {
        self.stack.recipients().get(&user(person)).await?.context("no row")
    }

    /// axe-core, on light and on dark.
    async fn axe(&self, state: &str) -> anyhow::Result<()> {
        for scheme in ["dark", "light"] {
            self.browser.colours(scheme).await?;
            self.browser.axe().await.with_context(|| format!("{state}, {scheme}"))?;
        }
        Ok(())
    }

    /// From now on the API answers the page's `method path` so, and nothing else is different.
    async fn pretend(&self, path: &str, status: u16, problem: &str, headers: Value) -> anyhow::Result<()> {
        let script = "const [path, status, type, headers] = arguments; const real = window.real ??= window.fetch;
            window.fetch = (url, options) => !String(url).endsWith(path) ? real(url, options) : Promise.resolve(
                status ? new Response(JSON.stringify({ type: `https://allthrive.ai/problems/${type}`, status }), { status, headers }) : Promise.reject(new TypeError('offline')))";
        self.browser.client.execute(script, vec![path.into(), status.into(), problem.into(), headers]).await?;
        Ok(())
    }
}

/// Somebody whom the system does not know yet.
fn newcomer(name: &str) -> String {
    format!("{name}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8])
}

/// Six digits that are not `code`.
fn another(code: &str) -> String {
    let number = code.parse::<u32>().unwrap_or_default();
    format!("{:06}", (number + 1) % 1_000_000)
}

#[tokio::test]
async fn from_the_question_to_a_switch_that_keeps_an_invitation_away() -> anyhow::Result<()> {
    let demo = Demo::open().await?;
    let newcomer = &newcomer("el-new");
    demo.visit(newcomer, "").await?;
    demo.axe("the question").await?;
    demo.click(OPT_IN, "#enable").await?;
    let number = demo.number().await?;
    demo.inside(OPT_IN, "#number").await?.send_keys(&number).await?;
    demo.axe("the number").await?;
    demo.click(OPT_IN, "#send").await?;

    let code = demo.code("code is: ").await?;
    let field = demo.inside(OPT_IN, "#code").await?;
    assert_eq!([field.attr("autocomplete").await?.as_deref(), field.attr("inputmode").await?.as_deref()], [Some("one-time-code"), Some("numeric")]);
    assert!(!demo.inside(OPT_IN, "#resend").await?.is_enabled().await?, "not at once");
    field.send_keys(&another(&code)).await?;
    demo.click(OPT_IN, "#verify").await?;
    demo.hears(OPT_IN, "Wrong code. Tries left: 4.").await?;
    demo.focus_is("code").await?;
    demo.axe("a wrong code").await?;
    field.clear().await?;
    field.send_keys(&format!("{} {}", &code[..3], &code[3..])).await?;
    demo.click(OPT_IN, "#verify").await?;
    demo.hears(OPT_IN, &format!("{number} is verified. Texts are on.")).await?;
    demo.axe("verified").await?;
    demo.text_with("You're signed up").await?;

    let row = demo.row(newcomer).await?;
    let consent = row.standing_consent().context("no consent")?;
    assert_eq!((consent.method, consent.disclosure_version.as_deref()), (Method::OptInModal, Some("2026-11.en")));
    let ledger = demo.stack.ledger().of(&user(newcomer)).await?;
    assert_eq!(ledger.iter().map(|entry| entry.statement.action).collect::<Vec<_>>(), [Action::Given]);

    demo.click(OPT_IN, "#close").await?;
    demo.hears(SETTINGS, &format!("{number} is verified.")).await?;
    assert!(demo.is_on("#enable").await? && demo.is_on("#battleInvitations").await?);
    demo.axe("the settings").await?;
    demo.browser.find("invite").await?.click().await?;
    demo.browser.see("[data-testid=row][data-type=battle_invitation][data-status=delivered]", 1).await?;
    demo.text_with("has challenged you to a battle").await?;

    demo.click(SETTINGS, "#battleInvitations").await?;
    demo.hears(SETTINGS, "Saved.").await?;
    assert!(!demo.row(newcomer).await?.categories.battle_invitations);
    demo.browser.find("invite").await?.click().await?;
    demo.browser.see("[data-testid=row][data-type=battle_invitation][data-status=suppressed][data-gate=category]", 1).await?;
    assert_eq!(demo.browser.count("[data-testid=row][data-type=battle_invitation]").await?, 2);

    demo.visit(newcomer, "").await?;
    assert!(!demo.is_asked().await?, "who said yes is not asked again");
    Ok(())
}

#[tokio::test]
async fn by_keyboard_alone_and_in_spanish() -> anyhow::Result<()> {
    let demo = Demo::open().await?;
    demo.browser.width(375).await?;
    let newcomer = &newcomer("el-teclado");
    demo.visit(newcomer, "&lang=es").await?;
    demo.hears(OPT_IN, "Al activar los mensajes aceptas").await?;
    demo.axe("the question").await?;
    demo.focus_is("").await?;
    demo.press(&[Key::Tab]).await?;
    demo.focus_is("enable").await?;
    demo.press(&[Key::Tab, Key::Tab]).await?;
    demo.focus_is("no").await?;
    demo.browser
        .client
        .perform_actions(
            KeyActions::new("back".into())
                .then(KeyAction::Down { value: Key::Shift.into() })
                .then(KeyAction::Down { value: Key::Tab.into() })
                .then(KeyAction::Up { value: Key::Tab.into() })
                .then(KeyAction::Down { value: Key::Tab.into() })
                .then(KeyAction::Up { value: Key::Tab.into() })
                .then(KeyAction::Up { value: Key::Shift.into() }),
        )
        .await?;
    demo.focus_is("enable").await?;
    demo.press(&[Key::Enter]).await?;
    demo.focus_is("number").await?;
    demo.press(&[Key::Enter]).await?;
    demo.hears(OPT_IN, "Escribe todas las cifras.").await?;
    demo.axe("no number").await?;
    let number = demo.number().await?;
    demo.write(&number).await?;
    demo.press(&[Key::Enter]).await?;
    demo.focus_is("code").await?;
    demo.axe("the code").await?;
    let code = demo.code("code is: ").await?;
    demo.write(&code).await?;
    demo.press(&[Key::Enter]).await?;
    demo.hears(OPT_IN, "está verificado. Ya están activados.").await?;
    demo.axe("verified").await?;
    // Who agreed in Spanish is texted in Spanish.
    demo.text_with("Responde").await?;
    let row = demo.row(newcomer).await?;
    assert_eq!(
        (row.locale.as_deref(), row.standing_consent().and_then(|consent| consent.disclosure_version.as_deref())),
        (Some("es"), Some("2026-11.es"))
    );
    demo.press(&[Key::Tab, Key::Enter]).await?;
    eventually("the dialog to close", async || Ok((!demo.is_asked().await?).then_some(()))).await?;

    demo.hears(SETTINGS, "está verificado.").await?;
    demo.run("document.querySelector('sms-settings').shadowRoot.querySelector('#change').focus()").await?;
    demo.press(&[Key::Tab, Key::Tab]).await?;
    demo.focus_is("battleInvitations").await?;
    demo.press(&[Key::Space]).await?;
    demo.hears(SETTINGS, "Guardado.").await?;
    demo.focus_is("battleInvitations").await?;
    demo.axe("the settings").await?;
    assert!(!demo.row(newcomer).await?.categories.battle_invitations);
    Ok(())
}

#[tokio::test]
async fn a_no_is_remembered_and_later_is_not_now() -> anyhow::Result<()> {
    let demo = Demo::open().await?;
    for (name, choice) in [("el-no", Some("#no")), ("el-later", Some("#later")), ("el-escape", None)] {
        let person = &newcomer(name);
        demo.visit(person, "").await?;
        demo.inside(OPT_IN, "#enable").await?;
        match choice {
            Some(button) => demo.click(OPT_IN, button).await?,
            None => demo.press(&[Key::Escape]).await?,
        }
        eventually("the dialog to close", async || Ok((!demo.is_asked().await?).then_some(()))).await?;
        // The question changed the version that the settings read, but nothing that they show: that is no conflict.
        demo.inside(SETTINGS, "#locale").await?.select_by_value("es").await?;
        demo.hears(SETTINGS, "Saved.").await?;
        let row = demo.row(person).await?;
        assert_eq!((row.prompt_dismissed_at.is_some(), row.prompt_shown_at.is_some()), (choice == Some("#no"), true), "{person}");
        assert!(row.consent.is_none() && !row.sms_enabled, "{person}");
        demo.visit(person, "").await?;
        assert!(!demo.is_asked().await?, "{person} is asked again");
    }
    demo.visit(&newcomer("el-joined"), "&joined=now").await?;
    assert!(!demo.is_asked().await?, "who joined a moment ago has other things to do");
    Ok(())
}

#[tokio::test]
async fn two_tabs_do_not_overwrite_one_another() -> anyhow::Result<()> {
    let demo = Demo::open().await?;
    let client = &demo.browser.client;
    demo.visit("u46", "").await?;
    let first = client.window().await?;
    let second = client.new_window(true).await?.handle;
    client.switch_to_window(second).await?;
    demo.visit("u46", "").await?;
    demo.click(SETTINGS, "#streakAlerts").await?;
    demo.hears(SETTINGS, "Saved.").await?;

    client.switch_to_window(first).await?;
    assert!(demo.is_on("#streakAlerts").await?, "this tab knows nothing of it yet");
    demo.click(SETTINGS, "#achievements").await?;
    demo.hears(SETTINGS, "Changed elsewhere. This is how it is now.").await?;
    assert_eq!([demo.is_on("#streakAlerts").await?, demo.is_on("#achievements").await?], [false, true]);
    demo.axe("changed elsewhere").await?;
    let row = demo.row("u46").await?.categories;
    assert_eq!([row.streak_alerts, row.achievements], [false, true]);

    // Both clicks are made before the first is answered.
    demo.run("for (const id of ['achievements', 'battleResults']) document.querySelector('sms-settings').shadowRoot.getElementById(id).click()")
        .await?;
    eventually("both changes", async || {
        let row = demo.row("u46").await?.categories;
        Ok((!row.achievements && !row.battle_results && !row.streak_alerts).then_some(()))
    })
    .await?;
    demo.hears(SETTINGS, "Saved.").await
}

#[tokio::test]
async fn the_master_switch_gives_and_takes_back_consent() -> anyhow::Result<()> {
    let demo = Demo::open().await?;
    demo.visit("u47", "").await?;
    demo.click(SETTINGS, "#enable").await?;
    demo.hears(SETTINGS, "Saved.").await?;
    assert!(!demo.inside(SETTINGS, "#battleResults").await?.is_enabled().await?);
    demo.axe("off").await?;
    demo.click(SETTINGS, "#enable").await?;
    eventually("consent", async || Ok(demo.row("u47").await?.standing_consent().cloned())).await?;
    let ledger = demo.stack.ledger().of(&user("u47")).await?;
    let last = ledger.iter().rev().take(2).map(|entry| (entry.statement.action, entry.statement.method)).collect::<Vec<_>>();
    assert_eq!(last, [(Action::Given, Method::SettingsPage), (Action::Revoked, Method::SettingsPage)]);
    assert_eq!(ledger.last().and_then(|entry| entry.statement.disclosure_version.as_deref()), Some("2026-11.en"));
    Ok(())
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_words() -> anyhow::Result<()> {
    let demo = Demo::open().await?;
    for (lang, said) in [
        (
            "en",
            [
                "Too many codes. Try again in 2 min.",
                "Too many wrong codes. Ask for a new one.",
                "It has expired. Ask for a new code.",
                "That did not work.",
            ],
        ),
        (
            "es",
            [
                "Demasiados códigos. Inténtalo en 2 min.",
                "Demasiados errores. Pide otro código.",
                "Ha caducado. Pide otro código.",
                "No ha funcionado.",
            ],
        ),
    ] {
        demo.visit(&newcomer("el-wrong"), &format!("&lang={lang}")).await?;
        demo.click(OPT_IN, "#enable").await?;
        demo.inside(OPT_IN, "#number").await?.send_keys("312 557 0000").await?;
        demo.pretend("/verifications", 429, "too-many-codes", json!({"Retry-After": "61"})).await?;
        demo.click(OPT_IN, "#send").await?;
        demo.hears(OPT_IN, said[0]).await?;
        demo.axe("too many codes").await?;
        let started = "window.fetch = (url, options) => window.real(url, options).then(() => new Response(JSON.stringify({
            verificationId: crypto.randomUUID(), resendAfter: new Date(Date.now() + 3_600_000).toISOString() }), { status: 202 }))";
        demo.run(started).await?;
        demo.click(OPT_IN, "#send").await?;
        let waits = demo.inside(OPT_IN, "#resend").await?.text().await?;
        assert!(waits.ends_with("(60 s)") || waits.ends_with("(59 s)"), "a clock that is an hour off: {waits}");
        demo.inside(OPT_IN, "#code").await?.send_keys("123456").await?;
        for (status, problem, words) in [(429, "code-locked", said[1]), (410, "code-expired", said[2]), (410, "code-used", said[2]), (0, "", said[3])]
        {
            demo.pretend("/verifications/check", status, problem, json!({"Retry-After": "500"})).await?;
            demo.click(OPT_IN, "#verify").await?;
            demo.hears(OPT_IN, words).await?;
            demo.axe(problem).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_token_is_fetched_anew_when_it_has_ended_and_stands_in_no_attribute() -> anyhow::Result<()> {
    let demo = Demo::open().await?;
    demo.visit("u48", "").await?;
    let renewing = "const settings = document.querySelector('sms-settings'), real = (await (await fetch('demo/token', { method: 'POST',
            headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ userId: 'u48' }) })).json()).token;
        window.asked = 0;
        settings.token = undefined;
        settings.getToken = async () => window.asked++ ? real : 'ended';
        settings.remove();
        document.querySelector('#settings').append(settings);";
    demo.run(&format!("(async () => {{ {renewing} }})()")).await?;
    eventually("a second token", async || Ok((demo.run("return window.asked").await? == 2).then_some(()))).await?;
    demo.hears(SETTINGS, "is verified.").await?;
    let attributes = demo.run("return document.documentElement.outerHTML").await?;
    assert!(!attributes.as_str().context("a page")?.contains("ended"));

    // Set before the script came, and by an element that has nothing but an old token.
    demo.run("const late = document.createElement('sms-settings'); late.lang = 'en'; late.id = 'late'; late.token = 'ended'; document.querySelector('main').append(late)").await?;
    demo.hears("#late", "Your session is over. Reload the page.").await?;
    demo.browser.axe().await?;

    // Without an attribute, the page says which language.
    demo.run("document.documentElement.lang = 'es-MX'; const settings = document.querySelector('sms-settings'); settings.removeAttribute('lang'); settings.refresh()").await?;
    demo.hears(SETTINGS, "Mensajes de AllThrive").await
}

/// The Python of the README, as it stands there.
#[tokio::test]
async fn the_readmes_django_gets_a_token_that_works() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let readme = std::fs::read_to_string(format!("{root}/README.md"))?;
    let snippet =
        readme.split("```python\n").filter_map(|rest| rest.split("```").next()).find(|code| code.contains("SigV4Auth")).context("no snippet")?;
    assert!(snippet.lines().count() <= 10, "ten lines");
    let api = stack.output("ApiUrl");
    let program = format!("SMS_API_URL = {api:?}\n{snippet}\nprint(sms_token('u49'), end='')");
    let credentials = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    let python = Command::new(format!("{root}/.venv/cloud/bin/python")).args(["-B", "-c", &program]).envs(credentials).output();
    let output = tokio::time::timeout(Duration::from_mins(1), python).await??;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer = stack.http.get(format!("{api}/v1/me/preferences")).bearer_auth(String::from_utf8(output.stdout)?).send().await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await?["phoneNumber"], "+13125560049");
    Ok(())
}
