//! The attributes only FIFO queues have.

use serde::{Deserialize, Serialize};

use super::attribute_values::parse_bool;
use crate::sqs::error::SqsError;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct FifoAttributes {
    pub(crate) content_based_deduplication: bool,
    scope: DeduplicationScope,
    throughput_limit: ThroughputLimit,
}

/// Within what a deduplication id must be unique.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
enum DeduplicationScope {
    #[default]
    Queue,
    MessageGroup,
}

/// Kept and shown; this endpoint does not throttle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
enum ThroughputLimit {
    #[default]
    PerQueue,
    PerMessageGroupId,
}

impl FifoAttributes {
    /// Sets one attribute of a FIFO queue; any other queue has none of them.
    pub(crate) fn set(fifo: Option<&mut Self>, attribute: &str, value: &str) -> Result<(), SqsError> {
        let known = matches!(
            attribute,
            "FifoQueue" | "ContentBasedDeduplication" | "DeduplicationScope" | "FifoThroughputLimit"
        );
        let fifo =
            fifo.filter(|_| known).ok_or_else(|| SqsError::InvalidAttributeName(attribute.to_owned()))?;
        fifo.set_known(attribute, value)
            .map_err(|reason| SqsError::InvalidAttributeValue { attribute: attribute.to_owned(), reason })
    }

    fn set_known(&mut self, attribute: &str, value: &str) -> Result<(), String> {
        match (attribute, value) {
            ("DeduplicationScope", "queue") => self.scope = DeduplicationScope::Queue,
            ("DeduplicationScope", "messageGroup") => self.scope = DeduplicationScope::MessageGroup,
            ("DeduplicationScope", _) => return Err("Must be queue or messageGroup.".to_owned()),
            ("FifoThroughputLimit", "perQueue") => {
                self.throughput_limit = ThroughputLimit::PerQueue;
            }
            ("FifoThroughputLimit", "perMessageGroupId") => {
                self.throughput_limit = ThroughputLimit::PerMessageGroupId;
            }
            ("FifoThroughputLimit", _) => {
                return Err("Must be perQueue or perMessageGroupId.".to_owned());
            }
            ("ContentBasedDeduplication", _) => {
                self.content_based_deduplication = parse_bool(value)?;
            }
            _ if parse_bool(value)? => {}
            _ => return Err("The type of a queue cannot be changed.".to_owned()),
        }
        Ok(())
    }

    pub(crate) fn entries(&self) -> Vec<(&'static str, String)> {
        let scope = match self.scope {
            DeduplicationScope::Queue => "queue",
            DeduplicationScope::MessageGroup => "messageGroup",
        };
        let throughput_limit = match self.throughput_limit {
            ThroughputLimit::PerQueue => "perQueue",
            ThroughputLimit::PerMessageGroupId => "perMessageGroupId",
        };
        vec![
            ("FifoQueue", true.to_string()),
            ("ContentBasedDeduplication", self.content_based_deduplication.to_string()),
            ("DeduplicationScope", scope.to_owned()),
            ("FifoThroughputLimit", throughput_limit.to_owned()),
        ]
    }

    /// What must be unique for five minutes.
    pub(crate) fn deduplication_key(&self, group: &str, id: &str) -> String {
        match self.scope {
            DeduplicationScope::Queue => id.to_owned(),
            // Neither part can contain a space: both are printable ASCII without it.
            DeduplicationScope::MessageGroup => format!("{group} {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_queue_has_no_fifo_attributes() {
        let refusal = FifoAttributes::set(None, "ContentBasedDeduplication", "true");
        assert_eq!(refusal, Err(SqsError::InvalidAttributeName("ContentBasedDeduplication".to_owned())));
    }

    #[test]
    fn within_the_scope_of_a_group_each_group_has_its_own_ids() {
        let mut fifo = FifoAttributes::default();
        assert_eq!(fifo.deduplication_key("a", "1"), fifo.deduplication_key("b", "1"));
        FifoAttributes::set(Some(&mut fifo), "DeduplicationScope", "messageGroup").unwrap();
        assert_ne!(fifo.deduplication_key("a", "1"), fifo.deduplication_key("b", "1"));
    }

    #[test]
    fn a_fifo_queue_stays_one() {
        let mut fifo = FifoAttributes::default();
        assert_eq!(FifoAttributes::set(Some(&mut fifo), "FifoQueue", "true"), Ok(()));
        assert!(FifoAttributes::set(Some(&mut fifo), "FifoQueue", "false").is_err());
    }
}
