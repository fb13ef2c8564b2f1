//! The transitions from one state to the next.

use std::sync::LazyLock;

use domain::delivery::history::Owner;
use domain::delivery::ledger::{Claim, CompletedAttempt, Step, next_step};
use domain::delivery::record::Delivery;
use domain::delivery::schedule::MAX_ATTEMPTS;
use domain::destination::retry::Retry;
use domain::testing::fakes::sample;

use crate::explore::Next;
use crate::state::{End, Late, Message, NOW, Place, Slot, State, Todo, alive, dead};

/// The delivery; any one will do.
static DELIVERY: LazyLock<Delivery> = LazyLock::new(sample::delivery);

/// As set in `infra/template.yaml`.
const MAX_RECEIVES: u8 = 4;

/// The parts of the protocol. If one is missing, it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) reconciles: bool,
    pub(crate) claims_on_condition: bool,
    pub(crate) completes_unknown: bool,
    pub(crate) checks_owner: bool,
    pub(crate) leases_outlive_their_owners: bool,
    pub(crate) releases_on_condition: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reconciles: true,
            claims_on_condition: true,
            completes_unknown: true,
            checks_owner: true,
            leases_outlive_their_owners: true,
            releases_on_condition: true,
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
            next.extend(self.queue(index));
            if rules.reconciles && self.messages[index].place == Place::Dead {
                next.extend(self.reconcile(index));
            }
        }
        for worker in 0..self.workers.len() {
            if let Some((message, todo)) = self.workers[worker] {
                next.extend(self.work(rules, worker, message, todo));
            }
        }
        Next { steps: next.into_iter().map(Self::in_order).collect(), faults: Vec::new() }
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
                Late::Complete(end) => next.complete(rules, &completion(number, dead(number), end)),
                Late::Release => next.delete(rules, number, &dead(number)),
            }
        });
        vec![arrives, self.with(|next| next.late = None)]
    }

    /// A message is delivered to one worker or to two, is received without effect, or becomes a dead letter.
    fn queue(&self, index: usize) -> Vec<Self> {
        let Message { place, receives } = self.messages[index];
        if place != Place::Visible {
            return Vec::new();
        }
        if receives == MAX_RECEIVES {
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
        let fresh = Message { place: Place::Visible, receives: 0 };
        vec![self.with(|next| next.messages[index] = fresh)]
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
                    CompletedAttempt::unknown(DELIVERY.clone(), Retry::Standard, number, owner, NOW, NOW);
                next.complete(rules, &completed);
            }),
            Todo::Send(number) => {
                let mut next = self.send(worker, number);
                next.extend(self.release(rules, worker, number));
                next
            }
            Todo::Complete(number, end) => self.completed(rules, worker, number, end),
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
            Step::Wait { .. } | Step::CompleteAsUnknown { .. } => Todo::HandBack,
            Step::Claim { number } => Todo::Claim(number),
            Step::Send { number } => Todo::Send(number),
        }
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
        let completed = completion(number, alive(worker), end);
        let todo = if completed.attempted.next_at.is_none() { Todo::Acknowledge } else { Todo::HandBack };
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

fn completion(number: u8, owner: Owner, end: End) -> CompletedAttempt {
    assert!(number <= MAX_ATTEMPTS);
    let (delivery, retry) = (DELIVERY.clone(), Retry::Standard);
    let claim = Claim { delivery, retry, number, owner, at: NOW, lease_until: NOW };
    CompletedAttempt::new(claim, end.outcome(), &[], NOW)
}
