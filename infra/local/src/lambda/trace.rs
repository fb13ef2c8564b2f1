//! Recursive-loop detection: the trace header says how often each function has appeared in a chain of requests.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
//!
//! What a function sends carries the header of its invocation. SQS keeps it as the message's `AWSTraceHeader`, and the
//! invocation by that message counts one more.

use std::collections::BTreeMap;

use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::BoxError;

/// Appearances after which Lambda stops a chain; it says "approximately".
pub(super) const MAX_APPEARANCES: u32 = 16;

tokio::task_local! {
    /// The header of the invocation that this task runs: `_X_AMZN_TRACE_ID` where a function is a process.
    pub(crate) static TRACE: String;
}

/// The header of this task's invocation.
pub(super) fn current() -> Option<String> {
    TRACE.try_with(Clone::clone).ok()
}

/// The header of an invocation of a function, and how often it has appeared. Of a batch, the longest chain counts: which one
/// Lambda follows is not documented.
pub(super) fn appear<'a>(received: impl Iterator<Item = &'a str>, function: &str) -> (String, u32) {
    let longest = received.map(|header| next(header, function)).max_by_key(|(_, appearances)| *appearances);
    longest.unwrap_or_else(|| next("", function))
}

/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>, with the function's
/// name in place of its hash.
fn next(received: &str, function: &str) -> (String, u32) {
    let part = |name| received.split(';').find_map(|part| part.strip_prefix(name));
    let root = part("Root=").map_or_else(|| format!("1-{}", uuid::Uuid::new_v4().simple()), str::to_owned);
    let entries = part("Lineage=").unwrap_or_default().split('|').filter_map(|entry| entry.split_once(':'));
    let mut lineage: BTreeMap<_, u32> =
        entries.map(|(name, count)| (name, count.parse().unwrap_or_default())).collect();
    let appearances = lineage.entry(function).or_default();
    *appearances += 1;
    let appearances = *appearances;
    let lineage: Vec<_> = lineage.iter().map(|(name, count)| format!("{name}:{count}")).collect();
    (format!("Root={root};Sampled=0;Lineage={}", lineage.join("|")), appearances)
}

/// Gives requests the header of the invocation that makes them. The SDK does so from the environment, which functions in one
/// process share.
#[derive(Debug)]
pub(crate) struct PassTraceOn;

impl Intercept for PassTraceOn {
    fn name(&self) -> &'static str {
        "PassTraceOn"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(trace) = current() {
            context.request_mut().headers_mut().insert("x-amzn-trace-id", trace);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_counts_each_function_and_keeps_its_root() {
        let (first, count) = appear([].into_iter(), "Ingest");
        assert_eq!((count, first.starts_with("Root=1-")), (1, true), "{first}");
        let received = ["Root=1-a-b;Lineage=Ingest:1|Dispatch:2", "Root=1-c-d"];
        let expected = "Root=1-a-b;Sampled=0;Lineage=Dispatch:3|Ingest:1";
        assert_eq!(appear(received.into_iter(), "Dispatch"), (expected.to_owned(), 3));
    }
}
