//! The thread that owns the file. It commits all waiting transactions together, so the requests that arrive during one
//! commit share the cost of the next.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::write::write;
use crate::sqs::store::Write;

/// The most transactions in one commit, so that under load the first of them does not wait too long.
const TRANSACTIONS_PER_COMMIT: usize = 1_024;

#[derive(Debug)]
pub(super) struct Writer {
    /// `None` only while the writer is dropped.
    transactions: Option<mpsc::Sender<Pending>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Pending {
    writes: Vec<Write>,
    done: oneshot::Sender<()>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Self {
        let (transactions, pending) = mpsc::channel();
        let thread = thread::spawn(move || write_all(connection, &pending));
        Self { transactions: Some(transactions), thread: Some(thread) }
    }

    /// The receiver fails if the writes could not be committed.
    pub(super) fn submit(&self, writes: Vec<Write>) -> oneshot::Receiver<()> {
        let (done, committed) = oneshot::channel();
        if let Some(transactions) = &self.transactions {
            // The thread has ended after an error if this fails; dropping `done` tells the receiver.
            let _ = transactions.send(Pending { writes, done });
        }
        committed
    }
}

impl Drop for Writer {
    /// Writes what is pending and closes the file, so that it can be opened again at once.
    fn drop(&mut self) {
        drop(self.transactions.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("sqs.journal.panicked");
        }
    }
}

fn write_all(mut connection: Connection, pending: &mpsc::Receiver<Pending>) {
    while let Ok(first) = pending.recv() {
        let mut transactions = vec![first];
        transactions.extend(pending.try_iter().take(TRANSACTIONS_PER_COMMIT - 1));
        let writes = transactions.iter().flat_map(|transaction| &transaction.writes);
        if let Err(error) = write(&mut connection, writes) {
            // The store is now ahead of the file, so nothing may be acknowledged any more.
            tracing::error!(%error, "sqs.journal.failed");
            return;
        }
        for transaction in transactions {
            // The caller may have hung up; its transaction is committed all the same.
            let _ = transaction.done.send(());
        }
    }
}
