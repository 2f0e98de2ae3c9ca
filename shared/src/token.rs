//! User tokens: what lets a browser act for one person, for a while.
//!
//! In base64url: what it allows (1 byte), the key's id (3), when it ends (4), the MAC (16, of HMAC-SHA-256 over everything else), and the user's id. Short, because a
//! text carries one in a link and is paid by its length. Two keys are valid at a time, so that a key can be replaced without a moment in which tokens fail.

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// For whom it is.
    pub user_id: UserId,
    /// What it allows.
    pub scope: Scope,
    /// When it ends: epoch seconds, up to the year 2106.
    pub expires_at: i64,
}

/// The parts of a token before the user's id.
const HEAD: usize = 8;
const MAC: usize = 16;

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
    id: [u8; 3],
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
        let ends = u32::try_from(claims.expires_at.max(0)).unwrap_or(u32::MAX);
        let head = [&[claims.scope.byte()][..], &self.current.id, &ends.to_be_bytes()].concat();
        let user = claims.user_id.as_str().as_bytes();
        let mac = self.current.mac(&head, user).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&head, &mac[..MAC], user].concat())
    }

    /// What `token` says, if it is whole, of ours, and not over at `now`.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Claims, Refused> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Refused::Invalid)?;
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(Refused::Invalid)?;
        let (mac, user) = rest.split_first_chunk::<MAC>().ok_or(Refused::Invalid)?;
        let [scope, id @ .., e0, e1, e2, e3] = *head;
        let key = [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == id).ok_or(Refused::UnknownKey)?;
        key.mac(head, user).verify_truncated_left(mac).map_err(|_| Refused::Invalid)?;
        let user_id = String::from_utf8(user.to_vec()).ok().and_then(|user| UserId::try_from(user).ok()).ok_or(Refused::Invalid)?;
        let scope = Scope::of(scope).ok_or(Refused::Invalid)?;
        let expires_at = i64::from(u32::from_be_bytes([e0, e1, e2, e3]));
        if expires_at > now.as_second() { Ok(Claims { user_id, scope, expires_at }) } else { Err(Refused::Expired) }
    }
}

impl Scope {
    fn byte(self) -> u8 {
        match self {
            Self::Manage => 1,
            Self::Read => 2,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Manage, Self::Read].into_iter().find(|scope| scope.byte() == byte)
    }
}

/// What a form of a page that `token` opened carries, so that only that page can have sent it.
#[must_use]
pub fn form_proof(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(form_mac(token).finalize().into_bytes())
}

/// Whether `proof` is that of `token`; how long that takes says nothing about it.
#[must_use]
pub fn proves(proof: &str, token: &str) -> bool {
    URL_SAFE_NO_PAD.decode(proof).is_ok_and(|proof| form_mac(token).verify_slice(&proof).is_ok())
}

fn form_mac(token: &str) -> Hmac<Sha256> {
    let hmac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).unwrap_or_else(|_| unreachable!("HMAC takes keys of every length"));
    hmac.chain_update(b"a form of the page that this token opened")
}

impl Key {
    fn new(value: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(value.len() >= 32, "a token key has {} characters and needs 32", value.len());
        let digest = Sha256::digest(format!("id of {value}"));
        Ok(Self { id: [digest[0], digest[1], digest[2]], value: value.as_bytes().to_vec() })
    }

    fn mac(&self, head: &[u8], user: &[u8]) -> Hmac<Sha256> {
        let hmac = Hmac::<Sha256>::new_from_slice(&self.value).unwrap_or_else(|_| unreachable!("HMAC takes keys of every length"));
        hmac.chain_update(head).chain_update(user)
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
        let read = Claims { scope: Scope::Read, ..claims() };
        assert_eq!(keys('a', None).read(&keys('a', None).sign(&read), at(999)), Ok(read));
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
            assert!(keys.read(&changed, at(0)).is_err(), "{place}");
            assert!(keys.read(&token[..place], at(0)).is_err(), "cut at {place}");
        }
    }

    #[test]
    fn a_token_is_short() {
        assert_eq!(keys('a', None).sign(&claims()).len(), 36);
    }

    #[test]
    fn a_form_is_proven_by_the_token_that_opened_its_page_and_by_no_other() {
        let (mine, others) = (keys('a', None).sign(&claims()), keys('b', None).sign(&claims()));
        assert!(super::proves(&super::form_proof(&mine), &mine));
        for bad in ["", "x", &super::form_proof(&others), &mine, &super::form_proof(&mine)[1..]] {
            assert!(!super::proves(bad, &mine), "{bad}");
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
