//! Processes that die, freeze or have no time left: rows 6, 12, 21 to 26 and 56, with the deployed binary.
//!
//! A test chooses the point of death: the proxy holds a call there while the process is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::delivery::outcome::OutcomeClass::{self, Success, Unknown};
use domain::shared::ids::{DeliveryId, EventId};
use local::lambda::mapping::Mapping;
use local::receiver::Answer;
use reqwest::StatusCode;
use serde_json::json;

use super::entries::{INSERTS, UPDATES};
use super::mappings::Mappings;
use super::site::{DELIVERIES, EVENTS, Site};
use super::stop::Stop;
use super::worker::Worker;
use crate::tools;
use crate::world::{eventually, text};

/// Just enough for an invocation to start a batch, which takes 13 s. A claim outlives it by the margin of 3 s.
const TIMEOUT: Duration = Duration::from_secs(14);

const CLAIM: &str = INSERTS;
const COMPLETE: &str = UPDATES;

/// A site, and a worker that has fanned out an event to destinations at these paths.
async fn fanned_out(paths: &[&str]) -> Option<(Site, Arc<Worker>, Mappings, EventId)> {
    let site = Site::of_processes().await?;
    for path in paths {
        site.destination(path).await;
    }
    let event = site.accept("c-1").await;
    let (worker, mappings) = start_worker(&site).await;
    assert_eq!(mappings.events.step().await, 1);
    Some((site, worker, mappings, event))
}

/// Starts a new process, with mappings that feed it.
async fn start_worker(site: &Site) -> (Arc<Worker>, Mappings) {
    let worker = Worker::start(site).await;
    let mappings = Mappings::new(site, &site.deployed(Arc::clone(&worker) as _, TIMEOUT)).await;
    (worker, mappings)
}

/// Kills the worker while its batch is held at this point; then another worker finishes everything.
async fn dies_at(site: &Site, worker: &Worker, deliveries: &Mapping, point: Stop) {
    let death = async {
        point.reached().await;
        worker.kill().await;
        drop(point);
    };
    tokio::join!(deliveries.step(), death);
    another_finishes(site).await;
}

async fn another_finishes(site: &Site) {
    let (_worker, mappings) = start_worker(site).await;
    eventually("empty queues", async || {
        mappings.step().await;
        let left = site.world.messages_in(EVENTS).await + site.world.messages_in(DELIVERIES).await;
        (left == 0).then_some(())
    })
    .await;
    site.world.quiet().await;
    site.assert_kept().await;
}

async fn outcomes(site: &Site, event: &EventId, path: &str) -> Vec<OutcomeClass> {
    let destination = site.destinations.lock().unwrap()[path].clone();
    site.outcomes(&DeliveryId::of(event, &destination)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn row_21_killed_before_the_claim_it_is_as_if_it_had_never_been() {
    let Some((site, worker, mappings, event)) = fanned_out(&["/a"]).await else { return };
    let point = site.tables.on(CLAIM).stop_before();
    dies_at(&site, &worker, &mappings.deliveries, point).await;
    assert_eq!(site.attempts_at("/a"), [1]);
    assert_eq!(outcomes(&site, &event, "/a").await, [Success]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_22_killed_after_the_claim_its_number_is_used_up() {
    let Some((site, worker, mappings, event)) = fanned_out(&["/a"]).await else { return };
    let point = site.tables.on(CLAIM).stop_after();
    dies_at(&site, &worker, &mappings.deliveries, point).await;
    assert_eq!(site.attempts_at("/a"), [2]);
    assert_eq!(outcomes(&site, &event, "/a").await, [Unknown, Success]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_23_killed_after_the_send_the_next_request_has_another_number() {
    let Some((site, worker, mappings, event)) = fanned_out(&["/a"]).await else { return };
    let point = site.tables.on(COMPLETE).stop_before();
    dies_at(&site, &worker, &mappings.deliveries, point).await;
    assert_eq!(site.attempts_at("/a"), [1, 2]);
    assert_eq!(outcomes(&site, &event, "/a").await, [Unknown, Success]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_24_killed_after_the_record_is_complete_a_success_is_not_sent_again() {
    let Some((site, worker, mappings, event)) = fanned_out(&["/a"]).await else { return };
    let point = site.tables.on(COMPLETE).stop_after();
    dies_at(&site, &worker, &mappings.deliveries, point).await;
    assert_eq!(site.attempts_at("/a"), [1]);
    assert_eq!(outcomes(&site, &event, "/a").await, [Success]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_25_killed_in_the_middle_of_a_batch_what_was_done_stays_done() {
    let (done, slow) = (["/0", "/1", "/2", "/3", "/4"], ["/5", "/6", "/7", "/8", "/9"]);
    let Some((site, worker, mappings, event)) = fanned_out(&[done, slow].concat()).await else { return };
    for path in slow {
        site.receiver.answer_next(path, [Answer::Hang]);
    }
    let death = async {
        site.tables.answered(COMPLETE, done.len()).await;
        for path in slow {
            site.receiver.wait_for(path, 1).await;
        }
        worker.kill().await;
    };
    let (received, ()) = tokio::join!(mappings.deliveries.step(), death);
    assert_eq!(received, 10, "all in one batch");
    another_finishes(&site).await;
    for path in done {
        assert_eq!((site.attempts_at(path), outcomes(&site, &event, path).await), (vec![1], vec![Success]));
    }
    for path in slow {
        let expected = (vec![1, 2], vec![Unknown, Success]);
        assert_eq!((site.attempts_at(path), outcomes(&site, &event, path).await), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_26_with_one_second_to_live_it_hands_its_batch_back_and_claims_nothing() {
    let Some((site, worker, mappings, event)) = fanned_out(&["/a", "/b"]).await else { return };
    let hurried = site.mapping(DELIVERIES, &site.deployed(worker, Duration::from_secs(1))).await;
    assert_eq!(hurried.step().await, 2);
    assert_eq!((site.tables.calls(CLAIM), site.queues.calls("ChangeMessageVisibility")), (0, 2));
    assert_eq!(mappings.deliveries.step().await, 2, "they are visible at once, and the process is alive");
    for path in ["/a", "/b"] {
        assert_eq!((site.attempts_at(path), outcomes(&site, &event, path).await), (vec![1], vec![Success]));
    }
    site.world.quiet().await;
    site.assert_kept().await;
}

/// Each death is followed by the next step of the protocol: the plan is written, the next step told, the deliveries queued.
#[tokio::test(flavor = "multi_thread")]
async fn row_56_killed_in_every_step_of_a_recovery_each_event_is_sent_once() {
    let Some(site) = Site::of_processes().await else { return };
    let mut events = Vec::new();
    for conversation in ["c-1", "c-2", "c-3"] {
        events.push(site.accept(conversation).await);
    }
    let (worker, mappings) = start_worker(&site).await;
    assert_eq!(mappings.events.step().await, 3, "no destination wants them yet");
    worker.kill().await;
    let destination = site.destination("/a").await;
    site.expected.lock().unwrap().extend(events.iter().map(|event| DeliveryId::of(event, &destination)));
    let missing = json!({"since": "2020-01-01T00:00:00Z", "include": ["missing"]});
    let (status, started) = site.customer.recover(&missing).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{started}");

    for (proxy, call) in
        [(&site.tables, "PutItem"), (&site.queues, "SendMessage"), (&site.queues, "SendMessageBatch")]
    {
        for is_applied in [false, true] {
            let (worker, mappings) = start_worker(&site).await;
            let point = if is_applied { proxy.on(call).stop_after() } else { proxy.on(call).stop_before() };
            let is_dead = AtomicBool::new(false);
            let death = async {
                point.reached().await;
                worker.kill().await;
                drop(point);
                is_dead.store(true, Ordering::Relaxed);
            };
            let steps = eventually("a death", async || {
                mappings.events.step().await;
                is_dead.load(Ordering::Relaxed).then_some(())
            });
            tokio::join!(death, steps);
        }
    }

    let (_worker, mappings) = start_worker(&site).await;
    let path = format!("/v1/recoveries/{}", text(&started["id"]));
    let done = eventually("the recovery's end", async || {
        mappings.step().await;
        let shown = site.customer.get(&path).await;
        (shown["state"] == "done").then_some(shown)
    })
    .await;
    let counts = ["found", "queued", "delivered", "failed"].map(|name| done[name].as_u64().unwrap());
    assert_eq!(counts, [3, 3, 3, 0]);
    another_finishes(&site).await;
    assert_eq!(site.attempts_at("/a"), [1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_6_ten_bodies_of_ten_megabytes_take_no_more_memory_than_short_ones() {
    const MEGABYTES: usize = 10;
    let paths = ["/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"];
    let Some((site, worker, mappings, _)) = fanned_out(&paths).await else { return };
    assert_eq!(mappings.deliveries.step().await, 10);
    let before = worker.peak();
    if before == 0 {
        return tools::missing("/proc, which shows a process's memory,");
    }
    for path in paths {
        site.receiver.answer(path, Answer::Body(200, "x".repeat(MEGABYTES << 20)));
    }
    site.accept("c-2").await;
    assert_eq!((mappings.events.step().await, mappings.deliveries.step().await), (1, 10));
    let more = worker.peak() - before;
    assert!(more < (MEGABYTES as u64) << 20, "{before} bytes before, and {more} more");
    site.world.quiet().await;
    site.assert_kept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_12_a_process_that_was_frozen_while_all_its_connections_were_closed_sends_each_delivery_once() {
    let Some((mut site, worker, mappings, first)) = fanned_out(&["/a"]).await else { return };
    assert_eq!(mappings.deliveries.step().await, 1);
    for round in 2..4 {
        worker.freeze().await;
        site.tables.close_connections();
        site.queues.close_connections();
        site.restart_receiver().await;
        let event = site.accept(&format!("c-{round}")).await;
        worker.thaw().await;
        assert_eq!((mappings.events.step().await, mappings.deliveries.step().await), (1, 1));
        assert_eq!(site.attempts_at("/a"), vec![1; round]);
        assert_eq!(outcomes(&site, &event, "/a").await, [Success]);
    }
    assert_eq!(outcomes(&site, &first, "/a").await, [Success]);
    site.world.quiet().await;
    site.assert_kept().await;
}
