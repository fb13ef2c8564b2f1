//! One event in a world with no other faults than those a test forces.

use std::sync::Arc;

use checker::history::History;
use domain::conversation::ended::CompletionFlow;
use domain::delivery::history::{Attempted, Entry};
use domain::delivery::outcome::OutcomeClass;
use domain::delivery::record::DeliveryStatus;
use domain::delivery::state::DeliveryState;
use domain::event::kind::EventKind;
use domain::shared::ids::{DeliveryId, DestinationId, EventId};

use crate::conversations::Report;
use crate::faults::{Fault, Point};
use crate::sink::Answer;
use crate::world::World;

pub(crate) struct Scene {
    pub(crate) world: Arc<World>,
    pub(crate) event: EventId,
    pub(crate) destinations: Vec<DestinationId>,
}

impl Scene {
    /// Creates a scene with one destination for each script.
    pub(crate) fn of(scripts: &[&[Answer]]) -> Self {
        Self::in_world(World::calm(7), scripts)
    }

    pub(crate) fn in_world(world: World, scripts: &[&[Answer]]) -> Self {
        Self::ended_by(world, scripts, &[Report::of(CompletionFlow::Hangup, EventKind::Completed)])
    }

    /// Creates a scene in which these reports end the conversation.
    pub(crate) fn ended_by(world: World, scripts: &[&[Answer]], reports: &[Report]) -> Self {
        let world = Arc::new(world);
        let scripts = scripts.iter().enumerate();
        let destinations = scripts.map(|(index, script)| world.destination_that(index, script)).collect();
        let event = world.end_conversation_by(reports);
        Self { world, event, destinations }
    }

    /// Forces a fault once, after `passed` operations without it.
    pub(crate) fn with(self, passed: usize, at: Point, fault: Fault) -> Self {
        self.world.faults.force_after(passed, at, fault);
        self
    }

    pub(crate) fn delivery(&self, index: usize) -> DeliveryId {
        DeliveryId::of(&self.event, &self.destinations[index])
    }

    /// Runs the scene to its end and asserts that every promise was kept and every forced fault happened.
    pub(crate) fn play(&self) -> Ending {
        let history = self.world.run();
        let mut breaches: Vec<_> = self.world.breaches(&history).iter().map(ToString::to_string).collect();
        breaches.extend(self.world.unsettled());
        assert!(breaches.is_empty(), "{}\n{}", breaches.join("\n"), self.world.faults.story().join("\n"));
        let outstanding = self.world.faults.outstanding();
        assert!(outstanding.is_empty(), "{outstanding:?} never happened");
        Ending {
            history,
            dead_letters: self.world.queues.dead_letters(),
            deliveries: (0..self.destinations.len()).map(|index| self.delivery(index)).collect(),
        }
    }
}

/// The result of a scene.
pub(crate) struct Ending {
    pub(crate) history: History,
    /// Messages that became dead letters.
    pub(crate) dead_letters: usize,
    deliveries: Vec<DeliveryId>,
}

impl Ending {
    /// Returns the outcomes of the attempts at one destination.
    pub(crate) fn outcomes(&self, index: usize) -> Vec<OutcomeClass> {
        let records = self.history.records[&self.deliveries[index]].iter();
        let attempts = records.filter_map(|record| match &record.entry {
            Entry::Attempted(Attempted { outcome, .. }) => Some(outcome.class),
            Entry::Inflight { .. } | Entry::Closed { .. } => None,
        });
        attempts.collect()
    }

    /// Returns the attempt numbers of the requests that one destination received.
    pub(crate) fn requests(&self, index: usize) -> Vec<u8> {
        let requests = self.history.requests.iter();
        let received = requests.filter(|request| request.delivery == self.deliveries[index]);
        received.map(|request| request.attempt).collect()
    }

    pub(crate) fn status(&self, index: usize) -> DeliveryStatus {
        DeliveryState::of(&self.history.records[&self.deliveries[index]]).unwrap().status
    }
}
