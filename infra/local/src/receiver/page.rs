//! The page that shows which webhooks have arrived, newest first.

use std::fmt::Write as _;

use domain::shared::timestamp::Timestamp;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::script::Answer;
use super::signature::Signature;
use super::state::Received;

/// How many requests the page shows.
const SHOWN: usize = 50;

/// The page's content security policy. What senders put into a webhook is shown as text and never runs.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

const HEAD: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>What has arrived</title><style>\
    body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    h2{font-size:1rem;margin:2rem 0 0}p{margin:0}pre{background:#8881;padding:.75rem;overflow:auto}\
    .good{color:#0a7d38}.bad{color:#c2261b}:root{color-scheme:light dark}</style><h1>What has arrived</h1>";

/// Whether a request asks for the page: a webhook by GET to the same path has an id.
pub(super) fn is_asked_for(head: &Parts) -> bool {
    head.method == Method::GET && head.uri.path() == "/" && !head.headers.contains_key("webhook-id")
}

/// The page with the newest of these requests, which are in order of arrival.
pub(super) fn render<'a>(received: impl DoubleEndedIterator<Item = &'a Received>) -> String {
    let mut newest = received.rev().take(SHOWN).peekable();
    let mut page = HEAD.to_owned();
    if newest.peek().is_none() {
        page.push_str("<p>Nothing yet. End a conversation, and reload this page.");
    }
    for request in newest {
        let _ = write!(page, "{}", article(request)); // writing to a String cannot fail
    }
    page
}

fn article(request: &Received) -> String {
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
    let (class, signature) = match request.signature {
        Signature::Verified => ("good", "signature verified".to_owned()),
        Signature::Refused(reason) => ("bad", reason.to_owned()),
        Signature::Unchecked => ("", "signature not checked: this path has no secret here".to_owned()),
    };
    let answer = match &request.answer {
        Answer::Status(status) | Answer::Body(status, _) => {
            StatusCode::from_u16(*status).map_or_else(|_| status.to_string(), |status| status.to_string())
        }
        Answer::Hang => "nothing, the connection stayed open".to_owned(),
        Answer::Drop => "nothing, the connection was closed".to_owned(),
    };
    format!(
        "<h2>{} {}</h2><p>{} {} · {} · attempt {} · <span class=\"{class}\">{signature}</span> · answered {}</p><pre>{}</pre>",
        Timestamp::from_millis(request.at_ms),
        escape(request.event.as_deref().unwrap_or("no event")),
        request.method,
        escape(&request.path),
        escape(header("webhook-id")),
        escape(header("webhook-attempt")),
        escape(&answer),
        escape(&readable(request.payload.as_deref().unwrap_or_default())),
    )
}

/// A JSON object with a line for each key, in its own order and with its values as they are; anything else as it is.
fn readable(payload: &[u8]) -> String {
    let Ok(fields) = serde_json::from_slice::<IndexMap<String, Box<RawValue>>>(payload) else {
        return String::from_utf8_lossy(payload).into_owned();
    };
    let lines: Vec<_> = fields.iter().map(|(name, value)| format!("  \"{name}\": {value}")).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// Text that a browser shows and does not read as HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
