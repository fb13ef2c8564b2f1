//! The agents whose events a destination wants.

use serde::{Deserialize, Serialize};

use crate::shared::invalid::Invalid;

/// The agents whose events a destination wants, sorted, each once. None named: those of every agent, and of no agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct AgentFilter(Vec<String>);

impl AgentFilter {
    /// Most agents of one destination.
    pub const MAX: usize = 20;

    /// Longest id of an agent.
    pub const MAX_BYTES: usize = 256;

    /// What a list of agents must be.
    pub const RULE: &str = "must be an array of at most 20 ids, each a text of 1 to 256 bytes";

    /// Whether only events of certain agents are wanted.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether events of this agent are wanted; `None` for those of no agent.
    #[must_use]
    pub fn includes(&self, agent_id: Option<&str>) -> bool {
        !self.is_limited() || agent_id.is_some_and(|id| self.0.iter().any(|named| named == id))
    }

    /// Whether an agent's events are wanted by both.
    #[must_use]
    pub fn shares_any(&self, other: &Self) -> bool {
        let is_shared = |id: &String| other.includes(Some(id));
        !self.is_limited() || !other.is_limited() || self.0.iter().any(is_shared)
    }
}

impl TryFrom<Vec<String>> for AgentFilter {
    type Error = Invalid;

    fn try_from(mut ids: Vec<String>) -> Result<Self, Invalid> {
        if ids.len() > Self::MAX || ids.iter().any(|id| !(1..=Self::MAX_BYTES).contains(&id.len())) {
            return Err(Invalid::new("agent_ids", Self::RULE));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Self(ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_50_agents_are_shared_where_an_event_would_be_sent_twice() {
        let corpus = include_str!("../../../../tests/corpus/hostile/shared-agents.txt");
        for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let [one, other, expected] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
            let [one, other] = [one, other].map(|ids| serde_json::from_str::<AgentFilter>(ids).unwrap());
            assert_eq!(one.shares_any(&other), expected == "shared", "{line}");
            assert_eq!(other.shares_any(&one), expected == "shared", "{line}");
        }
    }

    #[test]
    fn none_named_means_all_and_a_named_one_itself_alone() {
        let some = AgentFilter::try_from(vec!["a".to_owned(), "b c".to_owned()]).unwrap();
        for (agent, is_named) in [
            (Some("a"), true),
            (Some("b c"), true),
            (Some("A"), false),
            (Some("b"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(some.includes(agent), is_named, "{agent:?}");
            assert!(AgentFilter::default().includes(agent), "{agent:?}");
        }
    }
}
