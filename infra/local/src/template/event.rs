//! What invokes a function besides queues: its SAM events.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::TemplateError;
use super::resource::Resource;

/// One of them. A type that is in no list is an error, so that nothing new is left out in silence.
#[derive(Deserialize)]
#[serde(tag = "Type", content = "Properties")]
pub(super) enum Event {
    HttpApi(HttpApi),
    ScheduleV2(ScheduleV2),
    /// There is no bus on one machine: whoever plays it invokes the function as the bus would.
    #[serde(rename = "EventBridgeRule")]
    BusRule(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HttpApi {
    pub(super) method: String,
    pub(super) path: String,
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
