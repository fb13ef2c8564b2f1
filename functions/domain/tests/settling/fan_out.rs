//! The steps of a message through fan-out, and of what it sends.

use std::sync::LazyLock;
use std::time::Duration;

use domain::delivery::fan_out::delivery;
use domain::destination::record::Destination;
use domain::event::message::EventMessage;
use domain::event::store::StoredEvent;
use domain::lifecycle::freeze::{Step, is_own, is_read_first, sealed, step};
use domain::testing::fakes::sample;

use crate::explore::Next;
use crate::record::{NOW, Record, began};
use crate::setting::{Seal, Setting};
use crate::state::{Call, Event, Slot, State, Work, Worker};
use crate::word::{Message, Word, Words};

static DESTINATION: LazyLock<Destination> = LazyLock::new(|| sample::destination("dst_1"));

/// Longer than a message waits for the write of its report.
const LONG_AGO: Duration = Duration::from_secs(600);

impl State {
    pub(crate) fn fan_out(&self, setting: &Setting, next: &mut Next<Self>) {
        let is_one_free = self.workers.iter().flatten().count() < setting.workers;
        if let Some(idle) = self.workers.iter().position(Option::is_none).filter(|_| is_one_free) {
            for message in self.messages.iter() {
                let worker = Worker { message, work: Work::Read, record: None, kind: None };
                next.steps.push(self.with(|next| next.workers[idle] = Some(worker)));
            }
        }
        for (index, worker) in self.workers.iter().enumerate() {
            let Some(worker) = *worker else { continue };
            self.work(setting, index, worker, next);
            if setting.crashes {
                next.faults.push(self.with(|next| next.workers[index] = None));
            }
        }
    }

    fn work(&self, setting: &Setting, index: usize, worker: Worker, next: &mut Next<Self>) {
        let go = |worker| self.with(|next| next.workers[index] = Some(worker));
        let acknowledged = || {
            self.with(|next| {
                next.messages.remove(worker.message);
                next.workers[index] = None;
            })
        };
        match (worker.work, worker.record) {
            (Work::Read, _) => {
                next.steps.extend(self.read(setting, index, worker));
            }
            (Work::Seal, Some(record)) => {
                let sealed = self.with(|next| next.seal(setting, record));
                let creates = sealed.creates(setting, worker, record);
                next.steps
                    .extend(creates.map(|worker| sealed.with(|next| next.workers[index] = Some(worker))));
                if setting.loses_answers {
                    let again = Worker { work: Work::Read, record: None, ..worker };
                    next.faults.push(sealed.with(|next| next.workers[index] = Some(again)));
                }
            }
            (Work::Look, Some(record)) => {
                next.steps.push(if self.stored_event().yields_to(began(record.life)) {
                    go(Worker { work: Work::Create, ..worker })
                } else {
                    self.found(setting, index, worker)
                });
            }
            (Work::Create, Some(record)) if self.stored_event().yields_to(began(record.life)) => {
                let created = self.with(|next| next.create(setting, worker, record));
                next.steps.push(created.with(|next| next.begin_sending(setting, index, worker)));
                if setting.loses_answers {
                    next.faults.push(created); // it is asked again
                }
            }
            (Work::Create, Some(_)) => next.steps.push(self.found(setting, index, worker)),
            (Work::Send(destination), _) => next.steps.push(self.with(|next| {
                let last = destination + 1 == setting.destinations;
                let work = if last { Work::Acknowledge } else { Work::Send(destination + 1) };
                let queue = &mut next.deliveries[destination];
                queue.extend(worker.kind.filter(|kind| !queue.contains(kind)));
                queue.sort();
                next.workers[index] = Some(Worker { work, ..worker });
            })),
            (Work::Acknowledge, _) => next.steps.push(acknowledged()),
            (Work::Seal | Work::Look | Work::Create, None) => unreachable!("it has read the record"),
        }
    }

    fn read(&self, setting: &Setting, index: usize, worker: Worker) -> Vec<Self> {
        let message = self.received(setting, worker.message);
        let ended = self.record.kept().and_then(|record| record.end);
        // Without the time in the record, a message is as late as its own delay makes it.
        let trusts_delay =
            !setting.rules.obeys_settles_at && ended.is_some_and(|end| end.decided_by != worker.message.word);
        let now = if trusts_delay { NOW + LONG_AGO } else { NOW };
        let stored = self.stored(setting);
        let step = step(&stored, &message, now);
        let Some(record) = self.record.kept().filter(|_| matches!(step, Step::Seal | Step::Create)) else {
            return vec![self.with(|next| {
                if step == Step::Drop {
                    next.messages.remove(worker.message);
                }
                next.workers[index] = None;
            })];
        };
        let mut read = self.clone();
        if step == Step::Seal && !self.passed_settles_at {
            read.breaks("(7) an event left before its end had settled");
        }
        let workers: Vec<_> = match (stored.kept(), setting.rules.seal) {
            (Some(conversation), Seal::Written) if step == Step::Seal => {
                let record = Some(Record::of(&sealed(conversation), record.life));
                vec![Worker { work: Work::Seal, record, ..worker }]
            }
            (Some(_), Seal::Checked) if step == Step::Seal => {
                vec![Worker { work: Work::Seal, record: Some(record), ..worker }]
            }
            _ => self.creates(setting, worker, record).collect(),
        };
        workers.into_iter().map(|worker| read.with(|next| next.workers[index] = Some(worker))).collect()
    }

    /// The message as the queue delivers it: young while its sender may still write.
    fn received(&self, setting: &Setting, message: Message) -> EventMessage {
        let sender = self.callers[message.word as usize];
        let may_write = |call| matches!(call, Call::Load | Call::Send(..) | Call::Put(..));
        let is_young = !message.is_again
            && sender.is_some_and(|caller| caller.is_sent && may_write(caller.call))
            && setting.rules.waits_for_writes;
        let ended = self.record.kept().and_then(|record| record.end);
        let word = if setting.rules.checks_words { None } else { ended.map(|end| end.decided_by) };
        // One that is not young was sent long ago, before `NOW`; nothing else depends on the age.
        let sent_at = if is_young { NOW } else { began(0) };
        message.sent(word.unwrap_or(message.word), sent_at)
    }

    fn seal(&mut self, setting: &Setting, record: Record) {
        let of_platform: Words = self.answered().iter().filter(|word| word.is_platforms()).collect();
        if !record.content.has_all(of_platform) {
            self.breaks("(4) a word of the platform's that was answered before the end settled is not in it");
        }
        if setting.rules.seal == Seal::Written {
            self.needed[usize::from(record.life) - 1] = of_platform.among(record.content);
            self.write(Slot::Kept(record));
        }
    }

    /// The ways to create the event: with a read before it, or at once if it is likely to be new. The queue's count of
    /// receives may be wrong.
    fn creates(
        &self,
        setting: &Setting,
        worker: Worker,
        record: Record,
    ) -> impl Iterator<Item = Worker> + use<> {
        let message = self.received(setting, worker.message);
        let ended = record.conversation(self.passed(setting)).ended;
        [false, true].into_iter().filter_map(move |is_first_receive| {
            let reads = is_read_first(ended.as_ref()?, &message, is_first_receive);
            let work = if reads { Work::Look } else { Work::Create };
            Some(Worker { work, record: Some(record), ..worker })
        })
    }

    fn create(&mut self, setting: &Setting, worker: Worker, record: Record) {
        let conversation = record.conversation(self.passed(setting));
        let Some(ended) = &conversation.ended else { unreachable!("only an end makes an event") };
        let event = conversation.lifecycle_event(ended, NOW);
        let payload = String::from_utf8_lossy(&event.payload);
        let is_in = |word: &Word| payload.contains(&format!("\"{word:?}\""));
        let content: Words = Word::ALL.into_iter().filter(is_in).collect();
        let life = usize::from(record.life) - 1;
        let needed = self.needed[life];
        let needs_platform = needed.iter().any(Word::is_platforms);
        let is_platforms = Word::ALL.iter().any(|word| word.is_platforms() && word.kind() == event.kind);
        if self.created[life].is_some() {
            self.breaks("(1) a second event");
        } else if self.dead >= record.life {
            self.breaks("(5) an event of a deleted life");
        } else if !content.has_all(needed) {
            self.breaks("(4) an answered word is not in the event");
        } else if needs_platform && !is_platforms {
            self.breaks("(4) an answered word of the platform's did not decide");
        }
        self.created[life] = Some(event.kind);
        let by = worker.message;
        self.event = Slot::Kept(Event { life: record.life, kind: event.kind, content, by });
    }

    /// The event was there before: it is this message's own, or another's.
    fn found(&self, setting: &Setting, index: usize, worker: Worker) -> Self {
        let stored = self.stored_event();
        let message = self.received(setting, worker.message);
        self.with(|next| {
            if is_own(&stored, &message) && setting.rules.has_owner {
                next.begin_sending(setting, index, worker);
            } else {
                next.messages.remove(worker.message);
                next.workers[index] = None;
            }
        })
    }

    fn begin_sending(&mut self, setting: &Setting, index: usize, worker: Worker) {
        let StoredEvent::Kept { mut event, .. } = self.stored_event() else { return };
        event.kind = self.event.kept().map_or(event.kind, |event| event.kind);
        let mut kind = delivery(&event, &DESTINATION).event;
        if !setting.rules.takes_kind_from_event {
            kind = worker.message.word.kind();
        }
        if !setting.crashes {
            self.fan_outs += 1;
        }
        if self.fan_outs > 1 {
            self.breaks("(6) an event was fanned out twice though nothing failed");
        }
        self.workers[index] = Some(Worker { work: Work::Send(0), record: None, kind: Some(kind), ..worker });
    }

    /// A delivery begins by reading the event; the ledger makes it one.
    pub(crate) fn deliver(&self, next: &mut Next<Self>) {
        for (destination, queue) in self.deliveries.iter().enumerate() {
            for (index, &kind) in queue.iter().enumerate() {
                let received = self.with(|next| {
                    next.deliveries[destination].remove(index);
                });
                let is_known =
                    |event: &Event| self.delivered[destination].is_some_and(|(life, ..)| life == event.life);
                let Some(event) = self.event.kept().filter(|event| !is_known(event)) else {
                    next.steps.push(received);
                    continue;
                };
                next.steps.push(received.with(|next| {
                    if self.dead >= event.life {
                        next.breaks("(5) a delivery of a deleted life");
                    } else if kind != event.kind {
                        next.breaks("(1) a delivery says another kind than its event");
                    }
                    next.delivered[destination] = Some((event.life, kind, event.content));
                }));
            }
        }
    }
}
