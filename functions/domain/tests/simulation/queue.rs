//! SQS: a message is delivered at least once and in no order until it is deleted; after four receives it is a dead
//! letter.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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

/// One queue: its messages by id, and when each becomes visible.
#[derive(Default)]
struct Queue {
    messages: BTreeMap<usize, Message>,
    visible_at: BTreeSet<(Timestamp, usize)>,
    /// Those of messages that were received.
    received: BTreeSet<(Timestamp, usize)>,
    most_in_flight: usize,
}

impl Queue {
    fn insert(&mut self, message: Message) {
        let at = (message.visible_at, message.id);
        self.visible_at.insert(at);
        if message.receives > 0 {
            self.received.insert(at);
        }
        self.messages.insert(message.id, message);
    }

    fn remove(&mut self, id: usize) -> Option<Message> {
        let message = self.messages.remove(&id)?;
        self.visible_at.remove(&(message.visible_at, id));
        self.received.remove(&(message.visible_at, id));
        Some(message)
    }

    /// The ids of the messages that are visible.
    fn visible(&self, now: Timestamp) -> Vec<usize> {
        self.visible_at.range(..=(now, usize::MAX)).map(|(_, id)| *id).collect()
    }

    /// The messages that count as `ApproximateNumberOfMessagesNotVisible`.
    fn in_flight(&self, now: Timestamp) -> impl Iterator<Item = &Message> {
        self.received.range((now, usize::MAX)..).map(|(_, id)| &self.messages[id])
    }

    /// Only a receive makes their number grow, or a visible message that is postponed.
    fn note_in_flight(&mut self, now: Timestamp) {
        self.most_in_flight = self.most_in_flight.max(self.in_flight(now).count());
    }

    /// Removes and returns the messages whose receives have run out.
    fn take_dead_letters(&mut self, now: Timestamp) -> Vec<Message> {
        let mut ids = self.visible(now);
        ids.retain(|id| self.messages[id].receives >= MAX_RECEIVES);
        let dead = ids.into_iter().filter_map(|id| self.remove(id));
        dead.map(|message| Message { receives: 0, visible_at: now, ..message }).collect()
    }

    /// The groups with more than a [`NOISY`] share of the messages in flight.
    fn noisy(&self, now: Timestamp) -> HashSet<Arc<str>> {
        let (mut groups, mut all) = (HashMap::<_, usize>::new(), 0.0);
        for message in self.in_flight(now) {
            all += 1.0;
            *groups.entry(Arc::clone(&message.group)).or_default() += 1;
        }
        groups.retain(|_, messages| *messages as f64 > all * NOISY);
        groups.into_keys().collect()
    }
}

#[derive(Default)]
struct State {
    queues: [Queue; 3],
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
        state.queues[to as usize].insert(message);
    }

    /// Receives some of the visible messages. `None` means that messages are visible but the queue delivers none now.
    pub(crate) fn receive(&self, from: Source, now: Timestamp) -> Option<Vec<ReceivedMessage>> {
        let mut state = self.state();
        if from != Source::DeadLetters {
            let dead = state.queues[from as usize].take_dead_letters(now);
            state.dead_letters += dead.len();
            dead.into_iter().for_each(|message| state.queues[Source::DeadLetters as usize].insert(message));
        }
        let queue = &mut state.queues[from as usize];
        let mut visible = queue.visible(now);
        if visible.is_empty() {
            return Some(Vec::new());
        }
        let room = if self.max_in_flight < usize::MAX {
            self.max_in_flight.saturating_sub(queue.in_flight(now).count())
        } else {
            BATCH
        };
        if room == 0 {
            self.faults.note(Fault::Capped, || format!("{from:?}"));
            return None;
        }
        if self.faults.happens(Point::Receive, Fault::NothingReceived) {
            return None;
        }
        let batch = BATCH.min(room);
        if self.is_fair {
            self.randomness.shuffle(&mut visible);
            let noisy = queue.noisy(now);
            visible.sort_by_key(|id| noisy.contains(&queue.messages[id].group));
        } else {
            self.randomness.draw(&mut visible, batch);
        }
        visible.truncate(batch);
        let received: Vec<_> = visible.into_iter().map(|id| self.receive_one(from, queue, id, now)).collect();
        queue.note_in_flight(now);
        state.received += received.len();
        Some(received)
    }

    fn receive_one(&self, from: Source, queue: &mut Queue, id: usize, now: Timestamp) -> ReceivedMessage {
        let happens = |fault| self.faults.happens(Point::Receive, fault);
        let mut message = queue.remove(id).unwrap();
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
        queue.insert(message);
        ReceivedMessage { body, receipt, receive_count, appearances }
    }

    pub(crate) fn delete(&self, receipt: &Receipt) {
        let (from, id) = parts(receipt);
        if !self.faults.happens(Point::Delete, Fault::Resurrected) {
            self.state().queues[from].remove(id);
        }
    }

    /// Hides a message from now on. Returns its queue if the message still exists.
    pub(crate) fn postpone(&self, receipt: &Receipt, now: Timestamp, span: Duration) -> Option<Source> {
        let (from, id) = parts(receipt);
        let mut state = self.state();
        let queue = &mut state.queues[from];
        let message = queue.remove(id)?;
        queue.insert(Message { visible_at: now + span, ..message });
        queue.note_in_flight(now);
        Some(Source::ALL[from])
    }

    /// Returns when the next message becomes visible.
    pub(crate) fn next_visible(&self, of: Source) -> Option<Timestamp> {
        self.state().queues[of as usize].visible_at.first().map(|(at, _)| *at)
    }

    /// Returns the highest `ApproximateNumberOfMessagesNotVisible` that ever was.
    pub(crate) fn most_in_flight(&self, of: Source) -> usize {
        self.state().queues[of as usize].most_in_flight
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
            state.queues[source as usize].messages.values().map(move |message| RemainingMessage {
                queue: format!("{source:?}"),
                is_dead: source == Source::DeadLetters,
                body: message.body.to_string(),
            })
        });
        left.collect()
    }
}

fn parts(receipt: &Receipt) -> (usize, usize) {
    let (from, id) = receipt.0.split_once(' ').unwrap();
    (from.parse().unwrap(), id.parse().unwrap())
}
