//! A function as native processes: `bootstrap` binaries that speak the Runtime API, each for one invocation at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::function::{Function, InvokeError};
use super::runtime_api::RuntimeApi;
use crate::clock::Clock;

/// How to start a process.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The function's name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Path of the binary.
    pub binary: PathBuf,
    /// The binary's arguments: none, if it is one that Lambda could run.
    pub arguments: Vec<String>,
    /// The value of `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`; not enforced.
    pub memory_mib: u32,
    /// Its only variables besides Lambda's own: nothing of the developer's environment leaks in.
    pub environment: BTreeMap<String, String>,
    /// The file that its log is appended to; `None` for this program's standard error.
    pub log: Option<PathBuf>,
}

/// A function that runs as processes: one for each concurrent invocation, kept warm in between.
pub struct Processes {
    bootstrap: Bootstrap,
    clock: Clock,
    /// Reserved concurrency: an invocation that finds no permit is throttled.
    concurrency: Semaphore,
    warm: Mutex<Vec<Sandbox>>,
}

/// One process, and the Runtime API that only it uses. Killed when dropped.
pub struct Sandbox {
    process: Child,
    api: RuntimeApi,
}

impl Processes {
    /// Creates the function without a process; the first invocation starts one.
    #[must_use]
    pub fn new(bootstrap: Bootstrap, concurrency: usize, clock: Clock) -> Self {
        Self { bootstrap, clock, concurrency: Semaphore::new(concurrency), warm: Mutex::default() }
    }

    fn take_warm(&self) -> Option<Sandbox> {
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        // A process that died while it was idle is dropped here.
        std::iter::from_fn(|| warm.pop()).find_map(Sandbox::if_alive)
    }

    fn keep_warm(&self, sandbox: Sandbox) {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner).push(sandbox);
    }

    async fn run(&self, payload: Bytes, deadline_ms: u64) -> Result<Bytes, InvokeError> {
        let _permit = self.concurrency.try_acquire().map_err(|_| InvokeError::Throttled)?;
        let mut sandbox = match self.take_warm() {
            Some(sandbox) => sandbox,
            None => Sandbox::start(&self.bootstrap)
                .await
                .map_err(|error| could_not_start(&self.bootstrap, &error))?,
        };
        let answer = sandbox.invoke(payload, deadline_ms, &self.clock).await;
        match answer {
            // A process whose handler returned an error can serve the next invocation.
            Ok(_) | Err(InvokeError::Failed { .. }) => self.keep_warm(sandbox),
            Err(_) => sandbox.kill().await,
        }
        answer
    }
}

impl Function for Processes {
    fn invoke(&self, payload: Bytes, deadline_ms: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(self.run(payload, deadline_ms))
    }
}

impl Sandbox {
    /// Starts the process, which then asks for its first invocation.
    pub async fn start(bootstrap: &Bootstrap) -> io::Result<Self> {
        let api = RuntimeApi::start(bootstrap.arn.clone()).await?;
        let [stdout, stderr] = log(bootstrap)?;
        // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        let process = Command::new(&bootstrap.binary)
            .args(&bootstrap.arguments)
            .env_clear()
            .envs(&bootstrap.environment)
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", &bootstrap.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", bootstrap.memory_mib.to_string())
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", bootstrap.name))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[$LATEST]{}", uuid::Uuid::new_v4().simple()))
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("TZ", ":UTC")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { process, api })
    }

    /// The process's id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Invokes the process once. If it ends or reaches its deadline instead of answering, the caller must kill it.
    pub async fn invoke(
        &mut self,
        payload: Bytes,
        deadline_ms: u64,
        clock: &Clock,
    ) -> Result<Bytes, InvokeError> {
        tokio::select! {
            biased;
            answer = self.api.invoke(payload, deadline_ms) => answer,
            status = self.process.wait() => Err(InvokeError::Crashed(ended(status))),
            () = clock.wait_until(deadline_ms) => Err(InvokeError::TimedOut),
        }
    }

    fn if_alive(mut self) -> Option<Self> {
        matches!(self.process.try_wait(), Ok(None)).then_some(self)
    }

    /// Kills the process and waits for its end, so that it does nothing more after the call.
    pub async fn kill(mut self) {
        if let Err(error) = self.process.kill().await {
            tracing::warn!(%error, "a function's process could not be killed");
        }
    }
}

/// Where the process writes its log. Never this program's standard output, which is for people.
fn log(bootstrap: &Bootstrap) -> io::Result<[Stdio; 2]> {
    let Some(path) = &bootstrap.log else { return Ok([io::stderr().into(), io::stderr().into()]) };
    let file = File::options().create(true).append(true).open(path)?;
    Ok([file.try_clone()?.into(), file.into()])
}

fn could_not_start(bootstrap: &Bootstrap, error: &io::Error) -> InvokeError {
    InvokeError::Crashed(format!("cannot start {}: {error}", bootstrap.binary.display()))
}

fn ended(status: io::Result<std::process::ExitStatus>) -> String {
    match status {
        Ok(status) => format!("the process ended: {status}"),
        Err(error) => format!("no exit status: {error}"),
    }
}

#[cfg(test)]
mod tests;
