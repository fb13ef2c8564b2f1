//! What `cargo run` prints for people.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this file prints")]

use std::path::Path;

use local::stack::Stack;

use crate::demo::Demo;

/// Prints where everything is, and what to try first.
pub(crate) fn welcome(stack: &Stack, demo: &Demo, data: Option<&Path>) {
    let api = stack.url("");
    let receiver = stack.receiver.url("");
    let lambda = format!("http://{}", stack.lambda);
    let Demo { api_key: key, account_id: account, .. } = demo;
    let [dynamodb, sqs] = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"]
        .map(|name| stack.environment.get(name).map_or("", String::as_str));
    let data = data
        .map_or("in memory, lost at exit; --data DIR keeps it".to_owned(), |data| data.display().to_string());
    println!(
        "Ringback is running. Press Ctrl-C to stop it.

Send its webhooks to your own server, from another terminal in this folder:

  cargo run -- listen http://localhost:3000/webhooks

End a conversation, as often as you like. Each has a new id:

  cargo run -- send completed
  curl -X POST {api}/v1/flows/hangup -H 'X-API-Key: {key}' \\
    -d '{{\"conversation_id\": \"my-'$(date +%s)'\", \"conversation_status\": \"COMPLETED\"}}'

The example receiver plays a customer's server. See what it got at {receiver}/
(your browser will warn of its certificate). Make it fail, end a conversation and watch its
retries; to make it succeed again, use status=200:

  curl -k -X PUT '{receiver}/__answer?status=500'

Read the Delivery Logs:

  curl '{api}/v1/deliveries?limit=5' -H 'X-API-Key: {key}'

  Webhooks   {api}/  (open this page in a browser; sign in with the API key)
  API        {api}
  API key    {key}
  Account    {account}
  Receiver   {receiver}
  Lambda     {lambda}  (invokes functions directly; not for the tunnel that makes the API public)
  DynamoDB   {dynamodb}
  SQS        {sqs}
  Data       {data}

Sending a sample event from events/ingest/conversation-completed.json; times are in UTC:
"
    );
}

/// Prints one line about an attempt or a deferred delivery.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints an error with its causes, and with advice where we have some.
pub(crate) fn error(error: &(dyn std::error::Error + 'static)) {
    let causes: Vec<_> =
        std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string).collect();
    let cause = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(": ")) };
    eprintln!("ringback: {error}{cause}");
    if error.is::<local::stack::PortUnavailable>() {
        eprintln!(
            "Choose another port with --port N: the API takes N, the example receiver N + 1, Lambda's own API N + 2."
        );
    }
}

/// Says that the program is stopping, and how long that may take.
pub(crate) fn goodbye() {
    println!("\nStopping. Attempts in progress may take up to 10 s to finish.");
}
