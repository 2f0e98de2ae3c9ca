//! The receipts function: delivery events in, settled rows out.

mod receipts;
#[cfg(test)]
mod tests;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use sms::{
    lambda::{DeadLetters, SqsEvent, sdk, setting, start_log, whole_batch},
    queues::OptOutOrders,
    stores::{Admissions, Messages},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_log();
    let sdk = sdk()?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let receipts = receipts::Receipts {
        messages: Messages::new(dynamodb.clone(), setting("MESSAGES_TABLE")?),
        admissions: Admissions::new(dynamodb, setting("MESSAGES_TABLE")?, setting("LIMITS_TABLE")?),
        orders: OptOutOrders::new(aws_sdk_sqs::Client::new(&sdk), setting("INBOUND_QUEUE_URL")?),
    };
    let dead = DeadLetters::from_environment(&sdk)?;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let batch = async |bodies: &[&str]| receipts.batch(bodies, jiff::Timestamp::now()).await;
        Ok::<_, Error>(whole_batch(event.payload, &dead, batch).await)
    }))
    .await
}
