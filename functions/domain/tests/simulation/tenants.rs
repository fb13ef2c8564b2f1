//! The destinations and what their owners do to them.

use std::sync::Arc;
use std::time::Duration;

use domain::destination::record::{Destination, DestinationStatus};
use domain::destination::retry::Retry;
use domain::destination::target_url::TargetUrl;
use domain::shared::ids::DestinationId;
use domain::testing::fakes::sample;

use crate::faults::Fault;
use crate::sink::Answer;
use crate::world::World;

/// What the world knows of a destination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tenant {
    pub(crate) is_deleted: bool,
    pub(crate) retry: Retry,
}

impl Tenant {
    pub(crate) fn is_extended(&self) -> bool {
        self.retry == Retry::Extended
    }
}

impl World {
    /// Adds a destination.
    pub(crate) fn destination(&self, index: usize, status: DestinationStatus) -> DestinationId {
        let plain = sample::destination(&format!("dst_{index}"));
        let id = plain.id.clone();
        let is_extended = self.randomness.chance(self.extended);
        let retry = if is_extended { Retry::Extended } else { Retry::Standard };
        self.tenants.put(Destination { status, retry, url: url("here", &id), ..plain });
        self.state().destinations.insert(id.clone(), Tenant { is_deleted: false, retry });
        id
    }

    /// Adds an enabled destination that answers from this script, then with 200.
    pub(crate) fn destination_that(&self, index: usize, script: &[Answer]) -> DestinationId {
        let id = self.destination(index, DestinationStatus::Enabled);
        self.sink.add(&id, script, None);
        id
    }

    pub(crate) fn tenant(&self, id: &DestinationId) -> Tenant {
        self.state().destinations[id]
    }

    /// Applies an owner's change to a destination.
    pub(crate) fn change(&self, id: &DestinationId, change: Fault) {
        self.faults.note(change, || id.to_string());
        let (url_here, retry) = (url("here", id), self.tenant(id).retry);
        let plain = Destination { url: url_here, retry, ..sample::destination(id.as_str()) };
        match change {
            Fault::Disabled => {
                self.tenants.put(Destination { status: DestinationStatus::Disabled, ..plain });
            }
            Fault::Moved => self.tenants.put(Destination { url: url("there", id), ..plain }),
            Fault::Deleted => {
                self.tenants.remove(id);
                self.state().destinations.insert(id.clone(), Tenant { is_deleted: true, retry });
            }
            _ => self.tenants.put(plain),
        }
    }

    /// Makes the owner of a destination change it some time.
    pub(crate) fn change_later(self: &Arc<Self>, id: &DestinationId) {
        let change = *self.randomness.pick(&[Fault::Disabled, Fault::Moved, Fault::Deleted]);
        let (world, id) = (Arc::clone(self), id.clone());
        self.time.after(self.randomness.log_uniform(Duration::from_secs(120)), move || {
            world.change(&id, change);
            if change != Fault::Deleted && world.randomness.chance(0.5) {
                let after = world.randomness.log_uniform(Duration::from_secs(120));
                world.time.clone().after(after, move || world.change(&id, Fault::Enabled));
            }
        });
    }
}

pub(crate) fn url(host: &str, id: &DestinationId) -> TargetUrl {
    TargetUrl::from_stored(&format!("https://{host}.example.com/hooks?destination={id}")).unwrap()
}
