//! Checks exchanges with the API against its description. Tests send their requests with [`send`].

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use serde_json::{Map, Value, json};
use url::Url;

/// The description as served, but closed: a response with a field that is not described is wrong.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let mut description = serde_json::from_str(include_str!("../../functions/query/openapi.json")).unwrap();
    close(&mut description);
    description
});

/// Closes every schema that has properties. One that others build on by `allOf` is closed where it is used by itself.
fn close(value: &mut Value) {
    let text = value.to_string();
    let start = "\"allOf\":[{\"$ref\":\"";
    let bases =
        text.split(start).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
    close_but(value, &bases, "");
}

fn close_but(value: &mut Value, bases: &BTreeSet<String>, path: &str) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields.iter_mut() {
                close_but(inner, bases, &format!("{path}/{name}"));
            }
            let is_base = bases.contains(&format!("#{path}"));
            let of_base = fields.get("$ref").and_then(Value::as_str).is_some_and(|to| bases.contains(to));
            if fields.contains_key("allOf") || of_base && !path.ends_with("/allOf") {
                fields.entry("unevaluatedProperties").or_insert(Value::Bool(false));
            } else if fields.contains_key("properties") && !is_base {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close_but(item, bases, path)),
        _ => {}
    }
}

/// A request and its response.
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    /// Empty without one.
    pub(crate) body: &'a [u8],
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) answer: &'a Value,
}

/// Sends a request and checks the exchange against the description; returns status and body.
pub(crate) async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let (http, request) = request.build_split();
    let request = request.unwrap();
    let (method, url) = (request.method().clone(), request.url().clone());
    let body = request.body().and_then(Body::as_bytes).unwrap_or_default().to_vec();
    let answer = http.execute(request).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let exchange =
        Exchange { method: &method, url: &url, body: &body, status, headers: &headers, answer: &answer };
    if let Err(wrong) = check(&exchange) {
        panic!("{method} {url}, answered {status}, is not as described in openapi.json: {wrong}\n{answer}");
    }
    (status, answer)
}

/// Asserts that a webhook's payload is as described.
pub(crate) fn check_payload(payload: &Value) {
    let schema = json!({"$ref": "#/components/schemas/Payload"});
    assert_eq!(fits(&schema, payload), Ok(()), "{payload}");
}

/// Checks that the response is described, and the request, too, if it was accepted. The error says what is wrong.
pub(crate) fn check(exchange: &Exchange<'_>) -> Result<(), String> {
    // A route that does not exist is not described.
    let Some(operation) = operation(exchange.method, exchange.url.path()) else { return Ok(()) };
    if exchange.status.is_success() {
        check_query(operation, exchange.url)?;
        check_body(operation, exchange.body)?;
    }
    let status = exchange.status.as_str();
    let mut response = operation["responses"].get(status).ok_or("the status is not described")?;
    if let Some(name) = response["$ref"].as_str() {
        response = DESCRIPTION.pointer(name.trim_start_matches('#')).ok_or("its reference leads nowhere")?;
    }
    let Some(content) = response.get("content") else {
        // A gateway may give an empty body any media type.
        return if *exchange.answer == json!("") { Ok(()) } else { Err("it has a body".to_owned()) };
    };
    let media_type = exchange.headers.get("content-type").ok_or("it has no media type")?.to_str().unwrap();
    let described = content.get(media_type).ok_or_else(|| format!("{media_type} is not described"))?;
    fits(&described["schema"], exchange.answer)
}

fn check_query(operation: &Value, url: &Url) -> Result<(), String> {
    let described = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let described: Vec<_> = described.iter().filter(|parameter| parameter["in"] == "query").collect();
    for (name, value) in url.query_pairs() {
        let Some(parameter) = described.iter().find(|parameter| parameter["name"] == *name) else {
            // Providers add parameters of their own, and routes without parameters ignore the query.
            if described.is_empty() || operation["security"] == json!([]) {
                continue;
            }
            return Err(format!("{name} is not a parameter"));
        };
        let value = match parameter["schema"]["type"].as_str() {
            Some("integer" | "boolean") => serde_json::from_str(&value).unwrap(),
            Some("array") => json!([value]),
            _ => json!(value),
        };
        fits(&parameter["schema"], &value).map_err(|wrong| format!("{name}: {wrong}"))?;
    }
    let is_present = |parameter: &Value| url.query_pairs().any(|(name, _)| parameter["name"] == *name);
    match described.iter().find(|parameter| parameter["required"] == true && !is_present(parameter)) {
        Some(parameter) => Err(format!("{} is missing", parameter["name"])),
        None => Ok(()),
    }
}

fn check_body(operation: &Value, body: &[u8]) -> Result<(), String> {
    let Ok(body) = serde_json::from_slice(body) else { return Ok(()) }; // none, or a form
    let schema = operation.pointer("/requestBody/content/application~1json/schema");
    fits(schema.ok_or("it takes no JSON")?, &body)
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let fits = |pattern: &str| {
        let same = |(asked, described): (&str, &str)| described.starts_with('{') || asked == described;
        pattern.split('/').count() == path.split('/').count()
            && path.split('/').zip(pattern.split('/')).all(same)
    };
    let (_, operations) = paths().iter().find(|(pattern, _)| fits(pattern))?;
    operations.get(method.as_str().to_lowercase())
}

/// The description as a whole.
pub(crate) fn description() -> &'static Value {
    &DESCRIPTION
}

/// The operations by path.
pub(crate) fn paths() -> &'static Map<String, Value> {
    DESCRIPTION["paths"].as_object().unwrap()
}

/// Validates a value; the error names the difference to the schema and its place.
pub(crate) fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut validators = VALIDATORS.lock().unwrap();
    let validator = validators.entry(schema.to_string()).or_insert_with(|| {
        let mut schema = schema.clone();
        schema["components"] = DESCRIPTION["components"].clone();
        Arc::new(jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap())
    });
    let validator = Arc::clone(validator);
    drop(validators);
    validator.validate(value).map_err(|error| format!("{} at {}", error, error.instance_path()))
}
