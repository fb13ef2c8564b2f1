//! The ways from one state to the next.

use std::sync::LazyLock;

use domain::delivery::history::Owner;
use domain::delivery::ledger::{Claim, Closing, MAX_ATTEMPTS, Step, next_step};
use domain::delivery::record::Delivery;
use domain::testing::fakes::sample;

use crate::state::{End, Message, NOW, Place, Slot, State, Todo, alive, dead};

/// Which one it is makes no difference.
static DELIVERY: LazyLock<Delivery> = LazyLock::new(sample::delivery);

/// As in the template.
const MAX_RECEIVES: u8 = 4;

/// What the protocol consists of. Without any one of them it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) reconciles: bool,
    pub(crate) claims_on_condition: bool,
    pub(crate) closes_unknown: bool,
    pub(crate) asks_for_the_owner: bool,
    pub(crate) leases_outlive_their_owners: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            reconciles: true,
            claims_on_condition: true,
            closes_unknown: true,
            asks_for_the_owner: true,
            leases_outlive_their_owners: true,
        }
    }
}

/// How a write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Done,
    /// Throttled to the last try.
    Refused,
    /// Done, and its answer is lost to the last try.
    Unheard,
    DiedBefore,
    DiedAfter,
}

impl Write {
    const ALL: [Self; 5] = [Self::Done, Self::Refused, Self::Unheard, Self::DiedBefore, Self::DiedAfter];

    fn is_applied(self) -> bool {
        matches!(self, Self::Done | Self::Unheard | Self::DiedAfter)
    }
}

impl State {
    /// All states that can come next.
    pub(crate) fn next(&self, rules: Rules) -> Vec<Self> {
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
        next.into_iter().map(Self::in_order).collect()
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    /// What was ahead has come.
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

    /// The completion of a dead worker arrives, or never does.
    fn late_write(&self, rules: Rules) -> Vec<Self> {
        let Some((number, end)) = self.late else { return Vec::new() };
        let arrives = self.with(|next| {
            next.late = None;
            next.complete(rules, &completion(number, dead(number), end));
        });
        vec![arrives, self.with(|next| next.late = None)]
    }

    /// A message is handed out, to one or to two, or buried.
    fn queue(&self, index: usize) -> Vec<Self> {
        let Message { place, receives } = self.messages[index];
        if place != Place::Visible {
            return Vec::new();
        }
        if receives == MAX_RECEIVES {
            return vec![self.with(|next| next.messages[index].place = Place::Dead)];
        }
        let idle = self.workers.iter().position(Option::is_none);
        let burned = self.with(|next| next.messages[index].receives += 1);
        let handed_out = idle.into_iter().flat_map(|worker| {
            // A first receive claims without a read.
            let todo = if receives == 0 { Todo::Claim(1) } else { Todo::Read };
            [Place::Held, Place::Visible].map(|place| {
                self.with(|next| {
                    next.messages[index] = Message { place, receives: receives + 1 };
                    next.workers[worker] = Some((index, todo));
                })
            })
        });
        handed_out.chain([burned]).collect()
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
                vec![self.going_on(worker, decided), self.going_on(worker, Todo::HandBack), self.died(worker)]
            }
            Todo::Claim(number) => self.claim(rules, worker, number),
            Todo::CloseUnknown(number, owner) => self.write(worker, Todo::Read, |next| {
                let owner = owner.map_or_else(|| dead(number), alive);
                let closing = Closing::unknown(DELIVERY.clone(), number, owner, NOW, NOW);
                next.complete(rules, &closing);
            }),
            Todo::Send(number) => self.send(worker, number),
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
            Step::CloseUnknown { number, owner, .. } if rules.closes_unknown => {
                Todo::CloseUnknown(number, (0..self.workers.len()).find(|worker| alive(*worker) == owner))
            }
            Step::Wait { .. } | Step::CloseUnknown { .. } => Todo::HandBack,
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
            // The answer to the first try is lost, and the second one finds the record of the first.
            let claimed = Slot::Inflight { owner: Some(worker), is_expired: false };
            next.push(self.with(|next| next.slots.push(claimed)).going_on(worker, Todo::Read));
        }
        next
    }

    fn send(&self, worker: usize, number: u8) -> Vec<Self> {
        let sent = self.with(|next| {
            next.requests[usize::from(number) - 1] += 1;
            if next.slots.contains(&Slot::Succeeded) {
                next.broken = Some("a request after a success");
            }
        });
        let ends = End::ALL.map(|end| sent.going_on(worker, Todo::Complete(number, end)));
        ends.into_iter().chain([self.died(worker), sent.died(worker)]).collect()
    }

    fn completed(&self, rules: Rules, worker: usize, number: u8, end: End) -> Vec<Self> {
        let closing = completion(number, alive(worker), end);
        let todo = if end == End::Success { Todo::Acknowledge } else { Todo::HandBack };
        let mut next = self.write(worker, todo, |next| next.complete(rules, &closing));
        if self.late.is_none() && rules.leases_outlive_their_owners {
            next.push(self.with(|next| next.late = Some((number, end))).died(worker));
        }
        next
    }

    /// Completes a record on the condition that it is in flight and its owner's.
    fn complete(&mut self, rules: Rules, closing: &Closing) {
        let number = closing.number;
        let Some(slot) = self.slot(number) else { return };
        let is_owners = matches!(slot, Slot::Inflight { owner, .. }
            if closing.owner == owner.map_or_else(|| dead(number), alive));
        if is_owners || !rules.asks_for_the_owner {
            *slot = Slot::closed(closing);
        }
    }

    /// All the ways that a write can go.
    fn write(&self, worker: usize, then: Todo, apply: impl Fn(&mut Self)) -> Vec<Self> {
        let one = |write: Write| {
            let next = if write.is_applied() { self.with(&apply) } else { self.clone() };
            match write {
                Write::Done => next.going_on(worker, then),
                Write::Refused | Write::Unheard => next.going_on(worker, Todo::HandBack),
                Write::DiedBefore | Write::DiedAfter => next.died(worker),
            }
        };
        Write::ALL.map(one).into()
    }

    fn going_on(&self, worker: usize, todo: Todo) -> Self {
        self.with(|next| next.workers[worker] = next.workers[worker].map(|(message, _)| (message, todo)))
    }

    /// The invocation is over: what it claimed is nobody's, and what it held can be seen again.
    fn died(&self, worker: usize) -> Self {
        self.with(|next| {
            for slot in &mut next.slots {
                if let Slot::Inflight { owner, .. } = slot {
                    owner.take_if(|owner| *owner == worker);
                }
            }
            let held = next.workers[worker].take().map(|(message, _)| message);
            let message = held.map(|index| &mut next.messages[index]);
            if let Some(message) = message.filter(|message| message.place == Place::Held) {
                message.place = Place::Visible;
            }
        })
    }
}

fn completion(number: u8, owner: Owner, end: End) -> Closing {
    assert!(number <= MAX_ATTEMPTS);
    let claim = Claim { delivery: DELIVERY.clone(), number, owner, at: NOW, lease_until: NOW };
    Closing::new(claim, end.outcome(), &[], NOW)
}
