//! The journal's file: a `SQLite` database with one table a kind of row, the rows' content as JSON.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::OpenError;

/// Raised whenever a row's content changes in a way older programs cannot read.
const FORMAT: i64 = 1;

/// How long an endpoint that is just stopping may hold the file.
const PATIENCE: Duration = Duration::from_secs(1);

/// WAL with NORMAL does not sync at each commit: what is committed survives the process being
/// killed, not the power failing, and the process is what gets killed on a developer's machine.
/// The lock is exclusive because the truth is in the memory of the one endpoint that has the file.
const PRAGMAS: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
";

/// A message's content is written once with it, its delivery again at each receive.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queue (name TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS message (
        queue TEXT NOT NULL, sequence INTEGER NOT NULL, sent TEXT NOT NULL, delivery TEXT NOT NULL,
        PRIMARY KEY (queue, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS deduplication (
        queue TEXT NOT NULL, key TEXT NOT NULL, remembered TEXT NOT NULL,
        PRIMARY KEY (queue, key)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS move_task (handle TEXT PRIMARY KEY, task TEXT NOT NULL) WITHOUT ROWID;
";

/// Opens the file, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let connection = Connection::open(path).map_err(failed)?;
    let found = prepare(&connection).map_err(failed)?;
    if found != FORMAT {
        return Err(OpenError::Format { path: path.to_owned(), found });
    }
    Ok(connection)
}

/// Makes the tables of a new file and says which format the file has.
fn prepare(connection: &Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch(PRAGMAS)?;
    let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format != 0 {
        return Ok(format);
    }
    connection.execute_batch(SCHEMA)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    Ok(FORMAT)
}
