//! The receiver over TLS, with an independent HTTP client.

use super::*;
use crate::certificates::Authority;

async fn start() -> (Receiver, reqwest::Client) {
    // Fails if another test has installed the provider already.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let authority = Authority::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (clock, _control) = Clock::manual(1_614_265_330_000);
    let receiver = Receiver::start(listener, authority.server_config().unwrap(), clock).unwrap();
    let root = reqwest::Certificate::from_pem(authority.pem().as_bytes()).unwrap();
    let client =
        reqwest::Client::builder().no_proxy().https_only(true).tls_certs_only([root]).build().unwrap();
    (receiver, client)
}

#[tokio::test]
async fn a_request_is_kept_with_its_fields_and_its_signature() {
    let (receiver, client) = start().await;
    receiver.trust("/hooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let url = receiver.url("/hooks?event=conversation.failed&payload=%7B%22test%22:%202432232314%7D");
    let request = client
        .get(url)
        .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
        .header("webhook-timestamp", "1614265330")
        .header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_eq!(request.send().await.unwrap().status(), 200);

    let received = receiver.wait_for("/hooks", 1).await;
    assert_eq!(received[0].event.as_deref(), Some("conversation.failed"));
    assert_eq!(received[0].payload.as_deref(), Some(br#"{"test": 2432232314}"#.as_slice()));
    assert_eq!(received[0].signature, Signature::Verified);
    assert_eq!(received[0].at_ms, 1_614_265_330_000);
    assert!(receiver.received("/other").is_empty());
}

#[tokio::test]
async fn it_answers_as_told_over_the_wire() {
    let (receiver, client) = start().await;
    let status = async |path: &str| client.post(receiver.url(path)).send().await.unwrap().status().as_u16();
    let tell =
        async |command: &str| client.put(receiver.url(command)).send().await.unwrap().status().as_u16();

    assert_eq!(tell("/__answer/hooks?status=503").await, 200);
    assert_eq!(tell("/__answer?status=404").await, 200);
    assert_eq!((status("/hooks").await, status("/else").await), (503, 404));
    receiver.answer_next("/hooks", [Answer::Body(201, "made".to_owned())]);
    assert_eq!((status("/hooks").await, status("/hooks").await), (201, 503));
    for command in ["/__answer/hooks", "/__answer/hooks?status=no"] {
        assert_eq!(tell(command).await, 400, "{command}");
    }
    assert!(receiver.received("/__answer/hooks").is_empty(), "commands are not kept as webhooks");
}

#[tokio::test]
async fn a_dropped_connection_has_no_response_and_a_hanging_one_waits_for_the_sender() {
    let (receiver, client) = start().await;
    receiver.answer_next("/hooks", [Answer::Drop, Answer::Hang]);
    assert!(client.post(receiver.url("/hooks")).send().await.unwrap_err().status().is_none());
    let hanging = tokio::spawn(client.post(receiver.url("/hooks")).send());
    receiver.wait_for("/hooks", 2).await;
    assert!(!hanging.is_finished());
    hanging.abort();
}

#[tokio::test]
async fn old_requests_are_forgotten() {
    let (receiver, client) = start().await;
    let body = vec![b'x'; 15 * 1024 * 1024];
    for path in 0..10 {
        let request = client.post(receiver.url(&format!("/{path}"))).body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let kept: usize = receiver.all().iter().map(|request| request.body.len()).sum();
    assert!((100_000_000..=state::MAX_KEPT_BYTES).contains(&kept), "{kept}");
    assert_eq!((receiver.received("/0").len(), receiver.received("/9").len()), (0, 1));
}

#[tokio::test]
async fn no_web_page_may_call_it() {
    let (receiver, client) = start().await;
    for url in [receiver.url("/hooks"), receiver.url("/__answer?status=500")] {
        let request = client.put(url).header("origin", "https://evil.example");
        assert_eq!(request.send().await.unwrap().status(), 403);
    }
    assert!(receiver.all().is_empty());
    assert_eq!(client.get(receiver.url("/hooks")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_arrived_is_shown_to_this_machine_only() {
    let (receiver, client) = start().await;
    let rows = include_str!("../../../../tests/corpus/hostile/callers.txt").lines();
    let mut wrong = Vec::new();
    for line in rows.filter(|line| line.starts_with("page | ")) {
        let [_, path, headers, expected] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let headers = headers.replace("PORT", &receiver.address.port().to_string());
        let mut request = client.get(receiver.url(path));
        for header in headers.split("; ") {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let status = request.send().await.unwrap().status().as_u16();
        if status != (if expected == "taken" { 200 } else { 403 }) {
            wrong.push(format!("{status}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(receiver.all().is_empty());
}

#[tokio::test]
async fn the_page_shows_what_arrived_newest_first_and_as_text() {
    let (receiver, client) = start().await;
    let page = async || {
        let response = client.get(receiver.url("/")).send().await.unwrap();
        assert!(
            response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'")
        );
        response.text().await.unwrap()
    };
    assert!(page().await.contains("Nothing yet"));
    receiver.trust("/hooks", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    for payload in [r#"{"test": 2432232314}"#, r#"{"z": 1, "a": "<script>alert('x')</script>"}"#] {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\n<b>\r\n\
             --b\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{payload}\r\n--b--\r\n"
        );
        let request = client
            .post(receiver.url("/hooks"))
            .header("content-type", "multipart/form-data; boundary=b")
            .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
            .header("webhook-timestamp", "1614265330")
            .header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(request.body(body).send().await.unwrap().status(), 200);
    }
    let page = page().await;
    let newest = "{\n  &quot;z&quot;: 1,\n  &quot;a&quot;: &quot;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;\n}";
    let first = "{\n  &quot;test&quot;: 2432232314\n}";
    assert!(page.find(newest).unwrap() < page.find(first).unwrap(), "{page}");
    assert!(page.find("webhook-signature is wrong").unwrap() < page.find("signature verified").unwrap());
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");

    // A webhook by GET to the same path is kept.
    let webhook = client.get(receiver.url("/?event=e&payload=p")).header("webhook-id", "msg_1");
    assert_eq!(webhook.send().await.unwrap().text().await.unwrap(), "");
    assert_eq!(receiver.received("/").len(), 1);
}
