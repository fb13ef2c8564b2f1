//! Who may call an endpoint of this machine: its own programs, its own page, and a provider through a tunnel.
//!
//! A browser lets every page that is open in it send requests here, and a page whose host name resolves to this machine
//! read the answers as well. Such a request names the page in `Origin`, or that host in `Host`.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Response, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use domain::conversation::provider::Provider;
use serde_json::json;

/// The names of this machine that an endpoint answers to.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Lets programs of this machine call an endpoint, but no browser and no proxy: what it offers is guarded by IAM on AWS,
/// and by nothing else here.
pub(crate) fn programs_only(router: Router, address: SocketAddr) -> Router {
    let hosts = own_hosts(address);
    guard(router, move |request| {
        let headers = request.headers();
        if headers.keys().any(is_from_a_browser) {
            return Err("no web page may call this endpoint".to_owned());
        }
        if let Some(name) = headers.keys().find(|name| is_from_a_proxy(name)) {
            return Err(format!("the header {name} says that a proxy forwarded this request"));
        }
        host(request.headers(), request.uri(), &hosts).map(drop)
    })
}

/// Checks that a request to an https endpoint of this machine, which has webhooks, names the machine, and that no web page
/// makes it: a person opens the address himself.
pub fn check_webhook(request: &Parts, address: SocketAddr) -> Result<(), String> {
    let Parts { headers, uri, .. } = request;
    let site = only(headers, &HeaderName::from_static("sec-fetch-site"))?;
    let is_opened = site.is_none_or(|site| matches!(site, "none" | "same-origin"));
    if headers.contains_key(header::ORIGIN) || !is_opened {
        return Err("no web page may call this endpoint".to_owned());
    }
    let names = NAMES.iter().flat_map(|name| host_forms(name, address.port(), 443));
    let hosts: Vec<_> = names.chain([address.to_string()]).collect();
    host(headers, uri, &hosts).map(drop)
}

/// Lets programs of this machine and the API's own page call the API; and on the providers' routes, which check
/// signatures, also whoever calls the host of the public URL.
pub(crate) fn api(router: Router, address: SocketAddr, public_url: &str) -> Router {
    let hosts = own_hosts(address);
    let with_public: Vec<_> = hosts.iter().cloned().chain(public_hosts(public_url)).collect();
    guard(router, move |request| {
        let is_callback = is_provider_route(request.uri().path());
        let allowed = if is_callback { &with_public } else { &hosts };
        let host = host(request.headers(), request.uri(), allowed)?;
        match only(request.headers(), &header::ORIGIN)? {
            Some(origin) if !origin.eq_ignore_ascii_case(&format!("http://{host}")) => {
                Err(format!("Origin must be http://{host}, that of the API's own page"))
            }
            _ => Ok(()),
        }
    })
}

fn guard(router: Router, check: impl Fn(&Request) -> Result<(), String> + Send + Sync + 'static) -> Router {
    let check = Arc::new(check);
    router.layer(from_fn(move |request: Request, next: Next| {
        let checked = check(&request);
        async move {
            match checked {
                Ok(()) => next.run(request).await,
                Err(reason) => refuse(&reason),
            }
        }
    }))
}

fn refuse(reason: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "message": reason }).to_string()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// The host that the request names, which must be one of these.
fn host(headers: &HeaderMap, uri: &Uri, allowed: &[String]) -> Result<String, String> {
    let is_allowed = |host: &str| allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(host));
    let wrong = || format!("Host must be {}", allowed.join(" or "));
    // A request line with a whole URL names the host, too.
    let in_line = uri.authority();
    let host = only(headers, &header::HOST)?.ok_or_else(wrong)?;
    if is_allowed(host) && in_line.is_none_or(|authority| is_allowed(authority.as_str())) {
        Ok(host.to_owned())
    } else {
        Err(wrong())
    }
}

/// The value of a header that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(Some).map_err(|_| format!("{name} must be printable ASCII"))
        }
        _ => Err(format!("{name} must be given once")),
    }
}

fn own_hosts(address: SocketAddr) -> Vec<String> {
    let port = address.port();
    NAMES.iter().flat_map(|name| host_forms(name, port, 80)).collect()
}

/// The values of `Host` for a URL: a default port may be left out.
fn host_forms(name: &str, port: u16, default: u16) -> Vec<String> {
    let mut forms = vec![format!("{name}:{port}")];
    if port == default {
        forms.push(name.to_owned());
    }
    forms
}

fn public_hosts(url: &str) -> Vec<String> {
    let Ok(url) = Uri::from_str(url) else { return Vec::new() };
    let default = if url.scheme_str() == Some("https") { 443 } else { 80 };
    url.host().map_or_else(Vec::new, |host| host_forms(host, url.port_u16().unwrap_or(default), default))
}

/// Whether providers call this path: `/v1/flows/twilio/acc_…`.
fn is_provider_route(path: &str) -> bool {
    let rest = path.strip_prefix("/v1/flows/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(provider, _)| Provider::from_str(provider).is_ok())
}

/// Whether browsers add this header to the requests of pages: `Origin`, and to those without it, such as for an image,
/// `Sec-Fetch-Site`.
fn is_from_a_browser(name: &HeaderName) -> bool {
    name == header::ORIGIN || name == "sec-fetch-site"
}

/// Whether proxies and tunnels add this header: `Forwarded`, `X-Forwarded-For`, `Via`, `X-Real-IP`, `CF-Connecting-IP`.
fn is_from_a_proxy(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "via" || name.contains("forwarded") || name.ends_with("-ip")
}

#[cfg(test)]
mod tests;
