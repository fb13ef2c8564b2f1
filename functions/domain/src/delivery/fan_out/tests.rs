mod notices;

use std::time::Duration;

use super::*;
use crate::conversation::ended::{CompletionFlow, Ended};
use crate::conversation::patch::ConversationPatch;
use crate::conversation::record::Conversation;
use crate::conversation::store::ConversationLookup;
use crate::destination::record::DestinationStatus;
use crate::event::kind::EventKind;
use crate::shared::ids::{ConversationId, DestinationId, EventId};
use crate::testing::fakes::{
    CapturedLog, ManualClock, MemoryConversations, MemoryDestinations, MemoryEvents, MemoryLedger,
    MemoryQueue, sample,
};

type Step = FanOut<
    MemoryConversations,
    MemoryEvents,
    MemoryQueue<crate::delivery::message::DeliveryMessage>,
    MemoryQueue<EventMessage>,
    MemoryDestinations,
    MemoryLedger,
>;

struct Scene {
    conversations: MemoryConversations,
    destinations: MemoryDestinations,
    deliveries: MemoryQueue<crate::delivery::message::DeliveryMessage>,
    events: MemoryQueue<EventMessage>,
    ledger: MemoryLedger,
    clock: ManualClock,
    step: Step,
}

impl Scene {
    /// An enabled destination, a disabled one, and one that wants other events; a conversation that has ended.
    async fn set() -> Self {
        let destinations = MemoryDestinations::default();
        for (id, status, events) in [
            ("dst_on", DestinationStatus::Enabled, vec![EventKind::Completed]),
            ("dst_off", DestinationStatus::Disabled, vec![EventKind::Completed]),
            ("dst_other", DestinationStatus::Enabled, vec![EventKind::Failed]),
        ] {
            let mut destination = sample::destination(id);
            destination.status = status;
            destination.events = events.try_into().unwrap();
            destinations.put(destination);
        }
        let conversations = MemoryConversations::default();
        let accepted_at = sample::event_message().sent_at;
        let mut conversation = Conversation::new(sample::account(), sample::conversation_id(), accepted_at);
        conversation.ended = Some(sample::ended(CompletionFlow::Hangup));
        conversations.save(&conversation).await.unwrap();
        let (deliveries, events) = (MemoryQueue::default(), MemoryQueue::default());
        let (ledger, clock) = (MemoryLedger::default(), ManualClock::new(accepted_at.as_millis()));
        let step = FanOut::new(
            conversations.clone(),
            destinations.events(),
            deliveries.clone(),
            events.clone(),
            destinations.clone(),
            ledger.clone(),
            crate::testing::fakes::RETENTION,
            Arc::new(clock.clone()),
        );
        Self { conversations, destinations, deliveries, events, ledger, clock, step }
    }

    async fn run(&self) -> Verdict {
        let (message, receipt) = (&Message::Event(sample::event_message()), &Receipt("r".to_owned()));
        self.step.run(&[ReceivedEvent { message, receipt, is_first: true }]).await[0]
    }

    async fn record(&self) -> Conversation {
        let (account, id) = (sample::account(), sample::conversation_id());
        self.conversations.load(&account, &id).await.unwrap().kept().unwrap()
    }

    async fn name_agent(&self, agent: Option<&str>) {
        let mut conversation = self.record().await;
        let fields = agent.map_or("{}".to_owned(), |agent| format!(r#"{{"agent_id":"{agent}"}}"#));
        conversation.apply(&ConversationPatch::parse(serde_json::from_str(&fields).unwrap()).unwrap());
        self.conversations.save(&conversation).await.unwrap();
    }

    fn skipped(&self) -> usize {
        let id = DeliveryId::of(&sample::event_message().event_id(), &sample::destination("dst_off").id);
        self.ledger.records_of(&id).len()
    }
}

#[tokio::test]
async fn the_active_get_a_message_the_disabled_a_record_and_the_unwilling_nothing() {
    let (scene, lines) = (Scene::set().await, CapturedLog::start());
    for _ in 0..2 {
        assert_eq!(scene.run().await, Verdict::Done);
        assert_eq!(lines.of("delivery.skipped").len(), 1, "a second run skips nothing");
    }
    let sent: Vec<_> = scene.deliveries.sent().into_iter().map(|message| message.delivery_id).collect();
    assert_eq!(sent[0], sent[1], "a second run creates the same delivery");
    assert_eq!(sent.len(), 2);
    assert_eq!(scene.skipped(), 1);
}

#[tokio::test]
async fn a_destination_that_names_agents_gets_their_events_alone_and_nothing_else_is_recorded() {
    for (agent, sent, skipped) in [(Some("a"), 3, 1), (Some("b"), 2, 1), (Some("c"), 1, 0), (None, 1, 0)] {
        let scene = Scene::set().await;
        scene.name_agent(agent).await;
        for (id, agents, status) in [
            ("dst_a", &["a"][..], DestinationStatus::Enabled),
            ("dst_ab", &["b", "a"], DestinationStatus::Enabled),
            ("dst_off", &["a", "b"], DestinationStatus::Disabled),
        ] {
            let agents: Vec<String> = agents.iter().map(|&id| id.to_owned()).collect();
            let agents = agents.try_into().unwrap();
            scene.destinations.put(Destination { agents, status, ..sample::destination(id) });
        }
        assert_eq!(scene.run().await, Verdict::Done);
        assert_eq!((scene.deliveries.sent().len(), scene.skipped()), (sent, skipped), "{agent:?}");
    }
}

#[tokio::test]
async fn an_event_that_no_destination_wants_is_listed_once_and_any_other_by_its_deliveries() {
    let (scene, event) = (Scene::set().await, sample::event_message().event_id());
    assert_eq!(scene.run().await, Verdict::Done);
    assert!(!scene.destinations.events().is_unwanted(&event));
    let scene = Scene::set().await;
    for id in ["dst_on", "dst_off"] {
        scene.destinations.remove(&DestinationId::parse(id).unwrap());
    }
    for _ in 0..2 {
        assert_eq!(scene.run().await, Verdict::Done);
        assert!(scene.destinations.events().is_unwanted(&event));
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_fanned_out_now_waits_longer_each_time() {
    let scene = Scene::set().await;
    scene.deliveries.fail_next();
    assert_eq!(scene.run().await, Verdict::Done);
    assert_eq!(scene.events.sent(), [sample::event_message().after_failure()]);
    scene.deliveries.fail_next();
    scene.events.fail_next();
    assert_eq!(scene.run().await, Verdict::Keep, "no copy could be sent");
}

#[tokio::test]
async fn events_of_a_batch_share_a_read_of_the_destinations_and_each_has_its_own_verdict() {
    let scene = Scene::set().await;
    let mut messages = Vec::new();
    for number in 0..10 {
        let id = ConversationId::parse(format!("c-{number}")).unwrap();
        let mut conversation =
            Conversation::new(sample::account(), id.clone(), sample::event_message().sent_at);
        let event_id = EventId::of_conversation(&sample::account(), &id);
        let mut ended = Ended { event_id, ..sample::ended(CompletionFlow::Hangup) };
        if number == 3 {
            ended.settles_at = Some(scene.clock.now() + Duration::from_secs(4));
        }
        conversation.ended = Some(ended);
        scene.conversations.save(&conversation).await.unwrap();
        messages.push(Message::Event(EventMessage { conversation_id: id, ..sample::event_message() }));
    }
    let receipt = Receipt("r".to_owned());
    let batch: Vec<_> =
        messages.iter().map(|message| ReceivedEvent { message, receipt: &receipt, is_first: true }).collect();
    let mut verdicts = [Verdict::Done; 10];
    verdicts[3] = Verdict::Keep;
    scene.deliveries.fail_next();
    assert_eq!(scene.step.run(&batch).await, verdicts);
    assert_eq!(scene.deliveries.sent().len(), 8);
    assert_eq!(scene.events.sent().len(), 1, "the one that failed waits as a copy");
    assert_eq!(scene.destinations.lists_read(), 1);
    assert_eq!(scene.step.run(&batch).await, verdicts);
    assert_eq!(scene.destinations.lists_read(), 2, "each batch reads what is stored when it was received");
}

#[tokio::test]
async fn an_end_that_has_not_settled_waits_until_then() {
    let scene = Scene::set().await;
    let mut conversation = scene.record().await;
    let span = Duration::from_secs(4);
    conversation.ended.as_mut().unwrap().settles_at = Some(scene.clock.now() + span);
    scene.conversations.save(&conversation).await.unwrap();
    assert_eq!(scene.run().await, Verdict::Keep);
    assert_eq!(scene.events.postponed(), [(Receipt("r".to_owned()), span)]);
    assert!(scene.deliveries.sent().is_empty());
    scene.clock.advance(span);
    assert_eq!(scene.run().await, Verdict::Done);
    assert_eq!(scene.deliveries.sent().len(), 1);
}

/// What a customer adds before an event is accepted gets it, at once.
#[tokio::test]
async fn a_list_serves_for_a_second_those_events_that_waited_since_before_it_was_read() {
    let scene = Scene::set().await;
    let deliveries = async |added: &str, seconds| {
        scene.clock.advance(Duration::from_secs(seconds));
        scene.destinations.put(sample::destination(added));
        let before = scene.deliveries.sent().len();
        assert_eq!(scene.run().await, Verdict::Done);
        scene.deliveries.sent().len() - before
    };
    assert_eq!(deliveries("dst_a", 0).await, 2);
    assert_eq!(deliveries("dst_b", 0).await, 3, "just accepted");
    assert_eq!(deliveries("dst_c", 4).await, 4);
    assert_eq!(deliveries("dst_d", 0).await, 4, "it has waited");
    assert_eq!(deliveries("dst_e", 1).await, 6);
}

#[tokio::test]
async fn of_an_event_that_was_forgotten_nothing_is_recorded() {
    let scene = Scene::set().await;
    let (event, now) = (sample::event_message().event_id(), scene.clock.now());
    scene.destinations.events().forget_event(&sample::account(), &event, now).await.unwrap();
    assert_eq!(scene.run().await, Verdict::Done);
    assert_eq!((scene.skipped(), scene.deliveries.sent().len()), (0, 0));
}
