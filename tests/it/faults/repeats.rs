//! Requests that are repeated with their `Idempotency-Key` because the first one died or failed.

use std::time::Duration;

use local::clock::ClockControl;
use local::lambda::function::Functions;
use local::receiver::Signature;
use serde_json::{Value, json};

use super::mappings::Mappings;
use super::proxy::{ANY, Proxy};
use super::site::Site;
use crate::world::{Customer, text, token_of};

/// The SDK's tries of one call, as configured for the functions' clients.
const TRIES: usize = 3;

/// Longer than the lease of a request that is being answered.
const AFTER_THE_LEASE: Duration = Duration::from_secs(16);

/// More calls than any of the requests makes to one service.
const MAX_CALLS: usize = 20;

/// The requests that take a key.
const CREATE: &str = "POST /v1/destinations";
const ROTATE: &str = "POST /v1/destinations/{destination_id}/secret/rotate";
const KEY: &str = "POST /v1/api-keys";
const SESSION: &str = "POST /v1/portal-sessions";
const TEST: &str = "POST /v1/destinations/{destination_id}/test";
const RESEND: &str = "POST /v1/deliveries/{delivery_id}/resend";

/// What happens to the n-th call of a service, and after it.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The call is applied, and the invocation is killed.
    Kill,
    /// The call is applied, and its answer is lost, however often it is tried.
    LoseAnswer,
}

/// The functions behind the proxies, and a request to send twice.
struct Repeats {
    site: Site,
    hand: ClockControl,
    functions: Functions,
    mappings: Mappings,
}

/// An answer: its status, whether it is an earlier one, and its body.
type Answer = (u64, bool, Value);

impl Repeats {
    async fn start() -> Self {
        let (site, hand) = Site::by_hand().await;
        let functions = site.functions().await;
        let mappings = Mappings::new(&site, &functions["Dispatch"]).await;
        Self { site, hand, functions, mappings }
    }

    async fn drain(&self) {
        self.mappings.drain(&self.site, &self.hand, 0).await;
    }

    /// Sends a request to the path of `route` with this id; `None` if the invocation was killed.
    async fn post(&self, route: &str, id: &str, key: &str, body: &Value) -> Option<Answer> {
        let sample = include_str!("../../../events/destinations/create-destination.json");
        let mut event: Value = serde_json::from_str(sample).unwrap();
        let path = route.trim_start_matches("POST ");
        let [destination, delivery] = ["destination_id", "delivery_id"];
        let path = path.replace(&format!("{{{destination}}}"), id).replace(&format!("{{{delivery}}}"), id);
        for place in ["/routeKey", "/requestContext/routeKey"] {
            *event.pointer_mut(place).unwrap() = json!(route);
        }
        for place in ["/rawPath", "/requestContext/http/path"] {
            *event.pointer_mut(place).unwrap() = json!(path);
        }
        event["pathParameters"] = json!({destination: id, delivery: id});
        event["headers"]["x-api-key"] = json!(self.site.customer.key);
        event["headers"]["idempotency-key"] = json!(key);
        event["body"] = json!(body.to_string());
        let function =
            if [CREATE, ROTATE, KEY, SESSION].contains(&route) { "Destinations" } else { "Ingest" };
        let function = &self.functions[function].function;
        let deadline = self.site.world.now_ms() + 10_000;
        let answer = function.invoke(event.to_string().into(), deadline).await.ok()?;
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        let body = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        let is_replayed = answer["headers"]["idempotent-replayed"] == "true";
        Some((answer["statusCode"].as_u64().unwrap(), is_replayed, body))
    }

    /// Sends a request while the n-th call to this service meets a fault. False if it makes fewer calls.
    async fn disturbed(
        &self,
        proxy: &Proxy,
        (n, fault): (usize, Fault),
        request: impl Future<Output = Option<Answer>>,
    ) -> bool {
        let on = || proxy.on(ANY).nth(n);
        let met = match fault {
            Fault::Kill => {
                let stop = on().stop_after();
                tokio::select! {
                    () = stop.reached() => true,
                    _ = request => false,
                }
            }
            Fault::LoseAnswer => {
                on().times(TRIES).drop_answer();
                request.await;
                proxy.is_used_up()
            }
        };
        proxy.heal();
        met
    }

    /// Repeats a request until it is answered, and then once more; returns the answer, which is the same.
    async fn repeated(&self, request: impl AsyncFn() -> Option<Answer>) -> Value {
        self.hand.advance(AFTER_THE_LEASE);
        let (status, _, body) = request().await.unwrap();
        assert!((200..300).contains(&status), "{status} {body}");
        assert_eq!(request().await.unwrap(), (status, true, body.clone()));
        body
    }

    /// Tries a request with each fault at each of its calls. `prepare` makes what it is about, and `check` looks at what
    /// became of it.
    async fn everywhere(
        &self,
        route: &str,
        prepare: impl AsyncFn(&str) -> (String, Value),
        check: impl AsyncFn(&str, &Value),
    ) {
        let Site { tables, queues, keys, .. } = &self.site;
        for (service, proxy) in [("tables", tables), ("queues", queues), ("keys", keys)] {
            for fault in [Fault::Kill, Fault::LoseAnswer] {
                for n in 1..=MAX_CALLS {
                    let name = format!("{service}-{n}-{fault:?}");
                    let (id, body) = prepare(&name).await;
                    let request = async || self.post(route, &id, &name, &body).await;
                    let met = self.disturbed(proxy, (n, fault), request()).await;
                    let answer = self.repeated(request).await;
                    check(&name, &answer).await;
                    if !met {
                        break;
                    }
                    assert!(n < MAX_CALLS, "{name}");
                }
            }
        }
    }

    async fn destination(&self, name: &str) -> (String, String) {
        self.site.customer.add_destination(&self.site.receiver.url(&format!("/{name}")), "POST").await
    }

    /// Sends a test event to a destination; returns its signature by the secret, and the number of signatures.
    async fn signed(&self, name: &str, id: &str, secret: &str) -> (Signature, usize) {
        self.site.receiver.trust(&format!("/{name}"), secret).unwrap();
        let (status, _, sent) = self.post(TEST, id, &format!("{name}-signed"), &json!({})).await.unwrap();
        assert_eq!(status, 202, "{sent}");
        self.drain().await;
        let received = self.site.receiver.received(&format!("/{name}")).pop().unwrap();
        let signatures = received.headers["webhook-signature"].to_str().unwrap().split(' ').count();
        (received.signature, signatures)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_created_once_whatever_fails_and_its_secret_is_the_one_that_is_shown() {
    let repeats = Repeats::start().await;
    let prepare = async |name: &str| {
        (String::new(), json!({"name": "n", "url": repeats.site.receiver.url(&format!("/{name}"))}))
    };
    repeats
        .everywhere(CREATE, prepare, async |name, made| {
            let list = repeats.site.customer.get("/v1/destinations").await;
            let ids: Vec<_> =
                list["destinations"].as_array().unwrap().iter().map(|one| text(&one["id"])).collect();
            assert_eq!(ids, [text(&made["id"])], "{name}");
            let signed = repeats.signed(name, &ids[0], &text(&made["secret"])).await;
            assert_eq!(signed, (Signature::Verified, 1), "{name}");
            let path = format!("/v1/destinations/{}", ids[0]);
            repeats.site.customer.call(reqwest::Method::DELETE, &path, None).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_once_whatever_fails_and_is_the_one_that_is_shown() {
    let repeats = Repeats::start().await;
    let prepare = async |name: &str| (String::new(), json!({"name": name, "scopes": ["read"]}));
    repeats
        .everywhere(KEY, prepare, async |name, made| {
            let list = repeats.site.customer.get("/v1/api-keys").await;
            let keys = list["api_keys"].as_array().unwrap().iter().filter(|key| key["name"] == name);
            let ids: Vec<_> = keys.map(|key| text(&key["key_id"])).collect();
            assert_eq!(ids, [text(&made["key_id"])], "{name}");
            let key = Customer::with_key(repeats.site.world.stack.url(""), text(&made["api_key"]));
            key.get("/v1/api-keys").await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_once_whatever_fails() {
    let repeats = Repeats::start().await;
    let prepare = async |name: &str| (repeats.destination(name).await.0, json!({}));
    repeats
        .everywhere(ROTATE, prepare, async |name, rotated| {
            let id = text(&rotated["id"]);
            let signed = repeats.signed(name, &id, &text(&rotated["secret"])).await;
            assert_eq!(signed, (Signature::Verified, 2), "{name}: the new secret and the one before");
            let path = format!("/v1/destinations/{id}");
            repeats.site.customer.call(reqwest::Method::DELETE, &path, None).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_event_is_sent_once_whatever_fails() {
    let repeats = Repeats::start().await;
    let (id, _) = repeats.destination("hooks").await;
    let prepare = async |_: &str| (id.clone(), json!({}));
    repeats
        .everywhere(TEST, prepare, async |name, sent| {
            let before = repeats.site.receiver.received("/hooks").len();
            repeats.drain().await;
            let received = repeats.site.receiver.received("/hooks").split_off(before);
            let ids: Vec<_> =
                received.iter().map(|one| one.headers["webhook-id"].to_str().unwrap()).collect();
            assert_eq!(ids, [text(&sent["event_id"])], "{name}");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_again_once_whatever_fails() {
    let repeats = Repeats::start().await;
    repeats.site.destination("/hooks").await;
    let prepare = async |name: &str| {
        repeats.site.accept(name).await;
        repeats.drain().await;
        let delivery = text(&repeats.site.customer.deliveries_of(name).await[0]["id"]);
        (delivery, json!({"payload": "latest"}))
    };
    repeats
        .everywhere(RESEND, prepare, async |name, sent| {
            repeats.drain().await;
            let of_event = repeats.site.customer.deliveries_of(name).await;
            let ids: Vec<_> = of_event.iter().map(|one| text(&one["id"])).collect();
            assert!(ids.len() == 2 && ids.contains(&text(&sent["delivery_id"])), "{name}: {ids:?}");
        })
        .await;
    let all = repeats.site.receiver.received("/hooks").len();
    let events = repeats.site.expected.lock().unwrap().len();
    assert_eq!(all, 2 * events, "each once, and once more");
}

/// The write was made. The SDK repeats it because its answer was lost, and then its own row is in the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_begins_although_the_answer_to_its_write_is_lost() {
    let repeats = Repeats::start().await;
    let link = repeats.site.customer.portal_link("read").await;
    let body = json!({"token": token_of(&link)});
    repeats.site.tables.on("TransactWriteItems").times(1).drop_answer();
    let (status, _, session) = repeats.post(SESSION, "", "k", &body).await.unwrap();
    assert_eq!((status, &session["role"]), (201, &json!("read")), "{session}");
    assert!(repeats.site.tables.is_used_up());
    assert_eq!(repeats.post(SESSION, "", "k", &body).await.unwrap().0, 401);
}

/// The work was done. Another body with its key is refused, as after an answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_request_after_a_failure_of_ours_and_a_repeat_need_not_wait() {
    let repeats = Repeats::start().await;
    let url = |name: &str| json!({"name": "n", "url": repeats.site.receiver.url(name)});
    repeats.site.tables.on("TransactWriteItems").times(TRIES).drop_answer();
    let (status, _, problem) = repeats.post(CREATE, "", "k", &url("/a")).await.unwrap();
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
    repeats.site.tables.heal();
    let (status, _, problem) = repeats.post(CREATE, "", "k", &url("/b")).await.unwrap();
    assert_eq!((status, &problem["code"]), (422, &json!("idempotency_key_reused")));
    let (status, is_replayed, _) = repeats.post(CREATE, "", "k", &url("/a")).await.unwrap();
    assert_eq!((status, is_replayed), (201, false));
}

/// A refusal after a failure of ours does not make the key forget what the first request did.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_not_done_again_after_a_refusal_in_between() {
    let repeats = Repeats::start().await;
    let (id, _) = repeats.destination("hooks").await;
    let post = async || repeats.post(TEST, &id, "k", &json!({})).await.unwrap();
    repeats.site.queues.on("SendMessageBatch").times(TRIES).drop_answer();
    assert_eq!(post().await.0, 503);
    repeats.site.queues.heal();
    repeats.site.customer.change_destination(&id, &json!({"status": "disabled"})).await;
    assert_eq!(post().await.0, 409);
    repeats.site.customer.change_destination(&id, &json!({"status": "enabled"})).await;
    assert_eq!(post().await.0, 202);
    repeats.drain().await;
    assert_eq!(repeats.site.receiver.received("/hooks").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_waits_while_the_first_may_be_alive_and_then_takes_over() {
    let repeats = Repeats::start().await;
    let body = json!({"name": "n", "url": repeats.site.receiver.url("/a")});
    let post = async || repeats.post(CREATE, "", "k", &body).await;
    let first = repeats.site.tables.on("TransactWriteItems").stop_after();
    tokio::select! {
        () = first.reached() => {}
        _ = post() => panic!("the first request is answered"),
    }
    let (status, _, problem) = post().await.unwrap();
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency_key_in_use")));
    repeats.hand.advance(AFTER_THE_LEASE);
    let [made, again] = [post().await.unwrap(), post().await.unwrap()];
    assert_eq!((made.0, made.1, again.1), (201, false, true));
    let list = repeats.site.customer.get("/v1/destinations").await;
    assert_eq!(list["destinations"].as_array().unwrap().len(), 1);
}
