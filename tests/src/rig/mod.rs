//! The functions as real processes, and between them and AWS a hand that can break any call, or kill the one who makes it.
//!
//! DynamoDB and the provider are those of the other tests; SQS is one whose clock can be moved ([`sqs`]), and this rig is the poller that Lambda would be.

pub mod caps;
pub mod clock;
pub mod cloud;
pub mod crash;
pub mod function;
pub mod samples;
pub mod secrets;
pub mod sqs;
pub mod storm;
pub mod taken;
pub mod wire;
pub mod words;
pub mod world;
