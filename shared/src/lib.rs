//! The library of AllThrive SMS: a pure core, and concrete edges round it.

pub mod area_codes;
pub mod consent;
pub mod content;
pub mod delivery;
pub mod encoding;
pub mod event;
pub mod gates;
pub mod kind;
pub mod lambda;
pub mod limits;
pub mod message;
pub mod moment;
pub mod money;
pub mod opt_out;
pub mod phone;
pub mod provider;
pub mod queues;
pub mod quiet_hours;
pub mod recipient;
pub mod reply;
pub mod secrets;
pub mod stores;
pub mod text;
pub mod token;
pub mod verification;
