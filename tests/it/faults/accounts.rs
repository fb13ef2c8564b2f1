//! Accounts whose rows are busy while their operator's commands change them.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::site::Site;

/// A write that meets another one on the same row.
const CONFLICT: &str = "TransactionConflictException";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_row_is_busy_is_refused_with_its_account_all_the_same() {
    // A deletion writes the account's row in a transaction, a suspension by itself, before the session's.
    for (command, writes_before) in [("suspend_account", 1), ("delete_account", 0)] {
        let (site, _) = Site::by_hand().await;
        let functions = site.functions().await;
        let user = site.customer.in_portal("read").await;
        site.tables.on("PutItem").nth(writes_before + 1).times(2).refuse(400, CONFLICT);
        let event = json!({command: {"account_id": site.customer.account_id}}).to_string();
        let deadline = site.world.now_ms() + 10_000;
        functions["Destinations"].function.invoke(event.into(), deadline).await.unwrap();
        assert!(site.tables.is_used_up(), "{command}");
        let (status, problem) = user.call(Method::GET, "/v1/destinations", None).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::FORBIDDEN, &json!("account_suspended")),
            "{command}"
        );
    }
}
