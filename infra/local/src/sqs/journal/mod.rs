//! What must survive a kill, on disk. The store in memory is the truth while the endpoint runs;
//! the journal is written after it and read once, when the endpoint opens.
//!
//! file.rs is the file's format, writer.rs the thread that writes it; write.rs and read.rs are the rows.

mod file;
mod read;
mod write;
mod writer;

use std::path::{Path, PathBuf};

use tokio::sync::oneshot;

use self::writer::Writer;
use super::error::SqsError;
use super::store::{Change, Snapshot};

/// The file of an endpoint, or nothing for one that lives in memory only.
#[derive(Debug)]
pub(crate) struct Journal(Option<Writer>);

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read or written, is locked by another endpoint, or is no database of ours.
    #[error("cannot open the queues in {path} (does another local stack run on this file?)")]
    File {
        /// The file.
        path: PathBuf,
        /// `SQLite`'s reason.
        source: rusqlite::Error,
    },
    /// An older or newer version of this program wrote it.
    #[error("the queues in {path} were written by another version of this program (format {found})")]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it has; ours is in file.rs.
        found: i64,
    },
}

/// Resolves once a step's changes are on disk.
#[derive(Debug)]
#[must_use = "a step is only acknowledged once it is committed"]
pub(crate) struct Committed(Option<oneshot::Receiver<()>>);

impl Journal {
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

    /// Hands over the changes of a step, to be written after those of all earlier steps. A step
    /// without changes waits for the earlier ones too: it may have answered from what they did.
    pub(crate) fn submit(&self, changes: Vec<Change>) -> Committed {
        Committed(self.0.as_ref().map(|writer| writer.submit(changes)))
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
