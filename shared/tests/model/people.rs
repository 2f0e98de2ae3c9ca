//! How things stand with people and their numbers.

use sms::kind::Category;

use super::{
    acts::Doubt,
    cast::{Moment, TextId},
};

#[derive(Debug, Clone)]
pub struct Standing {
    pub presence: Presence,
    pub is_proven: bool,
    pub is_on: bool,
    pub off: Vec<Category>,
    pub consent: Consent,
    /// The last time that they were erased.
    pub erased_at: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nobody ever saved preferences for them.
    Unheard,
    Here,
    Erased,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    Given,
    Revoked,
    /// With another number.
    Elsewhere,
}

/// Whether a number may be texted.
#[derive(Debug, Clone, Default)]
pub struct Door {
    pub is_out: bool,
    pub out_of: Vec<Category>,
    /// The one text that passes all the same.
    pub confirmation: Option<TextId>,
}

impl Standing {
    /// Everything off.
    pub fn unheard() -> Self {
        let off = Category::ALL.into();
        Self { presence: Presence::Unheard, is_proven: false, is_on: false, off, consent: Consent::Revoked, erased_at: None }
    }

    /// Everything on.
    pub fn here() -> Self {
        Self { presence: Presence::Here, is_proven: true, is_on: true, off: Vec::new(), consent: Consent::Given, erased_at: None }
    }

    pub fn is_all_on(&self) -> bool {
        self.wants(None) && self.off.is_empty()
    }

    /// Whether consent and proof stand.
    pub fn is_reachable(&self) -> bool {
        self.is_proven && self.consent == Consent::Given
    }

    /// Whether nothing was taken back that a text of `category` rests on.
    pub fn wants(&self, category: Option<Category>) -> bool {
        self.is_reachable() && self.is_on && category.is_none_or(|category| !self.off.contains(&category))
    }

    pub fn doubt(&mut self, doubt: Doubt) {
        match doubt {
            _ if self.presence == Presence::Erased => {}
            Doubt::Master => self.is_on = false,
            Doubt::Switch(category) => self.off.push(category),
            Doubt::Proof => self.is_proven = false,
            Doubt::Consent => self.consent = Consent::Revoked,
            Doubt::Moved => self.consent = Consent::Elsewhere,
        }
    }

    pub fn trust(&mut self) {
        *self = Self { erased_at: self.erased_at, ..Self::here() };
    }

    pub fn start(&mut self) {
        if self.is_proven {
            self.consent = Consent::Given;
            self.is_on = true;
        }
    }

    pub fn erase(&mut self, now: Moment) {
        if self.presence == Presence::Here {
            *self = Self { presence: Presence::Erased, erased_at: Some(now), ..Self::unheard() };
        }
    }
}

impl Door {
    pub fn is_open(&self) -> bool {
        !self.is_out && self.out_of.is_empty()
    }

    pub fn lets_in(&self, categories: &[Category]) -> bool {
        !self.is_out && !categories.iter().any(|category| self.out_of.contains(category))
    }
}
