//! Signatures after Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.payload`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::shared::ids::EventId;
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;

/// What a destination's requests are signed with: one secret, and for a while after a rotation those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecrets {
    /// The newest.
    pub current: SigningSecret,
    /// Those before, the newest first, and until when each is good.
    pub previous: Vec<(SigningSecret, Timestamp)>,
}

/// A destination has as many good secrets as it can have: one of them has to run out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManySecrets;

impl SigningSecrets {
    /// Each costs a signature in every request, and a receiver needs two while it changes over.
    pub const MAX_SECRETS: usize = 5;

    /// A first secret.
    #[must_use]
    pub const fn new(current: SigningSecret) -> Self {
        Self { current, previous: Vec::new() }
    }

    /// A new secret; the one before stays good until then. Those before that keep their time. To rotate to the secret
    /// that is there already changes nothing: a write whose answer was lost is made again.
    ///
    /// # Errors
    /// More than [`MAX_SECRETS`](Self::MAX_SECRETS) would be good at once.
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
        // One that comes back signs as the new one.
        previous.retain(|(secret, until)| now < *until && *secret != new);
        if previous.len() < Self::MAX_SECRETS {
            Ok(Self { current: new, previous })
        } else {
            Err(TooManySecrets)
        }
    }

    /// Those that are good at that time, the newest first.
    pub fn active(&self, at: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        let previous = self.previous.iter().filter(move |(_, until)| at < *until);
        std::iter::once(&self.current).chain(previous.map(|(secret, _)| secret))
    }
}

/// One secret. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Vec<u8>);

impl SigningSecret {
    /// Marks a secret in its written form.
    const PREFIX: &'static str = "whsec_";
    /// Standard Webhooks asks for 24 to 64 bytes.
    const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

    /// What the written form has to be.
    pub const RULE: &'static str = "must be whsec_ and the base64 of 24 to 64 bytes";

    /// A new secret, from chance.
    #[must_use]
    pub fn new(randomness: [u8; 32]) -> Self {
        Self(randomness.to_vec())
    }

    /// Reads the written form, `whsec_` and base64.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let rule = || Invalid::new("secret", Self::RULE);
        let encoded = text.strip_prefix(Self::PREFIX).ok_or_else(rule)?;
        let key = STANDARD.decode(encoded).map_err(|_| rule())?;
        if Self::BYTES.contains(&key.len()) { Ok(Self(key)) } else { Err(rule()) }
    }

    /// The written form, for the one time that it is shown and for the table.
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

/// The `webhook-signature` header: one signature per secret, so that a receiver can verify with either during a
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
        assert_eq!(SigningSecret::parse(&secret.reveal()), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "SigningSecret");
        for text in ["", "whsec_", "whsec_AAAA", "AAAA", "whsec_!!"] {
            assert!(SigningSecret::parse(text).is_err(), "{text}");
        }
    }

    /// The example of the Standard Webhooks specification's reference libraries.
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
        assert_eq!(active(&back, 5_000), [first, third, second], "one that comes back is there once");
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
