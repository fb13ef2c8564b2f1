//! Builds an update expression from the attributes to set and to remove.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::Item;

/// `SET … REMOVE …` with its names and values. Every name is a placeholder, because some attribute names are reserved
/// words.
#[derive(Default)]
pub(super) struct Expression {
    pub(super) text: String,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Expression {
    pub(super) fn new(set: Item, remove: &[&str]) -> Self {
        let mut expression = Self::default();
        let mut set: Vec<_> = set.into_iter().collect();
        set.sort_unstable_by(|a, b| a.0.cmp(&b.0)); // the same update always gives the same text
        let sets: Vec<_> = set
            .into_iter()
            .map(|(name, value)| {
                let placeholder = expression.name(&name);
                expression.values.insert(format!(":{name}"), value);
                format!("{placeholder} = :{name}")
            })
            .collect();
        let removes: Vec<_> = remove.iter().map(|name| expression.name(name)).collect();
        for (verb, parts) in [("SET", sets), ("REMOVE", removes)] {
            if !parts.is_empty() {
                let gap = if expression.text.is_empty() { "" } else { " " };
                expression.text += &format!("{gap}{verb} {}", parts.join(", "));
            }
        }
        expression
    }

    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    /// Adds a name and its value for the condition.
    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.name(name);
        self.values.insert(format!(":{name}"), value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::item::s;

    #[test]
    fn it_reads_as_dynamodb_wants_it() {
        let set = Item::from([("status".to_owned(), s("x")), ("error".to_owned(), s("y"))]);
        let expression = Expression::new(set, &["owner"]).with("lease", s("z"));
        assert_eq!(expression.text, "SET #error = :error, #status = :status REMOVE #owner");
        assert_eq!(expression.names.len(), 4);
        assert_eq!(expression.values.len(), 3);
    }
}
