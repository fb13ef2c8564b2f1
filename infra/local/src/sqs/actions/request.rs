//! The context of a request, the JSON of requests and responses, and checks that actions share.

use std::ops::RangeInclusive;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sqs::endpoint::Endpoint;
use crate::sqs::error::SqsError;

/// The endpoint and the host that a request names.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// The host in the caller's URL, with its port.
    pub(crate) host: &'a str,
    /// The header `X-Amzn-Trace-Id`, which messages keep.
    pub(crate) trace: Option<&'a str>,
}

/// The response of an action that returns nothing.
#[derive(Debug, Serialize)]
pub(super) struct Empty {}

/// Reads a request. Every request type denies unknown fields, so that a parameter that is not
/// supported is refused by name instead of being ignored.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    serde_json::from_slice(body).map_err(|error| {
        let reason = error.to_string();
        let field = |prefix: &str| reason.strip_prefix(prefix)?.split('`').next();
        if let Some(parameter) = field("missing field `") {
            SqsError::MissingParameter(parameter.to_owned())
        } else if let Some(parameter) = field("unknown field `") {
            SqsError::unsupported("parameter", parameter)
        } else {
            SqsError::Serialization(reason)
        }
    })
}

pub(super) fn write(response: &impl Serialize) -> Result<Vec<u8>, SqsError> {
    serde_json::to_vec(response)
        .map_err(|_| SqsError::InternalFailure("The response could not be written as JSON."))
}

/// Refuses a number outside the range, if a number is given.
pub(super) fn check_range(
    parameter: &str,
    value: Option<i64>,
    range: &RangeInclusive<u32>,
) -> Result<Option<u32>, SqsError> {
    let Some(value) = value else {
        return Ok(None);
    };
    match u32::try_from(value) {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => {
            let reason = format!("Must be >= {} and <= {}, if provided.", range.start(), range.end());
            Err(SqsError::invalid(parameter, &value, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Request {
        queue_url: String,
    }

    #[test]
    fn a_missing_or_unknown_parameter_is_named() {
        assert_eq!(read::<Request>(b"{}"), Err(SqsError::MissingParameter("QueueUrl".to_owned())));
        let unknown = read::<Request>(b"{\"QueueUrl\":\"q\",\"Tags\":{}}");
        assert_eq!(unknown, Err(SqsError::unsupported("parameter", "Tags")));
        assert!(matches!(read::<Request>(b"{\"QueueUrl\":1}"), Err(SqsError::Serialization(_))));
    }
}
