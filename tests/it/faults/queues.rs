//! Faults of SQS: rows 32 to 35.

use std::time::Duration;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use domain::delivery::message::{DeliveryMessage, Message};
use domain::delivery::record::DeliveryStatus;
use domain::delivery::schedule::RETRY_AFTER;
use domain::shared::ids::{AccountId, DeliveryId};
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::sample;
use local::receiver::Answer;

use super::entries::THROTTLED;
use super::mappings::Mappings;
use super::site::{DEAD_LETTERS, DELIVERIES, EVENTS, Site};
use crate::world::text;

/// The queues' visibility timeout in the template.
const VISIBILITY: Duration = Duration::from_secs(185);

#[tokio::test(flavor = "multi_thread")]
async fn row_32_where_visibility_cannot_be_changed_the_retry_comes_at_the_queues_own_timeout() {
    for (status, code) in [(400, THROTTLED), (403, "AccessDenied")] {
        let (site, hand) = Site::by_hand().await;
        let mappings = Mappings::new(&site, &site.dispatch().await).await;
        site.destination("/a").await;
        site.receiver.answer_next("/a", [Answer::Status(500)]);
        site.accept("c-1").await;
        site.queues.on("ChangeMessageVisibility").refuse(status, code);
        mappings.events.step().await;
        mappings.deliveries.step().await;
        assert_eq!(site.attempts_at("/a"), [1]);

        hand.advance(RETRY_AFTER * 2);
        assert_eq!(mappings.deliveries.step().await, 0, "the queue does not know of the ten seconds");
        hand.advance(VISIBILITY - RETRY_AFTER * 2);
        assert_eq!(mappings.deliveries.step().await, 1);
        assert_eq!(site.attempts_at("/a"), [1, 2]);
        assert!(site.queues.calls("ChangeMessageVisibility") > 0);
        mappings.drain(&site, &hand, 0).await;
        site.assert_kept().await;
    }
}

/// Fans out an event to 25 destinations under a fault of `SendMessageBatch`; returns the messages sent before a retry.
async fn fans_out_under(fault: impl Fn(&Site)) -> (Site, u64) {
    const DESTINATIONS: usize = 25;
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    for number in 0..DESTINATIONS {
        site.destination(&format!("/{number}")).await;
    }
    site.accept("c-1").await;
    fault(&site);
    mappings.events.step().await;
    let sent = site.world.messages_in(DELIVERIES).await;
    mappings.drain(&site, &hand, 0).await;
    for number in 0..DESTINATIONS {
        assert_eq!(site.attempts_at(&format!("/{number}")), [1], "/{number}");
    }
    site.assert_kept().await;
    (site, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_33_entries_that_the_queue_refused_are_sent_again() {
    let (site, sent) = fans_out_under(|site| {
        site.queues.on("SendMessageBatch").nth(1).fail_entries(&[0, 3, 4]);
        site.queues.on("SendMessageBatch").nth(2).fail_entries(&[1]);
    })
    .await;
    assert_eq!(sent, 25, "in the same invocation");
    assert_eq!(site.queues.calls("SendMessageBatch"), 5, "only what was refused");
}

/// Ten events that leave together: their deliveries share calls, and what the queue refuses concerns one event.
#[tokio::test(flavor = "multi_thread")]
async fn row_33_an_entry_that_is_refused_to_the_end_leaves_a_copy_of_its_own_event_only() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    site.destination("/hooks").await;
    for number in 0..10 {
        site.accept(&format!("c-{number}")).await;
    }
    site.queues.on("SendMessageBatch").fail_entries(&[0]);
    mappings.events.step().await;
    let calls = site.queues.calls("SendMessageBatch");
    assert!(calls < 10, "{calls} calls for ten deliveries");
    let refused = site.queues.calls("SendMessage");
    assert!((1..=calls / 3).contains(&refused), "{refused} copies after {calls} calls");
    assert_eq!(site.world.messages_in(DELIVERIES).await, 10 - refused as u64);
    site.queues.heal();
    mappings.drain(&site, &hand, 0).await;
    assert_eq!(site.attempts_at("/hooks"), [1; 10]);
    site.assert_kept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_33_entries_that_are_refused_again_and_again_leave_a_copy_of_the_event_in_its_queue() {
    // Fails every round of one invocation, for each of its three batches.
    let (site, sent) = fans_out_under(|site| {
        site.queues.on("SendMessageBatch").first(9).fail_entries(&[0]);
    })
    .await;
    assert_eq!(sent, 22);
    assert_eq!(site.world.messages_in(EVENTS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_33_a_batch_that_was_taken_without_an_answer_makes_no_second_request() {
    let (_, sent) = fans_out_under(|site| {
        site.queues.on("SendMessageBatch").nth(1).drop_answer();
    })
    .await;
    assert!(sent > 25, "it was sent twice: {sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_34_a_queue_that_gives_nothing_for_a_while_is_drained_after_it() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    site.destination("/a").await;
    for number in 0..15 {
        site.accept(&format!("c-{number}")).await;
    }
    site.queues.on("ReceiveMessage").first(6).answer("{}");
    // The error of a queue at its limit of messages in flight.
    site.queues.on("ReceiveMessage").first(3).refuse(400, "OverLimit");
    for _ in 0..3 {
        assert_eq!(mappings.step().await, 0);
        hand.advance(Duration::from_secs(60));
    }
    assert!(site.attempts_at("/a").is_empty());
    mappings.drain(&site, &hand, 0).await;
    assert_eq!(site.attempts_at("/a"), [1; 15]);
    site.assert_kept().await;
}

/// Redrives as an operator does: every dead letter returns to the deliveries as a new message, with no receives.
async fn redrive(site: &Site) {
    let sqs = &site.world.stack.clients.sqs;
    let receive = sqs.receive_message().queue_url(site.queue_url(DEAD_LETTERS)).max_number_of_messages(10);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::MessageGroupId);
    for message in receive.send().await.unwrap().messages() {
        let group = message.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId].as_str();
        let send = sqs.send_message().queue_url(site.queue_url(DELIVERIES)).message_group_id(group);
        send.message_body(message.body().unwrap()).send().await.unwrap();
        let delete = sqs.delete_message().queue_url(site.queue_url(DEAD_LETTERS));
        delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
    }
    assert_eq!(site.world.messages_in(DEAD_LETTERS).await, 0);
}

/// The fourth attempt acknowledges its message. A copy of it may still have become a dead letter.
#[tokio::test(flavor = "multi_thread")]
async fn row_35_the_redrive_of_an_exhausted_delivery_sends_nothing() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    let destination_id = site.destination("/fails").await;
    site.receiver.answer("/fails", Answer::Status(500));
    let event = site.accept("c-1").await;
    mappings.events.step().await;
    for _ in 0..4 {
        assert_eq!(mappings.deliveries.step().await, 1);
        hand.advance(RETRY_AFTER);
    }
    assert_eq!(site.world.messages_in(DELIVERIES).await, 0, "acknowledged");
    let copy = DeliveryMessage {
        account_id: AccountId::parse(&site.customer.account_id).unwrap(),
        delivery_id: DeliveryId::of(&event, &destination_id),
        destination_id,
        ..sample::delivery_message()
    };
    let body = Message::Delivery(copy.clone()).body();
    let letter = site.world.stack.clients.sqs.send_message().queue_url(site.queue_url(DEAD_LETTERS));
    let letter = letter.message_group_id(copy.destination_id.as_str()).message_body(body);
    letter.send().await.unwrap();
    redrive(&site).await;
    assert_eq!(mappings.deliveries.step().await, 1);
    assert_eq!(site.world.messages_in(DELIVERIES).await, 0, "acknowledged");
    assert_eq!(site.attempts_at("/fails"), [1, 2, 3, 4]);
    site.assert_kept().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_35_the_redrive_of_a_stranded_delivery_completes_it() {
    let (site, hand) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    let destination = site.destination("/a").await;
    let event = site.accept("c-1").await;
    mappings.events.step().await;
    for _ in 0..4 {
        assert_eq!(site.world.read(DELIVERIES).await.len(), 1, "received, but not processed");
        hand.advance(VISIBILITY);
    }
    assert_eq!(site.world.read(DELIVERIES).await.len(), 0);
    assert_eq!((site.world.messages_in(DEAD_LETTERS).await, site.attempts_at("/a")), (1, vec![]));
    redrive(&site).await;
    assert_eq!(mappings.deliveries.step().await, 1);
    assert_eq!(site.attempts_at("/a"), [1]);
    assert_eq!(site.status(&DeliveryId::of(&event, &destination)).await, DeliveryStatus::Delivered);
    mappings.drain(&site, &hand, 0).await;
    site.assert_kept().await;
}

/// It went round the queue until its event was no longer kept. Its record is found by its id.
#[tokio::test(flavor = "multi_thread")]
async fn row_46_a_delivery_that_outlives_its_event_ends_with_a_record() {
    let (site, _) = Site::by_hand().await;
    let mappings = Mappings::new(&site, &site.dispatch().await).await;
    let retention_and_a_day = 31 * 24 * 60 * 60 * 1000;
    let message = DeliveryMessage {
        account_id: AccountId::parse(&site.customer.account_id).unwrap(),
        created_at: Timestamp::from_millis(site.world.now_ms() - retention_and_a_day),
        ..sample::delivery_message()
    };
    let id = message.delivery_id.clone();
    site.put(DELIVERIES, &Message::Delivery(message).body()).await;
    assert_eq!(mappings.deliveries.step().await, 1);
    assert_eq!(site.world.messages_in(DELIVERIES).await, 0, "acknowledged");
    let delivery = site.customer.get(&format!("/v1/deliveries/{id}")).await;
    assert_eq!(delivery["status"], "cancelled");
    assert!(text(&delivery["error"]).starts_with("The delivery expired"), "{delivery}");
}
