//! What a wish is drawn from, and what may become of it.

use proptest::prelude::*;
use sms::{
    content::{Alert, BattleInvitation, Content, SecurityAlert},
    message::{Change, Status},
};

/// AWS's price and the carrier's fee, in micro-USD.
pub type Price = (i64, i64);

/// What becomes of an admitted text. Without a price the receipt names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Waits,
    Fails,
    OptsOut,
    LapsesInItsLane,
    LapsesInASendersHands,
    /// No answer, and no receipt.
    Unknown,
    /// No answer, but a receipt.
    Found(Price),
    Arrives(Option<Price>),
    Lost(Option<Price>),
}

#[derive(Debug, Clone)]
pub struct Drawn {
    /// Of as many as there are.
    pub person: usize,
    pub is_alert: bool,
    pub topic: u8,
    pub fate: Fate,
    /// Whoever settles it first dies after so many calls.
    pub dies_after: Option<usize>,
    /// Nobody comes back to it until all is over.
    pub is_left: bool,
}

impl Fate {
    pub fn name(self) -> &'static str {
        match self {
            Self::Waits => "waits",
            Self::Fails => "fails",
            Self::OptsOut => "opts out",
            Self::LapsesInItsLane => "lapses in its lane",
            Self::LapsesInASendersHands => "lapses in a sender's hands",
            Self::Unknown => "unknown",
            Self::Found(_) => "unknown, then found",
            Self::Arrives(Some(_)) => "arrives",
            Self::Arrives(None) => "arrives without a price",
            Self::Lost(Some(_)) => "is lost",
            Self::Lost(None) => "is lost without a price",
        }
    }

    pub fn changes(self) -> &'static [Change] {
        match self {
            Self::Waits => &[],
            Self::Fails => &[Change::Claimed, Change::Refused],
            Self::OptsOut => &[Change::Claimed, Change::OptedOut],
            Self::LapsesInItsLane => &[Change::Lapsed],
            Self::LapsesInASendersHands => &[Change::Claimed, Change::Lapsed],
            Self::Unknown => &[Change::Claimed, Change::Unanswered],
            Self::Found(_) => &[Change::Claimed, Change::Unanswered, Change::Arrived],
            Self::Arrives(_) => &[Change::Claimed, Change::Accepted, Change::Arrived],
            Self::Lost(_) => &[Change::Claimed, Change::Accepted, Change::Lost],
        }
    }

    pub fn status(self) -> Status {
        match self {
            Self::Waits => Status::Pending,
            Self::Fails => Status::Failed,
            Self::OptsOut => Status::Suppressed,
            Self::LapsesInItsLane | Self::LapsesInASendersHands => Status::Expired,
            Self::Unknown => Status::Unknown,
            Self::Found(_) | Self::Arrives(_) => Status::Delivered,
            Self::Lost(_) => Status::Undelivered,
        }
    }

    pub fn receipt(self) -> Option<Price> {
        match self {
            Self::Found(price) | Self::Arrives(Some(price)) | Self::Lost(Some(price)) => Some(price),
            _ => None,
        }
    }

    /// What a text that `reserved` so much costs in the end; nothing is known of one that is still on its way.
    pub fn costs(self, reserved: i64) -> Option<i64> {
        match self.status() {
            Status::Delivered | Status::Undelivered => Some(self.receipt().map_or(reserved, |(price, fee)| price + fee)),
            status if status.is_final() => Some(0),
            _ => None,
        }
    }
}

/// Everything alike, but that most texts come to some end; AWS charges `dearest` at most, and the carrier 200.
pub fn drawn(dearest: i64) -> impl Strategy<Value = Drawn> {
    let price = move || (0..=dearest, prop_oneof![Just(0_i64), 0_i64..=200]);
    let fate = prop_oneof![
        2 => Just(Fate::Waits),
        2 => Just(Fate::Fails),
        1 => Just(Fate::OptsOut),
        1 => Just(Fate::LapsesInItsLane),
        1 => Just(Fate::LapsesInASendersHands),
        1 => Just(Fate::Unknown),
        1 => price().prop_map(Fate::Found),
        3 => proptest::option::weighted(0.8, price()).prop_map(Fate::Arrives),
        1 => proptest::option::weighted(0.8, price()).prop_map(Fate::Lost),
    ];
    let drawn =
        (any::<usize>(), proptest::bool::weighted(0.4), 0_u8..4, fate, proptest::option::weighted(0.5, 0_usize..3), proptest::bool::weighted(0.3));
    drawn.prop_map(|(person, is_alert, topic, fate, dies_after, is_left)| Drawn { person, is_alert, topic, fate, dies_after, is_left })
}

/// One of a few texts, so that some are the same.
pub fn content(drawn: &Drawn) -> Content {
    let topic = format!("Duel {}", drawn.topic);
    if drawn.is_alert {
        return Content::SecurityAlert(SecurityAlert { alert: Alert::NewLogin, detail: topic, link: "https://allthrive.ai/s".into() });
    }
    Content::BattleInvitation(BattleInvitation { inviter_name: "Ada".into(), battle_topic: topic, invitation_link: "https://allthrive.ai/b".into() })
}
