//! Digests as SQS writes them: lower-case hexadecimal.

use std::fmt::Write;

use md5::{Digest, Md5};
use sha2::Sha256;

pub(crate) fn md5(text: &str) -> String {
    hex(&Md5::digest(text))
}

pub(crate) fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_of_the_empty_text_are_the_well_known_ones() {
        assert_eq!(super::md5(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert!(super::sha256("").starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
    }
}
