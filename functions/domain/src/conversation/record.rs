//! A conversation's record: what we know about it, from all sources.

use std::time::Duration;

use crate::conversation::ended::{Ended, LateSignal};
use crate::conversation::fields::ConversationFields;
use crate::conversation::patch::ConversationPatch;
use crate::conversation::provider::Reference;
use crate::shared::ids::{AccountId, ConversationId};
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;

/// Largest record, in bytes of JSON.
pub const MAX_RECORD_BYTES: usize = 2 << 20;

/// Room beyond [`MAX_RECORD_BYTES`] for what an end adds, so that every conversation can end.
pub const ENDING_RESERVE_BYTES: usize = 8 << 10;

/// References of one conversation: a call that is transferred again and again has a few. Every one is stored in the
/// record, and deleted with it.
pub const MAX_REFERENCES: usize = 20;

/// How long after its expected end a conversation becomes overdue.
pub const OVERDUE_GRACE: Duration = Duration::from_secs(10 * 60);

/// How long after its end settles the schedule sends the message that could not be sent for it.
pub const TELL_AFTER: Duration = Duration::from_secs(60);

/// What we know about one conversation.
#[derive(Clone)]
pub struct Conversation {
    /// The account it belongs to.
    pub account_id: AccountId,
    /// Its public id.
    pub id: ConversationId,
    /// What the platform and providers state.
    pub fields: ConversationFields,
    /// Its references at providers, in the order in which we learned them: a transferred call has a second one.
    pub references: Vec<Reference>,
    /// When someone first answered or joined.
    pub answered_at: Option<Timestamp>,
    /// What a provider said about a leg that failed. Another leg may still be answered; if none is, the conversation
    /// failed, and this fills what the record lacks.
    pub failed_leg: Option<ConversationFields>,
    /// What a provider's end filled in that depends on whether someone answered: news of a leg that comes while it settles
    /// ends the conversation again.
    pub by_answer: Option<ConversationFields>,
    /// When the platform expects it to end.
    pub expected_end: Option<Timestamp>,
    /// When the schedule handles it: [`OVERDUE_GRACE`] past its expected end, to end it; or after an end whose message could
    /// not be sent, to tell fan-out of it.
    pub overdue_at: Option<Timestamp>,
    /// How it ended, once it has.
    pub ended: Option<Ended>,
    /// Reports of an end that did not decide it, or were replaced.
    pub late_signals: Vec<LateSignal>,
    /// When it was first reported to us.
    pub created_at: Timestamp,
    /// When the record was last changed.
    pub updated_at: Timestamp,
    /// Number of changes; a write names the version that it has read.
    pub version: u64,
}

impl Conversation {
    /// A conversation that is reported for the first time.
    #[must_use]
    pub fn new(account_id: AccountId, id: ConversationId, now: Timestamp) -> Self {
        Self {
            account_id,
            id,
            fields: ConversationFields::default(),
            references: Vec::new(),
            answered_at: None,
            failed_leg: None,
            by_answer: None,
            expected_end: None,
            overdue_at: None,
            ended: None,
            late_signals: Vec::new(),
            created_at: now,
            updated_at: now,
            version: 0,
        }
    }

    /// Applies the platform's change: a given value replaces, `null` clears, an absent field stays. An ended
    /// conversation stays ended.
    pub fn apply(&mut self, change: &ConversationPatch) {
        self.fields.merge(change.fields.clone());
        for clear in &change.cleared {
            clear(&mut self.fields);
        }
        if let Some(ended) = &self.ended {
            self.fields.set_end(ended.kind);
        }
        for reference in &change.references {
            self.add_reference(reference);
        }
        if let Some(expected_end) = change.expected_end {
            self.expected_end = expected_end;
            if self.ended.is_none() {
                self.overdue_at = expected_end.map(|end| end + OVERDUE_GRACE);
            }
        }
    }

    /// Checks that the conversation can have the references and the metadata of a change, too.
    ///
    /// # Errors
    /// Names the field of what would be too much.
    pub fn check(&self, change: &ConversationPatch) -> Result<(), Invalid> {
        let mut metadata = self.fields.conversation_metadata.clone();
        metadata.merge(change.fields.conversation_metadata.clone());
        metadata.check_size()?;
        self.check_references(&change.references)
    }

    /// Checks that the conversation can have these references, too.
    ///
    /// # Errors
    /// Names the field of the first that would be one too many.
    pub fn check_references(&self, references: &[Reference]) -> Result<(), Invalid> {
        let mut added = references.iter().filter(|reference| !self.references.contains(reference));
        match added.nth(MAX_REFERENCES.saturating_sub(self.references.len())) {
            None => Ok(()),
            Some(reference) => {
                let rule = format!("is one too many: a conversation can have {MAX_REFERENCES} references");
                Err(Invalid::new(reference.provider.reference_field(), rule))
            }
        }
    }

    /// Adds a provider's reference, once and if there is room.
    pub fn add_reference(&mut self, reference: &Reference) {
        if !self.references.contains(reference) && self.references.len() < MAX_REFERENCES {
            self.references.push(reference.clone());
        }
    }

    /// Lets the schedule tell fan-out of its end, because no message could be sent.
    pub fn tell_later(&mut self, settles_at: Timestamp) {
        self.overdue_at = Some(settles_at + TELL_AFTER);
    }
}
