//! Makes the template's queues and tables exist, through the same clients that the functions use.
//!
//! Runs at every start: what is there already, kept by `--data`, stays as it is.

mod queues;
mod tables;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::DisplayErrorContext;

use crate::endpoints::REGION;
use crate::template::{Resolve, Template};

/// What the stack is called here. In the cloud it has the name that it is deployed by.
const STACK_NAME: &str = "local";

/// Where the template's queues and tables are, by logical id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// Queues.
    pub queues: BTreeMap<String, QueueAddress>,
    /// Names of tables.
    pub tables: BTreeMap<String, String>,
    /// ARNs of KMS keys.
    pub keys: BTreeMap<String, String>,
}

/// The two ways to name a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueAddress {
    /// For requests.
    pub url: String,
    /// For policies and events.
    pub arn: String,
}

/// A queue or table could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {what}: {cause}")]
pub struct ProvisionError {
    what: String,
    cause: String,
}

impl ProvisionError {
    fn new(what: &str, cause: impl std::error::Error) -> Self {
        Self { what: what.to_owned(), cause: DisplayErrorContext(cause).to_string() }
    }
}

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

impl Resolve for Resources {
    fn reference(&self, id: &str) -> Option<String> {
        if id == "AWS::StackName" {
            return Some(STACK_NAME.to_owned());
        }
        let url = self.queues.get(id).map(|queue| &queue.url);
        let key = self.keys.get_key_value(id).map(|(id, _)| id);
        url.or_else(|| self.tables.get(id)).or(key).cloned()
    }

    fn attribute(&self, id: &str, attribute: &str) -> Option<String> {
        let arn = self.queues.get(id).map(|queue| &queue.arn);
        arn.or_else(|| self.keys.get(id)).filter(|_| attribute == "Arn").cloned()
    }
}

#[cfg(test)]
mod tests;
