//! Creates the template's queues and tables, through the same clients that the functions use.
//!
//! Runs at every start; what exists already, kept by `--data`, keeps its content.

mod error;
mod queues;
mod resources;
mod tables;

use std::collections::BTreeMap;

use crate::endpoints::REGION;
use crate::template::Template;

pub use error::ProvisionError;
pub use resources::{QueueAddress, Resources};

/// Creates what does not exist yet, named by its logical id, and returns where everything is.
pub async fn provision(
    template: &Template,
    sqs: &aws_sdk_sqs::Client,
    dynamodb: &aws_sdk_dynamodb::Client,
) -> Result<Resources, ProvisionError> {
    let queues = queues::provision(&template.queues, sqs).await?;
    let mut tables = BTreeMap::new();
    for table in &template.tables {
        tables::provision(table, dynamodb).await?;
        tables.insert(table.id.clone(), table.id.clone());
    }
    // Nothing to create: the local KMS has one key, whatever its name.
    let arn = |id| format!("arn:aws:kms:{REGION}:000000000000:key/{id}");
    let keys = template.keys.iter().map(|id| (id.clone(), arn(id))).collect();
    Ok(Resources { queues, tables, keys })
}

#[cfg(test)]
mod tests;
