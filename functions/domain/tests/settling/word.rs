//! The reports of an end, and the messages that are sent for them.

use std::sync::LazyLock;

use domain::conversation::ended::CompletionFlow;
use domain::conversation::fields::ConversationFields;
use domain::event::kind::EventKind;
use domain::event::message::{EventMessage, Version};
use domain::shared::timestamp::Timestamp;
use domain::shared::token::Token;
use domain::shared::wait::Wait;
use domain::testing::fakes::sample;
use serde_json::json;

/// A report: two by providers, two by the platform. Each brings a field of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Word {
    Twilio,
    Daily,
    Hangup,
    EventBridge,
}

use Word::{Daily, EventBridge, Hangup, Twilio};

static FIELDS: LazyLock<[ConversationFields; 4]> = LazyLock::new(|| {
    Word::ALL.map(|word| {
        let fields = json!({word.field(): format!("{word:?}")}).to_string();
        ConversationFields::parse(serde_json::from_str(&fields).unwrap()).unwrap()
    })
});

impl Word {
    pub(crate) const ALL: [Self; 4] = [Twilio, Daily, Hangup, EventBridge];

    /// The platform repeats its report until it is answered; a provider does not.
    pub(crate) const fn is_platforms(self) -> bool {
        matches!(self, Hangup | EventBridge)
    }

    pub(crate) const fn flow(self) -> CompletionFlow {
        match self {
            Twilio => CompletionFlow::Twilio,
            Daily => CompletionFlow::Daily,
            Hangup => CompletionFlow::Hangup,
            EventBridge => CompletionFlow::EventBridge,
        }
    }

    /// How it says the conversation ended. No scenario has two words of one kind.
    pub(crate) const fn kind(self) -> EventKind {
        match self {
            Twilio => EventKind::Failed,
            Hangup => EventKind::Completed,
            Daily | EventBridge => EventKind::Disconnected,
        }
    }

    pub(crate) const fn field(self) -> &'static str {
        match self {
            Twilio => "to_mobile_number",
            Daily => "from_mobile_number",
            Hangup => "agent_id",
            EventBridge => "notes",
        }
    }

    /// Whether its field is set.
    pub(crate) const fn is_in(self, fields: &ConversationFields) -> bool {
        match self {
            Twilio => fields.to_mobile_number.is_some(),
            Daily => fields.from_mobile_number.is_some(),
            Hangup => fields.agent_id.is_some(),
            EventBridge => fields.notes.is_some(),
        }
    }

    pub(crate) fn fields(self) -> ConversationFields {
        FIELDS[self as usize].clone()
    }

    pub(crate) fn token(self) -> Token {
        Token::from(self.field())
    }
}

/// A set of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Words(u8);

impl Words {
    pub(crate) fn has(self, word: Word) -> bool {
        self.0 & 1 << word as u8 != 0
    }

    pub(crate) fn has_all(self, words: Self) -> bool {
        words.0 & !self.0 == 0
    }

    pub(crate) fn and(self, word: Word) -> Self {
        Self(self.0 | 1 << word as u8)
    }

    pub(crate) fn among(self, words: Self) -> Self {
        Self(self.0 & words.0)
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Word> {
        Word::ALL.into_iter().filter(move |word| self.has(*word))
    }
}

impl FromIterator<Word> for Words {
    fn from_iter<I: IntoIterator<Item = Word>>(words: I) -> Self {
        words.into_iter().fold(Self::default(), Self::and)
    }
}

/// A message: the one of a report, or one that is sent again for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Message {
    pub(crate) word: Word,
    pub(crate) is_again: bool,
}

impl Message {
    pub(crate) const fn of(word: Word) -> Self {
        Self { word, is_again: false }
    }

    pub(crate) const fn again(word: Word) -> Self {
        Self { word, is_again: true }
    }

    pub(crate) fn id(self) -> Token {
        let name = format!("{:?}", self.word);
        Token::from(if self.is_again { name.as_str() } else { self.word.field() })
    }

    /// The message, sent for this word at this time.
    pub(crate) fn sent(self, word: Word, sent_at: Timestamp) -> EventMessage {
        EventMessage {
            v: Version,
            account_id: sample::account(),
            conversation_id: sample::conversation_id(),
            word: word.token(),
            id: self.id(),
            sent_at,
            settle: Wait::NONE,
            wait: Wait::NONE,
        }
    }
}

/// The messages in the queue: in any order, and any of them at any number of workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Messages {
    own: Words,
    again: Words,
}

impl Messages {
    pub(crate) fn has(self, message: Message) -> bool {
        if message.is_again { self.again.has(message.word) } else { self.own.has(message.word) }
    }

    pub(crate) fn add(&mut self, message: Message) {
        let words = if message.is_again { &mut self.again } else { &mut self.own };
        *words = words.and(message.word);
    }

    pub(crate) fn remove(&mut self, message: Message) {
        let words = if message.is_again { &mut self.again } else { &mut self.own };
        *words = words.iter().filter(|word| *word != message.word).collect();
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Message> {
        self.own.iter().map(Message::of).chain(self.again.iter().map(Message::again))
    }
}
