//! Route for the OpenAPI description of the API.

use adapters::http::reply::Reply;
use http::StatusCode;

/// The tests check their requests and answers against it.
pub(crate) const DESCRIPTION: &str = include_str!("../openapi.json");

/// `GET /openapi.json`.
pub(crate) fn show() -> Reply {
    Reply::raw_json(StatusCode::OK, DESCRIPTION.to_owned())
}
