//! Makes the template's queues and tables exist, through the same clients that the functions use.
//!
//! Runs at every start: what is there already, kept by `--data`, stays as it is.

mod error;
mod queues;
mod resources;
mod tables;

use std::collections::BTreeMap;

use crate::endpoints::REGION;
use crate::template::Template;

pub use error::ProvisionError;
pub use resources::{QueueAddress, Resources};

/// Makes what is not there yet, each called by its logical id, and says where everything is.
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
    // Nothing to make: KMS here has the one key, whatever it is called.
    let arn = |id| format!("arn:aws:kms:{REGION}:000000000000:key/{id}");
    let keys = template.keys.iter().map(|id| (id.clone(), arn(id))).collect();
    Ok(Resources { queues, tables, keys })
}

#[cfg(test)]
mod tests;
