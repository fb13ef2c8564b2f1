//! Answers requests to the receiver.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode, header};

use super::control;
use super::fields::WebhookFields;
use super::page;
use super::script::Answer;
use super::signature::Signature;
use super::state::{Received, Shared};
use crate::guard;
use crate::https::{self, Failure};

pub(super) async fn answer(
    request: Request<Incoming>,
    address: SocketAddr,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, Failure> {
    let (head, body) = request.into_parts();
    if let Err(reason) = guard::check_webhook(&head, address) {
        return respond(StatusCode::FORBIDDEN, format!("{reason}\n"));
    }
    if page::is_asked_for(&head) {
        let page = page::render(shared.state().received.iter());
        let response = Response::builder()
            .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, page::POLICY);
        return Ok(response.body(Full::new(Bytes::from(page)))?);
    }
    let query = head.uri.query().unwrap_or_default();
    if let Some((status, text)) = control::handle(&head.method, head.uri.path(), query, &shared) {
        return respond(status, text);
    }
    let body = https::read(body).await?;
    let (at, at_ms) = (Instant::now(), shared.clock.now_ms());
    let fields = WebhookFields::read(query, &head.headers, &body).await;
    let path = head.uri.path().to_owned();
    let signature = {
        let state = shared.state();
        Signature::check(state.secrets.get(&path), fields.payload.as_deref(), &head.headers, at_ms)
    };
    let answer = shared.answer(&path);
    let received = Received {
        at,
        at_ms,
        method: head.method,
        path,
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body,
        event: fields.event,
        payload: fields.payload,
        signature,
        answer: answer.clone(),
    };
    shared.keep(received);
    match answer {
        Answer::Status(status) => respond(StatusCode::from_u16(status)?, String::new()),
        Answer::Body(status, text) => respond(StatusCode::from_u16(status)?, text),
        Answer::Hang => std::future::pending().await,
        Answer::Drop => Err("told to drop the connection".into()),
    }
}

fn respond(status: StatusCode, text: String) -> Result<Response<Full<Bytes>>, Failure> {
    Ok(Response::builder().status(status).body(Full::new(Bytes::from(text)))?)
}
