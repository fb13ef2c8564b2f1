//! `AWS::Lambda::EventSourceMapping` of a queue.

use serde::Deserialize;

use super::error::TemplateError;
use super::expression::{ArnOf, RefTo};
use super::resource::Resource;

/// A larger batch needs a batching window, which the local stack does not have.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
const MAX_BATCH_SIZE: u32 = 10;

/// The only response type; anything else is a misspelling that CloudFormation would find too late.
const PARTIAL_BATCHES: &str = "ReportBatchItemFailures";

/// Messages of this queue invoke this function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Logical id.
    pub id: String,
    /// Logical id of the queue.
    pub queue: String,
    /// Logical id of the function.
    pub function: String,
    /// The maximum number of messages in an invocation.
    pub batch_size: u32,
    /// The maximum number of concurrent invocations.
    pub maximum_concurrency: u32,
    /// Whether the function says which messages of a batch failed. If not, a batch succeeds or fails as a whole.
    pub reports_failures: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    event_source_arn: ArnOf,
    function_name: RefTo,
    batch_size: u32,
    #[serde(default)]
    function_response_types: Vec<String>,
    scaling_config: ScalingConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalingConfig {
    maximum_concurrency: u32,
}

impl Mapping {
    pub(super) fn read(resource: &Resource<'_>) -> Result<Self, TemplateError> {
        let properties: Properties = resource.properties()?;
        if !(1..=MAX_BATCH_SIZE).contains(&properties.batch_size) {
            return Err(TemplateError::of(resource.id, "BatchSize must be 1 to 10"));
        }
        if let Some(other) = properties.function_response_types.iter().find(|kind| *kind != PARTIAL_BATCHES) {
            return Err(TemplateError::of(
                resource.id,
                format!("FunctionResponseTypes must be {PARTIAL_BATCHES}, not {other}"),
            ));
        }
        Ok(Self {
            id: resource.id.to_owned(),
            queue: properties.event_source_arn.0,
            function: properties.function_name.0,
            batch_size: properties.batch_size,
            maximum_concurrency: properties.scaling_config.maximum_concurrency,
            reports_failures: !properties.function_response_types.is_empty(),
        })
    }
}
