//! The port to randomness, and the randomness of one request.

use crate::shared::ids::digest;

/// The source of randomness for ids and secrets.
pub trait Randomness: Send + Sync {
    /// Fills the buffer with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Randomness + '_ {
    /// Returns unpredictable bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The randomness of one request, from which its ids and secrets are derived. A repeat of the request has the same seed,
/// so it makes the same ids, and finds what the first one did.
pub struct Seed([u8; 32]);

impl Seed {
    /// Wraps unpredictable bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns bytes for one purpose, at most 32: unpredictable, and the same each time.
    #[must_use]
    pub fn bytes<const N: usize>(&self, purpose: &str) -> [u8; N] {
        const { assert!(N <= 32, "a digest has 32 bytes") };
        let digest = digest(&[&self.0[..], purpose.as_bytes()]);
        std::array::from_fn(|index| digest[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_each_purpose_bytes_of_its_own_every_time() {
        let bytes = |seed, purpose| Seed::new([seed; 32]).bytes::<16>(purpose);
        assert_eq!(bytes(1, "id"), bytes(1, "id"));
        assert!(bytes(1, "id") != bytes(1, "secret") && bytes(1, "id") != bytes(2, "id"));
    }
}
