//! `listen`.

use local::receiver::WebhookFields;
use reqwest::Method;
use serde_json::json;
use standardwebhooks::Webhook;

use super::Folder;
use super::server::Server;
use crate::world::{eventually, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_http_server_gets_each_verified_webhook_unchanged_and_its_answer_is_the_answer() {
    let folder = Folder::start().await;
    for (request_type, format) in [("POST", "form"), ("PUT", "json"), ("PATCH", "form"), ("GET", "form")] {
        let server = Server::start().await;
        let url = server.url("/webhooks?tenant=1");
        let mut listen =
            folder.spawn(&["listen", &url, "--request-type", request_type, "--format", format]).await;
        let started = listen.next().await;
        let conversation = folder.send(&["completed"]).await;
        let (head, body) = server.wait_for(1).await.remove(0);
        assert_eq!((head.method.as_str(), head.uri.path()), (request_type, "/webhooks"));
        let query = head.uri.query().unwrap();
        let is_query = query == "tenant=1" || request_type == "GET" && query.starts_with("tenant=1&event=");
        assert!(is_query, "{query}");
        assert_eq!(head.headers["host"].to_str().unwrap(), server.url("").strip_prefix("http://").unwrap());
        let fields = WebhookFields::read(query, &head.headers, &body).await;
        let payload = fields.payload.unwrap();
        Webhook::new(&text(&started["secret"])).unwrap().verify(&payload, &head.headers).unwrap();
        assert!(payload.windows(conversation.len()).any(|part| part == conversation.as_bytes()));

        let printed = listen.next().await;
        assert_eq!(
            (&printed["event"], &printed["id"], &printed["attempt"], &printed["status"]),
            (
                &json!("conversation.completed"),
                &json!(head.headers["webhook-id"].to_str().unwrap()),
                &json!(1),
                &json!(201)
            ),
        );
        let (delivery, attempt) = eventually("the attempt's record", async || {
            let deliveries = folder.customer.deliveries_of(&conversation).await;
            let ours = deliveries.iter().find(|one| one["destination_id"] == started["destination_id"])?;
            let delivery = folder.customer.get(&format!("/v1/deliveries/{}", text(&ours["id"]))).await;
            let attempt = delivery["attempt_log"][0].clone();
            (attempt["http_status"] == 201).then(|| (text(&ours["id"]), attempt))
        })
        .await;
        let answer = &attempt["response"];
        assert_eq!(
            (&answer["body"], &answer["headers"]["retry-after"]),
            (&json!("made by my server"), &json!("7"))
        );

        folder.run(&["resend", &delivery]).await;
        let again = server.wait_for(2).await.remove(1).0;
        assert_eq!(again.headers["webhook-id"], head.headers["webhook-id"]);
        listen.stop().await;
        assert_eq!(folder.destinations().await, ["Example receiver"], "{request_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listen_takes_over_what_a_killed_one_has_left() {
    let folder = Folder::start().await;
    let server = Server::start().await;
    let url = server.url("/webhooks");
    let mut killed = folder.spawn(&["listen", &url]).await;
    let left = text(&killed.next().await["destination_id"]);
    killed.child.kill().await.unwrap();
    let mut listen =
        folder.spawn(&["listen", &url, "--events", "conversation.failed,conversation.disconnected"]).await;
    let started = listen.next().await;
    let path = |id: &str| format!("/v1/destinations/{id}");
    assert_eq!(folder.customer.call(Method::GET, &path(&left), None).await.0, 404);
    let made = folder.customer.get(&path(&text(&started["destination_id"]))).await;
    assert_eq!(made["events"], json!(["conversation.disconnected", "conversation.failed"]));
    no_web_page_reaches(&text(&made["url"])).await;

    folder.send(&["completed"]).await;
    folder.send(&["failed"]).await;
    server.wait_for(1).await;
    assert_eq!(listen.next().await["event"], "conversation.failed");

    // A server that is down.
    server.stop().await;
    let conversation = folder.send(&["disconnected"]).await;
    let printed = listen.next().await;
    assert_eq!(printed["status"], 502, "{printed}");
    assert!(text(&printed["error"]).contains("cannot be reached"), "{printed}");
    eventually("the attempt's record", async || {
        let deliveries = folder.customer.deliveries_of(&conversation).await;
        deliveries.iter().any(|one| one["http_status"] == 502).then_some(())
    })
    .await;
    listen.stop().await;
}

/// What a browser sends for a page gets no answer of the server behind `listen`.
async fn no_web_page_reaches(url: &str) {
    let http = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
    for (name, value) in
        [("host", "evil.example"), ("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")]
    {
        let answer = http.post(url).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{name}");
    }
}
