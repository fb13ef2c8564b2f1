//! The three queues over one function, handed out step by step.

use std::time::Duration;

use local::clock::ClockControl;
use local::lambda::function::Deployed;
use local::lambda::mapping::Mapping;

use super::site::{DEAD_LETTERS, DELIVERIES, EVENTS, Site};

/// Queues are looked at so often by a hand that drives the clock.
const TICK: Duration = Duration::from_secs(1);

/// Longer than anything takes that ends at all: four receives at 180 s, and the reconciler's turn.
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

    /// Hands out a batch of each queue. How many messages that were.
    pub(super) async fn step(&self) -> usize {
        self.events.step().await + self.deliveries.step().await + self.dead_letters.step().await
    }

    /// Hands out whatever comes, and moves the clock when nothing does, until all that is left is so many dead letters.
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
