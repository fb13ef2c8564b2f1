//! A conversation's final record, as the platform's flows send it.

use std::time::Duration;

use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::conversation::patch::ConversationPatch;
use domain::event::kind::EventKind;
use domain::lifecycle::completion::Completion;
use domain::lifecycle::provider_callback::Ending;
use domain::shared::ids::{AccountId, ConversationId};
use domain::shared::invalid::Invalid;
use domain::shared::json::JsonObject;

/// The longest that the platform may go on adding.
const MAX_SETTLE_SECONDS: u64 = 300;

/// The final record of a conversation that ended, as stated by the platform.
pub(crate) struct Stated {
    conversation_id: ConversationId,
    /// How long the platform goes on adding to it.
    settle: Duration,
    change: ConversationPatch,
}

impl Stated {
    /// Parses the record's fields; `conversation_id` is required.
    pub(crate) fn parse(mut fields: JsonObject) -> Result<Self, Invalid> {
        let conversation_id: String = fields.required("conversation_id", "must be a string")?;
        let conversation_id = ConversationId::parse(conversation_id)?;
        let rule = "must be a whole number of seconds from 0 to 300";
        let settle: u64 = fields.take("settle_seconds", rule)?.unwrap_or_default();
        if settle > MAX_SETTLE_SECONDS {
            return Err(Invalid::new("settle_seconds", rule));
        }
        let change = ConversationPatch::parse(fields).map_err(|invalid| match &*invalid.field {
            // The patch's own error would list statuses that do not end a conversation.
            "conversation_status" => not_terminal(),
            _ => invalid,
        })?;
        Ok(Self { conversation_id, settle: Duration::from_secs(settle), change })
    }

    /// The kind of event for the stated status; `None` without a status.
    pub(crate) fn kind(&self) -> Result<Option<EventKind>, Invalid> {
        let Some(status) = self.change.fields.status() else { return Ok(None) };
        status.event().map(Some).ok_or_else(not_terminal)
    }

    /// The kind of event, for flows that require a status.
    pub(crate) fn required_kind(&self) -> Result<EventKind, Invalid> {
        self.kind()?.ok_or_else(not_terminal)
    }

    /// Builds the completion that ends the conversation.
    pub(crate) fn completion(
        self,
        account_id: AccountId,
        flow: CompletionFlow,
        kind: EventKind,
        known: ConversationFields,
    ) -> Completion {
        let Self { conversation_id, settle, change: stated } = self;
        let end = Ending::As(kind);
        Completion { account_id, conversation_id, flow, end, ended_at: None, settle, stated, known }
    }
}

fn not_terminal() -> Invalid {
    Invalid::new(
        "conversation_status",
        "must be COMPLETED, DISCONNECTED or FAILED for a conversation that ended",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_ends_nothing_is_answered_with_those_that_do() {
        for status in [r#""COMPLETE""#, r#""PENDING""#, "7", "null"] {
            let json = format!(r#"{{"conversation_id":"c","conversation_status":{status}}}"#);
            let stated = Stated::parse(serde_json::from_str(&json).unwrap());
            let kind = stated.and_then(|stated| stated.required_kind());
            assert_eq!(kind, Err(not_terminal()), "{status}");
        }
    }
}
