//! The wire protocol of `PinpointSMSVoiceV2`: AWS JSON 1.0, every operation by `POST /` (service model 2022-03-31).

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{ConnectInfo, State},
    http::{Extensions, HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    account,
    faults::Faults,
    line::Scissors,
    outcomes::Answer,
    refusal::{Exception, Refusal},
    requests::{DescribeOptedOutNumbers, DescribePhoneNumbers, OptedOutNumber, Page, PutMessageFeedback, SendTextMessage},
    shapes::{self, Fault, Shape},
    simulator::{Simulator, chance},
    state::{self, Declined},
};

/// The operations that are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    SendTextMessage,
    PutMessageFeedback,
    PutOptedOutNumber,
    DeleteOptedOutNumber,
    DescribeOptedOutNumbers,
    DescribeSpendLimits,
    DescribePhoneNumbers,
}

/// What goes back over the line.
enum Said {
    Output(Value),
    Late(Duration, Value),
    Refused(Refusal),
    Garbled,
    Nothing,
}

/// `POST /`.
pub async fn answer(State(simulator): State<Simulator>, headers: HeaderMap, extensions: Extensions, body: Bytes) -> Response {
    let said = match operation(&headers) {
        Some(operation) => call(&simulator, operation, &body).await,
        None => Said::Refused(Refusal::plain(Exception::UnknownOperation)),
    };
    // Only now, with the work done: who hangs up meanwhile hangs up on a text that went out.
    let late = if let Said::Late(by, _) = said { by } else { Duration::ZERO };
    let wait = late + Duration::from_millis(simulator.faults().latency_ms);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let request_id = Uuid::new_v4();
    match said {
        Said::Output(output) | Said::Late(_, output) => response(StatusCode::OK, request_id, output.to_string()),
        Said::Refused(refusal) => refused(&refusal, request_id),
        Said::Garbled => response(StatusCode::OK, request_id, "<html>".into()),
        Said::Nothing => {
            if let Some(ConnectInfo(scissors)) = extensions.get::<ConnectInfo<Scissors>>() {
                scissors.cut();
            }
            StatusCode::OK.into_response()
        }
    }
}

fn operation(headers: &HeaderMap) -> Option<Operation> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    Some(match target.strip_prefix("PinpointSMSVoiceV2.")? {
        "SendTextMessage" => Operation::SendTextMessage,
        "PutMessageFeedback" => Operation::PutMessageFeedback,
        "PutOptedOutNumber" => Operation::PutOptedOutNumber,
        "DeleteOptedOutNumber" => Operation::DeleteOptedOutNumber,
        "DescribeOptedOutNumbers" => Operation::DescribeOptedOutNumbers,
        "DescribeSpendLimits" => Operation::DescribeSpendLimits,
        "DescribePhoneNumbers" => Operation::DescribePhoneNumbers,
        _ => return None,
    })
}

fn response(status: StatusCode, request_id: Uuid, body: String) -> Response {
    let headers = [(header::CONTENT_TYPE.as_str(), "application/x-amz-json-1.0"), ("x-amzn-requestid", &request_id.to_string())];
    (status, headers, body).into_response()
}

fn refused(refusal: &Refusal, request_id: Uuid) -> Response {
    let status = StatusCode::from_u16(refusal.exception.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response(status, request_id, refusal.body(request_id).to_string());
    response.headers_mut().insert("x-amzn-errortype", header::HeaderValue::from_static(refusal.exception.name()));
    response
}

async fn call(simulator: &Simulator, operation: Operation, body: &[u8]) -> Said {
    let faults = simulator.faults();
    let result = if chance(faults.error_rate) {
        Err(Refusal::plain(Exception::InternalServer).into())
    } else if operation == Operation::SendTextMessage {
        send(simulator, body, &faults).await
    } else {
        other(simulator, operation, body).map(Said::Output).map_err(Declined::from)
    };
    if operation == Operation::SendTextMessage {
        count(simulator, result.as_ref().err());
    }
    match result {
        Ok(said) => said,
        Err(Declined::Refused(refusal)) => Said::Refused(refusal),
        Err(Declined::HungUp) => Said::Nothing,
    }
}

/// Notes a call of `SendTextMessage`, and how it was declined.
fn count(simulator: &Simulator, declined: Option<&Declined>) {
    let mut state = simulator.state();
    state.stats.calls += 1;
    if let Some(Declined::Refused(refusal)) = declined {
        *state.stats.rejected.entry(refusal.exception.name()).or_default() += 1;
    }
    drop(state);
    simulator.tell_stats();
}

async fn send(simulator: &Simulator, body: &[u8], faults: &Faults) -> Result<Said, Declined> {
    let request = read::<SendTextMessage>(body, &shapes::SEND_TEXT_MESSAGE)?;
    let (answer, message_id) = simulator.send(&request).await?;
    if chance(faults.drop_response_rate) && request.dry_run != Some(true) {
        return Ok(Said::Nothing);
    }
    let output = json!({"MessageId": message_id});
    Ok(match answer {
        Answer::Prompt => Said::Output(output),
        Answer::Late(by) => Said::Late(by, output),
        Answer::Garbled => Said::Garbled,
        Answer::Never => Said::Nothing,
    })
}

fn other(simulator: &Simulator, operation: Operation, body: &[u8]) -> Result<Value, Refusal> {
    match operation {
        Operation::PutMessageFeedback => simulator.state().feedback(&read::<PutMessageFeedback>(body, &shapes::PUT_MESSAGE_FEEDBACK)?),
        Operation::PutOptedOutNumber => simulator.state().opt_out(&read::<OptedOutNumber>(body, &shapes::OPTED_OUT_NUMBER)?, simulator.now()),
        Operation::DeleteOptedOutNumber => simulator.state().opt_in(&read::<OptedOutNumber>(body, &shapes::OPTED_OUT_NUMBER)?, simulator.now()),
        Operation::DescribeOptedOutNumbers => opted_out_numbers(simulator, &read(body, &shapes::DESCRIBE_OPTED_OUT_NUMBERS)?),
        Operation::DescribeSpendLimits => spend_limits(&simulator.faults(), &read(body, &shapes::DESCRIBE_SPEND_LIMITS)?),
        Operation::DescribePhoneNumbers => phone_numbers(simulator, &read(body, &shapes::DESCRIBE_PHONE_NUMBERS)?),
        Operation::SendTextMessage => Err(Refusal::plain(Exception::UnknownOperation)),
    }
}

/// The request in `body`, if it is one.
fn read<T: DeserializeOwned>(body: &[u8], shape: &Shape) -> Result<T, Refusal> {
    let unreadable = || Refusal::because(Exception::Validation, "CANNOT_PARSE");
    let value = serde_json::from_slice::<Value>(body).map_err(|_| unreadable())?;
    shape.check(&value).map_err(|fault| match fault {
        Fault::Unreadable => unreadable(),
        Fault::OutOfBounds(fields) => Refusal { fields, ..Refusal::because(Exception::Validation, "FIELD_VALIDATION_FAILED") },
    })?;
    serde_json::from_value(value).map_err(|_| unreadable())
}

fn opted_out_numbers(simulator: &Simulator, request: &DescribeOptedOutNumbers) -> Result<Value, Refusal> {
    state::known_list(&request.opt_out_list_name)?;
    let numbers = request.opted_out_numbers.iter().flatten().map(|text| state::number("OptedOutNumbers", text)).collect::<Result<Vec<_>, _>>()?;
    let values = request.filters.iter().flatten().flat_map(|filter| &filter.values).collect::<Vec<_>>();
    if values.iter().any(|value| !["true", "false"].contains(&value.as_str())) {
        return Err(Refusal::because(Exception::Validation, "INVALID_FILTER_VALUES"));
    }
    let by_end_user = match (values.iter().any(|value| *value == "true"), values.iter().any(|value| *value == "false")) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    };
    let entries = simulator.state().opt_outs.described(&numbers, by_end_user)?;
    let mut answer = json!({"OptOutListArn": account::OPT_OUT_LIST_ARN, "OptOutListName": account::OPT_OUT_LIST});
    paged(&mut answer, "OptedOutNumbers", entries, &request.page)?;
    Ok(answer)
}

fn spend_limits(faults: &Faults, page: &Page) -> Result<Value, Refusal> {
    // Whole dollars are all that this answer can say.
    #[expect(clippy::cast_possible_truncation, reason = "faults are checked to be within bounds")]
    let enforced = faults.spend_limit_usd.map(|limit| limit.ceil() as i64);
    let limit = |name: &str, enforced: Option<i64>| {
        let most = account::MAX_SPEND_USD.max(enforced.unwrap_or_default());
        json!({"Name": name, "EnforcedLimit": enforced.unwrap_or(most), "MaxLimit": most, "Overridden": enforced.is_some()})
    };
    let limits = vec![
        limit("TEXT_MESSAGE_MONTHLY_SPEND_LIMIT", enforced),
        limit("VOICE_MESSAGE_MONTHLY_SPEND_LIMIT", None),
        limit("MEDIA_MESSAGE_MONTHLY_SPEND_LIMIT", None),
    ];
    let mut answer = json!({});
    paged(&mut answer, "SpendLimits", limits, page)?;
    Ok(answer)
}

fn phone_numbers(simulator: &Simulator, request: &DescribePhoneNumbers) -> Result<Value, Refusal> {
    let ids = request.phone_number_ids.iter().flatten();
    if let Some(unknown) = ids.clone().find(|id| !account::is_our_number(id)) {
        return Err(Refusal::missing("phone-number", unknown.as_str()));
    }
    let number = account::described_number(simulator.config().inbound.topic_arn());
    let fits = request.filters.iter().flatten().all(|filter| {
        let values = account::filtered_values(&number, &filter.name);
        filter.values.iter().any(|value| values.contains(value))
    });
    let is_ours = request.owner.as_deref() != Some("SHARED");
    let mut answer = json!({});
    paged(&mut answer, "PhoneNumbers", if fits && is_ours { vec![number] } else { Vec::new() }, &request.page)?;
    Ok(answer)
}

/// Puts one page of `items` into `answer`. A token says how many items came before.
fn paged(answer: &mut Value, member: &str, items: Vec<Value>, page: &Page) -> Result<(), Refusal> {
    let start = match &page.next_token {
        None => 0,
        Some(token) => token.strip_prefix("after-").and_then(|n| n.parse::<usize>().ok()).filter(|n| *n <= items.len()).ok_or_else(invalid_token)?,
    };
    let end = items.len().min(start + page.max_results.unwrap_or(100));
    if end < items.len() {
        answer["NextToken"] = format!("after-{end}").into();
    }
    answer[member] = items.into_iter().skip(start).take(end - start).collect();
    Ok(())
}

fn invalid_token() -> Refusal {
    Refusal::because(Exception::Validation, "INVALID_NEXT_TOKEN")
}
