//! What people are shown when they agree: versioned files of the project, so that an old one can always be shown again.

use sms::text::Locale;

/// A disclosure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disclosure {
    /// Month and language.
    pub version: &'static str,
    /// The exact words.
    pub wording: &'static str,
}

macro_rules! disclosures {
    ($($version:literal),*) => {
        [$(Disclosure { version: $version, wording: include_str!(concat!("../../../disclosures/", $version, ".txt")).trim_ascii_end() }),*]
    };
}

/// All there ever were. Never change or remove one that was in use: add a new one, and name it in [`current`].
pub const ALL: [Disclosure; 2] = disclosures!["2026-11.en", "2026-11.es"];

impl Disclosure {
    /// Its language, as BCP 47 has it.
    pub fn language(self) -> &'static str {
        self.version.rsplit('.').next().unwrap_or_default()
    }
}

/// What is shown today.
pub fn current(locale: Locale) -> Disclosure {
    match locale {
        Locale::En => ALL[0],
        Locale::Es => ALL[1],
    }
}

/// The one of `version`.
pub fn find(version: &str) -> Option<Disclosure> {
    ALL.into_iter().find(|disclosure| disclosure.version == version)
}
