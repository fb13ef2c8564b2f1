//! The tables and queues as one invocation sees them: in-memory fakes behind the network.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::conversation::record::Conversation;
use domain::conversation::store::{ConversationLookup, Conversations, Stored};
use domain::delivery::context::{Context, Contexts};
use domain::delivery::history::Record;
use domain::delivery::ledger::{Claim, Claimed, CompletedAttempt, Ledger};
use domain::delivery::message::{DeliveryMessage, DeliveryQueue, Message};
use domain::delivery::received::{Receipt, Visibility};
use domain::delivery::record::{Delivery, DeliveryStatus};
use domain::destination::health::Health;
use domain::destination::record::Destination;
use domain::destination::store::{Destinations, HealthStore, SavedHealth};
use domain::event::lifecycle_event::LifecycleEvent;
use domain::event::message::{EventMessage, EventQueue, NoticeMessage, NoticeQueue};
use domain::event::store::{Created, EventEraser, EventLookup, Events, StoredEvent};
use domain::shared::clock::Clock;
use domain::shared::encryption::{Decryptor, Encrypted, EncryptionContext};
use domain::shared::ids::{AccountId, ConversationId, DeliveryId, DestinationId, EventId};
use domain::shared::rate::{RateCounter, RateKey, Window};
use domain::shared::timestamp::Timestamp;
use domain::shared::token::Token;
use domain::shared::unavailable::{Result, Saved, Unavailable};
use domain::testing::fakes::PlaintextVault;
use futures_util::FutureExt;

use crate::faults::{Fault, Point};
use crate::network::Network;
use crate::queue::Source;
use crate::world::World;

/// `SendMessageBatch` takes ten entries; refused entries are sent again, as in `adapters::sqs`.
const BATCH: usize = 10;
const MAX_ROUNDS: usize = 3;

/// Every port of one invocation.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) world: Arc<World>,
    pub(crate) network: Network,
    /// How often Dispatch has appeared in this invocation's chain of requests.
    pub(crate) appearances: u32,
}

/// Returns the result of a fake, which is always ready.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().unwrap()
}

impl Ledger for Ports {
    async fn claim(&self, claims: &[Claim]) -> Vec<Result<Claimed>> {
        let (world, wanted) = (Arc::clone(&self.world), claims.to_vec());
        let insert = move || {
            let one = |claim: &Claim| {
                if world.faults.happens(Point::Claim, Fault::PartlyRefused) {
                    return Err(Unavailable::new("claim an attempt", "simulated failure"));
                }
                world.log.note(&claim.delivery);
                at_once(world.ledger.claim(std::slice::from_ref(claim))).pop().unwrap()
            };
            Ok(wanted.iter().map(one).collect::<Vec<_>>())
        };
        self.network.call(Point::Claim, insert).await.unwrap_or_else(|_| {
            claims.iter().map(|_| Err(Unavailable::new("claim attempts", "simulated failure"))).collect()
        })
    }

    async fn records(&self, account: &AccountId, delivery: &DeliveryId) -> Result<Vec<Record>> {
        let (world, account, delivery) = (Arc::clone(&self.world), account.clone(), delivery.clone());
        self.network.call(Point::Records, move || at_once(world.ledger.records(&account, &delivery))).await
    }

    async fn complete(&self, completed: &CompletedAttempt) -> Result<bool> {
        let (world, completed) = (Arc::clone(&self.world), completed.clone());
        self.network.call(Point::Complete, move || at_once(world.ledger.complete(&completed))).await
    }

    async fn release(&self, claim: &Claim) -> Result<bool> {
        let (world, claim) = (Arc::clone(&self.world), claim.clone());
        self.network.call(Point::Complete, move || at_once(world.ledger.release(&claim))).await
    }

    async fn close(
        &self,
        delivery: &Delivery,
        number: u8,
        status: DeliveryStatus,
        reason: &str,
        at: Timestamp,
    ) -> Result<Claimed> {
        let (world, delivery, reason) = (Arc::clone(&self.world), delivery.clone(), reason.to_owned());
        let close = move || {
            world.log.note(&delivery);
            at_once(world.ledger.close(&delivery, number, status, &reason, at))
        };
        self.network.call(Point::Close, close).await
    }
}

impl Decryptor for Ports {
    async fn decrypt(&self, of: &EncryptionContext<'_>, encrypted: &Encrypted) -> Result<Vec<u8>> {
        self.network.call(Point::Decrypt, || Ok(())).await?;
        PlaintextVault.decrypt(of, encrypted).await
    }
}

impl Contexts for Ports {
    async fn load(&self, deliveries: &[&DeliveryMessage]) -> Vec<Result<Context>> {
        let world = Arc::clone(&self.world);
        let wanted: Vec<_> = deliveries.iter().map(|&message| message.clone()).collect();
        let load = move || Ok(at_once(world.tenants.load(&wanted.iter().collect::<Vec<_>>())));
        let loaded = self.network.call(Point::Contexts, load).await;
        loaded.unwrap_or_else(|error| deliveries.iter().map(|_| Err(error.repeat())).collect())
    }
}

impl Destinations for Ports {
    async fn of_account(&self, account: &AccountId) -> Result<Vec<Result<Destination>>> {
        let (world, account) = (Arc::clone(&self.world), account.clone());
        self.network.call(Point::Destinations, move || at_once(world.tenants.of_account(&account))).await
    }

    async fn get(&self, account: &AccountId, id: &DestinationId) -> Result<Option<Destination>> {
        let (world, account, id) = (Arc::clone(&self.world), account.clone(), id.clone());
        self.network.call(Point::Destinations, move || at_once(world.tenants.get(&account, &id))).await
    }
}

impl HealthStore for Ports {
    async fn health(&self, account: &AccountId, id: &DestinationId) -> Result<Option<Health>> {
        let (world, account, id) = (Arc::clone(&self.world), account.clone(), id.clone());
        self.network.call(Point::Destinations, move || at_once(world.tenants.health(&account, &id))).await
    }

    async fn save_health(&self, destination: &Destination, health: &Health) -> Result<SavedHealth> {
        let (world, destination, health) = (Arc::clone(&self.world), destination.clone(), health.clone());
        let save = move || {
            let saved = at_once(world.tenants.save_health(&destination, &health));
            if let Ok(SavedHealth::Yes) = saved {
                world.note_health(&destination.id, &health);
            }
            saved
        };
        self.network.call(Point::Health, save).await
    }
}

impl RateCounter for Ports {
    async fn add(&self, what: RateKey<'_>, window: Window, uses: u64) -> Result<u64> {
        let (is_probe, account, destination) = match what {
            RateKey::Requests(_) => return Ok(0),
            RateKey::Deliveries(account, destination) => (false, account.clone(), destination.clone()),
            RateKey::Probes(account, destination) => (true, account.clone(), destination.clone()),
        };
        let world = Arc::clone(&self.world);
        let count = move || {
            let key = if is_probe { RateKey::Probes } else { RateKey::Deliveries };
            let key = key(&account, &destination);
            if !world.capacity.takes(format!("{key:?} {window:?}"), world.time.now()) {
                return Err(Unavailable::new("count a delivery", "the key's writes are used up"));
            }
            at_once(world.rates.add(key, window, uses))
        };
        self.network.call(Point::Count, count).await
    }
}

impl ConversationLookup for Ports {
    async fn load(&self, account: &AccountId, id: &ConversationId) -> Result<Stored> {
        let (world, account, id) = (Arc::clone(&self.world), account.clone(), id.clone());
        let load = move || at_once(world.conversations.load(&account, &id));
        self.network.call(Point::Conversation, load).await
    }
}

impl Conversations for Ports {
    async fn glance(&self, account: &AccountId, id: &ConversationId) -> Result<Stored> {
        let (world, account, id) = (Arc::clone(&self.world), account.clone(), id.clone());
        let glance = move || at_once(world.conversations.glance(&account, &id));
        self.network.call(Point::Conversation, glance).await
    }

    async fn save(&self, conversation: &Conversation) -> Result<Saved> {
        let (world, conversation) = (Arc::clone(&self.world), conversation.clone());
        let save = move || at_once(world.conversations.save(&conversation));
        self.network.call(Point::Conversation, save).await
    }

    async fn forget(&self, conversation: &Conversation, at: Timestamp) -> Result<Saved> {
        let (world, conversation) = (Arc::clone(&self.world), conversation.clone());
        let forget = move || at_once(world.conversations.forget(&conversation, at));
        self.network.call(Point::Conversation, forget).await
    }
}

impl Events for Ports {
    async fn load(&self, account: &AccountId, event: &EventId) -> Result<StoredEvent> {
        let (events, account, event) = (self.world.tenants.events(), account.clone(), event.clone());
        let load = move || at_once(events.load(&account, &event));
        self.network.call(Point::Event, load).await
    }

    async fn create(&self, event: &LifecycleEvent, by: &Token, began: Timestamp) -> Result<Created> {
        let (events, event, by) = (self.world.tenants.events(), event.clone(), by.clone());
        let create = move || at_once(events.create(&event, &by, began));
        self.network.call(Point::Event, create).await
    }

    async fn list_unwanted(&self, event: &LifecycleEvent) -> Result<()> {
        let (events, event) = (self.world.tenants.events(), event.clone());
        let list = move || at_once(events.list_unwanted(&event));
        self.network.call(Point::Event, list).await
    }
}

impl EventLookup for Ports {
    async fn exists(&self, account: &AccountId, event: &EventId) -> Result<bool> {
        let (events, account, event) = (self.world.tenants.events(), account.clone(), event.clone());
        let exists = move || at_once(events.exists(&account, &event));
        self.network.call(Point::Event, exists).await
    }
}

impl EventEraser for Ports {
    async fn forget_event(&self, account: &AccountId, event: &EventId, at: Timestamp) -> Result<()> {
        let (events, account, event) = (self.world.tenants.events(), account.clone(), event.clone());
        let forget = move || at_once(events.forget_event(&account, &event, at));
        self.network.call(Point::Event, forget).await
    }

    async fn forget_deliveries(&self, _: &AccountId, _: &EventId) -> Result<bool> {
        Ok(false) // no conversation is deleted here
    }
}

impl EventQueue for Ports {
    async fn send(&self, message: &EventMessage) -> Result<()> {
        let wait = message.delay().duration();
        self.send_event(&message.account_id, Message::Event(message.clone()), wait).await
    }
}

impl NoticeQueue for Ports {
    async fn send_notice(&self, message: &NoticeMessage) -> Result<()> {
        self.world.note_notice(message);
        let wait = message.wait.duration();
        self.send_event(&message.account_id, Message::Notice(message.clone()), wait).await
    }
}

impl DeliveryQueue for Ports {
    async fn send(&self, messages: &[DeliveryMessage]) -> Result<()> {
        for batch in messages.chunks(BATCH) {
            self.send_batch(batch.to_vec()).await?;
        }
        Ok(())
    }
}

impl Ports {
    async fn send_batch(&self, mut batch: Vec<DeliveryMessage>) -> Result<()> {
        for _ in 0..MAX_ROUNDS {
            let (world, entries) = (Arc::clone(&self.world), std::mem::take(&mut batch));
            let appearances = self.appearances;
            let send = move || {
                let (refused, taken): (Vec<_>, Vec<_>) = entries
                    .iter()
                    .cloned()
                    .partition(|_| world.faults.happens(Point::SendDeliveries, Fault::PartlyRefused));
                for message in taken {
                    world.expect(&message.delivery_id);
                    let (group, wait) = (message.destination_id.as_str().into(), message.wait.duration());
                    let body = Message::Delivery(message).body().into();
                    world.send_in_chain(Source::Deliveries, group, body, wait, appearances);
                }
                Ok(refused)
            };
            batch = self.network.call(Point::SendDeliveries, send).await?;
            if batch.is_empty() {
                return Ok(());
            }
        }
        Err(Unavailable::new("send deliveries", "the queue refused some of them"))
    }
}

impl Visibility for Ports {
    async fn postpone(&self, receipt: &Receipt, delay: Duration) -> Result<()> {
        let (world, receipt, delay) = (Arc::clone(&self.world), receipt.clone(), whole_seconds(delay));
        let postpone = move || {
            let source = world.queues.postpone(&receipt, world.time.now(), delay);
            if let Some(source) = source {
                world.poll_after(source, delay);
            }
            Ok(())
        };
        self.network.call(Point::Postpone, postpone).await
    }
}

/// Rounds up to whole seconds, as SQS counts.
fn whole_seconds(span: Duration) -> Duration {
    Duration::from_secs(u64::try_from(span.as_millis().div_ceil(1000)).unwrap())
}
