use super::*;
use crate::conversation::ended::CompletionFlow;
use crate::conversation::store::{ConversationLookup, FORGOTTEN_FOR};
use crate::event::store::EventEraser;
use crate::shared::token::Token;
use crate::testing::fakes::{ManualClock, MemoryConversations, MemoryEvents, RETENTION, sample};

/// A conversation that has ended, and the step that lets its event leave.
struct Scene {
    conversations: MemoryConversations,
    events: MemoryEvents,
    clock: ManualClock,
}

impl Scene {
    async fn set(change: impl FnOnce(&mut Ended)) -> Self {
        let sent_at = sample::event_message().sent_at;
        let mut conversation = Conversation::new(sample::account(), sample::conversation_id(), sent_at);
        let mut ended = sample::ended(CompletionFlow::Twilio);
        change(&mut ended);
        conversation.ended = Some(ended);
        let scene = Self {
            conversations: MemoryConversations::default(),
            events: MemoryEvents::default(),
            clock: ManualClock::new(sent_at.as_millis()),
        };
        assert_eq!(scene.conversations.save(&conversation).await.unwrap(), Saved::Yes);
        scene
    }

    async fn record(&self) -> Conversation {
        let (account, id) = (sample::account(), sample::conversation_id());
        self.conversations.load(&account, &id).await.unwrap().kept().unwrap()
    }

    async fn run(&self, message: &EventMessage, is_first_receive: bool) -> &'static str {
        let clock = Arc::new(self.clock.clone());
        let freeze = Freeze::new(self.conversations.clone(), self.events.clone(), clock);
        match freeze.run(message, is_first_receive).await.unwrap() {
            Frozen::Event(_) => "event",
            Frozen::Later(_) => "later",
            Frozen::Nothing => "nothing",
        }
    }
}

fn message(id: &str) -> EventMessage {
    EventMessage { id: Token::from(id), ..sample::event_message() }
}

#[tokio::test]
async fn an_end_settles_and_then_never_changes() {
    let window = Duration::from_secs(10);
    let scene = Scene::set(|ended| ended.settles_at = Some(ended.at + window)).await;
    assert_eq!(scene.run(&message("a"), true).await, "later");
    scene.clock.advance(window);
    assert_eq!(scene.run(&message("a"), true).await, "event");
    let record = scene.record().await;
    assert_eq!((record.ended.unwrap().settles_at, record.overdue_at, record.version), (None, None, 2));
}

#[tokio::test]
async fn one_message_fans_an_event_out_and_the_others_find_it_gone() {
    let scene = Scene::set(|_| ()).await;
    assert_eq!(scene.run(&message("a"), true).await, "event");
    for is_first_receive in [true, false] {
        assert_eq!(scene.run(&message("a"), is_first_receive).await, "event", "received again");
        assert_eq!(scene.run(&message("b"), is_first_receive).await, "nothing");
    }
}

/// Its sender may be about to write, or may have died.
#[tokio::test]
async fn a_message_whose_report_is_not_in_the_record_waits_for_a_minute_and_does_nothing() {
    let scene = Scene::set(|_| ()).await;
    let stranger = EventMessage { word: Token::from("another"), ..message("a") };
    assert_eq!(scene.run(&stranger, true).await, "later");
    scene.clock.advance(Duration::from_secs(60));
    assert_eq!(scene.run(&stranger, false).await, "nothing");
    assert!(matches!(scene.events.get(&stranger.event_id()), StoredEvent::Absent));
}

#[tokio::test]
async fn row_54_after_the_retention_nothing_leaves_though_the_event_is_no_longer_there() {
    let scene = Scene::set(|_| ()).await;
    scene.clock.advance(RETENTION);
    assert_eq!(scene.run(&message("a"), true).await, "nothing");
    assert!(matches!(scene.events.get(&message("a").event_id()), StoredEvent::Absent));
}

#[tokio::test]
async fn row_55_a_deletion_between_the_read_and_the_write_wins_and_a_second_life_has_its_own_event() {
    let scene = Scene::set(|_| ()).await;
    let (account, event) = (sample::account(), message("a").event_id());
    scene.events.forget_event(&account, &event, scene.clock.now()).await.unwrap();
    assert_eq!(scene.run(&message("a"), true).await, "nothing", "the record is still there");

    let first_life = scene.record().await;
    scene.conversations.forget(&first_life, scene.clock.now()).await.unwrap();
    assert_eq!(scene.run(&message("a"), false).await, "nothing");

    scene.clock.advance(FORGOTTEN_FOR);
    scene.conversations.free(&account, &sample::conversation_id());
    let mut second = Conversation::new(account, sample::conversation_id(), scene.clock.now());
    second.ended = first_life.ended;
    scene.conversations.save(&second).await.unwrap();
    for is_first_receive in [false, true] {
        assert_eq!(scene.run(&message("b"), is_first_receive).await, "event");
    }
}
