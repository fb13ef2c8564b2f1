//! The local stack: the deployed functions on one machine, with the parts of AWS that they need.
//!
//! Start at [`stack`], which assembles it. [`template`] reads what is deployed, [`provision`] creates the queues and
//! tables in [`endpoints`], [`functions`] starts the functions, and [`lambda`] invokes them. [`receiver`] plays the
//! customer.

pub mod certificates;
pub mod clock;
mod direct;
pub mod dynamodb;
pub mod endpoints;
pub mod functions;
pub mod guard;
pub mod https;
pub mod kms;
pub mod lambda;
pub mod private;
pub mod provision;
pub mod receiver;
mod sockets;
pub mod sqs;
pub mod stack;
pub mod template;

/// Delivers a third more in a second than with glibc's allocator: see tests/README.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
