//! MD5 digests as SQS writes them, in lower-case hexadecimal.

use std::fmt::Write;

use md5::{Digest, Md5};

/// `MD5OfMessageBody`.
pub(crate) fn of_body(body: &str) -> String {
    hex(&Md5::digest(body))
}

/// `MD5OfMessageSystemAttributes` of one attribute of type `String` (developer guide, "Calculating the
/// MD5 message digest for message attributes").
pub(crate) fn of_string_attribute(name: &str, value: &str) -> String {
    const STRING: u8 = 1;
    let mut md5 = Md5::new();
    update_with_length(&mut md5, name);
    update_with_length(&mut md5, "String");
    md5.update([STRING]);
    update_with_length(&mut md5, value);
    hex(&md5.finalize())
}

fn update_with_length(md5: &mut Md5, text: &str) {
    // No part of a request is longer than u32::MAX, so its length always fits.
    md5.update(u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    md5.update(text);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
