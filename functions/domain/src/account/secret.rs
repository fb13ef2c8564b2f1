//! The secret part of an API key or a session token.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::shared::ids::hex;

/// Random bytes in a secret, which only its holder knows: 192 bits.
pub(crate) const SECRET_BYTES: usize = 24;

/// A secret as it is presented. Never printed, and compared in constant time only.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// Creates a secret from random bytes.
    pub(crate) fn new(randomness: &[u8]) -> Self {
        Self(hex(randomness))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        is_hex(text, SECRET_BYTES).then(|| Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// SHA-256, as it is stored. The secret is random, so a fast hash is as good as a slow one.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    pub(crate) fn has_hash(&self, stored: &[u8; 32]) -> bool {
        self.hash().ct_eq(stored).into()
    }
}

/// Whether a text is so many bytes in lower-case hexadecimal.
pub(crate) fn is_hex(part: &str, bytes: usize) -> bool {
    part.len() == 2 * bytes && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
