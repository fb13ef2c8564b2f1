//! A conversation as others see it: in the payload and in the API.

use std::borrow::Cow;

use serde::Serialize;

use crate::conversation::ended::{CompletionFlow, LateSignal};
use crate::conversation::fields::ConversationFields;
use crate::conversation::metadata::Metadata;
use crate::conversation::provider::Reference;
use crate::conversation::record::Conversation;
use crate::conversation::status::ConversationStatus;
use crate::conversation::value::{List, Seconds, Text};
use crate::shared::ids::{ConversationId, EventId, digest, hex};
use crate::shared::json::json_of;
use crate::shared::timestamp::Timestamp;

/// The fields, in the order in which the payload has them after `event`. An unknown
/// transcript is empty; whether an analysis is, they say themselves.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    id: Cow<'a, Text>,
    conversation_id: &'a ConversationId,
    agent_id: Option<&'a Text>,
    conversation_type: Option<&'a Text>,
    conversation_status: Option<ConversationStatus>,
    notes: Option<&'a Text>,
    conversation_duration: Option<&'a Seconds>,
    conversation_recording_url: Option<&'a Text>,
    calling_type: Option<&'a Text>,
    telephony_provider: Option<&'a Text>,
    to_mobile_number: Option<&'a Text>,
    from_mobile_number: Option<&'a Text>,
    pub(super) is_test_call: Option<bool>,
    conversation_transcript: Cow<'a, List>,
    pub(super) conversation_analysis: Option<Cow<'a, List>>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(conversation: &'a Conversation) -> Self {
        let fields = &conversation.fields;
        Self {
            id: fields.id.as_ref().map_or_else(|| Cow::Owned(document_id(conversation)), Cow::Borrowed),
            conversation_id: &conversation.id,
            agent_id: fields.agent_id.as_ref(),
            conversation_type: fields.conversation_type.as_ref(),
            conversation_status: fields.conversation_status,
            notes: fields.notes.as_ref(),
            conversation_duration: fields.conversation_duration.as_ref(),
            conversation_recording_url: fields.conversation_recording_url.as_ref(),
            calling_type: fields.calling_type.as_ref(),
            telephony_provider: fields.telephony_provider.as_ref(),
            to_mobile_number: fields.to_mobile_number.as_ref(),
            from_mobile_number: fields.from_mobile_number.as_ref(),
            is_test_call: fields.is_test_call,
            conversation_transcript: fields
                .conversation_transcript
                .as_ref()
                .map_or_else(|| Cow::Owned(List::from_iter([])), Cow::Borrowed),
            conversation_analysis: fields.conversation_analysis.as_ref().map(Cow::Borrowed),
        }
    }
}

/// The metadata as others see it. That of a call has its numbers, too.
#[derive(Serialize)]
pub(super) struct ShownMetadata<'a> {
    #[serde(flatten)]
    stated: &'a Metadata,
    #[serde(flatten)]
    call: Option<Call<'a>>,
}

/// Every key that a caller's metadata cannot have.
#[derive(Serialize)]
struct Call<'a> {
    to_mobile_number: Option<&'a Text>,
    from_mobile_number: Option<&'a Text>,
    calling_type: Option<&'a Text>,
    telephony_provider: Option<&'a Text>,
    conversation_recording_url: Option<&'a Text>,
    conversation_duration: Option<&'a Seconds>,
}

impl<'a> ShownMetadata<'a> {
    pub(super) fn new(fields: &'a ConversationFields) -> Self {
        let is_call = fields.conversation_type.as_ref().is_some_and(|kind| kind.text() == "TELEPHONY");
        let call = || Call {
            to_mobile_number: fields.to_mobile_number.as_ref(),
            from_mobile_number: fields.from_mobile_number.as_ref(),
            calling_type: fields.calling_type.as_ref(),
            telephony_provider: fields.telephony_provider.as_ref(),
            conversation_recording_url: fields.conversation_recording_url.as_ref(),
            conversation_duration: fields.conversation_duration.as_ref(),
        };
        Self { stated: &fields.conversation_metadata, call: is_call.then(call) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stated.is_empty() && self.call.is_none()
    }
}

/// The `id` if the platform gave none: 24 hex digits, like the platform's own document ids.
fn document_id(conversation: &Conversation) -> Text {
    let digest = digest(&["document", conversation.account_id.as_str(), conversation.id.as_str()]);
    hex(&digest[..12]).into()
}

/// The full record as the API shows it: the payload's fields, and what else we know.
#[derive(Serialize)]
struct Record<'a> {
    #[serde(flatten)]
    fields: Shown<'a>,
    created_by: Option<&'a Text>,
    conversation_metadata: ShownMetadata<'a>,
    references: &'a [Reference],
    expected_end: Option<Timestamp>,
    event_id: Option<&'a EventId>,
    ended_at: Option<Timestamp>,
    ended_by: Option<CompletionFlow>,
    late_signals: &'a [LateSignal],
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Conversation {
    /// The full record as the conversation API shows it.
    #[must_use]
    pub fn public_json(&self) -> String {
        let ended = self.ended.as_ref();
        json_of(&Record {
            fields: Shown::new(self),
            created_by: self.fields.created_by.as_ref(),
            conversation_metadata: ShownMetadata::new(&self.fields),
            references: &self.references,
            expected_end: self.expected_end,
            event_id: ended.map(|ended| &ended.event_id),
            ended_at: ended.map(|ended| ended.at),
            ended_by: ended.map(|ended| ended.flow),
            late_signals: &self.late_signals,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}
