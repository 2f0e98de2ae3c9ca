//! Instants as rows hold them: RFC 3339 in UTC with milliseconds, so that their order as text is their order in time.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Such as `2026-11-22T10:00:00.000Z`.
#[must_use]
pub fn text(moment: Timestamp) -> String {
    format!("{moment:.3}")
}

/// For `#[serde(with = "moment")]`.
pub fn serialize<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*moment))
}

/// For `#[serde(with = "moment")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(|_| D::Error::custom("not an RFC 3339 instant"))
}

/// For `#[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]`.
pub mod option {
    use super::{Deserialize, Deserializer, Error, Serializer, Timestamp};

    /// `None` is null.
    pub fn serialize<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match moment {
            Some(moment) => super::serialize(moment, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Null or nothing is `None`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(|_| D::Error::custom("not an RFC 3339 instant"))).transpose()
    }
}
