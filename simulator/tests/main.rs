//! The simulator from outside: by the real SDKs, and over HTTP as the page and the scripts use it.

mod boto3;
mod console;
mod support;
mod wire;
