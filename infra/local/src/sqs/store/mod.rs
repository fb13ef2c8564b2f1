//! The queues and their messages, in memory, as a function of time.
//!
//! Nothing here waits, reads a clock or touches a file: every operation is given a [`Step`], which
//! says when it happens and collects what it changed. Start at store.rs, then queue.rs; shelf.rs
//! is how messages are found, step.rs what the journal is told.

mod aging;
mod attempts;
mod attribute_values;
mod attributes;
mod dead_letter_queues;
mod dead_letters;
mod deduplication;
mod fifo;
mod groups;
mod message;
mod move_requests;
mod move_task;
mod moving;
mod order;
mod queue;
mod receipt;
mod receipts;
mod receiving;
mod redrive;
mod sending;
mod sending_fifo;
mod shelf;
mod snapshot;
mod step;
#[expect(clippy::module_inception, reason = "the store is what this folder is about")]
mod store;

#[cfg(test)]
pub(crate) mod fixture;

pub(crate) use message::{Delivery, Message, Sent, Sequence};
pub(crate) use move_task::{FailureReason, MoveTask, Status};
pub(crate) use queue::Queue;
pub(crate) use receiving::{Receive, Received};
pub(crate) use sending::{Accepted, Outgoing};
pub(crate) use snapshot::Snapshot;
pub(crate) use step::{Change, Step};
pub(crate) use store::Store;
