//! A report that a conversation ended, and what it makes of the record.

use std::time::Duration;

use crate::conversation::ended::{CompletionFlow, Ended, LateSignal, Rank};
use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::conversation::record::Conversation;
use crate::event::kind::EventKind;
use crate::lifecycle::provider_callback::Ending;
use crate::shared::ids::{AccountId, ConversationId, EventId};
use crate::shared::timestamp::Timestamp;
use crate::shared::token::Token;

/// A report that a conversation ended.
pub struct Completion {
    /// The account it belongs to.
    pub account_id: AccountId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The source of the report.
    pub flow: CompletionFlow,
    /// How it ended.
    pub end: Ending,
    /// When it ended, if a provider reports it.
    pub ended_at: Option<Timestamp>,
    /// How long the platform goes on adding to its report.
    pub settle: Duration,
    /// What the platform states: replaces what the record has.
    pub stated: ConversationPatch,
    /// What a provider reports: fills what the record lacks.
    pub known: ConversationFields,
}

impl Completion {
    /// How much it weighs.
    #[must_use]
    pub fn rank(&self) -> Rank {
        match (self.flow.is_platform(), self.settle.is_zero()) {
            (false, _) => Rank::Provisional,
            (true, false) => Rank::Delayed,
            (true, true) => Rank::Final,
        }
    }
}

/// How long ends settle, and how long events are kept.
#[derive(Debug, Clone, Copy)]
pub struct Spans {
    /// The wait for the platform's word after a provider's: `SettleSeconds`.
    pub settle: Duration,
    /// The retention of events.
    pub retention: Duration,
}

/// What a report changes that does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// It is noted.
    Note,
    /// What it adds is kept.
    Fields,
}

/// Adds to the record what a report says that does not decide. If its flow or its end is another, notes it once.
pub fn add(
    conversation: &mut Conversation,
    completion: &Completion,
    ended: &Ended,
    now: Timestamp,
) -> Change {
    let kind = completion.end.kind(conversation);
    let known = |note: &LateSignal| note.event == kind && note.flow == completion.flow;
    let is_repeat =
        (kind, completion.flow) == (ended.kind, ended.flow) || conversation.late_signals.iter().any(known);
    if !is_repeat {
        conversation.late_signals.push(LateSignal { event: kind, flow: completion.flow, at: now });
    }
    let before = (conversation.fields.clone(), conversation.references.len());
    conversation.apply(&completion.stated);
    conversation.fields.fill(completion.known.clone());
    let adds = (&conversation.fields, conversation.references.len()) != (&before.0, before.1);
    if adds || !is_repeat {
        conversation.updated_at = now;
    }
    match (adds, is_repeat) {
        (true, _) => Change::Fields,
        (false, false) => Change::Note,
        (false, true) => Change::Nothing,
    }
}

/// Returns the record as a report ends it.
#[must_use]
pub fn end(
    mut conversation: Conversation,
    completion: &Completion,
    word: &Token,
    spans: Spans,
    now: Timestamp,
) -> (Conversation, Ended) {
    let previous = conversation.ended.take();
    conversation.apply(&completion.stated);
    let own = conversation.fields.lacking(completion.known.clone());
    fill(&mut conversation, &own, completion.ended_at);
    conversation.by_answer = (completion.end == Ending::ByAnswer).then_some(own);
    let kind = completion.end.kind(&conversation);
    // A provider's clock may be ahead of ours, but what it reports has happened.
    let reported = completion.ended_at.map(|at| at.min(now));
    let mut ended = Ended {
        event_id: EventId::of_conversation(&conversation.account_id, &conversation.id),
        kind,
        flow: completion.flow,
        at: now,
        reported,
        until: now + spans.retention,
        settles_at: match completion.rank() {
            Rank::Provisional => Some(now + spans.settle),
            Rank::Delayed => Some(now + completion.settle),
            Rank::Final => None,
        },
        words: Vec::new(),
    };
    if let Some(previous) = previous {
        (ended.at, ended.until, ended.words) = (previous.at, previous.until, previous.words);
        ended.reported = reported.or(previous.reported);
        if (previous.kind, previous.flow) != (ended.kind, ended.flow) {
            let (event, flow) = (previous.kind, previous.flow);
            conversation.late_signals.push(LateSignal { event, flow, at: previous.at });
        }
    }
    ended.words.push(word.clone());
    conversation.fields.set_end(kind);
    conversation.ended = Some(ended.clone());
    if kind == EventKind::Completed {
        conversation.answered_at.get_or_insert(now);
    }
    conversation.overdue_at = None;
    conversation.updated_at = now;
    (conversation, ended)
}

/// Fills in what an end tells: of a leg that failed if nobody answered, and of its own.
fn fill(conversation: &mut Conversation, own: &ConversationFields, ended_at: Option<Timestamp>) {
    if conversation.answered_at.is_none()
        && let Some(failed) = conversation.failed_leg.take()
    {
        let filled = conversation.fields.lacking(failed);
        conversation.fields.fill(filled.clone());
        conversation.failed_leg = Some(filled);
    }
    conversation.fields.fill(own.clone());
    if let (Some(answered), Some(ended)) = (conversation.answered_at, ended_at) {
        let seconds = ended.since(answered).as_secs();
        conversation.fields.conversation_duration.get_or_insert_with(|| seconds.into());
    }
}

/// Takes an end off the record that depends on whether someone answered and has not settled, and what it filled in.
pub(super) fn reopen(conversation: &mut Conversation) -> Option<Ended> {
    let own = conversation.by_answer.as_ref()?;
    let ended = conversation.ended.take_if(|ended| ended.settles_at.is_some())?;
    conversation.fields.take_back(own);
    if let (None, Some(failed)) = (conversation.answered_at, &conversation.failed_leg) {
        conversation.fields.take_back(failed);
    }
    Some(ended)
}

/// Ends a reopened conversation again, by what the record says now.
pub(super) fn end_again(conversation: &mut Conversation, mut ended: Ended) {
    let own = conversation.by_answer.take().unwrap_or_default();
    fill(conversation, &own, ended.reported);
    conversation.by_answer = Some(own);
    ended.kind = Ending::ByAnswer.kind(conversation);
    conversation.fields.set_end(ended.kind);
    conversation.ended = Some(ended);
}
