//! The account's API keys on the page.

use fantoccini::key::Key;
use reqwest::StatusCode;
use serde_json::Value;

use super::{Page, test_id};
use crate::world::{Customer, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_created_shown_once_and_revoked() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    page.sign_in(&customer.key).await;
    page.listen().await;
    page.click(&test_id("nav-keys")).await;
    page.see(&format!("[data-key-id=\"{}\"]", customer.key_id())).await;
    page.check_accessibility("keys").await;

    page.click(&test_id("create-key")).await;
    page.click(&test_id("confirm")).await;
    page.see(&test_id("error-name")).await;
    page.check_accessibility("a key without a name").await;
    page.fill(&test_id("key-name"), "Reports").await;
    page.choose(&test_id("key-expires"), "In 30 days").await;
    page.click(&test_id("confirm")).await;
    let key = page.see(&test_id("secret")).await.prop("value").await.unwrap().unwrap();
    page.check_accessibility("a new key").await;
    page.click(&test_id("secret-close")).await;
    let id = key.rsplit_once('_').unwrap().0.to_owned();
    let row = format!("[data-key-id=\"{id}\"]");
    page.read(&row, "Reports").await;
    let program = Customer::with_key(world.stack.url(""), key.clone());
    assert_eq!(program.send(reqwest::Method::GET, "/v1/events", None).await.0, StatusCode::OK);
    assert_eq!(program.send(reqwest::Method::POST, "/v1/destinations", None).await.0, StatusCode::FORBIDDEN);

    // The search finds a key by its id, and by itself.
    page.click(&test_id("nav-destinations")).await;
    page.look_for(&key).await;
    page.see(&format!("{row}[aria-current]")).await;

    // Escape changes nothing, and the focus is where it was.
    page.click(&format!("{row} {}", test_id("revoke"))).await;
    page.see("dialog").await;
    page.browser.active_element().await.unwrap().send_keys(&Key::Escape.to_string()).await.unwrap();
    page.wait_until_gone("dialog").await;
    let focused = page.browser.active_element().await.unwrap().attr("aria-label").await.unwrap();
    assert_eq!(focused.as_deref(), Some("Revoke Reports"));

    page.click(&format!("{row} {}", test_id("revoke"))).await;
    page.click(&test_id("confirm")).await;
    page.read(&format!("{row} {}", test_id("key-state")), "Revoked").await;
    // The button is gone; the keyboard goes on at the heading.
    page.see("#view h1:focus").await;
    assert_eq!(program.send(reqwest::Method::GET, "/v1/events", None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(page.errors().await, Vec::<Value>::new());
    page.close().await;
}
