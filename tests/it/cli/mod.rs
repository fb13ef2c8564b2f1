//! The subcommands of `cargo run`, as programs beside a stack that is a program, too.

mod commands;
mod listen;
mod server;

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::world::{Customer, binaries, eventually, text};

/// A folder in which a stack runs.
struct Folder {
    directory: TempDir,
    stack: Child,
    /// The demo's.
    customer: Customer,
}

impl Folder {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let stack =
            ["--quiet", "--port", "0", "--parameter", "SettleSeconds=0", "--parameter", "ApiRateLimit=0"];
        let stack = command(directory.path(), &stack).await.spawn().unwrap();
        let running = eventually("the stack's file", async || {
            serde_json::from_slice::<Value>(&std::fs::read(file(directory.path())).ok()?).ok()
        })
        .await;
        let customer = Customer::with_key(text(&running["api"]), text(&running["key"]));
        Self { directory, stack, customer }
    }

    /// Starts a subcommand that goes on until it is stopped.
    async fn spawn(&self, arguments: &[&str]) -> Program {
        let mut child = command(self.directory.path(), arguments).await.arg("--json").spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Program { child, lines }
    }

    /// Runs a subcommand to its end; returns what it printed.
    async fn run(&self, arguments: &[&str]) -> Vec<Value> {
        let output = command(self.directory.path(), arguments).await.arg("--json").output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Ends a conversation; returns its id.
    async fn send(&self, arguments: &[&str]) -> String {
        let sent = self.run(&[&["send"], arguments].concat()).await;
        text(&sent[0]["conversation_id"])
    }

    /// The names of all destinations.
    async fn destinations(&self) -> Vec<String> {
        let list = self.customer.get("/v1/destinations").await;
        list["destinations"].as_array().unwrap().iter().map(|one| text(&one["name"])).collect()
    }
}

/// A subcommand that runs.
struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// The next thing that it prints.
    async fn next(&mut self) -> Value {
        let line = self.lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it has ended"));
        serde_json::from_str(&line).unwrap()
    }

    /// Stops it, and asserts that it ends well.
    async fn stop(mut self) {
        stop(&mut self.child).await;
    }
}

/// Sends SIGTERM and waits for the end.
async fn stop(child: &mut Child) {
    let process = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &process]).status().await.unwrap().success());
    assert!(child.wait().await.unwrap().success());
}

/// The program with these arguments, in a folder.
async fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries().await.join("ringback"));
    command.args(arguments).current_dir(folder).stdout(Stdio::piped()).kill_on_drop(true);
    command
}

/// What a subcommand that fails says.
async fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let output = command(folder, arguments).await.output().await.unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The file that a stack leaves in its folder.
fn file(folder: &Path) -> std::path::PathBuf {
    folder.join(".ringback/stack.json")
}
