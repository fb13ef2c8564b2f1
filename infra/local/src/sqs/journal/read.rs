//! Reads all rows.

use std::sync::Arc;

use rusqlite::types::Type;
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

use crate::sqs::queue_name::QueueName;
use crate::sqs::store::{DeliveryState, Message, SentMessage, Sequence, Snapshot};

pub(super) fn snapshot(connection: &Connection) -> rusqlite::Result<Snapshot> {
    Ok(Snapshot {
        queues: rows(connection, "SELECT name, attributes FROM queue", |row| {
            Ok((name(row)?, from_json(row, 1)?))
        })?,
        messages: rows(connection, "SELECT queue, sequence, sent, delivery FROM message", |row| {
            let sent: SentMessage = from_json(row, 2)?;
            let delivery: DeliveryState = from_json(row, 3)?;
            Ok((name(row)?, Sequence::from_number(row.get(1)?), Message { sent: Arc::new(sent), delivery }))
        })?,
    })
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map([], read)?.collect()
}

/// The queue's name, the first column of every row.
fn name(row: &Row<'_>) -> rusqlite::Result<QueueName> {
    let name: String = row.get(0)?;
    QueueName::parse(&name)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into()))
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let json: String = row.get(column)?;
    serde_json::from_str(&json)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
