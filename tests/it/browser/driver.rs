//! A browser of its own for one test.

use std::process::Stdio;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::tools;

/// A running chromedriver. It and its browser end when dropped.
pub(super) struct Driver {
    port: u16,
    profile: tempfile::TempDir,
    _process: Child,
}

impl Driver {
    /// `None`, and a line that says so, where there is no Chromium.
    pub(super) async fn start() -> Option<Self> {
        for program in ["chromium", "chromedriver"] {
            if !tools::there(Command::new(program).arg("--version"), program).await {
                return None;
            }
        }
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says its port");
            if let Some((_, port)) = line.rsplit_once("on port ")
                && let Ok(port) = port.trim_end_matches('.').parse()
                && port != 0
            {
                break port;
            }
        };
        Some(Self { port, profile: tempfile::tempdir().unwrap(), _process: process })
    }

    pub(super) async fn browser(&self) -> Client {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        // As root, and with no network but this machine.
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1280,900",
            &profile,
        ];
        let capabilities = json!({"goog:chromeOptions": {"args": arguments}});
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .unwrap()
    }
}
