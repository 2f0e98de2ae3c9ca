//! Metrics: lines of the log in CloudWatch's Embedded Metric Format, so that counting costs no call.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

/// The namespace of all of them.
pub const NAMESPACE: &str = "AllThriveSms";

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Hundredths.
    Percent,
}

/// Writes one value to the log. Dimensions have few values each: no ids, no numbers, no words of people.
pub fn emit(now: Timestamp, name: &str, unit: Unit, value: f64, dimensions: &[(&str, &str)]) {
    #[expect(clippy::print_stdout, reason = "CloudWatch reads a metric from a line of its own")]
    {
        println!("{}", line(now, name, unit, value, dimensions));
    }
}

fn line(now: Timestamp, name: &str, unit: Unit, value: f64, dimensions: &[(&str, &str)]) -> Value {
    let names = dimensions.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let metric = json!({"Namespace": NAMESPACE, "Dimensions": [names], "Metrics": [{"Name": name, "Unit": format!("{unit:?}")}]});
    let mut line = json!({"_aws": {"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [metric]}});
    let values = dimensions.iter().map(|(name, value)| (*name, json!(value))).chain([(name, json!(value))]).collect::<BTreeMap<_, _>>();
    for (name, value) in values {
        line[name] = value;
    }
    line
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::{Unit, line};

    #[test]
    fn a_metric_is_a_line_that_cloudwatch_reads() {
        let wanted = json!({
            "_aws": {"Timestamp": 1000, "CloudWatchMetrics": [
                {"Namespace": "AllThriveSms", "Dimensions": [["Lane"]], "Metrics": [{"Name": "BudgetUsedPercent", "Unit": "Percent"}]},
            ]},
            "Lane": "bulk",
            "BudgetUsedPercent": 80.5,
        });
        let now = Timestamp::from_second(1).expect("instant");
        assert_eq!(line(now, "BudgetUsedPercent", Unit::Percent, 80.5, &[("Lane", "bulk")]), wanted);
    }
}
