use domain::lifecycle::provider_callback as callback;

use super::*;

fn end(json: &str) -> Result<callback::Ending, Invalid> {
    let account = AccountId::parse("acc_1").unwrap();
    parse(account, serde_json::from_str(json).unwrap()).map(|completion| completion.end)
}

#[test]
fn an_answer_decides_where_no_status_is_stated() {
    for (json, kind) in [
        (r#"{"conversation_id":"c","answered":true}"#, EventKind::Completed),
        (r#"{"conversation_id":"c","answered":false}"#, EventKind::Disconnected),
        (r#"{"conversation_id":"c","answered":false,"conversation_status":"FAILED"}"#, EventKind::Failed),
        (r#"{"conversation_id":"c","conversation_status":"COMPLETED"}"#, EventKind::Completed),
        (r#"{"conversation_id":"c","conversation_status":"FAILED","answered":null}"#, EventKind::Failed),
    ] {
        assert_eq!(end(json), Ok(callback::Ending::As(kind)), "{json}");
    }
}

#[test]
fn a_mistake_names_its_field() {
    for (json, field) in [
        (r#"{"answered":true}"#, "conversation_id"),
        (r#"{"conversation_id":"c"}"#, "answered"),
        (r#"{"conversation_id":"c","answered":null}"#, "answered"),
        (r#"{"conversation_id":"c","answered":"yes"}"#, "answered"),
        (r#"{"conversation_id":"c","answered":true,"conversation_status":"PENDING"}"#, "conversation_status"),
    ] {
        assert_eq!(end(json).unwrap_err().field, field, "{json}");
    }
}
