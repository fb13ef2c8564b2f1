//! Told what to answer while it runs: `curl -k -X PUT 'https://localhost:PORT/__answer/hooks?status=500'`.

use std::sync::Arc;

use hyper::{Method, StatusCode};

use super::script::Answer;
use super::state::Shared;

/// Where orders go. What follows it is the path they are for; nothing: every path without orders of its own.
const PREFIX: &str = "/__answer";

const USAGE: &str = "say ?status=500, or any other status, or hang, or drop\n";

/// An order, if it is one: what to say to who gave it.
pub(super) fn obey(
    method: &Method,
    path: &str,
    query: &str,
    shared: &Arc<Shared>,
) -> Option<(StatusCode, String)> {
    let path = path.strip_prefix(PREFIX).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    if method != Method::PUT {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "orders are given by PUT\n".to_owned()));
    }
    let status = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "status");
    let Some(answer) = status.as_ref().and_then(|(_, value)| Answer::parse(value)) else {
        return Some((StatusCode::BAD_REQUEST, USAGE.to_owned()));
    };
    let told = status.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let script = &mut shared.state().script;
    if path.is_empty() {
        script.everywhere(answer);
        Some((StatusCode::OK, format!("from now on: {told}\n")))
    } else {
        script.always(path, answer);
        Some((StatusCode::OK, format!("from now on, {path}: {told}\n")))
    }
}
