//! The queues on disk. While the endpoint runs, the store in memory is authoritative: the journal is written after each
//! change of the store, and read only when the endpoint opens.
//!
//! file.rs is the format of the file, writer.rs the thread that writes it; write.rs and read.rs are the rows.

mod error;
mod file;
mod read;
mod write;
mod writer;

use std::path::Path;

use tokio::sync::oneshot;

use self::writer::Writer;
use super::error::SqsError;
use super::store::{Snapshot, Write};

pub use self::error::OpenError;

/// The file of an endpoint, or nothing for an endpoint in memory.
#[derive(Debug)]
pub(crate) struct Journal(Option<Writer>);

/// Resolves once the writes of a transaction are on disk.
#[derive(Debug)]
#[must_use = "a transaction is acknowledged only once it is committed"]
pub(crate) struct Committed(Option<oneshot::Receiver<()>>);

impl Journal {
    /// Writes nothing.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Opens or creates the file and reads all of it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Snapshot), OpenError> {
        let connection = file::open(path)?;
        let snapshot = read::snapshot(&connection)
            .map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        Ok((Self(Some(Writer::start(connection))), snapshot))
    }

    /// Queues the writes of a transaction after those of all earlier ones. A transaction without writes
    /// waits for the earlier ones too: it may have read what they wrote.
    pub(crate) fn submit(&self, writes: Vec<Write>) -> Committed {
        Committed(self.0.as_ref().map(|writer| writer.submit(writes)))
    }
}

impl Committed {
    pub(crate) async fn wait(self) -> Result<(), SqsError> {
        match self.0 {
            None => Ok(()),
            Some(done) => done.await.map_err(|_| {
                SqsError::InternalFailure(
                    "The journal could not be written; the endpoint's log has the reason.",
                )
            }),
        }
    }
}
