//! A value that is known only once its resources exist, such as `!Ref EventsQueue`, which is a URL.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::error::TemplateError;

/// The values of a stack's resources.
pub trait Resolve {
    /// The value of `!Ref`: a queue's URL, a table's name.
    fn reference(&self, id: &str) -> Option<String>;
    /// The value of `!GetAtt`, for the attribute `Arn`.
    fn attribute(&self, id: &str, attribute: &str) -> Option<String>;
}

/// A string, or how to compute it from the resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A string of the template.
    Literal(String),
    /// `!Ref`.
    Reference(String),
    /// `!GetAtt`: logical id, attribute.
    Attribute(String, String),
    /// `!Sub`: its parts in order.
    Joined(Vec<Expression>),
}

impl Expression {
    /// The string, once every resource exists.
    pub fn evaluate(&self, resources: &impl Resolve) -> Result<String, TemplateError> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Reference(id) => {
                resources.reference(id).ok_or_else(|| TemplateError::Unresolved(format!("!Ref {id}")))
            }
            Self::Attribute(id, name) => resources
                .attribute(id, name)
                .ok_or_else(|| TemplateError::Unresolved(format!("!GetAtt {id}.{name}"))),
            Self::Joined(parts) => parts.iter().map(|part| part.evaluate(resources)).collect(),
        }
    }

    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(Self::Literal(text.clone())),
            Value::Number(number) => Ok(Self::Literal(number.to_string())),
            Value::Bool(flag) => Ok(Self::Literal(flag.to_string())),
            Value::Object(call) if call.len() == 1 => call
                .iter()
                .next()
                .and_then(|(function, argument)| Self::read_call(function, argument))
                .ok_or_else(|| format!("the local stack cannot evaluate {value}")),
            _ => Err(format!("{value} is not a string")),
        }
    }

    fn read_call(function: &str, argument: &Value) -> Option<Self> {
        match (function, argument) {
            ("Ref", Value::String(id)) => Some(Self::Reference(id.clone())),
            ("Fn::GetAtt", Value::Array(path)) => match path.as_slice() {
                [Value::String(id), Value::String(name)] => Some(Self::Attribute(id.clone(), name.clone())),
                _ => None,
            },
            ("Fn::Sub", Value::String(pattern)) => Self::read_pattern(pattern),
            _ => None,
        }
    }

    /// Reads `${Id}` and `${Id.Attribute}` within literal text.
    fn read_pattern(pattern: &str) -> Option<Self> {
        let mut pieces = pattern.split("${");
        let mut parts = vec![Self::Literal(pieces.next()?.to_owned())];
        for piece in pieces {
            let (name, text) = piece.split_once('}')?;
            parts.push(match name.split_once('.') {
                Some((id, attribute)) => Self::Attribute(id.to_owned(), attribute.to_owned()),
                None => Self::Reference(name.to_owned()),
            });
            parts.push(Self::Literal(text.to_owned()));
        }
        Some(Self::Joined(parts))
    }
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A property that must name another resource by its ARN: `!GetAtt EventsQueue.Arn`. Holds the logical id.
#[derive(Deserialize)]
#[serde(try_from = "Expression")]
pub(super) struct ArnOf(pub(super) String);

impl TryFrom<Expression> for ArnOf {
    type Error = String;

    fn try_from(expression: Expression) -> Result<Self, String> {
        match expression {
            Expression::Attribute(id, name) if name == "Arn" => Ok(Self(id)),
            other => Err(format!("expected !GetAtt Id.Arn, found {other:?}")),
        }
    }
}

/// A property that must name another resource by `!Ref`. Holds the logical id.
#[derive(Deserialize)]
#[serde(try_from = "Expression")]
pub(super) struct RefTo(pub(super) String);

impl TryFrom<Expression> for RefTo {
    type Error = String;

    fn try_from(expression: Expression) -> Result<Self, String> {
        match expression {
            Expression::Reference(id) => Ok(Self(id)),
            other => Err(format!("expected !Ref, found {other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct OneQueue;

    impl Resolve for OneQueue {
        fn reference(&self, id: &str) -> Option<String> {
            (id == "Queue").then(|| "http://q".to_owned())
        }

        fn attribute(&self, id: &str, attribute: &str) -> Option<String> {
            (id == "Queue" && attribute == "Arn").then(|| "arn:q".to_owned())
        }
    }

    fn evaluate(value: &Value) -> Result<String, String> {
        Expression::read(value)?.evaluate(&OneQueue).map_err(|error| error.to_string())
    }

    #[test]
    fn an_expression_is_its_text_once_the_resources_exist() {
        for (value, text) in [
            (json!("x"), "x"),
            (json!(30), "30"),
            (json!({"Ref": "Queue"}), "http://q"),
            (json!({"Fn::GetAtt": ["Queue", "Arn"]}), "arn:q"),
            (json!({"Fn::Sub": "a-${Queue.Arn}/b/${Queue}"}), "a-arn:q/b/http://q"),
        ] {
            assert_eq!(evaluate(&value).as_deref(), Ok(text), "{value}");
        }
    }

    #[test]
    fn what_has_no_value_here_is_named() {
        for (value, named) in [
            (json!({"Ref": "Tabel"}), "!Ref Tabel"),
            (json!({"Fn::GetAtt": ["Queue", "Name"]}), "!GetAtt Queue.Name"),
            (json!({"Fn::Join": ["", ["a"]]}), "Fn::Join"),
            (json!({"Fn::Sub": "${Open"}), "Fn::Sub"),
            (json!(null), "null"),
        ] {
            let error = evaluate(&value).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
