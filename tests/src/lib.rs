//! What tests share: the tables of the template in an embedded DynamoDB, queues that keep what they get, the deployed local stack with a client of its API, and a browser.

pub mod api;
pub mod binary;
pub mod browser;
pub mod embedded;
pub mod stack;
pub mod template;
