//! Secrets: read from Secrets Manager when first needed, and kept.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use aws_sdk_secretsmanager::Client;
use tokio::sync::{OnceCell, RwLock};

use crate::{token::TokenKeys, verification::CodeSecret};

/// A secret that is read when it is first needed, and kept for the life of the process.
#[derive(Debug)]
pub struct Secret<T> {
    client: Client,
    id: String,
    value: OnceCell<T>,
}

impl<T> Secret<T> {
    /// The secret `id`: a name or an ARN.
    #[must_use]
    pub fn new(sdk: &aws_types::SdkConfig, id: String) -> Self {
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

/// A secret that may be replaced while the process lives.
#[derive(Debug)]
pub struct RotatingSecret<T> {
    client: Client,
    id: String,
    value: RwLock<Option<(Instant, Arc<T>)>>,
}

impl<T> RotatingSecret<T> {
    /// The secret `id`: a name or an ARN.
    #[must_use]
    pub fn new(sdk: &aws_types::SdkConfig, id: String) -> Self {
        Self { client: Client::new(sdk), id, value: RwLock::new(None) }
    }
}

impl RotatingSecret<TokenKeys> {
    /// Its value, as it was no longer than `age` ago.
    pub async fn get(&self, age: Duration) -> anyhow::Result<Arc<TokenKeys>> {
        if let Some((read_at, keys)) = &*self.value.read().await
            && read_at.elapsed() <= age
        {
            return Ok(keys.clone());
        }
        let answer = self.client.get_secret_value().secret_id(&self.id).send().await.context("GetSecretValue")?;
        let keys = Arc::new(TokenKeys::new(answer.secret_string().context("a secret without a string")?)?);
        *self.value.write().await = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }
}
