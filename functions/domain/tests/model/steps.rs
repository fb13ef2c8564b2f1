//! The transitions from one state to the next.

use std::sync::LazyLock;

use domain::delivery::history::Owner;
use domain::delivery::ledger::{Claim, CompletedAttempt, Step, next_step};
use domain::delivery::record::Delivery;
use domain::destination::retry::Retry;
use domain::testing::fakes::sample;

use crate::explore::Next;
use crate::state::{End, Late, Message, NOW, Place, Slot, State, Todo, alive, dead};

/// The delivery; any one will do.
static DELIVERY: LazyLock<Delivery> = LazyLock::new(sample::delivery);

/// As set in `infra/template.yaml`.
const MAX_RECEIVES: u8 = 4;

/// Of messages that also wait in copies. Fewer receives make dead letters sooner, and as well.
const MAX_RECEIVES_OF_COPIES: u8 = 1;

/// What is explored: a delivery that is retried like this, and the parts of the protocol. If one is missing, it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) retry: Retry,
    pub(crate) reconciles: bool,
    pub(crate) claims_on_condition: bool,
    pub(crate) completes_unknown: bool,
    pub(crate) checks_owner: bool,
    pub(crate) leases_outlive_their_owners: bool,
    pub(crate) releases_on_condition: bool,
    pub(crate) copies_before_it_deletes: bool,
}

impl From<Retry> for Rules {
    fn from(retry: Retry) -> Self {
        Self {
            retry,
            reconciles: true,
            claims_on_condition: true,
            completes_unknown: true,
            checks_owner: true,
            leases_outlive_their_owners: true,
            releases_on_condition: true,
            copies_before_it_deletes: true,
        }
    }
}

/// The result of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Done,
    /// Throttled at every try.
    Refused,
    /// Applied, but its response is lost at every try.
    AnswerLost,
    DiedBefore,
    DiedAfter,
}

impl Write {
    const ALL: [Self; 5] = [Self::Done, Self::Refused, Self::AnswerLost, Self::DiedBefore, Self::DiedAfter];

    fn is_applied(self) -> bool {
        matches!(self, Self::Done | Self::AnswerLost | Self::DiedAfter)
    }
}

impl State {
    /// Returns every possible next state.
    pub(crate) fn next(&self, rules: Rules) -> Next<Self> {
        let mut next = self.time(rules);
        next.extend(self.late_write(rules));
        for index in 0..self.messages.len() {
            next.extend(self.queue(rules, index));
            if rules.reconciles && self.messages[index].place == Place::Dead {
                next.extend(self.reconcile(index));
            }
        }
        for worker in 0..self.workers.len() {
            if let Some((message, todo)) = self.workers[worker] {
                next.extend(self.work(rules, worker, message, todo));
            }
        }
        let reduced = |state: Self| match rules.retry {
            Retry::Standard => state,
            Retry::Extended => state.reduced(rules),
        };
        Next { steps: next.into_iter().map(|state| reduced(state).in_order()).collect(), faults: Vec::new() }
    }

    /// Forgets what makes no difference once an attempt is closed: the number in a write that its condition refuses, and
    /// whether the attempt was sent; it counts as sent.
    fn reduced(mut self, rules: Rules) -> Self {
        let closed = self.slots.iter().take_while(|slot| !matches!(slot, Slot::Inflight { .. })).count();
        let is_closed = |number: u8| usize::from(number) <= closed;
        if rules.checks_owner && rules.releases_on_condition {
            self.late.take_if(|(number, _)| is_closed(*number));
        }
        for (_, todo) in self.workers.iter_mut().flatten() {
            match todo {
                Todo::Claim(number) if rules.claims_on_condition && is_closed(*number) => *number = 1,
                Todo::CompleteAsUnknown(number, owner) if rules.checks_owner && is_closed(*number) => {
                    (*number, *owner) = (1, None);
                }
                _ => {}
            }
        }
        for (number, sent) in (1..).zip(&mut self.requests).take(closed) {
            if !self.workers.iter().flatten().any(|(_, todo)| *todo == Todo::Send(number)) {
                *sent = (*sent).max(1);
            }
        }
        self
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    /// A due time or a lease's end passes.
    fn time(&self, rules: Rules) -> Vec<Self> {
        let passed = match self.slots.last() {
            Some(Slot::Failed { is_due: false }) => Slot::Failed { is_due: true },
            Some(&Slot::Inflight { owner, is_expired: false })
                if owner.is_none() || !rules.leases_outlive_their_owners =>
            {
                Slot::Inflight { owner, is_expired: true }
            }
            _ => return Vec::new(),
        };
        vec![self.with(|next| *next.slots.last_mut().unwrap() = passed)]
    }

    /// The last write of a dead worker arrives or is lost.
    fn late_write(&self, rules: Rules) -> Vec<Self> {
        let Some((number, late)) = self.late else { return Vec::new() };
        let arrives = self.with(|next| {
            next.late = None;
            match late {
                Late::Complete(end) => next.complete(rules, &rules.completion(number, dead(number), end)),
                Late::Release => next.delete(rules, number, &dead(number)),
            }
        });
        vec![arrives, self.with(|next| next.late = None)]
    }

    /// A message is delivered to one worker or to two, is received without effect, or becomes a dead letter.
    fn queue(&self, rules: Rules, index: usize) -> Vec<Self> {
        let Message { place, receives } = self.messages[index];
        if place != Place::Visible {
            return Vec::new();
        }
        let most = match rules.retry {
            Retry::Standard => MAX_RECEIVES,
            Retry::Extended => MAX_RECEIVES_OF_COPIES,
        };
        if receives == most {
            return vec![self.with(|next| next.messages[index].place = Place::Dead)];
        }
        let idle = self.workers.iter().position(Option::is_none);
        let wasted = self.with(|next| next.messages[index].receives += 1);
        let received = idle.into_iter().flat_map(|worker| {
            // A first receive claims without a read.
            let todo = if receives == 0 { Todo::Claim(1) } else { Todo::Read };
            [Place::InFlight, Place::Visible].map(|place| {
                self.with(|next| {
                    next.messages[index] = Message { place, receives: receives + 1 };
                    next.workers[worker] = Some((index, todo));
                })
            })
        });
        received.chain([wasted]).collect()
    }

    fn reconcile(&self, index: usize) -> Vec<Self> {
        if next_step(&self.records(), None, NOW) == Step::Acknowledge {
            return vec![self.with(|next| next.messages[index].place = Place::Gone)];
        }
        vec![self.with(|next| next.messages[index] = Message::SENT)]
    }

    fn work(&self, rules: Rules, worker: usize, message: usize, todo: Todo) -> Vec<Self> {
        match todo {
            Todo::Read => {
                let decided = self.decide(rules, worker);
                vec![
                    self.continued(worker, decided),
                    self.continued(worker, Todo::HandBack),
                    self.died(worker),
                ]
            }
            Todo::Claim(number) => self.claim(rules, worker, number),
            Todo::CompleteAsUnknown(number, owner) => self.write(worker, Todo::Read, |next| {
                let owner = owner.map_or_else(|| dead(number), alive);
                let completed =
                    CompletedAttempt::unknown(DELIVERY.clone(), rules.retry, number, owner, NOW, NOW);
                next.complete(rules, &completed);
            }),
            Todo::Send(number) => {
                let mut next = self.send(worker, number);
                next.extend(self.release(rules, worker, number));
                next
            }
            Todo::Complete(number, end) => self.completed(rules, worker, number, end),
            Todo::Copy => self.copy(rules, worker, message),
            Todo::Acknowledge => {
                let deleted = self.with(|next| next.messages[message].place = Place::Gone).died(worker);
                vec![deleted, self.died(worker)]
            }
            Todo::HandBack => vec![self.died(worker)],
        }
    }

    fn decide(&self, rules: Rules, worker: usize) -> Todo {
        match next_step(&self.records(), Some(&alive(worker)), NOW) {
            Step::Acknowledge => Todo::Acknowledge,
            Step::CompleteAsUnknown { number, owner, .. } if rules.completes_unknown => {
                Todo::CompleteAsUnknown(
                    number,
                    (0..self.workers.len()).find(|worker| alive(*worker) == owner),
                )
            }
            Step::Wait { .. } => rules.wait(),
            Step::CompleteAsUnknown { .. } => Todo::HandBack,
            Step::Claim { number } => Todo::Claim(number),
            Step::Send { number } => Todo::Send(number),
        }
    }

    /// A copy waits instead of the message, which is then deleted. If there is no place for it, as if it was refused, the
    /// message waits itself, as it does when the wait is short.
    fn copy(&self, rules: Rules, worker: usize, message: usize) -> Vec<Self> {
        let is_held = |index| self.workers.iter().flatten().any(|(held, _)| *held == index);
        let is_free = |index: &usize| self.messages[*index].place == Place::Gone && !is_held(*index);
        let Some(copy) = (0..self.messages.len()).find(is_free) else {
            return vec![self.continued(worker, Todo::HandBack)];
        };
        let before = self.with(|next| {
            if !rules.copies_before_it_deletes {
                next.messages[message].place = Place::Gone;
            }
        });
        before.write(worker, Todo::Acknowledge, |next| next.messages[copy] = Message::SENT)
    }

    fn claim(&self, rules: Rules, worker: usize, number: u8) -> Vec<Self> {
        let is_free = self.slots.len() + 1 == usize::from(number);
        let todo = if is_free || !rules.claims_on_condition { Todo::Send(number) } else { Todo::Read };
        let mut next = self.write(worker, todo, |next| {
            let claimed = Slot::Inflight { owner: Some(worker), is_expired: false };
            match next.slot(number) {
                Some(slot) if !rules.claims_on_condition => *slot = claimed,
                Some(_) => {}
                None => next.slots.push(claimed),
            }
        });
        if is_free {
            // The response to the first try is lost, and the second try finds the record of the first.
            let claimed = Slot::Inflight { owner: Some(worker), is_expired: false };
            next.push(self.with(|next| next.slots.push(claimed)).continued(worker, Todo::Read));
        }
        next
    }

    fn send(&self, worker: usize, number: u8) -> Vec<Self> {
        let sent = self.with(|next| {
            next.requests[usize::from(number) - 1] += 1;
            if next.slots.contains(&Slot::Succeeded) {
                next.broken = Some("a request follows a success");
            }
        });
        let ends = End::ALL.map(|end| sent.continued(worker, Todo::Complete(number, end)));
        ends.into_iter().chain([self.died(worker), sent.died(worker)]).collect()
    }

    /// The claim took too long, so the worker gives it up.
    fn release(&self, rules: Rules, worker: usize, number: u8) -> Vec<Self> {
        let mut next = self.write(worker, Todo::HandBack, |next| next.delete(rules, number, &alive(worker)));
        if self.late.is_none() {
            next.push(self.with(|next| next.late = Some((number, Late::Release))).died(worker));
        }
        next
    }

    /// Deletes a record on the condition that it is in flight and has the same owner.
    fn delete(&mut self, rules: Rules, number: u8, owner: &Owner) {
        let Some(slot) = self.slot(number) else { return };
        let is_owners = matches!(slot, Slot::Inflight { owner: stored, .. }
            if *owner == stored.map_or_else(|| dead(number), alive));
        if is_owners || !rules.releases_on_condition {
            self.slots.truncate(usize::from(number) - 1);
        }
    }

    fn completed(&self, rules: Rules, worker: usize, number: u8, end: End) -> Vec<Self> {
        let completed = rules.completion(number, alive(worker), end);
        let todo = if completed.attempted.next_at.is_none() { Todo::Acknowledge } else { rules.wait() };
        let mut next = self.write(worker, todo, |next| next.complete(rules, &completed));
        if self.late.is_none() && rules.leases_outlive_their_owners {
            next.push(self.with(|next| next.late = Some((number, Late::Complete(end)))).died(worker));
        }
        next
    }

    /// Completes a record on the condition that it is in flight and has the same owner.
    fn complete(&mut self, rules: Rules, completed: &CompletedAttempt) {
        let number = completed.number;
        let Some(slot) = self.slot(number) else { return };
        let is_owners = matches!(slot, Slot::Inflight { owner, .. }
            if completed.owner == owner.map_or_else(|| dead(number), alive));
        if is_owners || !rules.checks_owner {
            *slot = Slot::completed(completed);
        }
    }

    /// Returns a next state for each result of a write.
    fn write(&self, worker: usize, then: Todo, apply: impl Fn(&mut Self)) -> Vec<Self> {
        let one = |write: Write| {
            let next = if write.is_applied() { self.with(&apply) } else { self.clone() };
            match write {
                Write::Done => next.continued(worker, then),
                Write::Refused | Write::AnswerLost => next.continued(worker, Todo::HandBack),
                Write::DiedBefore | Write::DiedAfter => next.died(worker),
            }
        };
        Write::ALL.map(one).into()
    }

    fn continued(&self, worker: usize, todo: Todo) -> Self {
        self.with(|next| next.workers[worker] = next.workers[worker].map(|(message, _)| (message, todo)))
    }

    /// The invocation ends: its claims have a dead owner, and its message becomes visible again.
    fn died(&self, worker: usize) -> Self {
        self.with(|next| {
            for slot in &mut next.slots {
                if let Slot::Inflight { owner, .. } = slot {
                    owner.take_if(|owner| *owner == worker);
                }
            }
            let held = next.workers[worker].take().map(|(message, _)| message);
            let message = held.map(|index| &mut next.messages[index]);
            if let Some(message) = message.filter(|message| message.place == Place::InFlight) {
                message.place = Place::Visible;
            }
        })
    }
}

impl Rules {
    fn completion(self, number: u8, owner: Owner, end: End) -> CompletedAttempt {
        let (delivery, retry) = (DELIVERY.clone(), self.retry);
        let claim = Claim { delivery, retry, number, owner, at: NOW, lease_until: NOW };
        CompletedAttempt::new(claim, end.outcome(), &[], NOW)
    }

    /// How a worker makes a message wait: any wait of an extended delivery may be long.
    fn wait(self) -> Todo {
        match self.retry {
            Retry::Standard => Todo::HandBack,
            Retry::Extended => Todo::Copy,
        }
    }
}
