//! A call that is held until its test says how it goes on.

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore, oneshot};

/// The test's side of a held call. Dropped, the call comes to nothing and its connection is closed.
pub(super) struct Stop {
    gate: Arc<Gate>,
    go_on: oneshot::Sender<()>,
}

/// The proxy's side.
pub(super) struct Gate {
    reached: Semaphore,
    may_go_on: Mutex<oneshot::Receiver<()>>,
}

impl Stop {
    pub(super) fn new() -> (Self, Arc<Gate>) {
        let (go_on, may_go_on) = oneshot::channel();
        let gate = Arc::new(Gate { reached: Semaphore::new(0), may_go_on: Mutex::new(may_go_on) });
        (Self { gate: Arc::clone(&gate), go_on }, gate)
    }

    /// Returns once the call is held.
    pub(super) async fn reached(&self) {
        self.gate.reached.acquire().await.unwrap().forget();
    }

    /// Lets it go on.
    pub(super) fn release(self) {
        // Fails if the caller went away meanwhile, and then there is nothing to let go.
        let _ = self.go_on.send(());
    }
}

impl Gate {
    /// `None` if the call is not to go on.
    pub(super) async fn pass(&self) -> Option<()> {
        self.reached.add_permits(1);
        (&mut *self.may_go_on.lock().await).await.ok()
    }
}
