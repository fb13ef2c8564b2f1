//! `AWS::Serverless::Function`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::error::TemplateError;
use super::expression::{ArnOf, Expression, Resolve};
use super::resource::Resource;

/// One Lambda function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Logical id.
    pub id: String,
    /// The binary's name.
    pub binary: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Memory in MiB, which a function can read in its environment.
    pub memory_mib: u32,
    /// Settings for asynchronous invocations, if the function has any.
    pub asynchronous: Option<AsyncInvokeConfig>,
    /// Whether Lambda lets it invoke itself without end.
    pub allows_loops: bool,
    variables: BTreeMap<String, Expression>,
}

/// What happens to an asynchronous invocation that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsyncInvokeConfig {
    /// The maximum number of retries after the first attempt.
    pub retries: u32,
    /// Logical id of the queue for invocations that failed every time, if there is one.
    pub on_failure: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    timeout: u64,
    memory_size: u32,
    environment: Environment,
    event_invoke_config: Option<EventInvokeConfig>,
    #[serde(default)]
    recursive_loop: RecursiveLoop,
}

#[derive(Default, Deserialize, PartialEq)]
enum RecursiveLoop {
    Allow,
    #[default]
    Terminate,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventInvokeConfig {
    maximum_retry_attempts: u32,
    destination_config: Option<DestinationConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DestinationConfig {
    on_failure: OnFailure,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnFailure {
    destination: ArnOf,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    variables: BTreeMap<String, Expression>,
}

impl Function {
    pub(super) fn read(resource: &Resource<'_>) -> Result<Self, TemplateError> {
        let properties: Properties = resource.properties()?;
        Ok(Self {
            id: resource.id.to_owned(),
            binary: resource.build_property("Binary")?.to_owned(),
            timeout: Duration::from_secs(properties.timeout),
            memory_mib: properties.memory_size,
            asynchronous: properties.event_invoke_config.map(|config| AsyncInvokeConfig {
                retries: config.maximum_retry_attempts,
                on_failure: config.destination_config.map(|config| config.on_failure.destination.0),
            }),
            allows_loops: properties.recursive_loop == RecursiveLoop::Allow,
            variables: properties.environment.variables,
        })
    }

    /// Its environment variables, once the resources exist.
    pub fn environment(&self, resources: &impl Resolve) -> Result<BTreeMap<String, String>, TemplateError> {
        self.variables.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(resources)?))).collect()
    }
}
