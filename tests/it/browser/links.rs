//! Links to the page that lead to nothing.

use super::{Page, test_id};
use crate::world::World;

const LINKS: &str = include_str!("../../corpus/hostile/links.txt");

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_to_nothing_shows_an_error() {
    let world = World::start().await;
    let Some(page) = Page::open(&world.stack.url("/")).await else { return };
    page.sign_in(&world.customer("Acme").await.key).await;
    page.see(&test_id("add-destination")).await;
    page.listen().await;
    for link in LINKS.lines().filter(|line| line.starts_with("#/")) {
        // A good view in between, so that an error is not that of the link before.
        page.browser.execute("location.hash = '#/destinations'", Vec::new()).await.unwrap();
        page.see(&test_id("add-destination")).await;
        page.browser.execute("location.hash = arguments[0]", vec![link.into()]).await.unwrap();
        page.wait_until_gone(&test_id("add-destination")).await;
        page.see("main h1").await;
        let shown = page.see("main [role=alert]").await.text().await.unwrap();
        assert!(!shown.is_empty(), "{link}");
    }
    assert!(page.errors().await.is_empty(), "{:?}", page.errors().await);
    page.close().await;
}
