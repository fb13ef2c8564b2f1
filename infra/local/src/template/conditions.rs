//! Applies the template's conditions, once its parameters have values.

use serde_json::Value;

use super::error::TemplateError;

/// The value by which an `!If` omits a property.
const NO_VALUE: &str = "AWS::NoValue";

/// Replaces every `!If` by the branch that applies, and removes resources whose condition is false.
pub(super) fn apply(root: &mut Value) -> Result<(), TemplateError> {
    let conditions = root.get("Conditions").and_then(Value::as_object).cloned().unwrap_or_default();
    let holds = |name: &str| {
        let condition = conditions.get(name).ok_or_else(|| TemplateError::of(name, "is not a condition"))?;
        evaluate(condition)
    };
    let Some(resources) = root.get_mut("Resources").and_then(Value::as_object_mut) else { return Ok(()) };
    let mut left_out = Vec::new();
    for (id, resource) in resources.iter_mut() {
        match resource.get("Condition").and_then(Value::as_str) {
            Some(name) if !holds(name)? => left_out.push(id.clone()),
            _ => resolve_ifs(resource, &holds)?,
        }
    }
    resources.retain(|id, _| !left_out.contains(id));
    Ok(())
}

fn evaluate(condition: &Value) -> Result<bool, TemplateError> {
    let unknown = || TemplateError::of("Conditions", format!("the local stack cannot evaluate {condition}"));
    let call = condition.as_object().filter(|call| call.len() == 1).and_then(|call| call.iter().next());
    match call.ok_or_else(unknown)? {
        (name, Value::Array(arguments)) => match (name.as_str(), arguments.as_slice()) {
            ("Fn::Equals", [left, right]) => Ok(left == right),
            ("Fn::Not", [condition]) => Ok(!evaluate(condition)?),
            _ => Err(unknown()),
        },
        _ => Err(unknown()),
    }
}

fn resolve_ifs(
    value: &mut Value,
    holds: &impl Fn(&str) -> Result<bool, TemplateError>,
) -> Result<(), TemplateError> {
    while let Some([Value::String(name), then, otherwise]) = value.get("Fn::If").and_then(arguments) {
        *value = if holds(name)? { then.clone() } else { otherwise.clone() };
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve_ifs(item, holds))?,
        Value::Object(entries) => entries.values_mut().try_for_each(|entry| resolve_ifs(entry, holds))?,
        _ => {}
    }
    match value {
        Value::Array(items) => items.retain(|item| !is_no_value(item)),
        Value::Object(entries) => entries.retain(|_, entry| !is_no_value(entry)),
        _ => {}
    }
    Ok(())
}

fn arguments(value: &Value) -> Option<&[Value]> {
    value.as_array().map(Vec::as_slice)
}

fn is_no_value(value: &Value) -> bool {
    value.get("Ref").is_some_and(|name| name == NO_VALUE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decided(given: &str) -> Value {
        let mut root = json!({
            "Conditions": {"HasKey": {"Fn::Not": [{"Fn::Equals": [given, ""]}]}},
            "Resources": {
                "Queue": {"Properties": {
                    "Key": {"Fn::If": ["HasKey", given, {"Ref": "AWS::NoValue"}]},
                    "Names": ["a", {"Fn::If": ["HasKey", {"Fn::If": ["HasKey", "b", "c"]}, {"Ref": "AWS::NoValue"}]}],
                }},
                "Alarm": {"Condition": "HasKey", "Properties": {}},
            },
        });
        apply(&mut root).unwrap();
        root["Resources"].take()
    }

    #[test]
    fn what_is_left_is_what_the_conditions_say() {
        assert_eq!(decided(""), json!({"Queue": {"Properties": {"Names": ["a"]}}}));
        assert_eq!(
            decided("k"),
            json!({
                "Queue": {"Properties": {"Key": "k", "Names": ["a", "b"]}},
                "Alarm": {"Condition": "HasKey", "Properties": {}},
            })
        );
    }

    #[test]
    fn what_cannot_be_decided_is_named() {
        let with = |condition: Value, used: &str| {
            let mut root = json!({"Conditions": {"Has": condition}, "Resources": {"A": {"Condition": used}}});
            apply(&mut root).unwrap_err().to_string()
        };
        assert!(with(json!({"Fn::Or": []}), "Has").contains("Fn::Or"));
        assert_eq!(with(json!({"Fn::Equals": ["a", "a"]}), "Hat"), "template.yaml: Hat: is not a condition");
    }
}
