//! Changes into rows.

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use crate::sqs::store::Change;

/// Writes all changes or none.
pub(super) fn write<'a>(
    connection: &mut Connection,
    changes: impl Iterator<Item = &'a Change>,
) -> rusqlite::Result<()> {
    let mut changes = changes.peekable();
    if changes.peek().is_none() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for change in changes {
        apply(&transaction, change)?;
    }
    transaction.commit()
}

fn apply(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        transaction.prepare_cached(sql)?.execute(values).map(|_| ())
    };
    match change {
        Change::PutQueue(name, settings) => {
            execute("REPLACE INTO queue VALUES (?, ?)", params![name.as_str(), to_json(settings)?])
        }
        Change::DeleteQueue(name) => {
            execute("DELETE FROM deduplication WHERE queue = ?", params![name.as_str()])?;
            execute("DELETE FROM message WHERE queue = ?", params![name.as_str()])?;
            execute("DELETE FROM queue WHERE name = ?", params![name.as_str()])
        }
        Change::PurgeQueue(name) => execute("DELETE FROM message WHERE queue = ?", params![name.as_str()]),
        Change::PutMessage(queue, sequence, message) => execute(
            "INSERT INTO message VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET delivery = excluded.delivery",
            params![queue.as_str(), sequence.number(), to_json(&*message.sent)?, to_json(&message.delivery)?],
        ),
        Change::DeleteMessage(queue, sequence) => execute(
            "DELETE FROM message WHERE queue = ? AND sequence = ?",
            params![queue.as_str(), sequence.number()],
        ),
        Change::Remember(queue, key, remembered) => execute(
            "REPLACE INTO deduplication VALUES (?, ?, ?)",
            params![queue.as_str(), key, to_json(remembered)?],
        ),
        Change::Forget(queue, key) => {
            execute("DELETE FROM deduplication WHERE queue = ? AND key = ?", params![queue.as_str(), key])
        }
        Change::PutMoveTask(task) => {
            execute("REPLACE INTO move_task VALUES (?, ?)", params![task.handle, to_json(task)?])
        }
        Change::DeleteMoveTask(handle) => execute("DELETE FROM move_task WHERE handle = ?", params![handle]),
    }
}

fn to_json(content: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(content).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
