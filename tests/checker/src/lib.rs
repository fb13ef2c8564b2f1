//! Checks Ringback's promises for its deliveries against everything that a test observed.
//!
//! Nothing is lost, nothing is sent more often than allowed, every attempt is recorded. Every fault test ends with
//! [`check`]; [`rules`] has a function for each [`Invariant`].

pub mod history;
mod rules;
mod story;

use std::fmt;

use domain::shared::ids::DeliveryId;

use crate::history::{History, Invariant};

/// A broken promise.
#[derive(Debug, Clone)]
pub struct Breach {
    /// The promise.
    pub invariant: Invariant,
    /// The delivery, if the breach concerns one.
    pub delivery: Option<DeliveryId>,
    /// How the promise was broken.
    pub what: String,
    /// Everything known about the delivery, in order.
    pub story: Vec<String>,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)?;
        self.story.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// Returns every broken promise.
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

/// Asserts that every promise was kept; panics with every breach and its story.
///
/// # Panics
/// If a promise was broken.
#[expect(clippy::panic, reason = "a panic is how a test fails")]
pub fn assert_kept(history: &History) {
    let breaches = check(history);
    if !breaches.is_empty() {
        let breaches: Vec<_> = breaches.iter().map(ToString::to_string).collect();
        panic!("{} promises were broken\n{}", breaches.len(), breaches.join("\n"));
    }
}

#[cfg(test)]
mod tests;
