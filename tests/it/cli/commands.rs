//! `send`, `tail`, `resend`, `recover`, and what they say when they cannot.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use tokio::io::{AsyncBufReadExt, BufReader};

use super::{Folder, command, file, refusal, stop};
use crate::world::text;

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_sent_ends_a_conversation_of_its_own() {
    let folder = Folder::start().await;
    for (kind, event) in [
        ("completed", "conversation.completed"),
        ("disconnected", "conversation.disconnected"),
        ("failed", "conversation.failed"),
        ("call-answered", "conversation.completed"),
        ("call-not-answered", "conversation.disconnected"),
        ("twilio-completed", "conversation.completed"),
        ("twilio-busy", "conversation.disconnected"),
        ("twilio-no-answer", "conversation.disconnected"),
        ("twilio-canceled", "conversation.disconnected"),
        ("twilio-failed", "conversation.failed"),
        ("daily-ended", "conversation.completed"),
        ("daily-not-answered", "conversation.disconnected"),
        ("daily-failed", "conversation.failed"),
    ] {
        let conversation = folder.send(&[kind]).await;
        assert_eq!(folder.customer.delivery_once(&conversation, "delivered").await["event"], event, "{kind}");
    }
    let sent =
        folder.run(&["send", "completed", "--count", "3", "--rate", "100", "--set", "notes=a note"]).await;
    let mut conversations: Vec<_> = sent.iter().map(|one| text(&one["conversation_id"])).collect();
    conversations.sort_unstable();
    conversations.dedup();
    assert_eq!(conversations.len(), 3, "{sent:?}");
    let record = folder.customer.get(&format!("/v1/public/conversations/{}", conversations[0])).await;
    assert_eq!(record["notes"], "a note");

    // A secret that the account has set stays.
    folder.customer.set_provider("twilio", "the_account_s_own_token").await;
    let refused = refusal(folder.directory.path(), &["send", "twilio-busy"]).await;
    assert!(
        refused.contains("the account has another secret for twilio: give it with --secret"),
        "{refused}"
    );
    folder.send(&["twilio-busy", "--secret", "the_account_s_own_token"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_shown_as_they_happen_and_what_was_skipped_is_recovered() {
    let folder = Folder::start().await;
    let mut tail = folder.spawn(&["tail"]).await;
    let of = async |tail: &mut super::Program, conversation: &str| -> Value {
        loop {
            let shown = tail.next().await;
            if shown["conversation_id"] == conversation {
                return shown;
            }
        }
    };
    let conversation = folder.send(&["completed"]).await;
    let shown = of(&mut tail, &conversation).await;
    assert_eq!((&shown["status"], &shown["attempts"]), (&json!("delivered"), &json!(1)), "{shown}");

    let list = folder.customer.get("/v1/destinations").await;
    let demo = text(&list["destinations"][0]["id"]);
    folder.customer.change_destination(&demo, &json!({"status": "disabled"})).await;
    let conversation = folder.send(&["failed"]).await;
    assert_eq!(of(&mut tail, &conversation).await["status"], "skipped");
    folder.customer.change_destination(&demo, &json!({"status": "enabled"})).await;
    let recovered = folder.run(&["recover", "Example receiver", "--since", "1h"]).await;
    assert_eq!((recovered.len(), &recovered[0]["delivered"]), (1, &json!(1)), "{recovered:?}");
    assert_eq!(of(&mut tail, &conversation).await["status"], "delivered");
    assert_eq!(folder.run(&["recover", &demo, "--since", "1h"]).await[0]["found"], 0);
    drop(tail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subcommand_says_why_it_cannot_work() {
    let empty = tempfile::tempdir().unwrap();
    let folder = Folder::start().await;
    let here = folder.directory.path();
    let nothing = "http://127.0.0.1:9";
    for (place, arguments, expected) in [
        (empty.path(), &["tail"][..], "no stack runs in this folder"),
        (empty.path(), &["tail", "--api", nothing], "give --key KEY"),
        (
            empty.path(),
            &["tail", "--api", nothing, "--key", "vk_1"],
            "the API at http://127.0.0.1:9 does not answer",
        ),
        (here, &["tail", "--key", "vk_1"], "does not know this key"),
        (here, &["resend", "dlv_1"], "There is no such delivery."),
        (here, &["recover", "CRM", "--since", "1h"], "no destination with the id or name \"CRM\""),
        (here, &["recover", "CRM", "--since", "soon"], "must be like 1h"),
        (here, &["send", "completed", "--set", "bogus=1"], "bogus is not a field of a conversation"),
        (here, &["listen", "https://localhost:3000"], "must be like http://localhost:3000/webhooks"),
        (
            here,
            &["listen", "http://localhost:3000", "--api", nothing, "--key", "vk_1"],
            "listen works with the local stack alone",
        ),
        (here, &["listen", "http://localhost:3000", "--request-type", "HEAD"], "request_type must be"),
    ] {
        let refused = refusal(place, arguments).await;
        assert!(refused.contains(expected), "{arguments:?}: {refused}");
    }
    assert_eq!(folder.destinations().await, ["Example receiver"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_leaves_its_file_to_its_owner_while_it_runs() {
    let mut folder = Folder::start().await;
    let file = file(folder.directory.path());
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    stop(&mut folder.stack).await;
    assert!(!file.parent().unwrap().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_thing_to_type_is_listen_and_an_attempt_names_its_destination() {
    let folder = tempfile::tempdir().unwrap();
    let mut stack = command(folder.path(), &["--port", "0"]).await.spawn().unwrap();
    let mut lines = BufReader::new(stack.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    while !printed.last().is_some_and(|line: &String| line.contains("attempt 1")) {
        printed.push(lines.next_line().await.unwrap().unwrap());
    }
    let command = printed.iter().find(|line| line.starts_with("  ")).unwrap();
    assert_eq!(command, "  cargo run -- listen http://localhost:3000/webhooks");
    let attempt = printed.last().unwrap();
    assert!(attempt.contains("→ Example receiver (dst_"), "{attempt}");
}
