//! Customers' changes during deliveries, races, cursors and other accounts: rows 39 to 43.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use local::receiver::{Answer as LocalAnswer, Signature};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::rounds::Rounds;
use crate::sender::authority::Authority;
use crate::sender::receiver::{Answer, Receiver};
use crate::sender::{HOST, sender};
use crate::world::{Customer, text};

/// The time from the end of one attempt to the start of the next.
const RETRY: Duration = Duration::from_secs(10);

/// A destination whose receiver fails, after the first attempt.
async fn after_a_failure() -> (Rounds, Authority, domain::shared::ids::DestinationId) {
    let authority = Authority::new();
    let mut rounds = Rounds::start(sender(&authority)).await;
    let fails = Receiver::https(authority.identity(HOST), Answer::status(500)).await;
    let destination = rounds.destination(fails).await;
    rounds.accept("c-1").await;
    rounds.settle().await;
    assert_eq!(rounds.story(&destination).await, (vec!["http_error"], "retrying"));
    (rounds, authority, destination)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_39_a_destination_that_is_disabled_or_deleted_gets_no_further_request() {
    for (change, reason) in [
        (Some(json!({"status": "disabled"})), "The destination was disabled."),
        (None, "The destination was deleted."),
    ] {
        let (mut rounds, _, destination) = after_a_failure().await;
        let customer = &rounds.site.customer;
        match change {
            Some(change) => {
                customer.change_destination(destination.as_str(), &change).await;
            }
            None => {
                let path = format!("/v1/destinations/{destination}");
                let (status, _) = customer.call(Method::DELETE, &path, None).await;
                assert_eq!(status, StatusCode::NO_CONTENT);
            }
        }
        rounds.drain().await;
        assert_eq!(rounds.story(&destination).await, (vec!["http_error"], "cancelled"));
        let delivery = &rounds.site.customer.deliveries_of("c-1").await[0];
        assert_eq!(delivery["error"], reason, "{delivery}");
        rounds.check().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_39_the_next_attempt_goes_where_the_destination_has_moved() {
    let (mut rounds, authority, destination) = after_a_failure().await;
    let moved = Receiver::https(authority.identity(HOST), Answer::status(200)).await;
    rounds.site.customer.change_destination(destination.as_str(), &json!({"url": moved.url()})).await;
    rounds.moved_to(&destination, moved);
    rounds.drain().await;
    assert_eq!(rounds.story(&destination).await, (vec!["http_error", "success"], "delivered"));
    assert_eq!(rounds.requests_to(&destination), 2);
    rounds.check().await;
}

/// The receiver verifies with one secret at a time.
#[tokio::test(flavor = "multi_thread")]
async fn row_40_a_secret_that_is_rotated_between_attempts_verifies_during_its_grace_time() {
    let mut rounds = Rounds::start_trusting_the_site().await;
    let (destination, first) = rounds.site.destination_with_secret("/hooks").await;
    rounds.site.receiver.answer("/hooks", LocalAnswer::Status(500));
    let rotate = async |rounds: &Rounds, grace_hours: u64| {
        let path = format!("/v1/destinations/{destination}/secret/rotate");
        let body = json!({"grace_hours": grace_hours});
        let (status, rotated) = rounds.site.customer.call(Method::POST, &path, Some(&body)).await;
        assert_eq!(status, StatusCode::OK, "{rotated}");
        let secret = text(&rotated["secret"]);
        rounds.site.keep_secret(&secret);
        secret
    };
    // Makes one attempt while the receiver verifies with this secret.
    let attempt = async |rounds: &mut Rounds, secret: &str| {
        rounds.site.receiver.trust("/hooks", secret).unwrap();
        rounds.pass(RETRY).await;
        rounds.site.receiver.received("/hooks").pop().unwrap().signature
    };
    rounds.accept("c-1").await;
    assert_eq!(attempt(&mut rounds, &first).await, Signature::Verified);
    let second = rotate(&rounds, 1).await;
    assert_eq!(attempt(&mut rounds, &first).await, Signature::Verified, "during its grace time");
    assert_eq!(attempt(&mut rounds, &second).await, Signature::Verified);
    let third = rotate(&rounds, 0).await;
    rounds.site.receiver.answer("/hooks", LocalAnswer::Status(200));
    assert_eq!(attempt(&mut rounds, &third).await, Signature::Verified);
    rounds.drain().await;
    // A second event, because the first one's four attempts are used up.
    rounds.pass(Duration::from_secs(60 * 60)).await;
    rounds.accept("c-2").await;
    assert!(matches!(attempt(&mut rounds, &first).await, Signature::Refused(_)), "its grace time is over");
    rounds.drain().await;
    rounds.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_41_fifty_completions_at_once_make_one_event() {
    let authority = Authority::new();
    let mut rounds = Rounds::start(sender(&authority)).await;
    let good = Receiver::https(authority.identity(HOST), Answer::status(200)).await;
    let destination = rounds.destination(good).await;
    let events = join_all((0..50).map(|_| rounds.site.accept("c-1"))).await;
    assert_eq!(events.iter().collect::<BTreeSet<_>>().len(), 1);
    rounds.accept("c-1").await;
    rounds.drain().await;
    assert_eq!(rounds.requests_to(&destination), 1);
    rounds.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_41_of_two_flows_with_different_ends_one_is_the_event_and_the_other_a_note() {
    let authority = Authority::new();
    let mut rounds = Rounds::start(sender(&authority)).await;
    let good = Receiver::https(authority.identity(HOST), Answer::status(200)).await;
    let destination = rounds.destination(good).await;
    let other = json!({"conversation_id": "c-1", "answered": false});
    let outbound = rounds.site.customer.call(Method::POST, "/v1/flows/outbound-call", Some(&other));
    let ((status, _), _) = tokio::join!(outbound, rounds.site.accept("c-1"));
    assert!(status.is_success(), "{status}: 202 if it came first");
    rounds.accept("c-1").await;
    rounds.drain().await;
    assert_eq!(rounds.requests_to(&destination), 1);
    let record = rounds.site.customer.get("/v1/public/conversations/c-1").await;
    let ends: BTreeSet<_> = record["late_signals"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&record["ended_by"]])
        .map(ToString::to_string)
        .collect();
    assert!(ends.len() >= 2, "{record}");
    rounds.check().await;
}

/// A customer with three deliveries, and another with none.
async fn two_customers() -> (Rounds, Customer) {
    let authority = Authority::new();
    let mut rounds = Rounds::start(sender(&authority)).await;
    let good = Receiver::https(authority.identity(HOST), Answer::status(200)).await;
    rounds.destination(good).await;
    for conversation in ["c-1", "c-2", "c-3"] {
        rounds.accept(conversation).await;
    }
    rounds.drain().await;
    let other = rounds.site.world.customer("Other").await;
    (rounds, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_42_a_cursor_that_is_not_of_this_search_is_refused_in_the_same_words() {
    let (mut rounds, other) = two_customers().await;
    let customer = &rounds.site.customer;
    let cursor = text(&customer.get("/v1/deliveries?limit=1").await["next_cursor"]);
    let refused = async |who: &Customer, query: &str| {
        let (status, problem) = who.call(Method::GET, &format!("/v1/deliveries?{query}"), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {problem}");
        problem
    };
    let words = refused(customer, "cursor=x").await;
    // The cursor with one bit of each character flipped.
    for place in 0..cursor.len() {
        let mut flipped = cursor.clone().into_bytes();
        flipped[place] ^= 1;
        let flipped = String::from_utf8(flipped).unwrap();
        let encoded: String = url::form_urlencoded::byte_serialize(flipped.as_bytes()).collect();
        assert_eq!(refused(customer, &format!("limit=1&cursor={encoded}")).await, words, "{flipped}");
    }
    for query in [
        format!("limit=1&status=delivered&cursor={cursor}"),
        format!("limit=1&conversation_id=c-1&cursor={cursor}"),
        format!("limit=1&cursor={cursor}{cursor}"),
        format!("limit=1&cursor={}", "A".repeat(8_000)),
        "limit=1&cursor=".to_owned() + "%00",
    ] {
        assert_eq!(refused(customer, &query).await, words, "{query}");
    }
    assert_eq!(refused(&other, &format!("limit=1&cursor={cursor}")).await, words);
    let page = customer.get(&format!("/v1/deliveries?limit=1&cursor={cursor}")).await;
    assert_eq!(page["deliveries"].as_array().unwrap().len(), 1, "unchanged, it works");
    rounds.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_43_what_is_anothers_is_answered_like_what_never_was() {
    let (mut rounds, other) = two_customers().await;
    let delivery = &rounds.site.customer.deliveries_of("c-1").await[0];
    let (delivery, destination) = (text(&delivery["id"]), text(&delivery["destination_id"]));
    let (no_delivery, no_destination) =
        (delivery.replace("dlv_", "dlv_0"), destination.replace("dst_", "dst_0"));
    for (theirs, nobodys) in [
        (format!("/v1/deliveries/{delivery}"), format!("/v1/deliveries/{no_delivery}")),
        (format!("/v1/destinations/{destination}"), format!("/v1/destinations/{no_destination}")),
        ("/v1/public/conversations/c-1".to_owned(), "/v1/public/conversations/c-0".to_owned()),
    ] {
        let mut answers: Vec<(StatusCode, Value)> = Vec::new();
        for path in [theirs, nobodys] {
            answers.push(other.call(Method::GET, &path, None).await);
        }
        assert_eq!(answers[0].0, StatusCode::NOT_FOUND);
        assert_eq!(answers[0], answers[1]);
    }
    assert_eq!(other.get("/v1/deliveries").await["deliveries"], json!([]));
    let wrong = Customer::with_key(rounds.site.world.stack.url(""), format!("{}0", rounds.site.customer.key));
    let nobodys = Customer::with_key(rounds.site.world.stack.url(""), format!("vk_{:016}_{:048}", 0, 0));
    let [wrong, nobodys] =
        [wrong, nobodys].map(|who| async move { who.call(Method::GET, "/v1/deliveries", None).await });
    assert_eq!(wrong.await, nobodys.await);
    rounds.check().await;
}
