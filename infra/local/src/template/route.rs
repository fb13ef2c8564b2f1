//! A function's HTTP API events.

use super::error::TemplateError;
use super::event::{DEFAULT, HttpApi};

/// Requests of this method and path invoke this function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Logical id of the function.
    pub function: String,
    /// The method, in upper case.
    pub method: String,
    /// The path, parameters in braces: `/v1/deliveries/{delivery_id}`.
    pub path: String,
}

impl Route {
    pub(super) fn read(function: &str, event: HttpApi) -> Result<Self, TemplateError> {
        let HttpApi { method, path } = event;
        let is_default = path == DEFAULT && method.is_empty();
        if !is_default && (method == "ANY" || path.contains("+}") || !path.starts_with('/')) {
            let message =
                format!("the local stack does not support catch-all routes such as {method} {path}");
            return Err(TemplateError::of(function, message));
        }
        Ok(Self { function: function.to_owned(), method, path })
    }

    /// API Gateway's name for the route: `GET /v1/deliveries`.
    #[must_use]
    pub fn key(&self) -> String {
        if self.is_default() { self.path.clone() } else { format!("{} {}", self.method, self.path) }
    }

    /// Whether it is for requests that no other route takes.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.path == DEFAULT
    }
}
