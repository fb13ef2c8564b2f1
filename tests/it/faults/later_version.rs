//! Rows that a later version wrote, as this one finds them after a rollback: part of row 36. What cannot be read fails
//! alone, and is whole again once it can be.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::shared::ids::{DeliveryId, DestinationId};
use local::clock::ClockControl;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::mappings::Mappings;
use super::site::{DELIVERIES, Site};
use crate::providers::{DAILY_SECRET, TWILIO_TOKEN};
use crate::world::text;

/// A site with a destination that can be read, at `/a`, and one that will not be, at `/b`.
struct Case {
    site: Site,
    hand: ClockControl,
    mappings: Mappings,
    later: DestinationId,
}

impl Case {
    async fn start() -> Self {
        let (site, hand) = Site::by_hand().await;
        let mappings = Mappings::new(&site, &site.dispatch().await).await;
        site.destination("/a").await;
        let later = site.destination("/b").await;
        Self { site, hand, mappings, later }
    }

    /// Sets the request type of the destination at `/b`.
    async fn request_type(&self, request_type: &str) {
        let key = [self.site.customer.account_id.as_str(), &format!("destination#{}", self.later)];
        let value = AttributeValue::S(request_type.to_owned());
        self.site.world.force("DestinationsTable", key, "request_type", value).await;
    }

    /// The later version is there again.
    async fn end(self) {
        self.request_type("POST").await;
        self.mappings.drain(&self.site, &self.hand, 0).await;
        assert_eq!([self.site.attempts_at("/a"), self.site.attempts_at("/b")], [[1], [1]]);
        self.site.assert_kept().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_destination_that_cannot_be_read_holds_up_no_other_of_its_batch() {
    let case = Case::start().await;
    case.site.accept("c-1").await;
    case.mappings.events.step().await;
    case.request_type("PURGE").await;
    case.mappings.deliveries.step().await;
    assert_eq!(case.site.attempts_at("/a"), [1]);
    assert_eq!(case.site.world.messages_in(DELIVERIES).await, 1, "the other waits");
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_destination_that_cannot_be_read_holds_up_no_other_of_its_account() {
    let case = Case::start().await;
    case.request_type("PURGE").await;
    case.site.accept("c-1").await;
    case.mappings.events.step().await;
    case.mappings.deliveries.step().await;
    assert_eq!(case.site.attempts_at("/a"), [1]);
    let listed = case.site.customer.get("/v1/destinations").await;
    let names: Vec<_> = listed["destinations"].as_array().unwrap().iter().map(|each| &each["url"]).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    case.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_delivery_that_cannot_be_read_is_left_out_of_lists_that_show_the_others() {
    let Case { site, hand, mappings, later } = Case::start().await;
    let (first, _) = (site.accept("c-1").await, site.accept("c-2").await);
    mappings.drain(&site, &hand, 0).await;
    site.assert_kept().await;
    let partition = format!("{}#{first}", site.customer.account_id);
    let row = format!("{}#1", DeliveryId::of(&first, &later));
    let value = AttributeValue::S("conversation.paused".to_owned());
    site.world.force("DeliveryLogTable", [&partition, &row], "event", value).await;
    let count = async |list: &str| site.customer.get(list).await["deliveries"].as_array().map(Vec::len);
    assert_eq!(count("/v1/deliveries").await, Some(3));
    assert_eq!(count("/v1/deliveries?conversation_id=c-1").await, Some(1));
    let stats: Value = site.customer.get("/v1/stats?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z").await;
    assert!(stats.is_object(), "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_destination_that_cannot_be_read_is_left_out_of_what_is_sent_again() {
    let case = Case::start().await;
    let event = case.site.accept("c-1").await;
    case.mappings.drain(&case.site, &case.hand, 0).await;
    case.request_type("PURGE").await;
    let customer = &case.site.customer;
    let (status, sent) = customer.call(Method::POST, &format!("/v1/events/{event}/send"), None).await;
    assert_eq!(
        (status, sent["deliveries"].as_array().map(Vec::len)),
        (StatusCode::ACCEPTED, Some(1)),
        "{sent}"
    );
    let dry_run = json!({"since": "2026-09-01T00:00:00Z", "include": ["failed", "missing"], "dry_run": true});
    let (_, recovery) = customer.recover(&dry_run).await;
    case.mappings.events.step().await;
    let recovery = customer.get(&format!("/v1/recoveries/{}", text(&recovery["id"]))).await;
    assert_eq!((&recovery["state"], &recovery["found"]), (&json!("done"), &json!(0)), "{recovery}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_provider_that_cannot_be_read_is_left_out_of_a_list_that_shows_the_others() {
    let Case { site, .. } = Case::start().await;
    site.customer.set_provider("twilio", TWILIO_TOKEN).await;
    site.customer.set_provider("daily", DAILY_SECRET).await;
    let key = [site.customer.account_id.as_str(), "provider#twilio"];
    let value = AttributeValue::S("pigeon".to_owned());
    site.world.force("DestinationsTable", key, "provider", value).await;
    let listed = site.customer.get("/v1/providers").await;
    let listed: Vec<_> =
        listed["providers"].as_array().unwrap().iter().map(|each| &each["provider"]).collect();
    assert_eq!(listed, ["daily"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_36_a_purge_that_cannot_be_read_holds_up_no_other() {
    let Case { site, .. } = Case::start().await;
    let stack = &site.world.stack;
    let other = site.world.customer("Other").await;
    for account in [&site.customer.account_id, &other.account_id] {
        stack.invoke("Destinations", &json!({"delete_account": {"account_id": account}})).await.unwrap();
    }
    let value = AttributeValue::S("many".to_owned());
    site.world.force("DestinationsTable", ["purges", &site.customer.account_id], "pages", value).await;
    stack.invoke("Purge", &json!({"purge_accounts": {}})).await.unwrap();
    let shown = json!({"show_account": {"account_id": other.account_id}});
    let shown = stack.invoke("Destinations", &shown).await.unwrap();
    assert!(shown["rows_deleted"].as_u64().unwrap() > 0, "{shown}");
}
