//! `StartMessageMoveTask`, `ListMessageMoveTasks`, `CancelMessageMoveTask`.

use serde::{Deserialize, Serialize};

use super::{Call, check_range};
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::QueueName;
use crate::sqs::store::{FailureReason, MoveTask, Status};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct StartMessageMoveTask {
    source_arn: String,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListMessageMoveTasks {
    source_arn: String,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CancelMessageMoveTask {
    task_handle: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Started {
    task_handle: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tasks {
    results: Vec<Task>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Cancelled {
    approximate_number_of_messages_moved: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Task {
    /// "Only populated for tasks that are in RUNNING status" (API `ListMessageMoveTasks`).
    #[serde(skip_serializing_if = "Option::is_none")]
    task_handle: Option<String>,
    status: &'static str,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_number_of_messages_per_second: Option<u32>,
    approximate_number_of_messages_moved: usize,
    approximate_number_of_messages_to_move: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
    started_timestamp: u64,
}

pub(super) async fn start(call: &Call<'_>, request: StartMessageMoveTask) -> Result<Started, SqsError> {
    let source = parse_arn("SourceArn", &request.source_arn)?;
    let destination = request.destination_arn.map(|arn| parse_arn("DestinationArn", &arn)).transpose()?;
    let rate = check_range(
        "MaxNumberOfMessagesPerSecond",
        request.max_number_of_messages_per_second,
        &limits::MOVE_RATE,
    )?;
    let start = call.endpoint.step(|store, step| store.start_move_task(&source, destination, rate, step));
    Ok(Started { task_handle: start.await? })
}

pub(super) async fn list(call: &Call<'_>, request: ListMessageMoveTasks) -> Result<Tasks, SqsError> {
    let source = parse_arn("SourceArn", &request.source_arn)?;
    let max = check_range("MaxResults", request.max_results, &limits::MOVE_TASK_RESULTS)?;
    let max = max.unwrap_or(limits::DEFAULT_MOVE_TASK_RESULTS) as usize;
    let tasks = call.endpoint.step(|store, _| store.list_move_tasks(&source, max)).await?;
    Ok(Tasks { results: tasks.into_iter().map(show).collect() })
}

pub(super) async fn cancel(call: &Call<'_>, request: CancelMessageMoveTask) -> Result<Cancelled, SqsError> {
    let cancel = call.endpoint.step(|store, step| store.cancel_move_task(&request.task_handle, step));
    Ok(Cancelled { approximate_number_of_messages_moved: cancel.await? })
}

fn show(task: MoveTask) -> Task {
    let (status, failure_reason) = match task.status {
        Status::Running => ("RUNNING", None),
        Status::Completed => ("COMPLETED", None),
        Status::Cancelled => ("CANCELLED", None),
        Status::Failed(FailureReason::CouldNotDetermineMessageSource) => {
            ("FAILED", Some("CouldNotDetermineMessageSource"))
        }
        Status::Failed(FailureReason::NonExistentQueue) => {
            ("FAILED", Some("AWS.SimpleQueueService.NonExistentQueue"))
        }
    };
    Task {
        task_handle: Some(task.handle).filter(|_| task.status == Status::Running),
        status,
        source_arn: task.source.arn(),
        destination_arn: task.destination.as_ref().map(QueueName::arn),
        max_number_of_messages_per_second: task.rate,
        approximate_number_of_messages_moved: task.moved,
        approximate_number_of_messages_to_move: task.to_move,
        failure_reason,
        started_timestamp: task.started_at,
    }
}

fn parse_arn(parameter: &str, arn: &str) -> Result<QueueName, SqsError> {
    QueueName::from_arn(arn).ok_or_else(|| SqsError::invalid(parameter, arn, "It is not the ARN of a queue."))
}
