//! A customer has a conversation forgotten: its record, its event, and what became of the event.

use crate::conversation::provider::Reference;
use crate::conversation::record::Conversation;
use crate::conversation::store::Conversations;
use crate::event::store::EventTraces;
use crate::lifecycle::link::Link;
use crate::lifecycle::link::References;
use crate::lifecycle::provider_callback::Signal;
use crate::shared::conflict::despite_conflicts;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::unavailable::{Result, Saved};

/// Forgets conversations.
pub struct Forget<C, R, T> {
    conversations: C,
    references: R,
    traces: T,
}

impl<C: Conversations, R: References, T: EventTraces> Forget<C, R, T> {
    /// Over the record store, the store of references and that of events and their deliveries.
    pub const fn new(conversations: C, references: R, traces: T) -> Self {
        Self { conversations, references, traces }
    }

    /// True if there was anything to forget. Whatever is reported of the conversation later makes a new one.
    ///
    /// Deliveries that are on their way find no event and end; a request that is being sent right now is not called
    /// back. The record goes last, so after a failure in the middle the same call finishes what it began.
    pub async fn run(&self, account: &AccountId, id: &ConversationId) -> Result<bool> {
        let event = &EventId::of_conversation(account, id);
        despite_conflicts("forget a conversation", || async move {
            let Some(conversation) = self.conversations.load(account, id).await? else {
                // Whoever had the event in hand when it went may have recorded an attempt since.
                return self.traces.forget_deliveries(account, event).await.map(Some);
            };
            // The event before its deliveries: from then on, nobody begins another one.
            self.traces.forget_event(account, event).await?;
            self.traces.forget_deliveries(account, event).await?;
            for reference in &conversation.references {
                self.forget_reference(&conversation, reference).await?;
            }
            if self.conversations.delete(&conversation).await? != Saved::Yes {
                return Ok(None); // it has ended in between, or got another reference
            }
            self.traces.forget_deliveries(account, event).await?;
            Ok(Some(true))
        })
        .await
    }

    /// What a provider calls it leads here no more, and callbacks that wait under that name are forgotten unless they
    /// tell of another conversation.
    async fn forget_reference(&self, conversation: &Conversation, reference: &Reference) -> Result<()> {
        let account = &conversation.account_id;
        despite_conflicts("forget a reference", || async move {
            let Some(link) = self.references.find(account, reference).await? else {
                return self.forget_parked(conversation, reference).await.map(Some);
            };
            let saved = match without(&link, &conversation.id) {
                // Another conversation has the name by now, and what waits under it.
                Kept::AsItIs => return Ok(Some(())),
                Kept::Changed(kept) => self.references.put(account, reference, &kept, Some(&link)).await?,
                Kept::Nothing => self.references.remove(account, reference, &link).await?,
            };
            if saved == Saved::Yes && link.conversation_id == conversation.id {
                return self.forget_parked(conversation, reference).await.map(Some);
            }
            Ok(None)
        })
        .await
    }

    async fn forget_parked(&self, conversation: &Conversation, reference: &Reference) -> Result<()> {
        let account = &conversation.account_id;
        for signal in self.references.parked(account, reference).await? {
            if !is_of_the_next(&signal, conversation) {
                self.references.unpark(account, &signal).await?;
            }
        }
        Ok(())
    }
}

/// What is left of a link.
enum Kept {
    AsItIs,
    Changed(Link),
    Nothing,
}

fn without(link: &Link, id: &ConversationId) -> Kept {
    match &link.earlier {
        Some(earlier) if link.conversation_id == *id && earlier != id => {
            Kept::Changed(Link { conversation_id: earlier.clone(), since: link.since, earlier: None })
        }
        _ if link.conversation_id == *id => Kept::Nothing,
        Some(earlier) if earlier == id => Kept::Changed(Link { earlier: None, ..link.clone() }),
        _ => Kept::AsItIs,
    }
}

/// A room is used again and again: what began after this conversation's end is about the one after it.
fn is_of_the_next(signal: &Signal, conversation: &Conversation) -> bool {
    let ended = conversation.ended.as_ref().map(|ended| ended.at);
    ended.zip(signal.began).is_some_and(|(ended, began)| ended < began)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conversation::ended::CompletionFlow;
    use crate::conversation::fields::Details;
    use crate::conversation::patch::Change;
    use crate::conversation::provider::Provider;
    use crate::conversation::store::ConversationLookup;
    use crate::event::kind::EventKind;
    use crate::event::message::EventMessage;
    use crate::lifecycle::complete::{Complete, Completion};
    use crate::lifecycle::provider_callback::{End, News};
    use crate::shared::clock::Clock;
    use crate::shared::timestamp::Timestamp;
    use crate::testing::fakes::{ManualClock, MemoryConversations, MemoryQueue, MemoryReferences, sample};

    struct Scene {
        clock: ManualClock,
        conversations: MemoryConversations,
        references: MemoryReferences,
        queue: MemoryQueue<EventMessage>,
    }

    impl Scene {
        fn set() -> Self {
            let clock = ManualClock::new(1000);
            let references = MemoryReferences::new(clock.clone());
            Self {
                clock,
                conversations: MemoryConversations::default(),
                references,
                queue: MemoryQueue::default(),
            }
        }

        async fn forget(&self) -> bool {
            let forget =
                Forget::new(self.conversations.clone(), self.references.clone(), self.conversations.clone());
            forget.run(&sample::account(), &sample::conversation_id()).await.unwrap()
        }

        async fn end(&self) {
            let complete =
                Complete::new(self.conversations.clone(), self.queue.clone(), Arc::new(self.clock.clone()));
            let completion = Completion {
                account_id: sample::account(),
                conversation_id: sample::conversation_id(),
                flow: CompletionFlow::Hangup,
                end: End::As(EventKind::Completed),
                ended_at: None,
                stated: Change { references: vec![room()], ..Change::default() },
                known: Details::default(),
            };
            complete.run(&completion).await.unwrap();
        }

        async fn link(&self, link: &Link) {
            let found = self.references.find(&sample::account(), &room()).await.unwrap();
            let saved = self.references.put(&sample::account(), &room(), link, found.as_ref()).await.unwrap();
            assert_eq!(saved, Saved::Yes);
        }

        async fn linked(&self) -> Option<Link> {
            self.references.find(&sample::account(), &room()).await.unwrap()
        }

        async fn parked(&self) -> Vec<String> {
            let parked = self.references.parked(&sample::account(), &room()).await.unwrap();
            parked.into_iter().map(|signal| signal.id).collect()
        }
    }

    fn room() -> Reference {
        Reference::parse(Provider::Daily, "room", "daily_room").unwrap()
    }

    fn link(conversation: &str, earlier: Option<&str>) -> Link {
        let id = |text: &str| ConversationId::parse(text).unwrap();
        Link { conversation_id: id(conversation), since: Timestamp::from_millis(5), earlier: earlier.map(id) }
    }

    #[tokio::test]
    async fn a_conversation_is_forgotten_once_and_can_begin_again() {
        let scene = Scene::set();
        assert!(!scene.forget().await, "there is none");
        scene.end().await;
        let event = sample::event_message().event_id;
        assert!(scene.conversations.has_event(&event));
        assert!(scene.forget().await);
        assert!(!scene.conversations.has_event(&event));
        let record = scene.conversations.load(&sample::account(), &sample::conversation_id()).await.unwrap();
        assert!(record.is_none());
        assert!(!scene.forget().await, "it is gone");
        scene.end().await;
        assert_eq!(scene.queue.sent().len(), 2, "a new conversation of that id, with its own event");
        assert!(scene.conversations.has_event(&event));
    }

    #[tokio::test]
    async fn what_was_left_behind_is_forgotten_by_the_next_call() {
        let scene = Scene::set();
        let event = sample::event_message().event_id;
        scene.conversations.leave_delivery(&event);
        assert!(scene.forget().await);
        assert!(!scene.forget().await);
    }

    #[tokio::test]
    async fn an_end_that_gets_in_between_is_forgotten_too() {
        let scene = Scene::set();
        scene
            .conversations
            .save(&Conversation::new(sample::account(), sample::conversation_id(), scene.clock.now()))
            .await
            .unwrap();
        // The store ends it after the first look at it.
        scene.conversations.end_after_next_load(EventKind::Failed);
        assert!(scene.forget().await);
        assert!(!scene.conversations.has_event(&sample::event_message().event_id));
        assert!(!scene.forget().await);
    }

    #[tokio::test]
    async fn a_reference_leads_to_whom_it_leads_without_the_conversation() {
        let this = sample::conversation_id().to_string();
        for (before, after) in [
            (link(&this, None), None),
            (link(&this, Some("c-before")), Some(link("c-before", None))),
            (link("c-after", Some(&this)), Some(link("c-after", None))),
            (link("c-after", Some("c-between")), Some(link("c-after", Some("c-between")))),
        ] {
            let scene = Scene::set();
            scene.end().await;
            scene.link(&before).await;
            assert!(scene.forget().await);
            assert_eq!(scene.linked().await, after, "{before:?}");
        }
    }

    #[tokio::test]
    async fn callbacks_that_wait_are_forgotten_unless_they_are_about_the_next_conversation() {
        let scene = Scene::set();
        scene.end().await; // at 1000
        scene.link(&link(sample::conversation_id().as_str(), None)).await;
        for (id, began) in [("this", Some(900)), ("unknown", None), ("next", Some(1100))] {
            let signal = Signal {
                reference: room(),
                id: id.to_owned(),
                at: Timestamp::from_millis(1200),
                began: began.map(Timestamp::from_millis),
                news: News::Ended(End::ByAnswer),
                known: Details::default(),
            };
            let until = Timestamp::from_millis(9000);
            scene.references.park(&sample::account(), &signal, until).await.unwrap();
        }
        assert!(scene.forget().await);
        assert_eq!(scene.parked().await, ["next"]);
    }
}
