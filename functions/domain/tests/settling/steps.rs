//! The transitions from one state to the next.

use crate::explore::{Next, State as _};
use crate::record::Record;
use crate::setting::Setting;
use crate::state::{Call, Deletion, Slot, State};

impl State {
    /// Returns every possible next state.
    pub(crate) fn next(&self, setting: &Setting) -> Next<Self> {
        let mut next = Next { steps: Vec::new(), faults: Vec::new() };
        self.ingest(setting, &mut next);
        self.schedule(setting, &mut next);
        self.delete(setting, &mut next);
        self.fan_out(setting, &mut next);
        self.deliver(&mut next);
        self.time(setting, &mut next);
        if let Some(promise) = self.unkept(setting) {
            next.steps.push(self.with(|next| next.breaks(promise)));
        }
        for states in [&mut next.steps, &mut next.faults] {
            *states = std::mem::take(states).into_iter().map(Self::in_order).collect();
        }
        next
    }

    /// An end settles, the retention passes, or the mark of a deletion expires. The last two take longer than any
    /// invocation, and than any delivery is in its queue.
    fn time(&self, setting: &Setting, next: &mut Next<Self>) {
        let provisional = self.record.kept().and_then(Record::provisional);
        if provisional.is_some() && !self.passed_settles_at {
            next.steps.push(self.with(|next| next.passed_settles_at = true));
        }
        if setting.ages && self.event.kept().is_some() && !self.passed_until && self.is_over() {
            next.steps.push(self.with(|next| (next.event, next.passed_until) = (Slot::Absent, true)));
        }
        let is_marked = self.record == Slot::Forgotten(1) && self.deletion == Some(Deletion::Answered);
        let is_idle = self.workers == [None; 2] && self.no_call_is_open();
        if setting.frees && is_marked && is_idle && self.deliveries.iter().all(Vec::is_empty) {
            next.steps.push(self.with(|next| {
                next.record = Slot::Absent;
                for caller in next.callers.iter_mut().flatten() {
                    if caller.call == Call::Answered {
                        (caller.call, caller.is_sent, caller.repeats) = (Call::Lost, false, false);
                    }
                }
            }));
        }
    }
}
