//! Starts a separate browser for each test.

use std::process::Stdio;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::tools;

/// A running chromedriver. Dropping it ends it and its browser.
pub(super) struct Driver {
    port: u16,
    profile: tempfile::TempDir,
    _process: Child,
}

impl Driver {
    /// Starts chromedriver; prints a line and returns `None` if Chromium is missing.
    pub(super) async fn start() -> Option<Self> {
        for program in ["chromium", "chromedriver"] {
            if !tools::is_available(Command::new(program).arg("--version"), program).await {
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
            let line = lines.next_line().await.unwrap().expect("chromedriver prints its port");
            if let Some((_, port)) = line.rsplit_once("on port ")
                && let Ok(port) = port.trim_end_matches('.').parse()
                && port != 0
            {
                break port;
            }
        };
        Some(Self { port, profile: tempfile::tempdir().unwrap(), _process: process })
    }

    /// A browser with these preferences of a user, such as which sites may store anything.
    pub(super) async fn browser(&self, preferences: &Value) -> Client {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        // For a browser that runs as root and reaches this machine only.
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
        let capabilities = json!({"goog:chromeOptions": {"args": arguments, "prefs": preferences}});
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .unwrap()
    }

    /// Lets no request of a browser reach URLs that match these patterns.
    pub(super) async fn block(&self, browser: &Client, urls: &[&str]) {
        let session = browser.session_id().await.unwrap().unwrap();
        let devtools = format!("http://127.0.0.1:{}/session/{session}/goog/cdp/execute", self.port);
        for (cmd, params) in
            [("Network.enable", json!({})), ("Network.setBlockedURLs", json!({"urls": urls}))]
        {
            let request = reqwest::Client::new().post(&devtools).json(&json!({"cmd": cmd, "params": params}));
            request.send().await.unwrap().error_for_status().unwrap();
        }
    }
}
