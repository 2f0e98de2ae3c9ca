//! Who is let in where: every call that the deployed stack knows, tried by a stranger, by another account, and with the role of every function.
//! And what listens on this machine, and where the secrets are not.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use anyhow::Context;
use aws_sdk_dynamodb::{config::Credentials, types::AttributeValue};
use aws_sdk_sqs::types::QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible, Policy};
use journeys::{
    api::{Answer, Caller, account_keys},
    stack::{Stack, eventually},
};
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;

const FUNCTIONS: [&str; 6] = ["producer", "sender", "receipts", "inbound", "api", "reconciler"];

/// What each service calls a refusal.
const REFUSALS: [&str; 3] = ["AccessDenied", "AccessDeniedException", "AuthorizationError"];

/// An account that is not ours: the emulator takes twelve digits for the keys of its root.
const ANOTHER_ACCOUNT: &str = "111122223333";

/// What may be done with a role, by letters; everything else is refused.
///
/// * a topic: `p`ublish, `s`ubscribe
/// * a queue: `s`end, `r`eceive, `d`elete, change the `v`isibility, read the `a`ttributes
/// * a function: `i`nvoke, invoke what is `l`ive
/// * a role: `a`ssume
/// * a secret: `g`et its value
/// * a table and its indexes: `g`et an item, a `b`atch of them, `q`uery, `s`can, `p`ut, `u`pdate, `d`elete
///
/// That the api's `u` in the ledger reaches one attribute only is a condition that the emulator does not know: the template's tests hold it.
const MAP: &str = "
    place                                   producer  sender  receipts  inbound  api    reconciler
    topic/inbound                           ·         ·       ·         ·        ·      ·
    topic/receipts                          ·         ·       ·         ·        ·      ·
    queue/bulk                              s         srdva   ·         ·        ·      sa
    queue/dead-letters                      s         s       s         s        ·      ·
    queue/events                            rdva      ·       ·         ·        ·      ·
    queue/inbound                           ·         s       s         rdva     s      s
    queue/receipts                          ·         ·       rdva      ·        ·      ·
    queue/urgent                            s         srdva   ·         s        s      s
    function/producer                       ·         ·       ·         ·        ·      ·
    role/producer                           ·         ·       ·         ·        ·      ·
    function/sender                         ·         ·       ·         ·        ·      ·
    role/sender                             ·         ·       ·         ·        ·      ·
    function/receipts                       ·         ·       ·         ·        ·      ·
    role/receipts                           ·         ·       ·         ·        ·      ·
    function/inbound                        ·         ·       ·         ·        ·      ·
    role/inbound                            ·         ·       ·         ·        ·      ·
    function/api                            ·         ·       ·         ·        ·      ·
    role/api                                ·         ·       ·         ·        ·      ·
    function/reconciler                     ·         ·       ·         ·        ·      ·
    role/reconciler                         ·         ·       ·         ·        ·      ·
    secret/CODE_SECRET                      ·         g       ·         ·        g      ·
    secret/TOKEN_KEYS                       ·         g       ·         ·        g      ·
    ConsentsTable                           ·         ·       ·         p        qpu    ·
    LimitsTable                             bpu       u       u         bpu       bpud   gbpu
    MessagesTable                           gp        bu      bu        p        gbpu   bpu
    MessagesTable/by_due                    ·         ·       ·         ·        ·      q
    MessagesTable/by_provider_message_id    ·         ·       q         ·        ·      ·
    MessagesTable/by_user                   ·         ·       ·         ·        q      q
    OptOutsTable                            b         b       ·         gp       g      gbs
    RecipientsTable                         b         b       ·         gu       gpu    g
    RecipientsTable/by_phone                ·         ·       ·         q        q      ·
    RepliesTable                            ·         ·       ·         pu       d      ·
    RepliesTable/by_phone                   ·         ·       ·         ·        q      ·
    VerificationsTable                      gpu       g       ·         ·        gbpud  gu
";

/// A call that does no harm, not even by who is let in.
struct Door {
    letter: char,
    service: &'static str,
    path: String,
    /// In JSON, with its headers; a call without is a `GET`.
    body: Option<Value>,
    header: Option<(&'static str, String)>,
    /// The error that only who was let in gets to see; empty if there is none.
    behind: &'static str,
}

/// What has doors, and is one line of the map.
struct Place {
    name: String,
    doors: Vec<Door>,
}

impl Door {
    fn json(letter: char, service: &'static str, target: &str, body: Value, behind: &'static str) -> Self {
        Self { letter, service, path: "/".to_owned(), body: Some(body), header: Some(("x-amz-target", target.to_owned())), behind }
    }

    fn query(letter: char, service: &'static str, parameters: &[(&str, &str)], behind: &'static str) -> Self {
        let parameters = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        Self { letter, service, path: format!("/?{parameters}"), body: None, header: None, behind }
    }

    fn invoke(letter: char, function: &str, qualifier: &str) -> Self {
        let path = format!("/2015-03-31/functions/allthrive-sms-{function}/invocations{qualifier}");
        Self { letter, service: "lambda", path, body: Some(json!({})), header: Some(("x-amz-invocation-type", "DryRun".to_owned())), behind: "" }
    }

    async fn call(&self, stack: &Stack, keys: &Credentials) -> anyhow::Result<Answer> {
        let caller = Caller::of_aws(stack, self.service, keys);
        let caller = self.header.iter().fold(caller, |caller, (name, value)| caller.with(name, value));
        caller.call(if self.body.is_some() { "POST" } else { "GET" }, &self.path, self.body.as_ref()).await
    }

    /// Whether it is open to these keys. What is neither a refusal nor what is behind the door is no answer.
    async fn is_open(&self, stack: &Stack, keys: &Credentials) -> anyhow::Result<bool> {
        let answer = self.call(stack, keys).await?;
        match answer.error() {
            error if REFUSALS.contains(&error) => Ok(false),
            error if error == self.behind => Ok(true),
            error => anyhow::bail!("{} {} {:?}: neither refused nor {:?}, but {error}", self.service, self.path, self.header, self.behind),
        }
    }
}

impl Place {
    /// The letters of all doors here that are open to these keys, or `·`.
    async fn letters(&self, stack: &Stack, keys: &Credentials) -> anyhow::Result<String> {
        let mut letters = String::new();
        for door in &self.doors {
            if door.is_open(stack, keys).await.with_context(|| self.name.clone())? {
                letters.push(door.letter);
            }
        }
        Ok(if letters.is_empty() { "·".to_owned() } else { letters })
    }
}

/// One object with the fields of both.
fn with(one: Value, more: Value) -> Value {
    [one, more].into_iter().filter_map(|object| object.as_object().cloned()).flatten().collect()
}

/// A topic, and a message that nobody minds: a reply that says nothing, an event that is not about a text.
fn topic(arn: &str, message: &Value) -> Vec<Door> {
    vec![
        Door::query('p', "sns", &[("Action", "Publish"), ("TopicArn", arn), ("Message", &message.to_string())], ""),
        Door::query('s', "sns", &[("Action", "Subscribe"), ("TopicArn", arn), ("Protocol", "sqs"), ("Endpoint", "")], "InvalidParameterException"),
    ]
}

fn queue(url: &str) -> Vec<Door> {
    let door = |letter, action, more, behind| Door::json(letter, "sqs", &format!("AmazonSQS.{action}"), with(json!({"QueueUrl": url}), more), behind);
    vec![
        door('s', "SendMessage", json!({"MessageBody": ""}), "MissingParameter"),
        door('r', "ReceiveMessage", json!({"MaxNumberOfMessages": 0}), "InvalidParameterValue"),
        door('d', "DeleteMessage", json!({"ReceiptHandle": "gone"}), "ReceiptHandleIsInvalid"),
        door('v', "ChangeMessageVisibility", json!({"ReceiptHandle": "gone", "VisibilityTimeout": 0}), "ReceiptHandleIsInvalid"),
        door('a', "GetQueueAttributes", json!({"AttributeNames": ["QueueArn"]}), ""),
    ]
}

/// The table that an output names, and its indexes. Asked for by hand: the emulator gives words for what the SDK takes for truth values.
async fn table(stack: &Stack, output: &str) -> anyhow::Result<Vec<Place>> {
    let name = stack.output(output);
    let door = |letter, action, body, behind| Door::json(letter, "dynamodb", &format!("DynamoDB_20120810.{action}"), body, behind);
    let described = door('·', "DescribeTable", json!({"TableName": name}), "").call(stack, &account_keys()).await?;
    let table = &described.body["Table"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let keys = |of: &Value| list(&of["KeySchema"]).iter().filter_map(|part| Some(part["AttributeName"].as_str()?.to_owned())).collect::<Vec<_>>();
    let numbers = list(&table["AttributeDefinitions"]).into_iter().filter(|attribute| attribute["AttributeType"] == "N").collect::<Vec<_>>();
    let value = |key: &str| if numbers.iter().any(|number| number["AttributeName"] == key) { json!({"N": "0"}) } else { json!({"S": "nobody"}) };
    let search = |of: &Value, mut body: Value| {
        let scan = door('s', "Scan", body.clone(), "");
        body["KeyConditionExpression"] = format!("{} = :key", keys(of)[0]).into();
        body["ExpressionAttributeValues"] = json!({":key": value(&keys(of)[0])});
        [door('q', "Query", body, ""), scan]
    };
    let key = keys(table).into_iter().map(|key| (key.clone(), value(&key))).collect::<Map<_, _>>();
    let change = |letter, action, more| {
        let never = json!({"TableName": name, "ConditionExpression": "attribute_exists(nothing)"});
        door(letter, action, with(never, more), "ConditionalCheckFailedException")
    };
    let mut doors = vec![
        door('g', "GetItem", json!({"TableName": name, "Key": key}), ""),
        door('b', "BatchGetItem", json!({"RequestItems": {name: {"Keys": [key]}}}), ""),
    ];
    doors.extend(search(table, json!({"TableName": name, "Limit": 1})));
    doors.push(change('p', "PutItem", json!({"Item": key})));
    doors.push(change('u', "UpdateItem", json!({"Key": key, "UpdateExpression": "REMOVE nothing"})));
    doors.push(change('d', "DeleteItem", json!({"Key": key})));
    let mut places = vec![Place { name: output.to_owned(), doors }];
    for index in list(&table["GlobalSecondaryIndexes"]) {
        let called = index["IndexName"].as_str().context("a name")?;
        let doors = search(&index, json!({"TableName": name, "IndexName": called, "Limit": 1})).into();
        places.push(Place { name: format!("{output}/{called}"), doors });
    }
    places.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(places)
}

/// The topics and the queues, which somebody from elsewhere may know by name.
async fn mailboxes(stack: &Stack) -> anyhow::Result<Vec<Place>> {
    let nothing_to_obey = json!({"originationNumber": "+13125599999", "destinationNumber": "+18663448034", "messageKeyword": "KEYWORD_000000000000",
        "messageBody": "Good morning", "inboundMessageId": Uuid::new_v4()});
    let not_about_a_text = json!({"eventType": "VOICE_COMPLETED", "messageId": Uuid::new_v4()});
    let mut places = vec![
        Place { name: "topic/inbound".to_owned(), doors: topic(stack.output("InboundTopicArn"), &nothing_to_obey) },
        Place { name: "topic/receipts".to_owned(), doors: topic(stack.output("ReceiptsTopicArn"), &not_about_a_text) },
    ];
    for (name, url) in queues(stack).await? {
        places.push(Place { name: format!("queue/{name}"), doors: queue(&url) });
    }
    Ok(places)
}

/// All queues of the stack, by what is special in their names: with their URLs.
async fn queues(stack: &Stack) -> anyhow::Result<BTreeMap<String, String>> {
    let urls = stack.sqs.list_queues().queue_name_prefix("allthrive-sms-").send().await?.queue_urls.unwrap_or_default();
    Ok(urls.into_iter().filter_map(|url| Some((url.split_once("/allthrive-sms-")?.1.to_owned(), url))).collect())
}

/// Everything that has doors, in the order of the map.
async fn places(stack: &Stack) -> anyhow::Result<Vec<Place>> {
    let mut places = mailboxes(stack).await?;
    for function in FUNCTIONS {
        let role = configuration(stack, function, "").await?["Role"].as_str().context("a role")?.to_owned();
        let assume = [("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", &role), ("RoleSessionName", "doors")];
        places.push(Place {
            name: format!("function/{function}"),
            doors: vec![Door::invoke('i', function, ""), Door::invoke('l', function, "?Qualifier=live")],
        });
        places.push(Place { name: format!("role/{function}"), doors: vec![Door::query('a', "sts", &assume, "")] });
    }
    for (variable, arn) in secrets(stack).await? {
        let doors = vec![Door::json('g', "secretsmanager", "secretsmanager.GetSecretValue", json!({"SecretId": arn}), "")];
        places.push(Place { name: format!("secret/{variable}"), doors });
    }
    for output in stack.outputs.keys().filter(|output| output.ends_with("Table")) {
        places.extend(table(stack, output).await?);
    }
    Ok(places)
}

/// What Lambda says of a function.
async fn configuration(stack: &Stack, function: &str, qualifier: &str) -> anyhow::Result<Value> {
    let path = format!("/2015-03-31/functions/allthrive-sms-{function}/configuration{qualifier}");
    let answer = Caller::of_aws(stack, "lambda", &account_keys()).get(&path).await?;
    anyhow::ensure!(answer.status == 200, "{path}: {answer:?}");
    Ok(answer.body)
}

/// The ARNs of the secrets, by the variables that hand them to the functions.
async fn secrets(stack: &Stack) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let api = configuration(stack, "api", "").await?;
    let arn = |name| Some((name, api["Environment"]["Variables"][name].as_str()?.to_owned()));
    ["CODE_SECRET", "TOKEN_KEYS"].into_iter().map(|name| arn(name).with_context(|| format!("the api is not told of {name}"))).collect()
}

async fn account(stack: &Stack, service: &'static str, parameters: &[(&str, &str)]) -> anyhow::Result<Answer> {
    let answer = Door::query('·', service, parameters, "").call(stack, &account_keys()).await?;
    anyhow::ensure!(answer.status == 200, "{parameters:?}: {answer:?}");
    Ok(answer)
}

/// The keys of which `answer` tells.
fn keys(answer: &Answer) -> anyhow::Result<Credentials> {
    let part = |name| answer.element(name).map(str::to_owned).with_context(|| format!("no {name} in {answer:?}"));
    Ok(Credentials::new(part("AccessKeyId")?, part("SecretAccessKey")?, part("SessionToken").ok(), None, "doors"))
}

/// Keys of a function's role, as Lambda gives them to the function. On AWS nobody but Lambda gets them; the emulator's account gets those of every service.
async fn role_of(stack: &Stack, function: &str) -> anyhow::Result<Credentials> {
    let role = configuration(stack, function, "").await?["Role"].as_str().context("a role")?.to_owned();
    let assume = [("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", role.as_str()), ("RoleSessionName", "doors")];
    keys(&account(stack, "sts", &assume).await?)
}

/// What is open to these keys, by place: nothing that is shut.
async fn open_to(stack: &Stack, keys: &Credentials, places: &[Place]) -> anyhow::Result<Vec<String>> {
    let mut open = Vec::new();
    for place in places {
        match place.letters(stack, keys).await?.as_str() {
            "·" => {}
            letters => open.push(format!("{}: {letters}", place.name)),
        }
    }
    Ok(open)
}

#[tokio::test]
async fn a_stranger_is_refused_at_every_door_that_opens_to_the_account() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let places = places(&stack).await?;
    let name = format!("stranger-{}", Uuid::new_v4());
    let user = |action| [("Action", action), ("Version", "2010-05-08"), ("UserName", name.as_str())];
    account(&stack, "iam", &user("CreateUser")).await?;
    let stranger = keys(&account(&stack, "iam", &user("CreateAccessKey")).await?)?;

    let open = open_to(&stack, &stranger, &places).await;
    let api = Caller::with_keys(&stack, &stranger).get("/v1/users/ada/preferences").await;

    let key = [user("DeleteAccessKey").as_slice(), &[("AccessKeyId", stranger.access_key_id())]].concat();
    account(&stack, "iam", &key).await?;
    account(&stack, "iam", &user("DeleteUser")).await?;

    assert_eq!(open?, [""; 0]);
    assert_eq!(api?.status, 403);
    for place in &places {
        let all = place.doors.iter().map(|door| door.letter).collect::<String>();
        assert_eq!(place.letters(&stack, &account_keys()).await?, all, "{}", place.name);
    }
    assert_eq!(Caller::backend(&stack).get("/v1/users/ada/preferences").await?.status, 200);
    Ok(())
}

/// Identity policies of other accounts are none of our business: only what topics and queues say themselves keeps their people out.
#[tokio::test]
async fn topics_and_queues_refuse_another_account_whatever_it_allows_its_people() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let mailboxes = mailboxes(&stack).await?;
    assert_eq!(mailboxes.len(), 8);
    let root = Credentials::new(ANOTHER_ACCOUNT, "test", None, None, "doors");
    let answer = Door::query('·', "sts", &[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")], "").call(&stack, &root).await?;
    assert_eq!(answer.element("Arn"), Some(format!("arn:aws:iam::{ANOTHER_ACCOUNT}:root").as_str()));
    assert_eq!(open_to(&stack, &root, &mailboxes).await?, [""; 0]);
    Ok(())
}

/// The emulator cannot call as another service of AWS, so this is read, not tried. Without TLS, which it does not speak, four queues have no policy at all.
#[tokio::test]
async fn topics_are_open_to_end_user_messaging_and_queues_to_their_topic() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    for topic in ["InboundTopicArn", "ReceiptsTopicArn"] {
        let answer = account(&stack, "sns", &[("Action", "GetTopicAttributes"), ("TopicArn", stack.output(topic))]).await?;
        let document = answer.body.as_str().and_then(|xml| xml.split("<key>Policy</key>").nth(1)?.split_once("<value>")?.1.split('<').next());
        let policy: Value = serde_json::from_str(&document.context("a policy")?.replace("&quot;", "\""))?;
        let statements = policy["Statement"].as_array().context("statements")?;
        assert_eq!(statements.len(), 1, "{policy}");
        assert_eq!(statements[0]["Principal"], json!({"Service": "sms-voice.amazonaws.com"}));
        assert_eq!(statements[0]["Condition"]["StringEquals"], json!({"aws:SourceAccount": "000000000000"}));
    }
    for (name, url) in queues(&stack).await? {
        let answer = stack.sqs.get_queue_attributes().queue_url(url).attribute_names(Policy).send().await?;
        let policy = answer.attributes.unwrap_or_default().remove(&Policy);
        let topic = match name.as_str() {
            "inbound" => stack.output("InboundTopicArn"),
            "receipts" => stack.output("ReceiptsTopicArn"),
            _ => {
                assert_eq!(policy, None, "{name}");
                continue;
            }
        };
        let policy: Value = serde_json::from_str(&policy.context("a policy")?)?;
        assert_eq!(policy["Statement"].as_array().map(Vec::len), Some(1), "{policy}");
        assert_eq!(policy["Statement"][0]["Principal"], json!({"Service": "sns.amazonaws.com"}));
        assert_eq!(policy["Statement"][0]["Condition"], json!({"ArnEquals": {"aws:SourceArn": topic}}));
    }
    Ok(())
}

#[tokio::test]
async fn a_topic_that_is_not_ours_brings_no_reply() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let url = queues(&stack).await?.remove("inbound").context("a queue")?;
    let answer = account(&stack, "sns", &[("Action", "CreateTopic"), ("Name", &format!("theirs-{}", Uuid::new_v4()))]).await?;
    let theirs = answer.element("TopicArn").context("a topic")?;
    let queue = "arn:aws:sqs:us-east-1:000000000000:allthrive-sms-inbound";
    account(&stack, "sns", &[("Action", "Subscribe"), ("TopicArn", theirs), ("Protocol", "sqs"), ("Endpoint", queue)]).await?;
    let publish = async |topic: &str| {
        let id = Uuid::new_v4().to_string();
        let reply = json!({"originationNumber": "+13125599998", "destinationNumber": "+18663448034", "messageKeyword": "KEYWORD_000000000000",
            "messageBody": "Good morning", "inboundMessageId": id});
        account(&stack, "sns", &[("Action", "Publish"), ("TopicArn", topic), ("Message", &reply.to_string())]).await?;
        anyhow::Ok(id)
    };
    let forged = publish(theirs).await;
    let genuine = publish(stack.output("InboundTopicArn")).await;
    account(&stack, "sns", &[("Action", "DeleteTopic"), ("TopicArn", theirs)]).await?;

    let kept = async |id: &str| {
        let row = stack.dynamodb.get_item().table_name(stack.output("RepliesTable")).key("inbound_message_id", AttributeValue::S(id.to_owned()));
        anyhow::Ok(row.consistent_read(true).send().await?.item)
    };
    let (forged, genuine) = (forged?, genuine?);
    eventually("the genuine reply", async || kept(&genuine).await).await?;
    eventually("the queue to be empty", async || {
        let counts = [ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible];
        let answer = stack.sqs.get_queue_attributes().queue_url(&url).set_attribute_names(Some(counts.to_vec())).send().await?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(counts.iter().all(|count| attributes.get(count).is_some_and(|number| number == "0")).then_some(()))
    })
    .await?;
    assert_eq!(kept(&forged).await?, None);
    Ok(())
}

#[tokio::test]
async fn no_function_can_do_the_work_of_another() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let mut roles = Vec::new();
    for function in FUNCTIONS {
        roles.push(role_of(&stack, function).await?);
    }
    let mut tried = vec![format!("place {}", FUNCTIONS.join(" "))];
    for place in places(&stack).await? {
        let mut line = place.name.clone();
        for keys in &roles {
            line = format!("{line} {}", place.letters(&stack, keys).await?);
        }
        tried.push(line);
    }
    let expected = MAP.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let but_not_in = |some: &[String], others: &[String]| some.iter().filter(|line| !others.contains(line)).cloned().collect::<Vec<_>>();
    let (more, less) = (but_not_in(&tried, &expected), but_not_in(&expected, &tried));
    assert_eq!(tried, expected, "tried: {more:#?}, on the map: {less:#?}");
    Ok(())
}

/// The simulator checks no signature, so what is open at End User Messaging is read, not tried.
#[tokio::test]
async fn a_role_has_its_one_policy_and_only_the_senders_lets_it_send() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let mut allowed = BTreeMap::new();
    for function in FUNCTIONS {
        let role = configuration(&stack, function, "").await?["Role"].as_str().and_then(|arn| arn.rsplit('/').next()).context("a role")?.to_owned();
        let ask = |action| [("Action", action), ("Version", "2010-05-08"), ("RoleName", role.as_str())];
        let named = account(&stack, "iam", &ask("ListRolePolicies")).await?;
        let named = named.body.as_str().unwrap_or_default().split("<member>").skip(1).filter_map(|rest| rest.split('<').next()).collect::<Vec<_>>();
        assert_eq!(named, [function]);
        let attached = account(&stack, "iam", &ask("ListAttachedRolePolicies")).await?;
        assert_eq!(attached.element("PolicyArn"), None, "{function}");
        let policy = account(&stack, "iam", &[ask("GetRolePolicy").as_slice(), &[("PolicyName", function)]].concat()).await?;
        let document = policy.element("PolicyDocument").context("a document")?;
        let text = form_urlencoded::parse(format!("it={}", document.replace("&quot;", "\"")).as_bytes()).next().context("a document")?.1.into_owned();
        let policy: Value = serde_json::from_str(&text)?;
        let actions = policy["Statement"].as_array().context("statements")?.iter().flat_map(|statement| match &statement["Action"] {
            Value::Array(actions) => actions.clone(),
            one => vec![one.clone()],
        });
        let actions = actions.filter_map(|action| Some(action.as_str()?.strip_prefix("sms-voice:")?.to_owned())).collect::<BTreeSet<_>>();
        allowed.insert(function, actions.into_iter().collect::<Vec<_>>().join(" "));
    }
    let expected = [
        ("producer", ""),
        ("sender", "SendTextMessage"),
        ("receipts", ""),
        ("inbound", "DeleteOptedOutNumber PutOptedOutNumber"),
        ("api", "PutMessageFeedback"),
        ("reconciler", "DescribeOptedOutNumbers DescribeSpendLimits PutMessageFeedback"),
    ];
    assert_eq!(allowed, expected.into_iter().map(|(function, actions)| (function, actions.to_owned())).collect());
    Ok(())
}

/// A process of the stack, as `/proc` shows it.
struct Process {
    id: u32,
    environment: String,
    command: String,
}

impl Process {
    /// `None` if it is gone, or not ours to look at.
    fn read(id: u32) -> Option<Self> {
        let read = |file| std::fs::read(format!("/proc/{id}/{file}")).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Some(Self { id, environment: read("environ")?, command: read("cmdline")?.replace('\0', " ") })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.split('\0').find_map(|variable| variable.strip_prefix(name)?.strip_prefix('='))
    }

    /// Where it waits for others: all its TCP sockets that listen, and its UDP sockets that are bound to nobody.
    fn listens_at(&self) -> anyhow::Result<Vec<(IpAddr, u16)>> {
        let Ok(files) = std::fs::read_dir(format!("/proc/{}/fd", self.id)) else { return Ok(Vec::new()) };
        let socket = |link: std::path::PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
        let own = files.flatten().filter_map(|file| socket(std::fs::read_link(file.path()).ok()?)).collect::<BTreeSet<_>>();
        let mut listens_at = Vec::new();
        for (table, waits) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
            let Ok(sockets) = std::fs::read_to_string(format!("/proc/{}/net/{table}", self.id)) else { continue };
            for line in sockets.lines().skip(1) {
                let columns = line.split_whitespace().collect::<Vec<_>>();
                if columns[3] == waits && own.contains(columns[9]) {
                    listens_at.push(address(columns[1])?);
                }
            }
        }
        Ok(listens_at)
    }
}

/// `0100007F:1E61` is 127.0.0.1:7777: words in the order of this machine's bytes.
fn address(text: &str) -> anyhow::Result<(IpAddr, u16)> {
    let (address, port) = text.split_once(':').with_context(|| text.to_owned())?;
    let mut bytes = Vec::new();
    for n in (0..address.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(&address[n..n + 8], 16)?.to_ne_bytes());
    }
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => Ipv4Addr::from(four).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice())?).to_canonical(),
    };
    Ok((address, u16::from_str_radix(port, 16)?))
}

/// All whose AWS is this stack's emulator: itself, the functions, the simulator (and, in `make test`, whoever tests).
fn processes(stack: &Stack) -> anyhow::Result<Vec<Process>> {
    let ids = std::fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(ids.filter_map(Process::read).filter(|process| process.variable("AWS_ENDPOINT_URL") == Some(&stack.aws)).collect())
}

/// The same, while every function has a process: each is called, with nothing to do.
async fn processes_of_all(stack: &Stack) -> anyhow::Result<Vec<Process>> {
    for function in FUNCTIONS.into_iter().filter(|function| *function != "api") {
        let path = format!("/2015-03-31/functions/allthrive-sms-{function}/invocations?Qualifier=live");
        let answer = Caller::of_aws(stack, "lambda", &account_keys()).post(&path, &json!({"Records": []})).await?;
        anyhow::ensure!(answer.status == 200, "{function}: {answer:?}");
    }
    Caller::nobody(stack).get("/openapi.json").await?;
    eventually("a process of every function", async || {
        let processes = processes(stack)?;
        let named = |name: String| processes.iter().any(|process| process.variable("AWS_LAMBDA_FUNCTION_NAME") == Some(&name));
        Ok(FUNCTIONS.iter().all(|function| named(format!("allthrive-sms-{function}"))).then_some(processes))
    })
    .await
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has /proc")]
async fn nothing_listens_beyond_loopback() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let (mut ports, mut beyond) = (BTreeSet::new(), Vec::new());
    for process in processes_of_all(&stack).await? {
        for (address, port) in process.listens_at()? {
            ports.insert(port);
            if !address.is_loopback() {
                beyond.push(format!("{address}:{port} by {} {}", process.id, process.command));
            }
        }
    }
    for url in [&stack.aws, &stack.console] {
        let port = url::Url::parse(url)?.port().context("a port")?;
        assert!(ports.contains(&port), "nobody was seen to listen at {url}: {ports:?}");
    }
    assert_eq!(beyond, [""; 0]);
    Ok(())
}

#[tokio::test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux has /proc")]
async fn no_secret_is_in_an_environment() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let mut values = Vec::new();
    for (variable, arn) in secrets(&stack).await? {
        let door = Door::json('g', "secretsmanager", "secretsmanager.GetSecretValue", json!({"SecretId": arn}), "");
        let value = door.call(&stack, &account_keys()).await?.body["SecretString"].as_str().context("a secret")?.to_owned();
        // The token keys are several in one.
        if let Ok(Value::Object(keys)) = serde_json::from_str(&value) {
            values.extend(keys.values().filter_map(Value::as_str).filter(|key| !key.is_empty()).map(str::to_owned));
        }
        values.push(value);
        assert!(values.iter().all(|value| value.len() >= 32), "{variable} is too short to be looked for");
    }
    assert_eq!(values.len(), 3, "a secret, a key and the document that it is in");

    let mut seen = Vec::new();
    for function in FUNCTIONS {
        for qualifier in ["", "?Qualifier=live"] {
            let configuration = configuration(&stack, function, qualifier).await?;
            let variables = configuration["Environment"]["Variables"].as_object().context("an environment")?;
            assert!(variables.contains_key("LOG_LEVEL"), "{function}: {variables:?}");
            seen.extend(variables.iter().map(|(name, text)| (format!("{name} of {function}"), text.as_str().unwrap_or_default().to_owned())));
        }
    }
    for Process { id, environment, command } in processes_of_all(&stack).await? {
        seen.push((format!("process {id}, {command}"), format!("{environment} {command}")));
    }
    let clear = seen.iter().filter(|(_, text)| values.iter().any(|value| text.contains(value))).map(|(place, _)| place).collect::<Vec<_>>();
    assert!(clear.is_empty(), "{clear:#?}");
    Ok(())
}
