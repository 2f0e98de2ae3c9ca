//! The preference page in a real Chromium with its scripts switched off, from the link in the answer to HELP to the last button; and axe-core on every state of it.

use std::path::PathBuf;

use anyhow::Context;
use fantoccini::{Locator, elements::Element};
use journeys::{
    api::Caller,
    browser::Browser,
    stack::{Published, Stack, eventually, user},
};
use serde_json::json;
use sms::{
    gates::{Gate, Verdict},
    message::Status,
    recipient::{Categories, Recipient},
};

/// The page in a browser.
struct Page<'a> {
    stack: &'a Stack,
    browser: Browser,
}

impl<'a> Page<'a> {
    /// A phone's browser, without scripts.
    async fn open(stack: &'a Stack) -> anyhow::Result<Self> {
        let browser = Browser::open().await?;
        browser.scripts(false).await?;
        browser.width(320).await?;
        Ok(Self { stack, browser })
    }

    async fn css(&self, selector: &str) -> anyhow::Result<Element> {
        self.browser.client.find(Locator::Css(selector)).await.with_context(|| format!("no {selector} on the page"))
    }

    /// By its name, as a person finds it.
    async fn press(&self, button: &str) -> anyhow::Result<()> {
        let path = format!("//button[starts-with(normalize-space(.), '{button}')]");
        let button = self.browser.client.find(Locator::XPath(&path)).await.with_context(|| format!("no button {button}"))?;
        self.click(&button).await
    }

    /// The bar at the top may be over what a driver believes to be in sight.
    async fn click(&self, element: &Element) -> anyhow::Result<()> {
        let centre = "arguments[0].scrollIntoView({block: 'center'})";
        self.browser.client.execute(centre, vec![serde_json::to_value(element)?]).await?;
        Ok(element.click().await?)
    }

    async fn tick(&self, name: &str) -> anyhow::Result<()> {
        self.click(&self.css(&format!("label[for='{name}']")).await?).await
    }

    async fn fill(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let input = self.css(&format!("input[name='{name}']:not([type=hidden])")).await?;
        input.clear().await?;
        Ok(input.send_keys(value).await?)
    }

    async fn words(&self) -> anyhow::Result<String> {
        let words = self.browser.client.execute("return document.body.innerText", vec![]).await?;
        Ok(words.as_str().unwrap_or_default().to_owned())
    }

    async fn says(&self, words: &str) -> anyhow::Result<()> {
        let said = eventually(words, async || Ok(self.words().await?.contains(words).then_some(()))).await;
        let shown = self.words().await?;
        said.with_context(|| format!("the page does not say {words:?} but:\n{shown}"))
    }

    /// Waits until the keyboard is in the field `id`.
    async fn is_at(&self, id: &str) -> anyhow::Result<()> {
        eventually(&format!("the focus on {id}"), async || {
            let here = self.browser.client.execute("return document.activeElement.id", vec![]).await?;
            Ok((here == id).then_some(()))
        })
        .await
    }

    /// The code that was texted last.
    async fn code(&self, phone: &str) -> anyhow::Result<String> {
        let code = eventually("the code", async || {
            let texts = self.stack.received(phone).await?;
            Ok(texts.last().and_then(|text| text.split_once("code is: ")).and_then(|(_, rest)| rest.get(..6)).map(str::to_owned))
        });
        code.await
    }

    /// Looks at the page in both languages, light and dark, on a phone and on a desk, with axe-core; and at nothing being cut off.
    async fn check(&self, state: &str) -> anyhow::Result<()> {
        for scheme in ["light", "dark"] {
            self.browser.colours(scheme).await?;
            for width in [320, 1200] {
                self.browser.width(width).await?;
                let name = format!("{state}-{scheme}-{width}");
                self.browser.axe().await.with_context(|| name.clone())?;
                let room = self.browser.client.execute("return document.documentElement.scrollWidth", vec![]).await?;
                anyhow::ensure!(room.as_u64().is_some_and(|room| room <= u64::from(width)), "{name} is {room} wide");
                if let Some(folder) = std::env::var_os("PICTURES") {
                    self.browser.picture(&PathBuf::from(folder).join(format!("{name}.png"))).await?;
                }
            }
        }
        self.browser.colours("light").await?;
        self.browser.width(320).await
    }
}

async fn link(stack: &Stack, phone: &str) -> anyhow::Result<String> {
    stack.reply(phone, "HELP").await?;
    eventually("the link", async || {
        let texts = stack.received(phone).await?;
        let link = texts.iter().rev().find_map(|text| text.split_whitespace().find(|word| word.contains("/preferences?token=")).map(str::to_owned));
        Ok(link)
    })
    .await
}

#[tokio::test]
async fn from_help_through_everything_on_the_page_without_scripts() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let (id, number, other) = ("u41", "+13125560041", "+13125569941");
    let page = Page::open(&stack).await?;
    let link = link(&stack, number).await?;
    page.browser.client.goto(&link).await?;
    assert!(!page.browser.client.current_url().await?.as_str().contains("token"), "the token is out of the address");
    page.says("ending in 0041").await?;
    page.says("Answer to HELP").await?;
    assert!(!page.browser.client.source().await?.contains("<script"));

    // Another number: consent stays with the old one.
    page.click(&page.css("#phone-number summary").await?).await?;
    page.fill("phone", "12").await?;
    page.press("Text me a code").await?;
    page.is_at("phone").await?;
    page.fill("phone", "(312) 556-9941").await?;
    page.press("Text me a code").await?;
    page.is_at("code").await?;
    page.says("+1 312 556 9941").await?;
    let code = page.code(other).await?;
    page.fill("code", if code == "000000" { "000001" } else { "000000" }).await?;
    page.press("Confirm").await?;
    page.says("You have 4 more tries").await?;
    page.is_at("code").await?;
    page.fill("code", &code).await?;
    page.press("Confirm").await?;
    page.says("This number is yours").await?;
    page.says("Texts are off").await?;

    // Yes again, with battle invitations off, in Spanish and on the west coast.
    page.tick("texts-on").await?;
    page.tick("battle_invitations").await?;
    page.css("#time_zone").await?.select_by_value("America/Los_Angeles").await?;
    page.css("#language").await?.select_by_value("es").await?;
    page.press("Save").await?;
    page.says("Guardado.").await?;
    page.is_at("done").await?;
    page.says("Los mensajes están activados").await?;
    let row = stack.recipients().get(&user(id)).await?.context("a row")?;
    assert_eq!((row.time_zone.as_deref(), row.locale.as_deref()), (Some("America/Los_Angeles"), Some("es")));
    assert_eq!(row.categories, Categories { battle_invitations: false, ..Categories::ALL_ON });
    let disclosure = row.standing_consent().and_then(|consent| consent.disclosure_version.clone());
    assert_eq!(disclosure.as_deref(), Some("2026-11.en"), "they saw the English words");
    eventually("the welcome", async || Ok(stack.received(other).await?.into_iter().find(|text| text.contains("suscrito")))).await?;

    let (invitation, streak) = (Published::sample("battle_invitation", id)?, Published::sample("streak_alert", id)?);
    stack.publish(&[invitation.clone(), streak.clone()]).await?;
    let refused = stack.settled(&invitation).await?;
    assert_eq!(refused.gates.iter().find(|step| step.verdict == Verdict::Fail).map(|step| step.gate), Some(Gate::Category));
    assert_eq!(stack.settled(&streak).await?.status, Status::Delivered);

    page.click(&page.css("nav [hreflang=en]").await?).await?;
    eventually("the history", async || {
        page.browser.client.refresh().await?;
        Ok(page.words().await?.contains("This kind was off.").then_some(()))
    })
    .await?;
    page.says("You agreed to texts, and this kind was on.").await?;

    // A page from before: nothing is overwritten.
    let row = stack.recipients().get(&user(id)).await?.context("a row")?;
    stack.recipients().put(&Recipient { version: row.version + 1, ..row }).await?;
    page.tick("streak_alerts").await?;
    page.press("Save").await?;
    page.says("nothing was saved").await?;
    assert!(stack.recipients().get(&user(id)).await?.is_some_and(|row| row.categories.streak_alerts));

    page.press("Stop everything").await?;
    page.says("Everything is stopped").await?;
    eventually("the opt-out", async || Ok(stack.opt_outs().get(&other.parse()?).await?.filter(|row| row.everything_since.is_some()))).await?;
    page.browser.client.refresh().await?;
    page.says("All texts to your number are stopped").await?;
    page.says("You said no").await?;

    let token = link.split_once("token=").context("a token")?.1;
    for function in ["api", "sender", "inbound"] {
        assert!(!stack.log_group(&format!("/aws/lambda/allthrive-sms-{function}")).await?.contains(token), "{function} logs the token");
    }

    // Nobody without the cookie sees it.
    page.browser.client.delete_all_cookies().await?;
    page.browser.client.refresh().await?;
    page.says("This link does not work any more").await?;
    page.browser.client.close().await?;
    Ok(())
}

#[tokio::test]
async fn a_link_on_a_page_of_another_site_opens_it_too() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let page = Page::open(&stack).await?;
    let link = link(&stack, "+13125560042").await?;
    page.browser.client.goto(&format!("data:text/html,<a href='{link}'>settings</a>")).await?;
    page.css("a").await?.click().await?;
    eventually("the page", async || Ok(page.words().await?.contains("ending in 0042").then_some(()))).await?;
    assert!(!page.browser.client.current_url().await?.as_str().contains("token"));
    page.browser.client.close().await?;
    Ok(())
}

#[tokio::test]
async fn everything_can_be_reached_by_keyboard_in_the_order_of_the_page() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let page = Page::open(&stack).await?;
    page.browser.client.goto(&link(&stack, "+13125560043").await?).await?;
    let tab = "\u{e004}";
    let mut seen = Vec::new();
    for _ in 0..30 {
        page.browser.client.active_element().await?.send_keys(tab).await?;
        let here = page.browser.client.active_element().await?;
        let name = here.attr("id").await?.filter(|id| !id.is_empty());
        let covered = "const box = document.activeElement.getBoundingClientRect(); const bar = document.querySelector('header').getBoundingClientRect(); \
            return document.activeElement != document.body && !document.activeElement.closest('header, .skip') && box.top < bar.bottom - 1";
        assert_eq!(page.browser.client.execute(covered, vec![]).await?, false, "{name:?} is behind the bar");
        seen.push(match name {
            Some(id) => id,
            None => here.text().await?,
        });
    }
    let order = [
        "Skip to the content",
        "Stop everything",
        "Español",
        "Use another number",
        "texts-on",
        "battle_invitations",
        "achievements",
        "time_zone",
        "language",
        "Save",
    ];
    let places = order.map(|name| seen.iter().position(|seen| seen.starts_with(name)));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{seen:?}");
    page.browser.client.close().await?;
    Ok(())
}

#[tokio::test]
async fn axe_finds_no_fault_in_any_state() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let (id, number, other) = ("u44", "+13125560044", "+13125569944");
    let page = Page::open(&stack).await?;
    for kind in ["battle_invitation", "battle_result", "achievement_unlock"] {
        let event = Published::sample(kind, id)?;
        stack.publish(std::slice::from_ref(&event)).await?;
        stack.settled(&event).await?;
    }
    page.browser.client.goto(&link(&stack, number).await?).await?;
    for (language, change, ask, confirm, save) in
        [("en", "Use another number", "Text me a code", "Confirm", "Save"), ("es", "Usar otro número", "Enviarme un código", "Confirmar", "Guardar")]
    {
        let mut fresh = page.browser.client.current_url().await?;
        fresh.set_fragment(None);
        fresh.set_query(Some(&format!("lang={language}")));
        page.browser.client.goto(fresh.as_str()).await?;
        for details in page.browser.client.find_all(Locator::Css("#texts summary")).await?.into_iter().take(1) {
            page.click(&details).await?;
        }
        page.check(&format!("{language}-fresh")).await?;

        page.click(&page.browser.client.find(Locator::XPath(&format!("//summary[.='{change}']"))).await?).await?;
        page.fill("phone", "12").await?;
        page.press(ask).await?;
        page.check(&format!("{language}-wrong-number")).await?;
        page.fill("phone", if language == "en" { other } else { "+13125569945" }).await?;
        page.press(ask).await?;
        page.check(&format!("{language}-code-sent")).await?;
        page.fill("code", "1").await?;
        page.press(confirm).await?;
        page.check(&format!("{language}-wrong-code")).await?;

        page.browser.client.goto(fresh.as_str()).await?;
        for kind in sms::kind::Category::ALL {
            page.tick(kind.as_str()).await?;
        }
        page.press(save).await?;
        page.check(&format!("{language}-no-kind")).await?;
    }
    page.click(&page.css("nav [hreflang=en]").await?).await?;
    page.press("Stop everything").await?;
    page.says("Everything is stopped").await?;
    page.check("en-stopped").await?;
    for (user, scope) in [("newcomer", "manage"), ("u45", "read"), ("cam", "manage")] {
        let token = Caller::backend(&stack).token(user, &json!({"scope": scope})).await?;
        page.browser.client.goto(&format!("{}/preferences?token={token}", stack.output("ApiUrl"))).await?;
        assert_eq!(page.browser.count("button").await? > 0, scope == "manage");
        page.check(&format!("en-{user}")).await?;
    }
    let mut gone = page.browser.client.current_url().await?;
    page.browser.client.delete_all_cookies().await?;
    for language in ["en", "es"] {
        gone.set_query(Some(&format!("lang={language}")));
        page.browser.client.goto(gone.as_str()).await?;
        page.check(&format!("{language}-no-link")).await?;
    }
    page.browser.client.close().await?;
    Ok(())
}
