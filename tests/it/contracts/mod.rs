//! Contracts between the parts of the system, checked in the template as CloudFormation gets it.
//!
//! A contract lists its violations. Each is checked against the template and against templates broken on purpose, so
//! that none passes vacuously. Needs `python3` with `aws-sam-translator`; without it the tests print a line and pass.

mod alarm_state;
mod alarms;
mod contexts;
mod functions;
mod metrics;
mod names;
mod permissions;
mod queues;
mod tables;

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::tools;

/// Lists a template's violations of a contract.
type Contract = fn(&Template) -> Vec<String>;

/// The template after SAM has expanded it.
#[derive(Clone)]
struct Template(Value);

impl Template {
    /// Expands the template once; `None` without the translator.
    async fn expanded() -> Option<&'static Self> {
        static EXPANDED: OnceCell<Option<Template>> = OnceCell::const_new();
        EXPANDED.get_or_init(Self::expand).await.as_ref()
    }

    async fn expand() -> Option<Self> {
        let translator = ["-c", "import samtranslator"];
        if !tools::is_available(Command::new("python3").args(translator), "python3 with aws-sam-translator")
            .await
        {
            return None;
        }
        Some(Self(serde_json::from_slice(&tools::expanded_template().await).unwrap()))
    }

    /// The resources of a type: logical id and properties.
    fn resources<'a>(&'a self, kind: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let resources = self.0["Resources"].as_object().unwrap().iter();
        resources
            .filter(move |(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
    }

    fn properties(&self, id: &str) -> &Value {
        &self.0["Resources"][id]["Properties"]
    }

    /// A copy with another value at a path below `Resources`; `null` removes the value there.
    fn with(&self, place: &str, value: Value) -> Self {
        let mut template = self.clone();
        let (parent, name) = place.rsplit_once('/').unwrap();
        let parent = template.0["Resources"].pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"));
        match parent {
            Value::Array(items) => {
                let index = name.parse().unwrap();
                items.splice(index..items.len().min(index + 1), (!value.is_null()).then_some(value));
            }
            Value::Object(entries) if value.is_null() => {
                assert!(entries.remove(name).is_some(), "{place} does not exist");
            }
            parent => parent[name] = value,
        }
        template
    }
}

/// Asserts that the template keeps the contract and that each of these changes breaks it.
async fn keeps(contract: Contract, changes: &[(&str, Value)]) {
    let Some(template) = Template::expanded().await else { return };
    assert_eq!(contract(template), Vec::<String>::new());
    for (place, value) in changes {
        let breaches = contract(&template.with(place, value.clone()));
        assert!(!breaches.is_empty(), "{place} = {value} breaks nothing");
    }
}

/// The logical id in `{"Ref": id}` or `{"Fn::GetAtt": [id, attribute]}`.
fn named(reference: &Value) -> &str {
    let id = reference.get("Ref").or_else(|| reference.get("Fn::GetAtt")?.get(0));
    id.and_then(Value::as_str).unwrap_or_else(|| panic!("{reference} names nothing"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn get_arn(id: &str) -> Value {
    json!({"Fn::GetAtt": [id, "Arn"]})
}
