//! The constraints of the service model (botocore `pinpoint-sms-voice-v2/2022-03-31`), and the check of a request against them.
//!
//! The SDKs check little or none of this themselves; the service does.

use serde_json::Value;

/// What a value may be.
#[derive(Debug)]
pub enum Shape {
    /// A string: its shortest and longest length in characters, its pattern as a function and as the model writes it.
    Text(usize, usize, fn(&str) -> bool, &'static str),
    /// A string out of a list.
    Choice(&'static [&'static str]),
    /// A whole number between two.
    Whole(i64, i64),
    /// True or false.
    Flag,
    /// A map: its most entries, its keys, its values.
    Map(usize, &'static Shape, &'static Shape),
    /// A list: its fewest and most items, and what each is.
    List(usize, usize, &'static Shape),
    /// A structure.
    Structure(&'static [Member]),
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    name: &'static str,
    required: bool,
    shape: &'static Shape,
}

/// What is wrong with a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// A value is of another JSON type than the model says, so that nothing can be made of the request.
    Unreadable,
    /// Members out of bounds: name and message of each.
    OutOfBounds(Vec<(String, String)>),
}

const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: true, shape }
}

const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: false, shape }
}

/// `SendTextMessage`.
pub const SEND_TEXT_MESSAGE: Shape = Shape::Structure(&[
    required("DestinationPhoneNumber", &PHONE_NUMBER),
    optional("OriginationIdentity", &Shape::Text(1, 256, |text| all(text, "_:/+-"), "[A-Za-z0-9_:/\\+-]+")),
    optional("MessageBody", &Shape::Text(1, 1600, is_not_blank, "(?!\\s*$)[\\s\\S]+")),
    optional("MessageType", &Shape::Choice(&["TRANSACTIONAL", "PROMOTIONAL"])),
    optional("Keyword", &Shape::Text(1, 30, |text| text.chars().all(|c| c == ' ' || !c.is_whitespace()), "[ \\S]+")),
    optional("ConfigurationSetName", &NAME_OR_ARN),
    optional("MaxPrice", &Shape::Text(2, 8, is_price, "[0-9]{0,2}\\.[0-9]{1,5}")),
    optional("TimeToLive", &Shape::Whole(5, 259_200)),
    optional("Context", &Shape::Map(5, &Shape::Text(1, 100, has_no_space, "\\S+"), &Shape::Text(1, 800, is_trimmed, "(?!\\s)^[\\s\\S]+(?<!\\s)"))),
    optional(
        "DestinationCountryParameters",
        &Shape::Map(10, &Shape::Choice(&["IN_TEMPLATE_ID", "IN_ENTITY_ID"]), &Shape::Text(1, 64, has_no_space, "\\S+")),
    ),
    optional("DryRun", &Shape::Flag),
    optional("ProtectConfigurationId", &NAME_OR_ARN),
    optional("MessageFeedbackEnabled", &Shape::Flag),
]);

/// `PutMessageFeedback`.
pub const PUT_MESSAGE_FEEDBACK: Shape = Shape::Structure(&[
    required("MessageId", &Shape::Text(1, 64, |text| all(text, "_:/-"), "[A-Za-z0-9_:/-]+")),
    required("MessageFeedbackStatus", &Shape::Choice(&["RECEIVED", "FAILED"])),
]);

/// `PutOptedOutNumber` and `DeleteOptedOutNumber`.
pub const OPTED_OUT_NUMBER: Shape = Shape::Structure(&[required("OptOutListName", &NAME_OR_ARN), required("OptedOutNumber", &PHONE_NUMBER)]);

/// `DescribeOptedOutNumbers`.
pub const DESCRIBE_OPTED_OUT_NUMBERS: Shape = Shape::Structure(&[
    required("OptOutListName", &NAME_OR_ARN),
    optional("OptedOutNumbers", &Shape::List(0, 5, &PHONE_NUMBER)),
    optional("Filters", &Shape::List(0, 20, &Shape::Structure(&[required("Name", &Shape::Choice(&["end-user-opted-out"])), VALUES]))),
    NEXT_TOKEN,
    MAX_RESULTS,
]);

/// `DescribeSpendLimits`.
pub const DESCRIBE_SPEND_LIMITS: Shape = Shape::Structure(&[NEXT_TOKEN, MAX_RESULTS]);

/// `DescribePhoneNumbers`.
pub const DESCRIBE_PHONE_NUMBERS: Shape = Shape::Structure(&[
    optional("PhoneNumberIds", &Shape::List(0, 5, &NAME_OR_ARN)),
    optional("Filters", &Shape::List(0, 20, &Shape::Structure(&[required("Name", &Shape::Choice(PHONE_NUMBER_FILTERS)), VALUES]))),
    NEXT_TOKEN,
    MAX_RESULTS,
    optional("Owner", &Shape::Choice(&["SELF", "SHARED"])),
]);

const PHONE_NUMBER_FILTERS: &[&str] = &[
    "status",
    "iso-country-code",
    "message-type",
    "number-capability",
    "number-type",
    "two-way-enabled",
    "self-managed-opt-outs-enabled",
    "opt-out-list-name",
    "deletion-protection-enabled",
    "two-way-channel-arn",
];

const PHONE_NUMBER: Shape = Shape::Text(1, 20, is_phone_number, "\\+?[1-9][0-9]{1,18}");
const NAME_OR_ARN: Shape = Shape::Text(1, 256, |text| all(text, "_:/-"), "[A-Za-z0-9_:/-]+");
const VALUES: Member = required("Values", &Shape::List(1, 20, &Shape::Text(1, 128, |text| all(text, "/.:+_-"), "[/\\.:A-Za-z0-9+_-]+")));
const NEXT_TOKEN: Member = optional("NextToken", &Shape::Text(1, 1024, |text| !text.is_empty() && !text.contains(['\n', '\r']), ".+"));
const MAX_RESULTS: Member = optional("MaxResults", &Shape::Whole(1, 100));

fn all(text: &str, punctuation: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c))
}

fn is_phone_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (2..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
}

fn is_not_blank(text: &str) -> bool {
    !text.trim().is_empty()
}

fn has_no_space(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

fn is_trimmed(text: &str) -> bool {
    !text.is_empty() && text.trim() == text
}

fn is_price(text: &str) -> bool {
    let digits = |text: &str, count: std::ops::RangeInclusive<usize>| count.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').is_some_and(|(dollars, fraction)| digits(dollars, 0..=2) && digits(fraction, 1..=5))
}

impl Shape {
    /// Whether `value` is such a thing, and if not, all that is wrong with it.
    pub fn check(&self, value: &Value) -> Result<(), Fault> {
        let mut faults = Vec::new();
        self.walk("", value, &mut faults)?;
        if faults.is_empty() { Ok(()) } else { Err(Fault::OutOfBounds(faults)) }
    }

    fn walk(&self, path: &str, value: &Value, faults: &mut Vec<(String, String)>) -> Result<(), Fault> {
        let mut bounds = |complaint: Option<String>| faults.extend(complaint.map(|complaint| (path.to_owned(), complaint)));
        match self {
            Self::Text(least, most, pattern, written) => {
                let text = value.as_str().ok_or(Fault::Unreadable)?;
                bounds(length(text.chars().count(), *least, *most));
                bounds((!pattern(text)).then(|| format!("Member must satisfy regular expression pattern: {written}")));
            }
            Self::Choice(choices) => {
                let text = value.as_str().ok_or(Fault::Unreadable)?;
                bounds((!choices.contains(&text)).then(|| format!("Member must satisfy enum value set: [{}]", choices.join(", "))));
            }
            Self::Whole(least, most) => {
                let number = value.as_i64().ok_or(Fault::Unreadable)?;
                bounds((number < *least).then(|| format!("Member must have value greater than or equal to {least}")));
                bounds((number > *most).then(|| format!("Member must have value less than or equal to {most}")));
            }
            Self::Flag => drop(value.as_bool().ok_or(Fault::Unreadable)?),
            Self::Map(most, keys, values) => {
                let map = value.as_object().ok_or(Fault::Unreadable)?;
                bounds(length(map.len(), 0, *most));
                for (key, value) in map {
                    keys.walk(&format!("{path}.key"), &Value::from(key.as_str()), faults)?;
                    values.walk(&format!("{path}.value"), value, faults)?;
                }
            }
            Self::List(least, most, item) => {
                let list = value.as_array().ok_or(Fault::Unreadable)?;
                bounds(length(list.len(), *least, *most));
                for (at, value) in list.iter().enumerate() {
                    item.walk(&format!("{path}[{at}]"), value, faults)?;
                }
            }
            Self::Structure(members) => {
                let given = value.as_object().ok_or(Fault::Unreadable)?;
                for member in *members {
                    let path = if path.is_empty() { member.name.to_owned() } else { format!("{path}.{}", member.name) };
                    // A null is as good as nothing; members that the model does not know are ignored.
                    match given.get(member.name).filter(|value| !value.is_null()) {
                        Some(value) => member.shape.walk(&path, value, faults)?,
                        None if member.required => faults.push((path, "Member must not be null".to_owned())),
                        None => {}
                    }
                }
            }
        }
        Ok(())
    }
}

fn length(length: usize, least: usize, most: usize) -> Option<String> {
    if length < least {
        Some(format!("Member must have length greater than or equal to {least}"))
    } else if length > most {
        Some(format!("Member must have length less than or equal to {most}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{DESCRIBE_OPTED_OUT_NUMBERS, Fault, SEND_TEXT_MESSAGE, Shape};

    fn faulty(shape: &Shape, request: &Value) -> Vec<String> {
        match shape.check(request) {
            Ok(()) => Vec::new(),
            Err(Fault::OutOfBounds(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
            Err(Fault::Unreadable) => vec!["unreadable".into()],
        }
    }

    fn with(name: &str, value: impl Into<Value>) -> Value {
        let mut request = json!({"DestinationPhoneNumber": "+12025550101", "MessageBody": "Hello"});
        request[name] = value.into();
        request
    }

    #[test]
    fn a_request_within_bounds_has_no_faults() {
        for (name, value) in [
            ("DestinationPhoneNumber", json!("12025550101")),
            ("MessageBody", json!("\n.")),
            ("MaxPrice", json!(".5")),
            ("MaxPrice", json!("99.99999")),
            ("TimeToLive", json!(5)),
            ("Context", json!({"a": "b c"})),
            ("Context", json!({})),
            ("Keyword", json!("two words")),
            ("DryRun", Value::Null),
            ("SomethingOfNextYear", json!(7)),
        ] {
            assert_eq!(faulty(&SEND_TEXT_MESSAGE, &with(name, value.clone())), Vec::<String>::new(), "{name} {value}");
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for (name, value, fault) in [
            ("DestinationPhoneNumber", json!("+0123"), "DestinationPhoneNumber"),
            ("MessageBody", json!(" \n "), "MessageBody"),
            ("MessageBody", json!("a".repeat(1601)), "MessageBody"),
            ("MessageType", json!("promotional"), "MessageType"),
            ("MaxPrice", json!("1"), "MaxPrice"),
            ("MaxPrice", json!("1.000001"), "MaxPrice"),
            ("TimeToLive", json!(4), "TimeToLive"),
            ("TimeToLive", json!(259_201), "TimeToLive"),
            ("TimeToLive", json!("5"), "unreadable"),
            ("Context", json!({"a b": "c"}), "Context.key"),
            ("Context", json!({"a": " c"}), "Context.value"),
            ("Context", json!({"1": "a", "2": "a", "3": "a", "4": "a", "5": "a", "6": "a"}), "Context"),
            ("DestinationCountryParameters", json!({"US": "a"}), "DestinationCountryParameters.key"),
            ("OriginationIdentity", json!("+1 866"), "OriginationIdentity"),
        ] {
            assert!(faulty(&SEND_TEXT_MESSAGE, &with(name, value.clone())).contains(&fault.to_owned()), "{name} {value}");
        }
        assert_eq!(faulty(&SEND_TEXT_MESSAGE, &json!({})), ["DestinationPhoneNumber"]);
        assert_eq!(faulty(&SEND_TEXT_MESSAGE, &json!([])), ["unreadable"]);
    }

    #[test]
    fn lists_are_checked_item_by_item() {
        let filters =
            json!({"OptOutListName": "Default", "Filters": [{"Name": "end-user-opted-out", "Values": []}], "OptedOutNumbers": ["+1202", "x"]});
        assert_eq!(faulty(&DESCRIBE_OPTED_OUT_NUMBERS, &filters), ["OptedOutNumbers[1]", "Filters[0].Values"]);
        let six = json!({"OptOutListName": "Default", "OptedOutNumbers": vec!["+12025550101"; 6]});
        assert_eq!(faulty(&DESCRIBE_OPTED_OUT_NUMBERS, &six), ["OptedOutNumbers"]);
    }
}
