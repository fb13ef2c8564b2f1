//! How a conversation ended.

use serde::{Deserialize, Serialize};

use crate::event::kind::EventKind;
use crate::shared::ids::EventId;
use crate::shared::timestamp::Timestamp;
use crate::shared::token::Token;

/// A source that reports the end of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletionFlow {
    /// The platform's dialer.
    OutboundCall,
    /// Standard hangup handling.
    Hangup,
    /// The platform's event bus.
    EventBridge,
    /// A Daily session.
    Daily,
    /// Twilio's hangup processing.
    Twilio,
    /// The schedule: the conversation is long past its expected end.
    Schedule,
    /// A customer's test event.
    Test,
}

impl CompletionFlow {
    /// Whether the platform reports, which repeats its report when we fail. A provider does not.
    pub(crate) const fn is_platform(self) -> bool {
        match self {
            Self::OutboundCall | Self::Hangup | Self::EventBridge | Self::Test => true,
            Self::Daily | Self::Twilio | Self::Schedule => false,
        }
    }
}

/// How much a report of an end weighs: one that weighs more replaces an end that has not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// A provider or the schedule: the platform may know better within a moment.
    Provisional,
    /// The platform, which adds to its report for a while.
    Delayed,
    /// The platform.
    Final,
}

/// How a conversation ended. Until it has settled, a report of a higher [`Rank`] changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its only event.
    pub event_id: EventId,
    /// How it ended.
    pub kind: EventKind,
    /// The source whose report decided.
    pub flow: CompletionFlow,
    /// When we accepted the first report.
    pub at: Timestamp,
    /// Until when the event is kept. Nothing is sent from then on, also if the retention has changed since.
    pub until: Timestamp,
    /// When the end settles and its event leaves; `None` once it is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles_at: Option<Timestamp>,
    /// The reports that made it what it is, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Token>,
    /// When it ended, if a provider reported that: its callback may come seconds later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Timestamp>,
}

impl Ended {
    /// Whether a report of this rank changes it.
    #[must_use]
    pub fn yields_to(&self, rank: Rank) -> bool {
        let own = if self.flow.is_platform() { Rank::Delayed } else { Rank::Provisional };
        self.settles_at.is_some() && own < rank
    }

    /// Whether a report of this rank, which changes nothing of it, tells fan-out again: only the platform's comes again
    /// because its message could not be sent, and an end that has not settled has its message.
    #[must_use]
    pub fn is_told_again_by(&self, rank: Rank) -> bool {
        self.settles_at.is_none() && rank == Rank::Final
    }

    /// Whether nothing more is waited for before its event leaves.
    #[must_use]
    pub fn has_settled(&self, now: Timestamp) -> bool {
        self.settles_at.is_none_or(|at| at <= now)
    }

    /// Whether its event may still leave.
    #[must_use]
    pub fn may_leave(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Whether the conversation was over when something else began in its room.
    #[must_use]
    pub fn is_before(&self, began: Timestamp) -> bool {
        self.reported.unwrap_or(self.at) < began
    }
}

/// A report of an end that did not decide it, or was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateSignal {
    /// How this report says the conversation ended.
    pub event: EventKind,
    /// The source of this report.
    pub flow: CompletionFlow,
    /// When it first came.
    pub at: Timestamp,
}
