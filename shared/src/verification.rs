//! Verification codes: nobody stores one, neither in clear nor hashed.
//!
//! A code is an HOTP value (RFC 4226): the HMAC of a random nonce under a secret that only Secrets Manager holds, cut to six digits. The table keeps the nonce,
//! which says nothing without the secret; who sends or checks a code works it out anew.

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use crate::{event::UserId, message::CODE_LIFE, moment, phone::PhoneNumber};

/// The row of a code in the verifications table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Its key: the id of the message that carries the code.
    pub verification_id: Uuid,
    /// Who wants to prove the number.
    pub user_id: UserId,
    /// The number to prove.
    pub phone: PhoneNumber,
    /// 128 random bits as 32 hex digits.
    pub nonce: String,
    /// Guesses so far, each counted before it is looked at.
    pub attempts: u32,
    /// When the right code was given: it works once.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// The verification whose code this message says once more. Guesses are counted there, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Uuid>,
    /// The messages that said its code once more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub texts: BTreeSet<Uuid>,
    /// When it was noticed that the code is used, locked or expired.
    #[serde(default, with = "moment::option", skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Whether AWS has yet to hear what became of the code.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untold: bool,
    /// When the code stops working.
    #[serde(with = "moment")]
    pub valid_until: Timestamp,
    /// When it was made.
    #[serde(with = "moment")]
    pub created_at: Timestamp,
    /// When DynamoDB may forget it: epoch seconds. A day later than `valid_until`, since limits count codes per day.
    pub expires_at: i64,
}

/// The guesses that a code allows.
pub const MOST_GUESSES: u32 = 5;

/// The secret that all codes are made with.
#[derive(Clone)]
pub struct CodeSecret(Vec<u8>);

impl Verification {
    /// A fresh code for `phone`, with 128 bits from a cryptographic random number generator.
    #[must_use]
    pub fn new(verification_id: Uuid, user_id: UserId, phone: PhoneNumber, random: [u8; 16], now: Timestamp) -> Self {
        let valid_until = now + CODE_LIFE;
        Self {
            verification_id,
            user_id,
            phone,
            nonce: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            attempts: 0,
            used_at: None,
            repeats: None,
            texts: BTreeSet::new(),
            closed_at: None,
            untold: true,
            valid_until,
            created_at: now,
            expires_at: valid_until.as_second() + 24 * 3600,
        }
    }

    /// The row of a second message, `message_id`, with the same code.
    #[must_use]
    pub fn repeated_in(&self, message_id: Uuid) -> Self {
        let repeats = Some(self.repeats.unwrap_or(self.verification_id));
        Self { verification_id: message_id, repeats, texts: BTreeSet::new(), untold: false, ..self.clone() }
    }

    /// Whether its code may still be given at `now`.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && self.attempts < MOST_GUESSES && self.valid_until > now
    }

    /// Whether `guess` is its code; how long that takes says nothing about the code.
    #[must_use]
    pub fn matches(&self, guess: &str, secret: &CodeSecret) -> bool {
        let expected = secret.hmac().chain_update(self.code(secret).as_bytes()).finalize().into_bytes();
        secret.hmac().chain_update(guess.as_bytes()).verify_slice(&expected).is_ok()
    }

    /// Its six digits: bound to the user, the number and the verification.
    #[must_use]
    pub fn code(&self, secret: &CodeSecret) -> String {
        let id = self.repeats.unwrap_or(self.verification_id);
        let bound = format!("{}\n{id}\n{}\n{}", self.nonce, self.user_id, self.phone.as_e164());
        let mac = secret.hmac().chain_update(bound.as_bytes()).finalize().into_bytes();
        // Eight bytes instead of RFC 4226's four: the bias towards small codes is then below 10⁻¹³.
        let number = mac.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{:06}", number % 1_000_000)
    }
}

impl CodeSecret {
    /// From the secret's value; a short one is refused.
    pub fn new(value: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(value.len() >= 32, "the code secret has {} characters and needs 32", value.len());
        Ok(Self(value.as_bytes().to_vec()))
    }

    fn hmac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!("HMAC takes keys of every length"))
    }
}

impl std::fmt::Debug for CodeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{CodeSecret, Verification};
    use crate::event::UserId;

    fn verification(random: u8) -> Verification {
        let dee = UserId::try_from("dee".to_owned()).expect("user");
        Verification::new(uuid::Uuid::nil(), dee, "+12025550104".parse().expect("phone"), [random; 16], jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_code_has_six_digits_and_is_the_same_each_time() {
        let secret = CodeSecret::new(&"s".repeat(32)).expect("secret");
        let codes = (0..=255).map(|random| verification(random).code(&secret)).collect::<HashSet<_>>();
        assert!(codes.iter().all(|code| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())));
        assert!(codes.len() > 250, "{} codes of 256 differ", codes.len());
        assert_eq!(verification(7).code(&secret), verification(7).code(&secret));
    }

    #[test]
    fn a_code_is_bound_to_the_secret_the_number_and_the_user() {
        let secret = CodeSecret::new(&"s".repeat(32)).expect("secret");
        let other_secret = CodeSecret::new(&"t".repeat(32)).expect("secret");
        let code = verification(1).code(&secret);
        assert_ne!(code, verification(1).code(&other_secret));
        assert_ne!(code, Verification { phone: "+12025550105".parse().expect("phone"), ..verification(1) }.code(&secret));
        assert_ne!(code, Verification { user_id: UserId::try_from("eve".to_owned()).expect("user"), ..verification(1) }.code(&secret));
    }

    #[test]
    fn a_second_message_has_the_same_code_and_names_where_guesses_are_counted() {
        let secret = CodeSecret::new(&"s".repeat(32)).expect("secret");
        let first = verification(1);
        let second = first.repeated_in(uuid::Uuid::from_u128(2));
        let third = second.repeated_in(uuid::Uuid::from_u128(3));
        assert_eq!([second.code(&secret), third.code(&secret)], [first.code(&secret), first.code(&secret)]);
        assert_eq!([second.repeats, third.repeats], [Some(first.verification_id); 2]);
    }

    #[test]
    fn only_the_whole_code_matches() {
        let secret = CodeSecret::new(&"s".repeat(32)).expect("secret");
        let code = verification(1).code(&secret);
        assert!(verification(1).matches(&code, &secret));
        for wrong in ["", &code[..5], &format!("{code}0"), &verification(2).code(&secret)] {
            assert!(!verification(1).matches(wrong, &secret), "{wrong}");
        }
    }

    #[test]
    fn a_secret_hides_itself_and_a_short_one_is_refused() {
        assert_eq!(format!("{:?}", CodeSecret::new(&"s".repeat(32)).expect("secret")), "CodeSecret(…)");
        assert!(CodeSecret::new("short").is_err());
    }
}
