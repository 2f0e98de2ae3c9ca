//! What tests share: the tables of the template in an embedded DynamoDB, queues that keep what they get, the deployed local stack with a client of its API, a browser, and a rig in which any call of a function can break.

pub mod api;
pub mod binary;
pub mod browser;
pub mod embedded;
pub mod rig;
pub mod stack;
pub mod template;
