//! The ports to the destinations of an account.

use std::future::Future;

use crate::destination::record::Destination;
use crate::shared::ids::{AccountId, DestinationId};
use crate::shared::unavailable::Result;
use crate::shared::unavailable::Saved;

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
