//! Dispatch as Lambda runs it: a process of the binary that is deployed, which a test can stop at any point.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use local::clock::Clock;
use local::lambda::function::{Function, InvokeError};
use local::lambda::process::{Bootstrap, Sandbox};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::site::Site;
use crate::world::binaries;

/// The least that the template lets an operator choose for Dispatch.
pub(super) const MEMORY_MIB: u32 = 256;

/// One process, and no other takes its place.
pub(super) struct Worker {
    sandbox: Mutex<Sandbox>,
    id: u32,
    /// Once it is killed: its id may be another's by then.
    last_peak: OnceLock<u64>,
    clock: Clock,
}

impl Worker {
    pub(super) async fn start(site: &Site) -> Arc<Self> {
        let bootstrap = Bootstrap {
            name: "Dispatch".to_owned(),
            arn: "arn:aws:lambda:us-east-1:000000000000:function:Dispatch".to_owned(),
            binary: binary().await,
            arguments: Vec::new(),
            memory_mib: MEMORY_MIB,
            environment: site.variables(),
            log: Some(site.log_file()),
        };
        let sandbox = Sandbox::start(&bootstrap).await.unwrap();
        let id = sandbox.id().unwrap();
        let (sandbox, last_peak) = (Mutex::new(sandbox), OnceLock::new());
        let worker = Arc::new(Self { sandbox, id, last_peak, clock: site.clock.clone() });
        site.workers.lock().unwrap().push(Arc::clone(&worker));
        worker
    }

    pub(super) async fn kill(&self) {
        self.last_peak.get_or_init(|| self.peak());
        self.callback("KILL").await;
    }

    /// The most memory that it has taken so far, in bytes.
    pub(super) fn peak(&self) -> u64 {
        if let Some(peak) = self.last_peak.get() {
            return *peak;
        }
        // Only Linux tells; elsewhere it is 0.
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.map_or(0, |kibibytes| kibibytes.parse::<u64>().unwrap() * 1024)
    }

    /// As Lambda does with a sandbox between invocations.
    pub(super) async fn freeze(&self) {
        self.callback("STOP").await;
    }

    pub(super) async fn thaw(&self) {
        self.callback("CONT").await;
    }

    async fn callback(&self, name: &str) {
        let command = format!("kill -{name} {}", self.id);
        assert!(Command::new("sh").args(["-c", &command]).status().await.unwrap().success());
    }
}

impl Function for Worker {
    fn invoke(&self, payload: Bytes, deadline_ms: u64) -> BoxFuture<'_, Result<Bytes, InvokeError>> {
        Box::pin(async move { self.sandbox.lock().await.invoke(payload, deadline_ms, &self.clock).await })
    }
}

async fn binary() -> PathBuf {
    binaries().await.join("dispatch")
}
