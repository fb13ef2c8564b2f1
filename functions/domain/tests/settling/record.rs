//! The record, as the model keeps it and as the rules read it.

use std::sync::LazyLock;
use std::time::Duration;

use domain::conversation::ended::{Ended, LateSignal};
use domain::conversation::patch::ConversationPatch;
use domain::conversation::record::Conversation;
use domain::shared::ids::EventId;
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::sample;

use crate::word::{Word, Words};

/// Time is abstract: a moment lies before, at or after this one.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(100_000_000);

/// A month, more or less.
pub(crate) const RETENTION: Duration = Duration::from_secs(1_000_000);

static EVENT_ID: LazyLock<EventId> =
    LazyLock::new(|| EventId::of_conversation(&sample::account(), &sample::conversation_id()));

/// When a life of the conversation began.
pub(crate) fn began(life: u8) -> Timestamp {
    Timestamp::from_millis(0) + Duration::from_secs(1000) * u32::from(life)
}

/// When a life was deleted: before the next begins.
pub(crate) fn deleted(life: u8) -> Timestamp {
    began(life) + Duration::from_secs(500)
}

/// The record of one life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    pub(crate) life: u8,
    pub(crate) end: Option<End>,
    /// The reports whose fields it has.
    pub(crate) content: Words,
    /// On the schedule, because the message of its end could not be sent.
    pub(crate) is_scheduled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct End {
    pub(crate) decided_by: Word,
    /// Whose messages may act.
    pub(crate) words: Words,
    pub(crate) is_final: bool,
}

/// What time has done to a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) settles_at: bool,
    pub(crate) until: bool,
}

impl Record {
    pub(crate) fn open(life: u8) -> Self {
        Self { life, end: None, content: Words::default(), is_scheduled: false }
    }

    /// The end that has not settled.
    pub(crate) fn provisional(self) -> Option<End> {
        self.end.filter(|end| !end.is_final)
    }

    /// The record as the table stores it.
    pub(crate) fn conversation(self, passed: Passed) -> Conversation {
        let mut conversation =
            Conversation::new(sample::account(), sample::conversation_id(), began(self.life));
        self.content.iter().for_each(|word| conversation.fields.merge(word.fields()));
        let Some(end) = self.end else { return conversation };
        let decided_by = end.decided_by;
        let earlier = end.words.iter().filter(|word| *word != decided_by);
        let settles_at = if passed.settles_at { NOW } else { NOW + Duration::from_secs(1) };
        conversation.ended = Some(Ended {
            event_id: EVENT_ID.clone(),
            kind: decided_by.kind(),
            flow: decided_by.flow(),
            at: NOW,
            until: if passed.until { NOW } else { NOW + RETENTION },
            settles_at: (!end.is_final).then_some(settles_at),
            words: earlier.chain([decided_by]).map(Word::token).collect(),
            reported: None,
        });
        let losers = self.content.iter().filter(|word| *word != decided_by);
        let note = |word: Word| LateSignal { event: word.kind(), flow: word.flow(), at: NOW };
        conversation.late_signals = losers.map(note).collect();
        conversation.overdue_at = self.is_scheduled.then_some(NOW);
        conversation.apply(&ConversationPatch::default()); // its status
        conversation
    }

    /// What a rule made of the record of this life.
    pub(crate) fn of(conversation: &Conversation, life: u8) -> Self {
        let content: Words = Word::ALL.into_iter().filter(|word| word.is_in(&conversation.fields)).collect();
        let end = conversation.ended.as_ref().map(|ended| {
            let is = |word: &Word| ended.words.contains(&word.token());
            let decided_by =
                *Word::ALL.iter().find(|word| ended.words.last() == Some(&word.token())).unwrap();
            assert_eq!(
                (ended.kind, ended.flow),
                (decided_by.kind(), decided_by.flow()),
                "the last word decides"
            );
            let losers = content.iter().filter(|word| *word != decided_by).count();
            assert_eq!(conversation.late_signals.len(), losers, "each loser is one note");
            End {
                decided_by,
                words: Word::ALL.into_iter().filter(is).collect(),
                is_final: ended.settles_at.is_none(),
            }
        });
        Self { life, end, content, is_scheduled: conversation.overdue_at.is_some() }
    }
}
