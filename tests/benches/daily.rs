//! The response times of Daily's webhooks, sent one after the other: signature, secret, link and record.

use std::time::Instant;

use reqwest::StatusCode;
use serde_json::json;

use crate::figures::Figures;
use crate::providers::Daily;
use crate::world::World;

/// Timed webhooks of each kind.
const WEBHOOKS: usize = 2_000;

/// Webhooks sent before, to warm everything up.
const WARM_UP: usize = 200;

pub(crate) async fn run() {
    let world = World::start().await;
    let customer = world.customer("Acme").await;
    customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let daily = Daily::of(&world, &customer).await;
    for number in 0..WARM_UP + WEBHOOKS {
        customer
            .put_conversation(&format!("c-{number}"), &json!({"daily_room": format!("room-{number}")}))
            .await;
    }
    measure("ends a conversation", &daily, "meeting.ended", "room").await;
    measure("repeats an end", &daily, "meeting.ended", "room").await;
    measure("of an unknown room", &daily, "meeting.ended", "elsewhere").await;
    measure("of an ignored type", &daily, "recording.started", "room").await;
    world.stack.stop().await;
}

async fn measure(what: &str, daily: &Daily, kind: &str, room: &str) {
    let mut times = Vec::with_capacity(WEBHOOKS);
    for number in 0..WARM_UP + WEBHOOKS {
        let webhook = daily.webhook(kind, &json!({"room": format!("{room}-{number}")}));
        let start = Instant::now();
        let answer = webhook.send().await.unwrap();
        let status = answer.status();
        answer.bytes().await.unwrap();
        if number >= WARM_UP {
            times.push(start.elapsed());
        }
        assert_eq!(status, StatusCode::OK);
    }
    let figures = Figures::of(&times);
    let [p50, p99, max] = [50, 99, 100].map(|percent| figures.percentile(percent));
    println!("{what:<32} p50 {p50:>6.2} ms   p99 {p99:>6.2} ms   max {max:>6.2} ms");
}
