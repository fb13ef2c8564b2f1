//! The search box in the top bar.

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::{Page, test_id};
use crate::world::{World, text};

impl Page {
    /// Reaches the search box by its key, and enters an id.
    pub(super) async fn look_for(&self, id: &str) {
        self.browser.execute("document.activeElement.blur()", Vec::new()).await.unwrap();
        self.see("body").await.send_keys("/").await.unwrap();
        let active = self.browser.active_element().await.unwrap();
        assert_eq!(active.attr("data-testid").await.unwrap().as_deref(), Some("search"));
        assert_eq!(active.prop("value").await.unwrap().as_deref(), Some(""));
        active.send_keys(id).await.unwrap();
        active.send_keys(&Key::Enter.to_string()).await.unwrap();
    }

    async fn hash(&self) -> String {
        text(&self.browser.execute("return location.hash", Vec::new()).await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_leads_to_what_has_it() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    let (destination, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    let event = customer.hang_up("c-1").await;
    let delivery = text(&customer.delivery_once("c-1", "delivered").await["id"]);
    let dry_run = json!({"since": "2026-01-01T00:00:00Z", "dry_run": true});
    let recovery = text(&customer.recover(&dry_run).await.1["id"]);

    page.sign_in(&customer.key).await;
    page.see(&test_id("add-destination")).await;
    page.listen().await;
    for (id, hash, heading) in [
        (delivery.as_str(), format!("#/deliveries/{delivery}"), "conversation.completed"),
        (&destination, format!("#/destinations/{destination}"), ""),
        (&event, format!("#/events/{event}"), "conversation.completed"),
        (&recovery, format!("#/recoveries/{recovery}"), "Recovery"),
        ("c-1", "#/deliveries?range=30d&id=c-1".to_owned(), "Delivery Logs"),
    ] {
        page.look_for(id).await;
        page.wait_until_gone("#view[aria-busy]").await;
        page.read("#view h1", heading).await;
        assert_eq!(page.hash().await, hash);
    }

    // What nothing has is said, and the view stays.
    for id in ["dlv_0", "evt_0", "rec_0", "dst_0", "c-2", "not an id", "%", "../destinations"] {
        page.look_for(id).await;
        page.read(&test_id("search-answer"), "Nothing has this id.").await;
        page.see(&test_id("search")).await.clear().await.unwrap();
        page.read("#view h1", "Delivery Logs").await;
    }
    page.look_for("c-3").await;
    page.read(&test_id("search-answer"), "Nothing").await;
    page.check_accessibility("an id that nothing has").await;
    assert_eq!(page.errors().await, Vec::<Value>::new());
    page.close().await;

    // Another account's ids are as those of nothing.
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    page.sign_in(&world.customer("Other").await.key).await;
    page.see(&test_id("add-destination")).await;
    page.look_for(&delivery).await;
    page.read(&test_id("search-answer"), "Nothing has this id.").await;
    page.close().await;
}
