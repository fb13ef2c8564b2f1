//! The context of a request.

use crate::sqs::endpoint::Endpoint;

/// The endpoint that a request reached, and by which name.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// The host in the caller's URL, with its port.
    pub(crate) host: &'a str,
}
