//! Dispatch as Lambda runs it: a process of the binary that is deployed, which a test can stop at any point.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use local::clock::Clock;
use local::lambda::function::{Function, InvokeError};
use local::lambda::process::{Bootstrap, Sandbox};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::site::Site;
use crate::world::binaries;

/// One process, and no other takes its place.
pub(super) struct Worker {
    sandbox: Mutex<Sandbox>,
    id: u32,
    clock: Clock,
}

impl Worker {
    pub(super) async fn start(site: &Site) -> Arc<Self> {
        let bootstrap = Bootstrap {
            name: "Dispatch".to_owned(),
            arn: "arn:aws:lambda:us-east-1:000000000000:function:Dispatch".to_owned(),
            binary: binary().await,
            arguments: Vec::new(),
            memory_mib: 512,
            environment: site.variables(),
        };
        let sandbox = Sandbox::start(&bootstrap).await.unwrap();
        let id = sandbox.id().unwrap();
        Arc::new(Self { sandbox: Mutex::new(sandbox), id, clock: site.clock.clone() })
    }

    pub(super) async fn kill(&self) {
        self.signal("KILL").await;
    }

    /// As Lambda does with a sandbox between invocations.
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
