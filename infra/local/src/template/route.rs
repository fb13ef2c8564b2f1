//! A function's HTTP API events.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::TemplateError;
use super::resource::Resource;

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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

#[derive(Deserialize)]
#[serde(tag = "Type", content = "Properties")]
enum Event {
    HttpApi(HttpApi),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpApi {
    method: String,
    path: String,
}

impl Route {
    pub(super) fn read_all(resource: &Resource<'_>) -> Result<Vec<Self>, TemplateError> {
        let properties: Properties = resource.properties()?;
        properties.events.into_values().map(|Event::HttpApi(event)| Self::of(resource.id, event)).collect()
    }

    fn of(function: &str, event: HttpApi) -> Result<Self, TemplateError> {
        let HttpApi { method, path } = event;
        if method == "ANY" || path.contains("+}") || !path.starts_with('/') {
            let message = format!("the local stack has no catch-all routes like {method} {path}");
            return Err(TemplateError::of(function, message));
        }
        Ok(Self { function: function.to_owned(), method, path })
    }

    /// What API Gateway calls it: `GET /v1/deliveries`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
