//! `POST …/verifications` and `…/verifications/check`: a person proves that a number is theirs.

mod check;
mod limits;
mod start;

pub use check::{Guessed, Verified, check};
pub use limits::{id_of_number, ids_of};
pub use start::{Started, VerificationRequest, start};
