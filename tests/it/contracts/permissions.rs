//! The functions' permissions: `permissions.txt` lists them, so that a review sees every change.

use serde_json::{Value, json};

use super::{Template, keeps, named};

const REVIEWED: &str = include_str!("permissions.txt");

/// The only AWS managed policy that a function may have: it allows writing the log.
const LOGGING: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

/// The same in a role that the template writes itself, and the policy that a function in a VPC needs besides.
fn of_dispatch() -> [Value; 2] {
    let [logging, vpc] = ["AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole"].map(
        |policy| json!({"Fn::Sub": format!("arn:${{AWS::Partition}}:iam::aws:policy/service-role/{policy}")}),
    );
    [logging, json!({"Fn::If": ["InVpc", vpc, {"Ref": "AWS::NoValue"}]})]
}

/// The items of a list, or a single value as its only item.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

pub(super) fn statements(template: &Template) -> impl Iterator<Item = (&str, &Value)> {
    template.resources("AWS::IAM::Role").flat_map(|(role, properties)| {
        let policies = items(&properties["Policies"]);
        let statements = policies.iter().flat_map(|policy| items(&policy["PolicyDocument"]["Statement"]));
        // `!If [condition, statement, !Ref AWS::NoValue]`
        statements.map(move |statement| (role, statement.pointer("/Fn::If/1").unwrap_or(statement)))
    })
}

/// The path of a role's statement below `Resources`.
pub(super) fn place_of(template: &Template, role: &str, sid: &str) -> String {
    for (policy, properties) in items(&template.properties(role)["Policies"]).iter().enumerate() {
        let statements = items(&properties["PolicyDocument"]["Statement"]);
        if let Some(index) = statements.iter().position(|statement| statement["Sid"] == sid) {
            return format!("/{role}/Properties/Policies/{policy}/PolicyDocument/Statement/{index}");
        }
    }
    panic!("{role} has no statement {sid}")
}

/// A resource's name: `Queue` for `!GetAtt Queue.Arn`, `Table/index/name` for `!Sub ${Table.Arn}/index/name`, `Key`
/// for `!Ref Key`, `Key|OtherKey` for an `!If`.
fn resource(value: &Value) -> String {
    if let Some([_, then, otherwise]) = value["Fn::If"].as_array().map(Vec::as_slice) {
        return format!("{}|{}", resource(then), resource(otherwise));
    }
    let attribute = value.pointer("/Fn::GetAtt/0").or_else(|| value.get("Ref")).and_then(Value::as_str);
    match (attribute, value["Fn::Sub"].as_str()) {
        (Some(id), _) => id.to_owned(),
        (None, Some(pattern)) => pattern.replace("${", "").replace(".Arn}", ""),
        (None, None) => value.to_string(),
    }
}

/// One line for each permission: role, statement, action, resource.
fn granted(template: &Template) -> Vec<String> {
    let mut lines = Vec::new();
    for (role, statement) in statements(template) {
        let sid = statement["Sid"].as_str().unwrap_or("-");
        for action in items(&statement["Action"]) {
            for on in items(&statement["Resource"]) {
                lines.push(format!("{role} {sid} {} {}", action.as_str().unwrap(), resource(on)));
            }
        }
    }
    lines.sort();
    lines
}

fn what_is_granted_was_reviewed(template: &Template) -> Vec<String> {
    let reviewed: Vec<_> = REVIEWED.lines().filter(|line| !line.starts_with('#')).collect();
    let granted = granted(template);
    let more =
        granted.iter().filter(|line| !reviewed.contains(&line.as_str())).map(|line| format!("+ {line}"));
    let fewer = reviewed.iter().filter(|line| !granted.iter().any(|granted| granted == **line));
    more.chain(fewer.map(|line| format!("- {line}"))).collect()
}

#[tokio::test]
async fn one_action_more_or_fewer_is_a_change_to_review() {
    let Some(template) = Template::expanded().await else { return };
    let ends = place_of(template, "IngestRole", "EndConversations");
    let checks = place_of(template, "IngestRole", "CheckApiKeysAndSignatures");
    let reads = place_of(template, "QueryRole", "ReadConversations");
    keeps(
        what_is_granted_was_reviewed,
        &[
            (&format!("{ends}/Action/0"), Value::Null),
            (&format!("{checks}/Action"), json!(["dynamodb:GetItem", "dynamodb:Scan"])),
            (&format!("{reads}/Resource"), json!("*")),
            (&reads, Value::Null),
        ],
    )
    .await;
    // Every statement, removed one at a time.
    for (role, properties) in template.resources("AWS::IAM::Role") {
        for (policy, _) in items(&properties["Policies"]).iter().enumerate() {
            let statements = format!("/{role}/Properties/Policies/{policy}/PolicyDocument/Statement");
            let count = items(&template.0["Resources"].pointer(&statements).unwrap().clone()).len();
            for statement in 0..count {
                let without = template.with(&format!("{statements}/{statement}"), Value::Null);
                assert_ne!(
                    what_is_granted_was_reviewed(&without),
                    Vec::<String>::new(),
                    "{statements}/{statement}"
                );
            }
        }
    }
}

/// In the table with the secrets, functions may update only rows of API keys, and functions other than Destinations
/// only the day of last use; Destinations may update counters, Dispatch put rows of health and disable destinations, and
/// Purge put its progress and the rows of accounts.
fn only_rows_of_keys_are_updated(template: &Template) -> Vec<String> {
    let keys = json!({"dynamodb:LeadingKeys": ["key#*"]});
    let keys_and_counters = json!({"dynamodb:LeadingKeys": ["count#*", "key#*"]});
    let health = json!({"dynamodb:LeadingKeys": ["health#*"]});
    let accounts = json!({"dynamodb:LeadingKeys": ["acc_*"]});
    let purges = json!({"dynamodb:LeadingKeys": ["purges", "acc_*"]});
    let day = json!({"dynamodb:Attributes": ["pk", "sk", "last_used_day"]});
    let status = json!({"dynamodb:Attributes": ["pk", "sk", "status", "updated_at"]});
    statements(template)
        .filter(|(role, statement)| {
            let on = items(&statement["Resource"]).iter().map(resource);
            let actions = items(&statement["Action"]);
            let writes = |action: &Value| {
                action == "dynamodb:UpdateItem" || action == "dynamodb:PutItem" && *role != "DestinationsRole"
            };
            on.into_iter().any(|on| on == "DestinationsTable") && actions.iter().any(writes)
        })
        .filter(|(role, statement)| {
            let condition = &statement["Condition"];
            let rows = &condition["ForAllValues:StringLike"];
            match *role {
                "DestinationsRole" => *rows != keys_and_counters,
                "PurgeRole" => *rows != purges,
                "DispatchRole" if statement["Action"] == "dynamodb:PutItem" => *rows != health,
                "DispatchRole" => *rows != accounts || condition["ForAllValues:StringEquals"] != status,
                _ => *rows != keys || condition["ForAllValues:StringEquals"] != day,
            }
        })
        .map(|(role, statement)| format!("{role} {}", statement["Sid"]))
        .collect()
}

#[tokio::test]
async fn a_key_is_all_that_is_updated_among_the_secrets() {
    let Some(template) = Template::expanded().await else { return };
    let ingest = place_of(template, "IngestRole", "NoteWhenKeysWereUsed");
    let query = place_of(template, "QueryRole", "NoteWhenKeysWereUsed");
    let destinations = place_of(template, "DestinationsRole", "CountAndRevoke");
    let health = place_of(template, "DispatchRole", "KeepHealth");
    let disables = place_of(template, "DispatchRole", "DisableDestinations");
    let progress = place_of(template, "PurgeRole", "KeepProgress");
    keeps(
        only_rows_of_keys_are_updated,
        &[
            (&format!("{ingest}/Condition"), Value::Null),
            (&format!("{ingest}/Condition/ForAllValues:StringEquals"), Value::Null),
            (
                &format!("{ingest}/Condition/ForAllValues:StringEquals/dynamodb:Attributes/2"),
                json!("secret_hash"),
            ),
            (&format!("{query}/Condition/ForAllValues:StringEquals"), Value::Null),
            (&format!("{destinations}/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys/0"), json!("*")),
            (&format!("{destinations}/Condition"), Value::Null),
            (&format!("{health}/Condition"), Value::Null),
            (&format!("{health}/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys/0"), json!("*")),
            (&format!("{disables}/Condition/ForAllValues:StringLike"), Value::Null),
            (&format!("{disables}/Condition/ForAllValues:StringEquals/dynamodb:Attributes/2"), json!("url")),
            (&format!("{progress}/Condition/ForAllValues:StringLike/dynamodb:LeadingKeys/0"), json!("key#*")),
        ],
    )
    .await;
}

/// Functions that count requests may update counters, but no delivery records.
fn only_dispatch_updates_deliveries(template: &Template) -> Vec<String> {
    let counters = json!({"dynamodb:LeadingKeys": ["rate#*"]});
    statements(template)
        .filter(|(role, statement)| {
            let on = items(&statement["Resource"]).iter().map(resource);
            *role != "DispatchRole"
                && on.into_iter().any(|on| on == "DeliveryLogTable")
                && items(&statement["Action"])
                    .iter()
                    .any(|action| *action == "dynamodb:UpdateItem" || *action == "dynamodb:PartiQLUpdate")
        })
        .filter(|(_, statement)| statement["Condition"]["ForAllValues:StringLike"] != counters)
        .map(|(role, statement)| format!("{role} {}", statement["Sid"]))
        .collect()
}

#[tokio::test]
async fn who_counts_requests_changes_no_delivery() {
    let Some(template) = Template::expanded().await else { return };
    let [ingest, query, destinations] =
        ["IngestRole", "QueryRole", "DestinationsRole"].map(|role| place_of(template, role, "CountRequests"));
    let keys = "Condition/ForAllValues:StringLike/dynamodb:LeadingKeys";
    keeps(
        only_dispatch_updates_deliveries,
        &[
            (&format!("{ingest}/Condition"), Value::Null),
            (&format!("{query}/{keys}/0"), json!("*")),
            (&format!("{destinations}/{keys}/1"), json!("acc_*")),
        ],
    )
    .await;
}

fn each_role_has_least_privilege(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    for line in granted(template) {
        let [role, sid, action, on] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let writes = ["Put", "Update", "Delete", "BatchWrite", "PartiQL", "Send", "Change"];
        // Limited by conditions, which the tests above check.
        let of_callers = ["CountRequests", "NoteWhenKeysWereUsed"].contains(&sid);
        let breach = action.contains('*')
            || on.contains('*')
            || (role == "QueryRole" && !of_callers && writes.iter().any(|verb| action.contains(verb)))
            || (action == "sqs:SendMessage" && !["IngestRole", "DispatchRole"].contains(&role))
            // SAM's own statements, for the failure destination and the schedules, have no Sid.
            || (sid == "-" && !["FailedEventsQueue", "Ingest", "Purge"].contains(&on))
            || (action == "dynamodb:Scan" && role != "PurgeRole");
        if breach {
            breaches.push(line);
        }
    }
    for (role, properties) in template.resources("AWS::IAM::Role") {
        let managed = items(&properties["ManagedPolicyArns"]).iter().filter(|arn| !arn.is_null());
        breaches.extend(
            managed
                .filter(|arn| **arn != LOGGING && !of_dispatch().contains(arn))
                .map(|arn| format!("{role}: {arn}")),
        );
    }
    breaches
}

#[tokio::test]
async fn query_writes_nothing_else_only_ingest_and_dispatch_send_only_purge_scans_and_nothing_is_wild() {
    let Some(template) = Template::expanded().await else { return };
    let query = place_of(template, "QueryRole", "ReadConversations");
    let destinations = place_of(template, "DestinationsRole", "ManageDestinations");
    keeps(
        each_role_has_least_privilege,
        &[
            (&format!("{query}/Action"), json!(["dynamodb:GetItem", "dynamodb:PutItem"])),
            (&format!("{query}/Action"), json!("dynamodb:*")),
            (&format!("{query}/Resource"), json!("*")),
            (&format!("{destinations}/Action"), json!("sqs:SendMessage")),
            (&format!("{destinations}/Action"), json!("dynamodb:Scan")),
            (&format!("{destinations}/Sid"), Value::Null),
            (
                "/QueryRole/Properties/ManagedPolicyArns/1",
                json!("arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"),
            ),
            (
                "/DispatchRole/Properties/ManagedPolicyArns/1",
                json!("arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"),
            ),
        ],
    )
    .await;
}

/// Lambda stops a function that a chain of messages invokes for the seventeenth time, unless it says `Allow`. Elsewhere that
/// guard stays.
fn who_sends_to_its_own_queues_allows_loops(template: &Template) -> Vec<String> {
    let invoked_by = |function: &str| -> Vec<&str> {
        let mappings = template.resources("AWS::Lambda::EventSourceMapping").map(|(_, mapping)| mapping);
        let own = mappings.filter(|mapping| named(&mapping["FunctionName"]) == function);
        own.map(|mapping| named(&mapping["EventSourceArn"])).collect()
    };
    let sends_to = |role: &str, queue: &str| {
        granted(template).iter().any(|line| {
            let mut words = line.split(' ');
            words.next() == Some(role) && line.ends_with(&format!(" sqs:SendMessage {queue}"))
        })
    };
    template
        .resources("AWS::Lambda::Function")
        .filter(|(id, function)| {
            let role = named(&function["Role"]);
            let loops = invoked_by(id).iter().any(|queue| sends_to(role, queue));
            loops != (function["RecursiveLoop"] == "Allow")
        })
        .map(|(id, _)| format!("{id}: RecursiveLoop does not fit what it sends"))
        .collect()
}

#[tokio::test]
async fn who_may_send_to_a_queue_that_invokes_it_allows_loops() {
    keeps(
        who_sends_to_its_own_queues_allows_loops,
        &[
            ("/Dispatch/Properties/RecursiveLoop", Value::Null),
            ("/Dispatch/Properties/RecursiveLoop", json!("Terminate")),
            ("/Query/Properties/RecursiveLoop", json!("Allow")),
            ("/EventsToDispatch/Properties/FunctionName", json!({"Ref": "Ingest"})),
        ],
    )
    .await;
}

/// The encryption contexts, as lists of names, in which a role may use the secrets key for an action.
fn contexts<'a>(template: &'a Template, role: &'a str, action: &'a str) -> impl Iterator<Item = &'a Value> {
    statements(template)
        .filter(move |(of, statement)| {
            // Not the statements for DynamoDB and SQS, which encrypt tables and queues.
            *of == role && statement["Condition"]["StringLike"]["kms:ViaService"].is_null()
        })
        .filter(move |(_, statement)| items(&statement["Action"]).iter().any(|allowed| allowed == action))
        .map(|(_, statement)| &statement["Condition"]["ForAllValues:StringEquals"]["kms:EncryptionContextKeys"])
}

fn each_role_decrypts_only_the_secrets_it_uses(template: &Template) -> Vec<String> {
    let all = json!(["account", "destination", "provider", "answer"]);
    [
        ("IngestRole", "kms:Decrypt", vec![json!(["account", "provider"])]),
        ("IngestRole", "kms:GenerateDataKey", vec![]),
        ("DispatchRole", "kms:Decrypt", vec![json!(["account", "destination"])]),
        ("DispatchRole", "kms:GenerateDataKey", vec![]),
        ("DestinationsRole", "kms:Decrypt", vec![all.clone()]),
        ("DestinationsRole", "kms:GenerateDataKey", vec![all]),
        ("PurgeRole", "kms:Decrypt", vec![]),
        ("PurgeRole", "kms:GenerateDataKey", vec![]),
        ("QueryRole", "kms:Decrypt", vec![]),
        ("QueryRole", "kms:GenerateDataKey", vec![]),
    ]
    .into_iter()
    .filter(|(role, action, expected)| !contexts(template, role, action).eq(expected))
    .map(|(role, action, expected)| format!("{role} may {action} in other contexts than {expected:?}"))
    .collect()
}

#[tokio::test]
async fn dispatch_opens_no_provider_ingest_no_destination_and_query_nothing() {
    let Some(template) = Template::expanded().await else { return };
    let dispatch = place_of(template, "DispatchRole", "DecryptDestinationSecrets");
    let destinations = place_of(template, "DestinationsRole", "EncryptAndDecryptSecrets");
    let query = place_of(template, "QueryRole", "ReadConversations");
    let decrypt =
        json!({"Sid": "DecryptSecrets", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "x"});
    let names = "Condition/ForAllValues:StringEquals/kms:EncryptionContextKeys";
    keeps(
        each_role_decrypts_only_the_secrets_it_uses,
        &[
            (&query, decrypt),
            (&format!("{dispatch}/{names}"), json!(["account", "destination", "provider"])),
            (&format!("{dispatch}/Condition"), Value::Null),
            (&format!("{dispatch}/Action"), json!(["kms:Decrypt", "kms:GenerateDataKey"])),
            (&format!("{destinations}/Action"), json!("kms:Decrypt")),
        ],
    )
    .await;
}
