//! Lists of queues, a page at a time.

use base64::{Engine, prelude::BASE64_URL_SAFE};

use super::check_range;
use crate::sqs::error::SqsError;
use crate::sqs::limits;
use crate::sqs::name::QueueName;

/// One page of queues, and the token of the next.
pub(super) struct Page {
    pub(super) names: Vec<QueueName>,
    pub(super) next_token: Option<String>,
}

/// The part of `names`, which are in order, that a caller asks for. A token is the last name of the
/// page before, so that queues made or deleted in between do not shift the pages. "You must set
/// `MaxResults` in the request to receive a value for `NextToken`" (API `ListQueues`).
pub(super) fn page(
    names: Vec<QueueName>,
    max_results: Option<i64>,
    token: Option<&str>,
) -> Result<Page, SqsError> {
    let asked = check_range("MaxResults", max_results, &limits::LIST_RESULTS)?;
    let max = asked.unwrap_or(*limits::LIST_RESULTS.end()) as usize;
    let after = token.map(read_token).transpose()?;
    let mut rest = names.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after));
    let names: Vec<_> = rest.by_ref().take(max).collect();
    let more = asked.is_some() && rest.next().is_some();
    let next_token = names.last().filter(|_| more).map(|last| BASE64_URL_SAFE.encode(last.as_str()));
    Ok(Page { names, next_token })
}

fn read_token(token: &str) -> Result<QueueName, SqsError> {
    let name = BASE64_URL_SAFE.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.and_then(|name| QueueName::parse(&name).ok())
        .ok_or_else(|| SqsError::invalid("NextToken", token, "It is not a token this endpoint gave out."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_together_are_the_whole_list() {
        let all: Vec<_> = ["a", "b", "c"].iter().map(|name| QueueName::parse(name).unwrap()).collect();
        let first = page(all.clone(), Some(2), None).unwrap();
        let second = page(all.clone(), Some(2), first.next_token.as_deref()).unwrap();
        assert_eq!([first.names, second.names].concat(), all);
        assert_eq!(second.next_token, None);
        assert_eq!(page(all, None, None).unwrap().next_token, None);
    }
}
