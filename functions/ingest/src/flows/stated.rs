//! A record with its id, as the platform's flows send it.

use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::conversation::patch::ConversationPatch;
use domain::event::kind::EventKind;
use domain::lifecycle::complete::Completion;
use domain::lifecycle::provider_callback::Ending;
use domain::shared::ids::{AccountId, ConversationId};
use domain::shared::invalid::Invalid;
use domain::shared::json::JsonObject;

/// What the platform states of a conversation that ended.
pub(crate) struct Stated {
    conversation_id: ConversationId,
    change: ConversationPatch,
}

impl Stated {
    /// The record's fields, of which `conversation_id` has to be there.
    pub(crate) fn parse(fields: JsonObject) -> Result<Self, Invalid> {
        let conversation_id: String = fields.required("conversation_id", "must be a string")?;
        let conversation_id = ConversationId::parse(conversation_id)?;
        let change = ConversationPatch::parse(fields).map_err(|invalid| match &*invalid.field {
            // One that an update takes would not do here.
            "conversation_status" => not_terminal(),
            _ => invalid,
        })?;
        Ok(Self { conversation_id, change })
    }

    /// The event that the stated status means; `None` where none is stated.
    pub(crate) fn kind(&self) -> Result<Option<EventKind>, Invalid> {
        let Some(status) = self.change.fields.status() else { return Ok(None) };
        status.event().map(Some).ok_or_else(not_terminal)
    }

    /// The same where a flow has no other way to know.
    pub(crate) fn required_kind(&self) -> Result<EventKind, Invalid> {
        self.kind()?.ok_or_else(not_terminal)
    }

    /// How the record ends.
    pub(crate) fn completion(
        self,
        account_id: AccountId,
        flow: CompletionFlow,
        kind: EventKind,
        known: ConversationFields,
    ) -> Completion {
        let Self { conversation_id, change: stated } = self;
        Completion { account_id, conversation_id, flow, end: Ending::As(kind), ended_at: None, stated, known }
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
