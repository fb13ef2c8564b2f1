//! The platform's event bus: `conversation.ended`, with the record as `detail`.
//!
//! A bus waits for no answer, so a failure is an error of the invocation: Lambda retries it, then sends the event to the
//! function's failure destination.

use adapters::function::Error;
use domain::account::store::{AccountState, Accounts};
use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::lifecycle::complete::CompletionResult;
use domain::shared::ids::AccountId;
use domain::shared::invalid::{Invalid, both};
use domain::shared::json::JsonObject;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::end::EndConversation;
use super::stated::Stated;

/// The only detail type that the EventBridge rule forwards.
const DETAIL_TYPE: &str = "conversation.ended";

/// EventBridge's envelope of an event.
#[derive(Deserialize)]
pub(crate) struct BusEvent<'a> {
    /// Named in the log and nowhere else: an event counts without it.
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(borrow)]
    detail: &'a RawValue,
}

/// Parses an invocation by the bus: one event, or an array as a pipe sends it, of which one that is none does not affect
/// the others. `None` for any other invocation.
pub(crate) fn read(event: &RawValue) -> Option<Vec<Option<BusEvent<'_>>>> {
    let is_array = event.get().trim_start().starts_with('[');
    if is_array {
        let events: Vec<&RawValue> = serde_json::from_str(event.get()).ok()?;
        Some(events.into_iter().map(|event| serde_json::from_str(event.get()).ok()).collect())
    } else {
        serde_json::from_str(event.get()).ok().map(|event| vec![Some(event)])
    }
}

/// Ends each event's conversation. Tries every event and returns the first failure; a retry of the invocation has no
/// effect on the events that succeeded.
pub(crate) async fn run(
    step: &EndConversation<'_>,
    accounts: &impl Accounts,
    events: Vec<Option<BusEvent<'_>>>,
) -> Result<(), Error> {
    let mut outcome = Ok(());
    for (number, event) in (1..).zip(events) {
        let id = event.as_ref().and_then(|event| event.id);
        let id = id.map_or_else(|| format!("number {number}"), |id| id.get().trim_matches('"').to_owned());
        let ended = match event {
            Some(event) => one(step, accounts, event).await,
            None => Err("must be an object with detail-type and detail".into()),
        };
        if let Err(error) = ended {
            tracing::error!(bus_event_id = id, %error, "bus_event.failed");
            outcome = outcome.and(Err(format!("event {id}: {error}").into()));
        }
    }
    outcome
}

async fn one(step: &EndConversation<'_>, accounts: &impl Accounts, event: BusEvent<'_>) -> Result<(), Error> {
    if event.detail_type != DETAIL_TYPE {
        return Err(format!("detail-type must be {DETAIL_TYPE}").into());
    }
    let (account_id, stated) = parse(event.detail)?;
    // Nobody could ever read the events of an unknown account. Those of a suspended one are kept, as all that fail, to be
    // sent to the bus again.
    let account = accounts.account(&account_id).await?;
    if account.is_none_or(|account| account.state != AccountState::Active) {
        return Err(Invalid::new("detail.account_id", "must be an existing account that is active").into());
    }
    let flow = CompletionFlow::EventBridge;
    match step.run(&stated.completion(account_id, flow, ConversationFields::default())).await? {
        CompletionResult::Accepted(_) | CompletionResult::EndedDifferently(_) => Ok(()),
        // A bus cannot be told, and nothing is to be mended.
        CompletionResult::Forgotten(_) => Ok(()),
        CompletionResult::Refused(invalid) => Err(invalid.into()),
        CompletionResult::TooLarge => {
            Err("the record takes more than 2 MiB of JSON, or 400 KB compressed".into())
        }
    }
}

pub(super) fn parse(detail: &RawValue) -> Result<(AccountId, Stated), Invalid> {
    let mut fields = JsonObject::parse(detail.get().as_bytes(), "detail")?;
    let rule = "must be a string";
    let account_id = fields.take::<String>("account_id", rule);
    let account_id = account_id.and_then(|id| id.ok_or_else(|| Invalid::new("account_id", "is missing")));
    both(account_id.and_then(AccountId::parse), Stated::parse(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn what_the_bus_sends_is_told_from_the_rest() {
        let event = r#"{"id":"1","detail-type":"conversation.ended","detail":{"a":1.50}}"#;
        assert_eq!(details(event), [Some(r#"{"a":1.50}"#.to_owned())]);
        assert_eq!(details(&format!("[{event},{event}]")).len(), 2);
        for other in [r#"{"end_overdue_conversations":{}}"#, "null", r#"{"detail":{}}"#] {
            assert!(read(&raw(other)).is_none(), "{other}");
        }
    }

    /// The details of the events in an invocation; `None` for what is no event.
    fn details(json: &str) -> Vec<Option<String>> {
        let json = raw(json);
        let events = read(&json).unwrap();
        events.iter().map(|event| event.as_ref().map(|event| event.detail.get().to_owned())).collect()
    }

    #[test]
    fn row_51_an_event_needs_no_id_and_what_is_none_affects_no_other() {
        let event = |id: &str| format!(r#"{{{id}"detail-type":"conversation.ended","detail":{{"a":1}}}}"#);
        let good = Some(r#"{"a":1}"#.to_owned());
        for id in ["", r#""id":null,"#, r#""id":7,"#, r#""id":"\ud83d","#, r#""id":["x"],"#] {
            assert_eq!(details(&event(id)), std::slice::from_ref(&good), "{id}");
        }
        for bad in
            ["1", "null", "{}", "[]", r#"{"id":"x","detail-type":"y"}"#, r#"{"detail-type":7,"detail":{}}"#]
        {
            let events = format!("[{},{bad},{}]", event(""), event(r#""id":"x","#));
            assert_eq!(details(&events), [good.clone(), None, good.clone()], "{bad}");
        }
    }

    #[test]
    fn a_malformed_detail_is_named() {
        for (detail, says) in [
            ("[]", "detail must be a JSON object"),
            ("{}", "account_id is missing"),
            (r#"{"account_id":"a"}"#, "conversation_id is missing"),
            (r#"{"account_id":5}"#, "account_id must be a string"),
            (r#"{"account_id":"a","conversation_id":"c","surprise":1}"#, "surprise"),
        ] {
            let error = parse(&raw(detail)).err().unwrap().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
