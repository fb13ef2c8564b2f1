//! The domain's steps that several routes share, with their tables and queues.

use adapters::dynamodb::{ConversationTable, EventTable, ReferenceTable};
use adapters::sqs::Queue;

/// Ends a conversation.
pub(crate) type Complete = domain::lifecycle::complete::Complete<ConversationTable, Queue, EventTable>;

/// Applies provider callbacks to their conversations.
pub(crate) type Callbacks =
    domain::lifecycle::callback::Callbacks<ConversationTable, Queue, EventTable, ReferenceTable>;
