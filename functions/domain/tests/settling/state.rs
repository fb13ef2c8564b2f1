//! One state of a conversation: its record, its event, the messages, what each actor does next, and what is known to
//! those who watch.

use domain::conversation::store::Stored;
use domain::event::kind::EventKind;
use domain::event::store::StoredEvent;
use domain::testing::fakes::sample;

use crate::explore;
use crate::record::{NOW, Passed, Record, deleted};
use crate::setting::Setting;
use crate::word::{Message, Messages, Word, Words};

/// What is stored under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot<T> {
    Absent,
    /// The mark of a deletion, in this life.
    Forgotten(u8),
    Kept(T),
}

impl<T> Slot<T> {
    pub(crate) fn kept(self) -> Option<T> {
        match self {
            Self::Kept(kept) => Some(kept),
            Self::Absent | Self::Forgotten(_) => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    pub(crate) life: u8,
    pub(crate) kind: EventKind,
    pub(crate) content: Words,
    pub(crate) by: Message,
}

/// The next step of a call of ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    NotBegun,
    Load,
    /// Send the message, then write this, unless another has written what was loaded.
    Send(Option<Record>, bool),
    /// Write the end; then, if so, send the message.
    Put(Record, bool),
    /// Write what the report adds; then make sure that fan-out knows of this word.
    Add(Record, Option<Word>),
    Tell,
    TellAgain(Word),
    Answered,
    /// Never answered, and not repeated; or told that the conversation was deleted.
    Lost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    pub(crate) call: Call,
    /// Whether this call has sent its message.
    pub(crate) is_sent: bool,
    /// Whether it comes once more though it was answered.
    pub(crate) repeats: bool,
}

/// The next step of a fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Work {
    Read,
    Seal,
    Look,
    Create,
    /// Send the delivery to the destination of this number.
    Send(usize),
    Acknowledge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Worker {
    pub(crate) message: Message,
    pub(crate) work: Work,
    /// The record that it read or sealed.
    pub(crate) record: Option<Record>,
    /// What its deliveries say.
    pub(crate) kind: Option<EventKind>,
}

/// The next step of the deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Deletion {
    NotBegun,
    Load,
    /// Whether the record is still as it was loaded.
    Event(bool),
    Record(bool),
    Answered,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) record: Slot<Record>,
    pub(crate) event: Slot<Event>,
    /// The lives that have begun.
    pub(crate) life: u8,
    pub(crate) passed_settles_at: bool,
    pub(crate) passed_until: bool,
    pub(crate) messages: Messages,
    /// The messages to each destination, by what they say.
    pub(crate) deliveries: [Vec<EventKind>; 2],
    pub(crate) workers: [Option<Worker>; 2],
    pub(crate) callers: [Option<Caller>; 4],
    pub(crate) deletion: Option<Deletion>,

    /// The event that was created in each life.
    pub(crate) created: [Option<EventKind>; 2],
    /// The words that the event of each life must have.
    pub(crate) needed: [Words; 2],
    /// The last life whose deletion was answered.
    pub(crate) dead: u8,
    /// What each destination was told: life, kind and content.
    pub(crate) delivered: [Option<(u8, EventKind, Words)>; 2],
    pub(crate) fan_outs: u8,
    pub(crate) broken: Option<&'static str>,
}

impl State {
    pub(crate) fn first(setting: &Setting) -> Self {
        let caller = |word: Word| {
            let repeats = setting.repeats && word.is_platforms();
            let caller = Caller { call: Call::NotBegun, is_sent: false, repeats };
            setting.callers.contains(&word).then_some(caller)
        };
        Self {
            record: Slot::Kept(Record::open(1)),
            event: Slot::Absent,
            life: 1,
            passed_settles_at: false,
            passed_until: false,
            messages: Messages::default(),
            deliveries: [vec![], vec![]],
            workers: [None; 2],
            callers: Word::ALL.map(caller),
            deletion: setting.deletes.then_some(Deletion::NotBegun),
            created: [None; 2],
            needed: [Words::default(); 2],
            dead: 0,
            delivered: [None; 2],
            fan_outs: 0,
            broken: None,
        }
    }

    pub(crate) fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    /// What a read of the record returns.
    pub(crate) fn stored(&self, setting: &Setting) -> Stored {
        match self.record {
            Slot::Absent => Stored::Absent,
            Slot::Forgotten(_) => Stored::Forgotten { until: NOW },
            Slot::Kept(record) => Stored::Kept(Box::new(record.conversation(self.passed(setting)))),
        }
    }

    pub(crate) fn passed(&self, setting: &Setting) -> Passed {
        Passed { settles_at: self.passed_settles_at, until: self.passed_until && setting.rules.stores_until }
    }

    /// What a read of the event returns.
    pub(crate) fn stored_event(&self) -> StoredEvent {
        match self.event {
            Slot::Absent => StoredEvent::Absent,
            Slot::Forgotten(life) => StoredEvent::Forgotten { at: deleted(life) },
            Slot::Kept(event) => StoredEvent::Kept { event: sample::event(""), by: event.by.id() },
        }
    }

    /// Changes the record: others find a conflict, and load it again.
    pub(crate) fn write(&mut self, record: Slot<Record>) {
        self.record = record;
        for caller in self.callers.iter_mut().flatten() {
            match &mut caller.call {
                Call::Send(write, _) => *write = None,
                stale @ (Call::Put(..) | Call::Add(..)) => *stale = Call::Load,
                _ => {}
            }
        }
        for worker in self.workers.iter_mut().flatten() {
            if worker.work == Work::Seal {
                (worker.work, worker.record) = (Work::Read, None);
            }
        }
        if let Some(Deletion::Event(is_fresh) | Deletion::Record(is_fresh)) = &mut self.deletion {
            *is_fresh = false;
        }
    }

    pub(crate) fn answered(&self) -> Words {
        let is_answered =
            |word: &Word| self.callers[*word as usize].is_some_and(|caller| caller.call == Call::Answered);
        Word::ALL.into_iter().filter(is_answered).collect()
    }

    pub(crate) fn breaks(&mut self, promise: &'static str) {
        self.broken.get_or_insert(promise);
    }

    /// Normalizes the order of the workers: states that differ only in that order are the same.
    pub(crate) fn in_order(mut self) -> Self {
        let rank = |worker: Option<Worker>| worker.map(|worker| (worker.message, worker.work));
        if rank(self.workers[0]) > rank(self.workers[1]) {
            self.workers.swap(0, 1);
        }
        self
    }

    /// Whether every caller has his answer or is gone.
    pub(crate) fn no_call_is_open(&self) -> bool {
        let is_closed = |caller: &Caller| matches!(caller.call, Call::NotBegun | Call::Answered | Call::Lost);
        self.callers.iter().flatten().all(is_closed)
    }

    /// What was promised, and is not there though nothing is left to do.
    pub(crate) fn unkept(&self, setting: &Setting) -> Option<&'static str> {
        let record = self.record.kept().filter(|record| record.end.is_some())?;
        if !explore::State::is_over(self) {
            return None;
        }
        let is_created = self.created[usize::from(record.life) - 1].is_some();
        let waits_for_the_schedule = record.provisional().is_some() && record.is_scheduled;
        if !is_created {
            return (!waits_for_the_schedule).then_some("(3) an end without its event");
        }
        let is_told =
            |told: &Option<(u8, EventKind, Words)>| told.is_some_and(|(life, ..)| life == record.life);
        let is_fanned_out = self.delivered.iter().take(setting.destinations).all(is_told);
        (!is_fanned_out).then_some("(3) an event without its deliveries")
    }
}

impl explore::State for State {
    fn breach(&self) -> Option<&'static str> {
        let differs = self.record.kept().is_some_and(|record| {
            let created = self.created[usize::from(record.life) - 1];
            created.is_some_and(|kind| record.end.map(|end| end.decided_by.kind()) != Some(kind))
        });
        let [one, other] = self.delivered;
        let told_apart = one.zip(other).is_some_and(|(one, other)| one.0 == other.0 && one != other);
        [
            (differs, "(2) the record says another kind than its event"),
            (told_apart, "(1) two destinations were told different things"),
        ]
        .into_iter()
        .find_map(|(is_so, what)| is_so.then_some(what))
        .or(self.broken)
    }

    /// Whether no message or work is left.
    fn is_over(&self) -> bool {
        self.messages == Messages::default()
            && self.deliveries.iter().all(Vec::is_empty)
            && self.workers == [None; 2]
            && self.no_call_is_open()
            && matches!(self.deletion, None | Some(Deletion::NotBegun | Deletion::Answered))
    }
}
