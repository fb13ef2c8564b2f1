//! Adapters: one module for each technology behind a port of the domain.
//!
//! [`dynamodb`] has the tables, [`sqs`] the queues, [`sender`] the one HTTP client that talks to customers' servers.
//! [`aws`] builds the AWS clients, whose responses correct a worker's clock ([`date`]); `roots` has the certificate
//! authorities that both trust. [`config`] reads the environment, and [`egress`] the part of it that allows private
//! networks. [`vault`] encrypts secrets for the tables. Queues and tables `gather` what several callers send at once.
//! The functions share [`function`], an invocation's [`deadline`], HTTP requests and responses ([`http`]), authentication
//! ([`caller`]), repeated requests ([`idempotency`]), errors ([`http::problem`]) and logging ([`telemetry`]).

pub mod aws;
pub mod caller;
pub mod config;
mod date;
pub mod deadline;
pub mod dynamodb;
pub mod egress;
pub mod function;
#[cfg(test)]
mod fuzz;
mod gather;
pub mod http;
pub mod idempotency;
pub mod public_url;
mod roots;
pub mod sender;
pub mod sqs;
pub mod system;
pub mod telemetry;
pub mod vault;
