//! A customer and what customers do at the API.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::wait::eventually;
use crate::described;

/// An HTTP client for the API, which is plain HTTP here.
pub(crate) fn client() -> Client {
    // Fails in every test but the first, which has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

/// A customer with an account and a key.
pub(crate) struct Customer {
    pub(crate) account_id: String,
    pub(crate) key: String,
    base: String,
    http: Client,
}

impl Customer {
    /// A customer of an account, at any API, with an API key or the token of a portal session.
    pub(crate) fn of(account_id: String, key: String, base: String, http: Client) -> Self {
        Self { account_id, key, base, http }
    }

    /// Makes a link to the portal.
    pub(crate) async fn portal_link(&self, role: &str) -> Value {
        let (status, link) = self.call(Method::POST, "/v1/portal-links", Some(&json!({"role": role}))).await;
        assert_eq!(status, StatusCode::CREATED, "{link}");
        link
    }

    /// Exchanges the token of a portal link for a session.
    pub(crate) async fn exchange(&self, token: &str) -> (StatusCode, Value) {
        self.call(Method::POST, "/v1/portal-sessions", Some(&json!({"token": token}))).await
    }

    /// The account's user in the portal, by a new link.
    pub(crate) async fn in_portal(&self, role: &str) -> Self {
        let (status, session) = self.exchange(token_of(&self.portal_link(role).await)).await;
        assert_eq!(status, StatusCode::CREATED, "{session}");
        let token = text(&session["session_token"]);
        Self::of(self.account_id.clone(), token, self.base.clone(), self.http.clone())
    }

    /// A customer with any key, valid or not.
    pub(crate) fn with_key(base: String, key: String) -> Self {
        Self::of(String::new(), key, base, client())
    }

    /// The id of the key: the key without its secret.
    pub(crate) fn key_id(&self) -> &str {
        self.key.rsplit_once('_').unwrap().0
    }

    /// Sends a request to the API.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        self.send(method, path, body.map(ToString::to_string)).await
    }

    /// Sends a request with a body that need not be JSON.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<String>) -> (StatusCode, Value) {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let mut request = if self.key.starts_with("vs_") {
            request.bearer_auth(&self.key)
        } else {
            request.header("x-api-key", &self.key)
        };
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        described::send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// Adds a destination; returns its id and its secret.
    pub(crate) async fn add_destination(&self, url: &str, request_type: &str) -> (String, String) {
        let body = json!({"name": request_type, "url": url, "request_type": request_type});
        let (status, made) = self.call(Method::POST, "/v1/destinations", Some(&body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        (text(&made["id"]), text(&made["secret"]))
    }

    pub(crate) async fn change_destination(&self, id: &str, change: &Value) -> Value {
        let (status, body) = self.call(Method::PATCH, &format!("/v1/destinations/{id}"), Some(change)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    /// Starts a recovery; returns its answer.
    pub(crate) async fn recover(&self, body: &Value) -> (StatusCode, Value) {
        self.call(Method::POST, "/v1/recoveries", Some(body)).await
    }

    /// Waits until a recovery is done; returns what it has found, delivered and failed to deliver.
    pub(crate) async fn recovered(&self, (status, started): (StatusCode, Value)) -> [u64; 3] {
        assert_eq!(status, StatusCode::ACCEPTED, "{started}");
        let path = format!("/v1/recoveries/{}", text(&started["id"]));
        eventually(&format!("the end of {path}"), async || {
            let recovery = self.get(&path).await;
            let is_done = recovery["state"] == "done";
            is_done.then(|| ["found", "delivered", "failed"].map(|name| recovery[name].as_u64().unwrap()))
        })
        .await
    }

    /// Reports a conversation, as the platform does; returns its record.
    pub(crate) async fn put_conversation(&self, id: &str, change: &Value) -> Value {
        let (status, record) = self.call(Method::PUT, &format!("/v1/conversations/{id}"), Some(change)).await;
        assert_eq!(status, StatusCode::OK, "{record}");
        record
    }

    /// Sets the secret with which a provider signs its callbacks.
    pub(crate) async fn set_provider(&self, provider: &str, secret: &str) {
        let body = json!({"secret": secret});
        let (status, set) = self.call(Method::PUT, &format!("/v1/providers/{provider}"), Some(&body)).await;
        assert_eq!(status, StatusCode::OK, "{set}");
    }

    /// Ends a conversation; returns the event's id.
    pub(crate) async fn hang_up(&self, conversation: &str) -> String {
        self.try_to_hang_up(conversation).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Ends a conversation; returns the error if the system cannot accept it.
    pub(crate) async fn try_to_hang_up(&self, conversation: &str) -> Result<String, Value> {
        let body = json!({"conversation_id": conversation, "conversation_status": "COMPLETED"});
        let (status, answer) = self.call(Method::POST, "/v1/flows/hangup", Some(&body)).await;
        if status.is_server_error() {
            return Err(answer);
        }
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        Ok(text(&answer["event_id"]))
    }

    /// The deliveries of a conversation.
    pub(crate) async fn deliveries_of(&self, conversation: &str) -> Vec<Value> {
        let page = self.get(&format!("/v1/deliveries?conversation_id={conversation}")).await;
        page["deliveries"].as_array().unwrap().clone()
    }

    /// Waits until the only delivery of a conversation fulfils a condition; returns it with its attempts.
    pub(crate) async fn delivery(
        &self,
        conversation: &str,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(&format!("a delivery of {conversation} that is {what}"), async || {
            let deliveries = self.deliveries_of(conversation).await;
            let [delivery] = &deliveries[..] else { return None };
            let delivery = self.get(&format!("/v1/deliveries/{}", text(&delivery["id"]))).await;
            is(&delivery).then_some(delivery)
        })
        .await
    }

    /// Waits until the only delivery of a conversation has this status.
    pub(crate) async fn delivery_once(&self, conversation: &str, status: &str) -> Value {
        self.delivery(conversation, status, |delivery| delivery["status"] == status).await
    }

    /// Waits until this number of attempts at the only delivery of a conversation have ended.
    pub(crate) async fn delivery_after(&self, conversation: &str, attempts: usize) -> Value {
        self.delivery(conversation, &format!("past {attempts} attempts"), |delivery| {
            let log = delivery["attempt_log"].as_array().unwrap();
            log.iter().filter(|attempt| !attempt["outcome"].is_null()).count() == attempts
        })
        .await
    }
}

/// The token in a portal link.
pub(crate) fn token_of(link: &Value) -> &str {
    link["url"].as_str().unwrap().rsplit_once("/portal/").unwrap().1
}

/// The text of a JSON value.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text")).to_owned()
}
