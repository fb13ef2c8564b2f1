//! A recovery on the page, and its progress.

use futures_util::stream::{self, StreamExt};
use serde_json::json;

use super::{Page, test_id};
use crate::world::{World, eventually};

/// At ten a second, they take longer than a person needs to stop them.
const COUNT: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_shows_its_progress_and_can_be_stopped() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    let customer = world.customer("Acme").await;
    let (destination, _) = customer.add_destination(&world.stack.receiver.url("/hooks"), "POST").await;
    customer.change_destination(&destination, &json!({"status": "disabled"})).await;
    let customer = &customer;
    let ends = (0..COUNT).map(|number| async move { customer.hang_up(&format!("c-{number}")).await });
    stream::iter(ends).buffer_unordered(8).collect::<Vec<_>>().await;
    world.quiet().await;
    customer.change_destination(&destination, &json!({"status": "enabled"})).await;

    page.listen().await;
    page.sign_in(&customer.key).await;
    page.click(&test_id("recover")).await;
    let send = async || {
        page.click(&test_id("recover-count")).await;
        page.click(&test_id("recover-confirm")).await;
    };
    send().await;
    let progress = async |least: u64| {
        eventually("a bar that is partly full", async || {
            let script = format!(
                "const bar = document.querySelector('{}'); return bar && [bar.value, bar.max]",
                test_id("recover-progress")
            );
            let bar = page.browser.execute(&script, Vec::new()).await.unwrap();
            let [value, max] = [bar[0].as_f64()?, bar[1].as_f64()?];
            (value >= least as f64 && value < max).then_some(max)
        })
        .await
    };
    assert_eq!(progress(1).await, COUNT as f64);
    page.read(&test_id("recover-result"), "of 200 deliveries delivered").await;
    page.check_accessibility("a recovery's progress").await;
    page.click(&test_id("recover-stop")).await;
    page.read(&test_id("recover-result"), "Stopped").await;
    page.see(&format!("{}[data-state=\"stopped\"]", test_id("recovery-state"))).await;
    world.quiet().await;
    let sent = world.stack.receiver.received("/hooks").len();
    assert!((1..COUNT).contains(&sent), "{sent}");

    // The rest, to the end. Who leaves and comes back by the URL finds it where it is.
    page.click(&test_id("nav-destinations")).await;
    page.click(&test_id("recover")).await;
    send().await;
    page.read(&test_id("recover-result"), "deliveries delivered").await;
    let recovery = page.browser.current_url().await.unwrap();
    assert!(recovery.fragment().is_some_and(|hash| hash.starts_with("/recoveries/rec_")), "{recovery}");
    page.click(&test_id("nav-deliveries")).await;
    page.wait_until_gone(&test_id("recovery-state")).await;
    page.browser.goto(recovery.as_str()).await.unwrap();
    page.browser.refresh().await.unwrap();
    page.listen().await;
    page.read(&test_id("recover-result"), "sent again and delivered").await;
    assert_eq!(world.stack.receiver.received("/hooks").len(), COUNT);
    page.wait_until_gone(&format!("{}:not([hidden])", test_id("recover-stop"))).await;
    page.click(&test_id("nav-destinations")).await;
    page.click(&test_id("recover")).await;
    page.click(&test_id("recover-count")).await;
    page.read(&test_id("recover-count-result"), "Nothing to recover").await;
    assert_eq!(page.errors().await, Vec::<serde_json::Value>::new());
    page.close().await;
}
