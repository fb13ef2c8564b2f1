//! The accounts and keys with which the routes are called.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::providers::TWILIO_TOKEN;
use crate::world::{Customer, World, text};

/// Two accounts, of which one has a resource of every kind.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) acme: Customer,
    pub(super) other: Customer,
    pub(super) destination: String,
    pub(super) delivery: String,
    event: String,
    recovery: String,
    /// The id of a key of Acme's that nobody uses.
    pub(super) key_id: String,
    pub(super) cursor: String,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let (world, hand) = World::by_hand().await;
        let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
        let (destination, _) = acme.add_destination(&world.stack.receiver.url("/acme"), "POST").await;
        for conversation in ["theirs-1", "theirs-2"] {
            acme.hang_up(conversation).await;
            acme.delivery_once(conversation, "delivered").await;
            hand.advance(Duration::from_millis(10));
        }
        let delivered = &acme.deliveries_of("theirs-1").await[0];
        let (delivery, event) = (text(&delivered["id"]), text(&delivered["event_id"]));
        let cursor = text(&acme.get("/v1/deliveries?limit=1").await["next_cursor"]);
        acme.set_provider("twilio", TWILIO_TOKEN).await;
        let since = json!({"since": "2026-01-01T00:00:00Z", "dry_run": true});
        let started = acme.call(Method::POST, "/v1/recoveries", Some(&since)).await.1;
        let recovery = text(&started["id"]);
        let key = json!({"name": "spare", "scopes": ["read"]});
        let key_id = text(&acme.call(Method::POST, "/v1/api-keys", Some(&key)).await.1["key_id"]);
        Self { world, acme, other, destination, delivery, event, recovery, key_id, cursor }
    }

    /// The id of Acme's resource for a parameter, and one that nothing has.
    pub(super) fn ids(&self, kind: &str) -> (String, &'static str) {
        match kind {
            "destination_id" => (self.destination.clone(), "dst_0000000000000000"),
            "delivery_id" => (self.delivery.clone(), "dlv_000000000000000000000000000000000000"),
            "key_id" => (self.key_id.clone(), "vk_0000000000000000"),
            "recovery_id" => (self.recovery.clone(), "rec_000000000000000000000000"),
            "event_id" => (self.event.clone(), "evt_000000000000000000000000"),
            "conversation_id" => ("theirs-1".to_owned(), "nobodys"),
            "account_id" => (self.acme.account_id.clone(), "acc_000000000000000000000000"),
            "provider" => ("twilio".to_owned(), "nobody"),
            "name" => ("none.js".to_owned(), "nothing.js"),
            other => panic!("no id for {other}"),
        }
    }

    pub(super) async fn key(&self, scopes: &[&str]) -> Customer {
        let key = json!({"account_id": self.acme.account_id, "name": "k", "scopes": scopes});
        let made = self.world.stack.invoke("Destinations", &json!({"create_api_key": key})).await.unwrap();
        self.with_key(&text(&made["api_key"]))
    }

    fn with_key(&self, key: &str) -> Customer {
        let base = self.world.stack.url("");
        Customer::of(self.acme.account_id.clone(), key.to_owned(), base, self.world.http.clone())
    }

    async fn revoked(&self) -> Customer {
        let key = self.key(&["ingest", "manage", "read"]).await;
        let revoke = json!({"account_id": key.account_id, "key_id": key.key_id()});
        self.world.stack.invoke("Destinations", &json!({"revoke_api_key": revoke})).await.unwrap();
        key
    }

    /// Callers with every kind of invalid key or session.
    pub(super) async fn strangers(&self) -> Vec<Customer> {
        let (start, last) = self.acme.key.split_at(self.acme.key.len() - 1);
        let wrong_secret = format!("{start}{}", if last == "0" { "1" } else { "0" });
        let unknown = format!("vk_{}_{}", "0".repeat(16), "0".repeat(48));
        let upper = self.acme.key.to_uppercase();
        let session = self.acme.in_portal("manage").await.key;
        let [wrong_session, nobodys] = [
            format!("{}{}", session.rsplit_once('_').unwrap().0, format_args!("_{}", "0".repeat(48))),
            session.replace(&self.acme.account_id, "acc_000000000000000000000000"),
        ];
        let sessions = ["vs_", &wrong_session, &nobodys];
        let keys = ["", "nonsense", "vk_", self.acme.key_id(), &upper, &unknown, &wrong_secret];
        let keys = keys.into_iter().chain(sessions);
        let mut strangers: Vec<_> = keys.map(|key| self.with_key(key)).collect();
        strangers.push(self.revoked().await);
        strangers
    }
}
