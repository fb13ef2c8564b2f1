//! AWS Lambda on one machine: everything that invokes functions, by Lambda's rules.
//!
//! A [`function`] takes and returns bytes. It runs [`in_process`], or as a native [`process`] that speaks the
//! [`runtime_api`]. Four modules invoke it: [`front`] for the HTTP API, [`invoke_api`] for Lambda's own, [`mapping`]
//! for SQS, and [`schedule`]. [`asynchronous`] retries invocations that no caller waits for.

pub mod asynchronous;
pub mod front;
pub mod function;
mod http_event;
mod http_response;
pub mod in_process;
pub mod invoke_api;
pub mod mapping;
mod partial_batch;
pub mod process;
pub mod runtime_api;
pub mod schedule;
mod sqs_event;
pub(crate) mod trace;
