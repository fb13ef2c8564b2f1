//! Access to every route: without a valid key, with a key for another scope, with another account's ids, with invalid
//! ids, with another account's cursor. The routes are the template's, so one without a row here fails.

mod rows;
mod scene;

use std::collections::BTreeSet;

use local::template::{Parameters, Template};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use self::rows::{Access, Resource, invalid_ids, rows};
use self::scene::Scene;
use crate::described;
use crate::world::{eventually, text};

#[test]
fn every_route_of_the_template_has_its_row() {
    let template = Template::read(&Parameters::new()).unwrap();
    // HEAD is as GET, and the default route has its own test.
    let routes = template.routes.iter().filter(|route| route.method != "HEAD" && !route.is_default());
    let routes: BTreeSet<_> = routes.map(local::template::Route::key).collect();
    assert_eq!(routes, rows().iter().map(|row| row.route.to_owned()).collect());
    // The page is not part of the API.
    for row in rows().into_iter().filter(|row| row.route.contains("/v1/")) {
        let (method, path) = row.route.split_once(' ').unwrap();
        let operation = &described::paths()[path][method.to_lowercase()];
        let scope = if let Access::Key(scope) = row.access { json!(scope) } else { Value::Null };
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
        let id = match row.resource {
            Resource::Nothing => String::new(),
            Resource::Existing(kind) | Resource::Created(kind) => scene.ids(kind).0,
        };
        let Access::Key(needed) = row.access else {
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
    // No refused request has changed anything, and the scope that a route needs is enough.
    for row in rows() {
        let Access::Key(needed) = row.access else { continue };
        let id = match row.resource {
            Resource::Nothing => String::new(),
            Resource::Existing(kind) => scene.ids(kind).0,
            Resource::Created(_) => {
                format!("of-{}", row.route.rsplit('/').next().unwrap().trim_matches(['{', '}']))
            }
        };
        let key =
            single.iter().zip(["ingest", "manage", "read"]).find(|(_, scope)| *scope == needed).unwrap().0;
        let (status, body) = row.send(key, &id).await;
        assert_eq!(status.as_u16(), row.own, "{}: {body}", row.route);
    }
}

/// What the application that shows the portal does, with its key.
const ONLY_BY_KEY: [&str; 2] = ["POST /v1/portal-links", "DELETE /v1/portal-sessions"];

#[tokio::test(flavor = "multi_thread")]
async fn in_the_portal_a_reader_sees_everything_and_changes_nothing_and_a_manager_changes_it() {
    let scene = Scene::set().await;
    for (role, scopes) in [("read", &["read"][..]), ("manage", &["manage", "read"])] {
        let user = scene.acme.in_portal(role).await;
        for row in rows() {
            let Access::Key(needed) = row.access else { continue };
            let id = match row.resource {
                Resource::Nothing => String::new(),
                Resource::Existing(kind) => scene.ids(kind).0,
                Resource::Created(_) => "theirs-1".to_owned(),
            };
            let (status, body) = row.send(&user, &id).await;
            let takes_sessions = !ONLY_BY_KEY.contains(&row.route);
            let expected = if scopes.contains(&needed) && takes_sessions { row.own } else { 403 };
            assert_eq!(status.as_u16(), expected, "{role}: {}: {body}", row.route);
            assert_eq!(needed == "read", row.route.starts_with("GET "), "{} reads or changes", row.route);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_and_what_is_no_id_is_as_what_never_was() {
    let scene = Scene::set().await;
    for row in rows() {
        match row.resource {
            Resource::Nothing => {
                let (_, body) = row.send(&scene.other, "").await;
                let body = body.to_string();
                for theirs in [&scene.destination, &scene.delivery, &scene.key_id, &"theirs-1".to_owned()] {
                    assert!(!body.contains(theirs.as_str()), "{}: {body}", row.route);
                }
            }
            // Providers are the same for every account; this sets the other account's token, not Acme's.
            Resource::Existing("provider") if row.route.starts_with("PUT") => {}
            Resource::Existing(kind) => {
                let (theirs, nobodys) = scene.ids(kind);
                let never_was = row.send(&scene.other, nobodys).await;
                assert_eq!(
                    never_was.0.as_u16(),
                    if row.access == Access::Signature { 403 } else { 404 },
                    "{}",
                    row.route
                );
                let answer = row.send(&scene.other, &theirs).await;
                assert_eq!(answer, never_was, "{} of another account", row.route);
            }
            Resource::Created(_) => {
                // The caller's own resource is created, and looks like any new one.
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
        if row.resource != Resource::Nothing {
            let (Resource::Existing(kind) | Resource::Created(kind)) = row.resource else { continue };
            let baseline = if row.invalid == 404 {
                row.send(&scene.other, scene.ids(kind).1).await
            } else {
                row.send(&scene.other, &invalid_ids()[0]).await
            };
            for text in invalid_ids() {
                let answer = row.send(&scene.other, &text).await;
                assert!(answer.0.is_client_error(), "{} {text}: {}", row.route, answer.0);
                assert_eq!(answer, baseline, "{} {text}", row.route);
            }
        }
    }
    // The owner's resources all still exist.
    for row in rows() {
        let id = match row.resource {
            Resource::Nothing => String::new(),
            Resource::Existing(kind) => scene.ids(kind).0,
            Resource::Created(_) => "theirs-1".to_owned(),
        };
        let (status, body) = row.send(&scene.acme, &id).await;
        assert_eq!(status.as_u16(), row.own, "{}: {body}", row.route);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_account_is_as_one_that_was_made_up() {
    let scene = Scene::set().await;
    let page = |cursor: &str| format!("/v1/deliveries?limit=1&cursor={cursor}");
    assert_eq!(scene.acme.get(&page(&scene.cursor)).await["deliveries"].as_array().unwrap().len(), 1);
    let ask = async |cursor: &str| scene.other.call(Method::GET, &page(cursor), None).await;
    let made_up = ask("AAAA").await;
    assert_eq!(made_up.0, StatusCode::BAD_REQUEST, "{made_up:?}");
    assert_eq!(ask(&scene.cursor).await, made_up);
}

/// The same id in another account is another conversation, with another event.
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
