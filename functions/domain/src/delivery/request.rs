//! The HTTP request of one attempt, to the byte. Attempts of one delivery differ only in their timestamp, number and
//! signature, unless the destination was changed between them or answered 414.

use std::future::Future;

use bytes::Bytes;
use url::Url;

use crate::delivery::included::with_included;
use crate::delivery::outcome::Outcome;
use crate::delivery::trim;
use crate::destination::headers::ExtraHeaders;
use crate::destination::record::{Destination, Format, Include, RequestType};
use crate::destination::secrets::DestinationSecrets;
use crate::destination::signature::signatures;
use crate::event::lifecycle_event::LifecycleEvent;
use crate::shared::ids::{DeliveryId, digest, hex};
use crate::shared::timestamp::Timestamp;

/// The longest URL that is sent: what common servers and proxies accept (nginx and Apache read 8 KiB of request line).
pub const MAX_URL_BYTES: usize = 8000;

/// The header with the signature.
const SIGNATURE: &str = "webhook-signature";

const USER_AGENT: &str = concat!("Ringback/", env!("CARGO_PKG_VERSION"));

/// One HTTP request, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookRequest {
    /// The method.
    pub method: RequestType,
    /// The URL, with the query of a GET.
    pub url: Url,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The form or the JSON of a POST, PATCH or PUT; empty for a GET.
    pub body: Bytes,
    /// The payload fields that were emptied to make a GET's URL short enough.
    pub trimmed: &'static [&'static str],
}

/// One attempt of a delivery, as far as its request depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The delivery.
    pub delivery: &'a DeliveryId,
    /// The attempt's number.
    pub number: u8,
    /// When it starts.
    pub at: Timestamp,
    /// Whether the destination has refused the URL of an earlier attempt as too long (414). Its limit is unknown, so a GET
    /// then carries neither transcript nor analysis nor metadata.
    pub url_was_refused: bool,
}

impl WebhookRequest {
    /// The signature, as receivers compare it with their own.
    #[must_use]
    pub fn signature(&self) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == SIGNATURE).map(|(_, value)| value.as_str())
    }
}

/// A GET's URL is longer than [`MAX_URL_BYTES`] even without transcript, analysis and metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The URL with its query is {bytes} bytes long; the limit is 8,000. Use POST, PUT or PATCH.")]
pub struct UrlTooLong {
    /// Its length.
    pub bytes: usize,
}

/// Builds the request of one attempt.
///
/// # Errors
/// Only for a GET: the URL is too long even after trimming.
pub fn request(
    event: &LifecycleEvent,
    destination: &Destination,
    secrets: &DestinationSecrets,
    attempt: Attempt<'_>,
) -> Result<WebhookRequest, UrlTooLong> {
    let sign = |payload: &[u8]| signatures(&secrets.signing, &event.id, attempt.at, payload);
    compose(event, destination, attempt, sign, secrets.headers.iter())
}

/// Builds a request with the given signature and extra headers.
fn compose<'a>(
    event: &LifecycleEvent,
    destination: &Destination,
    attempt: Attempt<'_>,
    sign: impl FnOnce(&[u8]) -> String,
    extra: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<WebhookRequest, UrlTooLong> {
    let event = &with_included(event, destination);
    let EncodedPayload { url, body, content_type, payload, trimmed } = match destination.request_type {
        RequestType::Get => in_query(event, destination, attempt.url_was_refused)?,
        RequestType::Post | RequestType::Patch | RequestType::Put => {
            let (content_type, body) = match destination.format {
                Format::Form => form(event, attempt.delivery),
                Format::Json => ("application/json".to_owned(), event.payload.clone()),
            };
            EncodedPayload {
                url: destination.url.as_url().clone(),
                body,
                content_type: Some(content_type),
                payload: event.payload.clone(),
                trimmed: &[],
            }
        }
    };
    let mut headers: Vec<(String, String)> = Vec::with_capacity(8);
    let mut set = |name: &str, value: String| headers.push((name.to_owned(), value));
    set("webhook-id", event.id.to_string());
    set("webhook-timestamp", attempt.at.as_secs().to_string());
    set(SIGNATURE, sign(&payload));
    set("webhook-attempt", attempt.number.to_string());
    if !trimmed.is_empty() {
        set("webhook-payload-trimmed", trimmed.join(","));
    }
    if let Some(content_type) = content_type {
        set("content-type", content_type);
    }
    let standard = headers.len();
    headers.extend(extra.map(|(name, value)| (name.to_owned(), value.to_owned())));
    if !headers.iter().any(|(name, _)| name == "user-agent") {
        headers.insert(standard, ("user-agent".to_owned(), USER_AGENT.to_owned()));
    }
    Ok(WebhookRequest { method: destination.request_type, url, headers, body, trimmed })
}

/// An attempt's request without its secrets, to show to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The method.
    pub method: RequestType,
    /// The URL, without the query that a GET adds.
    pub url: Url,
    /// The headers, names in lower case, secret values masked.
    pub headers: Vec<(String, String)>,
}

/// Rebuilds the request of one attempt without decrypting its secrets, with the signature that is recorded; `None` if the
/// attempt made no request.
#[must_use]
pub fn preview(
    event: &LifecycleEvent,
    destination: &Destination,
    attempt: Attempt<'_>,
    signature: Option<&str>,
) -> Option<Preview> {
    let signed = |_: &[u8]| signature.unwrap_or(ExtraHeaders::MASK).to_owned();
    let extra = destination.secrets.header_names.iter().map(|name| (name.as_str(), ExtraHeaders::MASK));
    let WebhookRequest { method, headers, .. } = compose(event, destination, attempt, signed, extra).ok()?;
    Some(Preview { method, url: destination.url.as_url().clone(), headers })
}

/// A payload encoded for a request: in the query of a GET, in the body of any other.
struct EncodedPayload {
    url: Url,
    body: Bytes,
    content_type: Option<String>,
    /// The payload as sent, which is what is signed.
    payload: Bytes,
    trimmed: &'static [&'static str],
}

fn in_query(
    event: &LifecycleEvent,
    destination: &Destination,
    was_refused: bool,
) -> Result<EncodedPayload, UrlTooLong> {
    let mut bytes = 0;
    let steps = trim::steps(destination.include.contains(&Include::ConversationMetadata));
    for trimmed in &steps[if was_refused { steps.len() - 1 } else { 0 }..] {
        let payload = trim::trim(&event.payload, trimmed);
        let url = with_query(destination.url.as_url(), event, &payload);
        bytes = url.as_str().len();
        if bytes <= MAX_URL_BYTES {
            return Ok(EncodedPayload { url, body: Bytes::new(), content_type: None, payload, trimmed });
        }
    }
    Err(UrlTooLong { bytes })
}

/// Appends to the URL's existing query; `query_pairs_mut` would re-encode the customer's own part.
fn with_query(target: &Url, event: &LifecycleEvent, payload: &[u8]) -> Url {
    let mut query = String::with_capacity(payload.len() * 3 / 2);
    if let Some(own) = target.query().filter(|own| !own.is_empty()) {
        query.push_str(own);
        query.push('&');
    }
    query.push_str("event=");
    query.push_str(event.kind.as_ref());
    query.push_str("&payload=");
    query.extend(form_urlencoded::byte_serialize(payload));
    let mut url = target.clone();
    url.set_query(Some(&query));
    url
}

/// The form with the two fields, after its content type.
fn form(event: &LifecycleEvent, delivery: &DeliveryId) -> (String, Bytes) {
    let boundary = boundary(event, delivery);
    let mut body = Vec::with_capacity(event.payload.len() + 512);
    for (name, value) in [("event", event.kind.as_ref().as_bytes()), ("payload", &event.payload)] {
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body.into())
}

/// Derives the form's boundary from the ids, so that all attempts have one body. A payload that contains a boundary, by
/// chance or on purpose, gets the next one.
fn boundary(event: &LifecycleEvent, delivery: &DeliveryId) -> String {
    (0u32..)
        .map(|salt| {
            let digest = digest(&["boundary", event.id.as_str(), delivery.as_str(), &salt.to_string()]);
            format!("ringback-{}", hex(&digest[..16]))
        })
        .find(|boundary| !contains(&event.payload, boundary.as_bytes()))
        .unwrap_or_default() // an endless search always finds one
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Sends exactly one request: no retry, no redirect.
pub trait WebhookSender: Send + Sync {
    /// Sends the request and reads the response, within the limits of an attempt.
    fn send(&self, request: WebhookRequest) -> impl Future<Output = Outcome> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fakes::sample;

    const NOW: Timestamp = Timestamp::from_millis(1_756_720_062_999);

    fn send(request_type: RequestType, payload: &str, attempt: u8) -> Result<WebhookRequest, UrlTooLong> {
        send_after(false, request_type, payload, attempt)
    }

    fn send_after(
        url_was_refused: bool,
        request_type: RequestType,
        payload: &str,
        number: u8,
    ) -> Result<WebhookRequest, UrlTooLong> {
        let destination = Destination { request_type, ..sample::destination("dst_1") };
        let delivery = sample::delivery().id;
        let attempt = Attempt { delivery: &delivery, number, at: NOW, url_was_refused };
        request(&sample::event(payload), &destination, &sample::secrets(), attempt)
    }

    fn header<'a>(request: &'a WebhookRequest, name: &str) -> Option<&'a str> {
        request.headers.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_get_appends_to_the_query_that_is_there() {
        let payload = r#"{"event":"conversation.completed","notes":"a&b=c +é%"}"#;
        let request = send(RequestType::Get, payload, 1).unwrap();
        let pairs: Vec<_> = request.url.query_pairs().into_owned().collect();
        assert!(request.url.as_str().starts_with("https://example.com/hooks?tenant=7&event="));
        assert_eq!(pairs[1], ("event".to_owned(), "conversation.completed".to_owned()));
        assert_eq!(pairs[2], ("payload".to_owned(), payload.to_owned()));
        assert!(request.body.is_empty());
        assert_eq!(header(&request, "content-type"), None);
    }

    #[test]
    fn a_get_that_is_too_long_is_trimmed_and_signed_as_it_is_sent() {
        let payload = |transcript: &str, analysis: &str| {
            format!(r#"{{"conversation_transcript":[{transcript}],"conversation_analysis":[{analysis}]}}"#)
        };
        let (long, both) = ("1".repeat(9000), "conversation_transcript,conversation_analysis");
        for (was_refused, transcript, analysis, sent, trimmed) in [
            (false, "1", "2", payload("1", "2"), None),
            (false, &*long, "2", payload("", "2"), Some("conversation_transcript")),
            (false, "1", &*long, payload("", ""), Some(both)),
            (false, &*long, &*long, payload("", ""), Some(both)),
            (true, "1", "2", payload("", ""), Some(both)),
        ] {
            let whole = payload(transcript, analysis);
            let request = send_after(was_refused, RequestType::Get, &whole, 1).unwrap();
            assert_eq!(request.url.query_pairs().nth(2).unwrap().1, sent);
            assert_eq!(header(&request, "webhook-payload-trimmed"), trimmed);
            let signing = sample::secrets().signing;
            let expected = signatures(&signing, &sample::event("").id, NOW, sent.as_bytes());
            assert_eq!(header(&request, "webhook-signature"), Some(expected.as_str()));
        }
        let post = send_after(true, RequestType::Post, &payload("1", "2"), 2).unwrap();
        assert!(post == send(RequestType::Post, &payload("1", "2"), 2).unwrap(), "a form is not in the URL");
    }

    #[test]
    fn a_get_that_stays_too_long_is_not_sent() {
        let long = format!(r#"{{"notes":"{}"}}"#, "x".repeat(9000));
        assert!(send(RequestType::Get, &long, 1).err().unwrap().bytes > MAX_URL_BYTES);
    }

    #[test]
    fn a_form_has_the_two_fields_and_its_boundary_is_not_in_them() {
        let plain = send(RequestType::Put, "{}", 1).unwrap();
        let (_, boundary) = header(&plain, "content-type").unwrap().split_once("boundary=").unwrap();
        let hostile = send(RequestType::Put, &format!("\r\n--{boundary}--\r\n"), 1).unwrap();
        assert!(!header(&hostile, "content-type").unwrap().ends_with(boundary));
        assert_eq!(
            std::str::from_utf8(&plain.body).unwrap(),
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\nconversation.completed\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{{}}\r\n--{boundary}--\r\n"
            )
        );
    }

    #[test]
    fn attempts_differ_in_their_number_only() {
        let mut first = send(RequestType::Post, "{}", 1).unwrap();
        let second = send(RequestType::Post, "{}", 2).unwrap();
        assert_eq!(header(&first, "webhook-attempt"), Some("1"));
        let number = first.headers.iter_mut().find(|(name, _)| name == "webhook-attempt").unwrap();
        number.1 = "2".to_owned();
        assert!(first == second);
    }

    #[test]
    fn a_preview_shows_everything_but_secrets() {
        let mut destination = sample::destination("dst_1");
        destination.secrets.header_names = vec!["x-token".to_owned()];
        let event = sample::event("{}");
        let delivery = sample::delivery().id;
        let attempt = Attempt { delivery: &delivery, number: 2, at: NOW, url_was_refused: false };
        let preview = |signature| preview(&event, &destination, attempt, signature).unwrap();
        let (unsigned, preview) = (preview(None), preview(Some("v1,abc")));
        assert!(unsigned.headers.contains(&(SIGNATURE.to_owned(), ExtraHeaders::MASK.to_owned())));
        let shown = |name: &str| preview.headers.iter().find(|(set, _)| set == name).unwrap().1.as_str();
        assert_eq!((shown("x-token"), shown(SIGNATURE)), (ExtraHeaders::MASK, "v1,abc"));
        assert_eq!((shown("webhook-id"), shown("webhook-attempt")), (event.id.as_str(), "2"));
    }

    #[test]
    fn the_official_library_verifies_the_signature() {
        let now = Timestamp::from_millis(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64);
        let (event, secrets) = (sample::event(r#"{"a":1}"#), sample::secrets());
        let delivery = sample::delivery().id;
        let attempt = Attempt { delivery: &delivery, number: 1, at: now, url_was_refused: false };
        let verifier = standardwebhooks::Webhook::new(&secrets.signing.current.reveal()).unwrap();
        for format in [Format::Form, Format::Json] {
            let destination = Destination { format, ..sample::destination("dst_1") };
            let request = request(&event, &destination, &secrets, attempt).unwrap();
            let headers: http::HeaderMap = request
                .headers
                .iter()
                .map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap()))
                .collect();
            verifier.verify(&event.payload, &headers).unwrap();
            assert_eq!(verifier.verify(&request.body, &headers).is_ok(), format == Format::Json);
            assert!(verifier.verify(b"{}", &headers).is_err());
        }
    }
}
