//! The sender: send jobs in, texts out. Nothing else in the system sends.

mod sender;
#[cfg(test)]
mod tests;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use sms::{
    lambda::{DeadLetters, SqsEvent, deadline, each_record, house, optional_setting, quiet_hours, sdk, setting, start_log},
    money::MicroUsd,
    provider::Provider,
    queues::OptOutOrders,
    secrets::Secret,
    stores::{Admissions, Messages, OptOuts, Verifications},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_log();
    let sdk = sdk().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let sender = sender::Sender {
        messages: Messages::new(dynamodb.clone(), setting("MESSAGES_TABLE")?),
        admissions: Admissions::new(dynamodb.clone(), setting("MESSAGES_TABLE")?, setting("LIMITS_TABLE")?),
        opt_outs: OptOuts::new(dynamodb.clone(), setting("OPT_OUTS_TABLE")?),
        verifications: Verifications::new(dynamodb, setting("VERIFICATIONS_TABLE")?),
        provider: Provider::new(
            &sdk,
            setting("ORIGINATION_IDENTITIES")?,
            setting("CONFIGURATION_SET")?,
            optional_setting("PROTECT_CONFIGURATION_ID"),
            MicroUsd(setting("MAX_PRICE_PER_PART")?),
        ),
        orders: OptOutOrders::new(aws_sdk_sqs::Client::new(&sdk), setting("INBOUND_QUEUE_URL")?),
        code_secret: Secret::new(&sdk, setting("CODE_SECRET")?),
        house: house()?,
        prices: setting("PRICES")?,
        quiet_hours: quiet_hours()?,
    };
    let dead = DeadLetters::from_environment(&sdk)?;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = deadline(event.context.deadline);
        let send = async |job: &str| sender.send(job, deadline, jiff::Timestamp::now).await;
        Ok::<_, Error>(each_record(event.payload, &dead, send).await)
    }))
    .await
}
