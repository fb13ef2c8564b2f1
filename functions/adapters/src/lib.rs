//! The outside: one place for each technology behind a port of the domain.
//!
//! [`dynamodb`] has the tables, [`sqs`] the queues, [`sender`] the one HTTP client that talks to customers. [`aws`]
//! builds the clients, whose answers set a worker's clock ([`date`]); [`config`] reads the environment, and [`egress`] what
//! of it opens private networks. [`vault`] seals secrets for the tables. [`function`] is what the functions have in common:
//! how an HTTP request comes in ([`http`]), who sent it ([`caller`]), and how an error is told ([`http::problem`]).

pub mod aws;
pub mod caller;
pub mod config;
mod date;
pub mod dynamodb;
pub mod egress;
pub mod function;
#[cfg(test)]
mod fuzz;
pub mod http;
pub mod sender;
pub mod sqs;
pub mod system;
pub mod telemetry;
pub mod vault;
