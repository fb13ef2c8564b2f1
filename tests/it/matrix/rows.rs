//! The routes: who may call each, what it names, and what it answers.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::providers::TWILIO_TOKEN;
use crate::world::Customer;

/// Who may call a route.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Access {
    /// Anybody.
    Open,
    /// Callers with a key of this scope.
    Key(&'static str),
    /// A provider, with its signature.
    Signature,
}

/// The resource that a request names, by its parameter.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Resource {
    Nothing,
    /// A resource that must exist in the caller's account.
    Existing(&'static str),
    /// A resource that is created in the caller's account if it does not exist.
    Created(&'static str),
}

pub(super) struct Row {
    pub(super) route: &'static str,
    pub(super) access: Access,
    pub(super) resource: Resource,
    /// The status that the owner gets.
    pub(super) own: u16,
    /// The status that an invalid id gets.
    pub(super) invalid: u16,
    query: &'static str,
    body: Option<Value>,
}

const fn row(route: &'static str, access: Access, resource: Resource, own: u16) -> Row {
    Row { route, access, resource, own, invalid: 404, query: "", body: None }
}

/// The rows, in an order in which the resources of each row still exist when its turn comes.
pub(super) fn rows() -> Vec<Row> {
    use Access::{Key, Open, Signature};
    use Resource::{Created, Existing, Nothing};
    let ended = json!({"conversation_id": "{conversation_id}", "conversation_status": "COMPLETED"});
    let since = json!({"since": "2026-01-01T00:00:00Z"});
    let with = |row: Row, body: Value| Row { body: Some(body), ..row };
    let created = |row: Row| Row { invalid: 422, ..row };
    let window = "?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z";
    vec![
        row("GET /", Open, Nothing, 200),
        row("GET /portal/{token}", Open, Nothing, 200),
        row("GET /assets/{version}/{name}", Open, Existing("name"), 404),
        row("GET /docs", Open, Nothing, 200),
        row("GET /openapi.json", Open, Nothing, 200),
        row("POST /v1/flows/twilio/{account_id}", Signature, Existing("account_id"), 403),
        row("GET /v1/flows/twilio/{account_id}", Signature, Existing("account_id"), 403),
        row("POST /v1/flows/daily/{account_id}", Signature, Existing("account_id"), 403),
        created(with(
            row("PUT /v1/conversations/{conversation_id}", Key("ingest"), Created("conversation_id"), 200),
            json!({}),
        )),
        created(with(
            row("POST /v1/flows/hangup", Key("ingest"), Created("conversation_id"), 202),
            ended.clone(),
        )),
        created(with(
            row("POST /v1/flows/outbound-call", Key("ingest"), Created("conversation_id"), 202),
            ended,
        )),
        row("GET /v1/account", Key("read"), Nothing, 200),
        row("GET /v1/api-keys", Key("read"), Nothing, 200),
        with(
            row("POST /v1/api-keys", Key("manage"), Nothing, 201),
            json!({"name": "k", "scopes": ["manage"]}),
        ),
        row("DELETE /v1/api-keys/{key_id}", Key("manage"), Existing("key_id"), 204),
        with(row("POST /v1/portal-links", Key("manage"), Nothing, 201), json!({"role": "read"})),
        with(row("POST /v1/portal-sessions", Open, Nothing, 401), json!({"token": "x"})),
        row("DELETE /v1/portal-sessions", Key("manage"), Nothing, 204),
        row("GET /v1/deliveries", Key("read"), Nothing, 200),
        Row { query: window, ..row("GET /v1/stats", Key("read"), Nothing, 200) },
        row("GET /v1/deliveries/{delivery_id}", Key("read"), Existing("delivery_id"), 200),
        row("GET /v1/events", Key("read"), Nothing, 200),
        row("GET /v1/events/{event_id}", Key("read"), Existing("event_id"), 200),
        row("POST /v1/events/{event_id}/send", Key("manage"), Existing("event_id"), 202),
        row("GET /v1/recoveries/{recovery_id}", Key("read"), Existing("recovery_id"), 200),
        row("GET /v1/public/conversations/{conversation_id}", Key("read"), Existing("conversation_id"), 200),
        row("POST /v1/deliveries/{delivery_id}/resend", Key("manage"), Existing("delivery_id"), 202),
        row("GET /v1/providers", Key("read"), Nothing, 200),
        with(
            row("PUT /v1/providers/{provider}", Key("manage"), Existing("provider"), 200),
            json!({"secret": TWILIO_TOKEN}),
        ),
        row("DELETE /v1/providers/{provider}", Key("manage"), Existing("provider"), 204),
        row("GET /v1/destinations", Key("read"), Nothing, 200),
        with(
            row("POST /v1/destinations", Key("manage"), Nothing, 201),
            json!({"name": "New", "url": "https://hooks.example.com/"}),
        ),
        row("GET /v1/destinations/{destination_id}", Key("read"), Existing("destination_id"), 200),
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
            since.clone(),
        ),
        with(row("POST /v1/recoveries", Key("manage"), Nothing, 202), since),
        row("DELETE /v1/recoveries/{recovery_id}", Key("manage"), Existing("recovery_id"), 204),
        row("DELETE /v1/destinations/{destination_id}", Key("manage"), Existing("destination_id"), 204),
        row("DELETE /v1/conversations/{conversation_id}", Key("manage"), Existing("conversation_id"), 204),
    ]
}

/// Invalid ids, encoded for a path.
pub(super) fn invalid_ids() -> Vec<String> {
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
    /// Sends the request with this id, which is encoded for a path.
    pub(super) async fn send(&self, caller: &Customer, id: &str) -> (StatusCode, Value) {
        let (method, path) = self.route.split_once(' ').unwrap();
        let place = |text: &str, id: &str| match self.resource {
            Resource::Nothing => text.to_owned(),
            Resource::Existing(name) | Resource::Created(name) => text.replace(&format!("{{{name}}}"), id),
        };
        let path = format!("{}{}", place(path, id).replace("{version}", "v"), self.query);
        let plain: String = url::form_urlencoded::parse(format!("id={}", id.replace('+', "%2B")).as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect();
        let body = self.body.as_ref().map(|body| place_in(body, &plain));
        caller.call(method.parse().unwrap(), &path, body.as_ref()).await
    }
}

/// The body with the id in place of its placeholder.
fn place_in(body: &Value, id: &str) -> Value {
    let mut body = body.clone();
    for value in body.as_object_mut().unwrap().values_mut() {
        if *value == "{conversation_id}" {
            *value = json!(id);
        }
    }
    body
}
