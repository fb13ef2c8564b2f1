//! Starts and stops recoveries, as customers request it.

use std::sync::Arc;

use crate::delivery::message::{RecoveryMessage, RecoveryQueue};
use crate::destination::store::Destinations;
use crate::event::message::Version;
use crate::redelivery::recovery::{Recoveries, Recovery, Request, State};
use crate::redelivery::resend::{NoDestination, active};
use crate::shared::clock::Clock;
use crate::shared::conflict::retry_on_conflict;
use crate::shared::ids::{AccountId, RecoveryId};
use crate::shared::unavailable::{Result, Saved};
use crate::shared::wait::Wait;

/// Starts and stops recoveries.
pub struct RequestRecovery<D, S, V> {
    destinations: D,
    recoveries: S,
    steps: V,
    clock: Arc<dyn Clock>,
}

impl<D: Destinations, S: Recoveries, V: RecoveryQueue> RequestRecovery<D, S, V> {
    /// Creates the use case from its ports.
    pub fn new(destinations: D, recoveries: S, steps: V, clock: Arc<dyn Clock>) -> Self {
        Self { destinations, recoveries, steps, clock }
    }

    /// Starts a recovery, or finds the one with this id. A dry run may be of a destination that is disabled.
    pub async fn start(
        &self,
        account: &AccountId,
        id: RecoveryId,
        request: Request,
    ) -> Result<Result<Recovery, NoDestination>> {
        if let Some(destination) = &request.destination_id {
            match active(&self.destinations, account, destination).await? {
                Ok(_) => {}
                Err(NoDestination::Disabled) if request.dry_run => {}
                Err(reason) => return Ok(Err(reason)),
            }
        }
        let new = Recovery::new(id, request, self.clock.now());
        let recovery = self.recoveries.create(account, &new).await?.unwrap_or(new);
        // Sent again for a recovery that exists already: the request that created it may have died before sending.
        let first = RecoveryMessage {
            v: Version,
            account_id: account.clone(),
            recovery_id: recovery.id.clone(),
            step: recovery.step,
            wait: Wait::NONE,
        };
        self.steps.send_step(&first).await?;
        Ok(Ok(recovery))
    }

    /// Stops a recovery after its present step; false if there is none.
    pub async fn stop(&self, account: &AccountId, id: &RecoveryId) -> Result<bool> {
        retry_on_conflict("stop a recovery", || async move {
            let Some(mut recovery) = self.recoveries.load(account, id).await? else { return Ok(Some(false)) };
            if recovery.is_over() {
                return Ok(Some(true));
            }
            recovery.state = State::Stopped;
            recovery.updated_at = self.clock.now();
            recovery.step += 1;
            let saved = self.recoveries.save(account, &recovery).await?;
            Ok((saved == Saved::Yes).then_some(true))
        })
        .await
    }
}
