//! Events on the page: the list, one event, and sending it again.

use serde_json::{Value, json};

use super::{Page, test_id};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_destination_wanted_is_listed_and_sent_to_one() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    page.sign_in(&customer.key).await;
    page.listen().await;

    // Without anything, the page says what to do next.
    page.click(&test_id("nav-events")).await;
    page.read(&test_id("empty"), "No events yet").await;
    page.read(&test_id("command"), "/v1/destinations").await;
    page.check_accessibility("no events").await;

    // The list is live.
    let event = customer.hang_up("c-1").await;
    let row = format!("[data-event-id=\"{event}\"]");
    page.read(&format!("{row} {}", test_id("event-result")), "No destination wanted it").await;
    let (destination, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    customer.change_destination(&destination, &json!({"name": "CRM"})).await;
    customer.hang_up("c-2").await;
    page.read("table", "Delivered").await;
    page.check_accessibility("events").await;

    page.click(&format!("{row} {}", test_id("open"))).await;
    page.read(&test_id("empty"), "No deliveries").await;
    page.read(&test_id("payload"), "\"c-1\"").await;
    page.choose(&test_id("send-to"), "To CRM").await;
    page.click(&test_id("send-event")).await;
    page.read(&test_id("sent"), "1 delivery on the way").await;
    let requests = world.stack.receiver.wait_for("/hooks", 2).await;
    assert!(requests.iter().any(|request| request.headers["webhook-id"] == event.as_str()));
    page.see(&format!("{}[data-status=\"delivered\"]", test_id("delivery"))).await;
    page.check_accessibility("an event").await;

    // A choice of the filter leaves nothing, and says so.
    page.click(&test_id("nav-events")).await;
    page.choose(&test_id("filter-event"), "conversation.failed").await;
    page.read(&test_id("empty"), "No event matches").await;
    assert_eq!(page.errors().await, Vec::<Value>::new());
    page.close().await;
}
