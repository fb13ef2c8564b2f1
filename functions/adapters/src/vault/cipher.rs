//! AES-256-GCM over one text: a version, a nonce, the text's ciphertext and its tag, in this order.

use domain::shared::randomness::Chance;
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
pub fn seal(key: &Key, chance: &dyn Chance, what_for: &[u8], text: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = chance.bytes();
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
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::system::SystemChance;

    fn key(byte: u8) -> Key {
        Zeroizing::new([byte; 32])
    }

    proptest! {
        #[test]
        fn a_text_comes_back_for_what_it_was_sealed_for(
            text in vec(any::<u8>(), 0..2000), what_for in vec(any::<u8>(), 0..50), other in vec(any::<u8>(), 0..50),
        ) {
            let sealed = seal(&key(1), &SystemChance, &what_for, &text);
            prop_assert_eq!(open(&key(1), &what_for, &sealed), Ok(text));
            if other != what_for {
                prop_assert_eq!(open(&key(1), &other, &sealed), Err(CipherError::Refused));
            }
            prop_assert_eq!(open(&key(2), &what_for, &sealed), Err(CipherError::Refused));
        }

        #[test]
        fn no_other_bytes_open(noise in vec(any::<u8>(), 0..100)) {
            prop_assert!(open(&key(1), b"", &noise).is_err());
        }
    }

    #[test]
    fn one_flipped_bit_anywhere_is_refused() {
        let sealed = seal(&key(1), &SystemChance, b"for", b"a secret of some length");
        for at in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let expected = if at < 8 { CipherError::UnknownVersion } else { CipherError::Refused };
            assert_eq!(open(&key(1), b"for", &changed), Err(expected), "bit {at}");
        }
    }

    #[test]
    fn what_was_cut_or_lengthened_is_refused() {
        let sealed = seal(&key(1), &SystemChance, b"for", b"a secret");
        for length in 0..sealed.len() {
            assert_eq!(open(&key(1), b"for", &sealed[..length]), Err(CipherError::Refused), "{length}");
        }
        assert!(open(&key(1), b"for", &[&sealed[..], &[0]].concat()).is_err());
    }

    #[test]
    fn the_same_text_never_looks_the_same_and_never_shows() {
        let [one, two] = [(); 2].map(|()| seal(&key(1), &SystemChance, b"for", b"hunter2 hunter2"));
        assert_ne!(one, two);
        assert!(!one.windows(7).any(|part| part == b"hunter2"));
    }
}
