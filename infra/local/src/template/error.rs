//! What is wrong with a template.

/// What is wrong with the template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is no YAML, or uses a tag that CloudFormation has not.
    #[error("template.yaml: {0}")]
    Yaml(String),
    /// A resource lacks a property, or one of its properties is not what it can be here.
    #[error("template.yaml: {resource}: {message}")]
    Resource {
        /// Logical id, or section.
        resource: String,
        /// The property and the reason.
        message: String,
    },
    /// An expression names something that has no value on this machine.
    #[error("template.yaml: {0} has no value here")]
    Unresolved(String),
}

impl TemplateError {
    pub(super) fn of(resource: &str, message: impl Into<String>) -> Self {
        Self::Resource { resource: resource.to_owned(), message: message.into() }
    }
}
