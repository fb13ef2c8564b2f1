//! The conditions of policies, evaluated as IAM does: with the context of a request, and without any.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::permissions::{items, place_of, statements};
use super::{Template, keeps};

/// Values by key.
type Context = BTreeMap<String, Vec<String>>;

fn admits(condition: &Value, context: &Context) -> bool {
    let like = |pattern: &Value, value: &str| {
        let pattern = pattern.as_str().unwrap();
        pattern.strip_suffix('*').map_or(pattern == value, |prefix| value.starts_with(prefix))
    };
    condition.as_object().unwrap().iter().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, expected)| match operator.as_str() {
            "Null" => (expected == "true") != context.contains_key(key),
            // Of an absent key, all values are anything.
            "ForAllValues:StringEquals" | "ForAllValues:StringLike" => context
                .get(key)
                .into_iter()
                .flatten()
                .all(|value| items(expected).iter().any(|expected| like(expected, value))),
            other => panic!("{other} is not evaluated here"),
        })
    })
}

/// A context with the values that a condition names.
fn named_by(condition: &Value) -> Context {
    let sets = condition.as_object().unwrap().iter().filter(|(operator, _)| *operator != "Null");
    let keys = sets.flat_map(|(_, keys)| keys.as_object().unwrap());
    let text = |value: &Value| value.as_str().unwrap().replace('*', "x");
    keys.map(|(key, values)| (key.clone(), items(values).iter().map(text).collect())).collect()
}

fn each_condition_wants_its_context(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    for (role, statement) in statements(template) {
        let condition = &statement["Condition"];
        if !condition.to_string().contains("ForAllValues") {
            continue;
        }
        let named = named_by(condition);
        let mut other = named.clone();
        other.values_mut().for_each(|values| values.push("other".to_owned()));
        for (context, expected) in [(named, true), (other, false), (Context::new(), false)] {
            if admits(condition, &context) != expected {
                breaches.push(format!("{role} {}: {} for {context:?}", statement["Sid"], !expected));
            }
        }
    }
    breaches
}

#[tokio::test]
async fn no_condition_holds_for_a_request_without_context() {
    let Some(template) = Template::expanded().await else { return };
    let [opens, notes] =
        [("DispatchRole", "DecryptDestinationSecrets"), ("QueryRole", "NoteWhenKeysWereUsed")]
            .map(|(role, sid)| format!("{}/Condition/Null", place_of(template, role, sid)));
    keeps(
        each_condition_wants_its_context,
        &[
            (&opens, Value::Null),
            (&opens, json!({"kms:EncryptionContextKeys": "true"})),
            (&notes, Value::Null),
            (&notes, json!({"dynamodb:Attributes": "true"})),
        ],
    )
    .await;
}
