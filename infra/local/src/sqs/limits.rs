//! The quotas of Amazon SQS, each with the page that states it.
//!
//! "API" is the Amazon SQS API Reference of the action named, as the published service model of
//! November 2026 has it.

use std::ops::RangeInclusive;

/// API `CreateQueue`: a queue name can have up to 80 characters.
pub(crate) const QUEUE_NAME_LENGTH: usize = 80;

/// API `SendMessageBatch`: the Id of an entry can have up to 80 characters.
pub(crate) const BATCH_ENTRY_ID_LENGTH: usize = 80;

/// API `SendMessageBatch`, `DeleteMessageBatch`: ten entries.
pub(crate) const BATCH_ENTRIES: usize = 10;

/// API `SendMessageBatch`: 1 MiB for one message and for all messages of a batch together.
pub(crate) const PAYLOAD_BYTES: usize = 1_048_576;

/// API `SendMessage`, `DelaySeconds`: 0 to 900 (15 minutes).
pub(crate) const DELAY_SECONDS: RangeInclusive<u32> = 0..=900;

/// API `CreateQueue`, `MessageRetentionPeriod`: one minute to 14 days.
pub(crate) const MESSAGE_RETENTION_PERIOD: RangeInclusive<u32> = 60..=1_209_600;

/// API `CreateQueue`, `MessageRetentionPeriod`: four days unless set.
pub(crate) const DEFAULT_MESSAGE_RETENTION_PERIOD: u32 = 345_600;

/// API `ReceiveMessage`, `WaitTimeSeconds`: 0 to 20; 0 unless given.
pub(crate) const WAIT_TIME_SECONDS: RangeInclusive<u32> = 0..=20;

/// API `ChangeMessageVisibility`: 0 to 43,200 seconds (12 hours). A message stays in flight at most that long after its
/// receive.
pub(crate) const VISIBILITY_TIMEOUT: RangeInclusive<u32> = 0..=43_200;

/// API `CreateQueue`, `VisibilityTimeout`: 30 seconds unless set.
pub(crate) const DEFAULT_VISIBILITY_TIMEOUT: u32 = 30;

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

/// API `SendMessage`: a `MessageGroupId` can have up to 128 characters.
pub(crate) const GROUP_ID_LENGTH: usize = 128;
