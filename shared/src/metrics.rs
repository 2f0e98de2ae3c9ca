//! Metrics: lines of the log in CloudWatch's Embedded Metric Format, so that counting costs no call.
//!
//! [`Metric`] is the one list of them. Dashboard and alarms are checked against it, and what is not in it cannot be written.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    kind::{Class, Kind},
    message::{Message, Status},
};

/// The namespace of all of them.
pub const NAMESPACE: &str = "AllThriveSms";

/// What is measured. Dimensions have few values each: no ids, no numbers, no words of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A text of this kind took this status; one that is sent and then delivered counts in both.
    Texts(Kind, Status),
    /// Message parts that AWS took.
    Parts(Class),
    /// US dollars that AWS and the carriers took for a text, once all is over with it.
    SpentUsd(Class),
    /// How much of the month's budget is spent or reserved.
    BudgetUsedPercent,
    /// AWS refuses texts, since its own limit for the month is reached.
    AwsSpendLimitReached,
    /// AWS answered a call for a text with "too many".
    Throttled,
    /// A verification code was asked for; one that is said again is the same.
    CodesAsked,
    /// A verification code came back.
    CodesBack,
    /// A code was not sent, since its prefix is blocked.
    CodesBlocked,
    /// A prefix was blocked.
    ConversionCollapsed,
    /// How many numbers were opted out here or at AWS only, when both were compared.
    OptOutDrift,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Hundredths.
    Percent,
    /// Something that CloudWatch has no word for.
    None,
}

/// The statuses that are counted: all that are news to somebody outside.
pub const OUTCOMES: [Status; 9] = [
    Status::Sent,
    Status::Delivered,
    Status::Undelivered,
    Status::Failed,
    Status::Unknown,
    Status::Held,
    Status::Suppressed,
    Status::Expired,
    Status::Merged,
];

impl Metric {
    /// Every one that there can be.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let texts = Kind::ALL.into_iter().flat_map(|kind| OUTCOMES.map(|outcome| Self::Texts(kind, outcome)));
        let classes = [Class::Promotional, Class::Transactional].into_iter().flat_map(|class| [Self::Parts(class), Self::SpentUsd(class)]);
        let plain = [
            Self::BudgetUsedPercent,
            Self::AwsSpendLimitReached,
            Self::Throttled,
            Self::CodesAsked,
            Self::CodesBack,
            Self::CodesBlocked,
            Self::ConversionCollapsed,
            Self::OptOutDrift,
        ];
        texts.chain(classes).chain(plain).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Texts(..) => "Texts",
            Self::Parts(_) => "Parts",
            Self::SpentUsd(_) => "SpentUsd",
            Self::BudgetUsedPercent => "BudgetUsedPercent",
            Self::AwsSpendLimitReached => "AwsSpendLimitReached",
            Self::Throttled => "Throttled",
            Self::CodesAsked => "CodesAsked",
            Self::CodesBack => "CodesBack",
            Self::CodesBlocked => "CodesBlocked",
            Self::ConversionCollapsed => "ConversionCollapsed",
            Self::OptOutDrift => "OptOutDrift",
        }
    }

    /// What its value counts.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::BudgetUsedPercent => Unit::Percent,
            Self::SpentUsd(_) => Unit::None,
            _ => Unit::Count,
        }
    }

    /// Its dimensions with their values.
    #[must_use]
    pub fn dimensions(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Texts(kind, outcome) => vec![("Type", kind.as_str()), ("Outcome", outcome.as_str())],
            Self::Parts(class) | Self::SpentUsd(class) => vec![("Class", class.as_str())],
            _ => Vec::new(),
        }
    }

    /// The sets of dimensions that CloudWatch keeps it by. Texts of all types together too: an alarm cannot add up what it has to search for.
    #[must_use]
    pub fn kept_by(self) -> Vec<Vec<&'static str>> {
        match self {
            Self::Texts(..) => vec![vec!["Type", "Outcome"], vec!["Outcome"]],
            other => vec![other.dimensions().into_iter().map(|(name, _)| name).collect()],
        }
    }
}

/// Writes one value to the log.
pub fn emit(now: Timestamp, metric: Metric, value: f64) {
    #[cfg(feature = "record")]
    record::EMITTED.with_borrow_mut(|emitted| emitted.push((metric, value)));
    #[expect(clippy::print_stdout, reason = "CloudWatch reads a metric from a line of its own")]
    {
        println!("{}", line(now, metric, value));
    }
}

/// Counts the status that `row` just took, if it is news to anybody.
pub fn count(now: Timestamp, row: &Message) {
    if OUTCOMES.contains(&row.status) {
        emit(now, Metric::Texts(row.kind(), row.status), 1.0);
    }
}

fn line(now: Timestamp, metric: Metric, value: f64) -> Value {
    let (name, unit) = (metric.name(), format!("{:?}", metric.unit()));
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": metric.kept_by(), "Metrics": [{"Name": name, "Unit": unit}]});
    let mut line = json!({"_aws": {"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive]}, name: value});
    for (name, value) in metric.dimensions() {
        line[name] = json!(value);
    }
    line
}

/// What tests see of it.
#[cfg(feature = "record")]
pub mod record {
    use std::cell::RefCell;

    use super::Metric;

    thread_local! {
        pub(super) static EMITTED: RefCell<Vec<(Metric, f64)>> = const { RefCell::new(Vec::new()) };
    }

    /// What this thread has written since it was last asked.
    #[must_use]
    pub fn take() -> Vec<(Metric, f64)> {
        EMITTED.take()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use serde_json::json;

    use super::{Metric, OUTCOMES, line};
    use crate::{kind::Kind, message::Status};

    fn at() -> Timestamp {
        Timestamp::from_second(1).expect("instant")
    }

    #[test]
    fn a_metric_is_a_line_that_cloudwatch_reads() {
        let wanted = json!({
            "_aws": {"Timestamp": 1000, "CloudWatchMetrics": [
                {"Namespace": "AllThriveSms", "Dimensions": [["Type", "Outcome"], ["Outcome"]], "Metrics": [{"Name": "Texts", "Unit": "Count"}]},
            ]},
            "Type": "direct_message",
            "Outcome": "sent",
            "Texts": 1.0,
        });
        assert_eq!(line(at(), Metric::Texts(Kind::DirectMessage, Status::Sent), 1.0), wanted);
    }

    #[test]
    fn a_metric_without_dimensions_is_kept_by_the_empty_set_of_them() {
        let budget = line(at(), Metric::BudgetUsedPercent, 80.5);
        assert_eq!(budget["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[]]));
        assert_eq!((&budget["BudgetUsedPercent"], &budget["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"]), (&json!(80.5), &json!("Percent")));
    }

    #[test]
    fn every_line_has_the_values_that_its_dimensions_name_and_no_two_metrics_are_the_same() {
        let mut lines = BTreeSet::new();
        for metric in Metric::all() {
            let line = line(at(), metric, 1.0);
            for name in metric.kept_by().concat() {
                assert!(line[name].is_string(), "{metric:?} has no {name}");
            }
            assert!(lines.insert(line.to_string()), "{metric:?}");
        }
    }

    #[test]
    fn what_is_not_counted_is_what_passes_within_moments() {
        let silent = Status::ALL.into_iter().filter(|status| !OUTCOMES.contains(status)).collect::<Vec<_>>();
        assert_eq!(silent, [Status::Pending, Status::Sending]);
    }
}
