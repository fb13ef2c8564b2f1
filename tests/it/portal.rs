//! The portal: links that begin one session each, what sessions may do, and where the page may be shown.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{Customer, World, text, token_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_begins_one_session_and_every_other_token_gets_one_and_the_same_answer() {
    let (world, hand) = World::by_hand().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    let link = acme.portal_link("manage").await;
    assert_eq!(
        (&link["role"], &link["expires_at"]),
        (&json!("manage"), &json!("2026-09-01T10:01:00.000Z")),
        "{link}"
    );
    let token = token_of(&link).to_owned();
    assert_eq!(link["url"], world.stack.url(&format!("/portal/{token}")));
    hand.advance(Duration::from_millis(59_999));
    let (status, session) = acme.exchange(&token).await;
    assert_eq!(status, StatusCode::CREATED, "{session}");
    assert_eq!(
        (&session["role"], &session["expires_at"]),
        (&json!("manage"), &json!("2026-09-02T10:00:59.000Z")),
        "{session}"
    );
    let session_token = text(&session["session_token"]);
    assert!(session_token.starts_with("vs_"), "{session_token}");

    let late = acme.portal_link("read").await;
    hand.advance(Duration::from_secs(60));
    let fresh = acme.portal_link("read").await;
    let of_acme = URL_SAFE_NO_PAD.decode(token_of(&fresh)).unwrap();
    let start = of_acme.windows(acme.account_id.len()).position(|part| part == acme.account_id.as_bytes());
    let mut foreign = of_acme;
    let account = start.unwrap()..start.unwrap() + acme.account_id.len();
    foreign[account].copy_from_slice(other.account_id.as_bytes());
    let mut wrong = vec![
        ("used", token.clone()),
        ("expired", token_of(&late).to_owned()),
        ("another account's", URL_SAFE_NO_PAD.encode(foreign)),
        ("cut", token_of(&fresh)[..60].to_owned()),
        ("longer", format!("{}AAAA", token_of(&fresh))),
        ("a session", session_token.clone()),
        ("a key", acme.key.clone()),
        ("empty", String::new()),
        ("no token", "x".to_owned()),
        ("long", "A".repeat(5000)),
    ];
    for at in 0..token_of(&fresh).len() {
        let mut changed = token_of(&fresh).to_owned().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        wrong.push(("changed", String::from_utf8(changed).unwrap()));
    }
    let mut answers = BTreeSet::new();
    for (what, token) in wrong {
        let (status, problem) = acme.exchange(&token).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{what}: {problem}");
        answers.insert(problem.to_string());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers.first().unwrap().contains("Open Webhooks again from your dashboard"), "{answers:?}");
    assert_eq!(acme.exchange(token_of(&fresh)).await.0, StatusCode::CREATED, "nothing has used it up");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_exchanges_at_once_one_begins_the_session() {
    let world = World::start().await;
    let acme = world.customer("Acme").await;
    let link = acme.portal_link("read").await;
    let answers = join_all((0..20).map(|_| acme.exchange(token_of(&link)))).await;
    let begun = answers.iter().filter(|(status, _)| *status == StatusCode::CREATED).count();
    let refused = answers.iter().filter(|(status, _)| *status == StatusCode::UNAUTHORIZED).count();
    assert_eq!((begun, refused), (1, 19), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_says_what_it_may_do_and_ends_after_a_day() {
    let (world, hand) = World::by_hand().await;
    let acme = world.customer("Acme").await;
    assert_eq!(
        acme.get("/v1/account").await,
        json!({
            "account_id": acme.account_id, "name": "Acme", "scopes": ["ingest", "manage", "read"], "expires_at": null,
        })
    );
    let sessions = [acme.in_portal("manage").await, acme.in_portal("read").await];
    for (session, scopes) in sessions.iter().zip([json!(["manage", "read"]), json!(["read"])]) {
        assert_eq!(
            session.get("/v1/account").await,
            json!({
                "account_id": acme.account_id, "name": "Acme", "scopes": scopes,
                "expires_at": "2026-09-02T10:00:00.000Z",
            })
        );
    }
    hand.advance(Duration::from_secs(24 * 60 * 60 - 1));
    for session in &sessions {
        session.get("/v1/deliveries").await;
    }
    hand.advance(Duration::from_secs(1));
    for path in ["/v1/account", "/v1/deliveries"] {
        for session in &sessions {
            let (status, problem) = session.call(Method::GET, path, None).await;
            assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_makes_no_links_and_a_key_ends_all_sessions_of_its_account() {
    let (world, hand) = World::by_hand().await;
    let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
    let link = acme.portal_link("manage").await;
    let (_, session) = acme.exchange(token_of(&link)).await;
    let key = text(&session["session_token"]);
    let user = Customer::of(acme.account_id.clone(), key, world.stack.url(""), world.http.clone());
    let (reader, stranger) = (acme.in_portal("read").await, other.in_portal("read").await);
    for (method, path) in [(Method::POST, "/v1/portal-links"), (Method::DELETE, "/v1/portal-sessions")] {
        let body = (method == Method::POST).then(|| json!({"role": "read"}));
        let (status, problem) = user.call(method, path, body.as_ref()).await;
        assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")), "{path}");
        assert!(text(&problem["detail"]).contains("API key only"), "{problem}");
    }
    let end = async || acme.call(Method::DELETE, "/v1/portal-sessions", None).await.0;
    assert_eq!(end().await, StatusCode::NO_CONTENT);
    let refused = async |of: &Customer| {
        let (status, problem) = of.call(Method::GET, "/v1/deliveries", None).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
    };
    for ended in [&user, &reader] {
        refused(ended).await;
    }
    stranger.get("/v1/deliveries").await;
    hand.advance(Duration::from_secs(1));
    assert_eq!(acme.exchange(token_of(&link)).await.0, StatusCode::UNAUTHORIZED, "the link stays used");
    acme.in_portal("read").await.get("/v1/deliveries").await;

    // No command that comes later opens a session again.
    assert_eq!(end().await, StatusCode::NO_CONTENT);
    for command in ["suspend_account", "resume_account"] {
        let command = json!({command: {"account_id": acme.account_id}});
        world.stack.invoke("Destinations", &command).await.unwrap();
    }
    refused(&user).await;
}

/// A destination's URL and the requests that were sent, too, but no secret.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_what_a_manager_sees() {
    let world = World::start().await;
    let acme = world.customer("Acme").await;
    let (destination, _) = acme.add_destination(&world.stack.receiver.url("/hooks?token=t"), "POST").await;
    acme.change_destination(&destination, &json!({"headers": {"x-token": "hidden"}})).await;
    acme.hang_up("c-1").await;
    let delivery = text(&acme.delivery_once("c-1", "delivered").await["id"]);
    let reader = acme.in_portal("read").await;
    for path in [
        format!("/v1/destinations/{destination}"),
        "/v1/destinations".to_owned(),
        format!("/v1/deliveries/{delivery}"),
    ] {
        let seen = reader.get(&path).await;
        assert_eq!(seen, acme.get(&path).await);
        let seen = seen.to_string();
        assert!(seen.contains("/hooks?token=t") && !seen.contains("hidden"), "{path}: {seen}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_a_link_uses_nothing_up_and_the_page_is_framed_by_the_allowed_alone() {
    let world = World::start_as(&[
        ("PortalName", "Acme & Co"),
        ("PortalFrameAncestors", "https://app.example.com http://localhost:3000"),
    ])
    .await;
    let acme = world.customer("Acme").await;
    let link = acme.portal_link("read").await;
    let get = async |method: Method, path: &str| {
        let answer = world.http.request(method, world.stack.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        (policy.rsplit_once("; ").unwrap().1.to_owned(), answer.text().await.unwrap())
    };
    let path = format!("/portal/{}", token_of(&link));
    let framed = "frame-ancestors https://app.example.com http://localhost:3000";
    let (policy, page) = get(Method::GET, &path).await;
    assert_eq!(policy, framed);
    assert!(page.contains(r#"data-name="Acme &amp; Co""#));
    assert_eq!(get(Method::HEAD, &path).await, (framed.to_owned(), String::new()));
    assert_eq!(get(Method::GET, "/portal/x").await, (policy, page.clone()));
    assert_eq!(get(Method::GET, "/").await, ("frame-ancestors 'none'".to_owned(), page));
    assert_eq!(acme.exchange(token_of(&link)).await.0, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_links_and_a_mistake_is_named() {
    let world = World::start_at("https://hooks.example.com").await;
    let acme = world.customer("Acme").await;
    let command = |account: &str| json!({"create_portal_link": {"account_id": account, "role": "read"}});
    let link = world.stack.invoke("Destinations", &command(&acme.account_id)).await.unwrap();
    assert!(text(&link["url"]).starts_with("https://hooks.example.com/portal/"), "{link}");
    assert_eq!(acme.exchange(token_of(&link)).await.1["role"], "read");
    let error = world.stack.invoke("Destinations", &command("acc_none")).await.unwrap_err().to_string();
    assert!(error.contains("no such account"), "{error}");
    for (path, body, field) in [
        ("/v1/portal-links", json!({"role": "ingest"}), "role"),
        ("/v1/portal-links", json!({}), "role"),
        ("/v1/portal-links", json!({"role": "read", "name": "x"}), "name"),
        ("/v1/portal-sessions", json!({"token": 5}), "token"),
        ("/v1/portal-sessions", json!({}), "token"),
    ] {
        let (status, problem): (_, Value) = acme.call(Method::POST, path, Some(&body)).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)),
            "{path} {body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_url_a_request_says_where_the_api_is_and_an_invocation_does_not() {
    let world = World::start_at("").await;
    let acme = world.customer("Acme").await;
    let link = text(&acme.portal_link("read").await["url"]);
    assert!(link.starts_with(&world.stack.url("/portal/").replace("http://", "https://")), "{link}");
    let command = json!({"create_portal_link": {"account_id": acme.account_id, "role": "read"}});
    let error = world.stack.invoke("Destinations", &command).await.unwrap_err().to_string();
    assert!(error.contains("PublicUrl"), "{error}");
}
