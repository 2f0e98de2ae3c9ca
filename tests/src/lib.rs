//! What tests share: the tables of the template in an embedded DynamoDB, queues that keep what they get, and the deployed local stack.

pub mod binary;
pub mod embedded;
pub mod stack;
pub mod template;
