//! The file of the journal: a `SQLite` database with one table for each kind of row, their content in JSON.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::error::OpenError;

/// Raised whenever a row's content changes so that older programs cannot read it.
const FORMAT: i64 = 2;

/// How long to wait for another endpoint, which may be stopping, to unlock the file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// WAL with NORMAL does not sync at each commit: a commit survives a kill of the process but not a power failure, and
/// on a developer's machine it is the process that gets killed.
/// The lock is exclusive because the store in the memory of one endpoint is authoritative.
const PRAGMAS: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
";

/// What was sent is written once, the delivery state again at each receive.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queue (name TEXT PRIMARY KEY, attributes TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS message (
        queue TEXT NOT NULL, sequence INTEGER NOT NULL, sent TEXT NOT NULL, delivery TEXT NOT NULL,
        PRIMARY KEY (queue, sequence)
    ) WITHOUT ROWID;
";

/// From format 1, which had FIFO queues, message move tasks and, beside the attributes, tags. Ringback
/// has never used them; a FIFO queue that somebody made by hand is deleted.
const UPGRADE_FROM_1: &str = "
    BEGIN;
    ALTER TABLE queue RENAME COLUMN settings TO attributes;
    UPDATE queue SET attributes = json_extract(attributes, '$.attributes');
    DELETE FROM queue WHERE name LIKE '%.fifo';
    DELETE FROM message WHERE queue LIKE '%.fifo';
    DROP TABLE deduplication;
    DROP TABLE move_task;
    PRAGMA user_version = 2;
    COMMIT;
";

/// Opens the file, or creates it.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let connection = Connection::open(path).map_err(failed)?;
    let found = prepare(&connection).map_err(failed)?;
    if found != FORMAT {
        return Err(OpenError::Format { path: path.to_owned(), found });
    }
    Ok(connection)
}

/// Creates the tables of a new file, upgrades an older one, and returns the format that the file then has.
fn prepare(connection: &Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(LOCK_TIMEOUT)?;
    connection.execute_batch(PRAGMAS)?;
    let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match format {
        0 => {
            connection.execute_batch(SCHEMA)?;
            connection.pragma_update(None, "user_version", FORMAT)?;
        }
        1 => connection.execute_batch(UPGRADE_FROM_1)?,
        other => return Ok(other),
    }
    Ok(FORMAT)
}
