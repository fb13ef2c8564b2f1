//! In-memory implementations of the ports, for testing the rules; an adapter has to behave like them. Also other
//! support that the tests of all crates share.

mod captured_log;
mod clock;
mod conversations;
mod corpus;
mod destinations;
mod events;
mod fuzz;
mod ledger;
mod lock;
mod plaintext_vault;
mod queue;
mod rates;
mod references;
pub mod sample;
mod seeded_randomness;
mod sender;

pub use captured_log::CapturedLog;
pub use clock::ManualClock;
pub use conversations::MemoryConversations;
pub use corpus::corpus;
pub use destinations::MemoryDestinations;
pub use events::MemoryEvents;
pub use fuzz::{Fuzz, assert_readable};
pub use ledger::{MemoryLedger, RETENTION};
pub use plaintext_vault::PlaintextVault;
pub use queue::MemoryQueue;
pub use rates::MemoryRates;
pub use references::MemoryReferences;
pub use seeded_randomness::SeededRandomness;
pub use sender::ScriptedSender;
