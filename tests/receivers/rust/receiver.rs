//! A receiver in Rust, with axum, that only verifies.
//!
//! ```sh
//! cargo add axum --features multipart
//! cargo add serde --features derive
//! cargo add tokio --features full
//! cargo add serde_json standardwebhooks
//! ```

use std::env;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Multipart, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde::Deserialize;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

/// Twice the limit of a payload, 2 MiB. By default, axum refuses a body over 2 MB.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Fields {
    payload: String,
}

#[derive(Deserialize)]
struct ConversationEvent {
    event: String,
    conversation_id: String,
}

#[tokio::main]
async fn main() {
    let webhook =
        Webhook::new(&env::var("WEBHOOK_SECRET").expect("WEBHOOK_SECRET")).expect("a whsec_ secret");
    let app = Router::new()
        .route("/webhooks", get(from_query).post(from_form).patch(from_form).put(from_form))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(webhook));
    let port = env::var("PORT").expect("PORT");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await.expect("a free port");
    axum::serve(listener, app).await.expect("serving");
}

async fn from_query(
    State(webhook): State<Arc<Webhook>>,
    headers: HeaderMap,
    Query(fields): Query<Fields>,
) -> StatusCode {
    receive(&webhook, &headers, &fields.payload)
}

async fn from_form(
    State(webhook): State<Arc<Webhook>>,
    headers: HeaderMap,
    mut form: Multipart,
) -> StatusCode {
    while let Ok(Some(field)) = form.next_field().await {
        if field.name() == Some("payload") {
            return match field.text().await {
                Ok(payload) => receive(&webhook, &headers, &payload),
                Err(error) => error.status(),
            };
        }
    }
    StatusCode::BAD_REQUEST
}

fn receive(webhook: &Webhook, headers: &HeaderMap, payload: &str) -> StatusCode {
    // What is signed is the field's value, not the request's body.
    if webhook.verify(payload.as_bytes(), headers).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(event) = serde_json::from_str::<ConversationEvent>(payload) else {
        return StatusCode::BAD_REQUEST;
    };
    // Store the event here, once by its webhook-id. Process it after the answer.
    println!("{} of {}", event.event, event.conversation_id);
    StatusCode::NO_CONTENT
}
