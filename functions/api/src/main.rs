//! The api as a Lambda function.

use api::{Settings, Tables, router, with_a_safe_url};
use lambda_http::{Adapter, Error, Service, lambda_runtime, service_fn};
use sms::lambda::{rules, sdk, setting, start_log};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    start_log();
    let sdk = sdk()?;
    let tables = Tables {
        recipients: setting("RECIPIENTS_TABLE")?,
        opt_outs: setting("OPT_OUTS_TABLE")?,
        consents: setting("CONSENTS_TABLE")?,
        messages: setting("MESSAGES_TABLE")?,
        replies: setting("REPLIES_TABLE")?,
        verifications: setting("VERIFICATIONS_TABLE")?,
        limits: setting("LIMITS_TABLE")?,
    };
    let settings = Settings {
        urgent_queue: setting("URGENT_QUEUE_URL")?,
        inbound_queue: setting("INBOUND_QUEUE_URL")?,
        code_secret: setting("CODE_SECRET")?,
        token_keys: setting("TOKEN_KEYS")?,
        rules: rules()?,
        codes_per_hour: setting("CODES_PER_HOUR")?,
        consent_retention_years: setting("CONSENT_RETENTION_YEARS")?,
    };
    let api = Adapter::from(router(&sdk, tables, settings));
    lambda_runtime::run(service_fn(move |event| api.clone().call(with_a_safe_url(event)))).await
}
