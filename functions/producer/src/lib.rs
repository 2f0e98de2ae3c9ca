//! The producer: events in, decided rows and send jobs out.

mod producer;
#[cfg(test)]
mod tests;

pub use crate::producer::{Producer, random};
