//! News of a leg that comes after the end.

use super::*;
use crate::lifecycle::freeze::sealed;

/// As if it had come before the end.
#[tokio::test]
async fn row_52_news_of_a_leg_that_comes_while_the_end_settles_corrects_it() {
    let meeting = || {
        let known = r#"{"conversation_type":"DAILY","conversation_duration":100}"#;
        ProviderCallback { began: Some(second(1000)), ..leg(OVER, 1100, known) }
    };
    let call = OUT.replace('{', r#"{"conversation_type":"TELEPHONY","#);
    let failed = || leg(CallProgress::LegFailed, 1001, &call);
    let answered = || leg(CallProgress::Answered, 1002, &call.replace("+1", "+2"));
    let visitor = || leg(CallProgress::Answered, 1003, "{}");
    for (news, kind, channel, number) in [
        (vec![meeting(), answered()], EventKind::Completed, "TELEPHONY", Some("+2")),
        (vec![failed(), meeting(), answered()], EventKind::Completed, "TELEPHONY", Some("+2")),
        (vec![failed(), meeting(), visitor()], EventKind::Completed, "DAILY", None),
        (vec![failed(), meeting(), visitor(), answered()], EventKind::Completed, "TELEPHONY", Some("+2")),
        (vec![meeting(), answered(), failed()], EventKind::Completed, "TELEPHONY", Some("+2")),
        (vec![meeting(), failed()], EventKind::Failed, "TELEPHONY", Some("+1")),
        (vec![meeting(), failed(), answered(), meeting()], EventKind::Completed, "TELEPHONY", Some("+2")),
    ] {
        let world = World::new();
        world.name("c-1").await;
        world.clock.advance(Duration::from_secs(100));
        for callback in &news {
            receive(&world, callback).await;
        }
        let record = world.record("c-1").await.unwrap();
        assert_eq!(record.ended.unwrap().kind, kind);
        assert_eq!(record.fields.status(), ConversationStatus::after(kind));
        assert_eq!(record.fields.conversation_type.unwrap().text(), channel);
        let told = record.fields.to_mobile_number;
        assert_eq!(told.map(|told| told.text().to_owned()).as_deref(), number);
        assert_eq!(record.fields.conversation_duration.unwrap().json(), "100");
        assert_eq!((world.events.sent().len(), record.late_signals.len()), (1, 0));
    }
}

#[tokio::test]
async fn row_52_news_of_a_leg_corrects_no_end_that_is_final() {
    let world = World::new();
    world.name("c-1").await;
    world.clock.advance(Duration::from_secs(100));
    receive(&world, &ended(1000, 1100)).await;
    let settled = sealed(world.record("c-1").await.unwrap());
    world.callbacks.conversations.save(&settled).await.unwrap();
    receive(&world, &leg(CallProgress::Answered, 1002, OUT)).await;
    let record = world.record("c-1").await.unwrap();
    assert_eq!((record.ended.unwrap().kind, record.answered_at), (EventKind::Disconnected, None));
    assert!(record.fields.to_mobile_number.is_none());
}

/// What the platform states is not replaced.
#[tokio::test]
async fn row_52_news_of_a_leg_leaves_the_platforms_numbers() {
    let world = World::new();
    let mut record = Conversation::new(sample::account(), id("c-1"), world.clock.now());
    record.fields = ConversationFields::parse(serde_json::from_str(OUT).unwrap()).unwrap();
    world.callbacks.conversations.save(&record).await.unwrap();
    world.name("c-1").await;
    world.clock.advance(Duration::from_secs(100));
    receive(&world, &leg(CallProgress::LegFailed, 1001, OUT)).await;
    receive(&world, &ended(1000, 1100)).await;
    receive(&world, &leg(CallProgress::Answered, 1002, &OUT.replace("+1", "+2"))).await;
    let record = world.record("c-1").await.unwrap();
    assert_eq!(record.ended.unwrap().kind, EventKind::Completed);
    assert_eq!(record.fields.to_mobile_number.unwrap().text(), "+1");
}
