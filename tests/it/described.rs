//! Every exchange with the API that a test has is held against its description.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// As it is served, but nothing is left open: an answer with a field more than the description has is wrong.
static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let mut description = serde_json::from_str(include_str!("../../functions/query/openapi.json")).unwrap();
    close(&mut description);
    description
});

fn close(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.contains_key("properties") {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// What is said in one exchange.
pub(crate) struct Exchange<'a> {
    pub(crate) method: &'a Method,
    /// With its query.
    pub(crate) path: &'a str,
    pub(crate) body: Option<&'a str>,
    pub(crate) status: StatusCode,
    pub(crate) media_type: Option<&'a str>,
    pub(crate) answer: &'a Value,
}

/// The exchange is as described: what was accepted might have been sent, and the answer might have been expected.
pub(crate) fn check(exchange: &Exchange<'_>) {
    if let Err(wrong) = hold(exchange) {
        let Exchange { method, path, status, .. } = exchange;
        panic!("not as openapi.json says: {method} {path}, answered {status}: {wrong}");
    }
}

/// A webhook's payload is as described.
pub(crate) fn check_payload(payload: &Value) {
    let schema = json!({"$ref": "#/components/schemas/Payload"});
    assert_eq!(fits(&schema, payload), Ok(()), "{payload}");
}

/// What is wrong with it.
pub(crate) fn hold(exchange: &Exchange<'_>) -> Result<(), String> {
    // A route that does not exist is not described.
    let Some(operation) = operation(exchange.method, exchange.path) else { return Ok(()) };
    if let Some(body) = exchange.body.filter(|_| exchange.status.is_success()) {
        let content = operation.pointer("/requestBody/content/application~1json/schema");
        let body = serde_json::from_str(body).map_err(|error| error.to_string())?;
        fits(content.ok_or("it takes no body")?, &body)?;
    }
    let status = exchange.status.as_str();
    let mut response = operation["responses"].get(status).ok_or("the status is not described")?;
    if let Some(name) = response["$ref"].as_str() {
        response = DESCRIPTION.pointer(name.trim_start_matches('#')).ok_or("it refers to nothing")?;
    }
    let Some(content) = response.get("content") else {
        // Whatever type a gateway gives to nothing.
        return if *exchange.answer == json!("") { Ok(()) } else { Err("it has a body".to_owned()) };
    };
    let media_type = exchange.media_type.ok_or("it has no media type")?;
    let described = content.get(media_type).ok_or_else(|| format!("not {media_type}"))?;
    fits(&described["schema"], exchange.answer)
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next()?;
    let fits = |pattern: &str| {
        let same = |(asked, described): (&str, &str)| described.starts_with('{') || asked == described;
        pattern.split('/').count() == path.split('/').count()
            && path.split('/').zip(pattern.split('/')).all(same)
    };
    let (_, operations) = paths().iter().find(|(pattern, _)| fits(pattern))?;
    operations.get(method.as_str().to_lowercase())
}

/// Operations by path.
pub(crate) fn paths() -> &'static Map<String, Value> {
    DESCRIPTION["paths"].as_object().unwrap()
}

fn fits(schema: &Value, value: &Value) -> Result<(), String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut validators = VALIDATORS.lock().unwrap();
    let validator = validators.entry(schema.to_string()).or_insert_with(|| {
        let mut schema = schema.clone();
        schema["components"] = DESCRIPTION["components"].clone();
        Arc::new(jsonschema::draft202012::new(&schema).unwrap())
    });
    let validator = Arc::clone(validator);
    drop(validators);
    validator.validate(value).map_err(|error| format!("{} at {}", error, error.instance_path()))
}
