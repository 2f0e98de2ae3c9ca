//! Secrets: read from Secrets Manager when first needed, and kept for the life of the process.

use anyhow::Context;
use aws_sdk_secretsmanager::Client;
use tokio::sync::OnceCell;

use crate::verification::CodeSecret;

/// A secret that nobody needs before they need it.
#[derive(Debug)]
pub struct Secret<T> {
    client: Client,
    id: String,
    value: OnceCell<T>,
}

impl<T> Secret<T> {
    /// The secret `id`: a name or an ARN.
    #[must_use]
    pub fn new(sdk: &aws_config::SdkConfig, id: String) -> Self {
        Self { client: Client::new(sdk), id, value: OnceCell::new() }
    }
}

impl Secret<CodeSecret> {
    /// Its value.
    pub async fn get(&self) -> anyhow::Result<&CodeSecret> {
        let read = async || {
            let answer = self.client.get_secret_value().secret_id(&self.id).send().await.context("GetSecretValue")?;
            CodeSecret::new(answer.secret_string().context("a secret without a string")?)
        };
        self.value.get_or_try_init(read).await
    }
}
