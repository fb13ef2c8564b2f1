//! The order of a FIFO queue: strict within a message group, one batch of a group at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::message::Sequence;

/// Visible messages by group. A group is open while none of its messages is in flight.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: HashMap<String, Group>,
    /// Open groups with something to receive, by their oldest visible message.
    open: BTreeMap<Sequence, String>,
}

#[derive(Debug, Default)]
struct Group {
    visible: BTreeSet<Sequence>,
    in_flight: usize,
}

impl Group {
    /// What the group would give next; nothing while it is locked.
    fn head(&self) -> Option<Sequence> {
        self.visible.first().copied().filter(|_| self.in_flight == 0)
    }
}

impl Groups {
    pub(crate) fn show(&mut self, group: &str, sequence: Sequence) {
        self.change(group, |group| {
            group.visible.insert(sequence);
        });
    }

    pub(crate) fn hide(&mut self, group: &str, sequence: Sequence) {
        self.change(group, |group| {
            group.visible.remove(&sequence);
        });
    }

    /// Locks the group for one more message in flight.
    pub(crate) fn lock(&mut self, group: &str) {
        self.change(group, |group| group.in_flight += 1);
    }

    /// Takes one message's lock away.
    pub(crate) fn unlock(&mut self, group: &str) {
        self.change(group, |group| group.in_flight -= 1);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The next messages. SQS gives as many of one group as it can before it goes to the next.
    pub(crate) fn first(&self, max: usize) -> Vec<Sequence> {
        self.open.values().flat_map(|group| &self.groups[group].visible).take(max).copied().collect()
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Group)) {
        let group = self.groups.entry(name.to_owned()).or_default();
        if let Some(head) = group.head() {
            self.open.remove(&head);
        }
        change(group);
        if let Some(head) = group.head() {
            self.open.insert(head, name.to_owned());
        } else if group.visible.is_empty() && group.in_flight == 0 {
            self.groups.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(numbers: &[u64]) -> Vec<Sequence> {
        numbers.iter().copied().map(Sequence::from_number).collect()
    }

    #[test]
    fn a_group_in_flight_gives_nothing_until_its_last_message_is_back_or_gone() {
        let mut groups = Groups::default();
        for (group, number) in [("a", 1), ("b", 2), ("a", 3)] {
            groups.show(group, Sequence::from_number(number));
        }
        assert_eq!(groups.first(10), sequences(&[1, 3, 2]));

        groups.hide("a", Sequence::from_number(1));
        groups.lock("a");
        assert_eq!(groups.first(10), sequences(&[2]));

        groups.unlock("a");
        assert_eq!(groups.first(10), sequences(&[2, 3]));
    }

    #[test]
    fn an_empty_group_is_forgotten() {
        let mut groups = Groups::default();
        groups.show("a", Sequence::from_number(1));
        groups.hide("a", Sequence::from_number(1));
        assert!(groups.is_empty() && groups.groups.is_empty());
    }
}
