//! A conversation's final record, as the platform's flows send it.

use std::time::Duration;

use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::conversation::patch::ConversationPatch;
use domain::conversation::status::ConversationStatus;
use domain::event::kind::EventKind;
use domain::lifecycle::completion::Completion;
use domain::lifecycle::provider_callback::Ending;
use domain::shared::ids::{AccountId, ConversationId};
use domain::shared::invalid::{Invalid, both};
use domain::shared::json::JsonObject;

/// The longest that the platform may go on adding.
const MAX_SETTLE_SECONDS: u64 = 300;

/// The final record of a conversation that ended, as stated by the platform.
pub(crate) struct Stated {
    conversation_id: ConversationId,
    /// How long the platform goes on adding to it.
    settle: Duration,
    kind: EventKind,
    change: ConversationPatch,
}

impl Stated {
    /// Parses the record's fields; `conversation_id` and `conversation_status` are required.
    pub(crate) fn parse(fields: JsonObject) -> Result<Self, Invalid> {
        Self::parse_or(Err(not_terminal()), fields)
    }

    /// Parses the record's fields; `conversation_id` is required. Without a status, the kind of event is `otherwise`.
    pub(crate) fn parse_or(
        otherwise: Result<EventKind, Invalid>,
        mut fields: JsonObject,
    ) -> Result<Self, Invalid> {
        let id = fields.required::<String>("conversation_id", "must be a string");
        let id = id.and_then(ConversationId::parse);
        let settle = settle(&mut fields);
        let status = fields.optional::<Option<ConversationStatus>>("conversation_status", "");
        let kind = match status.map(Option::flatten) {
            Ok(None) => otherwise,
            Ok(Some(status)) => status.event().ok_or_else(not_terminal),
            Err(_) => Err(not_terminal()),
        };
        let change = ConversationPatch::parse(fields).map_err(|invalid| {
            invalid.map(|one| match &*one.field {
                // The patch's own error would list statuses that do not end a conversation.
                "conversation_status" => not_terminal(),
                _ => one,
            })
        });
        let ((conversation_id, settle), (change, kind)) = both(both(id, settle), both(change, kind))?;
        Ok(Self { conversation_id, settle, kind, change })
    }

    /// Builds the completion that ends the conversation.
    pub(crate) fn completion(
        self,
        account_id: AccountId,
        flow: CompletionFlow,
        known: ConversationFields,
    ) -> Completion {
        let Self { conversation_id, settle, kind, change: stated } = self;
        let end = Ending::As(kind);
        Completion { account_id, conversation_id, flow, end, ended_at: None, settle, stated, known }
    }
}

fn settle(fields: &mut JsonObject) -> Result<Duration, Invalid> {
    let rule = "must be a whole number of seconds from 0 to 300";
    let seconds = fields.take::<Option<u64>>("settle_seconds", rule)?.flatten().unwrap_or_default();
    if seconds > MAX_SETTLE_SECONDS {
        return Err(Invalid::new("settle_seconds", rule));
    }
    Ok(Duration::from_secs(seconds))
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
            assert_eq!(stated.err(), Some(not_terminal()), "{status}");
        }
    }

    #[test]
    fn all_mistakes_are_named_each_once() {
        let json =
            r#"{"conversation_status":"DONE","settle_seconds":301,"notes":5,"twilio_call_sid":"a#b","x":1}"#;
        let wrong = Stated::parse(serde_json::from_str(json).unwrap()).err().unwrap();
        let fields: Vec<_> = wrong.each().map(|one| one.field).collect();
        assert_eq!(
            fields,
            ["conversation_id", "settle_seconds", "twilio_call_sid", "conversation_status", "notes", "x"]
        );
    }
}
