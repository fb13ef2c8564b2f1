//! Verifies Twilio's signature. It covers the URL, and the body as parameters or as a hash in the URL.
//! <https://www.twilio.com/docs/usage/security#validating-requests>

use std::collections::{BTreeMap, BTreeSet};

use adapters::http::request::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::shared::ids::hex;
use domain::shared::invalid::Invalid;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::callback::Parameters;
use crate::flows::provider::Refusal;

/// The query parameter with the hash of a body that is not a form.
const BODY_HASH: &str = "bodySHA256";

/// The content of a callback, by how it is signed.
pub(super) enum Signed<'a> {
    /// A GET: the signed URL holds everything.
    Query(Parameters),
    /// A form: the signature covers its parameters after the URL.
    Form(&'a [u8]),
    /// A body whose hash is in the URL and matches.
    Hashed { body: &'a [u8], is_form: bool },
}

impl<'a> Signed<'a> {
    /// Determines how the content is signed, and refuses a body that is not.
    pub(super) fn of(request: &'a Request) -> Result<Self, Refusal> {
        if request.route().starts_with("GET ") {
            return Ok(Self::Query(Parameters(request.query().to_vec())));
        }
        let body = request.body();
        let content_type = request.header("content-type").unwrap_or_default();
        let is_form = content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded");
        match request.query_value(BODY_HASH) {
            Some(stated) => {
                let actual = hex(&Sha256::digest(body));
                let same: bool = actual.as_bytes().ct_eq(stated.as_bytes()).into();
                if same { Ok(Self::Hashed { body, is_form }) } else { Err(Refusal::WrongSignature) }
            }
            None if is_form => Ok(Self::Form(body)),
            None => Err(Refusal::UnsignedBody),
        }
    }

    /// Checks that the header's signature matches one of these URLs and the content.
    pub(super) fn verify(&self, token: &str, urls: &[String], header: Option<&str>) -> Result<(), Refusal> {
        let stated = header.ok_or(Refusal::NoSignature)?;
        let stated = STANDARD.decode(stated).map_err(|_| Refusal::WrongSignature)?;
        let content = match self {
            Self::Form(body) => canonical_parameters(body),
            Self::Query(_) | Self::Hashed { .. } => Vec::new(),
        };
        let matches = |url: &String| mac(token, url, &content).verify_slice(&stated).is_ok();
        if urls.iter().any(matches) { Ok(()) } else { Err(Refusal::WrongSignature) }
    }

    /// The callback's parameters.
    pub(super) fn parameters(self) -> Result<Parameters, Invalid> {
        match self {
            Self::Query(parameters) => Ok(parameters),
            Self::Form(body) | Self::Hashed { body, is_form: true } => Ok(Parameters::of_form(body)),
            Self::Hashed { body, is_form: false } => Parameters::of_json(body),
        }
    }
}

fn mac(token: &str, url: &str, content: &[u8]) -> Hmac<Sha1> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("any key");
    mac.update(url.as_bytes());
    mac.update(content);
    mac
}

/// Concatenates a form's names and values as Twilio signs them: names and their values in byte order, duplicates once. As
/// bytes, since a text that was cut need not be UTF-8.
pub(super) fn canonical_parameters(form: &[u8]) -> Vec<u8> {
    let mut sorted: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut parts = pair.splitn(2, |byte| *byte == b'=').map(decoded);
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        sorted.entry(name).or_default().insert(value);
    }
    let pairs =
        sorted.iter().flat_map(|(name, values)| values.iter().map(move |value| [&**name, value].concat()));
    pairs.collect::<Vec<_>>().concat()
}

/// The bytes of a form's name or value.
fn decoded(encoded: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests {
    use domain::testing::fakes::corpus;

    use super::*;

    /// Three callbacks with Twilio's signature: token, URL, form, signature.
    const VECTORS: [(&str, &str, &str, &str); 3] = [
        (
            "12345",
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        (
            "12345",
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        (
            "test_auth_token",
            "https://ingest.example.com/v1/ingest/twilio/status",
            "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01&CallDuration=0\
             &CallSid=CA00000000000000000000000000000001&CallStatus=busy&CallbackSource=call-progress-events\
             &Direction=outbound-api&Duration=0&From=%2B15005550006&SequenceNumber=2&SipResponseCode=486\
             &Timestamp=Tue%2C+01+Sep+2026+10%3A00%3A00+%2B0000&To=%2B15005550001",
            "Lj6lOlzBcGTwEUMdxm72CDf2S9k=",
        ),
    ];

    fn verify(token: &str, url: &str, form: &[u8], signature: &str) -> bool {
        Signed::Form(form).verify(token, &[url.to_owned()], Some(signature)).is_ok()
    }

    #[test]
    fn the_vectors_are_met() {
        for (token, url, form, signature) in VECTORS {
            assert!(verify(token, url, form.as_bytes(), signature), "{url} {form}");
        }
    }

    /// What is signed of a form are the bytes that it stands for, whatever a parser makes of them.
    #[test]
    fn a_form_with_bytes_that_are_not_utf_8_is_verified() {
        let (token, url) = ("12345", "https://mycompany.com/myapp.php");
        for row in corpus::<3>("inbound/twilio-bytes") {
            let [what, form, signed] = row;
            let what = String::from_utf8_lossy(&what);
            let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
            mac.update(url.as_bytes());
            mac.update(&signed);
            let signature = STANDARD.encode(mac.finalize().into_bytes());
            assert!(verify(token, url, &form, &signature), "{what}");
        }
    }

    #[test]
    fn one_spelling_of_the_url_is_enough() {
        let (token, url, form, signature) = VECTORS[0];
        let form = Signed::Form(form.as_bytes());
        let urls = [url.replace(".com/", ".com:443/"), url.to_owned()];
        assert_eq!(form.verify(token, &urls, Some(signature)), Ok(()));
        assert_eq!(form.verify(token, &urls[..1], Some(signature)), Err(Refusal::WrongSignature));
        assert_eq!(form.verify(token, &urls, None), Err(Refusal::NoSignature));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let (token, url, form, signature) = VECTORS[2];
        let flipped = |text: &str, at: usize, bit: u8| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            String::from_utf8(bytes).ok()
        };
        let sample =
            |text: &str| (0..text.len()).flat_map(|at| (0..7).map(move |bit| (at, bit))).collect::<Vec<_>>();
        for (at, bit) in sample(url) {
            let Some(url) = flipped(url, at, bit) else { continue };
            assert!(!verify(token, &url, form.as_bytes(), signature), "{url}");
        }
        for (at, bit) in sample(token) {
            let Some(token) = flipped(token, at, bit) else { continue };
            assert!(!verify(&token, url, form.as_bytes(), signature), "{token}");
        }
        for (at, bit) in sample(signature) {
            let Some(signature) = flipped(signature, at, bit) else { continue };
            assert!(!verify(token, url, form.as_bytes(), &signature), "{signature}");
        }
        let decoded = Parameters::of_form(form.as_bytes());
        for (at, bit) in sample(form) {
            let Some(form) = flipped(form, at, bit) else { continue };
            // `%2b` and `%2B` make different bodies with the same parameters, which are what Twilio signs.
            if Parameters::of_form(form.as_bytes()) != decoded {
                assert!(!verify(token, url, form.as_bytes(), signature), "{form}");
            }
        }
    }
}
