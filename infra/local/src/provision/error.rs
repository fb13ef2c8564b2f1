//! Why a queue or table could not be made.

use aws_sdk_dynamodb::error::DisplayErrorContext;

/// A queue or table could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {what}: {cause}")]
pub struct ProvisionError {
    what: String,
    cause: String,
}

impl ProvisionError {
    pub(super) fn new(what: &str, cause: impl std::error::Error) -> Self {
        Self { what: what.to_owned(), cause: DisplayErrorContext(cause).to_string() }
    }
}
