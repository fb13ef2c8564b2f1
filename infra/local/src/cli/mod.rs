//! The subcommands, for people who write a receiver: they use the public API alone.
//!
//! target.rs finds the API and its key, which running.rs keeps for the stack in this folder; api.rs calls it; output.rs
//! prints. The rest is a file for each subcommand: listen.rs, with forward.rs; send.rs, with samples.rs and provider.rs;
//! tail.rs; redeliver.rs.

pub(crate) mod api;
mod forward;
mod listen;
pub(crate) mod names;
mod output;
mod provider;
mod redeliver;
pub(crate) mod running;
mod samples;
mod send;
mod tail;
mod target;

use adapters::function::Error;
use clap::Subcommand;

/// A subcommand for people.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Forward webhooks of the local stack to a plain http server on this machine
    Listen(listen::Listen),
    /// End conversations, as the platform, Twilio or Daily would
    Send(send::Send),
    /// Show attempts as they happen, newest last
    Tail(tail::Tail),
    /// Send the event of a delivery again
    Resend(redeliver::Resend),
    /// Send everything again that a destination has not received
    Recover(redeliver::Recover),
}

impl Command {
    pub(crate) async fn run(self) -> Result<(), Error> {
        match self {
            Self::Listen(listen) => listen.run().await,
            Self::Send(send) => send.run().await,
            Self::Tail(tail) => tail.run().await,
            Self::Resend(resend) => resend.run().await,
            Self::Recover(recover) => recover.run().await,
        }
    }
}
