//! Puts content into words: a text in the person's language that is no longer than its kind may be.
//!
//! What users typed is made [`harmless`] once, before it is stored. [`render`] then looks for the first of these that fits the part limit:
//! the full wording with all of the typed words, with the longest of them shortened, a briefer wording, and at last one without typed words.
//! The link is never cut.

mod english;
mod gsm;
mod harmless;
mod left;
mod link;
mod shorten;
mod spanish;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    content::Content,
    encoding::Size,
    kind::{Class, Kind},
};

pub use harmless::harmless;

/// What stands for the code where nobody may read the real one.
pub const CODE_PLACEHOLDER: &str = "000000";

/// A language that texts are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
}

/// What every text of ours shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// The domains that links may lead to, themselves or a subdomain. The first is the site: codes are bound to it (WebOTP).
    pub link_domains: Vec<String>,
    /// Where a person finds help: an e-mail address, a number or a page.
    pub support_contact: String,
}

/// A text, ready to be sent. `Debug` shows its size, never its words.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// The words.
    pub body: String,
    /// What they take on the air.
    pub size: Size,
}

/// Why content cannot be sent as a text: the field and what is wrong with it, and nothing of what it said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not of the form that we send.
    #[error("{field}: not a link, expected https://host/path in plain characters")]
    NotALink {
        /// The field of the event's data.
        field: &'static str,
    },
    /// A link to somebody else's site.
    #[error("{field}: leads to a host that is on none of the allowed domains")]
    ForeignLink {
        /// The field of the event's data.
        field: &'static str,
    },
    /// Too long even without any typed words.
    #[error("{field}: too long, the text takes more than {parts} message parts even at its shortest")]
    TooLong {
        /// The field that takes the room.
        field: &'static str,
        /// The parts that it may take.
        parts: u32,
    },
    /// A reminder of what is over.
    #[error("ends_at: already over")]
    Over,
}

/// How much a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wording {
    Full,
    /// For scripts that take twice the room, and for long links.
    Brief,
}

/// What the wordings need besides the content.
struct Setting<'a> {
    wording: Wording,
    house: &'a House,
    now: Timestamp,
    code: &'a str,
}

/// The content in words. `code` is said by [`Kind::PhoneVerification`] only, `now` matters to [`Kind::BattleReminder`] only.
pub fn render(content: &Content, locale: Locale, house: &House, now: Timestamp, code: &str) -> Result<Text, Unfit> {
    if let Some(link) = content.link() {
        link::check(link_field(content.kind()), link, &house.link_domains)?;
    }
    if matches!(content, Content::BattleReminder(reminder) if reminder.ends_at <= now) {
        return Err(Unfit::Over);
    }
    let kind = content.kind();
    let most = most_parts(kind);
    let too_long = Unfit::TooLong { field: link_field(kind), parts: most };
    // A link is never shortened: with one that takes more by itself nobody need try.
    if content.link().is_some_and(|link| Size::of(link).parts > most) {
        return Err(too_long);
    }
    let say = |content: &Content, wording| {
        let setting = Setting { wording, house, now, code };
        gsm::tightest(match locale {
            Locale::En => english::words(content, &setting),
            Locale::Es => spanish::words(content, &setting),
        })
    };
    let plain = shorten::plain(content);
    let bare = shorten::bare(content);
    // The wording, the content, and the fewest characters that a shortened field is worth showing with.
    let ladder = [(Wording::Full, content, 24), (Wording::Brief, content, 12), (Wording::Brief, &plain, 8), (Wording::Brief, &bare, 0)];

    (kind.part_limit()..=most)
        .find_map(|limit| {
            ladder.iter().find_map(|(wording, content, least)| {
                shorten::versions(content, *least).map(|version| say(&version, *wording)).find(|text| text.size.parts <= limit)
            })
        })
        .ok_or(too_long)
}

/// The answer to HELP with a link to the person's settings; `None` if that takes more parts than the answer may, which it then does better without.
#[must_use]
pub fn help_with_link(locale: Locale, house: &House, link: &str) -> Option<Text> {
    [Wording::Full, Wording::Brief]
        .map(|wording| match locale {
            Locale::En => english::help(wording, house, Some(link)),
            Locale::Es => spanish::help(wording, house, Some(link)),
        })
        .map(gsm::tightest)
        .into_iter()
        .find(|text| text.size.parts <= Kind::HelpReply.part_limit())
}

/// The parts that a text may take at worst: an alert whose link fills a part by itself is better sent in two than not at all.
fn most_parts(kind: Kind) -> u32 {
    if kind == Kind::SecurityAlert { 2 } else { kind.part_limit() }
}

/// The name of the field that holds the link; of the words that we choose ourselves, only the contact can be long.
fn link_field(kind: Kind) -> &'static str {
    match kind {
        Kind::BattleInvitation => "invitation_link",
        Kind::BattleResult => "result_link",
        Kind::BattleReminder => "battle_link",
        Kind::StreakAlert => "action_link",
        Kind::DirectMessage => "conversation_link",
        Kind::AchievementUnlock => "achievement_link",
        Kind::SecurityAlert => "link",
        Kind::PhoneVerification => "code",
        Kind::OptInConfirmation | Kind::OptOutConfirmation | Kind::HelpReply | Kind::Digest => "support_contact",
    }
}

/// `said`, with `footer` under it if the text is promotional.
fn with_footer(kind: Kind, said: String, footer: &str) -> String {
    match kind.class() {
        Class::Promotional => said + "\n" + footer,
        Class::Transactional => said,
    }
}

/// What was typed or, where nothing of it is left, a neutral word.
fn typed<'a>(field: &'a str, neutral: &'a str) -> &'a str {
    if field.is_empty() { neutral } else { field }
}

/// What was typed as a line of its own or, where nothing of it is left, no line.
fn line(field: &str) -> String {
    if field.is_empty() { String::new() } else { format!("{field}\n") }
}

/// `sentence`, and the line by which a browser hands the code to our site and to no other (WICG, "Origin-bound one-time codes").
fn bound_code(sentence: &str, setting: &Setting<'_>) -> String {
    match setting.house.link_domains.first() {
        Some(site) => format!("{sentence}\n\n@{site} #{}", setting.code),
        None => sentence.to_owned(),
    }
}

impl Locale {
    /// The language of a BCP 47 tag such as `es-MX`: Spanish if it says so, else English.
    #[must_use]
    pub fn of(tag: &str) -> Self {
        let language = tag.split(['-', '_']).next().unwrap_or_default();
        if language.trim().eq_ignore_ascii_case("es") { Self::Es } else { Self::En }
    }

    /// The language's code, ISO 639-1.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text").field("size", &self.size).finish_non_exhaustive()
    }
}
