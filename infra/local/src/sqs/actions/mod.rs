//! The actions of SQS: each reads its request, makes one step of the store, and words the answer.

mod attributes;
mod batch;
mod delete;
mod move_tasks;
mod outgoing;
mod page;
mod queues;
mod receive;
mod send;
mod system_attributes;
mod tags;
mod visibility;

use std::ops::RangeInclusive;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::endpoint::Endpoint;
use super::error::SqsError;

/// Where a request came in.
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// The host by which the caller knows this endpoint.
    pub(crate) host: &'a str,
}

/// Performs the action of that name: JSON in, JSON out.
pub(crate) async fn perform(action: &str, body: &[u8], call: &Call<'_>) -> Result<Vec<u8>, SqsError> {
    match action {
        "CreateQueue" => write(&queues::create(call, read(body)?).await?),
        "DeleteQueue" => write(&queues::delete(call, read(body)?).await?),
        "GetQueueUrl" => write(&queues::get_url(call, read(body)?).await?),
        "ListQueues" => write(&queues::list(call, read(body)?).await?),
        "PurgeQueue" => write(&queues::purge(call, read(body)?).await?),
        "ListDeadLetterSourceQueues" => write(&queues::list_dead_letter_sources(call, read(body)?).await?),
        "GetQueueAttributes" => write(&attributes::get(call, read(body)?).await?),
        "SetQueueAttributes" => write(&attributes::set(call, read(body)?).await?),
        "TagQueue" => write(&tags::tag(call, read(body)?).await?),
        "UntagQueue" => write(&tags::untag(call, read(body)?).await?),
        "ListQueueTags" => write(&tags::list(call, read(body)?).await?),
        "SendMessage" => write(&send::send(call, read(body)?).await?),
        "SendMessageBatch" => write(&send::send_batch(call, read(body)?).await?),
        "ReceiveMessage" => write(&receive::receive(call, read(body)?).await?),
        "DeleteMessage" => write(&delete::delete(call, read(body)?).await?),
        "DeleteMessageBatch" => write(&delete::delete_batch(call, read(body)?).await?),
        "ChangeMessageVisibility" => write(&visibility::change(call, read(body)?).await?),
        "ChangeMessageVisibilityBatch" => write(&visibility::change_batch(call, read(body)?).await?),
        "StartMessageMoveTask" => write(&move_tasks::start(call, read(body)?).await?),
        "ListMessageMoveTasks" => write(&move_tasks::list(call, read(body)?).await?),
        "CancelMessageMoveTask" => write(&move_tasks::cancel(call, read(body)?).await?),
        unknown => Err(SqsError::UnsupportedOperation(format!(
            "This endpoint does not support the action {unknown}."
        ))),
    }
}

/// The answer of an action that has nothing to say.
#[derive(Serialize)]
struct Done {}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    serde_json::from_slice(body).map_err(|error| {
        let reason = error.to_string();
        let missing = reason.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        match missing {
            Some(parameter) => SqsError::MissingParameter(parameter.to_owned()),
            None => SqsError::Serialization(reason),
        }
    })
}

fn write(answer: &impl Serialize) -> Result<Vec<u8>, SqsError> {
    serde_json::to_vec(answer)
        .map_err(|_| SqsError::InternalFailure("The answer could not be written as JSON."))
}

/// A number that must lie in a range, if it is given.
fn check_range(
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
    #[serde(rename_all = "PascalCase")]
    struct Request {
        queue_url: String,
    }

    #[test]
    fn a_missing_parameter_is_named() {
        assert_eq!(read::<Request>(b"{}"), Err(SqsError::MissingParameter("QueueUrl".to_owned())));
        assert!(matches!(read::<Request>(b"{\"QueueUrl\":1}"), Err(SqsError::Serialization(_))));
    }

    #[test]
    fn a_number_out_of_range_is_refused() {
        assert_eq!(check_range("DelaySeconds", Some(900), &(0..=900)), Ok(Some(900)));
        assert_eq!(check_range("DelaySeconds", None, &(0..=900)), Ok(None));
        for bad in [-1, 901, i64::MAX] {
            assert!(check_range("DelaySeconds", Some(bad), &(0..=900)).is_err(), "{bad}");
        }
    }
}
