//! What a person reads.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the program's face")]

use local::stack::Stack;

use crate::demo::Demo;

/// Where everything is, and what to type next.
pub(crate) fn welcome(stack: &Stack, demo: &Demo) {
    let api = stack.url("");
    let receiver = stack.receiver.url("");
    let Demo { api_key: key, account_id: account, .. } = demo;
    let [dynamodb, sqs] = ["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SQS"]
        .map(|name| stack.environment.get(name).map_or("", String::as_str));
    println!(
        "Ringback is running. Ctrl-C ends it.

  Webhooks   {api}/ (the page: sign in with the key)
  API        {api}
  API key    {key}
  Account    {account}
  Receiver   {receiver}
  DynamoDB   {dynamodb}
  SQS        {sqs}

End a conversation:

  curl -X POST {api}/v1/flows/hangup -H 'X-API-Key: {key}' \\
    -d '{{\"conversation_id\": \"my-first\", \"conversation_status\": \"COMPLETED\"}}'

Make the receiver fail (status=200 mends it), end another one, and read what became of it:

  curl -k -X PUT '{receiver}/__answer?status=500'
  curl '{api}/v1/deliveries?limit=5' -H 'X-API-Key: {key}'

Now a sample event is delivered, from events/ingest/conversation-completed.json:
"
    );
}

/// One line of a log that people read.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// What went wrong, with its causes, and what to do about it where we know.
pub(crate) fn error(error: &(dyn std::error::Error + 'static)) {
    let causes: Vec<_> =
        std::iter::successors(error.source(), |cause| cause.source()).map(ToString::to_string).collect();
    let cause = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(": ")) };
    eprintln!("ringback: {error}{cause}");
    if error.is::<local::stack::PortTaken>() {
        eprintln!("Choose others with --port N: the API takes N, the example receiver N + 1.");
    }
}

/// The last words.
pub(crate) fn goodbye() {
    println!("\nStopping: attempts under way may take up to 10 s to end.");
}
