//! Fuzzes the reading of responses.

use std::time::Duration;

use domain::delivery::outcome::{
    FAILURE_EXCERPT_BYTES, OutcomeClass, ResponseExcerpt, SUCCESS_EXCERPT_BYTES,
};
use domain::testing::fakes::Fuzz;
use futures_util::FutureExt;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::answer::Answer;

/// Fragments of responses, for the fuzzer.
const WORDS: [&str; 19] = [
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 500 \r\n",
    "HTTP/1.1 999 \r\n",
    "content-length: ",
    "X-Powered-By : x\r\n",
    "\r\n folded",
    "\r\n\t",
    "PHP Warning:  Undefined variable $x in /hook.php on line 3\r\n",
    "no colon\r\n",
    ": no name\r\n",
    "\u{1}",
    "transfer-encoding: chunked\r\n",
    "retry-after: ",
    "server: ",
    "location: https://10.0.0.1/\r\n",
    "\u{85}",
    "\u{1b}[2J",
    "€",
    "😀",
];

fn is_printable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// Status, headers and body of arbitrary bytes, as a client that accepts everything would read them.
fn read(input: &[u8]) -> (StatusCode, HeaderMap, &[u8]) {
    let end = input.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = end.map_or((input, input), |end| (&input[..end], &input[end + 4..]));
    let status = head.get(9..12).and_then(|status| StatusCode::from_bytes(status).ok());
    let headers = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value[1..].trim_ascii()).ok()?))
    });
    (status.unwrap_or(StatusCode::OK), headers.collect(), body)
}

#[test]
fn what_is_kept_of_a_response_is_short_and_can_be_printed() {
    let odd = Fuzz::of("receivers/odd-heads");
    let seeds = odd.seeds().iter();
    let fuzz =
        seeds.fold(Fuzz::of("responses"), |fuzz, seed| fuzz.with_seed(seed.as_slice())).with_words(&WORDS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter(); // for the time limit of a success's body
    fuzz.run(|input| {
        let (status, headers, body) = read(input);
        let mut response = http::Response::new(body.to_vec());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let mut answer = Answer::default();
        answer.read(response.into()).now_or_never().unwrap(); // the whole response is in memory
        let outcome = answer.into_outcome(None, Duration::ZERO);

        let succeeded = status.is_success();
        assert_eq!(outcome.class == OutcomeClass::Success, succeeded, "{outcome:?}");
        assert_eq!(outcome.error.is_none(), succeeded, "{outcome:?}");
        assert_eq!(outcome.http_status, Some(status.as_u16()));
        let ResponseExcerpt { headers, body: kept, truncated } = outcome.response.unwrap();
        let max = if succeeded { SUCCESS_EXCERPT_BYTES } else { FAILURE_EXCERPT_BYTES };
        assert!(kept.len() <= max && is_printable(&kept), "{kept:?}");
        assert!(truncated || kept.len() >= body.len(), "{kept:?}");
        assert!(headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 256);
        assert!(headers.iter().all(|(name, value)| is_printable(value) && name != "location"));
    });
}
