//! Batches, of which a busy table does a part and names the rest.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use domain::shared::unavailable::{Result, Unavailable};

use super::item::Item;
use crate::deadline;

/// The pause before the next round, in milliseconds.
pub(super) const PAUSE: RangeInclusive<u64> = 25..=400;

/// Reads rows by their keys, in rounds, while tables leave some out and the invocation has more time than `reserve`.
/// Returns the rows, and the keys that were left out to the end, by table.
pub(super) async fn get(
    client: &Client,
    operation: &'static str,
    mut wanted: HashMap<String, KeysAndAttributes>,
    reserve: Duration,
) -> Result<(Vec<Item>, HashMap<String, KeysAndAttributes>)> {
    let mut rows = Vec::new();
    loop {
        let response = client.batch_get_item().set_request_items(Some(wanted)).send().await;
        let response = response.map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
        rows.extend(response.responses.unwrap_or_default().into_values().flatten());
        wanted = response.unprocessed_keys.unwrap_or_default();
        if wanted.is_empty() || !deadline::pause(PAUSE, reserve).await {
            return Ok((rows, wanted));
        }
    }
}
