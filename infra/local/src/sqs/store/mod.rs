//! The queues and their messages, in memory, as a function of time.
//!
//! Nothing here waits, reads a clock or touches a file: every operation is given a [`Transaction`], which has the time
//! and collects the writes for the journal. Start at store.rs, then queue.rs; message_index.rs finds messages.

mod attributes;
mod dead_letters;
mod in_flight;
mod message;
mod message_index;
mod queue;
mod receipt_handle;
mod receiving;
mod redrive;
#[expect(clippy::module_inception, reason = "the store is what this folder is about")]
mod store;
mod timeouts;
mod transaction;

#[cfg(test)]
pub(crate) mod fixture;

pub(crate) use message::{DeliveryState, Message, SentMessage, Sequence};
pub(crate) use queue::Queue;
pub(crate) use receiving::{ReceiveRequest, ReceivedMessage};
pub(crate) use store::{Snapshot, Store};
pub(crate) use transaction::{Transaction, Write};
