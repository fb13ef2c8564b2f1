//! The portal: the page by a link, in a frame of another site, without storage, and with a role that may only read.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::foreign::foreign_origin;
use super::{Page, test_id};
use crate::world::{World, text};

const RETURN_URL: &str = "https://app.example.com/integrations";

/// What changes something.
const CONTROLS: [&str; 13] = [
    "add-destination",
    "status-switch",
    "test",
    "recover",
    "save",
    "rotate",
    "delete",
    "resend",
    "resend-payload",
    "send-event",
    "create-key",
    "revoke",
    "command",
];

impl Page {
    /// Puts a frame with this address into the page in place of all others, waits until it has loaded, and goes into it.
    async fn open_frame(&self, url: &str) {
        self.browser.execute("document.body.replaceChildren()", Vec::new()).await.unwrap();
        self.add_frame(url).await;
        self.browser.enter_frame(0).await.unwrap();
    }

    /// Adds a frame to the page, and waits until it has loaded.
    async fn add_frame(&self, url: &str) {
        let open = "const [url, done] = arguments;
            const frame = document.createElement('iframe');
            frame.width = 1200;
            frame.height = 800;
            frame.src = url;
            frame.addEventListener('load', () => done(null));
            document.body.append(frame);";
        self.browser.execute_async(open, vec![json!(url)]).await.unwrap();
    }

    async fn location(&self) -> String {
        text(&self.browser.execute("return location.href", Vec::new()).await.unwrap())
    }

    /// Asserts that the view offers nothing that changes anything.
    async fn offers_nothing(&self, view: &str) {
        self.wait_until_gone("#view[aria-busy]").await;
        for control in CONTROLS {
            let shown = self.browser.find_all(fantoccini::Locator::Css(&test_id(control))).await.unwrap();
            assert!(shown.is_empty(), "{view} offers {control}");
        }
        self.check_accessibility(view).await;
    }
}

/// A page of another site than the stack's; returns its URL.
async fn other_site() -> String {
    foreign_origin().await.replace("127.0.0.1", "localhost")
}

/// A stack whose portal may be framed by the page at this URL.
async fn framed_by(url: &str) -> World {
    let origin = url.trim_end_matches('/');
    World::start_as(&[("PortalFrameAncestors", origin), ("PortalName", "Acme Voice")]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_link_opens_the_page_in_a_frame_of_an_allowed_origin_alone() {
    let allowed = other_site().await;
    let other = other_site().await;
    let world = framed_by(&allowed).await;
    let Some(page) = Page::open(&other).await else { return };
    let customer = world.customer("Acme").await;
    let link = text(&customer.portal_link("manage").await["url"]);

    // A frame of any other origin stays empty, and uses nothing up.
    page.open_frame(&link).await;
    assert!(page.location().await.starts_with("chrome-error:"), "{}", page.location().await);
    page.browser.goto(&allowed).await.unwrap();
    page.open_frame(&link).await;

    // The session is the customer's own: everything can be done, and nothing of the link is left in the URL.
    page.read("#brand", "Acme Voice").await;
    page.read(&test_id("empty"), "No destinations yet").await;
    let opened = page.location().await;
    assert!(opened.contains("/portal/") && !link.starts_with(opened.split('#').next().unwrap()), "{opened}");
    page.listen().await;
    page.add("CRM", &world.stack.receiver.url("/crm"), "POST").await;
    page.click(&test_id("test")).await;
    page.click(&test_id("send-test")).await;
    page.read(&test_id("test-result"), "Delivered").await;
    page.click(&test_id("close")).await;
    let event = customer.hang_up("c-1").await;
    page.click(&test_id("nav-events")).await;
    page.click(&format!("[data-event-id=\"{event}\"] {}", test_id("open"))).await;
    page.click(&test_id("send-event")).await;
    page.read(&test_id("sent"), "1 delivery on the way").await;
    world.stack.receiver.wait_for("/crm", 3).await;
    let sign_out = page.browser.find(fantoccini::Locator::Css("#sign-out")).await.unwrap();
    assert!(!sign_out.is_displayed().await.unwrap());
    assert_eq!(page.errors().await, Vec::<Value>::new());

    // A reload goes on.
    page.browser.execute("location.reload()", Vec::new()).await.unwrap();
    page.click(&test_id("nav-destinations")).await;
    page.see(&test_id("add-destination")).await;

    // The link has been used: opened again, it signs nobody in.
    page.browser.enter_parent_frame().await.unwrap();
    page.open_frame(&link).await;
    page.read(&test_id("portal-closed"), "This link has been used or has expired").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_frames_of_one_tab_keep_their_accounts_apart() {
    let site = other_site().await;
    let world = framed_by(&site).await;
    let Some(page) = Page::open(&site).await else { return };
    for name in ["Acme", "Other"] {
        let customer = world.customer(name).await;
        let fields = json!({"name": name, "url": world.stack.receiver.url("/hooks"), "request_type": "POST"});
        customer.call(Method::POST, "/v1/destinations", Some(&fields)).await;
        page.add_frame(&text(&customer.portal_link("manage").await["url"])).await;
    }
    for (frame, name) in [(0, "Acme"), (1, "Other"), (0, "Acme")] {
        page.browser.enter_frame(frame).await.unwrap();
        page.click(&test_id("nav-keys")).await;
        page.click(&test_id("nav-destinations")).await;
        page.read(&test_id("destination"), name).await;
        page.browser.enter_parent_frame().await.unwrap();
    }
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_could_not_be_exchanged_is_tried_again() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    page.driver.block(&page.browser, &["*/v1/portal-sessions"]).await;
    page.browser.goto(&text(&customer.portal_link("manage").await["url"])).await.unwrap();
    page.read(&test_id("portal-closed"), "The server cannot be reached.").await;
    page.check_accessibility("a link that could not be exchanged").await;
    page.click(&test_id("try-again")).await;
    page.read(&test_id("portal-closed"), "The server cannot be reached.").await;
    page.driver.block(&page.browser, &[]).await;
    page.click(&test_id("try-again")).await;
    page.read(&test_id("empty"), "No destinations yet").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_storage_a_portal_session_lives_until_the_page_is_closed() {
    let site = other_site().await;
    let world = framed_by(&site).await;
    // The user lets no site store anything.
    let blocked = json!({"profile.default_content_setting_values.cookies": 2});
    let Some(page) = Page::open_with(&site, &blocked).await else { return };
    let customer = world.customer("Acme").await;
    let link = text(&customer.portal_link("manage").await["url"]);
    page.open_frame(&link).await;
    let storage = "try { return typeof sessionStorage; } catch ({ name }) { return name; }";
    assert_eq!(page.browser.execute(storage, Vec::new()).await.unwrap(), "SecurityError");

    // Every view is of the session, and changes are made.
    page.listen().await;
    page.read(&test_id("empty"), "No destinations yet").await;
    page.add("CRM", &world.stack.receiver.url("/crm"), "POST").await;
    let event = customer.hang_up("c-1").await;
    page.click(&test_id("nav-events")).await;
    page.click(&format!("[data-event-id=\"{event}\"] {}", test_id("open"))).await;
    page.click(&test_id("send-event")).await;
    world.stack.receiver.wait_for("/crm", 2).await;
    page.click(&test_id("nav-keys")).await;
    page.see(&format!("[data-key-id=\"{}\"]", customer.key_id())).await;
    assert_eq!(page.errors().await, Vec::<Value>::new());

    // A reload ends it: nothing has kept the session.
    page.browser.execute("location.reload()", Vec::new()).await.unwrap();
    page.read(&test_id("portal-closed"), "This tab has no session").await;
    page.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_session_shows_everything_and_offers_no_change() {
    let (world, hand) = World::by_hand_as(&[("PortalReturnUrl", RETURN_URL)]).await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    let link = text(&customer.portal_link("read").await["url"]);
    page.browser.goto(&link).await.unwrap();
    // What is created now is before this.
    page.set_time(world.now_ms() + 1).await;
    page.listen().await;
    page.read(&test_id("empty"), "No destinations yet").await;
    page.offers_nothing("no destinations, to read").await;

    let (destination, _) = customer.add_destination(&world.stack.receiver.url("/crm"), "POST").await;
    let event = customer.hang_up("c-1").await;
    let delivery = text(&customer.delivery_once("c-1", "delivered").await["id"]);
    let dry_run = json!({"since": "2026-01-01T00:00:00Z", "dry_run": true});
    let recovery = text(&customer.recover(&dry_run).await.1["id"]);
    for (view, shown, with) in [
        ("deliveries".to_owned(), "main", "Delivery Logs"),
        ("destinations".to_owned(), "main", "/crm"),
        (format!("destinations/{destination}"), "[data-testid=settings]", "/crm"),
        ("events".to_owned(), "table", "conversation.completed"),
        (format!("events/{event}"), "[data-testid=payload]", "c-1"),
        (format!("deliveries/{delivery}"), "[data-testid=payload]", "c-1"),
        (format!("recoveries/{recovery}"), "main", "Recovery"),
        ("keys".to_owned(), "table", customer.key_id()),
    ] {
        let go = format!("location.hash = '#/{view}'");
        page.browser.execute(&go, Vec::new()).await.unwrap();
        page.read(shown, with).await;
        page.offers_nothing(&view).await;
    }
    page.browser.execute("location.hash = '#/destinations/new'", Vec::new()).await.unwrap();
    page.read("main [role=alert]", "not add any").await;
    assert_eq!(page.errors().await, Vec::<Value>::new());

    // The session ends after a day, and leads back to where it came from.
    hand.advance(Duration::from_secs(25 * 3600));
    page.click(&test_id("nav-deliveries")).await;
    page.read(&test_id("portal-closed"), "Your session has ended").await;
    let back = page.see(&test_id("way-back")).await;
    assert_eq!(back.attr("href").await.unwrap().as_deref(), Some(RETURN_URL));
    page.check_accessibility("an expired session").await;
    page.close().await;
}
