//! The ports to the destinations of an account.

use std::future::Future;

use crate::destination::record::Destination;
use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::unavailable::{Result, Saved};

/// The destinations that an account's events go to.
pub trait Destinations: Send + Sync {
    /// All destinations of the account, as currently stored, ordered by id.
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

/// Stores destinations.
pub trait DestinationStore: Destinations {
    /// Stores a new destination, or a changed one if the stored one is still `loaded` (identified by `updated_at`).
    fn put(
        &self,
        destination: &Destination,
        loaded: Option<&Destination>,
    ) -> impl Future<Output = Result<Saved>> + Send;

    /// Deletes a destination; false if there was none.
    fn delete(&self, account: &AccountId, id: &DestinationId) -> impl Future<Output = Result<bool>> + Send;
}
