//! The library of AllThrive SMS: a pure core, and concrete edges round it.

pub mod encoding;
pub mod kind;
pub mod phone;
