//! The created resources, as the template's expressions refer to them.

use std::collections::BTreeMap;

use crate::template::Resolve;

/// The name of the local stack. In the cloud, the deployment chooses the name.
const STACK_NAME: &str = "local";

/// Where the template's queues, tables and keys are, by logical id.
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
