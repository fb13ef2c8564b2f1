//! The pictures of the Webhooks page in the README.
//!
//! Every run takes them into `target/tmp` and checks their sizes. To replace the committed ones:
//! `PICTURE=1 cargo test -p tests --test it picture`. A clock moved by hand makes pictures reproducible.

use std::time::Duration;

use local::clock::{Clock, ClockControl};
use local::receiver::Answer;
use reqwest::Method;
use serde_json::json;

use super::{Page, test_id};
use crate::world::{Customer, MORNING_MS, World, eventually, options, text};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.github");

/// Small enough that a reader of the README does not see it load.
const MAX_BYTES: usize = 150_000;

/// Hides the scroll bar and the focus ring.
const TIDY: &str = "document.documentElement.style.scrollbarWidth = 'none';
    document.activeElement?.blur();
    window.scrollTo(0, 0)";

const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Name, path and request type of each destination.
const DESTINATIONS: [(&str, &str, &str); 4] = [
    ("CRM", "/crm", "POST"),
    ("Data warehouse", "/warehouse", "PUT"),
    ("Billing", "/billing", "POST"),
    ("Support inbox", "/inbox", "GET"),
];

/// Conversations that end in each hour, from 10:00 to 10:00 the next day.
const DAY: [u32; 24] = [5, 6, 4, 3, 5, 6, 5, 4, 3, 2, 2, 1, 1, 0, 1, 0, 0, 1, 0, 1, 2, 3, 4, 3];

/// The hour in which Billing starts to fail.
const OUTAGE: usize = 22;

/// A day with four destinations, one of which fails at the end.
struct Day {
    world: World,
    hand: ClockControl,
    customer: Customer,
    conversations: u32,
}

impl Day {
    async fn begin() -> Self {
        let (clock, hand) = Clock::manual(MORNING_MS);
        let world = World::with(options(clock)).await;
        let customer = world.customer("Acme").await;
        for (name, path, request_type) in DESTINATIONS {
            let url = world.stack.receiver.url(path);
            let body = json!({"name": name, "url": url, "request_type": request_type});
            customer.call(Method::POST, "/v1/destinations", Some(&body)).await;
        }
        Self { world, hand, customer, conversations: 0 }
    }

    /// Ends a conversation and waits for the first attempt at every destination.
    async fn end(&mut self, status: &str) -> String {
        self.conversations += 1;
        let conversation = format!("{:08x}-508e-4d45-8887", self.conversations.wrapping_mul(0x9e37_79b9));
        let body = json!({"conversation_id": conversation, "conversation_status": status});
        self.customer.call(Method::POST, "/v1/flows/hangup", Some(&body)).await;
        self.attempted(&conversation, 1).await;
        conversation
    }

    /// Waits until each delivery has succeeded or this attempt at it has ended.
    async fn attempted(&self, conversation: &str, attempt: usize) {
        eventually(&format!("attempt {attempt} for {conversation}"), async || {
            let deliveries = self.customer.deliveries_of(conversation).await;
            for delivery in &deliveries {
                let path = format!("/v1/deliveries/{}", text(&delivery["id"]));
                if delivery["status"] != "delivered"
                    && self.customer.get(&path).await["attempt_log"][attempt - 1]["outcome"].is_null()
                {
                    return None;
                }
            }
            (deliveries.len() == DESTINATIONS.len()).then_some(())
        })
        .await;
    }

    async fn retried(&self, conversation: &str, attempt: usize) {
        self.world.advance(&self.hand, RETRY_AFTER).await;
        self.attempted(conversation, attempt).await;
    }

    async fn pass(&mut self) {
        let outage = Answer::Body(503, "Down for maintenance".to_owned());
        for (hour, conversations) in DAY.into_iter().enumerate() {
            if hour == OUTAGE {
                self.world.stack.receiver.answer("/billing", outage.clone());
            }
            let pause = Duration::from_secs(3600 / (u64::from(conversations) + 1));
            self.hand.advance(pause);
            for index in 0..conversations as usize {
                if index == 4 {
                    self.world.stack.receiver.answer_next("/warehouse", [Answer::Status(429)]);
                }
                let status = ["COMPLETED", "COMPLETED", "DISCONNECTED", "COMPLETED", "FAILED"][index % 5];
                let conversation = self.end(status).await;
                for attempt in 2..=4 {
                    self.retried(&conversation, attempt).await;
                }
                self.hand.advance(pause);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pictures_of_the_page_can_be_taken() {
    let mut day = Day::begin().await;
    let Some(page) = Page::open(&day.world.stack.url("/")).await else { return };
    day.pass().await;
    // One conversation whose deliveries wait for their third attempt.
    let waits = day.end("COMPLETED").await;
    day.retried(&waits, 2).await;

    page.set_time(day.world.now_ms()).await;
    page.browser.set_window_size(1280, 1045).await.unwrap();
    page.sign_in(&day.customer.key).await;
    page.see(&test_id("destination")).await;
    page.click(&test_id("nav-deliveries")).await;
    let exhausted = format!("{}[data-status=\"exhausted\"]", test_id("delivery"));
    page.click(&format!("{exhausted} {}", test_id("toggle"))).await;
    page.see(&format!("{exhausted} {}[data-attempt=\"4\"]", test_id("attempt"))).await;
    page.read(&test_id("chart"), "attempts").await;
    page.take("webhooks-page.png").await;

    page.click(&format!("{exhausted} {}", test_id("open"))).await;
    page.read(&test_id("timeline-end"), "Exhausted").await;
    page.take("webhooks-delivery.png").await;
    page.close().await;
}

impl Page {
    async fn take(&self, name: &str) {
        self.browser.execute(TIDY, Vec::new()).await.unwrap();
        let picture = self.browser.screenshot().await.unwrap();
        std::fs::write(format!("{}/{name}", env!("CARGO_TARGET_TMPDIR")), &picture).unwrap();
        assert!(picture.len() < MAX_BYTES, "{name} has {} bytes", picture.len());
        let committed = format!("{COMMITTED}/{name}");
        if std::env::var_os("PICTURE").is_some() {
            std::fs::write(&committed, &picture).unwrap();
        }
        assert!(std::fs::metadata(committed).unwrap().len() < MAX_BYTES as u64);
    }

    /// Stops the browser's clock at this moment.
    pub(super) async fn set_time(&self, now_ms: u64) {
        let script = "const [now] = arguments;
            const Real = Date;
            globalThis.Date = class extends Real {
                constructor(...given) { super(...(given.length > 0 ? given : [now])); }
                static now() { return now; }
            };";
        self.browser.execute(script, vec![json!(now_ms)]).await.unwrap();
    }
}
