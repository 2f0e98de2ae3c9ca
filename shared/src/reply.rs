//! PLACEHOLDER by the lead until the real module is here: overwrite or delete this file.
#![allow(missing_docs)]
use crate::kind::Category;
pub enum Meaning { StopAll, StopCategories(Vec<Category>), Start, Help, Unclear, Other }
pub struct Reading { pub meaning: Meaning, pub rule: &'static str, pub network_keyword: bool }
pub fn read(_b: &str) -> Reading { Reading { meaning: Meaning::Other, rule: "x", network_keyword: false } }
