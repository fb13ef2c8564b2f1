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

    /// Also appends to a list, which may not exist yet. Something else is set as well.
    pub(super) fn append(mut self, list: &str, value: AttributeValue) -> Self {
        let name = self.name(list);
        let appended = format!("SET {name} = list_append(if_not_exists({name}, :empty_list), :{list}), ");
        self.text = self.text.replacen("SET ", &appended, 1);
        self.values.insert(":empty_list".to_owned(), AttributeValue::L(Vec::new()));
        self.values.insert(format!(":{list}"), AttributeValue::L(vec![value]));
        self
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

    #[test]
    fn a_list_grows_also_if_it_does_not_exist_yet() {
        let set = Item::from([("status".to_owned(), s("x"))]);
        let expression = Expression::new(set, &["error"]).append("durations", s("y"));
        let text = "SET #durations = list_append(if_not_exists(#durations, :empty_list), :durations), \
                    #status = :status REMOVE #error";
        assert_eq!(expression.text, text);
        assert_eq!((expression.names.len(), expression.values.len()), (3, 3));
    }
}
