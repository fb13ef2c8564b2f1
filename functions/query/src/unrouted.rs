//! Requests that no route of the API takes: HEAD of a route for GET, a method that its path does not have, and paths that
//! do not exist.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use adapters::http::problem::Problem;
use adapters::http::request::Request;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::openapi::DESCRIPTION;

/// What is read of the API's description.
#[derive(Default, Deserialize)]
struct Described {
    paths: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
}

/// The methods of each path, those of the page included.
static METHODS: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    let described: Described = serde_json::from_str(DESCRIPTION).unwrap_or_default();
    let of_page = ["/", "/docs", "/portal/{token}", "/assets/{version}/{name}"]
        .map(|path| (path.to_owned(), vec!["GET".to_owned()]));
    let methods = described.paths.into_iter().map(|(path, operations)| {
        let methods = operations.into_keys().filter(|key| key != "parameters");
        (path, methods.map(|method| method.to_uppercase()).collect())
    });
    let mut all: BTreeMap<String, Vec<String>> = methods.chain(of_page).collect();
    // A callback has effects, whatever its method.
    for (_, methods) in all.iter_mut().filter(|(path, _)| !path.starts_with("/v1/flows/")) {
        if methods.iter().any(|method| method == "GET") {
            methods.push("HEAD".to_owned());
        }
    }
    all
});

/// The request at the route for GET, if it is its HEAD; else what is wrong with it.
pub(crate) fn route(request: Request) -> Result<Request, Problem> {
    let found =
        METHODS.iter().find_map(|(path, methods)| Some((path, methods, values(path, request.raw_path())?)));
    match found {
        None => Err(Problem::not_found("route")),
        Some((path, methods, values))
            if request.method() == "HEAD" && methods.iter().any(|one| one == "HEAD") =>
        {
            Ok(request.at(format!("GET {path}"), values))
        }
        Some((_, methods, _)) => Err(Problem::method_not_allowed(request.method(), methods.join(", "))),
    }
}

/// The values of a path's parameters; `None` for another path.
fn values(pattern: &str, path: &str) -> Option<HashMap<String, String>> {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    let mut values = HashMap::new();
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(values),
            (Some(expected), Some(value)) => {
                match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    Some(name) if !value.is_empty() => _ = values.insert(name.to_owned(), value.to_owned()),
                    _ if expected == value => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}
