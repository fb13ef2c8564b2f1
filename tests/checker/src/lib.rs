//! What Ringback promises of its deliveries, as one function over everything that was seen.
//!
//! Nothing is lost, nothing is sent more often than allowed, every attempt is recorded. A test of faults ends with
//! [`check`]; [`rules`] has a function for each [`Invariant`].

pub mod history;
mod rules;
mod story;

use std::fmt;

use domain::shared::ids::DeliveryId;

use crate::history::{History, Invariant};

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub struct Breach {
    /// Which one.
    pub invariant: Invariant,
    /// Of which delivery, if it is one delivery's.
    pub delivery: Option<DeliveryId>,
    /// How.
    pub what: String,
    /// All that is known of the delivery, in order.
    pub story: Vec<String>,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)?;
        self.story.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// The promises that were not kept.
#[must_use]
pub fn check(history: &History) -> Vec<Breach> {
    rules::all(history)
        .into_iter()
        .map(|(invariant, delivery, what)| {
            let story = delivery.map(|delivery| story::of(history, delivery)).unwrap_or_default();
            Breach { invariant, delivery: delivery.cloned(), what, story }
        })
        .collect()
}

/// Ends a test: panics with every breach and its story.
///
/// # Panics
/// If a promise was not kept.
#[expect(clippy::panic, reason = "it is how a test fails")]
pub fn assert_kept(history: &History) {
    let breaches = check(history);
    if !breaches.is_empty() {
        let breaches: Vec<_> = breaches.iter().map(ToString::to_string).collect();
        panic!("{} promises were not kept\n{}", breaches.len(), breaches.join("\n"));
    }
}

#[cfg(test)]
mod tests;
