//! The simulator from outside: by the real SDKs, and over HTTP as the page and the scripts use it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod boto3;
mod console;
mod demo;
mod support;
mod wire;
