//! Writes as PartiQL statements: one call sends several, and each succeeds or fails by itself.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    BatchStatementErrorCodeEnum as Code, BatchStatementRequest, BatchStatementResponse,
    ReturnValuesOnConditionCheckFailure,
};
use domain::shared::unavailable::{Result, Unavailable};

use super::item::Item;
use super::transaction::Written;

/// `BatchExecuteStatement` takes this many statements.
pub(super) const MAX_STATEMENTS: usize = 25;

/// Adds an item, if there is none with its key.
pub(super) fn insert(table: &str, item: Item) -> Result<BatchStatementRequest> {
    let (names, values): (Vec<_>, Vec<_>) = item.into_iter().unzip();
    let placeholders: Vec<_> = names.iter().map(|name| format!("'{name}': ?")).collect();
    BatchStatementRequest::builder()
        .statement(format!("INSERT INTO \"{table}\" VALUE {{{}}}", placeholders.join(", ")))
        .set_parameters(Some(values))
        .build()
        .map_err(|error| Unavailable::new("insert a row", error))
}

/// Updates the item that has this key and these other attributes. If there is none, the response has the item as it is.
pub(super) fn update(
    table: &str,
    key_and_condition: Item,
    set: Item,
    remove: &[&str],
) -> Result<BatchStatementRequest> {
    let (set, mut values): (Vec<_>, Vec<_>) =
        set.into_iter().map(|(name, value)| (format!(" SET \"{name}\" = ?"), value)).unzip();
    let remove: String = remove.iter().map(|name| format!(" REMOVE \"{name}\"")).collect();
    let (conditions, of_conditions): (Vec<_>, Vec<_>) =
        key_and_condition.into_iter().map(|(name, value)| (format!("\"{name}\" = ?"), value)).unzip();
    values.extend(of_conditions);
    let (set, conditions) = (set.concat(), conditions.join(" AND "));
    BatchStatementRequest::builder()
        .statement(format!("UPDATE \"{table}\"{set}{remove} WHERE {conditions}"))
        .set_parameters(Some(values))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .map_err(|error| Unavailable::new("update a row", error))
}

/// Executes statements in one call. Returns a result for each, in order; `None` for those that the table had no capacity
/// for.
pub(super) async fn execute(
    client: &Client,
    operation: &'static str,
    statements: Vec<BatchStatementRequest>,
) -> Result<Vec<Option<Result<Written>>>> {
    let response = client.batch_execute_statement().set_statements(Some(statements)).send().await;
    let response = response.map_err(|error| Unavailable::new(operation, error.into_service_error()))?;
    let responses = response.responses.unwrap_or_default();
    Ok(responses.into_iter().map(|response| written(operation, response)).collect())
}

fn written(operation: &'static str, response: BatchStatementResponse) -> Option<Result<Written>> {
    let Some(error) = response.error else { return Some(Ok(Written::Yes)) };
    match error.code {
        Some(Code::DuplicateItem | Code::ConditionalCheckFailed) => {
            Some(Ok(Written::Refused(error.item.unwrap_or_default())))
        }
        Some(Code::ThrottlingError | Code::ProvisionedThroughputExceeded | Code::RequestLimitExceeded) => {
            None
        }
        code => {
            let code = code.as_ref().map_or("no code", Code::as_str).to_owned();
            Some(Err(Unavailable::new(operation, code)))
        }
    }
}
