//! The platform: ends conversations and reports each end until ingest has accepted it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::conversation::patch::ConversationPatch;
use domain::conversation::store::ConversationLookup;
use domain::event::kind::EventKind;
use domain::event::store::StoredEvent;
use domain::lifecycle::complete::Complete;
use domain::lifecycle::completion::Completion;
use domain::lifecycle::provider_callback::Ending;
use domain::shared::ids::{ConversationId, EventId};
use domain::shared::skew_corrected_clock::SkewCorrectedClock;
use domain::testing::fakes::sample;
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::network::{Life, Network};
use crate::ports::Ports;
use crate::world::World;

/// Ingest's timeout, as set in `infra/template.yaml`.
const INGEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How often the schedule runs, as set in `infra/template.yaml`.
const SCHEDULE: Duration = Duration::from_secs(60);

/// A source's report of an end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    pub(crate) flow: CompletionFlow,
    pub(crate) kind: EventKind,
    /// `settle_seconds`, of the platform only.
    pub(crate) settle: Duration,
    /// How long after the conversation's end it comes.
    pub(crate) after: Duration,
}

impl Report {
    pub(crate) const fn of(flow: CompletionFlow, kind: EventKind) -> Self {
        Self { flow, kind, settle: Duration::ZERO, after: Duration::ZERO }
    }
}

impl World {
    /// Ends a conversation after this time; the platform reports it.
    pub(crate) fn end_conversation(self: &Arc<Self>, after: Duration) -> EventId {
        let report = Report { after, ..Report::of(CompletionFlow::Hangup, EventKind::Completed) };
        self.end_conversation_by(&[report])
    }

    /// Ends a conversation by these reports, each repeated until it is accepted.
    pub(crate) fn end_conversation_by(self: &Arc<Self>, reports: &[Report]) -> EventId {
        let (conversation_id, event) = self.add_conversation();
        for &Report { flow, kind, settle, after } in reports {
            let completion = Completion {
                account_id: sample::account(),
                conversation_id: conversation_id.clone(),
                flow,
                end: Ending::As(kind),
                ended_at: None,
                settle,
                stated: ConversationPatch::default(),
                known: ConversationFields::default(),
            };
            let world = Arc::clone(self);
            self.time.spawn(async move {
                world.time.sleep(after).await;
                while !world.is_accepted(&completion).await {
                    world.time.sleep(world.randomness.millis(100, 10_000)).await;
                }
                while world.is_scheduled(&completion.conversation_id) {
                    world.time.sleep(SCHEDULE).await;
                    world.run_schedule(&completion.conversation_id).await;
                }
            });
        }
        event
    }

    /// The reports of one end: the platform's, providers', or both, in any order, some repeated.
    pub(crate) fn random_reports(&self) -> Vec<Report> {
        use CompletionFlow::{Daily, Hangup, OutboundCall, Twilio};
        use EventKind::{Completed, Failed};
        let randomness = &self.randomness;
        let end = randomness.log_uniform(Duration::from_secs(60));
        let report = |_| {
            let settle = if randomness.chance(0.2) { randomness.millis(0, 30_000) } else { Duration::ZERO };
            Report {
                flow: *randomness.pick(&[Hangup, Hangup, OutboundCall, Twilio, Daily]),
                kind: *randomness.pick(&[Completed, Completed, Failed]),
                settle,
                after: end + randomness.log_uniform(Duration::from_secs(30)),
            }
        };
        (0..=randomness.below(4)).map(report).collect()
    }

    /// Conversations whose end is not the one that their event reports, or has not settled.
    pub(crate) fn unsettled(&self) -> Vec<String> {
        let wrong = |(conversation, event): &(ConversationId, EventId)| {
            let stored = self.conversations.load(&sample::account(), conversation).now_or_never().unwrap();
            let ended = stored.unwrap().kept().and_then(|record| record.ended);
            let sent = match self.tenants.events().get(event) {
                StoredEvent::Kept { event, .. } => Some(event.kind),
                StoredEvent::Absent | StoredEvent::Forgotten { .. } => None,
            };
            let is_right = ended.as_ref().is_some_and(|ended| ended.settles_at.is_none())
                && ended.as_ref().map(|ended| ended.kind) == sent;
            (!is_right).then(|| format!("{conversation} ended as {ended:?}, but its event is {sent:?}"))
        };
        self.events().iter().filter_map(wrong).collect()
    }

    async fn is_accepted(self: &Arc<Self>, completion: &Completion) -> bool {
        let (complete, life) = self.ingest();
        self.in_time(life, complete.run(completion)).await.is_some_and(|completed| completed.is_ok())
    }

    /// What the schedule does to a conversation, if its time has come.
    async fn run_schedule(self: &Arc<Self>, conversation: &ConversationId) {
        let (complete, life) = self.ingest();
        let account = sample::account();
        self.in_time(life, complete.run_overdue(&account, conversation)).await;
    }

    fn is_scheduled(&self, conversation: &ConversationId) -> bool {
        let stored = self.conversations.load(&sample::account(), conversation).now_or_never().unwrap();
        stored.unwrap().kept().is_some_and(|record| record.overdue_at.is_some())
    }

    fn ingest(self: &Arc<Self>) -> (Complete<Ports, Ports, Ports>, Life) {
        let (ports, life, clock) = self.invocation_of_ingest();
        let randomness = Arc::new(self.randomness.clone());
        let complete = Complete::new(ports.clone(), ports.clone(), ports, sample::SPANS, clock, randomness);
        (complete, life)
    }

    /// The ports of one invocation of ingest, its life and its clock.
    pub(crate) fn invocation_of_ingest(self: &Arc<Self>) -> (Ports, Life, Arc<SkewCorrectedClock>) {
        let network = Network {
            time: self.time.clone(),
            randomness: self.randomness.clone(),
            faults: self.faults.clone(),
            life: Default::default(),
            clock: self.sandbox_clock(),
            syncs_clocks: self.syncs_clocks,
        };
        let (life, clock) = (network.life.clone(), Arc::clone(&network.clock));
        (Ports { world: Arc::clone(self), network, appearances: 0 }, life, clock)
    }

    /// Runs until the invocation ends: by itself, or because it is killed.
    pub(crate) async fn in_time<T>(&self, life: Life, work: impl Future<Output = T>) -> Option<T> {
        let deadline = self.time.sleep(INGEST_TIMEOUT);
        match select(select(life, deadline), pin!(work)).await {
            Either::Left(_) => None,
            Either::Right((done, _)) => Some(done),
        }
    }
}
