//! `POST …/verifications` and `…/verifications/check`: a person proves that a number is theirs.

mod check;
mod start;

pub use check::{Guessed, Verified, check};
pub use start::{Started, VerificationRequest, start};
