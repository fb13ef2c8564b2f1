//! The page of a destination: how it fares, beside its settings; and the timeline of a delivery.

use std::time::Duration;

use local::receiver::Answer;
use serde_json::Value;

use super::{Page, test_id};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_shows_how_it_fares_beside_its_settings() {
    let (world, hand) = World::by_hand().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    let receiver = &world.stack.receiver;
    let (destination, _) = customer.add_destination(&receiver.url("/hooks"), "POST").await;
    // What is created now is before this.
    page.set_time(world.now_ms() + 1).await;
    page.sign_in(&customer.key).await;
    page.listen().await;
    page.click(&test_id("edit")).await;

    // Nothing yet, and the command that changes it.
    page.read(&test_id("health-state"), "Health not known yet").await;
    page.read(&test_id("chart"), "No attempts in this period.").await;
    page.read(&test_id("empty"), "Nothing delivered yet").await;
    page.read(&test_id("command"), &format!("/v1/destinations/{destination}/test")).await;
    page.check_accessibility("a destination without deliveries").await;

    // A test succeeds, and a conversation's event fails: both appear, with the success rate and the latency.
    page.click(&test_id("test")).await;
    page.click(&test_id("send-test")).await;
    page.read(&test_id("test-result"), "Delivered").await;
    page.click(&test_id("close")).await;
    let latest = |status: &str| {
        format!("{} {}[data-status=\"{status}\"]", test_id("latest-deliveries"), test_id("delivery"))
    };
    page.see(&latest("delivered")).await;
    receiver.answer("/hooks", Answer::Status(500));
    customer.hang_up("c-1").await;
    page.see(&latest("retrying")).await;
    page.choose(&test_id("chart-range"), "Last hour").await;
    page.read(&test_id("chart"), "50.0 % of 2 attempts").await;
    page.read(&test_id("latency"), "p50").await;
    page.check_accessibility("a destination").await;

    // The timeline of the failing delivery says when the next attempt is due, and what happened once it has ended.
    page.click(&format!("{} {}", latest("retrying"), test_id("open"))).await;
    page.read(&test_id("timeline-end"), "in 10 s").await;
    page.check_accessibility("a timeline").await;
    receiver.answer("/hooks", Answer::Status(200));
    world.advance(&hand, Duration::from_secs(10)).await;
    page.see(&format!("{}[data-attempt=\"2\"]", test_id("attempt"))).await;
    page.read(&test_id("timeline-end"), "Delivered").await;
    page.read(&test_id("timeline"), "waited 10 s").await;
    assert_eq!(page.errors().await, Vec::<Value>::new());
    page.close().await;
}
