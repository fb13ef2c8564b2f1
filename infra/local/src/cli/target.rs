//! Which API a subcommand calls, and with which key.

use adapters::function::Error;
use clap::Args;
use local::certificates::Identity;

use super::api::Api;
use super::running::RunningStack;

/// Options of every subcommand.
#[derive(Args)]
pub(crate) struct Target {
    /// URL of the API; without it, that of the stack that runs in this folder
    #[arg(long, value_name = "URL")]
    api: Option<String>,

    /// API key; without it, that of the stack that runs in this folder
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Print JSON, one value a line
    #[arg(long)]
    pub(crate) json: bool,
}

const NO_STACK: &str =
    "no stack runs in this folder: start one with `cargo run`, or give --api URL and --key KEY";

const NO_KEY: &str = "give --key KEY, too: no stack with this --api runs in this folder";

const NOT_HERE: &str = "listen works with the local stack alone, started with `cargo run` in this folder: a deployment cannot reach \
                        this machine, and sends to https only";

impl Target {
    pub(crate) fn api(&self) -> Result<Api, Error> {
        let running = self.running()?;
        let Some(url) = self.api.as_ref().or(running.as_ref().map(|running| &running.api)) else {
            return Err(NO_STACK.into());
        };
        let Some(key) = self.key.as_ref().or(running.as_ref().map(|running| &running.key)) else {
            return Err(NO_KEY.into());
        };
        Api::new(url, key)
    }

    /// The API of the local stack, and a certificate that this stack trusts.
    pub(crate) fn local(&self) -> Result<(Api, Identity), Error> {
        let api = self.api()?;
        let running = self.running()?.ok_or(NOT_HERE)?;
        Ok((api, running.identity))
    }

    /// The stack in this folder, if it is the one that is meant.
    fn running(&self) -> Result<Option<RunningStack>, Error> {
        let is_meant = |running: &RunningStack| {
            self.api.as_ref().is_none_or(|api| api.trim_end_matches('/') == running.api)
        };
        Ok(RunningStack::read()?.filter(is_meant))
    }
}
