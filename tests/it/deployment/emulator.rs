//! Runs a separate ministack for one test.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use reqwest::{Client, Url};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::tools;
use crate::world::eventually;

/// Lines of the emulator's log that are shown when a test fails.
const LINES_SHOWN: usize = 60;

/// A running emulator. Dropping it ends it and the functions.
pub(super) struct Emulator {
    port: u16,
    /// Its files and its log.
    directory: TempDir,
    _process: Child,
}

impl Emulator {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The port is free now, and only tests that ask in the same way pick ports on this machine.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let log = || File::options().create(true).append(true).open(directory.path().join("log")).unwrap();
        let process = Command::new("python3")
            .args(["-m", "ministack"])
            .envs([("BIND_HOST", "127.0.0.1"), ("AUTH", "true"), ("IOT_MTLS_ENABLED", "0")])
            .env("GATEWAY_PORT", port.to_string())
            // The emulator passes this on to functions only if it is set for the emulator itself.
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("TMPDIR", directory.path())
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let emulator = Self { port, directory, _process: process };
        let client = crate::world::client();
        eventually("the emulator", async || {
            client.get(format!("{}/_ministack/health", emulator.endpoint())).send().await.ok()
        })
        .await;
        emulator
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A client that resolves this URL's host to the emulator.
    pub(super) fn client(&self, url: &str) -> Client {
        let host = Url::parse(url).unwrap().host_str().unwrap().to_owned();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        Client::builder().no_proxy().resolve(&host, address).build().unwrap()
    }

    /// Creates the stack from the expanded template; returns its outputs.
    pub(super) async fn deploy(&self, name: &str, code: &Path, parameters: &[(&str, String)]) -> Value {
        let mut arguments = vec!["deploy".to_owned(), name.to_owned(), code.display().to_string()];
        arguments.extend(parameters.iter().map(|(name, value)| format!("{name}={value}")));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        serde_json::from_str(&self.stack_with(&arguments, &tools::expanded_template().await).await).unwrap()
    }

    /// Runs a command of `stack.py`; returns its output.
    pub(super) async fn stack(&self, arguments: &[&str]) -> String {
        self.stack_with(arguments, &[]).await
    }

    async fn stack_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut command = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/it/deployment/stack.py"))
            .args(arguments)
            .env("AWS_ENDPOINT_URL", self.endpoint())
            // The emulator's root user.
            .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = command.stdin.take().unwrap();
        stdin.write_all(input).await.unwrap();
        drop(stdin);
        let output = command.wait_with_output().await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Prints the end of the log, which includes the functions' lines, if the test has failed.
impl Drop for Emulator {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let end = lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n");
            std::io::Write::write_all(&mut std::io::stderr(), end.as_bytes()).unwrap();
        }
    }
}
