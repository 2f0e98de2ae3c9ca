//! What runs the system by day and night: the dashboard, the alarms with their runbook, and how a new version comes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sms::metrics::{Metric, NAMESPACE};

use super::{all, functions, list, read, resource, set, template};

/// Dimensions by name, with their values.
type Dimensions = BTreeMap<String, String>;

/// What CloudWatch keeps: every metric by each of its sets of dimensions.
fn emitted() -> BTreeSet<(String, Dimensions)> {
    let kept = |metric: Metric| {
        let values = metric.dimensions().into_iter().collect::<BTreeMap<_, _>>();
        metric.kept_by().into_iter().map(move |names| {
            let set = names.into_iter().map(|name| (name.to_owned(), values[name].to_owned())).collect();
            (metric.name().to_owned(), set)
        })
    };
    Metric::all().into_iter().flat_map(kept).collect()
}

fn alarms() -> Vec<(String, Value)> {
    all("AWS::CloudWatch::Alarm")
}

/// The metrics that an alarm looks at: by namespace, name and dimensions.
fn watched(alarm: &Value) -> Vec<Value> {
    let stats = list(&alarm["Metrics"]).into_iter().map(|query| query["MetricStat"]["Metric"].clone()).filter(Value::is_object);
    if alarm["MetricName"].is_string() { vec![alarm.clone()] } else { stats.collect() }
}

fn dimensions(metric: &Value) -> Dimensions {
    let dimensions = metric["Dimensions"].as_array().cloned().unwrap_or_default();
    dimensions.iter().map(|one| (text(&one["Name"]), one["Value"].as_str().unwrap_or_default().to_owned())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The dashboard as it is written, before CloudFormation puts names in.
fn widgets() -> Vec<Value> {
    let body = text(&resource("Dashboard")["DashboardBody"]["Fn::Sub"]);
    let body = serde_json::from_str::<Value>(&body).expect("the dashboard's body is JSON");
    list(&body["widgets"])
}

/// The lines of all graphs: namespace, name, then dimensions by pairs, then options.
fn lines() -> Vec<Vec<Value>> {
    widgets().iter().flat_map(|widget| widget["properties"]["metrics"].as_array().cloned().unwrap_or_default()).map(|line| list(&line)).collect()
}

/// The metrics of ours that the dashboard names outright.
fn drawn() -> Vec<(String, Dimensions)> {
    let ours = lines().into_iter().filter(|line| line[0] == NAMESPACE);
    ours.map(|line| {
        let words = line.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        (words[1].clone(), words[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    })
    .collect()
}

/// The words of an expression that are no functions, numbers or texts.
fn ids(expression: &str) -> BTreeSet<String> {
    let outside = expression.split('\'').step_by(2).collect::<String>();
    let words = outside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    set(words.filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())))
}

#[test]
fn the_dashboard_draws_every_metric_that_is_written_and_no_other() {
    let emitted = emitted();
    for metric in drawn() {
        assert!(emitted.contains(&metric), "nothing writes {metric:?}");
    }
    let names = set(drawn().into_iter().map(|(name, _)| name));
    assert_eq!(names, set(Metric::all().into_iter().map(Metric::name)));
}

#[test]
fn a_search_of_the_dashboard_finds_what_is_written() {
    let searches =
        lines().into_iter().filter_map(|line| line.last()?["expression"].as_str().map(str::to_owned)).filter(|it| it.starts_with("SEARCH"));
    let searches = searches.collect::<Vec<_>>();
    assert_eq!(searches.len(), 1);
    for search in searches {
        let schema = search.split(['{', '}']).nth(1).expect("a schema").split(',').collect::<Vec<_>>();
        let name = search.split('"').nth(1).expect("a name");
        assert_eq!(schema[0], NAMESPACE);
        let found = emitted().into_iter().filter(|(other, by)| other == name && by.keys().map(String::as_str).eq(sorted(&schema[1..]))).count();
        assert!(found > 0, "{search}");
    }
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    names.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn every_graph_has_its_own_place_and_every_formula_its_operands() {
    let mut taken = BTreeSet::new();
    for widget in widgets() {
        let number = |name: &str| widget[name].as_u64().unwrap_or_else(|| panic!("{name} of {widget}"));
        assert!(number("x") + number("width") <= 24, "{widget}");
        for place in (0..number("width")).flat_map(|x| (0..number("height")).map(move |y| (x, y))) {
            assert!(taken.insert((number("x") + place.0, number("y") + place.1)), "two graphs at {place:?}: {widget}");
        }
        let lines = widget["properties"]["metrics"].as_array().cloned().unwrap_or_default();
        let options = lines.iter().map(|line| list(line).last().cloned().unwrap_or_default()).collect::<Vec<_>>();
        let known = set(options.iter().filter_map(|option| option["id"].as_str()));
        for expression in options.iter().filter_map(|option| option["expression"].as_str()) {
            assert!(ids(expression).is_subset(&known), "{expression} knows {known:?}");
        }
    }
}

#[test]
fn the_dashboard_has_every_alarm_every_function_and_every_queue() {
    let body = text(&resource("Dashboard")["DashboardBody"]["Fn::Sub"]);
    for (id, _) in alarms() {
        assert!(body.contains(&format!("\"${{{id}.Arn}}\"")) || body.contains(&format!(":alarm:${{AWS::StackName}}-{id}\"")), "{id}");
    }
    for (id, _) in functions() {
        for metric in ["Errors", "Duration"] {
            assert!(body.contains(&format!("[\"AWS/Lambda\", \"{metric}\", \"FunctionName\", \"${{{id}}}\"]")), "{metric} of {id}");
        }
    }
    for (id, _) in all("AWS::SQS::Queue") {
        let metric = if id == "DeadLetterQueue" { "ApproximateNumberOfMessagesVisible" } else { "ApproximateAgeOfOldestMessage" };
        assert!(body.contains(&format!("[\"AWS/SQS\", \"{metric}\", \"QueueName\", \"${{{id}.QueueName}}\"")), "{metric} of {id}");
    }
}

#[test]
fn every_alarm_listens_to_a_metric_that_is_written() {
    let emitted = emitted();
    for (id, alarm) in alarms() {
        let watched = watched(&alarm);
        assert!(!watched.is_empty(), "{id}");
        for metric in watched {
            let name = text(&metric["MetricName"]);
            match metric["Namespace"].as_str() {
                Some(NAMESPACE) => assert!(emitted.contains(&(name.clone(), dimensions(&metric))), "nothing writes the {name} of {id}"),
                Some("AWS/Lambda" | "AWS/SQS") => {}
                other => panic!("{id} listens to {other:?}"),
            }
        }
        let known = set(list(&alarm["Metrics"]).iter().filter_map(|query| query["Id"].as_str()));
        for query in list(&alarm["Metrics"]) {
            let expression = query["Expression"].as_str().unwrap_or_default();
            assert!(ids(expression).is_subset(&known), "{id}: {expression}");
        }
        let condition = &template()["Resources"][&id]["Condition"];
        assert_eq!(alarm["Metrics"].is_array(), condition == "HasMetricMath", "{id}: the emulator refuses metric math");
        assert_eq!(alarm["AlarmActions"], json!({"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}), "{id}");
    }
}

#[test]
fn the_alarms_ring_when_they_should() {
    let rings = |id: &str| {
        let alarm = resource(id);
        (text(&alarm["ComparisonOperator"]), alarm["Threshold"].as_i64().expect("a number"))
    };
    let above = |threshold| ("GreaterThanThreshold".to_owned(), threshold);
    assert_eq!(rings("DeadLetters"), above(0));
    assert_eq!(rings("UrgentLaneSlow"), above(10));
    assert_eq!(rings("BudgetNearlyUsed"), ("GreaterThanOrEqualToThreshold".to_owned(), 80));
    assert_eq!(rings("DeliveryDropped"), ("LessThanThreshold".to_owned(), 80));
    for (id, _) in functions() {
        assert_eq!(rings(&id.replace("Function", "Errors")), above(0));
    }
}

#[test]
fn every_alarm_has_its_section_of_the_runbook_and_every_section_its_alarm() {
    let runbook = read("docs/runbook.md");
    let sections = runbook.split("\n## ").skip(1).collect::<Vec<_>>();
    let titles = set(sections.iter().map(|section| section.lines().next().unwrap_or_default().to_lowercase()));
    let named = alarms().into_iter().map(|(id, alarm)| {
        let description = text(&alarm["AlarmDescription"]);
        let (_, section) = description.split_once("docs/runbook.md#").unwrap_or_else(|| panic!("{id} names no section: {description}"));
        section.to_owned()
    });
    assert_eq!(set(named), titles);
    for (id, _) in alarms() {
        assert!(runbook.contains(&format!("make ring ALARM={id}")), "the runbook does not say how to ring {id}");
    }
    for section in sections {
        for part in ["**Means:**", "**Look:**", "**Do:**", "**Ring it:**"] {
            assert!(section.contains(part), "{part} is missing: {section}");
        }
    }
}

#[test]
fn every_alarm_can_be_made_to_ring() {
    let bells = read("local/ring.py");
    for (id, _) in alarms() {
        assert!(bells.contains(&format!("\"{id}\": ")), "{id}");
    }
}

#[test]
fn a_new_version_gets_a_tenth_of_the_work_first_and_is_taken_back_if_it_fails() {
    let globals = &template()["Globals"]["Function"];
    assert_eq!((&globals["AutoPublishAlias"], &globals["Tracing"]), (&json!("live"), &json!("Active")));
    assert_eq!(globals["DeploymentPreference"], json!({"Enabled": {"Ref": "GradualDeployment"}, "Type": "Canary10Percent5Minutes"}));
    for (id, function) in functions() {
        // A function that hands every record back fails at none of its calls: only the dead-letter queue tells.
        let alarms = json!([{"Ref": id.replace("Function", "Errors")}, {"Ref": "DeadLetters"}]);
        assert_eq!(function["DeploymentPreference"], json!({"Alarms": alarms}), "{id}");
        assert!(function["AutoPublishAlias"].is_null() && function["Tracing"].is_null(), "{id} is no exception");
    }
    assert_eq!(
        template()["Parameters"]["GradualDeployment"]["Default"],
        "false",
        "the emulator has no CodeDeploy, and its transform goes by the default"
    );
    let production = read("samconfig.toml");
    let (_, production) = production.split_once("[production.deploy.parameters]").expect("production");
    assert!(production.contains("\"GradualDeployment=true\""), "{production}");
}

#[test]
fn a_trace_goes_on_through_the_topics() {
    let document = text(&resource("TopicTraces")["PolicyDocument"]["Fn::Sub"]);
    let document = serde_json::from_str::<Value>(&document).expect("the policy is JSON");
    let statement = &document["Statement"][0];
    assert_eq!(statement["Principal"], json!({"Service": "sns.amazonaws.com"}));
    assert_eq!(statement["Condition"]["StringEquals"], json!({"aws:SourceAccount": "${AWS::AccountId}"}));
    let allowed = set(list(&statement["Condition"]["StringLike"]["aws:SourceArn"]).iter().map(text));
    let topics = all("AWS::SNS::Topic");
    assert_eq!(allowed, set(topics.iter().map(|(id, _)| format!("${{{id}}}"))), "a topic that may not write its segments is in no trace");
    for (id, topic) in topics {
        assert_eq!(topic["TracingConfig"], "Active", "{id}");
    }
    assert_eq!(template()["Resources"]["TopicTraces"]["Condition"], "HasSmsVoice", "the emulator has no such resource");
}

#[test]
fn whoever_calls_a_function_calls_the_version_that_is_live() {
    let body = read("template.yaml");
    for called in ["IntegrationUri: !Ref ApiFunction.Alias", "FunctionName: !Ref ApiFunction.Alias", "Arn: !Ref ReconcilerFunction.Alias"] {
        assert_eq!(body.matches(called).count(), 1, "{called}");
    }
    assert!(!body.contains("Function.Arn"), "past the alias, no version could be tried on a tenth of the work");
}

#[test]
fn what_only_a_function_writes_is_written_in_the_tests_of_that_function() {
    // All others are written by the library: its tests/metrics.rs lets everything happen, and reads what comes out.
    let written = [("sender", "Parts"), ("sender", "Throttled"), ("reconciler", "OptOutDrift")];
    let tests = |function: &str| match function {
        "reconciler" => read("functions/reconciler/src/tests/comparison.rs"),
        function => read(&format!("functions/{function}/src/tests.rs")),
    };
    for (function, metric) in written {
        assert!(tests(function).contains(&format!("Metric::{metric}")), "{metric} of {function}");
    }
}
