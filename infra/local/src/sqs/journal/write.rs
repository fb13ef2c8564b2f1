//! Writes rows.

use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use crate::sqs::store::Write;

/// Commits all writes or none.
pub(super) fn write<'a>(
    connection: &mut Connection,
    writes: impl Iterator<Item = &'a Write>,
) -> rusqlite::Result<()> {
    let mut writes = writes.peekable();
    if writes.peek().is_none() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for write in writes {
        apply(&transaction, write)?;
    }
    transaction.commit()
}

fn apply(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<()> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        transaction.prepare_cached(sql)?.execute(values).map(|_| ())
    };
    match write {
        Write::PutQueue(name, attributes) => {
            execute("REPLACE INTO queue VALUES (?, ?)", params![name.as_str(), to_json(attributes)?])
        }
        Write::PutMessage(queue, sequence, message) => execute(
            "INSERT INTO message VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET delivery = excluded.delivery",
            params![queue.as_str(), sequence.number(), to_json(&*message.sent)?, to_json(&message.delivery)?],
        ),
        Write::DeleteMessage(queue, sequence) => execute(
            "DELETE FROM message WHERE queue = ? AND sequence = ?",
            params![queue.as_str(), sequence.number()],
        ),
    }
}

fn to_json(content: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(content).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
