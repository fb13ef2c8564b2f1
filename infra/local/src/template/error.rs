//! Why a template cannot be used.

/// Why the template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is not YAML, or uses a tag that CloudFormation does not have.
    #[error("template.yaml: {0}")]
    Yaml(String),
    /// A resource lacks a property, or has one that the local stack does not support.
    #[error("template.yaml: {resource}: {message}")]
    Resource {
        /// Logical id, or section.
        resource: String,
        /// The property and the reason.
        message: String,
    },
    /// An expression names something that has no value on this machine.
    #[error("template.yaml: {0} has no value in the local stack")]
    Unresolved(String),
}

impl TemplateError {
    pub(crate) fn of(resource: &str, message: impl Into<String>) -> Self {
        Self::Resource { resource: resource.to_owned(), message: message.into() }
    }
}
