//! Reads YAML with CloudFormation's short forms as JSON with the long ones.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use super::error::TemplateError;

/// Functions whose long form is `Fn::` and the short one's name.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html>
const FUNCTIONS: [&str; 15] = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "GetAZs",
    "GetAtt",
    "If",
    "ImportValue",
    "Join",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
];

/// Reads one document.
pub(super) fn parse(text: &str) -> Result<Value, TemplateError> {
    let documents = Yaml::load_from_str(text).map_err(|error| TemplateError::Yaml(error.to_string()))?;
    match documents.as_slice() {
        [document] => convert(document),
        _ => Err(TemplateError::Yaml("it must be one document".to_owned())),
    }
}

fn convert(node: &Yaml<'_>) -> Result<Value, TemplateError> {
    match node {
        Yaml::Value(scalar) => Ok(convert_scalar(scalar)),
        Yaml::Sequence(items) => items.iter().map(convert).collect(),
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| Ok((convert_key(key)?, convert(value)?)));
            Ok(Value::Object(entries.collect::<Result<Map<_, _>, TemplateError>>()?))
        }
        Yaml::Tagged(tag, node) => long_form(&tag.suffix, convert(node)?),
        // CloudFormation does not support aliases either.
        Yaml::Alias(_) | Yaml::Representation(..) | Yaml::BadValue => {
            Err(TemplateError::Yaml(format!("aliases and values such as {node:?} are not supported")))
        }
    }
}

fn convert_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::FloatingPoint(value) => json!(value.into_inner()),
        Scalar::String(value) => json!(value),
    }
}

fn convert_key(key: &Yaml<'_>) -> Result<String, TemplateError> {
    key.as_str()
        .map(str::to_owned)
        .ok_or_else(|| TemplateError::Yaml(format!("a key must be a string, not {key:?}")))
}

fn long_form(tag: &str, value: Value) -> Result<Value, TemplateError> {
    match tag {
        "Ref" | "Condition" => Ok(json!({ tag: value })),
        "GetAtt" => Ok(json!({ "Fn::GetAtt": split_attribute(value) })),
        _ if FUNCTIONS.contains(&tag) => Ok(json!({ format!("Fn::{tag}"): value })),
        _ => Err(TemplateError::Yaml(format!("CloudFormation has no !{tag}"))),
    }
}

/// `!GetAtt Queue.Arn` is short for `Fn::GetAtt: [Queue, Arn]`.
fn split_attribute(value: Value) -> Value {
    match value.as_str().and_then(|text| text.split_once('.')) {
        Some((id, attribute)) => json!([id, attribute]),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "a: !Ref X\nb: !GetAtt Q.Arn\nc: !Sub 'x-${Q}'\nd: !If [C, 1, true]\ne: {f: [g, ~]}";
        assert_eq!(
            parse(text).unwrap(),
            json!({
                "a": {"Ref": "X"},
                "b": {"Fn::GetAtt": ["Q", "Arn"]},
                "c": {"Fn::Sub": "x-${Q}"},
                "d": {"Fn::If": ["C", 1, true]},
                "e": {"f": ["g", null]},
            })
        );
    }

    #[test]
    fn an_unknown_tag_is_named() {
        let error = parse("a: !Reff X").unwrap_err();
        assert_eq!(error.to_string(), "template.yaml: CloudFormation has no !Reff");
    }

    #[test]
    fn broken_yaml_is_an_error() {
        for text in ["a: [", "a: &x 1\nb: *y", "1: a", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
