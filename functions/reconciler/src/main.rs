//! The reconciler: comes by every minute, and finds what no event triggers.

mod comparison;
mod digest;
mod reconciler;
mod step;
#[cfg(test)]
mod tests;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use sms::{
    closing::{Closing, Feedback},
    lambda::{deadline, rules, sdk, setting, start_log},
    provider::{OptOutList, SpendLimit},
    queues::{Lanes, OptOutOrders},
    stores::{Admissions, Comparisons, Messages, OptOuts, Recipients, Verifications},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_log();
    let sdk = sdk()?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    let messages = Messages::new(dynamodb.clone(), setting("MESSAGES_TABLE")?);
    let verifications = Verifications::new(dynamodb.clone(), setting("VERIFICATIONS_TABLE")?);
    let reconciler = reconciler::Reconciler {
        closing: Closing { verifications, messages: messages.clone(), feedback: Feedback::new(&sdk) },
        messages,
        recipients: Recipients::new(dynamodb.clone(), setting("RECIPIENTS_TABLE")?),
        admissions: Admissions::new(dynamodb.clone(), setting("MESSAGES_TABLE")?, setting("LIMITS_TABLE")?),
        opt_outs: OptOuts::new(dynamodb.clone(), setting("OPT_OUTS_TABLE")?),
        comparisons: Comparisons::new(dynamodb, setting("LIMITS_TABLE")?),
        list: OptOutList::new(&sdk, setting("OPT_OUT_LIST")?),
        spend_limit: SpendLimit::new(&sdk),
        lanes: Lanes::new(sqs.clone(), setting("URGENT_QUEUE_URL")?, setting("BULK_QUEUE_URL")?),
        orders: OptOutOrders::new(sqs, setting("INBOUND_QUEUE_URL")?),
        rules: rules()?,
        resend_after: jiff::SignedDuration::from_secs(setting("RESEND_AFTER_SECONDS")?),
        most: reconciler::MOST,
    };
    run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
        reconciler.run(deadline(event.context.deadline), jiff::Timestamp::now).await.map_err(Error::from)
    }))
    .await
}
