//! A resource of any type, before its properties are read.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::TemplateError;

/// A resource's logical id, kind and properties.
pub(super) struct Resource<'a> {
    pub(super) id: &'a str,
    pub(super) kind: Kind,
    resource: Cow<'a, Value>,
}

/// What a resource is on one machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Queue,
    Table,
    Function,
    Mapping,
    Key,
    /// Exists only in the cloud; the local stack needs no equivalent.
    CloudOnly,
}

impl Kind {
    /// The kind of a resource type. One that is not listed is an error, so that nothing new is silently ignored.
    fn of(name: &str) -> Option<Self> {
        match name {
            "AWS::SQS::Queue" => Some(Self::Queue),
            "AWS::DynamoDB::Table" => Some(Self::Table),
            "AWS::Serverless::Function" => Some(Self::Function),
            "AWS::Lambda::EventSourceMapping" => Some(Self::Mapping),
            "AWS::KMS::Key" => Some(Self::Key),
            "AWS::ApiGatewayV2::ApiMapping"
            | "AWS::ApiGatewayV2::DomainName"
            | "AWS::CloudWatch::Alarm"
            | "AWS::CloudWatch::Dashboard"
            | "AWS::IAM::Role"
            | "AWS::Logs::LogGroup"
            | "AWS::Logs::MetricFilter"
            | "AWS::SQS::QueuePolicy"
            | "AWS::Serverless::HttpApi" => Some(Self::CloudOnly),
            _ => None,
        }
    }
}

impl<'a> Resource<'a> {
    pub(super) fn read(id: &'a str, resource: &'a Value) -> Result<Self, TemplateError> {
        let name = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        let kind = Kind::of(name).ok_or_else(|| {
            TemplateError::of(id, format!("the local stack does not support the type {name:?}"))
        })?;
        Ok(Self { id, kind, resource: Cow::Borrowed(resource) })
    }

    /// Puts SAM's `Globals` under the resource's own properties: maps are merged, anything else is overridden.
    /// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html>
    pub(super) fn with_globals(self, globals: &Value) -> Self {
        let mut resource = self.resource.into_owned();
        if let Some(properties) = resource.get_mut("Properties") {
            let own = std::mem::replace(properties, globals.clone());
            merge(properties, own);
        }
        Self { resource: Cow::Owned(resource), ..self }
    }

    /// Reads the properties as `T`; an error names the property.
    pub(super) fn properties<T: DeserializeOwned>(&self) -> Result<T, TemplateError> {
        let properties = self.resource.get("Properties").unwrap_or(&Value::Null);
        serde_path_to_error::deserialize(properties)
            .map_err(|error| TemplateError::of(self.id, error.to_string()))
    }

    /// A property of SAM's build.
    pub(super) fn build_property(&self, name: &str) -> Result<&str, TemplateError> {
        self.resource
            .pointer("/Metadata/BuildProperties")
            .and_then(|properties| properties.get(name)?.as_str())
            .ok_or_else(|| TemplateError::of(self.id, format!("missing Metadata.BuildProperties.{name}")))
    }
}

fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_function_says_itself_overrides_the_globals() {
        let mut globals = json!({"Timeout": 10, "Environment": {"Variables": {"A": "1", "B": "1"}}});
        merge(&mut globals, json!({"Timeout": 30, "Environment": {"Variables": {"B": "2"}}}));
        assert_eq!(globals, json!({"Timeout": 30, "Environment": {"Variables": {"A": "1", "B": "2"}}}));
    }

    #[test]
    fn a_type_the_local_stack_does_not_know_is_named() {
        let error = Resource::read("Bus", &json!({"Type": "AWS::Events::EventBus"})).err().unwrap();
        assert_eq!(
            error.to_string(),
            r#"template.yaml: Bus: the local stack does not support the type "AWS::Events::EventBus""#
        );
    }
}
