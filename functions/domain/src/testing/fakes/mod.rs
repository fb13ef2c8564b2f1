//! In-memory stand-ins for the ports: what the rules are tested against, and a statement of what an adapter owes. And what
//! the tests of all crates share.

mod clock;
mod conversations;
mod destinations;
mod dice;
mod fuzz;
mod ledger;
mod lines;
mod queue;
mod rates;
mod references;
pub mod sample;
mod sender;
mod vault;

pub use clock::ManualClock;
pub use conversations::MemoryConversations;
pub use destinations::MemoryDestinations;
pub use dice::SeededRandomness;
pub use fuzz::{Fuzz, assert_readable};
pub use ledger::MemoryLedger;
pub use lines::CapturedLog;
pub use queue::{MemoryQueue, MemoryVisibility};
pub use rates::MemoryRates;
pub use references::MemoryReferences;
pub use sender::ScriptedSender;
pub use vault::PlaintextVault;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A fake stays usable after a test's panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
