//! Opt-outs: kept by number, apart from people, and obeyed by every text to it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    consent::Method,
    content::Content,
    kind::{Category, Kind},
    moment,
    phone::PhoneNumber,
};

/// The row of a number in the opt-outs table. No row means that nobody with that number ever said stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptOut {
    /// Its key.
    pub phone: PhoneNumber,
    /// Since when nothing may be sent.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub everything_since: Option<Timestamp>,
    /// The categories that may not be sent.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub categories: BTreeSet<Category>,
    /// The one text that may still go out: the confirmation that the law allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<Uuid>,
    /// How they said it.
    pub method: Method,
    /// Which rule read it so, such as `keyword stop`.
    pub rule: String,
    /// Why AWS would not take the number off its own list when they opted in again; until it does, the opt-out stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relisting_refused: Option<String>,
    /// When they last stopped everything.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// When they last asked for texts again: what was stopped before that is not stopped any more.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When they last said anything that the row keeps.
    #[serde(with = "moment")]
    pub updated_at: Timestamp,
    /// How often the row was written: none for a row that is not there yet, 0 for one that was written before rows were counted.
    #[serde(default = "uncounted", skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

#[expect(clippy::unnecessary_wraps, reason = "what serde wants")]
fn uncounted() -> Option<u64> {
    Some(0)
}

/// What somebody said about texts to their number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When they said it.
    pub at: Timestamp,
    /// How.
    pub method: Method,
    /// Which rule read it so.
    pub rule: String,
}

impl OptOut {
    /// The row of a number about which `said` is the first thing, before anything is done about that.
    #[must_use]
    pub fn new(phone: PhoneNumber, said: &Said) -> Self {
        Self {
            phone,
            everything_since: None,
            categories: BTreeSet::new(),
            confirmation: None,
            method: said.method,
            rule: said.rule.clone(),
            relisting_refused: None,
            stopped_at: None,
            started_at: None,
            updated_at: said.at,
            revision: None,
        }
    }

    /// The row after a stop of everything. `None` if they asked for texts again later: words come to us in any order.
    #[must_use]
    pub fn stopped(self, said: &Said) -> Option<Self> {
        let everything_since = Some(self.everything_since.unwrap_or(said.at));
        let stopped_at = self.last_stop().max(Some(said.at));
        Some(Self { everything_since, stopped_at, ..self.after_a_stop(said)? })
    }

    /// The row after a stop of `categories`, on top of what is stopped already. `None` as for [`Self::stopped`].
    #[must_use]
    pub fn stopped_of(self, categories: &BTreeSet<Category>, said: &Said) -> Option<Self> {
        let mut row = self.after_a_stop(said)?;
        row.categories.extend(categories);
        Some(row)
    }

    /// Whether asking for texts again at `at` is to be obeyed: they have not stopped everything since, nor asked once more.
    #[must_use]
    pub fn may_start(&self, at: Timestamp) -> bool {
        self.last_stop().is_none_or(|stop| stop <= at) && self.started_at.is_none_or(|start| start <= at)
    }

    /// The row after they asked for texts again. `None` if that is not to be obeyed.
    #[must_use]
    pub fn started(self, said: &Said) -> Option<Self> {
        if !self.may_start(said.at) {
            return None;
        }
        if self.updated_at <= said.at {
            return Some(Self { started_at: Some(said.at), revision: self.revision, ..Self::new(self.phone, said) });
        }
        // They stopped a category since. Nobody knows any more which one: all that are stopped stay so.
        let started_at = Some(said.at);
        Some(Self { everything_since: None, stopped_at: None, confirmation: None, relisting_refused: None, started_at, ..self })
    }

    /// The row after they asked for texts again and AWS, for `reason`, keeps the number on its list. `None` if it was not to be obeyed anyway.
    #[must_use]
    pub fn not_started(self, reason: String, said: &Said) -> Option<Self> {
        self.may_start(said.at).then(|| Self { relisting_refused: Some(reason), ..self }.stopped(said)).flatten()
    }

    /// A stop is on top of all others, earlier and later, unless everything was started again after it. While everything is stopped the row keeps saying how that was said.
    fn after_a_stop(self, said: &Said) -> Option<Self> {
        if self.last_start().is_some_and(|start| start > said.at) {
            return None;
        }
        let updated_at = self.updated_at.max(said.at);
        let is_said_already = self.everything_since.is_some();
        let (method, rule) = if is_said_already { (self.method, self.rule) } else { (said.method, said.rule.clone()) };
        Some(Self { method, rule, updated_at, ..self })
    }

    /// When they last stopped everything. A row written before that was kept knows only when anything was said last.
    fn last_stop(&self) -> Option<Timestamp> {
        self.stopped_at.or(self.everything_since.map(|_| self.updated_at))
    }

    /// When they last asked for texts again. A row in which nothing is stopped was written by that, even if it was before that was kept.
    fn last_start(&self) -> Option<Timestamp> {
        self.started_at.or_else(|| (self.everything_since.is_none() && self.categories.is_empty()).then_some(self.updated_at))
    }

    /// Why a text may not go out, or `None` if it may.
    #[must_use]
    pub fn blocks(&self, content: &Content, message_id: Uuid) -> Option<String> {
        if content.kind() == Kind::OptOutConfirmation && self.confirmation == Some(message_id) {
            return None;
        }
        if let Some(since) = self.everything_since {
            let refused = self.relisting_refused.as_ref().map(|reason| format!("; wants texts again, but AWS keeps it on its list: {reason}"));
            return Some(format!("opted out of everything at {} by {}{}", moment::text(since), self.rule, refused.unwrap_or_default()));
        }
        let category = content.categories().into_iter().find(|category| self.categories.contains(category))?;
        Some(format!("opted out of {} by {}", category.as_str(), self.rule))
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Category, Method, OptOut, Said};

    /// What people can say, in short: `*` stops everything, `b` and `r` a category, `+` starts everything again.
    fn said(row: Option<OptOut>, word: char, second: i64) -> Option<OptOut> {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
        let said = Said { at, method: Method::SmsKeyword, rule: format!("keyword {word}") };
        let before = row.clone().unwrap_or_else(|| OptOut::new("+12025550101".parse().expect("phone"), &said));
        let after = match word {
            '*' => before.stopped(&said),
            'b' => before.stopped_of(&[Category::BattleInvitations].into(), &said),
            'r' => before.stopped_of(&[Category::BattleResults].into(), &said),
            _ => before.started(&said),
        };
        after.or(row)
    }

    /// Whether everything is stopped, and which categories are.
    fn stopped(row: Option<&OptOut>) -> (bool, Vec<Category>) {
        row.map(|row| (row.everything_since.is_some(), row.categories.iter().copied().collect())).unwrap_or_default()
    }

    fn in_order(words: &[(char, i64)]) -> Option<OptOut> {
        words.iter().fold(None, |row, (word, second)| said(row, *word, *second))
    }

    fn orders(words: &[(char, i64)]) -> Vec<Vec<(char, i64)>> {
        if words.is_empty() {
            return vec![Vec::new()];
        }
        let first = |n: usize| {
            let rest = [&words[..n], &words[n + 1..]].concat();
            orders(&rest).into_iter().map(move |order| [vec![words[n]], order].concat())
        };
        (0..words.len()).flat_map(first).collect()
    }

    #[test]
    fn no_order_of_arrival_loses_a_stop_or_a_start_of_everything() {
        let all = ['*', 'b', 'r', '+'];
        let sentences = (0..256).map(|n| [all[n % 4], all[n / 4 % 4], all[n / 16 % 4], all[n / 64]]);
        for sentence in sentences {
            let words = sentence.into_iter().zip(1..).collect::<Vec<_>>();
            let meant = stopped(in_order(&words).as_ref());
            for order in orders(&words) {
                let row = in_order(&order);
                let (everything, categories) = stopped(row.as_ref());
                assert_eq!(everything, meant.0, "{order:?} stops everything, or does not");
                assert!(meant.1.iter().all(|category| categories.contains(category)), "{order:?} loses a stop of a category");
                // A start that comes after what was said later leaves all categories stopped, which is the safe side.
                let starts_in_time = order.iter().enumerate().all(|(n, (word, at))| *word != '+' || order[..n].iter().all(|(_, other)| other < at));
                assert!(!starts_in_time || (everything, categories) == meant, "{order:?} stops {:?} and not {meant:?}", stopped(row.as_ref()));
            }
        }
    }

    #[test]
    fn a_row_written_before_starts_were_kept_says_by_being_empty_that_it_was_one() {
        let old = OptOut { started_at: None, ..said(None, '+', 5).expect("a row") };
        assert_eq!(stopped(said(Some(old.clone()), '*', 4).as_ref()), (false, vec![]), "an older stop");
        assert!(stopped(said(Some(old), '*', 6).as_ref()).0, "a newer one");
    }
}
