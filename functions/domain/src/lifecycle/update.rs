//! Updates a conversation's record for the platform, before or after its end. Sends nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::conversation::patch::ConversationPatch;
use crate::conversation::record::{Conversation, MAX_RECORD_BYTES};
use crate::conversation::status::ConversationStatus;
use crate::conversation::store::{Conversations, Stored};
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::invalid::{Invalid, both};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved};

/// How far in the past an expected end may be: clocks differ, and a request takes its time.
const MAX_PAST: Duration = Duration::from_secs(5 * 60);

/// The result of an update.
pub enum UpdateResult {
    /// The updated record.
    Saved(Box<Conversation>),
    /// The update contradicts the record.
    Refused(Invalid),
    /// With this update, the record would exceed the limit.
    TooLarge,
    /// The conversation was deleted, and its id is free again at this time.
    Forgotten(Timestamp),
}

/// Creates or updates a conversation's record.
pub struct Update<C> {
    conversations: C,
    clock: Arc<dyn Clock>,
}

impl<C: Conversations> Update<C> {
    /// Wraps the record store.
    pub fn new(conversations: C, clock: Arc<dyn Clock>) -> Self {
        Self { conversations, clock }
    }

    /// The current record.
    pub async fn latest(&self, account: &AccountId, id: &ConversationId) -> Result<Option<Conversation>> {
        Ok(self.conversations.load(account, id).await?.kept())
    }

    /// Merges a change: a given value replaces, `null` clears, an absent field stays.
    pub async fn run(
        &self,
        account: &AccountId,
        id: &ConversationId,
        change: &ConversationPatch,
    ) -> Result<UpdateResult> {
        retry_on_conflict("update a conversation", || async move {
            let now = self.clock.now();
            let mut conversation = match self.conversations.load(account, id).await? {
                Stored::Kept(conversation) => *conversation,
                Stored::Absent => Conversation::new(account.clone(), id.clone(), now),
                Stored::Forgotten { until } => return Ok(Some(UpdateResult::Forgotten(until))),
            };
            let ends = check_expected_end(change.expected_end.flatten(), &conversation, now);
            let checked = both(ends, conversation.check(change));
            if let Err(refused) = both(check_status(change.fields.status(), &conversation), checked) {
                return Ok(Some(UpdateResult::Refused(refused)));
            }
            conversation.apply(change);
            conversation.updated_at = now;
            if conversation.fields.len() > MAX_RECORD_BYTES {
                return Ok(Some(UpdateResult::TooLarge));
            }
            Ok(match self.conversations.save(&conversation).await? {
                Saved::Yes => Some(UpdateResult::Saved(Box::new(conversation))),
                Saved::TooLarge => Some(UpdateResult::TooLarge),
                Saved::Conflict => None,
            })
        })
        .await
    }
}

/// Checks that an update neither ends a conversation, because its flow would be unknown, nor reopens one.
fn check_status(wanted: Option<ConversationStatus>, conversation: &Conversation) -> Result<(), Invalid> {
    let refuse = |rule| Err(Invalid::new("conversation_status", rule));
    match (wanted, &conversation.ended) {
        (None, _) => Ok(()),
        (Some(status), Some(ended)) if status.event() == Some(ended.kind) => Ok(()),
        (Some(_), Some(_)) => refuse("cannot change once the conversation has ended"),
        (Some(status), None) if status.event().is_some() => {
            refuse("cannot become final in an update, only in a flow, such as POST /v1/flows/hangup")
        }
        (Some(_), None) => Ok(()),
    }
}

/// Checks that an expected end lies ahead: one in the past, such as an example's, would end the conversation as failed.
/// The same one again is no news, whether the call is longer than expected or over.
fn check_expected_end(
    expected: Option<Timestamp>,
    conversation: &Conversation,
    now: Timestamp,
) -> Result<(), Invalid> {
    let is_news = conversation.ended.is_none() && conversation.expected_end != expected;
    if is_news && expected.is_some_and(|expected| now.since(expected) > MAX_PAST) {
        let rule = "must not be more than five minutes in the past: the conversation would end as failed";
        return Err(Invalid::new("expected_end", rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::ended::CompletionFlow;
    use crate::testing::fakes::{ManualClock, MemoryConversations, sample};

    #[test]
    fn an_update_neither_ends_nor_reopens() {
        use ConversationStatus::{Completed, Failed, InProgress};
        let account = AccountId::parse("acc_1").unwrap();
        let id = ConversationId::parse("c-1").unwrap();
        let now = ManualClock::new(5).now();
        let open = Conversation::new(account.clone(), id.clone(), now);
        let mut over = open.clone();
        over.ended = Some(sample::ended(CompletionFlow::Hangup));
        for (status, conversation, fine) in [
            (InProgress, &open, true),
            (Completed, &open, false),
            (Completed, &over, true),
            (Failed, &over, false),
            (InProgress, &over, false),
        ] {
            assert_eq!(check_status(Some(status), conversation).is_ok(), fine, "{status:?}");
        }
    }

    #[test]
    fn an_expected_end_lies_ahead() {
        let account = AccountId::parse("acc_1").unwrap();
        let mut conversation =
            Conversation::new(account, ConversationId::parse("c-1").unwrap(), Timestamp::default());
        let at = |minutes: u64| Some(Timestamp::from_millis(minutes * 60_000));
        let now = Timestamp::from_millis(60 * 60_000);
        let check = |expected, conversation: &_| check_expected_end(expected, conversation, now).is_ok();
        for (expected, fine) in
            [(None, true), (at(70), true), (at(60), true), (at(55), true), (at(54), false), (at(0), false)]
        {
            assert_eq!(check(expected, &conversation), fine, "{expected:?}");
        }
        conversation.expected_end = at(10);
        assert!(check(at(10), &conversation), "the same again");
        assert!(!check(at(11), &conversation));
        conversation.ended = Some(sample::ended(CompletionFlow::Hangup));
        assert!(check(at(11), &conversation), "it has ended");
    }

    #[tokio::test]
    async fn a_record_has_a_limit() {
        let update = Update::new(MemoryConversations::default(), Arc::new(ManualClock::new(5)));
        let account = AccountId::parse("acc_1").unwrap();
        let id = ConversationId::parse("c-1").unwrap();
        let long = format!(r#"{{"notes":"{}"}}"#, "x".repeat(MAX_RECORD_BYTES));
        let change = ConversationPatch::parse(serde_json::from_str(&long).unwrap()).unwrap();
        assert!(matches!(update.run(&account, &id, &change).await.unwrap(), UpdateResult::TooLarge));
    }
}
