//! Texts for URLs that only we can have made: each carries a message authentication code (MAC) of its body.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::shared::ids::digest;

/// The length of a MAC: half of SHA-256, as RFC 2104 allows.
const MAC_BYTES: usize = 16;

/// A text that was read, whose MAC is still to be verified.
pub struct AuthenticatedToken {
    mac: [u8; MAC_BYTES],
    body: String,
}

impl AuthenticatedToken {
    /// Encodes a body with its MAC. The MAC also binds the text to its context, which the text does not hold: first what
    /// it is for, so that a text for one purpose is none for another.
    #[must_use]
    pub fn encode(body: &str, context: &[&str], secret: &[u8; 32]) -> String {
        URL_SAFE_NO_PAD.encode([&mac(body, context, secret)[..], body.as_bytes()].concat())
    }

    /// Reads a text; `None` if it is not in the form of one.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (mac, body) = bytes.split_first_chunk()?;
        Some(Self { mac: *mac, body: String::from_utf8(body.to_vec()).ok()? })
    }

    /// The body, which anybody may have made: good for finding the secret that verifies it.
    #[must_use]
    pub fn unverified(&self) -> &str {
        &self.body
    }

    /// The body, if it was encoded in this context with this secret. Compares in constant time.
    #[must_use]
    pub fn verify(self, context: &[&str], secret: &[u8; 32]) -> Option<String> {
        let expected = mac(&self.body, context, secret);
        bool::from(subtle::ConstantTimeEq::ct_eq(&self.mac[..], &expected[..])).then_some(self.body)
    }
}

fn mac(body: &str, context: &[&str], secret: &[u8; 32]) -> [u8; MAC_BYTES] {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key");
    mac.update(&digest(&[context, &[body]].concat()));
    let code: [u8; 32] = mac.finalize().into_bytes().into();
    std::array::from_fn(|index| code[index])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: [u8; 32] = [1; 32];

    fn verified(text: &str, context: &[&str], secret: [u8; 32]) -> Option<String> {
        AuthenticatedToken::decode(text)?.verify(context, &secret)
    }

    #[test]
    fn a_text_is_good_in_its_context_only() {
        let text = AuthenticatedToken::encode("body", &["cursor", "acc_1"], &SECRET);
        assert_eq!(verified(&text, &["cursor", "acc_1"], SECRET).as_deref(), Some("body"));
        for context in [&["cursor", "acc_2"][..], &["link", "acc_1"], &["cursor"], &["cursor", "acc_1", ""]] {
            assert_eq!(verified(&text, context, SECRET), None, "{context:?}");
        }
        assert_eq!(verified(&text, &["cursor", "acc_1"], [2; 32]), None);
    }

    #[test]
    fn what_is_no_such_text_is_refused() {
        for text in ["", "!", "AAAA", &"A".repeat(5000)] {
            assert_eq!(verified(text, &["cursor", "acc_1"], SECRET), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_flipped_bit_is_noticed(at in 0usize..60, bit in 0u8..8) {
            let mut text = AuthenticatedToken::encode("1700000000000#dlv_1", &["cursor"], &SECRET).into_bytes();
            let at = at % text.len();
            text[at] ^= 1 << bit;
            let Ok(text) = String::from_utf8(text) else { return Ok(()) };
            prop_assert_eq!(verified(&text, &["cursor"], SECRET), None);
        }
    }
}
