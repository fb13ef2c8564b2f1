//! A recovery: what it looks for, how far it is, and the plan of what it sends.

use std::future::Future;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::delivery::record::DeliveryStatus;
use crate::delivery_log::position::Position;
use crate::event::kind::EventKind;
use crate::shared::ids::{AccountId, DeliveryId, DestinationId, RecoveryId};
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Saved};

/// Deliveries that a recovery queues each second, if its caller sets no rate.
pub const DEFAULT_PER_SECOND: u16 = 10;

/// The most deliveries that a caller can have queued each second: what one step queues for [`WINDOW`] it also has to
/// read within an invocation.
pub const MAX_PER_SECOND: u16 = 100;

/// How long the deliveries of one step take to become due. A stop takes effect after it.
pub const WINDOW: Duration = Duration::from_secs(5);

/// What an event has to be like at a destination for a recovery to send it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Include {
    /// Its latest delivery ended without success, or waits long for its retry.
    Failed,
    /// The destination wants it and has no delivery of it.
    Missing,
}

/// What a recovery looks for, and how fast it sends that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// At this destination; without one, at every destination that is enabled.
    pub destination_id: Option<DestinationId>,
    /// Created at this time or later: deliveries, and of those that are missing the events.
    pub since: Timestamp,
    /// Created before this time.
    pub until: Timestamp,
    /// Of this kind.
    pub event: Option<EventKind>,
    /// Failed deliveries with this status.
    pub status: Option<DeliveryStatus>,
    /// Which deliveries.
    pub include: Vec<Include>,
    /// How many are sent each second.
    pub per_second: u16,
    /// Whether they are only counted.
    pub dry_run: bool,
}

/// How far a recovery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It looks for deliveries.
    Finding,
    /// It queues them.
    Sending,
    /// All are queued, and some have not ended.
    Waiting,
    /// It has ended.
    Done,
    /// A caller has stopped it.
    Stopped,
}

/// The deliveries of a recovery, counted. Those that are queued and neither delivered nor failed have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// To be sent.
    pub found: usize,
    /// Handed to the queue, or found to be delivered or under way meanwhile.
    pub queued: usize,
    /// Of those, the ones that were delivered.
    pub delivered: usize,
    /// Of those, the ones that ended without success.
    pub failed: usize,
}

/// A recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Its id.
    pub id: RecoveryId,
    /// What it looks for.
    pub request: Request,
    /// How far it is.
    pub state: State,
    /// What it has found and sent.
    pub progress: Progress,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it took its latest step.
    pub updated_at: Timestamp,
    /// The pages of its plan.
    pub pages: u32,
    /// The number of its next step.
    pub step: u32,
    /// What its next step does.
    pub next: Next,
}

/// What the next step of a recovery does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Adds a page to the plan.
    Find {
        /// What it looks for.
        include: Include,
        /// Where in the log it goes on.
        after: Option<Position>,
    },
    /// Queues a part of the plan, and counts what became of the part before.
    Send {
        /// The part that it queues.
        part: Part,
        /// The part before.
        sent: Option<Part>,
    },
    /// Counts what became of a page of the plan.
    Count {
        /// The page.
        page: u32,
        /// Rounds through the whole plan before this one.
        rounds: u32,
        /// Delivered, in this round.
        delivered: usize,
        /// Failed, in this round.
        failed: usize,
    },
}

/// A part of a page of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The page.
    pub page: u32,
    /// Its deliveries before this part.
    pub from: usize,
    /// At most so many deliveries.
    pub most: usize,
}

/// A delivery to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its id, which derives from the event and its deliveries so far: recoveries that find the same make it once.
    pub id: DeliveryId,
    /// Where it goes.
    pub destination_id: DestinationId,
}

/// Deliveries that one step has found, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The deliveries.
    pub planned: Vec<Planned>,
    /// What the step after it does; `None` after the last page.
    pub next: Option<Next>,
}

impl Recovery {
    /// A recovery that begins.
    #[must_use]
    pub fn new(id: RecoveryId, request: Request, now: Timestamp) -> Self {
        let include = request.include.first().copied().unwrap_or(Include::Failed);
        // Not what comes while it looks, but what came in this millisecond.
        let request = Request { until: request.until.min(now + Duration::from_millis(1)), ..request };
        Self {
            id,
            request,
            state: State::Finding,
            progress: Progress::default(),
            created_at: now,
            updated_at: now,
            pages: 0,
            step: 0,
            next: Next::Find { include, after: None },
        }
    }

    /// The part of a page that one step queues.
    pub(super) fn part(&self, page: u32, from: usize) -> Part {
        let most = usize::from(self.request.per_second) * WINDOW.as_secs() as usize;
        Part { page, from, most }
    }

    /// Whether no step follows.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Done | State::Stopped)
    }
}

/// Stores recoveries and their plans.
pub trait Recoveries: Send + Sync {
    /// Stores a new recovery, or returns the stored one with its id.
    fn create(
        &self,
        account: &AccountId,
        recovery: &Recovery,
    ) -> impl Future<Output = Result<Option<Recovery>>> + Send;

    /// Reads a recovery, strongly consistent.
    fn load(
        &self,
        account: &AccountId,
        id: &RecoveryId,
    ) -> impl Future<Output = Result<Option<Recovery>>> + Send;

    /// Stores a recovery after a step, unless its step was taken by another.
    fn save(&self, account: &AccountId, recovery: &Recovery) -> impl Future<Output = Result<Saved>> + Send;

    /// Stores the page of the plan that the step of a recovery has found, and returns it; or the stored one, if the same
    /// step has run before.
    fn put_page(
        &self,
        account: &AccountId,
        recovery: &Recovery,
        page: Page,
    ) -> impl Future<Output = Result<Page>> + Send;

    /// Reads a page of a plan; an empty one if it is gone.
    fn page(
        &self,
        account: &AccountId,
        id: &RecoveryId,
        page: u32,
    ) -> impl Future<Output = Result<Vec<Planned>>> + Send;
}
