//! User tokens: what lets a browser act for one person, for a while.
//!
//! `<key id>.<claims>.<MAC>`: the claims are base64url JSON, the MAC is HMAC-SHA-256 over everything before it. Two keys are valid at a time, so that a key can be
//! replaced without a moment in which tokens fail.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::UserId;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything under `/v1/me`.
    Manage,
    /// Looking only.
    Read,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// For whom it is.
    #[serde(rename = "u")]
    pub user_id: UserId,
    /// What it allows.
    #[serde(rename = "s")]
    pub scope: Scope,
    /// When it ends: epoch seconds.
    #[serde(rename = "e")]
    pub expires_at: i64,
}

/// Why a token is not taken. Whom it is for is said of none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Of no key that is known here: it may be of one that is newer.
    #[error("the token is of an unknown key")]
    UnknownKey,
    /// Not of ours, or changed.
    #[error("the token is not valid")]
    Invalid,
    /// Over.
    #[error("the token has expired")]
    Expired,
}

/// The keys that tokens are signed with: the secret `{"current": "…", "previous": "…"}`.
#[derive(Clone)]
pub struct TokenKeys {
    current: Key,
    previous: Option<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    value: Vec<u8>,
}

#[derive(Deserialize)]
struct Stored {
    current: String,
    #[serde(default)]
    previous: String,
}

impl TokenKeys {
    /// From the secret's value. `previous` may be empty; a short key is refused.
    pub fn new(secret: &str) -> anyhow::Result<Self> {
        // The error of serde_json may quote the secret.
        let stored = serde_json::from_str::<Stored>(secret).map_err(|_| anyhow::anyhow!("the token keys are not {{\"current\", \"previous\"}}"))?;
        let previous = (!stored.previous.is_empty()).then(|| Key::new(&stored.previous)).transpose()?;
        Ok(Self { current: Key::new(&stored.current)?, previous })
    }

    /// A token that says `claims`, of the current key.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let signed = format!("{}.{}", self.current.id, URL_SAFE_NO_PAD.encode(claims));
        let mac = self.current.mac(&signed).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// What `token` says, if it is whole, of ours, and not over at `now`.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Claims, Refused> {
        let (signed, mac) = token.rsplit_once('.').ok_or(Refused::Invalid)?;
        let (id, claims) = signed.split_once('.').ok_or(Refused::Invalid)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| Refused::Invalid)?;
        let key = [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == id).ok_or(Refused::UnknownKey)?;
        key.mac(signed).verify_slice(&mac).map_err(|_| Refused::Invalid)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| Refused::Invalid)?;
        let claims = serde_json::from_slice::<Claims>(&claims).map_err(|_| Refused::Invalid)?;
        if claims.expires_at > now.as_second() { Ok(claims) } else { Err(Refused::Expired) }
    }
}

impl Key {
    fn new(value: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(value.len() >= 32, "a token key has {} characters and needs 32", value.len());
        let id = Sha256::digest(format!("id of {value}")).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id, value: value.as_bytes().to_vec() })
    }

    fn mac(&self, signed: &str) -> Hmac<Sha256> {
        let hmac = Hmac::<Sha256>::new_from_slice(&self.value).unwrap_or_else(|_| unreachable!("HMAC takes keys of every length"));
        hmac.chain_update(signed.as_bytes())
    }
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Claims, Refused, Scope, TokenKeys};
    use crate::event::UserId;

    fn keys(current: char, previous: Option<char>) -> TokenKeys {
        let key = |letter: char| letter.to_string().repeat(40);
        let secret = serde_json::json!({"current": key(current), "previous": previous.map(key).unwrap_or_default()});
        TokenKeys::new(&secret.to_string()).expect("keys")
    }

    fn claims() -> Claims {
        Claims { user_id: UserId::try_from("ada".to_owned()).expect("user"), scope: Scope::Manage, expires_at: 1000 }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("instant")
    }

    #[test]
    fn a_token_says_what_it_was_given_until_it_ends() {
        let token = keys('a', None).sign(&claims());
        assert_eq!(keys('a', None).read(&token, at(999)), Ok(claims()));
        assert_eq!(keys('a', None).read(&token, at(1000)), Err(Refused::Expired));
    }

    #[test]
    fn a_replaced_key_is_good_for_one_more_turn() {
        let token = keys('a', None).sign(&claims());
        assert!(keys('b', Some('a')).read(&token, at(0)).is_ok());
        assert_eq!(keys('c', Some('b')).read(&token, at(0)), Err(Refused::UnknownKey));
    }

    #[test]
    fn a_token_with_any_letter_changed_or_missing_is_refused() {
        let keys = keys('a', None);
        let token = keys.sign(&claims());
        for place in 0..token.len() {
            let letter = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
            let changed = format!("{}{letter}{}", &token[..place], &token[place + 1..]);
            // The last letter of base64 has bits that say nothing.
            if place + 1 < token.len() {
                assert!(keys.read(&changed, at(0)).is_err(), "{place}");
            }
            assert!(keys.read(&token[..place], at(0)).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn keys_hide_themselves_and_short_or_unreadable_ones_are_refused() {
        assert_eq!(format!("{:?}", keys('a', None)), "TokenKeys(…)");
        for bad in [r#"{"current":"short"}"#, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", r#"{"previous":"x"}"#] {
            let error = TokenKeys::new(bad).expect_err("no keys").to_string();
            assert!(!error.contains("kkk"), "{error}");
        }
    }
}
