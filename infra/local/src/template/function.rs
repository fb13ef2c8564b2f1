//! `AWS::Serverless::Function`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::resource::Resource;
use super::{Expression, Resolve, TemplateError};

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
    variables: BTreeMap<String, Expression>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    timeout: u64,
    memory_size: u32,
    environment: Environment,
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
            variables: properties.environment.variables,
        })
    }

    /// Its environment variables, once the resources exist.
    pub fn environment(&self, resources: &impl Resolve) -> Result<BTreeMap<String, String>, TemplateError> {
        self.variables.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(resources)?))).collect()
    }
}
