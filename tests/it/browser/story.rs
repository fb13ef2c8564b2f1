//! A customer's first hour with the page.

use local::receiver::Answer;

use super::{Page, test_id};
use crate::world::{World, eventually};

/// The selector of a destination's row, by its name.
fn destination(name: &str) -> String {
    format!("{}:has([aria-label$=\" {name}\"])", test_id("destination"))
}

/// The selector of a log row with this status.
fn delivery(status: &str) -> String {
    format!("{}[data-status=\"{status}\"]", test_id("delivery"))
}

impl Page {
    pub(super) async fn sign_in(&self, key: &str) {
        self.fill(&test_id("api-key"), key).await;
        self.click(&test_id("sign-in")).await;
    }

    /// Adds a destination and closes the dialog that shows its secret.
    pub(super) async fn add(&self, name: &str, url: &str, request_type: &str) {
        self.click(&test_id("add-destination")).await;
        self.fill(&test_id("field-name"), name).await;
        self.fill(&test_id("field-url"), url).await;
        self.choose(&test_id("field-request-type"), request_type).await;
        self.click(&test_id("save")).await;
        let secret = self.see(&test_id("secret")).await.prop("value").await.unwrap().unwrap();
        assert!(secret.starts_with("whsec_"), "{secret}");
        self.click(&test_id("secret-close")).await;
        self.see(&destination(name)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_may_want_json_and_the_events_of_two_agents() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    page.sign_in(&customer.key).await;
    page.click(&test_id("add-destination")).await;
    page.fill(&test_id("field-name"), "n8n").await;
    page.fill(&test_id("field-url"), &world.stack.receiver.url("/n8n")).await;
    page.choose(&test_id("field-request-type"), "GET").await;
    page.choose(&test_id("field-format"), "JSON").await;
    page.fill(&test_id("field-agents"), "agent two\n\n agent-1 \n").await;
    page.click(&test_id("save")).await;
    page.read(&test_id("error-format"), "must be form for GET").await;
    page.check_accessibility("an error of the format").await;
    page.choose(&test_id("field-request-type"), "POST").await;
    page.click(&test_id("save")).await;
    page.click(&test_id("secret-close")).await;
    page.read(&destination("n8n"), "POST JSON").await;
    page.read(&destination("n8n"), "only of 2 agents").await;
    let added = customer.get("/v1/destinations").await["destinations"][0].clone();
    assert_eq!(added["agent_ids"], serde_json::json!(["agent two", "agent-1"]));

    // Another field is saved, and these stay as they are.
    page.click(&format!("{} {}", destination("n8n"), test_id("edit"))).await;
    page.fill(&test_id("field-name"), "Make").await;
    page.click(&test_id("save")).await;
    page.read(&destination("Make"), "POST JSON").await;
    let renamed = customer.get("/v1/destinations").await["destinations"][0].clone();
    assert_eq!((&renamed["agent_ids"], &renamed["format"]), (&added["agent_ids"], &added["format"]));
    assert_eq!(page.errors().await, Vec::<serde_json::Value>::new());
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_finds_their_way() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    let url = |path: &str| world.stack.receiver.url(path);
    page.see(&test_id("sign-in-form")).await;
    page.check_accessibility("sign in").await;
    page.listen().await;

    // A wrong key is reported at its field.
    page.sign_in("vk_wrong").await;
    page.see(&test_id("error-api-key")).await;
    page.sign_in(&customer.key).await;
    page.read("main", "No destinations yet").await;
    page.check_accessibility("no destinations").await;

    // The server's error for a wrong URL, then a destination of each request type.
    page.click(&test_id("add-destination")).await;
    page.fill(&test_id("field-name"), "POST").await;
    page.fill(&test_id("field-url"), "http://example.com/").await;
    page.click(&test_id("save")).await;
    page.read(&test_id("error-url"), "must use https://").await;
    page.check_accessibility("a validation error").await;
    page.click("a[href=\"#/destinations\"]").await;
    for request_type in ["GET", "PATCH", "PUT", "POST"] {
        page.add(request_type, &url(&format!("/{request_type}")), request_type).await;
    }
    page.check_accessibility("destinations").await;

    // A test event and its result.
    page.click(&format!("{} {}", destination("POST"), test_id("test"))).await;
    page.click(&test_id("send-test")).await;
    page.read(&test_id("test-result"), "Delivered").await;
    page.check_accessibility("a test's result").await;
    page.click(&test_id("close")).await;
    assert_eq!(world.stack.receiver.received("/POST").len(), 1);

    // A conversation ends; one destination fails, and its four attempts appear as they happen.
    world.stack.receiver.answer("/PUT", Answer::Body(500, "out of order".to_owned()));
    page.click(&test_id("nav-deliveries")).await;
    customer.hang_up("c-1").await;
    let failing = delivery("retrying");
    page.see(&failing).await;
    page.click(&format!("{failing} {}", test_id("toggle"))).await;
    for attempt in 1..=4 {
        page.see(&format!("{} {}[data-attempt=\"{attempt}\"]", test_id("delivery"), test_id("attempt")))
            .await;
    }
    let exhausted = delivery("exhausted");
    page.read(&exhausted, "500").await;
    page.check_accessibility("the log").await;

    // A filter leads to the delivery and its details.
    page.choose(&test_id("filter-status"), "Exhausted").await;
    page.wait_until_gone(&delivery("delivered")).await;
    page.click(&format!("{exhausted} {}", test_id("open"))).await;
    page.see(&format!("{}[data-status=\"exhausted\"]", test_id("delivery-status"))).await;
    page.read(&test_id("response-body"), "out of order").await;
    page.read(&test_id("payload"), "conversation.completed").await;
    let attempts = page.browser.find_all(fantoccini::Locator::Css(&test_id("attempt"))).await.unwrap();
    assert_eq!(attempts.len(), 4);
    page.check_accessibility("a delivery").await;

    // The receiver recovers, and the event is sent again.
    world.stack.receiver.answer("/PUT", Answer::Status(200));
    page.click(&test_id("resend")).await;
    page.see(&format!("{}[data-status=\"delivered\"]", test_id("delivery-status"))).await;
    eventually("the resent event", async || {
        let requests = world.stack.receiver.received("/PUT");
        (requests.len() == 5 && requests[4].headers["webhook-id"] == requests[0].headers["webhook-id"])
            .then_some(())
    })
    .await;

    // The failed delivery leads to the one that made it good, and nothing is lost any more.
    page.click(&test_id("nav-deliveries")).await;
    page.see(&format!("{exhausted} {}", test_id("delivered-later"))).await;
    page.choose(&test_id("filter-status"), "Undelivered").await;
    page.read(&test_id("empty"), "No delivery matches").await;
    page.choose(&test_id("filter-status"), "Without success").await;
    page.click(&format!("{exhausted} {}", test_id("open"))).await;
    page.click(&test_id("delivered-later")).await;
    page.see(&format!("{}[data-status=\"delivered\"]", test_id("delivery-status"))).await;

    // A disabled destination misses a delivery, which is then counted and recovered.
    page.click(&test_id("nav-destinations")).await;
    page.click(&format!("{} {}", destination("GET"), test_id("status-switch"))).await;
    eventually("a disabled destination", async || {
        let destinations = customer.get("/v1/destinations").await;
        let destinations = destinations["destinations"].as_array().unwrap();
        destinations.iter().any(|d| d["name"] == "GET" && d["status"] == "disabled").then_some(())
    })
    .await;
    customer.hang_up("c-2").await;
    eventually("a skipped delivery", async || {
        customer
            .deliveries_of("c-2")
            .await
            .iter()
            .any(|delivery| delivery["status"] == "skipped")
            .then_some(())
    })
    .await;
    page.click(&format!("{} {}", destination("GET"), test_id("status-switch"))).await;
    page.read(&destination("GET"), "Enabled").await;
    page.click(&format!("{} {}", destination("GET"), test_id("recover"))).await;
    page.click(&test_id("recover-count")).await;
    page.read(&test_id("recover-count-result"), "1 delivery").await;
    page.check_accessibility("a recovery's count").await;
    page.click(&test_id("recover-confirm")).await;
    page.read(&test_id("recover-result"), "1 delivery sent again").await;
    page.click(&test_id("nav-destinations")).await;
    world.stack.receiver.wait_for("/GET", 2).await;

    // The destination is deleted.
    page.click(&format!("{} {}", destination("GET"), test_id("edit"))).await;
    page.click(&test_id("delete")).await;
    page.check_accessibility("a deletion's confirmation").await;
    page.click(&test_id("confirm")).await;
    page.see(&destination("POST")).await;
    page.wait_until_gone(&destination("GET")).await;

    // Signing out leaves nothing of the key behind.
    assert_eq!(page.errors().await, Vec::<serde_json::Value>::new());
    page.click(&test_id("sign-out")).await;
    page.see(&test_id("sign-in-form")).await;
    let kept =
        page.browser.execute("return sessionStorage.length + localStorage.length", Vec::new()).await.unwrap();
    assert_eq!(kept, serde_json::json!(0));
    page.close().await;
}
