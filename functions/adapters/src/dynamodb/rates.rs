//! Counters of what is limited: a row for each window, which expires soon after.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::shared::rate::RateCounter;
use domain::shared::rate::{RateKey, WINDOW, Window};
use domain::shared::unavailable::{Result, Unavailable};
use serde::Deserialize;

use super::item::{from_item, key, n};
use super::table::Table;

/// What the partitions of counters start with. Those functions that write nothing else there may write these: see
/// `CountRequests` in the template.
const PREFIX: &str = "rate#";

/// Sort key of a counter.
const COUNTER: &str = "counter";

/// The delivery log's table, as far as counters are concerned: theirs is a table whose rows expire.
#[derive(Clone)]
pub struct RateTable {
    table: Table,
}

#[derive(Deserialize)]
struct CounterRow {
    uses: u64,
}

impl RateTable {
    /// Over the table of that name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { table: Table::new(client, table) }
    }
}

fn partition(what: RateKey<'_>, window: Window) -> String {
    let window = window.number();
    match what {
        RateKey::Requests(account) => format!("{PREFIX}{account}#{window}"),
        RateKey::Deliveries(account, destination) => format!("{PREFIX}{account}#{destination}#{window}"),
        RateKey::Probes(account, destination) => format!("{PREFIX}{account}#{destination}#trials#{window}"),
    }
}

impl RateCounter for RateTable {
    async fn increment(&self, what: RateKey<'_>, window: Window) -> Result<u64> {
        let doing = "count what is limited";
        let update = self.table.client.update_item().table_name(&self.table.name);
        let answer = update
            .set_key(Some(key(partition(what, window), COUNTER)))
            .update_expression("SET expires_at = :expires_at ADD uses :one")
            .expression_attribute_values(":expires_at", n((window.end() + WINDOW).as_secs()))
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|error| Unavailable::new(doing, error.into_service_error()))?;
        let row: CounterRow = from_item(answer.attributes.unwrap_or_default())?;
        Ok(row.uses)
    }
}
