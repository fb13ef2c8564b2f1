//! AWS Lambda on one machine: what invokes functions there, and keeps its rules, does so here.
//!
//! A [`function`] is bytes in, bytes out: [`in_process`], or as a native [`process`] that speaks the [`runtime_api`].
//! Three things invoke one: [`front`] is the HTTP API and Lambda's own, [`mapping`] is SQS, [`schedule`] the time. Where
//! nobody waits for the answer, [`asynchronous`] tries again.

pub mod asynchronous;
pub mod front;
pub mod function;
mod http_event;
mod http_response;
pub mod in_process;
mod invoke_api;
pub mod mapping;
mod partial_batch;
pub mod process;
pub mod runtime_api;
pub mod schedule;
mod sqs_event;
pub(crate) mod trace;
