//! AES-256-GCM encryption of one text. The result is a version, a nonce, the ciphertext and its tag, in this order.

use domain::shared::randomness::Randomness;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// A key; erased from memory when it is dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// The version of an encrypted text's layout. Another layout gets another number.
const VERSION: u8 = 1;

/// Why an encrypted text cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// Its version is unknown.
    #[error("its version is unknown")]
    UnknownVersion,
    /// It was changed, cut, or encrypted with another key or other associated data.
    #[error("it was changed, or encrypted with another key or other associated data")]
    NotAuthentic,
}

/// Encrypts a text and authenticates it together with the associated data. The nonce is 96 random bits: each of our
/// keys encrypts one text, and 2^32 are safe.
#[must_use]
pub fn encrypt(key: &Key, randomness: &dyn Randomness, associated_data: &[u8], text: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = randomness.bytes();
    let mut ciphertext = text.to_vec();
    #[expect(clippy::expect_used, reason = "fails only for texts of 64 GiB")]
    unbound(key)
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated_data),
            &mut ciphertext,
        )
        .expect("the text is short enough");
    [&[VERSION][..], &nonce, &ciphertext].concat()
}

/// Decrypts a text, if it was encrypted with this key and these associated data.
pub fn decrypt(key: &Key, associated_data: &[u8], encrypted: &[u8]) -> Result<Vec<u8>, CipherError> {
    let (&version, rest) = encrypted.split_first().ok_or(CipherError::NotAuthentic)?;
    if version != VERSION {
        return Err(CipherError::UnknownVersion);
    }
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or(CipherError::NotAuthentic)?;
    let mut text = ciphertext.to_vec();
    let decrypted = unbound(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(associated_data), &mut text)
        .map_err(|ring::error::Unspecified| CipherError::NotAuthentic)?;
    let length = decrypted.len();
    text.truncate(length);
    Ok(text)
}

fn unbound(key: &Key) -> LessSafeKey {
    #[expect(clippy::expect_used, reason = "the type guarantees the length")]
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key[..]).expect("32 bytes"))
}

#[cfg(test)]
mod tests;
