//! The parts of a response that are kept. A server can send anything, so every part is cut to length and escaped.

use reqwest::header::HeaderMap;

/// Headers worth keeping, the most informative first. `location` is not among them: a server that redirects a GET
/// repeats the query there, and the payload with it.
const KEPT_HEADERS: [&str; 8] = [
    "retry-after",
    "content-type",
    "x-request-id",
    "server",
    "content-length",
    "date",
    "x-amzn-requestid",
    "cf-ray",
];

/// The maximum length of a header's value; the rest is cut off.
const MAX_VALUE_BYTES: usize = 100;

/// The maximum size of all kept headers together. With
/// [`SUCCESS_EXCERPT_BYTES`](domain::delivery::outcome::SUCCESS_EXCERPT_BYTES) of body it is half of the 1 KB that the
/// record of a success may take.
const MAX_HEADERS_BYTES: usize = 256;

/// The headers on the allow-list, as far as they fit.
pub(super) fn headers(all: &HeaderMap) -> Vec<(String, String)> {
    let mut left = MAX_HEADERS_BYTES;
    let present = KEPT_HEADERS.iter().filter_map(|name| Some((*name, all.get(*name)?)));
    let cut = present.map(|(name, value)| (name.to_owned(), text(value.as_bytes(), MAX_VALUE_BYTES).0));
    cut.filter(|(name, value)| {
        let rest = left.checked_sub(name.len() + value.len());
        left = rest.unwrap_or(left);
        rest.is_some()
    })
    .collect()
}

/// The start of a body as text of at most `max` bytes, and whether anything was cut off. Bytes that are not UTF-8, and
/// control characters other than line breaks and tabs, become `\xNN`.
pub(super) fn text(bytes: &[u8], max: usize) -> (String, bool) {
    // Escaping never shortens, so the kept text comes from the first `max` bytes, and a character that extends beyond
    // them does not fit.
    let start = &bytes[..bytes.len().min(max + 3)];
    let mut text = String::with_capacity(max.min(bytes.len()));
    let mut pieces = start.utf8_chunks().flat_map(|chunk| {
        chunk.valid().chars().map(printable).chain(chunk.invalid().iter().map(|byte| escaped(*byte)))
    });
    let whole = pieces.all(|piece| {
        let fits = text.len() + piece.len() <= max;
        if fits {
            text.push_str(&piece);
        }
        fits
    });
    (text, !whole || start.len() < bytes.len())
}

fn printable(c: char) -> String {
    if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
        c.encode_utf8(&mut [0; 4]).bytes().map(escaped).collect()
    } else {
        c.to_string()
    }
}

fn escaped(byte: u8) -> String {
    format!("\\x{byte:02x}")
}

#[cfg(test)]
mod tests;
