//! From the end of a conversation to the request at a destination: how many in a second, how soon, and how soon beside a
//! destination that hangs.

mod receiver;
mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use futures_util::future::join_all;
use local::certificates::Authority;
use local::clock::Clock;
use local::stack::{Calls, Options};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::receiver::{HANGS, Receiver};
use self::report::Report;
use crate::figures::Figures;
use crate::world::{Customer, World, options, text};

/// Conversations of the closed loop that end at the same time; the next one ends when all its deliveries have arrived.
const CLIENTS: usize = 32;

/// How many deliveries the closed loop makes, and how long the rest takes.
struct Size {
    closed_loop: usize,
    /// Shorter than the time until the first sweep of the tables.
    steady: Duration,
    neighbours: Duration,
    /// When measuring begins: the circuit breaker of a destination that hangs is open by then.
    settled: Duration,
    /// Rows that have expired when that sweep begins.
    expired: usize,
}

const FULL: Size = Size {
    closed_loop: 6_000,
    steady: Duration::from_secs(25),
    neighbours: Duration::from_secs(100),
    settled: Duration::from_secs(40),
    expired: 20_000,
};

const BRIEF: Size = Size {
    closed_loop: 640,
    steady: Duration::from_secs(1),
    neighbours: Duration::from_secs(2),
    settled: Duration::ZERO,
    expired: 100,
};

pub(crate) async fn run(is_brief: bool, earlier: Option<&str>) {
    let size = if is_brief { BRIEF } else { FULL };
    let mut report = Report::new(earlier);
    for destinations in [1, 10] {
        let load = Load::start(destinations).await;
        let per_second = load.closed_loop(size.closed_loop / destinations).await;
        report.add(format!("closed loop, {destinations} destinations, deliveries a second"), per_second);
        load.stop().await;
    }

    let load = Load::start(1).await;
    let quiet = load.steady(100, size.steady).await;
    load.expire(size.expired).await;
    let swept = load.steady(100, size.steady * 3).await;
    load.stop().await;
    for (when, delays) in [("before the sweep", quiet), ("during sweeps", swept)] {
        let delays: Vec<_> = delays.into_iter().map(|(_, delay)| delay).collect();
        for percent in [50, 99] {
            report.add(
                format!("100 a second, {when}, p{percent} in ms"),
                Figures::of(&delays).percentile(percent),
            );
        }
    }

    for hangs in [false, true] {
        let load = Load::start(9).await;
        if hangs {
            load.customer.add_destination(&load.receiver.url(HANGS), "POST").await;
        }
        let delays = load.steady(20, size.neighbours).await;
        load.stop().await;
        let settled = |settled: bool| {
            let delays = delays.iter().filter(|(at, _)| (*at >= size.settled) == settled);
            Figures::of(&delays.map(|(_, delay)| *delay).collect::<Vec<_>>())
        };
        let beside = if hangs { "beside one that hangs" } else { "beside none that hangs" };
        report.add(format!("nine healthy {beside}, p99 in ms once settled"), settled(true).percentile(99));
        if !is_brief {
            report.add(format!("nine healthy {beside}, p99 in ms at first"), settled(false).percentile(99));
        }
    }
    report.end();
}

/// A stack with one customer and destinations at a fast receiver.
struct Load {
    world: World,
    customer: Customer,
    receiver: Receiver,
    destinations: usize,
    ended: AtomicUsize,
}

impl Load {
    async fn start(destinations: usize) -> Arc<Self> {
        let authority = Authority::new().unwrap();
        let receiver = Receiver::start(&authority).await;
        let certificate = authority.certificate_base64().unwrap();
        // As `cargo run` does.
        let mut options = Options { calls: Calls::Directly, ..options(Clock::system()) };
        options.parameters.insert("TrustedCertificate".to_owned(), certificate);
        let world = World::with(options).await;
        let customer = world.customer("Acme").await;
        for number in 0..destinations {
            customer.add_destination(&receiver.url(&format!("/{number}")), "POST").await;
        }
        let load = Self { world, customer, receiver, destinations, ended: AtomicUsize::new(0) };
        join_all((0..CLIENTS).map(|_| load.deliver())).await; // everything is warm
        Arc::new(load)
    }

    async fn stop(self: Arc<Self>) {
        Arc::into_inner(self).unwrap().world.stack.stop().await;
    }

    /// Ends a conversation and returns its event's id.
    async fn end_conversation(&self) -> String {
        let number = self.ended.fetch_add(1, Ordering::Relaxed);
        let body = json!({"conversation_id": format!("c-{number}"), "conversation_status": "COMPLETED"});
        let request = self.world.http.post(self.world.stack.url("/v1/flows/hangup"));
        let request = request.header("x-api-key", &self.customer.key).body(body.to_string());
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        text(&answer["event_id"])
    }

    /// Ends a conversation and waits for its deliveries. Returns how long each took from the acceptance on.
    async fn deliver(&self) -> Vec<Duration> {
        let event = self.end_conversation().await;
        let accepted = Instant::now();
        let arrivals = self.receiver.wait_for(&event, self.destinations).await;
        assert_eq!(arrivals.len(), self.destinations, "{event}");
        arrivals.into_iter().map(|arrival| arrival.saturating_duration_since(accepted)).collect()
    }

    /// Returns the deliveries in a second while each client waits for its own.
    async fn closed_loop(self: &Arc<Self>, conversations: usize) -> f64 {
        let start = Instant::now();
        let clients = (0..CLIENTS).map(async |client| {
            for done in 0..conversations / CLIENTS {
                self.deliver().await;
                if client == 0 {
                    progress("closed loop", done * CLIENTS, conversations);
                }
            }
        });
        join_all(clients).await;
        let deliveries = conversations / CLIENTS * CLIENTS * self.destinations;
        f64::from(u32::try_from(deliveries).unwrap()) / start.elapsed().as_secs_f64()
    }

    /// Ends conversations at this rate, however long their deliveries take. Returns the delays of the deliveries, with the
    /// time of each conversation from the start.
    async fn steady(self: &Arc<Self>, per_second: u32, time: Duration) -> Vec<(Duration, Duration)> {
        let start = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
        let (mut running, mut shown) = (JoinSet::new(), u64::MAX);
        while start.elapsed() < time {
            ticks.tick().await;
            let (load, at) = (Arc::clone(self), start.elapsed());
            running.spawn(async move { (at, load.deliver().await) });
            if at.as_secs() != shown {
                shown = at.as_secs();
                progress("steady", shown, time.as_secs());
            }
        }
        let ended = running.join_all().await;
        ended.into_iter().flat_map(|(at, delays)| delays.into_iter().map(move |delay| (at, delay))).collect()
    }

    /// Fills the delivery log with rows that have expired.
    async fn expire(&self, rows: usize) {
        let table = &self.world.stack.resources.tables["DeliveryLogTable"];
        let row = |number: usize| {
            let text = |text: String| AttributeValue::S(text);
            let put = PutRequest::builder()
                .item("pk", text(format!("acc_expired#{}", number / 4)))
                .item("sk", text(format!("{number:08}")))
                .item("account_shard", text(format!("acc_expired#{}", number % 8)))
                .item("destination_shard", text(format!("dst_expired#{}", number % 8)))
                .item("position", text(format!("{number:08}")))
                .item("excerpt", text("x".repeat(500)))
                .item("expires_at", AttributeValue::N("1".to_owned()));
            WriteRequest::builder().put_request(put.build().unwrap()).build()
        };
        let rows: Vec<_> = (0..rows).map(row).collect();
        for rows in rows.chunks(25) {
            let write = self.world.stack.clients.dynamodb.batch_write_item();
            write.request_items(table, rows.to_vec()).send().await.unwrap();
        }
    }
}

/// Shows how far a run is, on one line.
fn progress<N: std::fmt::Display>(what: &str, done: N, of: N) {
    use std::io::Write;
    let mut terminal = std::io::stderr();
    let _ = write!(terminal, "\r{what}: {done} of {of}    ");
}
