//! A reference to a parameter is its default: nobody fills in parameters for one machine.

use serde_json::{Map, Value};

use super::{TemplateError, section};

/// Replaces every `Ref` to a parameter by the parameter's default.
pub(super) fn put_defaults(root: &mut Value) -> Result<(), TemplateError> {
    let mut defaults = Map::new();
    for (name, parameter) in section(root, "Parameters")? {
        let default = parameter.get("Default").ok_or_else(|| TemplateError::of(name, "has no Default"))?;
        defaults.insert(name.clone(), default.clone());
    }
    replace(root, &defaults);
    Ok(())
}

fn replace(value: &mut Value, defaults: &Map<String, Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, defaults)),
        Value::Object(entries) => {
            let named = entries.get("Ref").and_then(Value::as_str).and_then(|name| defaults.get(name));
            match named.cloned() {
                Some(default) => *value = default,
                None => entries.values_mut().for_each(|entry| replace(entry, defaults)),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_to_parameters_and_to_nothing_else_are_replaced() {
        let mut root = json!({
            "Parameters": {"Days": {"Type": "Number", "Default": 30}},
            "Resources": {"A": {"Properties": {"Keep": {"Ref": "Days"}, "Url": {"Ref": "Queue"}}}},
        });
        put_defaults(&mut root).unwrap();
        assert_eq!(root["Resources"]["A"]["Properties"], json!({"Keep": 30, "Url": {"Ref": "Queue"}}));
    }

    #[test]
    fn a_parameter_without_a_default_is_named() {
        let error = put_defaults(&mut json!({"Parameters": {"Days": {"Type": "Number"}}})).unwrap_err();
        assert_eq!(error.to_string(), "template.yaml: Days: has no Default");
    }
}
