//! What every route may reach.

use aws_config::SdkConfig;
use jiff::Timestamp;
use sms::{
    gates::Rules,
    queues::Lanes,
    secrets::{RotatingSecret, Secret},
    stores::{Admissions, Ledger, Limits, Messages, OptOuts, Recipients, Verifications},
    token::TokenKeys,
    verification::CodeSecret,
};

/// The stores, queues and secrets, and what the house decides.
pub struct Api {
    pub recipients: Recipients,
    pub opt_outs: OptOuts,
    pub ledger: Ledger,
    pub messages: Messages,
    pub admissions: Admissions,
    pub verifications: Verifications,
    pub limits: Limits,
    pub lanes: Lanes,
    pub code_secret: Secret<CodeSecret>,
    pub token_keys: RotatingSecret<TokenKeys>,
    pub rules: Rules,
    /// How many codes may be texted within an hour of the clock, to all numbers together.
    pub codes_per_hour: u64,
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The names of the tables.
pub struct Tables {
    pub recipients: String,
    pub opt_outs: String,
    pub consents: String,
    pub messages: String,
    pub verifications: String,
    pub limits: String,
}

/// Everything else that the environment says.
pub struct Settings {
    pub urgent_queue: String,
    pub code_secret: String,
    pub token_keys: String,
    pub rules: Rules,
    pub codes_per_hour: u64,
}

impl Api {
    /// On AWS, by the clock on the wall.
    pub fn new(sdk: &SdkConfig, tables: Tables, settings: Settings) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
        let queue = settings.urgent_queue;
        Self {
            recipients: Recipients::new(dynamodb.clone(), tables.recipients),
            opt_outs: OptOuts::new(dynamodb.clone(), tables.opt_outs),
            ledger: Ledger::new(dynamodb.clone(), tables.consents),
            messages: Messages::new(dynamodb.clone(), tables.messages.clone()),
            admissions: Admissions::new(dynamodb.clone(), tables.messages, tables.limits.clone()),
            verifications: Verifications::new(dynamodb.clone(), tables.verifications),
            limits: Limits::new(dynamodb, tables.limits),
            lanes: Lanes::new(aws_sdk_sqs::Client::new(sdk), queue.clone(), queue),
            code_secret: Secret::new(sdk, settings.code_secret),
            token_keys: RotatingSecret::new(sdk, settings.token_keys),
            rules: settings.rules,
            codes_per_hour: settings.codes_per_hour,
            clock: Box::new(Timestamp::now),
        }
    }

    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
