//! Ringback on one machine: the deployed functions, with everything around them that AWS has.
//!
//! Start at [`stack`], which puts it together. [`template`] reads what there is, [`provision`] makes queues and tables
//! of it in [`endpoints`], [`functions`] starts the functions, and [`lambda`] invokes them. [`receiver`] is a customer.

pub mod certificates;
pub mod clock;
pub mod dynamodb;
pub mod endpoints;
pub mod functions;
pub mod kms;
pub mod lambda;
pub mod provision;
pub mod receiver;
pub mod sqs;
pub mod stack;
pub mod template;
