//! What every route may reach.

use aws_types::SdkConfig;
use jiff::Timestamp;
use sms::{
    closing::{Closing, Feedback},
    gates::Rules,
    queues::{Lanes, OptOutOrders},
    secrets::{RotatingSecret, Secret},
    stores::{Admissions, Codes, Ledger, Limits, Messages, OptOuts, Recipients, Replies, Verifications},
    token::TokenKeys,
    verification::CodeSecret,
};

/// The stores, queues and secrets, and what the house decides.
pub struct Api {
    pub recipients: Recipients,
    pub opt_outs: OptOuts,
    pub ledger: Ledger,
    pub messages: Messages,
    pub replies: Replies,
    pub admissions: Admissions,
    pub verifications: Verifications,
    pub codes: Codes,
    pub closing: Closing,
    pub lanes: Lanes,
    pub opt_out_orders: OptOutOrders,
    pub code_secret: Secret<CodeSecret>,
    pub token_keys: RotatingSecret<TokenKeys>,
    pub rules: Rules,
    /// How long the ledger of an erased person is kept, in years.
    pub consent_retention_years: u8,
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The names of the tables.
pub struct Tables {
    /// `RECIPIENTS_TABLE`.
    pub recipients: String,
    /// `OPT_OUTS_TABLE`.
    pub opt_outs: String,
    /// `CONSENTS_TABLE`.
    pub consents: String,
    /// `MESSAGES_TABLE`.
    pub messages: String,
    /// `REPLIES_TABLE`.
    pub replies: String,
    /// `VERIFICATIONS_TABLE`.
    pub verifications: String,
    /// `LIMITS_TABLE`.
    pub limits: String,
}

/// Everything else that the environment says.
pub struct Settings {
    /// The URL of the lane that codes and welcomes take.
    pub urgent_queue: String,
    /// The URL of the queue that opt-outs are ordered by.
    pub inbound_queue: String,
    /// The ARN of the secret that codes are made with.
    pub code_secret: String,
    /// The ARN of the secret that tokens are signed with.
    pub token_keys: String,
    /// What the gates go by.
    pub rules: Rules,
    /// How many codes may be asked for in an hour, by all together.
    pub codes_per_hour: u64,
    /// How long the ledger of an erased person is kept, in years.
    pub consent_retention_years: u8,
}

impl Api {
    /// On AWS, by the clock on the wall.
    pub fn new(sdk: &SdkConfig, tables: Tables, settings: Settings) -> Self {
        let dynamodb = aws_sdk_dynamodb::Client::new(sdk);
        let sqs = aws_sdk_sqs::Client::new(sdk);
        let queue = settings.urgent_queue;
        let messages = Messages::new(dynamodb.clone(), tables.messages.clone());
        let admissions = Admissions::new(dynamodb.clone(), tables.messages, tables.limits.clone());
        let verifications = Verifications::new(dynamodb.clone(), tables.verifications);
        Self {
            recipients: Recipients::new(dynamodb.clone(), tables.recipients),
            opt_outs: OptOuts::new(dynamodb.clone(), tables.opt_outs),
            ledger: Ledger::new(dynamodb.clone(), tables.consents),
            replies: Replies::new(dynamodb.clone(), tables.replies),
            admissions,
            codes: Codes { limits: Limits::new(dynamodb, tables.limits), verifications: verifications.clone(), per_hour: settings.codes_per_hour },
            closing: Closing { verifications: verifications.clone(), messages: messages.clone(), feedback: Feedback::new(sdk) },
            messages,
            verifications,
            lanes: Lanes::new(sqs.clone(), queue.clone(), queue),
            opt_out_orders: OptOutOrders::new(sqs, settings.inbound_queue),
            code_secret: Secret::new(sdk, settings.code_secret),
            token_keys: RotatingSecret::new(sdk, settings.token_keys),
            rules: settings.rules,
            consent_retention_years: settings.consent_retention_years,
            clock: Box::new(Timestamp::now),
        }
    }

    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
