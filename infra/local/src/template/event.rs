//! A function's SAM events: what invokes it besides queues.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::TemplateError;
use super::resource::Resource;

/// The path of the route for requests that no other route takes.
pub(super) const DEFAULT: &str = "$default";

/// One event. A type that is not listed is an error, so that nothing new is silently ignored.
#[derive(Deserialize)]
#[serde(tag = "Type", content = "Properties")]
pub(super) enum Event {
    HttpApi(HttpApi),
    ScheduleV2(ScheduleV2),
    /// One machine has no event bus; a caller can invoke the function as the bus would.
    #[serde(rename = "EventBridgeRule")]
    BusRule(IgnoredAny),
}

/// Without method and path, it is for requests that no other route takes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HttpApi {
    #[serde(default)]
    pub(super) method: String,
    #[serde(default = "otherwise")]
    pub(super) path: String,
}

fn otherwise() -> String {
    DEFAULT.to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleV2 {
    pub(super) schedule_expression: String,
    pub(super) input: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    #[serde(default)]
    events: BTreeMap<String, Event>,
}

impl Event {
    /// A function's events by their names.
    pub(super) fn read_all(resource: &Resource<'_>) -> Result<BTreeMap<String, Self>, TemplateError> {
        Ok(resource.properties::<Properties>()?.events)
    }
}
