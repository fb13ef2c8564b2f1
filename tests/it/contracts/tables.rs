//! Tables and the secrets key: no mistake loses data, and no data outlives its time.

use serde_json::{Value, json};

use super::{Template, keeps};

fn nothing_is_lost_by_a_mistake(template: &Template) -> Vec<String> {
    let kept = |id: &str, table: &Value| {
        let resource = &template.0["Resources"][id];
        // Not what a failed first deployment made.
        resource["DeletionPolicy"] == "RetainExceptOnCreate"
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
            ("/ConversationsTable/DeletionPolicy", json!("Retain")),
            ("/DeliveryLogTable/UpdateReplacePolicy", Value::Null),
            ("/ConversationsTable/Properties/PointInTimeRecoverySpecification", Value::Null),
            ("/ConversationsTable/Properties/DeletionProtectionEnabled", json!(false)),
            ("/DeliveryLogTable/Properties/BillingMode", json!("PROVISIONED")),
        ],
    )
    .await;
}

/// The TTL attribute is the one that the adapters write: `expires_at`.
fn rows_expire(template: &Template) -> Vec<String> {
    let expires = json!({"AttributeName": "expires_at", "Enabled": true});
    ["DestinationsTable", "DeliveryLogTable", "ConversationsTable"]
        .into_iter()
        .filter(|id| template.properties(id)["TimeToLiveSpecification"] != expires)
        .map(ToOwned::to_owned)
        .collect()
}

#[tokio::test]
async fn sessions_deliveries_and_waiting_callbacks_expire() {
    keeps(
        rows_expire,
        &[
            ("/DestinationsTable/Properties/TimeToLiveSpecification", Value::Null),
            ("/DeliveryLogTable/Properties/TimeToLiveSpecification/AttributeName", json!("ttl")),
            ("/ConversationsTable/Properties/TimeToLiveSpecification", Value::Null),
        ],
    )
    .await;
}

fn secrets_stay_decryptable_as_long_as_tables_exist(template: &Template) -> Vec<String> {
    let key = &template.0["Resources"]["SecretsKey"];
    let statements = &key["Properties"]["KeyPolicy"]["Statement"];
    let root = json!({"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"});
    [
        (
            key["DeletionPolicy"] == "RetainExceptOnCreate",
            "the key is deleted with the stack, or kept after a failure",
        ),
        (key["UpdateReplacePolicy"] == "Retain", "the key is deleted when it is replaced"),
        (key["Properties"]["EnableKeyRotation"] == true, "the key is not rotated"),
        (statements[0]["Principal"]["AWS"] == root, "the account cannot administer the key"),
        (statements.as_array().is_some_and(|all| all.len() == 1), "the key's policy allows others"),
        (
            template.0["Conditions"][key["Condition"].as_str().unwrap_or_default()]
                == json!({"Fn::Equals": [{"Ref": "KmsKeyArn"}, ""]}),
            "the key is created beside the operator's own, or never",
        ),
    ]
    .into_iter()
    .filter(|(kept, _)| !kept)
    .map(|(_, breach)| breach.to_owned())
    .collect()
}

#[tokio::test]
async fn the_key_of_secrets_survives_its_stack_and_is_rotated() {
    let statements = "/SecretsKey/Properties/KeyPolicy/Statement";
    keeps(
        secrets_stay_decryptable_as_long_as_tables_exist,
        &[
            ("/SecretsKey/DeletionPolicy", json!("Delete")),
            ("/SecretsKey/DeletionPolicy", json!("Retain")),
            ("/SecretsKey/UpdateReplacePolicy", Value::Null),
            ("/SecretsKey/Properties/EnableKeyRotation", json!(false)),
            ("/SecretsKey/Condition", Value::Null),
            (&format!("{statements}/0/Principal"), json!("*")),
            (
                &format!("{statements}/1"),
                json!({"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt"}),
            ),
        ],
    )
    .await;
}
