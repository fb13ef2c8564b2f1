//! The health of a destination on the page.

use local::receiver::Answer;
use reqwest::Method;
use serde_json::json;

use super::{Page, test_id};
use crate::world::{World, eventually, text};

#[tokio::test(flavor = "multi_thread")]
async fn who_enables_a_destination_that_was_disabled_for_its_failures_is_offered_what_it_missed() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    let receiver = &world.stack.receiver;
    let fields = json!({"name": "CRM", "url": receiver.url("/crm"), "retry": "extended"});
    let id = text(&customer.call(Method::POST, "/v1/destinations", Some(&fields)).await.1["id"]);
    receiver.answer("/crm", Answer::Status(410));
    customer.hang_up("c-1").await;
    eventually("a destination that is disabled", async || {
        let destination = customer.get(&format!("/v1/destinations/{id}")).await;
        (destination["health"]["state"] == "disabled").then_some(())
    })
    .await;
    receiver.answer("/crm", Answer::Status(200));

    page.sign_in(&customer.key).await;
    page.listen().await;
    let state = page.see(&test_id("health-state")).await.text().await.unwrap();
    assert!(state.starts_with("Disabled") && state.ends_with("It answered 410 Gone."), "{state}");
    page.see(&test_id("status-switch")).await.click().await.unwrap();
    page.see(&test_id("recover-dialog")).await;
    page.see(&test_id("recover-count")).await.click().await.unwrap();
    page.see(&test_id("recover-confirm")).await.click().await.unwrap();
    receiver.wait_for("/crm", 2).await;
    page.wait_until_gone(&test_id("recover-dialog")).await;
    page.read(&test_id("recover-result"), "sent again and delivered").await;
    page.click(&test_id("nav-destinations")).await;
    let state = page.see(&test_id("health-state")).await.text().await.unwrap();
    assert!(state.starts_with("Healthy"), "{state}");

    page.see(&test_id("edit")).await.click().await.unwrap();
    for notice in ["destination.failing", "destination.recovered", "destination.disabled"] {
        let choice = page.see(&test_id(&format!("event-{notice}"))).await;
        assert_eq!(choice.prop("checked").await.unwrap().as_deref(), Some("false"), "{notice}");
    }
    assert!(page.errors().await.is_empty(), "{:?}", page.errors().await);
    page.close().await;
}
