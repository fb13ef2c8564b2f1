//! Every route at every door: without a good key, with a key for something else, with another account's ids, with ids that
//! are none, with another account's cursor. The routes are the template's, so one without a row here fails.

use std::collections::BTreeSet;
use std::time::Duration;

use local::template::{Parameters, Template};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::described;
use crate::world::{Customer, World, eventually, text};

/// Who is let in.
#[derive(Clone, Copy, PartialEq)]
enum Door {
    /// Everybody.
    Open,
    /// Whoever has a key with this scope.
    Key(&'static str),
    /// A provider, by its signature.
    Signature,
}

/// Where a request names something.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    Nothing,
    /// Something that has to be there: what is not the caller's own is not there.
    Existing(&'static str),
    /// Something that is made if it is not there, in the caller's own account.
    Made(&'static str),
}

struct Row {
    route: &'static str,
    door: Door,
    names: Names,
    /// What the owner gets.
    own: u16,
    /// What a text gets that is no id.
    nonsense: u16,
    query: &'static str,
    body: Option<Value>,
}

const fn row(route: &'static str, door: Door, names: Names, own: u16) -> Row {
    Row { route, door, names, own, nonsense: 404, query: "", body: None }
}

/// In an order in which what the owner does leaves the rows after it something to work with.
fn rows() -> Vec<Row> {
    use Door::{Key, Open, Signature};
    use Names::{Existing, Made, Nothing};
    let ended = json!({"conversation_id": "{conversation_id}", "conversation_status": "COMPLETED"});
    let since = json!({"since": "2026-01-01T00:00:00Z"});
    let with = |row: Row, body: Value| Row { body: Some(body), ..row };
    let made = |row: Row| Row { nonsense: 422, ..row };
    let window = "?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z";
    vec![
        row("GET /", Open, Nothing, 200),
        row("GET /assets/{version}/{name}", Open, Existing("name"), 404),
        row("GET /openapi.json", Open, Nothing, 200),
        row("POST /v1/flows/twilio/{account_id}", Signature, Existing("account_id"), 403),
        row("GET /v1/flows/twilio/{account_id}", Signature, Existing("account_id"), 403),
        row("POST /v1/flows/daily/{account_id}", Signature, Existing("account_id"), 403),
        made(with(
            row("PUT /v1/conversations/{conversation_id}", Key("ingest"), Made("conversation_id"), 200),
            json!({}),
        )),
        made(with(row("POST /v1/flows/hangup", Key("ingest"), Made("conversation_id"), 202), ended.clone())),
        made(with(row("POST /v1/flows/outbound-call", Key("ingest"), Made("conversation_id"), 202), ended)),
        row("GET /v1/deliveries", Key("read"), Nothing, 200),
        Row { query: window, ..row("GET /v1/stats", Key("read"), Nothing, 200) },
        row("GET /v1/deliveries/{delivery_id}", Key("read"), Existing("delivery_id"), 200),
        row("GET /v1/public/conversations/{conversation_id}", Key("read"), Existing("conversation_id"), 200),
        row("POST /v1/deliveries/{delivery_id}/resend", Key("manage"), Existing("delivery_id"), 202),
        row("GET /v1/providers", Key("manage"), Nothing, 200),
        with(
            row("PUT /v1/providers/{provider}", Key("manage"), Existing("provider"), 200),
            json!({"secret": "token"}),
        ),
        row("DELETE /v1/providers/{provider}", Key("manage"), Existing("provider"), 204),
        row("GET /v1/destinations", Key("manage"), Nothing, 200),
        with(
            row("POST /v1/destinations", Key("manage"), Nothing, 201),
            json!({"name": "New", "url": "https://hooks.example.com/"}),
        ),
        row("GET /v1/destinations/{destination_id}", Key("manage"), Existing("destination_id"), 200),
        with(
            row("PATCH /v1/destinations/{destination_id}", Key("manage"), Existing("destination_id"), 200),
            json!({"name": "Renamed"}),
        ),
        row(
            "POST /v1/destinations/{destination_id}/secret/rotate",
            Key("manage"),
            Existing("destination_id"),
            200,
        ),
        row("POST /v1/destinations/{destination_id}/test", Key("manage"), Existing("destination_id"), 202),
        with(
            row(
                "POST /v1/destinations/{destination_id}/recover",
                Key("manage"),
                Existing("destination_id"),
                202,
            ),
            since,
        ),
        row("DELETE /v1/destinations/{destination_id}", Key("manage"), Existing("destination_id"), 204),
        row("DELETE /v1/conversations/{conversation_id}", Key("manage"), Existing("conversation_id"), 204),
    ]
}

/// Texts that are no id of anything, as they stand in a path.
fn nonsense() -> Vec<String> {
    let mut texts: Vec<_> = [
        "%00",
        "a%00b",
        "a%20b",
        "a%0Ab",
        "%E2%98%83",
        "%F0%9F%92%A9",
        "a%2Fb",
        "..%2F..%2Fv1",
        "%252e%252e%252f",
        "a%23b",
        "%7Bid%7D",
        "'%20OR%20'1'='1",
        "%3Cscript%3E",
        "a%5Cb",
        "*",
        "a%3Fb=c",
    ]
    .map(str::to_owned)
    .into();
    texts.extend([129, 4000].map(|length| "x".repeat(length)));
    texts
}

impl Row {
    /// The request that names this; an id as it stands in a path, percent-encoded or not.
    async fn send(&self, caller: &Customer, id: &str) -> (StatusCode, Value) {
        let (method, path) = self.route.split_once(' ').unwrap();
        let place = |text: &str, id: &str| match self.names {
            Names::Nothing => text.to_owned(),
            Names::Existing(name) | Names::Made(name) => text.replace(&format!("{{{name}}}"), id),
        };
        let path = format!("{}{}", place(path, id).replace("{version}", "v"), self.query);
        let plain: String = url::form_urlencoded::parse(format!("id={}", id.replace('+', "%2B")).as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect();
        let body = self.body.as_ref().map(|body| place_in(body, &plain));
        caller.call(method.parse().unwrap(), &path, body.as_ref()).await
    }
}

/// The body with the id in the place of its field that is left open.
fn place_in(body: &Value, id: &str) -> Value {
    let mut body = body.clone();
    for value in body.as_object_mut().unwrap().values_mut() {
        if *value == "{conversation_id}" {
            *value = json!(id);
        }
    }
    body
}

/// Two accounts, of which one has something of everything.
struct Scene {
    world: World,
    acme: Customer,
    other: Customer,
    destination: String,
    delivery: String,
    cursor: String,
}

impl Scene {
    async fn set() -> Self {
        let (world, hand) = World::by_hand().await;
        let [acme, other] = [world.customer("Acme").await, world.customer("Other").await];
        let (destination, _) = acme.add_destination(&world.stack.receiver.url("/acme"), "POST").await;
        for conversation in ["theirs-1", "theirs-2"] {
            acme.hang_up(conversation).await;
            acme.delivery_once(conversation, "delivered").await;
            hand.advance(Duration::from_millis(10));
        }
        let delivery = text(&acme.deliveries_of("theirs-1").await[0]["id"]);
        let cursor = text(&acme.get("/v1/deliveries?limit=1").await["next_cursor"]);
        acme.set_provider("twilio", "token").await;
        Self { world, acme, other, destination, delivery, cursor }
    }

    /// What Acme's thing of that kind is called, and what nothing is called.
    fn ids(&self, kind: &str) -> (String, &'static str) {
        match kind {
            "destination_id" => (self.destination.clone(), "dst_0000000000000000"),
            "delivery_id" => (self.delivery.clone(), "dlv_000000000000000000000000000000000000"),
            "conversation_id" => ("theirs-1".to_owned(), "nobodys"),
            "account_id" => (self.acme.account_id.clone(), "acc_000000000000000000000000"),
            "provider" => ("twilio".to_owned(), "nobody"),
            "name" => ("none.js".to_owned(), "nothing.js"),
            other => panic!("no id of a {other}"),
        }
    }

    async fn key(&self, scopes: &[&str]) -> Customer {
        let key = json!({"account_id": self.acme.account_id, "name": "k", "scopes": scopes});
        let made = self.world.stack.invoke("Destinations", &json!({"create_api_key": key})).await.unwrap();
        self.with_key(&text(&made["api_key"]))
    }

    fn with_key(&self, key: &str) -> Customer {
        let base = self.world.stack.url("");
        Customer::of(self.acme.account_id.clone(), key.to_owned(), base, self.world.http.clone())
    }

    async fn revoked(&self) -> Customer {
        let key = self.key(&["ingest", "manage", "read"]).await;
        let revoke = json!({"account_id": key.account_id, "key_id": key.key_id()});
        self.world.stack.invoke("Destinations", &json!({"revoke_api_key": revoke})).await.unwrap();
        key
    }

    /// What is no good key.
    async fn strangers(&self) -> Vec<Customer> {
        let (start, last) = self.acme.key.split_at(self.acme.key.len() - 1);
        let wrong_secret = format!("{start}{}", if last == "0" { "1" } else { "0" });
        let unknown = format!("vk_{}_{}", "0".repeat(16), "0".repeat(48));
        let upper = self.acme.key.to_uppercase();
        let keys = ["", "nonsense", "vk_", self.acme.key_id(), &upper, &unknown, &wrong_secret];
        let mut strangers: Vec<_> = keys.into_iter().map(|key| self.with_key(key)).collect();
        strangers.push(self.revoked().await);
        strangers
    }
}

#[test]
fn every_route_of_the_template_has_its_row() {
    let template = Template::read(&Parameters::new()).unwrap();
    let routes: BTreeSet<_> = template.routes.iter().map(local::template::Route::key).collect();
    assert_eq!(routes, rows().iter().map(|row| row.route.to_owned()).collect());
    // All but those of the page.
    for row in rows().into_iter().filter(|row| row.route.contains("/v1/")) {
        let (method, path) = row.route.split_once(' ').unwrap();
        let operation = &described::paths()[path][method.to_lowercase()];
        let scope = if let Door::Key(scope) = row.door { json!(scope) } else { Value::Null };
        let is_open = operation["security"] == json!([]);
        assert_eq!((&operation["x-scope"], is_open), (&scope, scope.is_null()), "{}", row.route);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_every_route_answers_alike() {
    let scene = Scene::set().await;
    let strangers = scene.strangers().await;
    let single = [scene.key(&["ingest"]).await, scene.key(&["manage"]).await, scene.key(&["read"]).await];
    let mut words = None;
    for row in rows() {
        let id = match row.names {
            Names::Nothing => String::new(),
            Names::Existing(kind) | Names::Made(kind) => scene.ids(kind).0,
        };
        let Door::Key(needed) = row.door else {
            for caller in [&strangers[0], &scene.acme] {
                assert_eq!(row.send(caller, &id).await.0.as_u16(), row.own, "{}", row.route);
            }
            continue;
        };
        for stranger in &strangers {
            let answer = row.send(stranger, &id).await;
            assert_eq!(answer.0, StatusCode::UNAUTHORIZED, "{}", row.route);
            assert_eq!(words.get_or_insert_with(|| answer.clone()), &answer, "{}", row.route);
        }
        for (key, scope) in single.iter().zip(["ingest", "manage", "read"]) {
            if scope != needed {
                let (status, problem) = row.send(key, &id).await;
                assert_eq!(
                    (status, &problem["code"]),
                    (StatusCode::FORBIDDEN, &json!("forbidden")),
                    "{}",
                    row.route
                );
                assert!(
                    text(&problem["detail"]).contains(&format!("\"{needed}\"")),
                    "{}: {problem}",
                    row.route
                );
            }
        }
    }
    // None of them has changed anything, and the one scope that a route needs is enough.
    for row in rows() {
        let Door::Key(needed) = row.door else { continue };
        let id = match row.names {
            Names::Nothing => String::new(),
            Names::Existing(kind) => scene.ids(kind).0,
            Names::Made(_) => {
                format!("of-{}", row.route.rsplit('/').next().unwrap().trim_matches(['{', '}']))
            }
        };
        let key =
            single.iter().zip(["ingest", "manage", "read"]).find(|(_, scope)| *scope == needed).unwrap().0;
        let (status, body) = row.send(key, &id).await;
        assert_eq!(status.as_u16(), row.own, "{}: {body}", row.route);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_and_what_is_no_id_is_as_what_never_was() {
    let scene = Scene::set().await;
    for row in rows() {
        match row.names {
            Names::Nothing => {
                let (_, body) = row.send(&scene.other, "").await;
                let body = body.to_string();
                for theirs in [&scene.destination, &scene.delivery, &"theirs-1".to_owned()] {
                    assert!(!body.contains(theirs.as_str()), "{}: {body}", row.route);
                }
            }
            // A provider is no secret, and everybody has the same: Acme's token is not the other's.
            Names::Existing("provider") if row.route.starts_with("PUT") => {}
            Names::Existing(kind) => {
                let (theirs, nobodys) = scene.ids(kind);
                let never_was = row.send(&scene.other, nobodys).await;
                assert_eq!(
                    never_was.0.as_u16(),
                    if row.door == Door::Signature { 403 } else { 404 },
                    "{}",
                    row.route
                );
                let answer = row.send(&scene.other, &theirs).await;
                assert_eq!(answer, never_was, "{} of another account", row.route);
            }
            Names::Made(_) => {
                // The caller's own is made, and looks as any other that is new.
                let (theirs, nobodys) = ("theirs-2", "new");
                let plain = |(status, mut body): (StatusCode, Value)| {
                    for derived in ["conversation_id", "id", "event_id"] {
                        body.as_object_mut().unwrap().remove(derived);
                    }
                    (status, body)
                };
                let never_was = plain(row.send(&scene.other, nobodys).await);
                assert_eq!(plain(row.send(&scene.other, theirs).await), never_was, "{}", row.route);
            }
        }
        if row.names != Names::Nothing {
            let (Names::Existing(kind) | Names::Made(kind)) = row.names else { continue };
            let baseline = if row.nonsense == 404 {
                row.send(&scene.other, scene.ids(kind).1).await
            } else {
                row.send(&scene.other, &nonsense()[0]).await
            };
            for text in nonsense() {
                let answer = row.send(&scene.other, &text).await;
                assert!(answer.0.is_client_error(), "{} {text}: {}", row.route, answer.0);
                assert_eq!(answer, baseline, "{} {text}", row.route);
            }
        }
    }
    // All of it is still there, for its owner.
    for row in rows() {
        let id = match row.names {
            Names::Nothing => String::new(),
            Names::Existing(kind) => scene.ids(kind).0,
            Names::Made(_) => "theirs-1".to_owned(),
        };
        let (status, body) = row.send(&scene.acme, &id).await;
        assert_eq!(status.as_u16(), row.own, "{}: {body}", row.route);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_account_is_as_one_that_was_made_up() {
    let scene = Scene::set().await;
    let (own, _) = scene.other.add_destination(&scene.world.stack.receiver.url("/other"), "POST").await;
    let page = |cursor: &str| format!("/v1/deliveries?limit=1&cursor={cursor}");
    assert_eq!(scene.acme.get(&page(&scene.cursor)).await["deliveries"].as_array().unwrap().len(), 1);
    let recover = format!("/v1/destinations/{own}/recover");
    let ask = async |cursor: &str| {
        let body = json!({"since": "2026-01-01T00:00:00Z", "cursor": cursor});
        [
            scene.other.call(Method::GET, &page(cursor), None).await,
            scene.other.call(Method::POST, &recover, Some(&body)).await,
        ]
    };
    let made_up = ask("AAAA").await;
    assert!(made_up.iter().all(|(status, _)| *status == StatusCode::BAD_REQUEST), "{made_up:?}");
    assert_eq!(ask(&scene.cursor).await, made_up);
}

/// The same conversation id in another account is another conversation, with another event.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_share_no_conversation() {
    let scene = Scene::set().await;
    let receiver = &scene.world.stack.receiver;
    scene.other.add_destination(&receiver.url("/other"), "POST").await;
    let theirs = text(&scene.acme.deliveries_of("theirs-1").await[0]["event_id"]);
    assert_ne!(scene.other.hang_up("theirs-1").await, theirs);
    eventually("a delivery", async || (receiver.received("/other").len() == 1).then_some(())).await;
    scene.world.quiet().await;
    assert_eq!(receiver.received("/acme").len(), 2);
}
