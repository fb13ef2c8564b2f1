//! The HTTP API: what API Gateway does between a request and a function.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use axum::routing::{MethodFilter, on};
use bytes::Bytes;

use super::function::{Deployed, Functions, InvokeError, MAX_BODY_BYTES};
use super::http_event;
use super::http_response::{problem, respond};
use crate::template::Route;

/// Why the template's routes cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// HTTP has no such method.
    #[error("{0}: no such method")]
    Method(String),
    /// The route names a function that does not exist.
    #[error("{0}: no such function")]
    Function(String),
}

/// A route and its function.
struct Target {
    route_key: String,
    function: Deployed,
}

/// The router of the template's routes. Serve it with `into_make_service_with_connect_info::<SocketAddr>()`, so that
/// events name the caller's address.
pub fn router(routes: &[Route], functions: &Functions) -> Result<Router, RouteError> {
    let target = |route: &Route| {
        let function = functions.get(&route.function).ok_or_else(|| RouteError::Function(route.key()))?;
        Ok(Arc::new(Target { route_key: route.key(), function: function.clone() }))
    };
    let default = routes.iter().find(|route| route.is_default()).map(target).transpose()?;
    let otherwise = move |request: Request| async move {
        match default {
            Some(target) => invoke(&target, BTreeMap::new(), request).await,
            None => problem(StatusCode::NOT_FOUND, "Not Found"),
        }
    };
    let mut router = Router::new();
    for route in routes.iter().filter(|route| !route.is_default()) {
        let method = method_filter(&route.method).ok_or_else(|| RouteError::Method(route.key()))?;
        router = router.route(&route.path, on(method, handle).with_state(target(route)?));
        let has_head = || routes.iter().any(|other| other.path == route.path && other.method == "HEAD");
        if route.method == "GET" && !has_head() {
            // Unlike `axum`, the HTTP API does not take HEAD for GET.
            router = router.route(&route.path, on(MethodFilter::HEAD, otherwise.clone()));
        }
    }
    Ok(router.method_not_allowed_fallback(otherwise.clone()).fallback(otherwise))
}

fn method_filter(name: &str) -> Option<MethodFilter> {
    let method = Method::from_bytes(name.as_bytes()).ok()?;
    MethodFilter::try_from(method).ok()
}

async fn handle(
    State(target): State<Arc<Target>>,
    parameters: RawPathParams,
    request: Request,
) -> Response<Body> {
    let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    invoke(&target, parameters.collect(), request).await
}

async fn invoke(
    target: &Target,
    path_parameters: BTreeMap<String, String>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long");
    };
    let request_id = uuid::Uuid::new_v4().to_string();
    let event = http_event::Request {
        parts: &parts,
        body: &body,
        route_key: &target.route_key,
        path_parameters,
        source_ip: source_ip(&parts),
        request_id: &request_id,
        time_ms: target.function.clock.now_ms(),
    };
    match target.function.invoke(Bytes::from(event.event().to_string())).await {
        Ok(answer) => respond(&answer),
        Err(error) => failed(&target.route_key, &error),
    }
}

fn source_ip(parts: &Parts) -> IpAddr {
    let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    connection.map_or(Ipv4Addr::LOCALHOST.into(), |ConnectInfo(address)| address.ip())
}

/// Tells the caller only that the function failed; the log says why.
fn failed(route: &str, error: &InvokeError) -> Response<Body> {
    tracing::warn!(route, %error, "front.function_failed");
    match error {
        InvokeError::Throttled => problem(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        InvokeError::Failed { .. }
        | InvokeError::Crashed(_)
        | InvokeError::TimedOut
        | InvokeError::Recursive => problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
    }
}

#[cfg(test)]
mod tests;
