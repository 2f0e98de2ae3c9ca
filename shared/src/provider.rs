//! AWS End User Messaging SMS, and what each of its answers means for a text.

use std::{collections::BTreeMap, error::Error, str::FromStr, time::Duration};

use aws_sdk_pinpointsmsvoicev2::{
    Client,
    config::retry::RetryConfig,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        delete_opted_out_number::DeleteOptedOutNumberError,
        describe_opted_out_numbers::DescribeOptedOutNumbersError,
        send_text_message::{SendTextMessageError, SendTextMessageOutput},
    },
    types::{ConflictExceptionReason, MessageType, OptedOutNumberInformation, ResourceType, SpendLimitName, ValidationExceptionField},
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    delivery::CONTEXT_MESSAGE_ID,
    kind::Class,
    money::MicroUsd,
    phone::{Country, PhoneNumber},
};

/// The longest that one call may take: a second to connect, and the rest to answer. The sender's own time-out leaves room for it.
pub const LONGEST_CALL: Duration = Duration::from_secs(5);
/// The reason of a call that was one too many for the account's rates.
pub const THROTTLED: &str = "ThrottlingException";
const LONGEST_CONNECT: Duration = Duration::from_secs(1);
const LONGEST_READ: Duration = Duration::from_secs(4);

/// Who a text comes from, by the country it goes to: several of one country share its people. Written `US=+18663448034,US=+18885550100,GB=AllThrive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities(BTreeMap<Country, Vec<String>>);

/// Why a text is no table of identities.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a table of origination identities: wants COUNTRY=identity pairs with commas between, such as US=+18663448034")]
pub struct NotIdentities;

/// The sender's side of the provider.
#[derive(Debug, Clone)]
pub struct Provider {
    client: Client,
    identities: Identities,
    configuration_set: String,
    protect_configuration: Option<String>,
}

/// One text, ready to go.
#[derive(Debug)]
pub struct Dispatch<'a> {
    /// Our id, for the receipts.
    pub message_id: Uuid,
    /// To whom.
    pub phone: &'a PhoneNumber,
    /// Where they are.
    pub country: Country,
    /// The words.
    pub body: &'a str,
    /// Promotional or transactional.
    pub class: Class,
    /// The most that it may cost, with the carrier's fee. AWS refuses what costs more.
    pub max_price: MicroUsd,
    /// How long AWS may try: 5 seconds to 72 hours.
    pub time_to_live: Duration,
    /// Whether AWS will hear if it was of use (`PutMessageFeedback`). What it does not hear of within an hour counts as failed.
    pub gets_feedback: bool,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// AWS took the text, and calls it this.
    Accepted(String),
    /// AWS will never take it: done for good.
    Refused {
        /// Its `Reason`, or the name of the exception that has none.
        reason: String,
        /// Whether the reason is that the person opted out.
        opted_out: bool,
    },
    /// AWS surely did not take it: try again.
    NotAccepted(String),
    /// Nobody can tell: it may have gone out.
    Unanswered(String),
}

impl Identities {
    /// Who texts `phone` in `country`: of several always the same, also when others join them (rendezvous hashing), so that a conversation has one number.
    #[must_use]
    pub fn of(&self, country: Country, phone: &PhoneNumber) -> Option<&str> {
        let weight = |identity: &&String| Sha256::digest(format!("{identity} {}", phone.as_e164()));
        self.0.get(&country)?.iter().max_by_key(weight).map(String::as_str)
    }
}

impl Provider {
    /// From the SDK's configuration. Retries are off: one claim is one call.
    #[must_use]
    pub fn new(sdk: &aws_types::SdkConfig, identities: Identities, configuration_set: String, protect_configuration: Option<String>) -> Self {
        let timeouts = aws_sdk_pinpointsmsvoicev2::config::timeout::TimeoutConfig::builder()
            .connect_timeout(LONGEST_CONNECT)
            .read_timeout(LONGEST_READ)
            .operation_timeout(LONGEST_CALL)
            .build();
        let config = aws_sdk_pinpointsmsvoicev2::config::Builder::from(sdk).retry_config(RetryConfig::disabled()).timeout_config(timeouts).build();
        Self { client: Client::from_conf(config), identities, configuration_set, protect_configuration }
    }

    /// Calls `SendTextMessage`, once.
    pub async fn send(&self, text: &Dispatch<'_>) -> Answer {
        let Some(identity) = self.identities.of(text.country, text.phone) else {
            return refused(format!("no origination identity for {}", text.country));
        };
        let message_type = match text.class {
            Class::Promotional => MessageType::Promotional,
            Class::Transactional => MessageType::Transactional,
        };
        let call = self
            .client
            .send_text_message()
            .destination_phone_number(text.phone.as_e164())
            .origination_identity(identity)
            .message_body(text.body)
            .message_type(message_type)
            .configuration_set_name(&self.configuration_set)
            .set_protect_configuration_id(self.protect_configuration.clone())
            .max_price(text.max_price.as_max_price())
            .set_message_feedback_enabled(text.gets_feedback.then_some(true))
            .time_to_live(i32::try_from(text.time_to_live.as_secs().clamp(5, 259_200)).unwrap_or(259_200))
            .context(CONTEXT_MESSAGE_ID, text.message_id.to_string());
        answer(call.send().await)
    }
}

/// What `SendTextMessage` said, as the queue must hear it.
fn answer(said: Result<SendTextMessageOutput, SdkError<SendTextMessageError>>) -> Answer {
    match said {
        Ok(output) => match output.message_id {
            Some(id) => Answer::Accepted(id),
            None => Answer::Unanswered("accepted without a MessageId".into()),
        },
        Err(SdkError::ServiceError(error)) => refusal(error.err(), error.raw().status().as_u16()),
        Err(SdkError::ConstructionFailure(_)) => Answer::NotAccepted("the request could not be built or signed".into()),
        Err(failure @ SdkError::DispatchFailure(_)) if never_connected(&failure) => Answer::NotAccepted("no connection".into()),
        Err(SdkError::DispatchFailure(_)) => Answer::Unanswered("the connection broke".into()),
        Err(SdkError::TimeoutError(_)) => Answer::Unanswered("no answer in time".into()),
        Err(SdkError::ResponseError(error)) => Answer::Unanswered(format!("an unreadable answer with status {}", error.raw().status().as_u16())),
        Err(_) => Answer::Unanswered("a kind of error that the SDK learned since".into()),
    }
}

/// What a modelled exception means. Reasons, never texts: AWS promises the former.
fn refusal(error: &SendTextMessageError, status: u16) -> Answer {
    match error {
        SendTextMessageError::ThrottlingException(_) => Answer::NotAccepted(THROTTLED.into()),
        // AWS may have taken the text before it stumbled.
        SendTextMessageError::InternalServerException(_) => Answer::Unanswered("InternalServerException".into()),
        SendTextMessageError::ConflictException(conflict) => Answer::Refused {
            reason: conflict.reason().map_or("ConflictException", |reason| reason.as_str()).to_owned(),
            opted_out: conflict.reason() == Some(&ConflictExceptionReason::DestinationPhoneNumberOptedOut),
        },
        SendTextMessageError::ValidationException(validation) => {
            let fields = validation.fields().iter().map(ValidationExceptionField::name).collect::<Vec<_>>().join(", ");
            let reason = validation.reason().map_or("ValidationException", |reason| reason.as_str());
            refused(if fields.is_empty() { reason.to_owned() } else { format!("{reason}: {fields}") })
        }
        SendTextMessageError::ServiceQuotaExceededException(quota) => {
            refused(quota.reason().map_or("ServiceQuotaExceededException", |reason| reason.as_str()))
        }
        SendTextMessageError::ResourceNotFoundException(missing) => {
            refused(missing.resource_type().map_or_else(|| "ResourceNotFoundException".to_owned(), |kind| format!("no such {}", kind.as_str())))
        }
        // With a reason it is the account's standing; without one it is our own role, which a deployment can mend.
        SendTextMessageError::AccessDeniedException(denied) => match denied.reason() {
            Some(reason) => refused(reason.as_str()),
            None => Answer::NotAccepted("AccessDeniedException".into()),
        },
        other => {
            let name = other.meta().code().unwrap_or("an exception without a name").to_owned();
            // Only a clear no is a no. A 200 that cannot be read is an acceptance whose name was lost.
            if (400..500).contains(&status) && status != 408 { Answer::NotAccepted(name) } else { Answer::Unanswered(name) }
        }
    }
}

fn refused(reason: impl Into<String>) -> Answer {
    Answer::Refused { reason: reason.into(), opted_out: false }
}

/// Whether a call failed before a connection stood, so that nothing can have left.
fn never_connected(failure: &(dyn Error + 'static)) -> bool {
    let mut cause = failure.source();
    while let Some(error) = cause {
        if error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(hyper_util::client::legacy::Error::is_connect) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// AWS's own opt-out list: the last line of defence, which refuses what slips past ours.
#[derive(Debug, Clone)]
pub struct OptOutList {
    client: Client,
    name: String,
}

/// What AWS said to taking a number off its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlisted {
    /// It is off, or never was on.
    Yes,
    /// AWS keeps it, for this reason: a number comes off once in 30 days.
    No(String),
}

/// Some of the numbers on AWS's list.
#[derive(Debug)]
pub struct Listed {
    /// Which, and since when.
    pub numbers: Vec<(PhoneNumber, Timestamp)>,
    /// Where to go on, if there are more.
    pub next: Option<String>,
}

impl OptOutList {
    /// The list called `name`.
    #[must_use]
    pub fn new(sdk: &aws_types::SdkConfig, name: String) -> Self {
        Self { client: Client::new(sdk), name }
    }

    /// Puts `phone` on the list; it may be there already.
    pub async fn put(&self, phone: &PhoneNumber) -> anyhow::Result<()> {
        let put = self.client.put_opted_out_number().opt_out_list_name(&self.name).opted_out_number(phone.as_e164());
        put.send().await.map_err(|error| discreet("PutOptedOutNumber", &error))?;
        Ok(())
    }

    /// At most 100 numbers on the list, from behind `after`; `None` if AWS knows that place no more. AWS takes one such call a second.
    pub async fn page(&self, after: Option<String>) -> anyhow::Result<Option<Listed>> {
        let first = after.is_none();
        let describe = self.client.describe_opted_out_numbers().opt_out_list_name(&self.name).set_next_token(after).max_results(100);
        let page = match describe.send().await {
            Ok(page) => page,
            Err(error) => match error.as_service_error() {
                Some(DescribeOptedOutNumbersError::ValidationException(_)) if !first => return Ok(None),
                _ => return Err(discreet("DescribeOptedOutNumbers", &error)),
            },
        };
        let number = |entry: &OptedOutNumberInformation| {
            let at = Timestamp::new(entry.opted_out_timestamp.secs(), i32::try_from(entry.opted_out_timestamp.subsec_nanos()).ok()?).ok()?;
            Some((entry.opted_out_number.parse().ok()?, at))
        };
        Ok(Some(Listed { numbers: page.opted_out_numbers().iter().filter_map(number).collect(), next: page.next_token }))
    }

    /// Whether all of `phones`, five at most, are on the list. AWS takes one such call a second.
    pub async fn has(&self, phones: &[PhoneNumber]) -> anyhow::Result<bool> {
        let phones = phones.iter().map(|phone| phone.as_e164().to_owned()).collect();
        let describe = self.client.describe_opted_out_numbers().opt_out_list_name(&self.name).set_opted_out_numbers(Some(phones));
        let Err(error) = describe.send().await else { return Ok(true) };
        match error.as_service_error() {
            Some(DescribeOptedOutNumbersError::ResourceNotFoundException(missing)) if missing.resource_type != Some(ResourceType::OptOutList) => {
                Ok(false)
            }
            _ => Err(discreet("DescribeOptedOutNumbers", &error)),
        }
    }

    /// Takes `phone` off the list.
    pub async fn delete(&self, phone: &PhoneNumber) -> anyhow::Result<Unlisted> {
        let delete = self.client.delete_opted_out_number().opt_out_list_name(&self.name).opted_out_number(phone.as_e164());
        let Err(error) = delete.send().await else { return Ok(Unlisted::Yes) };
        match error.as_service_error() {
            Some(DeleteOptedOutNumberError::ResourceNotFoundException(_)) => Ok(Unlisted::Yes),
            Some(DeleteOptedOutNumberError::ValidationException(refused)) => {
                Ok(Unlisted::No(refused.reason().map_or("ValidationException", |reason| reason.as_str()).to_owned()))
            }
            Some(DeleteOptedOutNumberError::ConflictException(refused)) => {
                Ok(Unlisted::No(refused.reason().map_or("ConflictException", |reason| reason.as_str()).to_owned()))
            }
            _ => Err(discreet("DeleteOptedOutNumber", &error)),
        }
    }
}

/// What AWS lets this account spend.
#[derive(Debug, Clone)]
pub struct SpendLimit {
    client: Client,
}

impl SpendLimit {
    /// Of the account.
    #[must_use]
    pub fn new(sdk: &aws_types::SdkConfig) -> Self {
        Self { client: Client::new(sdk) }
    }

    /// On texts, within a month. AWS knows whole dollars only.
    pub async fn monthly(&self) -> anyhow::Result<MicroUsd> {
        let answer = self.client.describe_spend_limits().send().await.map_err(|error| discreet("DescribeSpendLimits", &error))?;
        let limit = answer.spend_limits().iter().find(|limit| limit.name == SpendLimitName::TextMessageMonthlySpendLimit);
        let limit = limit.ok_or_else(|| anyhow::anyhow!("DescribeSpendLimits: no limit on texts"))?;
        Ok(MicroUsd(limit.enforced_limit.saturating_mul(1_000_000)))
    }
}

/// An error by its code alone: the messages of this service name the number.
pub(crate) fn discreet<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E>) -> anyhow::Error {
    let kind = match error {
        SdkError::ServiceError(_) => error.code().unwrap_or("an exception without a name"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "no connection",
        _ => "an unreadable answer",
    };
    anyhow::anyhow!("{operation}: {kind}")
}

impl FromStr for Identities {
    type Err = NotIdentities;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pair = |pair: &str| {
            let (country, identity) = pair.trim().split_once('=')?;
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_:/+-".contains(c);
            let fits = (1..=256).contains(&identity.len()) && identity.chars().all(allowed);
            fits.then_some((country.parse().ok()?, identity.to_owned()))
        };
        let mut identities = BTreeMap::<_, Vec<_>>::new();
        for part in text.split(',') {
            let (country, identity) = pair(part).ok_or(NotIdentities)?;
            identities.entry(country).or_default().push(identity);
        }
        Ok(Self(identities))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_pinpointsmsvoicev2::{
        operation::send_text_message::SendTextMessageError,
        types::{
            AccessDeniedExceptionReason, ConflictExceptionReason, ResourceType, ServiceQuotaExceededExceptionReason, ValidationExceptionReason,
            error::{
                AccessDeniedException, ConflictException, InternalServerException, ResourceNotFoundException, ServiceQuotaExceededException,
                ThrottlingException, ValidationException,
            },
        },
    };

    use super::{Answer, Identities, refusal};

    fn is_refused(answer: &Answer) -> bool {
        matches!(answer, Answer::Refused { opted_out: false, .. })
    }

    #[test]
    fn every_reason_that_the_sdk_knows_is_done_for_good() {
        for reason in ConflictExceptionReason::values() {
            let error = ConflictException::builder().reason((*reason).into()).build();
            let answer = refusal(&SendTextMessageError::ConflictException(error), 400);
            let opted_out = *reason == "DESTINATION_PHONE_NUMBER_OPTED_OUT";
            assert_eq!(answer, Answer::Refused { reason: (*reason).to_owned(), opted_out });
        }
        for reason in ValidationExceptionReason::values() {
            let error = ValidationException::builder().reason((*reason).into()).build();
            assert!(is_refused(&refusal(&SendTextMessageError::ValidationException(error), 400)), "{reason}");
        }
        for reason in ServiceQuotaExceededExceptionReason::values() {
            let error = ServiceQuotaExceededException::builder().reason((*reason).into()).build();
            assert!(is_refused(&refusal(&SendTextMessageError::ServiceQuotaExceededException(error), 400)), "{reason}");
        }
        for reason in AccessDeniedExceptionReason::values() {
            let error = AccessDeniedException::builder().reason((*reason).into()).build();
            assert!(is_refused(&refusal(&SendTextMessageError::AccessDeniedException(error), 400)), "{reason}");
        }
        for kind in ResourceType::values() {
            let error = ResourceNotFoundException::builder().resource_type((*kind).into()).build();
            assert!(is_refused(&refusal(&SendTextMessageError::ResourceNotFoundException(error), 400)), "{kind}");
        }
    }

    #[test]
    fn a_reason_that_the_sdk_does_not_know_yet_is_done_for_good() {
        let error = ConflictException::builder().reason("REASON_OF_NEXT_YEAR".into()).build();
        assert_eq!(
            refusal(&SendTextMessageError::ConflictException(error), 400),
            Answer::Refused { reason: "REASON_OF_NEXT_YEAR".into(), opted_out: false }
        );
    }

    #[test]
    fn what_aws_surely_did_not_take_is_tried_again_and_what_it_may_have_taken_is_not() {
        let throttled = SendTextMessageError::ThrottlingException(ThrottlingException::builder().build());
        assert!(matches!(refusal(&throttled, 400), Answer::NotAccepted(_)));
        let denied = SendTextMessageError::AccessDeniedException(AccessDeniedException::builder().build());
        assert!(matches!(refusal(&denied, 400), Answer::NotAccepted(_)));
        let broken = SendTextMessageError::InternalServerException(InternalServerException::builder().build());
        assert!(matches!(refusal(&broken, 500), Answer::Unanswered(_)));
        let unmodelled =
            SendTextMessageError::generic(aws_sdk_pinpointsmsvoicev2::error::ErrorMetadata::builder().code("ExpiredTokenException").build());
        assert_eq!(refusal(&unmodelled, 403), Answer::NotAccepted("ExpiredTokenException".into()));
        assert_eq!(refusal(&unmodelled, 503), Answer::Unanswered("ExpiredTokenException".into()));
        assert_eq!(refusal(&unmodelled, 408), Answer::Unanswered("ExpiredTokenException".into()));
        assert_eq!(refusal(&unmodelled, 200), Answer::Unanswered("ExpiredTokenException".into()));
    }

    #[test]
    fn several_identities_share_the_people_of_a_country_and_nobody_moves_but_to_a_new_one() {
        let of = |identities: &str, n: u32| {
            let identities = identities.parse::<Identities>().expect("identities");
            let phone = format!("+1202555{n:04}").parse().expect("phone");
            identities.of("US".parse().expect("country"), &phone).expect("an identity").to_owned()
        };
        let (two, three) = ("US=+18663448034,US=+18885550100", "US=+18885550100,US=+18775550100,GB=AllThrive,US=+18663448034");
        let mut people = BTreeMap::<String, u32>::new();
        for n in 0..3000 {
            let (before, after) = (of(two, n), of(three, n));
            assert!(after == before || after == "+18775550100", "{n} moved from {before} to {after}");
            *people.entry(after).or_default() += 1;
        }
        assert!(people.len() == 3 && people.values().all(|people| (800..1200).contains(people)), "{people:?}");
    }

    #[test]
    fn identities_are_read_whole_or_refused() {
        assert!("US=+18663448034,GB=AllThrive".parse::<Identities>().is_ok());
        assert!("US=arn:aws:sms-voice:us-east-1:123456789012:phone-number/phone-0a".parse::<Identities>().is_ok());
        for bad in ["", "US", "US=", "usa=+1", "US=+1 866", "US=+1,,"] {
            assert!(bad.parse::<Identities>().is_err(), "{bad:?}");
        }
    }
}
