//! The three queues' mappings to one function, polled step by step.

use std::time::Duration;

use local::clock::ClockControl;
use local::lambda::function::Deployed;
use local::lambda::mapping::Mapping;

use super::site::{DEAD_LETTERS, DELIVERIES, EVENTS, Site};

/// How far the clock moves when no message is due.
const TICK: Duration = Duration::from_secs(1);

/// Longer than any run that ends: four receives at 185 s, and the reconciler's turn.
const TICKS: usize = 2000;

pub(super) struct Mappings {
    pub(super) events: Mapping,
    pub(super) deliveries: Mapping,
    pub(super) dead_letters: Mapping,
}

impl Mappings {
    pub(super) async fn new(site: &Site, dispatch: &Deployed) -> Self {
        Self {
            events: site.mapping(EVENTS, dispatch).await,
            deliveries: site.mapping(DELIVERIES, dispatch).await,
            dead_letters: site.mapping(DEAD_LETTERS, dispatch).await,
        }
    }

    /// Delivers a batch from each queue; returns the number of messages.
    pub(super) async fn step(&self) -> usize {
        self.events.step().await + self.deliveries.step().await + self.dead_letters.step().await
    }

    /// Delivers messages, and moves the clock when none is due, until only this number of dead letters is left.
    pub(super) async fn drain(&self, site: &Site, hand: &ClockControl, dead_letters: u64) {
        for _ in 0..TICKS {
            let [events, deliveries, dead] = [
                site.world.messages_in(EVENTS).await,
                site.world.messages_in(DELIVERIES).await,
                site.world.messages_in(DEAD_LETTERS).await,
            ];
            if (events, deliveries, dead) == (0, 0, dead_letters) {
                return;
            }
            if self.step().await == 0 {
                hand.advance(TICK);
            }
        }
        panic!("the queues do not become empty");
    }
}
