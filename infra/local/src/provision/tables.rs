//! Creates tables.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::client::Waiters;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::error::ProvisionError;
use crate::template::{self, Index, Key, Table};

/// Only a bound: the embedded DynamoDB creates a table at once.
const TABLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Creates the table unless it exists.
pub(super) async fn provision(table: &Table, dynamodb: &Client) -> Result<(), ProvisionError> {
    create(table, dynamodb).await?;
    if let Some(attribute) = &table.time_to_live {
        enable_time_to_live(attribute, &table.id, dynamodb).await?;
    }
    Ok(())
}

async fn create(table: &Table, dynamodb: &Client) -> Result<(), ProvisionError> {
    let name = &table.id;
    let request =
        describe(table, dynamodb.create_table()).map_err(|error| ProvisionError::new(name, error))?;
    match request.send().await {
        Ok(_) => {}
        Err(error)
            if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {}
        Err(error) => return Err(ProvisionError::new(name, error)),
    }
    let ready = dynamodb.wait_until_table_exists().table_name(name).wait(TABLE_TIMEOUT).await;
    ready.map(drop).map_err(|error| ProvisionError::new(name, error))
}

/// Checks first, because enabling it twice is an error.
async fn enable_time_to_live(attribute: &str, name: &str, dynamodb: &Client) -> Result<(), ProvisionError> {
    let failed = |error: aws_sdk_dynamodb::Error| ProvisionError::new(name, error);
    let described = dynamodb
        .describe_time_to_live()
        .table_name(name)
        .send()
        .await
        .map_err(|error| failed(error.into()))?;
    let status =
        described.time_to_live_description().and_then(|description| description.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let expiry = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build();
    let expiry = expiry.map_err(|error| ProvisionError::new(name, error))?;
    let request = dynamodb.update_time_to_live().table_name(name).time_to_live_specification(expiry);
    request.send().await.map(drop).map_err(|error| failed(error.into()))
}

fn describe(
    table: &Table,
    request: CreateTableFluentBuilder,
) -> Result<CreateTableFluentBuilder, BuildError> {
    let definitions = table.key_attributes().into_iter().map(string_attribute).collect::<Result<_, _>>()?;
    let indexes = table.indexes.iter().map(describe_index).collect::<Result<Vec<_>, _>>()?;
    Ok(request
        .table_name(&table.id)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(definitions))
        .set_key_schema(Some(describe_key(&table.key)?))
        // DynamoDB refuses an empty list.
        .set_global_secondary_indexes(Some(indexes).filter(|indexes| !indexes.is_empty())))
}

fn describe_index(index: &Index) -> Result<GlobalSecondaryIndex, BuildError> {
    let projection = Projection::builder();
    let projection = match &index.projection {
        template::Projection::All => projection.projection_type(ProjectionType::All),
        template::Projection::KeysOnly => projection.projection_type(ProjectionType::KeysOnly),
        template::Projection::Include { attributes } => projection
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(attributes.clone())),
    };
    GlobalSecondaryIndex::builder()
        .index_name(&index.name)
        .set_key_schema(Some(describe_key(&index.key)?))
        .projection(projection.build())
        .build()
}

fn describe_key(key: &Key) -> Result<Vec<KeySchemaElement>, BuildError> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok(vec![element(&key.hash, KeyType::Hash)?, element(&key.range, KeyType::Range)?])
}

fn string_attribute(name: &str) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}
