//! Where ids and secrets come from.

/// Where ids and secrets come from.
pub trait Randomness: Send + Sync {
    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Randomness + '_ {
    /// As many such bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
