//! The steps of a report through ingest, of the deletion, and of the schedule.

use domain::conversation::record::Conversation;
use domain::conversation::store::Stored;
use domain::lifecycle::completion::{Change, add, end};
use domain::testing::fakes::sample;

use crate::explore::Next;
use crate::record::{NOW, Record};
use crate::setting::Setting;
use crate::state::{Call, Caller, Deletion, Slot, State};
use crate::word::{Message, Word};

impl State {
    pub(crate) fn ingest(&self, setting: &Setting, next: &mut Next<Self>) {
        for word in Word::ALL {
            let Some(caller) = self.callers[word as usize] else { continue };
            self.call(setting, word, caller, next);
            let is_open = !matches!(caller.call, Call::NotBegun | Call::Answered | Call::Lost);
            if is_open && setting.crashes {
                next.faults.push(self.with(|next| next.crash(word, caller)));
            }
        }
    }

    fn call(&self, setting: &Setting, word: Word, caller: Caller, next: &mut Next<Self>) {
        let go = |call| self.with(|next| next.continue_call(word, call));
        match caller.call {
            Call::NotBegun => next.steps.push(go(Call::Load)),
            Call::Answered if caller.repeats => next.steps.push(self.with(|next| {
                next.callers[word as usize] =
                    Some(Caller { call: Call::Load, is_sent: false, repeats: false });
            })),
            Call::Answered | Call::Lost => {}
            Call::Load => next.steps.push(go(self.load(setting, word, caller))),
            Call::Send(write, tells) => {
                let put = |record| Call::Put(record, tells);
                let sent = Caller { call: write.map_or(Call::Load, put), is_sent: true, ..caller };
                next.steps.push(self.with(|next| {
                    next.messages.add(Message::of(word));
                    next.callers[word as usize] = Some(sent);
                }));
                if setting.crashes {
                    let unsent = write.map(|record| self.scheduled(setting, record));
                    next.faults.push(go(unsent.map_or(Call::Load, put)));
                }
            }
            Call::Put(record, tells) => {
                let put = self.with(|next| next.put(setting, word, record, tells));
                let then = if tells { Call::Tell } else { Call::Answered };
                next.steps.push(put.with(|next| next.continue_call(word, then)));
                if setting.loses_answers {
                    next.faults.push(put.with(|next| next.continue_call(word, Call::Load)));
                }
            }
            Call::Add(record, again) => {
                let added = self.with(|next| next.write(Slot::Kept(record)));
                next.steps.push(added.with(|next| next.continue_call(word, after(again))));
            }
            Call::Tell => {
                let message = Message { word, is_again: caller.is_sent };
                let told = go(Call::Answered);
                next.steps.push(told.with(|next| next.messages.add(message)));
                if !word.is_platforms() && setting.crashes {
                    next.faults.push(told); // its message that waits is under way
                }
            }
            Call::TellAgain(standing) => {
                let done = go(Call::Answered);
                let told = done.with(|next| next.messages.add(Message::again(standing)));
                if self.event.kept().is_none() {
                    next.steps.push(told);
                } else {
                    next.steps.push(done);
                    next.faults.extend(setting.crashes.then_some(told)); // the read lags
                }
            }
        }
    }

    fn load(&self, setting: &Setting, word: Word, caller: Caller) -> Call {
        let completion = setting.completion(word);
        let mut conversation = match self.stored(setting) {
            Stored::Kept(conversation) => *conversation,
            Stored::Absent => Conversation::new(sample::account(), sample::conversation_id(), NOW),
            Stored::Forgotten { .. } => return Call::Lost,
        };
        let life = self.record.kept().map_or(self.life + 1, |record| record.life);
        match conversation.ended.clone() {
            Some(ended) if !ended.yields_to(completion.rank()) => {
                let is_told_again = ended.is_told_again_by(completion.rank()) && ended.may_leave(NOW);
                let standing = self.record.kept().and_then(|record| record.end).map(|end| end.decided_by);
                let again = standing.filter(|_| is_told_again);
                match add(&mut conversation, &completion, &ended, NOW) {
                    Change::Nothing => after(again),
                    Change::Note | Change::Fields => Call::Add(Record::of(&conversation, life), again),
                }
            }
            _ => {
                let (conversation, ended) =
                    end(conversation, &completion, &word.token(), setting.spans(), NOW);
                let record = Record::of(&conversation, life);
                let tells = ended.has_settled(NOW);
                match ended.settles_at {
                    Some(_) if !setting.rules.sends_first => Call::Put(record, true),
                    Some(_) if !caller.is_sent => Call::Send(Some(record), tells),
                    Some(_) | None => Call::Put(record, tells),
                }
            }
        }
    }

    fn scheduled(&self, setting: &Setting, record: Record) -> Record {
        if !setting.rules.schedules_unsent {
            return record;
        }
        let mut conversation = record.conversation(self.passed(setting));
        conversation.tell_later(NOW);
        Record::of(&conversation, record.life)
    }

    /// Writes the end. `is_settled` of an end that is not final: its event may leave at once.
    fn put(&mut self, setting: &Setting, word: Word, record: Record, is_settled: bool) {
        self.needed[usize::from(record.life) - 1] = self.answered().and(word).among(record.content);
        self.write(Slot::Kept(record));
        if record.life > self.life {
            (self.life, self.passed_until) = (record.life, false);
        }
        if record.provisional().is_some() {
            self.passed_settles_at = is_settled && setting.window.is_zero();
        }
        if record.life > 1 && !setting.rules.marks_records {
            self.breaks("(8) a word about the deleted life began a new one");
        }
    }

    fn continue_call(&mut self, word: Word, call: Call) {
        if let Some(caller) = &mut self.callers[word as usize] {
            caller.call = call;
        }
    }

    /// The invocation dies. The platform calls again, with another word: the message of this one can only be dropped
    /// unless it was written, so it goes at once.
    fn crash(&mut self, word: Word, caller: Caller) {
        let is_written =
            self.record.kept().and_then(|record| record.end).is_some_and(|end| end.words.has(word));
        if word.is_platforms() && caller.is_sent && !is_written {
            let message = Message::of(word);
            self.messages.remove(message);
            for worker in &mut self.workers {
                worker.take_if(|worker| worker.message == message);
            }
        }
        let call = if word.is_platforms() { Call::Load } else { Call::Lost };
        self.callers[word as usize] = Some(Caller { call, is_sent: false, ..caller });
    }

    pub(crate) fn delete(&self, setting: &Setting, next: &mut Next<Self>) {
        let go = |deletion| self.with(|next| next.deletion = Some(deletion));
        let Some(deletion) = self.deletion else { return };
        match deletion {
            Deletion::NotBegun => next.steps.push(go(Deletion::Load)),
            Deletion::Load if self.record.kept().is_some() => next.steps.push(go(Deletion::Event(true))),
            Deletion::Load => next.steps.push(go(Deletion::Answered).with(|next| next.dead = next.life)),
            Deletion::Event(is_fresh) => next.steps.push(go(Deletion::Record(is_fresh)).with(|next| {
                next.event = mark(setting.rules.marks_events, next.life);
            })),
            Deletion::Record(false) => next.steps.push(go(Deletion::Load)),
            Deletion::Record(true) => {
                let deleted = self.with(|next| next.write(mark(setting.rules.marks_records, next.life)));
                next.steps.push(deleted.with(|next| {
                    (next.deletion, next.dead) = (Some(Deletion::Answered), next.life);
                }));
                if setting.loses_answers {
                    next.faults.push(deleted.with(|next| next.deletion = Some(Deletion::Load)));
                }
            }
            Deletion::Answered => {}
        }
        if setting.crashes && !matches!(deletion, Deletion::NotBegun | Deletion::Answered) {
            next.faults.push(go(Deletion::Load));
        }
    }

    /// The schedule tells fan-out of an end whose message could not be sent.
    pub(crate) fn schedule(&self, setting: &Setting, next: &mut Next<Self>) {
        let Stored::Kept(conversation) = self.stored(setting) else { return };
        let Some(record) = self.record.kept().filter(|record| record.is_scheduled) else { return };
        let (Some(end), Some(ended)) = (record.end, &conversation.ended) else { return };
        let message = Message::again(end.decided_by);
        let is_due = self.passed_settles_at && ended.may_leave(NOW) && self.event.kept().is_none();
        if is_due && !self.messages.has(message) {
            next.steps.push(self.with(|next| next.messages.add(message)));
        }
    }
}

fn after(again: Option<Word>) -> Call {
    again.map_or(Call::Answered, Call::TellAgain)
}

fn mark<T>(marks: bool, life: u8) -> Slot<T> {
    if marks { Slot::Forgotten(life) } else { Slot::Absent }
}
