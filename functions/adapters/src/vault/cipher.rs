//! AES-256-GCM over one text: a version, a nonce, the text's ciphertext and its tag, in this order.

use domain::shared::randomness::Randomness;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// A key; wiped from memory when it is dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// How a sealed text is laid out. Another layout gets another number.
const VERSION: u8 = 1;

/// Why a sealed text does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// It starts with no version that is known here.
    #[error("it is sealed in no way that is known here")]
    UnknownVersion,
    /// It was changed, cut, or sealed with another key or for something else.
    #[error("it was changed, or sealed with another key or for something else")]
    Refused,
}

/// Seals a text together with what it is for. The nonce is 96 bits of chance: a key of ours seals a handful of texts,
/// and 2^32 are safe.
#[must_use]
pub fn seal(key: &Key, randomness: &dyn Randomness, what_for: &[u8], text: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = randomness.bytes();
    let mut ciphertext = text.to_vec();
    #[expect(clippy::expect_used, reason = "fails for texts of 64 GiB only")]
    unbound(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(what_for), &mut ciphertext)
        .expect("a text that is short enough");
    [&[VERSION][..], &nonce, &ciphertext].concat()
}

/// The text that was sealed for this.
pub fn open(key: &Key, what_for: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CipherError> {
    let (&version, rest) = sealed.split_first().ok_or(CipherError::Refused)?;
    if version != VERSION {
        return Err(CipherError::UnknownVersion);
    }
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(CipherError::Refused)?;
    let mut text = ciphertext.to_vec();
    let opened = unbound(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(what_for), &mut text)
        .map_err(|ring::error::Unspecified| CipherError::Refused)?;
    let length = opened.len();
    text.truncate(length);
    Ok(text)
}

fn unbound(key: &Key) -> LessSafeKey {
    #[expect(clippy::expect_used, reason = "the type has the length")]
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key[..]).expect("32 bytes"))
}

#[cfg(test)]
mod tests;
