//! Holds a call until its test releases or abandons it.

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore, oneshot};

/// The test's side of a held call. Dropping it abandons the call and closes its connection.
pub(super) struct Stop {
    gate: Arc<Gate>,
    release: oneshot::Sender<()>,
}

/// The proxy's side of a held call.
pub(super) struct Gate {
    reached: Semaphore,
    released: Mutex<oneshot::Receiver<()>>,
}

impl Stop {
    pub(super) fn new() -> (Self, Arc<Gate>) {
        let (release, released) = oneshot::channel();
        let gate = Arc::new(Gate { reached: Semaphore::new(0), released: Mutex::new(released) });
        (Self { gate: Arc::clone(&gate), release }, gate)
    }

    /// Waits until the call is held.
    pub(super) async fn reached(&self) {
        self.gate.reached.acquire().await.unwrap().forget();
    }

    /// Lets the call pass.
    pub(super) fn release(self) {
        // Fails if the caller has disconnected meanwhile; then there is nothing to release.
        let _ = self.release.send(());
    }
}

impl Gate {
    /// Holds the call until it is released; `None` if it is abandoned.
    pub(super) async fn pass(&self) -> Option<()> {
        self.reached.add_permits(1);
        (&mut *self.released.lock().await).await.ok()
    }
}
