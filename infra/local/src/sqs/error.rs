//! The errors of SQS, in its words and with its codes.

use super::limits;

/// Why a request is refused. Clients classify it by its code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SqsError {
    #[error("Id {0} repeated.")]
    BatchEntryIdsNotDistinct(String),
    #[error("Batch requests cannot be longer than {limit} bytes. You have sent {0} bytes.", limit = limits::PAYLOAD_BYTES)]
    BatchRequestTooLong(usize),
    #[error("There should be at least one entry in the request.")]
    EmptyBatchRequest,
    #[error("The address {0} is not valid for this endpoint.")]
    InvalidAddress(String),
    #[error("Unknown Attribute {0}.")]
    InvalidAttributeName(String),
    #[error("Invalid value for the parameter {attribute}. Reason: {reason}")]
    InvalidAttributeValue { attribute: String, reason: String },
    #[error("A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most {limit} letters long.", limit = limits::BATCH_ENTRY_ID_LENGTH)]
    InvalidBatchEntryId,
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    InvalidMessageContents,
    #[error("Value {value} for parameter {parameter} is invalid. Reason: {reason}")]
    InvalidParameterValue { parameter: String, value: String, reason: String },
    #[error("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.", limit = limits::PAYLOAD_BYTES)]
    MessageTooLong,
    #[error("The specified message isn't in flight.")]
    MessageNotInflight,
    #[error("The request must contain the parameter {0}.")]
    MissingParameter(String),
    #[error("Too many messages in flight: a queue has at most {limit}.", limit = limits::IN_FLIGHT_MESSAGES)]
    OverLimit,
    #[error("The specified queue does not exist.")]
    QueueDoesNotExist,
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueNameExists(String),
    #[error("The input receipt handle is invalid.")]
    ReceiptHandleIsInvalid,
    #[error("The request cannot be read: {0}")]
    Serialization(String),
    #[error("Maximum number of entries per request are {limit}. You have sent {0}.", limit = limits::BATCH_ENTRIES)]
    TooManyEntriesInBatchRequest(usize),
    #[error("{0}")]
    UnsupportedOperation(String),
    #[error("{0}")]
    InternalFailure(&'static str),
}

impl SqsError {
    /// A parameter whose value is refused.
    pub(crate) fn invalid(
        parameter: &str,
        value: &(impl ToString + ?Sized),
        reason: impl Into<String>,
    ) -> Self {
        Self::InvalidParameterValue {
            parameter: parameter.to_owned(),
            value: value.to_string(),
            reason: reason.into(),
        }
    }

    /// Something of SQS that Ringback does not use: `kind` is "action", "parameter" or "queue type".
    pub(crate) fn unsupported(kind: &str, name: &str) -> Self {
        Self::UnsupportedOperation(format!("This endpoint does not support the {kind} {name}."))
    }

    /// The shape in the JSON body's `__type`, from which SDKs choose their error type.
    pub(crate) fn shape(&self) -> &'static str {
        match self {
            Self::BatchEntryIdsNotDistinct(_) => "BatchEntryIdsNotDistinct",
            Self::BatchRequestTooLong(_) => "BatchRequestTooLong",
            Self::EmptyBatchRequest => "EmptyBatchRequest",
            Self::InvalidAddress(_) => "InvalidAddress",
            Self::InvalidAttributeName(_) => "InvalidAttributeName",
            Self::InvalidAttributeValue { .. } => "InvalidAttributeValue",
            Self::InvalidBatchEntryId => "InvalidBatchEntryId",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::InvalidParameterValue { .. } | Self::MessageTooLong => "InvalidParameterValue",
            Self::MessageNotInflight => "MessageNotInflight",
            Self::MissingParameter(_) => "MissingParameter",
            Self::OverLimit => "OverLimit",
            Self::QueueDoesNotExist => "QueueDoesNotExist",
            Self::QueueNameExists(_) => "QueueNameExists",
            Self::ReceiptHandleIsInvalid => "ReceiptHandleIsInvalid",
            Self::Serialization(_) => "SerializationException",
            Self::TooManyEntriesInBatchRequest(_) => "TooManyEntriesInBatchRequest",
            Self::UnsupportedOperation(_) => "UnsupportedOperation",
            Self::InternalFailure(_) => "InternalFailure",
        }
    }

    /// The code of the older query protocol, which SDKs show as the error code. It is sent in
    /// `x-amzn-query-error` and in the failed entries of a batch. Source: the `awsQueryError` traits
    /// of the published service model.
    pub(crate) fn query_code(&self) -> String {
        match self {
            Self::QueueDoesNotExist => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
            Self::QueueNameExists(_) => "QueueAlreadyExists".to_owned(),
            Self::BatchEntryIdsNotDistinct(_)
            | Self::BatchRequestTooLong(_)
            | Self::EmptyBatchRequest
            | Self::InvalidBatchEntryId
            | Self::MessageNotInflight
            | Self::TooManyEntriesInBatchRequest(_)
            | Self::UnsupportedOperation(_) => format!("AWS.SimpleQueueService.{}", self.shape()),
            _ => self.shape().to_owned(),
        }
    }

    /// Whether the caller is at fault. If not, the same request may succeed later.
    pub(crate) fn is_senders_fault(&self) -> bool {
        !matches!(self, Self::InternalFailure(_))
    }
}
