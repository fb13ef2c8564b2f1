//! What the rules need from the outside. One or two methods each, named for the need; `adapters` implements them for
//! AWS, `fakes` in memory.
//!
//! `Err` always means that *our* infrastructure failed and the same call may be tried again; whatever a destination
//! does is an [`Outcome`], and a caller's mistake is an [`Invalid`](crate::invalid::Invalid).

use std::future::Future;
use std::time::Duration;

use crate::api_key::{Account, ApiKey, KeyId};
use crate::conversation::Conversation;
use crate::delivery::{Delivery, DeliveryStatus, Record, Summary};
use crate::delivery_log::{Page, Search};
use crate::destination::Destination;
use crate::event::LifecycleEvent;
use crate::ids::{AccountId, ConversationId, DeliveryId, DestinationId, EventId};
use crate::ledger::{Claim, Claimed, Closing};
use crate::messages::{DeliveryMessage, EventMessage};
use crate::outcome::Outcome;
use crate::provider::{Link, Provider, ProviderSecret, Reference};
use crate::rate::{Counted, Window};
use crate::sealed::{Holder, Sealed};
use crate::signal::Signal;
use crate::timestamp::{Day, Timestamp};
use crate::wire::WebhookRequest;

/// Our infrastructure failed: a table, a queue, the network between. The cause is for our log, not for callers.
#[derive(Debug, thiserror::Error)]
#[error("{operation}")]
pub struct Unavailable {
    operation: &'static str,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

impl Unavailable {
    /// Says what was being done and why it failed.
    pub fn new(operation: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { operation, cause: cause.into() }
    }

    /// Why it failed, from the nearest cause to the last.
    #[must_use]
    pub fn causes(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}

/// What a port's call comes to.
pub type Result<T, E = Unavailable> = std::result::Result<T, E>;

/// The time of day.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// What the machine itself takes for now: what was stated by its clock is measured by it.
    fn own(&self) -> Timestamp {
        self.now()
    }
}

/// Where ids and secrets come from.
pub trait Chance: Send + Sync {
    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}

impl dyn Chance + '_ {
    /// As many such bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// What a write on a condition came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is stored.
    Yes,
    /// Someone else wrote in between: read again.
    Conflict,
    /// It is larger than a table item can be, even compressed.
    TooLarge,
}

/// Looks up the records of conversations.
pub trait ConversationLookup: Send + Sync {
    /// The latest record.
    fn load(
        &self,
        account: &AccountId,
        id: &ConversationId,
    ) -> impl Future<Output = Result<Option<Conversation>>> + Send;
}

/// Keeps the records of conversations.
pub trait Conversations: ConversationLookup {
    /// Stores the record if it still has the version that was loaded.
    fn save(&self, conversation: &Conversation) -> impl Future<Output = Result<Saved>> + Send;

    /// The same, and stores the event with it: both or neither.
    fn end(
        &self,
        conversation: &Conversation,
        event: &LifecycleEvent,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Forgets the record if it still has the version that was loaded.
    fn delete(&self, conversation: &Conversation) -> impl Future<Output = Result<Saved>> + Send;
}

/// What is kept of an event and of its deliveries.
pub trait EventTraces: Send + Sync {
    /// Forgets the event, and whether it was sent on its way.
    fn forget_event(&self, account: &AccountId, event: &EventId) -> impl Future<Output = Result<()>> + Send;

    /// Forgets all records of all deliveries of an event that is forgotten itself; of one that is kept, nothing. True if
    /// there were any. An attempt whose record goes while it is under way is not recorded after it.
    fn forget_deliveries(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> impl Future<Output = Result<bool>> + Send;
}

/// Whether an event that was stored has also been sent on its way.
pub trait EventOutbox: Send + Sync {
    /// True also for an event whose retention is over: it was sent long ago.
    fn is_announced(&self, account: &AccountId, event: &EventId)
    -> impl Future<Output = Result<bool>> + Send;

    /// Remembers that the queue has taken it.
    fn mark_announced(&self, account: &AccountId, event: &EventId)
    -> impl Future<Output = Result<()>> + Send;
}

/// Finds the conversations whose end is overdue.
pub trait OverdueConversations: Send + Sync {
    /// Some of those that were overdue at that time; none only if there are none. May hold one that was just dealt
    /// with.
    fn find(&self, at: Timestamp) -> impl Future<Output = Result<Vec<(AccountId, ConversationId)>>> + Send;
}

/// What providers call conversations, and the callbacks that came before their conversation.
pub trait References: Send + Sync {
    /// Where a reference leads.
    fn find(
        &self,
        account: &AccountId,
        reference: &Reference,
    ) -> impl Future<Output = Result<Option<Link>>> + Send;

    /// Makes it lead elsewhere, if it still leads where it was found to.
    fn put(
        &self,
        account: &AccountId,
        reference: &Reference,
        link: &Link,
        found: Option<&Link>,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Makes it lead nowhere, if it still leads where it was found to.
    fn remove(
        &self,
        account: &AccountId,
        reference: &Reference,
        found: &Link,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Keeps a callback for a while, once however often it comes.
    fn park(
        &self,
        account: &AccountId,
        signal: &Signal,
        until: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Forgets a callback that was kept.
    fn unpark(&self, account: &AccountId, signal: &Signal) -> impl Future<Output = Result<()>> + Send;

    /// The callbacks that are kept for this reference, in any order.
    fn parked(
        &self,
        account: &AccountId,
        reference: &Reference,
    ) -> impl Future<Output = Result<Vec<Signal>>> + Send;
}

/// What providers sign their callbacks with.
pub trait ProviderSecrets: Send + Sync {
    /// An account's secret for a provider.
    fn get(
        &self,
        account: &AccountId,
        provider: Provider,
    ) -> impl Future<Output = Result<Option<ProviderSecret>>> + Send;
}

/// Keeps what providers sign their callbacks with, and shows none of it.
pub trait ProviderSecretStore: Send + Sync {
    /// Stores it, or replaces the one before.
    fn put(
        &self,
        account: &AccountId,
        provider: Provider,
        secret: &ProviderSecret,
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Forgets it; false if there was none.
    fn delete(&self, account: &AccountId, provider: Provider) -> impl Future<Output = Result<bool>> + Send;

    /// Which providers an account has a secret for, and since when.
    fn list(&self, account: &AccountId) -> impl Future<Output = Result<Vec<(Provider, Timestamp)>>> + Send;
}

/// The queue from ingest to fan-out.
pub trait EventQueue: Send + Sync {
    /// `Ok` once the queue has it.
    fn send(&self, message: &EventMessage) -> impl Future<Output = Result<()>> + Send;
}

/// A queue can delay a message for so long.
pub const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

/// The queue from fan-out to delivery.
pub trait DeliveryQueue: Send + Sync {
    /// `Ok` once the queue has all of them; after an error some may have been sent. None is seen before `delay`.
    fn send(&self, messages: &[DeliveryMessage], delay: Duration) -> impl Future<Output = Result<()>> + Send;
}

/// The destinations that an account's events go to.
pub trait Destinations: Send + Sync {
    /// All of them, as they are now, in the order of their ids.
    fn of_account(&self, account: &AccountId) -> impl Future<Output = Result<Vec<Destination>>> + Send;

    /// One of them.
    fn get(
        &self,
        account: &AccountId,
        id: &DestinationId,
    ) -> impl Future<Output = Result<Option<Destination>>> + Send;
}

/// Keeps destinations.
pub trait DestinationStore: Destinations {
    /// Stores a new one, or a changed one if `loaded` is still what is stored (told by its `updated_at`).
    fn put(
        &self,
        destination: &Destination,
        loaded: Option<&Destination>,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Forgets one; false if there was none.
    fn delete(&self, account: &AccountId, id: &DestinationId) -> impl Future<Output = Result<bool>> + Send;
}

/// Opens what a [`Vault`] has sealed.
pub trait Opener: Send + Sync {
    /// The text that was sealed for this holder. An error also if it was sealed for another or has been changed since:
    /// only we write there, so that is a failure of ours, and what waits for it can go on once it is mended.
    fn open(&self, of: &Holder<'_>, sealed: &Sealed) -> impl Future<Output = Result<Vec<u8>>> + Send;
}

/// Seals what is secret before it is stored.
pub trait Vault: Opener {
    /// Seals a text for this holder, under a key of its own.
    fn seal(&self, of: &Holder<'_>, text: &[u8]) -> impl Future<Output = Result<Sealed>> + Send;
}

/// Accounts and their API keys.
pub trait Accounts: Send + Sync {
    /// Stores a new account.
    fn create(&self, account: &Account) -> impl Future<Output = Result<()>> + Send;

    /// An account's cursor secret; `None` if there is no such account.
    fn cursor_secret(&self, id: &AccountId) -> impl Future<Output = Result<Option<[u8; 32]>>> + Send;

    /// Stores a new key.
    fn add_key(&self, key: &ApiKey) -> impl Future<Output = Result<()>> + Send;

    /// The key of that id, revoked or not.
    fn key(&self, id: &KeyId) -> impl Future<Output = Result<Option<ApiKey>>> + Send;

    /// An account's keys, revoked or not, in the order of their ids.
    fn keys(&self, account: &AccountId) -> impl Future<Output = Result<Vec<ApiKey>>> + Send;

    /// Makes a key of that account good for nothing, from the next request on. The key as it is then; a key that was
    /// revoked before stays as it was. `None` if the account has no such key.
    fn revoke(
        &self,
        account: &AccountId,
        id: &KeyId,
        at: Timestamp,
    ) -> impl Future<Output = Result<Option<ApiKey>>> + Send;
}

/// Remembers on which day a key was last used.
pub trait KeyUses: Send + Sync {
    /// If no later day is known.
    fn note(&self, id: &KeyId, day: Day) -> impl Future<Output = Result<()>> + Send;
}

/// Counts how often something is done.
pub trait RateCounter: Send + Sync {
    /// Once more in this window: how often it was done in it by now, by everyone. May count one time twice, never none.
    fn count(&self, what: Counted<'_>, window: Window) -> impl Future<Output = Result<u64>> + Send;
}

/// The records of attempts, which are also the claims to make them.
pub trait Ledger: Send + Sync {
    /// Writes the records of several attempts, each on the condition that no record of its number exists. In one call;
    /// the answers are in the order of the claims and independent of each other.
    fn claim(&self, claims: &[Claim]) -> impl Future<Output = Vec<Result<Claimed>>> + Send;

    /// A delivery's records in order, none missing.
    fn records(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> impl Future<Output = Result<Vec<Record>>> + Send;

    /// Completes an attempt's record if it is still in flight and its owner's. True also for a completion that was
    /// applied before. False: neither, and nothing was changed.
    fn complete(&self, closing: &Closing) -> impl Future<Output = Result<bool>> + Send;

    /// Writes the last record of a delivery that will see no (further) request, if no record of that number exists.
    fn close(
        &self,
        delivery: &Delivery,
        number: u8,
        status: DeliveryStatus,
        reason: &str,
        at: Timestamp,
    ) -> impl Future<Output = Result<Claimed>> + Send;
}

/// What a delivery needs besides its ids. Either part may be gone.
#[derive(Clone, Default)]
pub struct Context {
    /// The event; `None` once its retention is over.
    pub event: Option<LifecycleEvent>,
    /// The destination as it is now; `None` once it is deleted.
    pub destination: Option<Destination>,
}

/// Events and destinations for a batch of deliveries.
pub trait Contexts: Send + Sync {
    /// In the order of the deliveries, in one read.
    fn load(&self, deliveries: &[&DeliveryMessage]) -> impl Future<Output = Result<Vec<Context>>> + Send;
}

/// What the queue knows a received message by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

/// When a received message is seen again.
pub trait Visibility: Send + Sync {
    /// Not before `delay`.
    fn postpone(&self, receipt: &Receipt, delay: Duration) -> impl Future<Output = Result<()>> + Send;
}

/// The Delivery Logs.
pub trait DeliveryLog: Send + Sync {
    /// A page of deliveries, newest first.
    fn search(&self, account: &AccountId, search: &Search) -> impl Future<Output = Result<Page>> + Send;

    /// One delivery with its records in order.
    fn history(
        &self,
        account: &AccountId,
        delivery: &DeliveryId,
    ) -> impl Future<Output = Result<Option<(Summary, Vec<Record>)>>> + Send;

    /// The event that deliveries carry, while it is kept.
    fn event(
        &self,
        account: &AccountId,
        event: &EventId,
    ) -> impl Future<Output = Result<Option<LifecycleEvent>>> + Send;
}

/// Sends one request, and only one: no retry, no redirect.
pub trait WebhookSender: Send + Sync {
    /// Sends it and reads what comes back, within the limits of an attempt.
    fn send(&self, request: WebhookRequest) -> impl Future<Output = Outcome> + Send;
}
