//! The steps that several routes share, over the tables and the queue.

use adapters::dynamodb::{ConversationTables, ReferenceTable};
use adapters::sqs::Queue;

/// Ends a conversation.
pub(crate) type Complete = domain::lifecycle::complete::Complete<ConversationTables, Queue>;

/// Takes providers' callbacks to their conversations.
pub(crate) type Callbacks = domain::lifecycle::callback::Callbacks<ConversationTables, Queue, ReferenceTable>;
