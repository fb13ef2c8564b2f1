//! Twilio's and Daily's callbacks, signed by code that shares nothing with the verification.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::Sha256;

use crate::described::send;
use crate::world::{Customer, World};

/// A call's id at Twilio.
pub(crate) const CALL: &str = "CA00000000000000000000000000000001";

/// A room's name at Daily.
pub(crate) const ROOM: &str = "my-room";

/// The Twilio token that accounts set.
pub(crate) const TWILIO_TOKEN: &str = "token_of_these_tests";

/// The Daily secret that accounts set.
pub(crate) const DAILY_SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Twilio, which sends callbacks to one account.
#[derive(Clone)]
pub(crate) struct Twilio {
    pub(crate) token: String,
    /// The account's callback URL, as configured at Twilio.
    pub(crate) url: String,
    pub(crate) http: Client,
}

impl Twilio {
    /// Sets the account's token and configures its callback URL, with this query unless it is empty.
    pub(crate) async fn of(world: &World, customer: &Customer, query: &str) -> Self {
        let token = TWILIO_TOKEN.to_owned();
        customer.set_provider("twilio", &token).await;
        let mark = if query.is_empty() { "" } else { "?" };
        let url = world.stack.url(&format!("/v1/flows/twilio/{}{mark}{query}", customer.account_id));
        Self { token, url, http: world.http.clone() }
    }

    /// A status callback of [`CALL`] as a form.
    pub(crate) fn callback(&self, status: &str) -> RequestBuilder {
        self.form(&[
            ("CallSid", CALL),
            ("CallStatus", status),
            ("Direction", "outbound-api"),
            ("From", "+14155550999"),
            ("To", "+14155550123"),
            ("CallDuration", "7"),
            ("Duration", "1"),
        ])
    }

    pub(crate) async fn call(&self, status: &str) -> (StatusCode, Value) {
        send(self.callback(status)).await
    }

    /// A recording's status callback of [`CALL`].
    pub(crate) async fn recording(&self, status: &str, url: &str) -> (StatusCode, Value) {
        let form = self.form(&[
            ("AccountSid", "AC00000000000000000000000000000001"),
            ("CallSid", CALL),
            ("RecordingSid", "RE00000000000000000000000000000001"),
            ("RecordingStatus", status),
            ("RecordingUrl", url),
            ("RecordingDuration", "6"),
            ("RecordingSource", "OutboundAPI"),
        ]);
        send(form).await
    }

    pub(crate) fn form(&self, pairs: &[(&str, &str)]) -> RequestBuilder {
        let signature = sign_for_twilio(&self.token, &self.url, pairs);
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.http
            .post(&self.url)
            .header("x-twilio-signature", signature)
            .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
            .body(form)
    }
}

/// HMAC-SHA1 over the URL and the sorted parameters.
pub(crate) fn sign_for_twilio(token: &str, url: &str, pairs: &[(&str, &str)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in pairs {
        sorted.entry(name).or_default().insert(value);
    }
    let mut text = url.to_owned();
    for (name, values) in sorted {
        for value in values {
            text.extend([name, value]);
        }
    }
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Daily, which sends webhooks to one account.
#[derive(Clone)]
pub(crate) struct Daily {
    pub(crate) secret: String,
    pub(crate) url: String,
    pub(crate) http: Client,
    /// Daily's clock, in seconds since the epoch.
    pub(crate) now: u64,
}

impl Daily {
    /// Sets the account's secret; Daily's clock agrees with the stack's.
    pub(crate) async fn of(world: &World, customer: &Customer) -> Self {
        let secret = DAILY_SECRET.to_owned();
        customer.set_provider("daily", &secret).await;
        let url = world.stack.url(&format!("/v1/flows/daily/{}", customer.account_id));
        Self { secret, url, http: world.http.clone(), now: world.now_ms() / 1000 }
    }

    /// Daily, with its clock moved on.
    pub(crate) fn later(&self, seconds: u64) -> Self {
        Self { now: self.now + seconds, ..self.clone() }
    }

    /// A webhook about [`ROOM`] with `more` fields in its payload.
    pub(crate) fn webhook(&self, kind: &str, more: &Value) -> RequestBuilder {
        let mut payload = json!({"room": ROOM});
        payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body =
            json!({"version": "1.0.0", "type": kind, "id": "i-1", "payload": payload, "event_ts": self.now});
        self.body(body.to_string())
    }

    /// The webhook that a recording of [`ROOM`] is ready, which began `seconds` after [`Daily::now`].
    pub(crate) fn recording(&self, id: &str, seconds: u64) -> RequestBuilder {
        let payload = json!({"type": "cloud", "recording_id": id, "room_name": ROOM, "start_ts": self.now + seconds,
            "status": "finished", "max_participants": 2, "duration": 9, "s3_key": format!("acme/{ROOM}/{id}")});
        let body = json!({"version": "1.1.0", "type": "recording.ready-to-download", "id": format!("rec-{id}"),
            "payload": payload, "event_ts": self.now + 3600});
        self.body(body.to_string())
    }

    /// The body of a webhook that ends the meeting in [`ROOM`], with more fields in its envelope and its payload.
    pub(crate) fn ended_by(envelope: &str, payload: &str) -> String {
        format!(r#"{{"type":"meeting.ended","payload":{{"room":"{ROOM}"{payload}}}{envelope}}}"#)
    }

    pub(crate) async fn call(&self, kind: &str) -> (StatusCode, Value) {
        send(self.webhook(kind, &json!({}))).await
    }

    pub(crate) fn body(&self, body: String) -> RequestBuilder {
        let timestamp = self.now.to_string();
        let signature = sign_for_daily(&self.secret, &timestamp, &body);
        self.http
            .post(&self.url)
            .header("x-webhook-timestamp", timestamp)
            .header("x-webhook-signature", signature)
            .header("content-type", "application/json")
            .body(body)
    }
}

/// HMAC-SHA256 over the timestamp and the body.
pub(crate) fn sign_for_daily(secret: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(secret).unwrap()).unwrap();
    mac.update(format!("{timestamp}.{body}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
