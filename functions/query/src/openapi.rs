//! The API as programs read it.

use adapters::http::reply::Reply;
use http::StatusCode;

/// Held against what the tests send and are answered.
const DESCRIPTION: &str = include_str!("../openapi.json");

/// `GET /openapi.json`.
pub(crate) fn show() -> Reply {
    Reply::raw_json(StatusCode::OK, DESCRIPTION.to_owned()).with_header("cache-control", "no-cache")
}
