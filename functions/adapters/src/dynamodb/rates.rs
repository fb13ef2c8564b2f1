//! Counters for rate limits: a row for each window, which expires soon after it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::shared::rate::{RateCounter, RateKey, WINDOW, Window};
use domain::shared::unavailable::{Result, Unavailable};
use serde::Deserialize;

use super::item::{from_item, key, n};
use super::table::Table;

/// Prefix of the counters' partitions. Functions that may write nothing else to the table may write these: see
/// `CountRequests` in the template.
const PREFIX: &str = "rate#";

/// Sort key of a counter.
const COUNTER: &str = "counter";

/// The counters in the delivery-log table, whose rows expire.
#[derive(Clone)]
pub struct RateTable {
    table: Table,
}

#[derive(Deserialize)]
struct CounterRow {
    uses: u64,
}

impl RateTable {
    /// Wraps the table with this name.
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
        RateKey::Probes(account, destination) => format!("{PREFIX}{account}#{destination}#probes#{window}"),
    }
}

impl RateCounter for RateTable {
    async fn add(&self, what: RateKey<'_>, window: Window, uses: u64) -> Result<u64> {
        let operation = "count towards a rate limit";
        let update = self.table.client.update_item().table_name(&self.table.name);
        let response = update
            .set_key(Some(key(partition(what, window), COUNTER)))
            .update_expression("SET expires_at = :expires_at ADD uses :uses")
            .expression_attribute_values(":expires_at", n((window.end() + WINDOW).as_secs()))
            .expression_attribute_values(":uses", n(uses))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
        let row: CounterRow = from_item(response.attributes.unwrap_or_default())?;
        Ok(row.uses)
    }
}
