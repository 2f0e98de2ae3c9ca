//! A Lambda function that has the sender's SDK clients and does nothing: how fast a function could start.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sdk = sms::lambda::sdk()?;
    let clients = (
        aws_sdk_dynamodb::Client::new(&sdk),
        aws_sdk_sqs::Client::new(&sdk),
        aws_sdk_secretsmanager::Client::new(&sdk),
        aws_sdk_pinpointsmsvoicev2::Client::new(&sdk),
    );
    let clients = &clients;
    run(service_fn(async |_: LambdaEvent<Value>| {
        std::hint::black_box(clients);
        Ok::<_, Error>(json!({"batchItemFailures": []}))
    }))
    .await
}
