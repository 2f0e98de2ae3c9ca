//! Metrics without a call: a line on standard output in CloudWatch's Embedded Metric Format, which Lambda's log turns into a metric.

use jiff::Timestamp;
use serde_json::{Value, json};

/// Counts `value` of `unit`, such as `Count`, for the metric `name`. It has no dimensions: those cost money, and must never name a person.
#[expect(clippy::print_stdout, reason = "the log is where CloudWatch reads metrics")]
pub fn emit(name: &str, unit: &str, value: f64) {
    println!("{}", line(name, unit, value, Timestamp::now()));
}

fn line(name: &str, unit: &str, value: f64, at: Timestamp) -> Value {
    let metrics = json!([{"Namespace": "AllThriveSms", "Dimensions": [[]], "Metrics": [{"Name": name, "Unit": unit}]}]);
    json!({"_aws": {"Timestamp": at.as_millisecond(), "CloudWatchMetrics": metrics}, name: value})
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::line;

    /// The shape is that of the user guide, "Specification: Embedded metric format".
    #[test]
    fn a_metric_is_one_line_that_cloudwatch_reads() {
        let line = line("OptOutDrift", "Count", 3.0, Timestamp::from_second(1).expect("instant"));
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1000,
                    "CloudWatchMetrics": [{"Namespace": "AllThriveSms", "Dimensions": [[]], "Metrics": [{"Name": "OptOutDrift", "Unit": "Count"}]}],
                },
                "OptOutDrift": 3.0,
            })
        );
        assert!(!line.to_string().contains('\n'));
    }
}
