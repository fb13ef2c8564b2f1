//! Why a queue or table could not be created.

use aws_sdk_dynamodb::error::DisplayErrorContext;

/// A queue or table could not be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot create {what}: {cause}")]
pub struct ProvisionError {
    what: String,
    cause: String,
}

impl ProvisionError {
    pub(super) fn new(what: &str, cause: impl std::error::Error) -> Self {
        Self { what: what.to_owned(), cause: DisplayErrorContext(cause).to_string() }
    }
}
