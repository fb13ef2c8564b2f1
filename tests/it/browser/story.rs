//! A customer's first hour with the page.

use local::receiver::Answer;

use super::{Page, test_id};
use crate::world::{World, eventually};

/// A row of the list of destinations by its name.
fn destination(name: &str) -> String {
    format!("{}:has([aria-label$=\" {name}\"])", test_id("destination"))
}

/// A row of the log that stands like this.
fn delivery(status: &str) -> String {
    format!("{}[data-status=\"{status}\"]", test_id("delivery"))
}

impl Page {
    pub(super) async fn sign_in(&self, key: &str) {
        self.fill(&test_id("api-key"), key).await;
        self.click(&test_id("sign-in")).await;
    }

    /// Adds a destination, and leaves the dialog that shows its secret.
    async fn add(&self, name: &str, url: &str, request_type: &str) {
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
async fn a_customer_finds_their_way() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    let url = |path: &str| world.stack.receiver.url(path);
    page.see(&test_id("sign-in-form")).await;
    page.check_accessibility("sign in").await;
    page.listen().await;

    // A wrong key is told at its field.
    page.sign_in("vk_wrong").await;
    page.see(&test_id("error-api-key")).await;
    page.sign_in(&customer.key).await;
    page.read("main", "No destinations yet").await;
    page.check_accessibility("no destinations").await;

    // A destination of each request type, after what the server says of a wrong one.
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

    // A test event, and what came of it.
    page.click(&format!("{} {}", destination("POST"), test_id("test"))).await;
    page.click(&test_id("send-test")).await;
    page.read(&test_id("test-result"), "Delivered").await;
    page.check_accessibility("a test's result").await;
    page.click(&test_id("close")).await;
    assert_eq!(world.stack.receiver.received("/POST").len(), 1);

    // A conversation ends; one destination fails, and its four attempts are seen as they happen.
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

    // By a filter to the delivery, and all that is known of it.
    page.choose(&test_id("filter-status"), "Exhausted").await;
    page.miss(&delivery("delivered")).await;
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
    eventually("the event again", async || {
        let requests = world.stack.receiver.received("/PUT");
        (requests.len() == 5 && requests[4].headers["webhook-id"] == requests[0].headers["webhook-id"])
            .then_some(())
    })
    .await;

    // Off with the switch; what is missed meanwhile is counted and recovered.
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
    page.read(&test_id("recover-result"), "1 delivery").await;
    page.check_accessibility("a count before recovery").await;
    page.click(&test_id("recover-confirm")).await;
    page.read(&test_id("recover-result"), "1 delivery sent again").await;
    page.click(&test_id("close")).await;
    world.stack.receiver.wait_for("/GET", 2).await;

    // And deleted.
    page.click(&format!("{} {}", destination("GET"), test_id("edit"))).await;
    page.click(&test_id("delete")).await;
    page.check_accessibility("a question before deletion").await;
    page.click(&test_id("confirm")).await;
    page.see(&destination("POST")).await;
    page.miss(&destination("GET")).await;

    // Signed out, nothing of the key is left.
    assert_eq!(page.complaints().await, Vec::<serde_json::Value>::new());
    page.click(&test_id("sign-out")).await;
    page.see(&test_id("sign-in-form")).await;
    let kept =
        page.browser.execute("return sessionStorage.length + localStorage.length", Vec::new()).await.unwrap();
    assert_eq!(kept, serde_json::json!(0));
    page.close().await;
}
