//! The sender: send jobs in, texts out. Nothing else in the system sends.

mod company;
mod pacer;
#[cfg(test)]
mod pacer_tests;
mod sender;
mod settings_link;
#[cfg(test)]
mod tests;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use sms::{
    lambda::{DeadLetters, SqsEvent, deadline, house, optional_setting, quiet_hours, sdk, setting, start_log, whole_batch},
    pacing::Pace,
    provider::Provider,
    queues::{Lanes, OptOutOrders},
    secrets::{RotatingSecret, Secret},
    stores::{Admissions, Messages, OptOuts, Paces, Recipients, Verifications},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_log();
    let sdk = sdk()?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let sender = sender::Sender {
        messages: Messages::new(dynamodb.clone(), setting("MESSAGES_TABLE")?),
        recipients: Recipients::new(dynamodb.clone(), setting("RECIPIENTS_TABLE")?),
        admissions: Admissions::new(dynamodb.clone(), setting("MESSAGES_TABLE")?, setting("LIMITS_TABLE")?),
        opt_outs: OptOuts::new(dynamodb.clone(), setting("OPT_OUTS_TABLE")?),
        verifications: Verifications::new(dynamodb.clone(), setting("VERIFICATIONS_TABLE")?),
        provider: Provider::new(
            &sdk,
            setting("ORIGINATION_IDENTITIES")?,
            setting("CONFIGURATION_SET")?,
            optional_setting("PROTECT_CONFIGURATION_ID"),
        ),
        orders: OptOutOrders::new(aws_sdk_sqs::Client::new(&sdk), setting("INBOUND_QUEUE_URL")?),
        code_secret: Secret::new(&sdk, setting("CODE_SECRET")?),
        settings_link: settings_link::SettingsLink { page: setting("PREFERENCES_URL")?, keys: RotatingSecret::new(&sdk, setting("TOKEN_KEYS")?) },
        house: house()?,
        prices: setting("PRICES")?,
        quiet_hours: quiet_hours()?,
    };
    let pacer = pacer::Pacer {
        messages: sender.messages.clone(),
        paces: Paces::new(dynamodb, setting("LIMITS_TABLE")?),
        lanes: Lanes::new(aws_sdk_sqs::Client::new(&sdk), setting("URGENT_QUEUE_URL")?, setting("BULK_QUEUE_URL")?),
        pace: Pace { parts_per_second: setting("PARTS_PER_SECOND")?, requests_per_second: setting("REQUESTS_PER_SECOND")? },
        identities: setting("ORIGINATION_IDENTITIES")?,
    };
    let clock = pacer::Clock::real();
    let dead = DeadLetters::from_environment(&sdk)?;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = deadline(event.context.deadline);
        let send = async |job: &str, turn: sender::Turn<'_>| sender.send(job, turn, deadline, jiff::Timestamp::now).await;
        let pace = async |jobs: &[&str]| pacer.pace(jobs, deadline, &clock, send).await;
        Ok::<_, Error>(whole_batch(event.payload, &dead, pace).await)
    }))
    .await
}
