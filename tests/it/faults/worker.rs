//! Dispatch as Lambda runs it: a process of the deployed binary, which a test can kill or freeze at any point.

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

/// The smallest memory that the template allows for Dispatch.
pub(super) const MEMORY_MIB: u32 = 256;

/// One process, which is not replaced when it dies.
pub(super) struct Worker {
    sandbox: Mutex<Sandbox>,
    id: u32,
    /// The peak at the time it was killed, because its id may then belong to another process.
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
        self.signal("KILL").await;
    }

    /// The peak of its memory so far, in bytes.
    pub(super) fn peak(&self) -> u64 {
        if let Some(peak) = self.last_peak.get() {
            return *peak;
        }
        // Only Linux reports it; elsewhere it is 0.
        let status = fs::read_to_string(format!("/proc/{}/status", self.id)).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.map_or(0, |kibibytes| kibibytes.parse::<u64>().unwrap() * 1024)
    }

    /// Stops the process, as Lambda does with a sandbox between invocations.
    pub(super) async fn freeze(&self) {
        self.signal("STOP").await;
    }

    pub(super) async fn thaw(&self) {
        self.signal("CONT").await;
    }

    async fn signal(&self, name: &str) {
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
