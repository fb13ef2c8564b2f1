//! The ports to the destinations of an account.

use std::future::Future;

use crate::destination::health::Health;
use crate::destination::record::Destination;
use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::unavailable::{Result, Saved};

/// Most destinations of one account: a fan-out reads every one and must finish within its function's timeout.
pub const MAX_DESTINATIONS: u64 = 100;

/// The destinations that an account's events go to.
pub trait Destinations: Send + Sync {
    /// All destinations of the account, as currently stored, ordered by id. Those of a suspended account are disabled.
    fn of_account(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Vec<Result<Destination>>>> + Send;

    /// One destination.
    fn get(
        &self,
        account: &AccountId,
        id: &DestinationId,
    ) -> impl Future<Output = Result<Option<Destination>>> + Send;
}

/// The health of destinations. It is stored from a destination's creation to its deletion.
pub trait HealthStore: Send + Sync {
    /// The health of a destination, strongly consistent.
    fn health(
        &self,
        account: &AccountId,
        destination: &DestinationId,
    ) -> impl Future<Output = Result<Option<Health>>> + Send;

    /// Stores the health of `destination` if the stored one still has its version. If its state is disabled and the
    /// destination is not, also disables that, if it is still as it is given; both or neither.
    fn save_health(
        &self,
        destination: &Destination,
        health: &Health,
    ) -> impl Future<Output = Result<SavedHealth>> + Send;
}

/// The result of storing a destination's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SavedHealth {
    /// It is stored.
    Yes,
    /// Another writer changed it, or it was deleted: read it again.
    Conflict,
    /// Its owner changed the destination that was to be disabled.
    Changed,
}

/// The result of storing a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It is stored.
    Yes,
    /// Another writer changed it: read it again, at once, because the table has already paused.
    Conflict,
    /// This destination of the account already gets the same requests: two would send every event twice.
    Same(DestinationId),
    /// The account has [`MAX_DESTINATIONS`].
    TooMany,
}

/// Stores destinations. However many requests run at once, no account gets more than [`MAX_DESTINATIONS`], nor two with
/// the same URL, request type, events and agents.
pub trait DestinationStore: Destinations {
    /// Stores a new destination, or a changed one if the stored one is still `loaded` (identified by `updated_at`). Enabling
    /// or disabling it changes its health in the same write.
    fn put(
        &self,
        destination: &Destination,
        loaded: Option<&Destination>,
    ) -> impl Future<Output = Result<Stored>> + Send;

    /// Deletes a destination if the stored one is still `loaded`.
    fn delete(&self, loaded: &Destination) -> impl Future<Output = Result<Saved>> + Send;
}
