//! Tables: nothing in them is lost by a mistake, and nothing stays for ever that should not.

use serde_json::{Value, json};

use super::{Template, keeps};

fn nothing_is_lost_by_a_mistake(template: &Template) -> Vec<String> {
    let kept = |id: &str, table: &Value| {
        let resource = &template.0["Resources"][id];
        resource["DeletionPolicy"] == "Retain"
            && resource["UpdateReplacePolicy"] == "Retain"
            && table["PointInTimeRecoverySpecification"] == json!({"PointInTimeRecoveryEnabled": true})
            && table["DeletionProtectionEnabled"] == json!({"Fn::If": ["IsProduction", true, false]})
            && table["BillingMode"] == "PAY_PER_REQUEST"
    };
    let tables = template.resources("AWS::DynamoDB::Table");
    tables.filter(|(id, table)| !kept(id, table)).map(|(id, _)| id.to_owned()).collect()
}

#[tokio::test]
async fn every_table_can_be_restored_and_survives_its_stack() {
    keeps(
        nothing_is_lost_by_a_mistake,
        &[
            ("/DestinationsTable/DeletionPolicy", json!("Delete")),
            ("/DeliveryLogTable/UpdateReplacePolicy", Value::Null),
            ("/ConversationsTable/Properties/PointInTimeRecoverySpecification", Value::Null),
            ("/ConversationsTable/Properties/DeletionProtectionEnabled", json!(false)),
            ("/DeliveryLogTable/Properties/BillingMode", json!("PROVISIONED")),
        ],
    )
    .await;
}

/// The attribute is the one that the adapters write: `expires_at`.
fn what_has_its_time_goes(template: &Template) -> Vec<String> {
    let expires = json!({"AttributeName": "expires_at", "Enabled": true});
    ["DeliveryLogTable", "ConversationsTable"]
        .into_iter()
        .filter(|id| template.properties(id)["TimeToLiveSpecification"] != expires)
        .map(ToOwned::to_owned)
        .collect()
}

#[tokio::test]
async fn deliveries_and_waiting_callbacks_expire() {
    keeps(
        what_has_its_time_goes,
        &[
            ("/DeliveryLogTable/Properties/TimeToLiveSpecification/AttributeName", json!("ttl")),
            ("/ConversationsTable/Properties/TimeToLiveSpecification", Value::Null),
        ],
    )
    .await;
}
