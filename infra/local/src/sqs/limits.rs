//! The quotas of Amazon SQS, each with the page that states it.
//!
//! "API" is the Amazon SQS API Reference of the action named, as the published service model of
//! November 2026 has it; "quotas" are the developer guide's pages of queue and message quotas.

use std::ops::RangeInclusive;

/// API `CreateQueue`: a queue name can have up to 80 characters.
pub(crate) const QUEUE_NAME_LENGTH: usize = 80;

/// API `SendMessageBatch`: the Id of an entry can have up to 80 characters.
pub(crate) const BATCH_ENTRY_ID_LENGTH: usize = 80;

/// API `SendMessageBatch`, `DeleteMessageBatch`, `ChangeMessageVisibilityBatch`: ten entries.
pub(crate) const BATCH_ENTRIES: usize = 10;

/// API `SendMessageBatch`: 1 MiB for one message and for all messages of a batch together.
pub(crate) const PAYLOAD_BYTES: usize = 1_048_576;

/// API `CreateQueue`, `MaximumMessageSize`: 1 KiB to 1 MiB.
pub(crate) const MAXIMUM_MESSAGE_SIZE: RangeInclusive<u32> = 1_024..=1_048_576;

/// API `CreateQueue`, `DelaySeconds`: 0 to 900 (15 minutes).
pub(crate) const DELAY_SECONDS: RangeInclusive<u32> = 0..=900;

/// API `CreateQueue`, `MessageRetentionPeriod`: one minute to 14 days.
pub(crate) const MESSAGE_RETENTION_PERIOD: RangeInclusive<u32> = 60..=1_209_600;

/// API `CreateQueue`, `MessageRetentionPeriod`: four days unless set.
pub(crate) const DEFAULT_MESSAGE_RETENTION_PERIOD: u32 = 345_600;

/// API `CreateQueue`, `ReceiveMessageWaitTimeSeconds`, and `ReceiveMessage`, `WaitTimeSeconds`.
pub(crate) const WAIT_TIME_SECONDS: RangeInclusive<u32> = 0..=20;

/// API `ChangeMessageVisibility`: 0 to 43,200 seconds (12 hours), which is also the most a message
/// can stay in flight from its receive on.
pub(crate) const VISIBILITY_TIMEOUT: RangeInclusive<u32> = 0..=43_200;

/// API `CreateQueue`, `VisibilityTimeout`: 30 seconds unless set.
pub(crate) const DEFAULT_VISIBILITY_TIMEOUT: u32 = 30;

/// API `CreateQueue`, `KmsDataKeyReusePeriodSeconds`: one minute to 24 hours.
pub(crate) const KMS_DATA_KEY_REUSE_PERIOD: RangeInclusive<u32> = 60..=86_400;

/// API `CreateQueue`, `KmsDataKeyReusePeriodSeconds`: five minutes unless set.
pub(crate) const DEFAULT_KMS_DATA_KEY_REUSE_PERIOD: u32 = 300;

/// API `ReceiveMessage`, `MaxNumberOfMessages`: 1 to 10.
pub(crate) const MAX_NUMBER_OF_MESSAGES: RangeInclusive<u32> = 1..=10;

/// API `ReceiveMessage`, `MaxNumberOfMessages`: 1 unless given.
pub(crate) const DEFAULT_MAX_NUMBER_OF_MESSAGES: u32 = 1;

/// API `ChangeMessageVisibility`: at most 120,000 messages of a queue are in flight.
pub(crate) const IN_FLIGHT_MESSAGES: usize = 120_000;

/// `SetQueueAttributes` refuses any other `maxReceiveCount`: "valid values are from 1 to 1000 both
/// inclusive".
pub(crate) const MAX_RECEIVE_COUNT: RangeInclusive<u32> = 1..=1_000;

/// API `SetQueueAttributes`, `RedriveAllowPolicy`: up to 10 source queue ARNs.
pub(crate) const REDRIVE_SOURCE_QUEUES: usize = 10;

/// Quotas, "Message attributes": a message can contain up to 10.
pub(crate) const MESSAGE_ATTRIBUTES: usize = 10;

/// Developer guide, "Message attribute components": a name has up to 256 characters, a type too.
pub(crate) const MESSAGE_ATTRIBUTE_NAME_LENGTH: usize = 256;

/// API `SendMessage`: `MessageGroupId` and `MessageDeduplicationId` have up to 128 characters.
pub(crate) const FIFO_ID_LENGTH: usize = 128;

/// API `SendMessage`, `MessageDeduplicationId`: the interval is five minutes; `ReceiveMessage` keeps a
/// `ReceiveRequestAttemptId` for as long.
pub(crate) const DEDUPLICATION_INTERVAL_MS: u64 = 5 * 60 * 1_000;

/// API `TagQueue`: more than 50 tags are "not recommended"; the quotas page makes it the limit.
pub(crate) const TAGS: usize = 50;

/// API `ListQueues`, `ListDeadLetterSourceQueues`: `MaxResults` from 1 to 1,000.
pub(crate) const LIST_RESULTS: RangeInclusive<u32> = 1..=1_000;

/// API `PurgeQueue`: the deletion takes up to 60 seconds, and so long a second purge is refused.
pub(crate) const PURGE_INTERVAL_MS: u64 = 60_000;

/// API `DeleteQueue`: wait 60 seconds before creating a queue with the same name.
pub(crate) const DELETED_NAME_INTERVAL_MS: u64 = 60_000;

/// API `StartMessageMoveTask`: at most 500 messages per second. SQS picks its own rate where none is
/// given; ours is the highest one can ask for.
pub(crate) const MOVE_RATE: RangeInclusive<u32> = 1..=500;

/// API `ListMessageMoveTasks`: the ten most recent tasks of a source queue.
pub(crate) const MOVE_TASK_RESULTS: RangeInclusive<u32> = 1..=10;

/// API `ListMessageMoveTasks`: one task unless asked for more.
pub(crate) const DEFAULT_MOVE_TASK_RESULTS: u32 = 1;
