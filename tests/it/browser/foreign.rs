//! A web page that has nothing to do with Ringback, in a browser of the machine that the local stack runs on.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::Page;
use crate::world::World;

const PAGE: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

/// Sends requests from the page, and calls back with what the page can read of each answer.
const SEND: &str = "const done = arguments[arguments.length - 1];
    const send = async ([url, init]) => {
        try {
            const answer = await fetch(url, init);
            return answer.type === 'opaque' ? 'unreadable' : `${answer.status} ${await answer.text()}`;
        } catch {
            return 'blocked';
        }
    };
    Promise.all(arguments[0].map(send)).then(done);";

/// Serves an empty page at another origin; returns its URL.
pub(super) async fn foreign_origin() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Each by itself: a browser opens connections in advance, and sends nothing on some.
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(PAGE).await;
            });
        }
    });
    url
}

impl Page {
    async fn send(&self, calls: &[Value]) -> Vec<String> {
        let answers = self.browser.execute_async(SEND, vec![json!(calls)]).await.unwrap();
        serde_json::from_value(answers).unwrap()
    }
}

/// The number of accounts in the table.
async fn accounts(world: &World) -> usize {
    let table = &world.stack.resources.tables["DestinationsTable"];
    let rows = world.stack.clients.dynamodb.scan().table_name(table).send().await.unwrap();
    rows.items().iter().filter(|row| row["sk"].as_s().is_ok_and(|sk| sk == "account")).count()
}

/// A call in the AWS JSON protocol, with everything that its endpoint asks for.
fn aws(url: &str, target: &str) -> Value {
    let headers = json!({
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": target,
        "x-amz-date": "20260901T100000Z",
        "authorization": "AWS4-HMAC-SHA256 Credential=a/20260901/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=a",
    });
    json!([url, {"method": "POST", "headers": headers, "body": "{}"}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_reads_nothing_and_changes_nothing() {
    let world = World::start().await;
    let Some(page) = Page::open(&foreign_origin().await).await else { return };
    let customer = world.customer("Acme").await;
    let endpoint = |service: &str| world.stack.environment[&format!("AWS_ENDPOINT_URL_{service}")].clone();
    let list_tables = "DynamoDB_20120810.ListTables";
    let key = json!({"x-api-key": customer.key});
    let answers = page
        .send(&[
            aws(&endpoint("DYNAMODB"), list_tables),
            aws(&endpoint("SQS"), "AmazonSQS.ListQueues"),
            aws(&endpoint("KMS"), "TrentService.GenerateDataKey"),
            json!([world.stack.url("/v1/destinations"), {"headers": key}]),
            json!([world.stack.url("/"), {}]),
        ])
        .await;
    assert_eq!(answers, ["blocked"; 5]);

    // Requests that a browser sends without asking first, as a form would: their effect counts, not their answer.
    let create = json!({"create_account": {"name": "Mallory"}}).to_string();
    let simple =
        |url: String| json!([url, {"method": "POST", "mode": "no-cors", "body": create, "keepalive": true}]);
    let at_the_api = world.stack.url("/2015-03-31/functions/Destinations/invocations");
    let before = accounts(&world).await;
    let sent = page.send(&[simple(world.stack.invoke_url("Destinations")), simple(at_the_api)]).await;
    assert_eq!(sent, ["unreadable"; 2]);
    assert_eq!(accounts(&world).await, before);

    // A host name that leads to this machine makes the endpoint the page's own origin.
    for (url, call) in [
        (world.stack.url("/"), json!(["/v1/destinations", {"headers": key}])),
        (endpoint("DYNAMODB"), aws("/", list_tables)),
    ] {
        page.browser.goto(&url.replace("127.0.0.1", "rebound.localhost")).await.unwrap();
        let answer = &page.send(&[call]).await[0];
        assert!(answer.starts_with("403 "), "{url}: {answer}");
    }
    page.close().await;
}
