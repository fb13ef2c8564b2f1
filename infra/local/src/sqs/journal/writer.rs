//! The thread that owns the file. It writes all steps that wait for it in one transaction, so the
//! cost of a commit is shared by as many requests as come in during the one before.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::write::write;
use crate::sqs::store::Change;

/// Steps in one transaction, so that under load the first of them does not wait for too many.
const STEPS_PER_TRANSACTION: usize = 1_024;

#[derive(Debug)]
pub(super) struct Writer {
    /// Always there until the writer is dropped.
    steps: Option<mpsc::Sender<Pending>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Pending {
    changes: Vec<Change>,
    done: oneshot::Sender<()>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Self {
        let (steps, pending) = mpsc::channel();
        let thread = thread::spawn(move || write_all(connection, &pending));
        Self { steps: Some(steps), thread: Some(thread) }
    }

    /// The receiver fails if the changes could not be written.
    pub(super) fn submit(&self, changes: Vec<Change>) -> oneshot::Receiver<()> {
        let (done, committed) = oneshot::channel();
        if let Some(steps) = &self.steps {
            // A thread that gave up takes nothing more; dropping `done` tells the receiver.
            let _ = steps.send(Pending { changes, done });
        }
        committed
    }
}

impl Drop for Writer {
    /// Writes what is pending and closes the file, so that it can be opened again at once.
    fn drop(&mut self) {
        drop(self.steps.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("sqs.journal.panicked");
        }
    }
}

fn write_all(mut connection: Connection, pending: &mpsc::Receiver<Pending>) {
    while let Ok(first) = pending.recv() {
        let mut steps = vec![first];
        steps.extend(pending.try_iter().take(STEPS_PER_TRANSACTION - 1));
        let changes = steps.iter().flat_map(|step| &step.changes);
        if let Err(error) = write(&mut connection, changes) {
            // The store is now ahead of the file, so nothing may be acknowledged any more.
            tracing::error!(%error, "sqs.journal.failed");
            return;
        }
        for step in steps {
            // The caller may have hung up; its step is written all the same.
            let _ = step.done.send(());
        }
    }
}
