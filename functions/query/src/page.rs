//! The Webhooks page: files that are part of this program.

use std::sync::LazyLock;

use adapters::http::{Reply, Request};
use adapters::problem::Problem;
use domain::ids::hex;
use http::StatusCode;
use sha2::{Digest, Sha256};

/// Nothing from anywhere else, nothing inline, in nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// One file of the page.
struct File {
    name: &'static str,
    text: &'static str,
}

/// The page's files by their names in `functions/query/page`.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(File { name: $name, text: include_str!(concat!("../page/", $name)) }),+]
    };
}

const INDEX: &str = "index.html";

const FILES: &[File] = &files![
    "api.js",
    "app.js",
    "attempt.js",
    "attempts-table.js",
    "chart.js",
    "copy.js",
    "curl.js",
    "deliveries.js",
    "delivery-list.js",
    "delivery-row.js",
    "delivery.js",
    "destination-form.js",
    "destination-page.js",
    "destinations.js",
    "dialog.js",
    "dom.js",
    "field-errors.js",
    "filters.js",
    "format.js",
    "header-rows.js",
    "health.js",
    "index.html",
    "key.js",
    "links.js",
    "log-chart.js",
    "page.css",
    "payload.js",
    "poll.js",
    "recover.js",
    "router.js",
    "secret.js",
    "session.js",
    "test-event.js",
    "words.js",
];

/// Names this set of files: a browser that has it need not be sent it again.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for File { name, text } in FILES {
        hash.update(name);
        hash.update(text);
    }
    format!("\"{}\"", hex(&hash.finalize()[..8]))
});

/// `GET /`.
pub(crate) fn index(request: &Request) -> Result<Reply, Problem> {
    file(INDEX, request)
}

/// `GET /assets/{name}`.
pub(crate) fn asset(request: &Request) -> Result<Reply, Problem> {
    file(request.path("name"), request)
}

fn file(name: &str, request: &Request) -> Result<Reply, Problem> {
    let file = FILES.iter().find(|file| file.name == name).ok_or_else(|| Problem::not_found("file"))?;
    let known = request.header("if-none-match").is_some_and(|version| version == *VERSION);
    let reply = if known {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::text(StatusCode::OK, file.text.to_owned()).with_header("content-type", media_type(name))
    };
    Ok(reply
        .with_header("etag", &VERSION)
        // Asked for each time: files of two versions must not meet.
        .with_header("cache-control", "no-cache")
        .with_header("content-security-policy", CONTENT_SECURITY_POLICY)
        .with_header("referrer-policy", "no-referrer")
        .with_header("x-content-type-options", "nosniff"))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// What a browser downloads before anything is cached.
    const MAX_BYTES: usize = 150_000;

    #[test]
    fn every_file_of_the_page_is_part_of_the_program_and_all_are_small() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let there =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let known = FILES.iter().map(|file| file.name.to_owned());
        assert_eq!(there.collect::<BTreeSet<_>>(), known.collect());
        let bytes: usize = FILES.iter().map(|file| file.text.len()).sum();
        assert!(bytes < MAX_BYTES, "{bytes}");
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        for File { name, text } in FILES {
            let foreign =
                ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "url(http", "@import", "from \"http"];
            let inline = ["style=\"", " onclick=", "<style", "javascript:", "innerHTML"];
            let found: Vec<_> =
                foreign.into_iter().chain(inline).filter(|wrong| text.contains(wrong)).collect();
            assert!(found.is_empty(), "{name} has {found:?}");
        }
    }
}
