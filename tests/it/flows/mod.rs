//! Every flow that reports a conversation's end, over HTTP to the running stack.

mod bus;
mod dial_out;
mod links;
mod overdue;
mod platform;
mod races;
mod recordings;
mod retention;
mod settling;
mod signatures;
mod table;
mod unusable;

use serde_json::{Value, json};

use crate::providers::{CALL, Daily, ROOM, Twilio};
use crate::world::{Customer, World};

/// A customer with a destination, whose conversation `c-1` has a call and a room.
struct Scene {
    world: World,
    customer: Customer,
    twilio: Twilio,
    daily: Daily,
}

impl Scene {
    async fn set(world: World) -> Self {
        let customer = world.customer("Acme").await;
        customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
        let twilio = Twilio::of(&world, &customer, "").await;
        let daily = Daily::of(&world, &customer).await;
        customer.put_conversation("c-1", &json!({"twilio_call_sid": CALL, "daily_room": ROOM})).await;
        Self { world, customer, twilio, daily }
    }

    /// Waits for the only event at the destination; returns its payload.
    async fn event(&self) -> Value {
        self.world.stack.receiver.wait_for("/hooks", 1).await;
        self.world.quiet().await;
        let requests = self.world.stack.receiver.received("/hooks");
        assert_eq!(requests.len(), 1, "one event");
        serde_json::from_slice(requests[0].payload.as_ref().unwrap()).unwrap()
    }

    async fn record(&self) -> Value {
        self.customer.get("/v1/public/conversations/c-1").await
    }

    /// Asserts that the record has not changed and nothing was sent.
    async fn assert_untouched(&self, before: &Value) {
        self.world.quiet().await;
        assert_eq!(&self.record().await, before);
        assert!(self.world.stack.receiver.received("/hooks").is_empty());
    }
}
