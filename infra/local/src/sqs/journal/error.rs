//! Why a journal's file cannot be used.

use std::path::PathBuf;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read or written, is locked by another endpoint, or is not a journal.
    #[error("cannot open the queues in {path} (does another local stack run on this file?)")]
    File {
        /// The file.
        path: PathBuf,
        /// `SQLite`'s reason.
        source: rusqlite::Error,
    },
    /// A newer version of this program wrote it.
    #[error("the queues in {path} were written by another version of this program (format {found})")]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it has; ours is in file.rs.
        found: i64,
    },
}
