//! Properties of every response that arrives over a socket, and of every payload that is sent.

use bytes::Bytes;
use domain::delivery::outcome::{FAILURE_EXCERPT_BYTES, OutcomeClass};
use domain::delivery::request::{Attempt, request};
use domain::destination::record::{Destination, Format, RequestType};
use domain::shared::timestamp::Timestamp;
use domain::testing::fakes::{Fuzz, sample};
use futures_util::stream;

use crate::sender::authority::Authority;
use crate::sender::receiver::{Answer, Receiver};
use crate::sender::{HOST, attempt, sender};

/// Few: each needs its own TLS handshake.
const ANSWERS: usize = 300;

const PAYLOADS: usize = 2_000;

/// Header lines that break the rules of HTTP, for the fuzzer.
const ODD_LINES: [&str; 8] = [
    "X-Powered-By : x\r\n",
    "X-Folded: one\r\n two\r\n",
    "\r\n\t",
    "PHP Warning:  Undefined variable $x in /hook.php on line 3\r\n",
    "no colon\r\n",
    ": no name\r\n",
    "\u{1}",
    "\u{e9}",
];

/// Whether a client can read the status: the first line is whole, and the head that follows has nothing that cannot be
/// read or that concerns the body.
fn is_readable_success(answer: &[u8]) -> bool {
    let Some(rest) = answer.strip_prefix(b"HTTP/1.1 200 OK\r\n") else { return false };
    let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = [b"\r\n", &rest[..end]].concat().to_ascii_lowercase();
    let has = |word: &[u8]| head.windows(word.len()).any(|found| found == word);
    let has_bare_return = head.windows(2).any(|two| two[0] == b'\r' && two[1] != b'\n');
    !(has(b"\0")
        || has_bare_return
        || head.ends_with(b"\r")
        || has(b"content-length")
        || has(b"transfer-encoding"))
}

#[tokio::test(flavor = "multi_thread")]
async fn any_bytes_are_an_outcome() {
    let (fuzz, odd) = (Fuzz::of("responses"), Fuzz::of("receivers/odd-heads").with_words(&ODD_LINES));
    let answers = fuzz.inputs().take(ANSWERS).chain(odd.inputs().take(ANSWERS));
    let answers: Vec<_> = answers.map(Answer::Bytes).collect();
    let authority = Authority::new();
    let receiver = Receiver::https_in_turn(authority.identity(HOST), answers.clone()).await;
    let (sender, url) = (sender(&authority), receiver.url());
    for (number, answer) in answers.iter().enumerate() {
        let outcome = attempt(&sender, &url).await;
        let Answer::Bytes(bytes) = answer else { unreachable!() };
        let what = || format!("{}: {outcome:?}", bytes.escape_ascii());
        assert_eq!(receiver.requests().len(), number + 1, "one request each; {}", what());
        let status = outcome.http_status;
        let succeeded = status.is_some_and(|status| (200..300).contains(&status));
        assert_eq!(outcome.class == OutcomeClass::Success, succeeded, "{}", what());
        assert_eq!(outcome.error.is_none(), succeeded, "{}", what());
        assert!(succeeded || !is_readable_success(bytes), "{}", what());
        let body = outcome.response.as_ref().map_or("", |response| &response.body);
        assert!(
            body.len() <= FAILURE_EXCERPT_BYTES && status.is_some() == outcome.response.is_some(),
            "{}",
            what()
        );
    }
}

/// The payloads are read back by the libraries that receivers use.
#[tokio::test]
async fn any_payload_arrives_as_it_was() {
    let fuzz = Fuzz::of("bodies");
    let texts = fuzz.inputs().filter_map(|input| String::from_utf8(input).ok());
    for text in texts.take(PAYLOADS) {
        let event = sample::event(&text);
        let to = |request_type, format| Destination { request_type, format, ..sample::destination("dst_1") };
        let now = Timestamp::from_millis(7);
        let request = |request_type, format| {
            let delivery = sample::delivery().id;
            let attempt = Attempt { delivery: &delivery, number: 1, at: now, url_was_refused: false };
            request(&event, &to(request_type, format), &sample::secrets(), attempt)
        };
        let form = request(RequestType::Post, Format::Form).unwrap();
        let (_, content_type) = form.headers.iter().find(|(name, _)| name == "content-type").unwrap();
        let boundary = multer::parse_boundary(content_type).unwrap();
        let body = stream::iter([Ok::<Bytes, std::io::Error>(form.body.clone())]);
        let mut parts = multer::Multipart::new(body, boundary);
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await.unwrap() {
            fields.push((part.name().unwrap().to_owned(), part.bytes().await.unwrap()));
        }
        let expected = [("event", "conversation.completed"), ("payload", &text)];
        let expected = expected.map(|(name, value)| (name.to_owned(), Bytes::from(value.to_owned())));
        assert_eq!(fields, expected);

        assert_eq!(request(RequestType::Post, Format::Json).unwrap().body, text);

        let Ok(get) = request(RequestType::Get, Format::Form) else { continue };
        if get.trimmed.is_empty() {
            let query: Vec<_> = get.url.query_pairs().filter(|(name, _)| name == "payload").collect();
            assert_eq!(query.len(), 1);
            assert_eq!(query[0].1, text);
        }
    }
}
