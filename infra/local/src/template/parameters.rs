//! Replaces references to parameters by their values: the given one, or else the default.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::{Map, Number, Value};

use super::error::TemplateError;

/// Values for the template's parameters, by name.
pub type Parameters = BTreeMap<String, String>;

/// Replaces every `Ref` to a parameter by the parameter's value.
pub(super) fn substitute(
    root: &mut Value,
    given: &Parameters,
    defaults: &Parameters,
) -> Result<(), TemplateError> {
    let mut values = Map::new();
    for (name, parameter) in section(root, "Parameters")? {
        let given = given.get(name).map(|given| parse(parameter, given)).transpose();
        let given = given.map_err(|rule| TemplateError::of(name, rule))?;
        let default = || defaults.get(name).map(|value| Value::from(value.as_str()));
        let value = given.or_else(default).or_else(|| parameter.get("Default").cloned());
        values.insert(
            name.clone(),
            value.ok_or_else(|| TemplateError::of(name, "has no Default, so it must be given a value"))?,
        );
    }
    if let Some(unknown) = given.keys().find(|name| !values.contains_key(*name)) {
        return Err(TemplateError::of(unknown, "is not a parameter"));
    }
    replace(root, &values);
    Ok(())
}

/// Checks a value as CloudFormation does before a deployment, and gives it its type.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>
fn parse(parameter: &Value, given: &str) -> Result<Value, String> {
    let limit = |name: &str| parameter.get(name).and_then(Value::as_f64);
    if let Some(allowed) = parameter.get("AllowedValues").and_then(Value::as_array) {
        let allowed: Vec<_> = allowed.iter().map(text).collect();
        if !allowed.iter().any(|allowed| allowed == given) {
            return Err(format!("must be one of {}", allowed.join(", ")));
        }
    }
    if parameter.get("Type").is_some_and(|kind| kind == "Number") {
        let number: Number = serde_json::from_str(given).map_err(|_| "must be a number".to_owned())?;
        let (least, most) = (limit("MinValue"), limit("MaxValue"));
        let is_outside =
            |value| least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most);
        if number.as_f64().is_none_or(is_outside) {
            let [least, most] =
                [least, most].map(|limit| limit.map_or("…".to_owned(), |limit| limit.to_string()));
            return Err(format!("must be {least} to {most}"));
        }
        return Ok(number.into());
    }
    if let Some(most) = limit("MaxLength").filter(|most| given.chars().count() as f64 > *most) {
        return Err(format!("must have at most {most} characters"));
    }
    let Some(pattern) = parameter.get("AllowedPattern").and_then(Value::as_str) else {
        return Ok(given.into());
    };
    let allowed =
        Regex::new(pattern).map_err(|error| format!("has an AllowedPattern that is none: {error}"))?;
    if allowed.is_match(given) { Ok(given.into()) } else { Err(format!("must match {pattern}")) }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn replace(value: &mut Value, values: &Map<String, Value>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, values)),
        Value::Object(entries) => {
            let named = entries.get("Ref").and_then(Value::as_str).and_then(|name| values.get(name));
            match named.cloned() {
                Some(given) => *value = given,
                None => entries.values_mut().for_each(|entry| replace(entry, values)),
            }
        }
        _ => {}
    }
}

/// A section of the template, which must exist.
pub(super) fn section<'a>(
    root: &'a Value,
    name: &str,
) -> Result<&'a serde_json::Map<String, Value>, TemplateError> {
    root.get(name).and_then(Value::as_object).ok_or_else(|| TemplateError::of(name, "is missing"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_to_parameters_and_to_nothing_else_are_replaced() {
        let mut root = json!({
            "Parameters": {"Days": {"Type": "Number", "Default": 30}, "Url": {"Type": "String", "Default": ""}},
            "Resources": {"A": {"Keep": {"Ref": "Days"}, "Url": {"Ref": "Url"}, "Queue": {"Ref": "Queue"}}},
        });
        let given = Parameters::from([("Url".to_owned(), "x".to_owned())]);
        substitute(&mut root, &given, &Parameters::new()).unwrap();
        assert_eq!(root["Resources"]["A"], json!({"Keep": 30, "Url": "x", "Queue": {"Ref": "Queue"}}));
    }

    #[test]
    fn a_parameter_without_a_default_is_named() {
        let mut root = json!({"Parameters": {"Days": {"Type": "Number"}}});
        let error = substitute(&mut root, &Parameters::new(), &Parameters::new()).unwrap_err();
        assert_eq!(error.to_string(), "template.yaml: Days: has no Default, so it must be given a value");
    }

    #[test]
    fn a_value_for_no_parameter_is_named() {
        let given = Parameters::from([("Dayz".to_owned(), "1".to_owned())]);
        let error = substitute(&mut json!({"Parameters": {}}), &given, &Parameters::new()).unwrap_err();
        assert_eq!(error.to_string(), "template.yaml: Dayz: is not a parameter");
    }
}
