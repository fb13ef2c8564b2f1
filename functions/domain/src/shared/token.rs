//! Random names of things that are told apart and never shown.

use serde::{Deserialize, Serialize};

use crate::shared::ids::hex;
use crate::shared::randomness::Randomness;

/// A name that no other has.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A new one.
    #[must_use]
    pub fn random(randomness: &dyn Randomness) -> Self {
        Self(hex(&randomness.bytes::<8>()))
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
