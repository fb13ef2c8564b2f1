//! Removes rows whose time to live has passed, a few at a time, so that no call waits long for the sweep.
//!
//! dynoxide has a sweep of its own. It gives way between its pages only to other threads, and a page takes milliseconds.

use std::time::Duration;

use dynoxide::actions::scan::ScanResponse;
use dynoxide::{Database, DynoxideError, Result};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::clock::Clock;

/// The time from one sweep to the next; AWS may take days.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// The most rows that a turn reads and deletes: about a millisecond of work, as much as a few calls.
const ROWS: usize = 8;

/// The time that calls have between two turns. A sweep takes a tenth of the tables' time at most.
const PAUSE: Duration = Duration::from_millis(20);

/// Sweeps again and again.
pub(super) async fn run(database: &Database, clock: &Clock) {
    loop {
        pause(clock, SWEEP_EVERY).await;
        if let Err(error) = sweep(database, clock).await {
            tracing::warn!(%error, "dynamodb.not_swept");
        }
    }
}

/// Removes the expired rows of all tables.
async fn sweep(database: &Database, clock: &Clock) -> Result<()> {
    for table in database.table_stats()? {
        let Some(expiry) = Expiry::of(database, table.table_name)? else { continue };
        let mut after = None;
        loop {
            after = expiry.turn(database, clock.now_ms() / 1_000, &after)?;
            pause(clock, PAUSE).await;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

async fn pause(clock: &Clock, time: Duration) {
    clock.wait_until(clock.now_ms() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).await;
}

/// How the rows of a table expire.
struct Expiry {
    table: String,
    attribute: String,
    key: Vec<String>,
}

impl Expiry {
    /// `None` if the rows do not expire.
    fn of(database: &Database, table: String) -> Result<Option<Self>> {
        let Some(settings) = database.get_table_metadata(&table)? else { return Ok(None) };
        let Some(attribute) = settings.ttl_attribute.filter(|_| settings.ttl_enabled) else {
            return Ok(None);
        };
        let key: Vec<Value> = request(serde_json::from_str(&settings.key_schema).unwrap_or_default())?;
        let key = key.iter().filter_map(|part| Some(part["AttributeName"].as_str()?.to_owned())).collect();
        Ok(Some(Self { table, attribute, key }))
    }

    /// Deletes what has expired among the next rows, and returns the key of the last one, if rows may follow.
    fn turn(&self, database: &Database, now: u64, after: &Option<Value>) -> Result<Option<Value>> {
        let rows: ScanResponse = database.scan(request(json!({
            "TableName": self.table,
            "Limit": ROWS,
            "ExclusiveStartKey": after,
            "FilterExpression": "#expiry < :now",
            "ExpressionAttributeNames": {"#expiry": self.attribute},
            "ExpressionAttributeValues": {":now": {"N": now.to_string()}},
        }))?)?;
        for mut row in rows.items.into_iter().flatten() {
            row.retain(|name, _| self.key.contains(name));
            let deleted = database.delete_item(request(json!({
                "TableName": self.table,
                "Key": row,
                // A call may have renewed it meanwhile.
                "ConditionExpression": "#expiry < :now",
                "ExpressionAttributeNames": {"#expiry": self.attribute},
                "ExpressionAttributeValues": {":now": {"N": now.to_string()}},
            }))?);
            match deleted {
                Ok(_) | Err(DynoxideError::ConditionalCheckFailedException(..)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(rows.last_evaluated_key.map(|key| json!(key)))
    }
}

fn request<Request: DeserializeOwned>(value: Value) -> Result<Request> {
    serde_json::from_value(value).map_err(|error| DynoxideError::SerializationException(error.to_string()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const NOW_MS: u64 = 1_788_256_800_000;

    fn table() -> Database {
        let database = Database::memory().unwrap();
        let create = json!({
            "TableName": "log",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        });
        database.create_table(request(create).unwrap()).unwrap();
        let expiry = json!({"AttributeName": "expires_at", "Enabled": true});
        let update = json!({"TableName": "log", "TimeToLiveSpecification": expiry});
        database.update_time_to_live(request(update).unwrap()).unwrap();
        database
    }

    fn put(database: &Database, rows: std::ops::Range<usize>, expires_at: &Value) {
        for row in rows {
            let item =
                json!({"pk": {"S": row.to_string()}, "sk": {"S": "attempt"}, "expires_at": expires_at});
            database.put_item(request(json!({"TableName": "log", "Item": item})).unwrap()).unwrap();
        }
    }

    fn rows(database: &Database) -> usize {
        database.scan(request(json!({"TableName": "log"})).unwrap()).unwrap().count
    }

    #[test]
    fn a_sweep_of_many_rows_gives_way_after_a_few() {
        let (clock, control) = Clock::manual(NOW_MS);
        let database = table();
        put(&database, 0..10 * ROWS, &json!({"N": "1"}));
        let mut sweep = Box::pin(sweep(&database, &clock));
        let mut left = rows(&database);
        while sweep.as_mut().now_or_never().is_none() {
            assert!(left - rows(&database) <= ROWS);
            assert!(sweep.as_mut().now_or_never().is_none(), "it waits until calls had their time");
            left = rows(&database);
            control.advance(PAUSE);
        }
        assert_eq!(left, 0);
    }

    #[test]
    fn what_has_not_expired_stays() {
        let (clock, control) = Clock::manual(NOW_MS);
        let database = table();
        let seconds = NOW_MS / 1_000;
        put(&database, 0..20, &json!({"N": (seconds - 1).to_string()}));
        put(&database, 20..40, &json!({"N": seconds.to_string()}));
        put(&database, 40..60, &json!({"S": "1"}));
        let mut sweep = Box::pin(sweep(&database, &clock));
        while sweep.as_mut().now_or_never().is_none() {
            control.advance(PAUSE);
        }
        assert_eq!(rows(&database), 40);
    }
}
