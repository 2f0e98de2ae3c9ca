//! Magic numbers: whom to text to see each thing that can happen.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    account,
    receipts::{Happened, Receipt},
    refusal::{Exception, Refusal},
};

/// What becomes of a text.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// It is taken, and these events follow.
    Receipts(&'static [Receipt]),
    /// It is taken and delivered, and the answer is this.
    Answered(Answer),
    /// It is refused.
    Refused(Exception, Option<&'static str>, Option<Resource>),
    /// It is not taken, and the connection closes without an answer.
    HungUp,
}

/// How the service answers for a text that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// With its `MessageId`.
    Prompt,
    /// The same, late.
    Late(Duration),
    /// Not at all: the connection closes.
    Never,
    /// With bytes that are no JSON.
    Garbled,
}

/// `ResourceType` and `ResourceId` of a refusal.
type Resource = (&'static str, &'static str);

/// A number and what becomes of texts to it.
#[derive(Debug)]
pub struct Magic {
    /// In E.164 form.
    pub phone: &'static str,
    /// What becomes of a text.
    pub outcome: Outcome,
    /// The same in words.
    pub meaning: &'static str,
}

/// What becomes of a text to any other number.
pub const ORDINARY: Outcome = Outcome::Receipts(ORDINARY_RECEIPTS);

/// The events of a text that arrives.
pub const ORDINARY_RECEIPTS: &[Receipt] = &[Receipt::interim(Happened::Successful), Receipt::last(Happened::Delivered)];

/// All of them: the two of the AWS user guide for the US, and ours.
pub const OUTCOMES: &[Magic] = &[
    magic("+14254147755", ORDINARY, "AWS's own success number: SUCCESSFUL, then DELIVERED"),
    magic("+14254147167", Outcome::Receipts(&[Receipt::last(Happened::Unreachable)]), "AWS's own failure number: UNREACHABLE"),
    magic("+15005550001", ORDINARY, "SUCCESSFUL, then DELIVERED, like any other number"),
    magic("+15005550002", Outcome::Receipts(&[Receipt::last(Happened::Successful)]), "SUCCESSFUL with isFinal true, no carrier named"),
    magic(
        "+15005550003",
        Outcome::Receipts(&[
            Receipt::interim(Happened::Queued),
            Receipt::interim(Happened::Pending),
            Receipt::interim(Happened::Successful),
            Receipt::last(Happened::Delivered),
        ]),
        "QUEUED, PENDING, SUCCESSFUL, DELIVERED",
    ),
    magic("+15005550004", Outcome::Receipts(&[]), "accepted, and never a receipt"),
    magic(
        "+15005550005",
        Outcome::Receipts(&[Receipt::interim(Happened::Successful), Receipt::last(Happened::Unreachable)]),
        "SUCCESSFUL, then UNREACHABLE",
    ),
    magic("+15005550011", Outcome::Receipts(&[Receipt::last(Happened::Invalid)]), "INVALID: no such number"),
    magic("+15005550012", Outcome::Receipts(&[Receipt::last(Happened::InvalidMessage)]), "INVALID_MESSAGE: the body is not valid"),
    magic("+15005550013", Outcome::Receipts(&[Receipt::last(Happened::Unreachable)]), "UNREACHABLE: the phone is off"),
    magic("+15005550014", Outcome::Receipts(&[Receipt::last(Happened::CarrierUnreachable)]), "CARRIER_UNREACHABLE: the carrier is down"),
    magic("+15005550015", Outcome::Receipts(&[Receipt::last(Happened::Blocked)]), "BLOCKED: \"Phone has blocked SMS\", no origination number"),
    magic("+15005550016", Outcome::Receipts(&[Receipt::last(Happened::CarrierBlocked)]), "CARRIER_BLOCKED: the carrier refuses this text"),
    magic("+15005550017", Outcome::Receipts(&[Receipt::last(Happened::Spam)]), "SPAM: the carrier takes it for spam"),
    magic("+15005550018", Outcome::Receipts(&[Receipt::last(Happened::Unknown)]), "UNKNOWN: nobody knows"),
    magic("+15005550019", Outcome::Receipts(&[Receipt::last(Happened::TtlExpired)]), "TTL_EXPIRED: its time to live ran out"),
    magic("+15005550020", Outcome::Receipts(&[Receipt::last(Happened::ProtectBlocked)]), "PROTECT_BLOCKED: filtered by the protect configuration"),
    refused("+15005550400", Exception::Throttling, None, "ThrottlingException"),
    conflict("+15005550401", "DESTINATION_PHONE_NUMBER_OPTED_OUT", ("opt-out-list", "Default"), "Conflict: opted out"),
    conflict("+15005550402", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", ACCOUNT, "Conflict: not verified (sandbox)"),
    conflict(
        "+15005550403",
        "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
        PROTECT,
        "Conflict: country blocked by the protect configuration",
    ),
    conflict(
        "+15005550404",
        "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
        PROTECT,
        "Conflict: number blocked by the protect configuration",
    ),
    conflict("+15005550405", "NO_ORIGINATION_IDENTITIES_FOUND", ACCOUNT, "Conflict: no origination identity for it"),
    conflict("+15005550406", "RESOURCE_NOT_ACTIVE", NUMBER, "Conflict: the number is not active"),
    conflict("+15005550407", "REGISTRATION_NOT_COMPLETE", NUMBER, "Conflict: the toll-free registration is not complete"),
    conflict("+15005550408", "MESSAGE_TYPE_MISMATCH", NUMBER, "Conflict: the number is for the other message type"),
    conflict("+15005550409", "NUMBER_CAPABILITIES_MISMATCH", NUMBER, "Conflict: the number cannot send SMS"),
    conflict("+15005550410", "KEYWORD_MISMATCH", NUMBER, "Conflict: the keyword is not registered"),
    conflict(
        "+15005550411",
        "PROTECT_CONFIGURATION_NOT_ASSOCIATED_WITH_CONFIGURATION_SET",
        PROTECT,
        "Conflict: protect configuration and configuration set do not belong together",
    ),
    conflict("+15005550419", "REASON_OF_NEXT_YEAR", ACCOUNT, "Conflict: a Reason that no SDK knows yet"),
    refused("+15005550420", Exception::Validation, Some("PRICE_OVER_THRESHOLD"), "Validation: price over MaxPrice"),
    refused(
        "+15005550421",
        Exception::Validation,
        Some("INVALID_IDENTITY_FOR_DESTINATION_COUNTRY"),
        "Validation: the identity cannot text that country",
    ),
    refused("+15005550422", Exception::Validation, Some("DESTINATION_COUNTRY_BLOCKED"), "Validation: country blocked by AWS"),
    refused("+15005550423", Exception::Validation, Some("COUNTRY_NOT_ENABLED"), "Validation: country not enabled"),
    refused("+15005550424", Exception::Validation, Some("INTERNATIONAL_SENDING_NOT_SUPPORTED"), "Validation: no international sending"),
    refused("+15005550425", Exception::Validation, Some("SENDER_ID_NOT_REGISTERED"), "Validation: sender ID not registered"),
    refused("+15005550426", Exception::Validation, Some("INVALID_PARAMETER"), "Validation: invalid parameter"),
    refused("+15005550427", Exception::Validation, Some("OTHER"), "Validation: other"),
    refused(
        "+15005550430",
        Exception::ServiceQuotaExceeded,
        Some("MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"),
        "ServiceQuotaExceeded: the month's spend limit is reached",
    ),
    refused("+15005550440", Exception::AccessDenied, Some("ACCOUNT_DISABLED"), "AccessDenied: account disabled"),
    refused("+15005550441", Exception::AccessDenied, Some("INSUFFICIENT_ACCOUNT_REPUTATION"), "AccessDenied: account reputation too low"),
    refused("+15005550442", Exception::AccessDenied, None, "AccessDenied: not allowed by IAM, no Reason"),
    magic("+15005550450", Outcome::Refused(Exception::ResourceNotFound, None, Some(NUMBER)), "ResourceNotFound: the origination number is gone"),
    refused("+15005550500", Exception::InternalServer, None, "InternalServerException, HTTP 500, not accepted"),
    refused("+15005550503", Exception::ServiceUnavailable, None, "ServiceUnavailable, HTTP 503, not accepted"),
    magic("+15005550900", Outcome::Answered(Answer::Never), "accepted and delivered, the connection closes without an answer"),
    magic("+15005550901", Outcome::HungUp, "not accepted, the connection closes without an answer"),
    magic("+15005550902", Outcome::Answered(Answer::Late(Duration::from_secs(30))), "accepted and delivered, the answer takes 30 s"),
    magic("+15005550903", Outcome::Answered(Answer::Garbled), "accepted and delivered, the answer is not JSON"),
];

const ACCOUNT: Resource = ("account", account::ACCOUNT_ID);
const NUMBER: Resource = ("phone-number", account::PHONE_NUMBER_ID);
const PROTECT: Resource = ("protect-configuration", account::PROTECT_CONFIGURATION_ID);

const fn magic(phone: &'static str, outcome: Outcome, meaning: &'static str) -> Magic {
    Magic { phone, outcome, meaning }
}

const fn refused(phone: &'static str, exception: Exception, reason: Option<&'static str>, meaning: &'static str) -> Magic {
    magic(phone, Outcome::Refused(exception, reason, None), meaning)
}

const fn conflict(phone: &'static str, reason: &'static str, resource: Resource, meaning: &'static str) -> Magic {
    magic(phone, Outcome::Refused(Exception::Conflict, Some(reason), Some(resource)), meaning)
}

impl Outcome {
    /// What becomes of a text to `phone`.
    #[must_use]
    pub fn of(phone: &str) -> Self {
        OUTCOMES.iter().find(|magic| magic.phone == phone).map_or(ORDINARY, |magic| magic.outcome)
    }

    /// The refusal, if it is one.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        let Self::Refused(exception, reason, resource) = self else { return None };
        Some(Refusal { exception, reason, resource: resource.map(|(kind, id)| (kind, id.to_owned())), fields: Vec::new() })
    }
}

/// The table as the page reads it.
#[must_use]
pub fn table() -> Value {
    OUTCOMES.iter().map(|magic| json!({"phone": magic.phone, "outcome": magic.meaning})).collect()
}

#[cfg(test)]
mod tests {
    use sms::phone::{Country, PhoneNumber};

    use super::{OUTCOMES, Outcome};
    use crate::receipts::Happened;

    #[test]
    fn every_magic_number_is_one_of_the_us_and_stands_there_once() {
        assert!(OUTCOMES.is_sorted_by(|a, b| a.phone < b.phone || b.phone == "+14254147167"));
        for magic in OUTCOMES {
            assert_eq!(magic.phone.parse::<PhoneNumber>().unwrap().country(), Some(Country::US), "{}", magic.phone);
        }
    }

    #[test]
    fn every_event_type_has_a_number() {
        for happened in Happened::ALL {
            let shown = |outcome| matches!(outcome, Outcome::Receipts(receipts) if receipts.iter().any(|receipt| receipt.happened == happened));
            assert!(OUTCOMES.iter().any(|magic| shown(magic.outcome)), "{}", happened.status());
        }
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../README.md");
        for magic in OUTCOMES {
            let row = format!("| `{}` | {} |", magic.phone, magic.meaning);
            assert!(readme.contains(&row), "missing in simulator/README.md: {row}");
        }
        assert_eq!(readme.matches("\n| `+").count(), OUTCOMES.len());
    }
}
