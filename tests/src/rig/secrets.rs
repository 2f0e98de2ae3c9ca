//! What no log may have: the numbers, the words and the codes of texts.

use std::collections::BTreeSet;

use sms::phone::PhoneNumber;

/// Things to look for in a log.
#[derive(Debug, Default)]
pub struct Secrets {
    numbers: BTreeSet<String>,
    lines: BTreeSet<String>,
    codes: BTreeSet<String>,
}

/// Digits of a code.
const CODE: usize = 6;

impl Secrets {
    /// With a number: its digits, with and without those of its country.
    pub fn number(&mut self, phone: &PhoneNumber) {
        let digits = &phone.as_e164()[1..];
        self.numbers.extend([digits.to_owned(), digits[1..].to_owned()]);
    }

    /// With the lines of a body, and the code in it if it has one.
    pub fn body(&mut self, body: &str) {
        let code = body.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == CODE);
        // What stands around a code is the same in every text; no line has a line break in it.
        let lines = body.lines().flat_map(|line| line.split(code.unwrap_or("\n")));
        // A word such as STOP is in the names of our own rules.
        self.lines.extend(lines.filter(|line| line.len() > 12).map(str::to_owned));
        self.codes.extend(code.map(str::to_owned));
    }

    /// What kinds of them `log` has.
    #[must_use]
    pub fn found_in(&self, log: &str) -> Vec<String> {
        let digits = log.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() >= 10).collect::<BTreeSet<_>>();
        // Six digits within an instant or an id are chance.
        let words = log.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-').filter(|word| word.len() == CODE);
        let words = words.collect::<BTreeSet<_>>();
        let mut found = Vec::new();
        if self.numbers.iter().any(|number| digits.contains(number.as_str())) {
            found.push("a log has a number".to_owned());
        }
        if self.lines.iter().any(|line| log.contains(line.as_str())) {
            found.push("a log has a body".to_owned());
        }
        if self.codes.iter().any(|code| words.contains(code.as_str())) {
            found.push("a log has a code".to_owned());
        }
        found
    }
}
