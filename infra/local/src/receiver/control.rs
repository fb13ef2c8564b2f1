//! Changes answers while the receiver runs: `curl -k -X PUT 'https://localhost:PORT/__answer/hooks?status=500'`.

use std::sync::Arc;

use hyper::{Method, StatusCode};

use super::script::Answer;
use super::state::Shared;

/// The path of commands, followed by the path whose answer changes: by none, for every path without its own answer.
const PREFIX: &str = "/__answer";

const USAGE: &str = "add ?status=N with a status from 200 to 599, or ?status=hang, or ?status=drop\n";

/// Performs a request that is a command, and returns the response to it; `None` for any other request.
pub(super) fn handle(
    method: &Method,
    path: &str,
    query: &str,
    shared: &Arc<Shared>,
) -> Option<(StatusCode, String)> {
    let path = path.strip_prefix(PREFIX).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
    if method != Method::PUT {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "send commands with PUT\n".to_owned()));
    }
    let status = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "status");
    let Some(answer) = status.as_ref().and_then(|(_, value)| Answer::parse(value)) else {
        return Some((StatusCode::BAD_REQUEST, USAGE.to_owned()));
    };
    let text = status.map(|(_, value)| value.into_owned()).unwrap_or_default();
    let script = &mut shared.state().script;
    if path.is_empty() {
        script.everywhere(answer);
        Some((StatusCode::OK, format!("the answer is now: {text}\n")))
    } else {
        script.always(path, answer);
        Some((StatusCode::OK, format!("the answer of {path} is now: {text}\n")))
    }
}
