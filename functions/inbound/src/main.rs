//! The inbound function: what people text us in, opt-outs and answers out. Nothing else keeps the opt-outs.

mod inbound;
#[cfg(test)]
mod tests;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use sms::{
    lambda::{DeadLetters, SqsEvent, each_record, rules, sdk, setting, start_log},
    provider::OptOutList,
    queues::Lanes,
    stores::{Admissions, Ledger, Messages, OptOuts, Recipients, Replies},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_log();
    let sdk = sdk()?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let urgent = setting::<String>("URGENT_QUEUE_URL")?;
    let inbound = inbound::Inbound {
        replies: Replies::new(dynamodb.clone(), setting("REPLIES_TABLE")?),
        opt_outs: OptOuts::new(dynamodb.clone(), setting("OPT_OUTS_TABLE")?),
        recipients: Recipients::new(dynamodb.clone(), setting("RECIPIENTS_TABLE")?),
        ledger: Ledger::new(dynamodb.clone(), setting("CONSENTS_TABLE")?),
        messages: Messages::new(dynamodb.clone(), setting("MESSAGES_TABLE")?),
        admissions: Admissions::new(dynamodb, setting("MESSAGES_TABLE")?, setting("LIMITS_TABLE")?),
        list: OptOutList::new(&sdk, setting("OPT_OUT_LIST")?),
        // Replies are urgent, all of them.
        lanes: Lanes::new(aws_sdk_sqs::Client::new(&sdk), urgent.clone(), urgent),
        stop_answered_by: setting("STOP_ANSWERED_BY")?,
        rules: rules()?,
    };
    let dead = DeadLetters::from_environment(&sdk)?;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let obey = async |body: &str| inbound.obey(body, jiff::Timestamp::now()).await;
        Ok::<_, Error>(each_record(event.payload, &dead, obey).await)
    }))
    .await
}
