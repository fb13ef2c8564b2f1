//! Signatures according to Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.payload`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::shared::ids::EventId;
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;

/// The signing secrets of a destination: the current one and, for a while after a rotation, those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecrets {
    /// The newest secret.
    pub current: SigningSecret,
    /// Previous secrets, newest first, and when each expires.
    pub previous: Vec<(SigningSecret, Timestamp)>,
}

/// The destination has the maximum of valid secrets: one must expire before the next rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManySecrets;

impl SigningSecrets {
    /// Most valid secrets. Each costs a signature in every request; a receiver needs two during a rotation.
    pub const MAX_SECRETS: usize = 5;

    /// Starts with a first secret.
    #[must_use]
    pub const fn new(current: SigningSecret) -> Self {
        Self { current, previous: Vec::new() }
    }

    /// Makes `new` the current secret. The one before expires at `until`; older ones keep their expiry. Rotating to the
    /// current secret changes nothing, so a write whose response was lost can be repeated.
    ///
    /// # Errors
    /// More than [`MAX_SECRETS`](Self::MAX_SECRETS) would be valid at once.
    pub fn rotate(
        &self,
        new: SigningSecret,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Self, TooManySecrets> {
        if self.current == new {
            return Ok(self.clone());
        }
        let mut previous = vec![(self.current.clone(), until)];
        previous.extend(self.previous.iter().cloned());
        // A previous secret that becomes current again is listed only once.
        previous.retain(|(secret, until)| now < *until && *secret != new);
        if previous.len() < Self::MAX_SECRETS {
            Ok(Self { current: new, previous })
        } else {
            Err(TooManySecrets)
        }
    }

    /// The secrets that are valid at `at`, newest first.
    pub fn active(&self, at: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let previous = self.previous.iter().filter(move |(_, until)| at < *until);
        std::iter::once(&self.current).chain(previous.map(|(secret, _)| secret))
    }
}

/// One signing secret. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// Starts the text form of a secret.
    const PREFIX: &'static str = "whsec_";
    /// Standard Webhooks asks for 24 to 64 bytes.
    const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

    /// The rule for the text form.
    pub const RULE: &'static str = "must be whsec_ and the base64 of 24 to 64 bytes";

    /// Creates a secret from random bytes.
    #[must_use]
    pub fn new(randomness: [u8; 32]) -> Self {
        Self(randomness.to_vec())
    }

    /// Reads the text form that a customer gives.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let secret = Self::from_stored(text)?;
        // A placeholder such as 32 zeros, which anybody can try.
        if secret.0.iter().all(|byte| *byte == secret.0[0]) {
            return Err(Invalid::new("secret", "must not be one byte repeated"));
        }
        Ok(secret)
    }

    /// Reads the text form, `whsec_` and base64, of a secret that is in use.
    pub fn from_stored(text: &str) -> Result<Self, Invalid> {
        let rule = || Invalid::new("secret", Self::RULE);
        let encoded = text.strip_prefix(Self::PREFIX).ok_or_else(rule)?;
        let key = STANDARD.decode(encoded).map_err(|_| rule())?;
        if Self::BYTES.contains(&key.len()) { Ok(Self(key)) } else { Err(rule()) }
    }

    /// The text form, for storage and for the one time it is shown.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}{}", Self::PREFIX, STANDARD.encode(&self.0))
    }

    fn sign(&self, event: &EventId, at: Timestamp, payload: &[u8]) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key");
        mac.update(format!("{event}.{}.", at.as_secs()).as_bytes());
        mac.update(payload);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret")
    }
}

/// The `webhook-signature` header: one signature per secret, so that a receiver can verify with any of them during a
/// rotation.
#[must_use]
pub fn signatures(secrets: &SigningSecrets, event: &EventId, at: Timestamp, payload: &[u8]) -> String {
    let signed: Vec<_> = secrets.active(at).map(|secret| secret.sign(event, at, payload)).collect();
    signed.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_is_written_and_never_printed() {
        let secret = SigningSecret::new([7; 32]);
        assert_eq!(SigningSecret::from_stored(&secret.reveal()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "SigningSecret");
    }

    #[test]
    fn a_secret_that_a_customer_gives_has_the_form_of_ours() {
        let corpus = include_str!("../../../../tests/corpus/hostile/signing-secrets.txt");
        for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (text, expected) = line.rsplit_once(" | ").unwrap();
            let text: String = serde_json::from_str(text).unwrap();
            assert_eq!(SigningSecret::parse(&text).is_ok(), expected == "taken", "{line}");
        }
    }

    #[test]
    fn one_byte_repeated_is_no_secret() {
        for (key, length) in [(0, 32), (0xff, 24), (b'a', 64), (1, 33), (7, 32)] {
            let text = |key: Vec<u8>| format!("whsec_{}", STANDARD.encode(key));
            let refused = SigningSecret::parse(&text(vec![key; length])).unwrap_err();
            assert_eq!(refused.to_string(), "secret must not be one byte repeated", "{key}");
            let mut other = vec![key; length];
            other[length - 1] ^= 1;
            assert!(SigningSecret::parse(&text(other)).is_ok(), "{key}");
        }
    }

    /// The example in the reference libraries of the Standard Webhooks specification.
    #[test]
    fn the_published_vector_is_met() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let event = EventId::parse("msg_p5jXN8AQM9LWM0D4loKWxJek").unwrap();
        let at = Timestamp::from_millis(1_614_265_330_000);
        let signed = signatures(&SigningSecrets::new(secret), &event, at, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_was_rotated_is_good_until_its_time_is_over() {
        let at = Timestamp::from_millis;
        let [first, second, third] = [1, 2, 3].map(|byte| SigningSecret::new([byte; 32]));
        let once = SigningSecrets::new(first.clone()).rotate(second.clone(), at(10_000), at(0)).unwrap();
        let active =
            |secrets: &SigningSecrets, millis| secrets.active(at(millis)).cloned().collect::<Vec<_>>();
        assert_eq!(active(&once, 9_999), [second.clone(), first.clone()]);
        assert_eq!(active(&once, 10_000), std::slice::from_ref(&second));
        assert_eq!(once.rotate(second.clone(), at(20_000), at(1)), Ok(once.clone()), "the same write again");
        let twice = once.rotate(third.clone(), at(15_000), at(5_000)).unwrap();
        assert_eq!(active(&twice, 9_999), [third.clone(), second.clone(), first.clone()]);
        let again = twice.rotate(third.clone(), at(0), at(12_000)).unwrap();
        assert_eq!(again.previous.len(), 2, "nothing changes");
        let back = twice.rotate(first.clone(), at(15_000), at(5_000)).unwrap();
        assert_eq!(active(&back, 5_000), [first, third, second], "a returning secret is listed once");
    }

    #[test]
    fn as_many_secrets_are_good_at_once_as_sign_every_request() {
        let at = Timestamp::from_millis;
        let mut secrets = SigningSecrets::new(SigningSecret::new([0; 32]));
        for byte in 1..5 {
            secrets = secrets.rotate(SigningSecret::new([byte; 32]), at(10_000), at(0)).unwrap();
        }
        let sixth = SigningSecret::new([5; 32]);
        assert_eq!(secrets.rotate(sixth.clone(), at(20_000), at(9_999)), Err(TooManySecrets));
        assert_eq!(secrets.rotate(sixth.clone(), at(20_000), at(10_000)).unwrap().previous.len(), 1);
        assert_eq!(secrets.rotate(sixth, at(0), at(5)).unwrap().previous.len(), 4, "without grace");
    }
}
