//! The producer as a Lambda function.
#![recursion_limit = "256"] // what a batch waits for is deep, and its layout is worked out across two crates

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use producer::{Producer, random};
use sms::{
    lambda::{DeadLetters, SqsEvent, rules, sdk, setting, start_log, whole_batch},
    queues::Lanes,
    stores::{Admissions, Codes, Limits, Messages, OptOuts, Recipients, Verifications},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_log();
    let sdk = sdk()?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let producer = Producer {
        recipients: Recipients::new(dynamodb.clone(), setting("RECIPIENTS_TABLE")?),
        opt_outs: OptOuts::new(dynamodb.clone(), setting("OPT_OUTS_TABLE")?),
        messages: Messages::new(dynamodb.clone(), setting("MESSAGES_TABLE")?),
        admissions: Admissions::new(dynamodb.clone(), setting("MESSAGES_TABLE")?, setting("LIMITS_TABLE")?),
        codes: Codes {
            limits: Limits::new(dynamodb.clone(), setting("LIMITS_TABLE")?),
            verifications: Verifications::new(dynamodb, setting("VERIFICATIONS_TABLE")?),
            per_hour: setting("CODES_PER_HOUR")?,
        },
        lanes: Lanes::new(aws_sdk_sqs::Client::new(&sdk), setting("URGENT_QUEUE_URL")?, setting("BULK_QUEUE_URL")?),
        rules: rules()?,
    };
    let dead = DeadLetters::from_environment(&sdk)?;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let now = jiff::Timestamp::now();
        let admit = async |bodies: &[&str]| producer.admit(bodies, now, random).await;
        Ok::<_, Error>(whole_batch(event.payload, &dead, admit).await)
    }))
    .await
}
