use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::system::SystemRandomness;

fn key(byte: u8) -> Key {
    Zeroizing::new([byte; 32])
}

proptest! {
    #[test]
    fn a_text_comes_back_for_what_it_was_sealed_for(
        text in vec(any::<u8>(), 0..2000), associated_data in vec(any::<u8>(), 0..50), other in vec(any::<u8>(), 0..50),
    ) {
        let encrypted = encrypt(&key(1), &SystemRandomness, &associated_data, &text);
        prop_assert_eq!(decrypt(&key(1), &associated_data, &encrypted), Ok(text));
        if other != associated_data {
            prop_assert_eq!(decrypt(&key(1), &other, &encrypted), Err(CipherError::NotAuthentic));
        }
        prop_assert_eq!(decrypt(&key(2), &associated_data, &encrypted), Err(CipherError::NotAuthentic));
    }

    #[test]
    fn no_other_bytes_open(noise in vec(any::<u8>(), 0..100)) {
        prop_assert!(decrypt(&key(1), b"", &noise).is_err());
    }
}

#[test]
fn one_flipped_bit_anywhere_is_refused() {
    let encrypted = encrypt(&key(1), &SystemRandomness, b"for", b"a secret of some length");
    for at in 0..encrypted.len() * 8 {
        let mut changed = encrypted.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let expected = if at < 8 { CipherError::UnknownVersion } else { CipherError::NotAuthentic };
        assert_eq!(decrypt(&key(1), b"for", &changed), Err(expected), "bit {at}");
    }
}

#[test]
fn what_was_cut_or_lengthened_is_refused() {
    let encrypted = encrypt(&key(1), &SystemRandomness, b"for", b"a secret");
    for length in 0..encrypted.len() {
        assert_eq!(
            decrypt(&key(1), b"for", &encrypted[..length]),
            Err(CipherError::NotAuthentic),
            "{length}"
        );
    }
    assert!(decrypt(&key(1), b"for", &[&encrypted[..], &[0]].concat()).is_err());
}

#[test]
fn the_same_text_never_looks_the_same_and_never_shows() {
    let [one, two] = [(); 2].map(|()| encrypt(&key(1), &SystemRandomness, b"for", b"hunter2 hunter2"));
    assert_ne!(one, two);
    assert!(!one.windows(7).any(|part| part == b"hunter2"));
}
