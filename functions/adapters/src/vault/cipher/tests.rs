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
        text in vec(any::<u8>(), 0..2000), what_for in vec(any::<u8>(), 0..50), other in vec(any::<u8>(), 0..50),
    ) {
        let sealed = seal(&key(1), &SystemRandomness, &what_for, &text);
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
    let sealed = seal(&key(1), &SystemRandomness, b"for", b"a secret of some length");
    for at in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[at / 8] ^= 1 << (at % 8);
        let expected = if at < 8 { CipherError::UnknownVersion } else { CipherError::Refused };
        assert_eq!(open(&key(1), b"for", &changed), Err(expected), "bit {at}");
    }
}

#[test]
fn what_was_cut_or_lengthened_is_refused() {
    let sealed = seal(&key(1), &SystemRandomness, b"for", b"a secret");
    for length in 0..sealed.len() {
        assert_eq!(open(&key(1), b"for", &sealed[..length]), Err(CipherError::Refused), "{length}");
    }
    assert!(open(&key(1), b"for", &[&sealed[..], &[0]].concat()).is_err());
}

#[test]
fn the_same_text_never_looks_the_same_and_never_shows() {
    let [one, two] = [(); 2].map(|()| seal(&key(1), &SystemRandomness, b"for", b"hunter2 hunter2"));
    assert_ne!(one, two);
    assert!(!one.windows(7).any(|part| part == b"hunter2"));
}
