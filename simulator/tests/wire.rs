//! The simulator as the real SDK meets it: every operation, reason, fault and magic number.

use std::time::Duration;

use crate::support::{Bench, http, quick, until};
use aws_sdk_pinpointsmsvoicev2::{
    Client,
    config::timeout::TimeoutConfig,
    error::{ProvideErrorMetadata, SdkError},
    operation::send_text_message::{SendTextMessageError, builders::SendTextMessageFluentBuilder as Send},
    types::{
        MessageFeedbackStatus, MessageType, OptedOutFilter, OptedOutFilterName, OptedOutNumberInformation, ResourceType, ValidationExceptionReason,
    },
};
use serde_json::json;
use simulator::{
    Faults,
    outcomes::{Answer, OUTCOMES, Outcome},
    refusal::Exception,
};

const ADA: &str = "+12025550101";
const BEN: &str = "+12025550102";

fn send(sms: &Client, to: &str) -> Send {
    sms.send_text_message()
        .destination_phone_number(to)
        .origination_identity("+18663448034")
        .configuration_set_name("allthrive-sms")
        .message_body("Hello")
        .message_type(MessageType::Transactional)
}

/// The exception's name and its reason.
async fn refusal(send: Send) -> (String, Option<String>) {
    let error = send.send().await.expect_err("a refusal").into_service_error();
    let name = error.meta().code().expect("a code").to_owned();
    let reason = match error {
        SendTextMessageError::ConflictException(e) => e.reason.map(|reason| reason.as_str().to_owned()),
        SendTextMessageError::ValidationException(e) => e.reason.map(|reason| reason.as_str().to_owned()),
        SendTextMessageError::AccessDeniedException(e) => e.reason.map(|reason| reason.as_str().to_owned()),
        SendTextMessageError::ServiceQuotaExceededException(e) => e.reason.map(|reason| reason.as_str().to_owned()),
        _ => None,
    };
    (name, reason)
}

async fn is_refused(send: Send, exception: Exception, reason: Option<&str>) {
    assert_eq!(refusal(send).await, (exception.name().to_owned(), reason.map(str::to_owned)));
}

#[tokio::test]
async fn a_text_is_shown_on_the_phone_and_its_events_follow() {
    let mut bench = Bench::start(quick()).await;
    let id = send(&bench.sms, ADA).context("message_id", "m-1").send().await.unwrap().message_id.unwrap();
    let (successful, delivered) = (bench.receipt().await, bench.receipt().await);
    for (event, kind, is_final) in [(&successful, "TEXT_SUCCESSFUL", false), (&delivered, "TEXT_DELIVERED", true)] {
        assert_eq!((&event["eventType"], &event["isFinal"], &event["messageId"]), (&json!(kind), &json!(is_final), &json!(id)));
        assert_eq!(event["context"], json!({"message_id": "m-1"}));
        assert_eq!((&event["totalMessageParts"], &event["totalMessagePrice"]), (&json!(1), &json!(0.00581)));
        assert!(event["carrierName"].is_string());
    }
    let (status, texts) = bench.http("GET", "/phones/%2B12025550101/messages", "").await;
    assert_eq!(status, 200);
    let text = &texts[0];
    assert_eq!((&text["direction"], &text["body"], &text["messageId"]), (&json!("to_person"), &json!("Hello"), &json!(id)));
    assert_eq!((&text["parts"], &text["encoding"], &text["status"]), (&json!(1), &json!("GSM"), &json!("delivered")));
    let (_, phones) = bench.http("GET", "/phones", "").await;
    assert_eq!(phones, json!([{"phone": ADA, "messages": 1, "lastAt": text["at"]}]));
    let (_, counted) = bench.http("GET", "/stats", "").await;
    assert_eq!(counted, json!({"accepted": 1, "rejected": {}, "delivered": 1, "calls": 1}));
}

#[tokio::test]
async fn without_a_configuration_set_nothing_is_published() {
    let mut bench = Bench::start(quick()).await;
    bench.sms.send_text_message().destination_phone_number(ADA).message_body("Hello").send().await.unwrap();
    until("it is delivered", || bench.statuses(ADA) == ["delivered"]).await;
    assert!(bench.receipts.try_recv().is_err());
}

#[tokio::test]
async fn magic_numbers_lead_to_what_their_table_says() {
    let mut bench = Bench::start(quick()).await;
    for magic in OUTCOMES {
        match magic.outcome {
            Outcome::Receipts(receipts) => {
                send(&bench.sms, magic.phone).send().await.expect(magic.meaning);
                for receipt in receipts {
                    let event = bench.receipt().await;
                    assert_eq!(event["messageStatus"], receipt.happened.status(), "{}", magic.meaning);
                    assert_eq!(event["isFinal"], receipt.is_final, "{}", magic.meaning);
                }
            }
            Outcome::Refused(exception, reason, _) => is_refused(send(&bench.sms, magic.phone), exception, reason).await,
            Outcome::HungUp => {
                let failure = send(&bench.sms, magic.phone).send().await.expect_err(magic.meaning);
                assert!(matches!(failure, SdkError::DispatchFailure(_)), "{failure:?}");
                assert_eq!(bench.statuses(magic.phone), Vec::<&str>::new());
            }
            Outcome::Answered(answer) => {
                let failure = impatient(&bench, magic.phone).await;
                match answer {
                    Answer::Never => assert!(matches!(failure, SdkError::DispatchFailure(_)), "{failure:?}"),
                    Answer::Late(_) => assert!(matches!(failure, SdkError::TimeoutError(_)), "{failure:?}"),
                    // The SDK takes an answer that it cannot read for an error of the service, of a kind that it does not know.
                    Answer::Garbled => {
                        assert!(failure.code().is_none() && failure.raw_response().is_some_and(|raw| raw.status().is_success()), "{failure:?}");
                    }
                    Answer::Prompt => unreachable!(),
                }
                assert_eq!(
                    (bench.receipt().await["messageStatus"].as_str(), bench.receipt().await["messageStatus"].as_str()),
                    (Some("SUCCESSFUL"), Some("DELIVERED"))
                );
                until("it is delivered all the same", || bench.statuses(magic.phone) == ["delivered"]).await;
            }
        }
    }
    assert!(bench.receipts.try_recv().is_err());
    assert_eq!(bench.simulator().stats().calls, OUTCOMES.len() as u64);
}

/// Sends, and waits 300 ms for an answer that must not come.
async fn impatient(bench: &Bench, to: &str) -> SdkError<SendTextMessageError> {
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_millis(300)).build();
    let config = aws_sdk_pinpointsmsvoicev2::config::Builder::new().timeout_config(timeouts);
    send(&bench.sms, to).customize().config_override(config).send().await.expect_err("no answer")
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused_and_named() {
    let bench = Bench::start(quick()).await;
    for (request, field) in [
        (send(&bench.sms, "+0"), "DestinationPhoneNumber"),
        (send(&bench.sms, ADA).message_body(""), "MessageBody"),
        (send(&bench.sms, ADA).message_body("a".repeat(1601)), "MessageBody"),
        (send(&bench.sms, ADA).message_type("LOUD".into()), "MessageType"),
        (send(&bench.sms, ADA).time_to_live(4), "TimeToLive"),
        (send(&bench.sms, ADA).max_price("1"), "MaxPrice"),
        (send(&bench.sms, ADA).origination_identity("+1 866"), "OriginationIdentity"),
        (send(&bench.sms, ADA).context("k", " v"), "Context.value"),
    ] {
        let SendTextMessageError::ValidationException(error) = request.send().await.unwrap_err().into_service_error() else { panic!("{field}") };
        assert_eq!(error.reason, Some(ValidationExceptionReason::FieldValidationFailed));
        assert!(error.fields().iter().any(|fault| fault.name() == field), "{field}: {:?}", error.fields());
    }
}

#[tokio::test]
async fn the_first_rule_that_says_no_is_the_answer() {
    let bench = Bench::start(Faults { spend_limit_usd: Some(0.0), ..quick() }).await;
    let sms = &bench.sms;
    sms.put_opted_out_number().opt_out_list_name("Default").opted_out_number(ADA).send().await.unwrap();
    let long = "a".repeat(1531);
    is_refused(send(sms, BEN).origination_identity("+18005550100").configuration_set_name("other"), Exception::ResourceNotFound, None).await;
    is_refused(send(sms, BEN).configuration_set_name("other").message_body(&long), Exception::ResourceNotFound, None).await;
    is_refused(send(sms, BEN).protect_configuration_id("other"), Exception::ResourceNotFound, None).await;
    is_refused(send(sms, "+447860019066").message_body(&long), Exception::Validation, Some("MAXIMUM_SIZE_EXCEEDED")).await;
    is_refused(send(sms, "+447860019066"), Exception::Conflict, Some("DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION")).await;
    is_refused(send(sms, "+9991234567"), Exception::Validation, Some("INVALID_PARAMETER")).await;
    is_refused(send(sms, ADA).max_price("0.001"), Exception::Conflict, Some("DESTINATION_PHONE_NUMBER_OPTED_OUT")).await;
    is_refused(send(sms, BEN).max_price("0.00882"), Exception::Validation, Some("PRICE_OVER_THRESHOLD")).await;
    is_refused(send(sms, BEN).max_price("0.00883"), Exception::ServiceQuotaExceeded, Some("MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT")).await;
    assert_eq!(bench.simulator().stats().accepted, 0);
}

#[tokio::test]
async fn a_missing_thing_is_named_by_its_kind() {
    let bench = Bench::start(quick()).await;
    for (request, kind) in [
        (send(&bench.sms, ADA).origination_identity("+18005550100"), ResourceType::PhoneNumber),
        (send(&bench.sms, ADA).origination_identity("AllThrive"), ResourceType::SenderId),
        (send(&bench.sms, ADA).origination_identity("pool-0a"), ResourceType::Pool),
        (send(&bench.sms, ADA).configuration_set_name("other"), ResourceType::ConfigurationSet),
        (send(&bench.sms, ADA).protect_configuration_id("other"), ResourceType::ProtectConfiguration),
    ] {
        let SendTextMessageError::ResourceNotFoundException(error) = request.send().await.unwrap_err().into_service_error() else { panic!("{kind}") };
        assert_eq!(error.resource_type, Some(kind));
    }
}

#[tokio::test]
async fn the_number_takes_three_parts_a_second_and_a_recipient_one_text() {
    let bench = Bench::start(Faults::default()).await;
    send(&bench.sms, ADA).message_body("a".repeat(200)).send().await.unwrap();
    is_refused(send(&bench.sms, BEN).message_body("a".repeat(200)), Exception::Throttling, None).await;
    bench.simulator().set_faults(quick());
    send(&bench.sms, ADA).send().await.unwrap();
    is_refused(send(&bench.sms, ADA), Exception::Throttling, None).await;
    bench.simulator().set_faults(Faults { requests_per_second: Some(1), ..quick() });
    send(&bench.sms, ADA).send().await.unwrap();
    is_refused(send(&bench.sms, BEN), Exception::Throttling, None).await;
    assert_eq!(bench.simulator().stats().rejected["ThrottlingException"], 3);
}

#[tokio::test]
async fn once_the_spend_limit_is_reached_nothing_is_sent() {
    let bench = Bench::start(Faults { spend_limit_usd: Some(0.017), ..quick() }).await;
    send(&bench.sms, ADA).send().await.unwrap();
    send(&bench.sms, BEN).send().await.unwrap();
    is_refused(send(&bench.sms, "+12025550103"), Exception::ServiceQuotaExceeded, Some("MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT")).await;
    let limits = bench.sms.describe_spend_limits().send().await.unwrap();
    let text = limits.spend_limits().iter().find(|limit| limit.name().as_str() == "TEXT_MESSAGE_MONTHLY_SPEND_LIMIT").unwrap();
    assert_eq!((text.enforced_limit(), text.overridden()), (1, true));
}

#[tokio::test]
async fn a_dry_run_is_checked_and_not_sent() {
    let mut bench = Bench::start(quick()).await;
    assert!(send(&bench.sms, ADA).dry_run(true).send().await.unwrap().message_id.is_some());
    is_refused(send(&bench.sms, "+447860019066").dry_run(true), Exception::Conflict, Some("DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"))
        .await;
    let stats = bench.simulator().stats();
    assert_eq!((stats.accepted, stats.calls), (0, 2));
    assert_eq!(bench.statuses(ADA), Vec::<&str>::new());
    assert!(bench.receipts.try_recv().is_err());
}

#[tokio::test]
async fn a_dropped_answer_is_a_text_on_the_phone_and_a_broken_connection_at_the_caller() {
    let mut bench = Bench::start(Faults { drop_response_rate: 1.0, ..quick() }).await;
    let failure = send(&bench.sms, ADA).send().await.expect_err("no answer");
    assert!(matches!(failure, SdkError::DispatchFailure(_)), "{failure:?}");
    assert_eq!(bench.receipt().await["eventType"], "TEXT_SUCCESSFUL");
    assert_eq!(bench.statuses(ADA).len(), 1);
    let stats = bench.simulator().stats();
    assert_eq!((stats.accepted, stats.calls, stats.rejected.len()), (1, 1, 0));
}

#[tokio::test]
async fn an_injected_error_is_a_500_and_nothing_is_sent() {
    let bench = Bench::start(Faults { error_rate: 1.0, ..quick() }).await;
    is_refused(send(&bench.sms, ADA), Exception::InternalServer, None).await;
    assert!(bench.sms.put_opted_out_number().opt_out_list_name("Default").opted_out_number(ADA).send().await.is_err());
    assert_eq!(bench.statuses(ADA), Vec::<&str>::new());
    assert_eq!(bench.simulator().stats().rejected["InternalServerException"], 1);
}

#[tokio::test]
async fn latency_delays_the_answer_of_a_text_that_is_taken() {
    let bench = Bench::start(Faults { latency_ms: 30_000, ..quick() }).await;
    let failure = impatient(&bench, ADA).await;
    assert!(matches!(failure, SdkError::TimeoutError(_)), "{failure:?}");
    assert_eq!(bench.statuses(ADA).len(), 1);
}

#[tokio::test]
async fn shuffled_receipts_come_last_first_and_before_the_answer() {
    let mut bench = Bench::start(Faults { receipt_shuffle: true, receipt_delay_ms: 20, ..quick() }).await;
    send(&bench.sms, ADA).send().await.unwrap();
    let early = bench.receipts.try_recv().expect("an event before the answer");
    assert!(early.contains("TEXT_DELIVERED"));
    assert_eq!(bench.receipt().await["eventType"], "TEXT_SUCCESSFUL");
    assert_eq!(bench.statuses(ADA), ["delivered"], "the last word stands");
    assert_eq!(bench.simulator().stats().delivered, 1);
}

#[tokio::test]
async fn duplicate_receipts_are_the_same_event_twice() {
    let mut bench = Bench::start(Faults { receipt_duplicate_rate: 1.0, ..quick() }).await;
    send(&bench.sms, ADA).send().await.unwrap();
    let events = [bench.receipt().await, bench.receipt().await, bench.receipt().await, bench.receipt().await];
    assert!(events[0] == events[1] && events[2] == events[3] && events[1] != events[2]);
    assert_eq!(bench.simulator().stats().delivered, 1);
}

#[tokio::test]
async fn stop_blocks_at_the_carrier_and_the_first_blocked_text_opts_out_at_aws() {
    let mut bench = Bench::start(quick()).await;
    let first = send(&bench.sms, ADA).send().await.unwrap().message_id.unwrap();
    let _ = (bench.receipt().await, bench.receipt().await);
    bench.simulator().set_faults(quick());

    assert_eq!(bench.http("POST", "/phones/+12025550101/messages", r#"{"body":" Stop "}"#).await.0, 202);
    let inbound = bench.inbound().await;
    assert_eq!((&inbound["originationNumber"], &inbound["destinationNumber"]), (&json!(ADA), &json!("+18663448034")));
    assert_eq!((&inbound["messageBody"], &inbound["messageKeyword"]), (&json!(" Stop "), &json!("STOP")));
    assert_eq!(inbound["previousPublishedMessageId"], first);
    assert_eq!(bench.statuses(ADA), ["delivered", "received", "network"]);

    send(&bench.sms, ADA).send().await.unwrap();
    let blocked = bench.receipt().await;
    assert_eq!((&blocked["eventType"], &blocked["messageStatusDescription"]), (&json!("TEXT_BLOCKED"), &json!("Phone has blocked SMS")));
    is_refused(send(&bench.sms, ADA), Exception::Conflict, Some("DESTINATION_PHONE_NUMBER_OPTED_OUT")).await;
    assert!(opted_out(&bench.sms, ADA).await.expect("listed").end_user_opted_out());

    // START lifts the carrier's block only.
    bench.http("POST", "/phones/+12025550101/messages", r#"{"body":"START"}"#).await;
    assert_eq!(bench.statuses(ADA).iter().filter(|status| **status == "network").count(), 2);
    is_refused(send(&bench.sms, ADA), Exception::Conflict, Some("DESTINATION_PHONE_NUMBER_OPTED_OUT")).await;
    bench.sms.delete_opted_out_number().opt_out_list_name("Default").opted_out_number(ADA).send().await.unwrap();
    bench.simulator().set_faults(quick());
    send(&bench.sms, ADA).send().await.unwrap();
    assert_eq!(bench.receipt().await["eventType"], "TEXT_SUCCESSFUL");
}

#[tokio::test]
async fn where_the_carrier_does_not_handle_stop_it_is_only_passed_on() {
    let mut bench = Bench::start(Faults { carrier_handles_stop: false, ..quick() }).await;
    bench.http("POST", "/phones/+12025550101/messages", r#"{"body":"STOP"}"#).await;
    let inbound = bench.inbound().await;
    assert_eq!((&inbound["messageBody"], inbound.get("previousPublishedMessageId")), (&json!("STOP"), None));
    assert_eq!(bench.statuses(ADA), ["received"]);
    send(&bench.sms, ADA).send().await.unwrap();
    assert_eq!(bench.receipt().await["eventType"], "TEXT_SUCCESSFUL");
}

#[tokio::test]
async fn other_texts_carry_the_keyword_of_the_account() {
    let mut bench = Bench::start(quick()).await;
    bench.http("POST", "/phones/12025550101/messages", r#"{"body":"stop by my place later?"}"#).await;
    bench.http("POST", "/phones/12025550101/messages", r#"{"body":"Please stop"}"#).await;
    assert_eq!(bench.inbound().await["messageKeyword"], "STOP");
    assert_eq!(bench.inbound().await["messageKeyword"], "KEYWORD_000000000000");
    assert_eq!(bench.statuses(ADA), ["received", "received"], "neither is just STOP, so the network leaves both alone");
}

async fn opted_out(sms: &Client, phone: &str) -> Option<OptedOutNumberInformation> {
    let asked = sms.describe_opted_out_numbers().opt_out_list_name("Default").opted_out_numbers(phone).send().await;
    asked.ok()?.opted_out_numbers?.into_iter().next()
}

#[tokio::test]
async fn the_opt_out_list_is_kept_paged_and_filtered() {
    let bench = Bench::start(quick()).await;
    let sms = &bench.sms;
    let put = sms.put_opted_out_number().opt_out_list_name("Default").opted_out_number(ADA).send().await.unwrap();
    assert!(!put.end_user_opted_out() && put.opted_out_timestamp().is_some());
    sms.put_opted_out_number()
        .opt_out_list_name("arn:aws:sms-voice:us-east-1:000000000000:opt-out-list/Default")
        .opted_out_number(BEN)
        .send()
        .await
        .unwrap();

    let list = || sms.describe_opted_out_numbers().opt_out_list_name("Default");
    let first = list().max_results(1).send().await.unwrap();
    let second = list().max_results(1).next_token(first.next_token().unwrap()).send().await.unwrap();
    let numbers = [&first, &second].map(|page| page.opted_out_numbers()[0].opted_out_number().to_owned());
    assert_eq!((numbers, second.next_token()), ([ADA.to_owned(), BEN.to_owned()], None));
    let filter = |value: &str| list().filters(opted_out_filter(value));
    assert_eq!(filter("true").send().await.unwrap().opted_out_numbers().len(), 0);
    assert_eq!(filter("false").send().await.unwrap().opted_out_numbers().len(), 2);
    assert_eq!(filter("maybe").send().await.unwrap_err().code(), Some("ValidationException"));
    assert_eq!(list().opted_out_numbers("+12025550199").send().await.unwrap_err().code(), Some("ResourceNotFoundException"));
    assert_eq!(list().next_token("nonsense").send().await.unwrap_err().code(), Some("ValidationException"));

    let delete = || sms.delete_opted_out_number().opt_out_list_name("Default").opted_out_number(ADA).send();
    delete().await.unwrap();
    assert!(delete().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    sms.put_opted_out_number().opt_out_list_name("Default").opted_out_number(ADA).send().await.unwrap();
    let again = delete().await.unwrap_err().into_service_error();
    assert!(format!("{again:?}").contains("PhoneNumberCannotBeOptedIn"), "{again:?}");
    assert_eq!(
        sms.put_opted_out_number().opt_out_list_name("Other").opted_out_number(ADA).send().await.unwrap_err().code(),
        Some("ResourceNotFoundException")
    );
}

fn opted_out_filter(value: &str) -> OptedOutFilter {
    OptedOutFilter::builder().name(OptedOutFilterName::EndUserOptedOut).values(value).build().unwrap()
}

#[tokio::test]
async fn the_number_describes_itself() {
    let bench = Bench::start(quick()).await;
    let numbers = bench.sms.describe_phone_numbers().send().await.unwrap();
    let [number] = numbers.phone_numbers() else { panic!("{numbers:?}") };
    assert_eq!((number.phone_number(), number.opt_out_list_name(), number.number_type().as_str()), ("+18663448034", "Default", "TOLL_FREE"));
    send(&bench.sms, ADA).origination_identity(number.phone_number_arn()).send().await.unwrap();
    let unknown = bench.sms.describe_phone_numbers().phone_number_ids("phone-0").send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn feedback_is_for_texts_that_were_sent() {
    let bench = Bench::start(quick()).await;
    let id = send(&bench.sms, ADA).send().await.unwrap().message_id.unwrap();
    let feedback = |id: &str| bench.sms.put_message_feedback().message_id(id).message_feedback_status(MessageFeedbackStatus::Received).send();
    assert_eq!(feedback(&id).await.unwrap().message_id(), id);
    assert_eq!(feedback("no-such").await.unwrap_err().code(), Some("ResourceNotFoundException"));
    let ben = "+12025550102";
    let awaited = send(&bench.sms, ben).message_feedback_enabled(true).send().await.unwrap().message_id.unwrap();
    let shown = |phone: &str| bench.simulator().texts(&phone.parse().unwrap())[0].feedback;
    assert_eq!((shown(ADA), shown(ben)), (None, Some("AWAITED")), "a text that does not ask for it shows none");
    feedback(&awaited).await.unwrap();
    assert_eq!(shown(ben), Some("RECEIVED"));
}

#[tokio::test]
async fn what_is_no_request_is_refused_as_aws_does() {
    let bench = Bench::start(quick()).await;
    let url = bench.running.url();
    let post = async |target: &str, body: &str| {
        http(&url, "POST /", &[("X-Amz-Target", target), ("Content-Type", "application/x-amz-json-1.0")], body).await
    };
    let (status, body) = post("PinpointSMSVoiceV2.DescribePools", "{}").await;
    assert_eq!((status, &body["__type"]), (404, &json!("com.amazon.coral.service#UnknownOperationException")));
    for body in ["", "{", "[]", r#"{"DestinationPhoneNumber":1}"#] {
        let (status, answer) = post("PinpointSMSVoiceV2.SendTextMessage", body).await;
        assert_eq!((status, &answer["Reason"]), (400, &json!("CANNOT_PARSE")), "{body}");
    }
}

#[tokio::test]
async fn deleting_the_stats_forgets_conversations_but_no_opt_out_block_or_fault() {
    let mut bench = Bench::start(quick()).await;
    send(&bench.sms, ADA).send().await.unwrap();
    bench.sms.put_opted_out_number().opt_out_list_name("Default").opted_out_number(BEN).send().await.unwrap();
    bench.http("POST", "/phones/+12025550103/messages", r#"{"body":"STOP"}"#).await;
    let _ = (bench.receipt().await, bench.receipt().await);
    assert_eq!(bench.http("DELETE", "/stats", "").await.0, 204);
    assert_eq!(bench.http("GET", "/phones", "").await.1, json!([]));
    assert_eq!(bench.http("GET", "/stats", "").await.1, json!({"accepted": 0, "rejected": {}, "delivered": 0, "calls": 0}));
    assert_eq!(bench.simulator().faults(), quick());
    is_refused(send(&bench.sms, BEN), Exception::Conflict, Some("DESTINATION_PHONE_NUMBER_OPTED_OUT")).await;
    send(&bench.sms, "+12025550103").send().await.unwrap();
    assert_eq!(bench.receipt().await["eventType"], "TEXT_BLOCKED");
}

#[tokio::test]
async fn faults_are_put_whole_and_read_back() {
    let bench = Bench::start(Faults::default()).await;
    let (status, faults) = bench.http("PUT", "/faults", r#"{"error_rate":0.5,"spend_limit_usd":2}"#).await;
    assert_eq!((status, &faults["error_rate"], &faults["spend_limit_usd"], &faults["parts_per_second"]), (200, &json!(0.5), &json!(2.0), &json!(3)));
    assert_eq!(bench.http("GET", "/faults", "").await.1, faults);
    let (status, problem) = bench.http("PUT", "/faults", r#"{"eror_rate":0.5}"#).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("eror_rate"), "{problem}");
    assert_eq!(bench.http("GET", "/faults", "").await.1, faults);
}

#[tokio::test]
async fn what_a_person_cannot_text_is_refused() {
    let bench = Bench::start(quick()).await;
    for (path, body) in [
        ("/phones/+12025550101/messages", ""),
        ("/phones/+12025550101/messages", r#"{"text":"STOP"}"#),
        ("/phones/+12025550101/messages", r#"{"body":"  "}"#),
        ("/phones/ada/messages", r#"{"body":"STOP"}"#),
    ] {
        assert_eq!(bench.http("POST", path, body).await.0, 400, "{path} {body}");
    }
}

#[tokio::test]
async fn web_pages_from_elsewhere_are_refused() {
    let bench = Bench::start(quick()).await;
    let url = bench.running.url();
    assert_eq!(http(&url, "GET /stats", &[("Host", "rebound.example")], "").await.0, 403);
    assert_eq!(http(&url, "POST /phones/+12025550101/messages", &[("Origin", "http://evil.example")], r#"{"body":"STOP"}"#).await.0, 403);
    assert_eq!(http(&url, "GET /stats", &[], "").await.0, 200);
}
