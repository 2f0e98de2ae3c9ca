//! The api: HTTP requests in; preferences, consent, codes and history out.

mod api;
mod auth;
mod body;
mod disclosures;
mod documented;
mod pages;
mod people;
mod problem;
mod routes;
#[cfg(test)]
mod tests;
mod welcome;

use aws_types::SdkConfig;
use axum::Router;

pub use crate::{
    api::{Settings, Tables},
    routes::with_a_safe_url,
};

/// Everything that the api answers, by the clock on the wall.
pub fn router(sdk: &SdkConfig, tables: Tables, settings: Settings) -> Router {
    routes::router(api::Api::new(sdk, tables, settings))
}
