//! What `template.yaml` promises beyond being valid: nothing is lost, nothing may do more than it must.

#[path = "template/operations.rs"]
mod operations;
#[path = "template/permissions.rs"]
mod permissions;

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

/// A resource by its logical id.
type Named = (String, Value);

fn template() -> Value {
    journeys::template::parse(&read("template.yaml")).expect("template.yaml is readable")
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn resource(id: &str) -> Value {
    let resource = template()["Resources"][id]["Properties"].take();
    assert!(!resource.is_null(), "{id} is missing");
    resource
}

/// The properties of all resources of a type.
fn all(kind: &str) -> Vec<Named> {
    let mut template = template();
    let resources = template["Resources"].as_object_mut().expect("resources");
    let found =
        resources.iter_mut().filter(|(_, resource)| resource["Type"] == kind).map(|(id, resource)| (id.clone(), resource["Properties"].take()));
    let found = found.collect::<Vec<_>>();
    assert!(!found.is_empty(), "no {kind}");
    found
}

fn functions() -> Vec<Named> {
    all("AWS::Serverless::Function")
}

/// `producer` of `ProducerFunction`.
fn short(function: &str) -> String {
    function.trim_end_matches("Function").to_lowercase()
}

/// The queues that a function is fed from, with the properties of each event source.
fn sources(function: &Value) -> Vec<(String, Value)> {
    let events = function["Events"].as_object().into_iter().flatten().filter(|(_, event)| event["Type"] == "SQS");
    events.map(|(_, event)| (attribute_of(&event["Properties"]["Queue"]), event["Properties"].clone())).collect()
}

/// `EventsQueue` of `!GetAtt EventsQueue.Arn`.
fn attribute_of(value: &Value) -> String {
    let named = value["Fn::GetAtt"].as_str().unwrap_or_else(|| panic!("{value} is no !GetAtt"));
    named.split('.').next().unwrap_or_default().to_owned()
}

/// Every statement of the roles, with the short name of the function that has it.
fn statements() -> Vec<(String, Value)> {
    let roles = all("AWS::IAM::Role").into_iter();
    let of = |(id, role): Named| {
        assert!(role["ManagedPolicyArns"].is_null(), "{id}: a managed policy grants more than one sees here");
        let policies = role["Policies"].as_array().cloned().unwrap_or_default();
        let name = id.trim_end_matches("Role").to_lowercase();
        policies.into_iter().flat_map(move |policy| {
            let name = name.clone();
            list(&policy["PolicyDocument"]["Statement"]).into_iter().map(move |statement| (name.clone(), statement))
        })
    };
    roles.flat_map(of).collect()
}

/// A value that stands for a list of one.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

fn number(value: &Value) -> i64 {
    let default = value["Ref"].as_str().map(|parameter| template()["Parameters"][parameter]["Default"].clone());
    default.as_ref().unwrap_or(value).as_i64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn set<T: Into<String>>(items: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    items.into_iter().map(Into::into).collect()
}

/// The actions, with the functions that may do them.
fn allowed_on(resource: &str) -> BTreeSet<String> {
    let touching =
        statements().into_iter().filter(|(_, statement)| list(&statement["Resource"]).iter().any(|on| on["Fn::GetAtt"] == format!("{resource}.Arn")));
    touching
        .flat_map(|(function, statement)| {
            list(&statement["Action"]).into_iter().map(move |action| format!("{function} {}", action.as_str().unwrap_or_default()))
        })
        .collect()
}

#[test]
fn a_batch_hands_back_its_failed_records_only() {
    for (id, function) in functions() {
        let sources = sources(&function);
        let called = ["ApiFunction", "ReconcilerFunction"].contains(&id.as_str());
        assert_eq!(sources.is_empty(), called, "{id}: API Gateway calls the api and a schedule the reconciler, queues feed all others");
        for (queue, source) in sources {
            assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{id} from {queue}");
        }
    }
}

#[test]
fn every_queue_that_feeds_a_function_hides_records_for_six_of_its_time_outs() {
    let ordinary = template()["Globals"]["Function"]["Timeout"].clone();
    for (id, function) in functions() {
        let timeout = number(function.get("Timeout").unwrap_or(&ordinary));
        for (queue, _) in sources(&function) {
            let hidden = number(&resource(&queue)["VisibilityTimeout"]);
            assert!(hidden >= 6 * timeout, "{queue} hides records for {hidden} s, and {id} may take {timeout} s");
        }
    }
}

#[test]
fn what_fails_for_good_reaches_the_dead_letter_queue_from_everywhere() {
    let (dead, alive): (Vec<_>, Vec<_>) = all("AWS::SQS::Queue").into_iter().partition(|(id, _)| id == "DeadLetterQueue");
    for (id, queue) in &alive {
        assert_eq!(queue["RedrivePolicy"]["deadLetterTargetArn"], json!({"Fn::GetAtt": "DeadLetterQueue.Arn"}), "{id}");
    }
    let dead = &dead[0].1;
    assert_eq!(dead["MessageRetentionPeriod"], 14 * 24 * 3600, "the most SQS has");
    let allowed = list(&dead["RedriveAllowPolicy"]["sourceQueueArns"]);
    let names = allowed.iter().filter_map(|arn| arn["Fn::Sub"].as_str()?.split("${AWS::AccountId}:").nth(1).map(str::to_owned));
    let wanted = alive.iter().filter_map(|(_, queue)| queue["QueueName"]["Fn::Sub"].as_str().map(str::to_owned));
    assert_eq!(set(names), set(wanted));
}

#[test]
fn a_function_gives_up_when_its_queue_would() {
    for (id, function) in functions() {
        for (queue, _) in sources(&function) {
            let variables = &function["Environment"]["Variables"];
            assert_eq!(variables["MAX_RECEIVE_COUNT"], resource(&queue)["RedrivePolicy"]["maxReceiveCount"], "{id} from {queue}");
        }
    }
}

#[test]
fn who_fills_the_queue_that_feeds_it_may_go_round_and_nobody_else() {
    let fills = |function: &str| {
        let sends =
            statements().into_iter().filter(|(name, statement)| name == function && list(&statement["Action"]).contains(&json!("sqs:SendMessage")));
        set(sends.flat_map(|(_, statement)| list(&statement["Resource"])).map(|queue| attribute_of(&queue)))
    };
    for (id, function) in functions() {
        let fed = set(sources(&function).into_iter().map(|(queue, _)| queue));
        let goes_round = !fed.is_disjoint(&fills(&short(&id)));
        assert_eq!(goes_round, id == "SenderFunction", "{id}: a text that waits is a new job");
        assert_eq!(
            function["RecursiveLoop"],
            if goes_round { json!("Allow") } else { Value::Null },
            "{id}: after sixteen times Lambda would stop it"
        );
    }
    assert!(template()["Globals"]["Function"]["RecursiveLoop"].is_null());
}

#[test]
fn few_producers_write_the_months_money_at_once_and_senders_are_as_many_as_the_pace_needs() {
    let scaling = |function: &str| sources(&resource(function)).into_iter().map(|(queue, source)| (queue, source["ScalingConfig"].clone()));
    assert_eq!(scaling("ProducerFunction").collect::<Vec<_>>(), [("EventsQueue".to_owned(), json!({"MaximumConcurrency": 5}))]);

    let parameters = template()["Parameters"].take();
    let fewest = &parameters["SenderConcurrency"]["Default"];
    assert_eq!((fewest, &parameters["SenderConcurrency"]["MinValue"]), (&json!(2), &json!(2)), "as few as Lambda allows");
    assert_eq!(template()["Conditions"]["HasMoreSenders"], json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "SenderConcurrency"}, fewest]}]}));
    let wanted = json!({"Fn::If": ["HasMoreSenders", {"MaximumConcurrency": {"Ref": "SenderConcurrency"}}, {"MaximumConcurrency": fewest}]});
    let lanes = scaling("SenderFunction").collect::<std::collections::BTreeMap<_, _>>();
    assert_eq!(lanes, ["UrgentQueue", "BulkQueue"].map(|lane| (lane.to_owned(), wanted.clone())).into());
    // What the parameter's description says of ten senders, each with a batch twice a second.
    for (lane, source) in sources(&resource("SenderFunction")) {
        assert!(number(&source["BatchSize"]) * 10 * 2 >= 100, "{lane}: a short code sends a hundred parts a second");
    }
}

#[test]
fn every_function_is_built_from_its_crate_and_has_its_own_role_log_and_alarm() {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions")).expect("functions/");
    let folders = folders.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    assert_eq!(set(functions().iter().map(|(id, _)| short(id))), set(folders));

    let template = template();
    for (id, function) in functions() {
        let name = short(&id);
        let part = id.trim_end_matches("Function");
        assert_eq!(template["Resources"][&id]["Metadata"], json!({"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}}));
        assert_eq!(function["FunctionName"], json!({"Fn::Sub": format!("${{AWS::StackName}}-{name}")}));
        assert_eq!(function["Role"], json!({"Fn::GetAtt": format!("{part}Role.Arn")}));
        assert_eq!(function["LoggingConfig"]["LogGroup"], json!({"Ref": format!("{part}Logs")}));
        assert_eq!(resource(&format!("{part}Logs"))["RetentionInDays"], json!({"Ref": "LogRetentionDays"}));
        assert_eq!(resource(&format!("{part}Errors"))["Dimensions"][0]["Value"], json!({"Ref": id}));
    }
    assert_eq!(template["Globals"]["Function"]["LoggingConfig"]["LogFormat"], "JSON");
}

#[test]
fn a_function_gets_the_settings_that_it_reads_and_no_others() {
    let shared: [(&str, &[&str]); 4] = [
        ("house()?", &["LINK_DOMAINS", "SUPPORT_CONTACT"]),
        ("DeadLetters::from_environment", &["DEAD_LETTER_QUEUE_URL", "MAX_RECEIVE_COUNT"]),
        ("quiet_hours()?", &["QUIET_HOURS", "SENDING_HOURS"]),
        (
            "rules()?",
            &[
                "LINK_DOMAINS",
                "SUPPORT_CONTACT",
                "PRICES",
                "QUIET_HOURS",
                "SENDING_HOURS",
                "DAILY_CAP",
                "HOURLY_CAP",
                "HOURLY_CAP_SAME",
                "MONTHLY_BUDGET",
                "PROMOTIONAL_BUDGET",
                "TRANSACTIONAL_BUDGET",
                "KEPT_FOR_TRANSACTIONAL",
            ],
        ),
    ];
    for (id, function) in functions() {
        let source = read(&format!("functions/{}/src/main.rs", short(&id)));
        let named =
            source.split("setting(\"").chain(source.split("setting::<String>(\"")).filter_map(|rest| rest.split_once("\")").map(|(name, _)| name));
        let named = named.filter(|name| name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_'));
        let shared = shared.iter().filter(|(call, _)| source.contains(call)).flat_map(|(_, names)| names.iter().copied());
        let given = function["Environment"]["Variables"].as_object().expect("variables").keys().map(String::as_str);
        assert_eq!(set(given), set(named.chain(shared)), "{id}");
    }
}

#[test]
fn no_policy_is_wider_than_it_has_to_be() {
    for (function, statement) in statements() {
        let sid = &statement["Sid"];
        assert!(sid.is_string(), "{function}: a statement does not say what it is for: {statement}");
        assert_eq!(statement["Effect"], "Allow", "{function} {sid}");
        for action in list(&statement["Action"]) {
            let action = action.as_str().expect("an action");
            assert!(!action.contains('*'), "{function} {sid}: {action}");
        }
        if list(&statement["Resource"]).contains(&json!("*")) {
            assert!(
                sid == "WriteTraces" || sid == "AskWhatMayBeSpent",
                "{function} {sid}: only X-Ray and an account's limits have no resources to name"
            );
        }
    }
}

#[test]
fn only_the_sender_sends() {
    let senders = statements().into_iter().filter(|(_, statement)| list(&statement["Action"]).contains(&json!("sms-voice:SendTextMessage")));
    assert_eq!(set(senders.map(|(function, _)| function)), set(["sender"]));
}

#[test]
fn only_the_inbound_function_changes_opt_outs_and_nobody_rewrites_the_ledger() {
    let entries = ["inbound dynamodb:PutItem", "api dynamodb:PutItem", "api dynamodb:Query", "api dynamodb:UpdateItem"];
    assert_eq!(allowed_on("ConsentsTable"), set(entries));
    let (_, seal) = statements().into_iter().find(|(_, statement)| statement["Sid"] == "SealConsentLedger").expect("a statement");
    assert_eq!((&seal["Action"], &seal["Resource"]), (&json!("dynamodb:UpdateItem"), &json!({"Fn::GetAtt": "ConsentsTable.Arn"})));
    let only_the_end = json!({"ForAllValues:StringEquals": {"dynamodb:Attributes": ["user_id", "seq", "expires_at"]},
        "StringEqualsIfExists": {"dynamodb:ReturnValues": "NONE"}});
    assert_eq!(seal["Condition"], only_the_end, "of an entry, nothing but the day on which it may be forgotten");
    let writes =
        |table| allowed_on(table).into_iter().filter(|action| !action.ends_with("GetItem") && !action.ends_with("Scan")).collect::<BTreeSet<_>>();
    assert_eq!(writes("OptOutsTable"), set(["inbound dynamodb:PutItem"]));
    assert_eq!(writes("RecipientsTable"), set(["inbound dynamodb:UpdateItem", "api dynamodb:UpdateItem", "api dynamodb:PutItem"]));
}

#[test]
fn the_reconciler_comes_by_every_minute_and_whoever_calls_it_may_do_nothing_else() {
    let schedule = resource("ReconcilerSchedule");
    assert_eq!(schedule["ScheduleExpression"], "rate(1 minute)");
    assert_eq!(schedule["FlexibleTimeWindow"], json!({"Mode": "OFF"}));
    assert!(schedule["State"].is_null(), "a schedule that is not named so is enabled");
    let function = json!({"Ref": "ReconcilerFunction.Alias"});
    assert_eq!(schedule["Target"]["Arn"], function);
    assert_eq!(schedule["Target"]["RoleArn"], json!({"Fn::GetAtt": "ReconcilerScheduleRole.Arn"}));
    let calls = statements().into_iter().filter(|(role, _)| role == "reconcilerschedule").map(|(_, statement)| statement).collect::<Vec<_>>();
    assert_eq!(calls.len(), 1);
    assert_eq!((&calls[0]["Action"], &calls[0]["Resource"]), (&json!("lambda:InvokeFunction"), &function));
    let trust = &resource("ReconcilerScheduleRole")["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(trust["Principal"], json!({"Service": "scheduler.amazonaws.com"}));
    assert_eq!(trust["Condition"]["StringEquals"]["aws:SourceAccount"], json!({"Ref": "AWS::AccountId"}));

    let timeout = number(&resource("ReconcilerFunction")["Timeout"]);
    assert!(timeout < 60, "a run that takes {timeout} s meets the next one");
    assert_eq!(resource("ReconcilerFunction")["EventInvokeConfig"]["MaximumRetryAttempts"], 0, "the next minute is the next try");
    let stopped = resource("ReconcilerStopped");
    assert_eq!((&stopped["MetricName"], &stopped["TreatMissingData"]), (&json!("Invocations"), &json!("breaching")));
}

#[test]
fn the_reconciler_reads_the_opt_out_list_and_the_spend_limit_and_gives_feedback_and_sends_nothing() {
    let actions = statements().into_iter().filter(|(function, _)| function == "reconciler").flat_map(|(_, statement)| list(&statement["Action"]));
    let sms = actions.filter_map(|action| action.as_str().filter(|action| action.starts_with("sms-voice:")).map(str::to_owned));
    assert_eq!(set(sms), set(["sms-voice:DescribeOptedOutNumbers", "sms-voice:DescribeSpendLimits", "sms-voice:PutMessageFeedback"]));
}

#[test]
fn what_is_due_is_found_by_one_sparse_index() {
    let indexes = list(&resource("MessagesTable")["GlobalSecondaryIndexes"]);
    let by_due = indexes.iter().find(|index| index["IndexName"] == "by_due").expect("by_due");
    let keys = json!([{"AttributeName": "due", "KeyType": "HASH"}, {"AttributeName": "due_at", "KeyType": "RANGE"}]);
    assert_eq!((&by_due["KeySchema"], &by_due["Projection"]), (&keys, &json!({"ProjectionType": "KEYS_ONLY"})));
}

#[test]
fn everything_but_the_routes_of_people_has_to_be_signed() {
    let routes = all("AWS::ApiGatewayV2::Route");
    let kind = |kind: &str| {
        let routes = routes.iter().filter(|(_, route)| route["AuthorizationType"] == kind);
        set(routes.map(|(_, route)| route["RouteKey"].as_str().expect("a key")))
    };
    assert_eq!(kind("AWS_IAM"), set(["$default"]));
    let open = ["ANY /v1/me/{proxy+}", "GET /preferences", "POST /preferences", "GET /sms-elements.js", "GET /openapi.json"];
    assert_eq!(kind("NONE"), set(open));
    assert_eq!(routes.len(), 6);
}

#[test]
fn the_topics_take_from_aws_sms_only_and_hand_on_to_their_queues_only() {
    for (id, policy) in all("AWS::SNS::TopicPolicy") {
        for statement in list(&policy["PolicyDocument"]["Statement"]) {
            assert_eq!(statement["Principal"], json!({"Service": "sms-voice.amazonaws.com"}), "{id}");
            assert_eq!(statement["Condition"]["StringEquals"]["aws:SourceAccount"], json!({"Ref": "AWS::AccountId"}), "{id}");
            assert!(statement["Condition"]["ArnLike"]["aws:SourceArn"].is_object(), "{id}");
        }
    }
    for (id, subscription) in all("AWS::SNS::Subscription") {
        let topic = subscription["TopicArn"]["Ref"].as_str().expect("a topic");
        let queue = attribute_of(&subscription["Endpoint"]);
        assert_eq!(queue, topic.replace("Topic", "Queue"), "{id}");
        let policy = &resource(&format!("{queue}Policy"))["PolicyDocument"]["Statement"][0];
        assert_eq!(policy["Condition"], json!({"ArnEquals": {"aws:SourceArn": {"Ref": topic}}}), "{queue}");
    }
}

#[test]
fn queues_and_tables_are_encrypted_and_tables_can_be_brought_back() {
    for (id, queue) in all("AWS::SQS::Queue") {
        assert_eq!(queue["SqsManagedSseEnabled"], true, "{id}");
    }
    let expiring = set(["RecipientsTable", "ConsentsTable", "MessagesTable", "VerificationsTable", "RepliesTable", "LimitsTable"]);
    for (id, table) in all("AWS::DynamoDB::Table") {
        assert_eq!(table["BillingMode"], "PAY_PER_REQUEST", "{id}");
        assert_eq!(table["SSESpecification"], json!({"SSEEnabled": true}), "{id}");
        assert_eq!(table["PointInTimeRecoverySpecification"], json!({"PointInTimeRecoveryEnabled": true}), "{id}");
        assert_eq!(table["DeletionProtectionEnabled"], json!({"Ref": "DeletionProtection"}), "{id}");
        let expires = if expiring.contains(&id) { json!({"AttributeName": "expires_at", "Enabled": true}) } else { Value::Null };
        assert_eq!(table["TimeToLiveSpecification"], expires, "{id}");
        assert_eq!(template()["Resources"][&id]["UpdateReplacePolicy"], "Retain", "{id}");
    }
}

#[test]
fn aws_lets_texts_through_to_the_united_states_alone_unless_told_otherwise() {
    let rules = resource("ProtectConfiguration")["CountryRuleSet"]["SMS"].take();
    let rules = rules.as_array().expect("rules");
    let countries = set(rules.iter().map(|rule| rule["CountryCode"].as_str().expect("a country")));
    assert_eq!(countries.len(), rules.len(), "a country is named twice");
    assert!(countries.len() > 200, "{} countries: AWS lets through what no rule names", countries.len());
    let open = rules.iter().filter(|rule| rule["ProtectStatus"] == "ALLOW").map(|rule| rule["CountryCode"].as_str().expect("a country"));
    assert_eq!(set(open), set(["US"]));
    for rule in rules.iter().filter(|rule| rule["ProtectStatus"].is_object()) {
        let country = rule["CountryCode"].as_str().expect("a country");
        assert_eq!(rule["ProtectStatus"], json!({"Fn::If": [format!("Allows{country}"), "ALLOW", "BLOCK"]}));
    }
    assert_eq!(template()["Parameters"]["AllowedCountries"]["Default"], "US");
}

#[test]
fn caps_and_budget_are_what_carriers_and_the_house_want_unless_told_otherwise() {
    let parameters = template()["Parameters"].take();
    let wanted = [("HourlyCap", 100), ("HourlyCapSame", 20), ("DailyCap", 10), ("KeptForTransactional", 20), ("MonthlyBudget", 50_000_000)];
    for (name, default) in wanted {
        assert_eq!(parameters[name]["Default"], default, "{name}");
    }
}

#[test]
fn the_outputs_that_scripts_rely_on_are_there() {
    let outputs = template()["Outputs"].take();
    let wanted = "EventsQueueUrl UrgentQueueUrl BulkQueueUrl DeadLetterQueueUrl RecipientsTable MessagesTable VerificationsTable OptOutsTable ConsentsTable RepliesTable InboundTopicArn ReceiptsTopicArn ApiUrl";
    for name in wanted.split(' ') {
        assert!(outputs[name]["Value"].is_object(), "{name}");
    }
}
