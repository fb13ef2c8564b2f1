//! SQS: a message is delivered at least once and in no order until it is deleted; after four receives it is a dead
//! letter.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use checker::history::RemainingMessage;
use domain::delivery::received::Receipt;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::SeededRandomness;

use crate::faults::{Fault, Faults, Point};

/// The queues' settings and redrive policies, as set in `infra/template.yaml`.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(185);
const MAX_RECEIVES: u32 = 4;
const BATCH: usize = 10;

/// A group with more than this share of the messages in flight is a noisy neighbour. AWS states no number.
const NOISY: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Events,
    Deliveries,
    DeadLetters,
}

impl Source {
    pub(crate) const ALL: [Self; 3] = [Self::Events, Self::Deliveries, Self::DeadLetters];
}

/// A message as received.
pub(crate) struct ReceivedMessage {
    pub(crate) body: Arc<str>,
    pub(crate) receipt: Receipt,
    pub(crate) receive_count: Option<u32>,
    pub(crate) appearances: u32,
}

struct Message {
    id: usize,
    /// `MessageGroupId`.
    group: Arc<str>,
    body: Arc<str>,
    visible_at: Timestamp,
    receives: u32,
    /// How often Dispatch has appeared in the chain of requests that led to this message.
    appearances: u32,
}

impl Message {
    fn is_in_flight(&self, now: Timestamp) -> bool {
        self.visible_at > now && self.receives > 0
    }
}

#[derive(Default)]
struct State {
    queues: [Vec<Message>; 3],
    sent: usize,
    received: usize,
    /// Messages that ever became dead letters.
    dead_letters: usize,
}

/// The three queues.
#[derive(Clone)]
pub(crate) struct Queues {
    state: Arc<Mutex<State>>,
    randomness: SeededRandomness,
    faults: Faults,
    /// The limit of messages in flight in one queue.
    max_in_flight: usize,
    /// Whether noisy neighbours are delivered after the others, as in fair queues; otherwise the order is random.
    pub(crate) is_fair: bool,
}

impl Queues {
    pub(crate) fn new(randomness: &SeededRandomness, faults: &Faults, max_in_flight: usize) -> Self {
        Self {
            state: Arc::default(),
            randomness: randomness.clone(),
            faults: faults.clone(),
            max_in_flight,
            is_fair: false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn send(
        &self,
        to: Source,
        group: Arc<str>,
        body: Arc<str>,
        visible_at: Timestamp,
        appearances: u32,
    ) {
        let mut state = self.state();
        state.sent += 1;
        let message = Message { id: state.sent, group, body, visible_at, receives: 0, appearances };
        state.queues[to as usize].push(message);
    }

    /// Receives some of the visible messages. `None` means that messages are visible but the queue delivers none now.
    pub(crate) fn receive(&self, from: Source, now: Timestamp) -> Option<Vec<ReceivedMessage>> {
        let mut state = self.state();
        let dead = take_dead_letters(&mut state.queues[from as usize], from, now);
        state.dead_letters += dead.len();
        state.queues[Source::DeadLetters as usize].extend(dead);
        let queue = &mut state.queues[from as usize];
        let in_flight = queue.iter().filter(|message| message.is_in_flight(now)).count();
        let noisy = if self.is_fair { noisy(queue, now, in_flight) } else { HashSet::new() };
        let mut visible: Vec<_> = queue.iter_mut().filter(|message| message.visible_at <= now).collect();
        if visible.is_empty() {
            return Some(Vec::new());
        }
        if in_flight >= self.max_in_flight {
            self.faults.note(Fault::Capped, || format!("{from:?}"));
            return None;
        }
        if self.faults.happens(Point::Receive, Fault::NothingReceived) {
            return None;
        }
        self.randomness.shuffle(&mut visible);
        if self.is_fair {
            visible.sort_by_key(|message| noisy.contains(&message.group));
        }
        visible.truncate(BATCH.min(self.max_in_flight - in_flight));
        let received: Vec<_> =
            visible.into_iter().map(|message| self.receive_one(from, message, now)).collect();
        state.received += received.len();
        Some(received)
    }

    fn receive_one(&self, from: Source, message: &mut Message, now: Timestamp) -> ReceivedMessage {
        let happens = |fault| self.faults.happens(Point::Receive, fault);
        message.receives += 1;
        if !happens(Fault::Duplicate) {
            message.visible_at = now + VISIBILITY_TIMEOUT;
        }
        let receive_count = match message.receives {
            count if !happens(Fault::WrongCount) => Some(count),
            1 => None,
            count => Some(count - 1),
        };
        let receipt = Receipt(format!("{} {}", from as usize, message.id));
        let (body, appearances) = (Arc::clone(&message.body), message.appearances);
        ReceivedMessage { body, receipt, receive_count, appearances }
    }

    pub(crate) fn delete(&self, receipt: &Receipt) {
        let (from, id) = parts(receipt);
        if !self.faults.happens(Point::Delete, Fault::Resurrected) {
            self.state().queues[from].retain(|message| message.id != id);
        }
    }

    /// Hides a message until `visible_at`. Returns its queue if the message still exists.
    pub(crate) fn postpone(&self, receipt: &Receipt, visible_at: Timestamp) -> Option<Source> {
        let (from, id) = parts(receipt);
        let mut state = self.state();
        let message = state.queues[from].iter_mut().find(|message| message.id == id)?;
        message.visible_at = visible_at;
        Some(Source::ALL[from])
    }

    /// Returns when the next message becomes visible.
    pub(crate) fn next_visible(&self, of: Source) -> Option<Timestamp> {
        self.state().queues[of as usize].iter().map(|message| message.visible_at).min()
    }

    /// Returns `ApproximateNumberOfMessagesNotVisible`.
    pub(crate) fn in_flight(&self, of: Source, now: Timestamp) -> usize {
        self.state().queues[of as usize].iter().filter(|message| message.is_in_flight(now)).count()
    }

    /// Returns how often any message was received.
    pub(crate) fn received(&self) -> usize {
        self.state().received
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.state().dead_letters
    }

    pub(crate) fn left(&self) -> Vec<RemainingMessage> {
        let state = self.state();
        let left = Source::ALL.into_iter().flat_map(|source| {
            state.queues[source as usize].iter().map(move |message| RemainingMessage {
                queue: format!("{source:?}"),
                is_dead: source == Source::DeadLetters,
                body: message.body.to_string(),
            })
        });
        left.collect()
    }
}

/// Returns the groups with more than a [`NOISY`] share of the messages in flight.
fn noisy(queue: &[Message], now: Timestamp, in_flight: usize) -> HashSet<Arc<str>> {
    let mut groups = HashMap::<_, usize>::new();
    for message in queue.iter().filter(|message| message.is_in_flight(now)) {
        *groups.entry(Arc::clone(&message.group)).or_default() += 1;
    }
    groups.retain(|_, messages| *messages as f64 > in_flight as f64 * NOISY);
    groups.into_keys().collect()
}

/// Removes and returns the messages whose receives have run out.
fn take_dead_letters(queue: &mut Vec<Message>, from: Source, now: Timestamp) -> Vec<Message> {
    let is_dead = |message: &mut Message| message.visible_at <= now && message.receives >= MAX_RECEIVES;
    if from == Source::DeadLetters {
        return Vec::new();
    }
    let dead = queue.extract_if(.., is_dead);
    dead.map(|message| Message { receives: 0, visible_at: now, ..message }).collect()
}

fn parts(receipt: &Receipt) -> (usize, usize) {
    let (from, id) = receipt.0.split_once(' ').unwrap();
    (from.parse().unwrap(), id.parse().unwrap())
}
