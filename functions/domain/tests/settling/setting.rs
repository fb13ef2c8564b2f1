//! What happens in an exploration: who reports, what fails, and which parts of the protocol are missing.

use std::time::Duration;

use domain::conversation::fields::ConversationFields;
use domain::conversation::patch::ConversationPatch;
use domain::lifecycle::completion::{Completion, Spans};
use domain::lifecycle::provider_callback::Ending;
use domain::testing::fakes::sample;

use crate::record::RETENTION;
use crate::word::Word;

pub(crate) struct Setting {
    pub(crate) callers: Vec<Word>,
    /// The platform's words that ask for a while to add to their report.
    pub(crate) delayed: Vec<Word>,
    /// How long a provider's end settles.
    pub(crate) window: Duration,
    /// Whether the platform repeats what was answered.
    pub(crate) repeats: bool,
    /// Whether the conversation is deleted.
    pub(crate) deletes: bool,
    /// Whether the mark of its deletion expires.
    pub(crate) frees: bool,
    /// Whether the retention passes.
    pub(crate) ages: bool,
    pub(crate) crashes: bool,
    /// Whether answers to conditional writes are lost.
    pub(crate) loses_answers: bool,
    pub(crate) workers: usize,
    pub(crate) destinations: usize,
    pub(crate) rules: Rules,
}

/// The parts of the protocol. If one is missing, it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) seal: Seal,
    pub(crate) marks_events: bool,
    pub(crate) marks_records: bool,
    pub(crate) stores_until: bool,
    pub(crate) takes_kind_from_event: bool,
    pub(crate) waits_for_writes: bool,
    pub(crate) has_owner: bool,
    pub(crate) checks_words: bool,
    pub(crate) sends_first: bool,
    pub(crate) obeys_settles_at: bool,
    pub(crate) schedules_unsent: bool,
}

/// What is done to an end that has settled, before its event is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seal {
    Written,
    /// Only the record's version is checked.
    Checked,
    Skipped,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            seal: Seal::Written,
            marks_events: true,
            marks_records: true,
            stores_until: true,
            takes_kind_from_event: true,
            waits_for_writes: true,
            has_owner: true,
            checks_words: true,
            sends_first: true,
            obeys_settles_at: true,
            schedules_unsent: true,
        }
    }
}

impl Setting {
    /// These words, at two workers, with crashes and lost answers.
    pub(crate) fn of(callers: &[Word]) -> Self {
        Self {
            callers: callers.to_vec(),
            delayed: Vec::new(),
            window: Duration::from_secs(10),
            repeats: false,
            deletes: false,
            frees: false,
            ages: false,
            crashes: true,
            loses_answers: true,
            workers: 2,
            destinations: 1,
            rules: Rules::default(),
        }
    }

    pub(crate) fn spans(&self) -> Spans {
        Spans { settle: self.window, retention: RETENTION }
    }

    /// The report as ingest understands it.
    pub(crate) fn completion(&self, word: Word) -> Completion {
        let (stated, known) = if word.is_platforms() {
            let stated = ConversationPatch { fields: word.fields(), ..ConversationPatch::default() };
            (stated, ConversationFields::default())
        } else {
            (ConversationPatch::default(), word.fields())
        };
        let settle = if self.delayed.contains(&word) { Duration::from_secs(60) } else { Duration::ZERO };
        Completion {
            account_id: sample::account(),
            conversation_id: sample::conversation_id(),
            flow: word.flow(),
            end: Ending::As(word.kind()),
            ended_at: None,
            settle,
            stated,
            known,
        }
    }
}
