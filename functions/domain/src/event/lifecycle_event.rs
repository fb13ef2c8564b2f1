//! The event that reports how a conversation ended, or how a destination fares.

use bytes::Bytes;
use serde::Deserialize;

use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::timestamp::Timestamp;

/// One event, created when its conversation's end has settled, or for a notice, and never changed.
#[derive(Clone, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// The account it belongs to.
    pub account_id: AccountId,
    /// Its id, the same in every attempt and resend.
    pub id: EventId,
    /// The conversation that ended; a notice has none.
    pub conversation_id: Option<ConversationId>,
    /// How it ended, or of what it is a notice.
    pub kind: EventKind,
    /// When we accepted the first report of it; when the state of a notice began.
    pub accepted_at: Timestamp,
    /// When it left: its payload is what the record was then.
    pub left_at: Timestamp,
    /// Until when it is kept.
    pub until: Timestamp,
    /// The JSON text that requests carry. Contains transcripts and phone numbers: no `Debug`.
    pub payload: Bytes,
    /// The conversation's metadata as JSON, for the destinations that want it in their payload.
    pub metadata: Option<Bytes>,
}

impl LifecycleEvent {
    /// The agent that handled the conversation, as the payload names it.
    #[must_use]
    pub fn agent_id(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Payload {
            agent_id: Option<String>,
        }
        serde_json::from_slice::<Payload>(&self.payload).ok()?.agent_id
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::fakes::sample;

    #[test]
    fn the_agent_is_the_one_that_the_payload_names() {
        for (payload, agent) in [
            (r#"{"event":"conversation.failed","agent_id":"68ea","notes":"n"}"#, Some("68ea")),
            (
                r#"{"agent_id":"a \"b\" \ud83d\ude00","conversation_analysis":[{"agent_id":"c"}]}"#,
                Some("a \"b\" 😀"),
            ),
            (r#"{"conversation_analysis":[1e400,"\ud83d",{"agent_id":"c"}],"agent_id":"a"}"#, Some("a")),
            (r#"{"conversation_analysis":[{"agent_id":"c"}],"agent_id":null}"#, None),
            (r#"{"notes":"agent_id"}"#, None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(sample::event(payload).agent_id().as_deref(), agent, "{payload}");
        }
        let deep =
            format!(r#"{{"conversation_transcript":{}{},"agent_id":"a"}}"#, "[".repeat(500), "]".repeat(500));
        assert_eq!(sample::event(&deep).agent_id().as_deref(), Some("a"));
    }
}
