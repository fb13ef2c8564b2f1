//! Serves the Webhooks page from files that are compiled in.
//!
//! The page and its style are one answer. Browsers cache its modules forever, each version under its own path: so a
//! visit costs one invocation, and files of two versions never mix.

pub(crate) mod branding;

use std::sync::{LazyLock, OnceLock};

use adapters::http::problem::Problem;
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::shared::ids::hex;
use http::StatusCode;
use sha2::{Digest, Sha256};

use self::branding::Branding;

const INDEX: &str = include_str!("../page/index.html");
const STYLE: &str = include_str!("../page/page.css");

/// The page's root element, which gets the operator's settings.
const ROOT: &str = r#"<html lang="en">"#;

/// The page's link to its style, which is replaced by the style itself.
const STYLE_LINK: &str = r#"<link rel="stylesheet" href="/assets/page.css">"#;

/// The path of the page's modules, before the version is inserted.
const ASSETS: &str = "/assets/";

/// The page of the reference, which `docs` makes from `openapi.json`.
const DOCS: &str = include_str!("../docs.html");

/// One module of the page.
struct Module {
    name: &'static str,
    text: &'static str,
}

macro_rules! modules {
    ($($name:literal),+ $(,)?) => {
        [$(Module { name: $name, text: include_str!(concat!("../page/", $name)) }),+]
    };
}

const MODULES: &[Module] = &modules![
    "account.js",
    "api.js",
    "app.js",
    "attempt.js",
    "attempts-table.js",
    "brand.js",
    "chart.js",
    "command.js",
    "copy.js",
    "curl.js",
    "deliveries.js",
    "delivery-row.js",
    "delivery.js",
    "destination-facts.js",
    "destination-form.js",
    "destination-overview.js",
    "destination-page.js",
    "destinations.js",
    "dialog.js",
    "dom.js",
    "event-row.js",
    "event.js",
    "events.js",
    "field-errors.js",
    "filters.js",
    "format.js",
    "header-rows.js",
    "health.js",
    "key.js",
    "keys.js",
    "latency-chart.js",
    "latest-deliveries.js",
    "links.js",
    "live-list.js",
    "live-log.js",
    "new-key.js",
    "pager.js",
    "payload.js",
    "poll.js",
    "portal.js",
    "recover.js",
    "recovery.js",
    "router.js",
    "search.js",
    "secret.js",
    "session.js",
    "show-once.js",
    "stats-chart.js",
    "test-event.js",
    "timeline.js",
    "words.js",
];

/// The modules as they are served, without their lines of comments: those are a seventh of what a browser would load.
static SERVED: LazyLock<Vec<String>> = LazyLock::new(|| {
    let is_code =
        |line: &&str| !["//", "/**", "* ", "*/"].iter().any(|mark| line.trim_start().starts_with(mark));
    MODULES.iter().map(|module| module.text.split_inclusive('\n').filter(is_code).collect()).collect()
});

/// The version: a hash of all modules.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (Module { name, .. }, text) in MODULES.iter().zip(SERVED.iter()) {
        hash.update(name);
        hash.update(text);
    }
    hex(&hash.finalize()[..8])
});

/// The page as the operator configures it.
pub(crate) struct Page {
    branding: Branding,
    rendered: OnceLock<Rendered>,
}

/// The page's text and the content security policies that go with it.
struct Rendered {
    html: String,
    policy: String,
    portal_policy: String,
}

impl Page {
    pub(crate) const fn new(branding: Branding) -> Self {
        Self { branding, rendered: OnceLock::new() }
    }

    /// Rendered on the first visit: most processes have none.
    fn render(&self) -> &Rendered {
        self.rendered.get_or_init(|| {
            let accent = self.branding.accent_color.as_ref();
            // After the page's own rules, so that it wins over those for dark and light.
            let style = accent.map_or(STYLE.to_owned(), |color| format!("{STYLE}:root{{--accent:{color}}}"));
            let images = self.branding.logo_origin().map(|origin| format!(" {origin}")).unwrap_or_default();
            Rendered {
                // The operator's settings last: nothing in them is replaced.
                html: INDEX
                    .replace(STYLE_LINK, &format!("<style>{style}</style>"))
                    .replace(ASSETS, &format!("{ASSETS}{}/", *VERSION))
                    .replace(ROOT, &ROOT.replace('>', &format!("{}>", self.branding.attributes()))),
                policy: policy(&style, &images, "'none'"),
                portal_policy: policy(&style, &images, &self.branding.frame_ancestors),
            }
        })
    }

    /// `GET /`.
    pub(crate) fn index(&self) -> Reply {
        self.reply(&self.render().policy)
    }

    /// `GET /portal/{token}`: the same page, whatever the token, so that a preview of the link uses nothing up. Pages of the
    /// allowed origins may frame it.
    pub(crate) fn portal(&self) -> Reply {
        self.reply(&self.render().portal_policy).with_header("cross-origin-resource-policy", "cross-origin")
    }

    fn reply(&self, policy: &str) -> Reply {
        with_security_headers(self.render().html.clone(), "text/html; charset=utf-8")
            .with_header("content-security-policy", policy)
            .with_header("cache-control", "no-cache")
    }
}

/// Allows nothing from other origins but the logo, nothing inline but the page's own style, and framing by these origins.
fn policy(style: &str, images: &str, frame_ancestors: &str) -> String {
    let style = STANDARD.encode(Sha256::digest(style));
    format!(
        "default-src 'none'; script-src 'self'; style-src 'sha256-{style}'; img-src 'self' data:{images}; \
         connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors {frame_ancestors}"
    )
}

/// `GET /docs`.
pub(crate) fn docs() -> Reply {
    let style = DOCS.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
    with_security_headers(DOCS.to_owned(), "text/html; charset=utf-8")
        .with_header("content-security-policy", &policy(style.map_or("", |(style, _)| style), "", "'none'"))
        .with_header("cache-control", "no-cache")
}

/// `GET /assets/{version}/{name}`.
pub(crate) fn asset(request: &Request) -> Result<Reply, Problem> {
    let requested =
        |module: &Module| request.path("version") == *VERSION && request.path("name") == module.name;
    let place = MODULES.iter().position(requested).ok_or_else(|| Problem::not_found("file"))?;
    let reply = with_security_headers(SERVED[place].clone(), "text/javascript; charset=utf-8");
    let reply = reply.with_header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    Ok(reply.with_header("cache-control", "public, max-age=31536000, immutable"))
}

/// Keeps the page to itself: https only, no window, embedding or device of others. Copying needs the clipboard, which no
/// header takes away.
const SECURITY_HEADERS: [(&str, &str); 5] = [
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000"),
];

fn with_security_headers(text: String, media_type: &'static str) -> Reply {
    let reply = Reply::text(StatusCode::OK, text).with_header("content-type", media_type);
    SECURITY_HEADERS.iter().fold(reply, |reply, (name, value)| reply.with_header(name, value))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use adapters::http::problem::Code;
    use strum::VariantArray;

    use super::*;

    fn page(settings: &[(&str, &str)]) -> Page {
        let vars: BTreeMap<_, _> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Page::new(Branding::read(&vars).unwrap())
    }

    /// Limit for what a browser downloads before anything is cached, each file compressed by itself.
    const MAX_BYTES: usize = 60_000;

    /// The size of a text after `gzip`.
    fn compressed(text: &str) -> usize {
        let mut gzip = Command::new("gzip")
            .args(["-9", "-c"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("gzip is installed");
        gzip.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        gzip.wait_with_output().unwrap().stdout.len()
    }

    #[test]
    fn every_file_of_the_page_is_part_of_the_program_and_all_are_small() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let there =
            std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let known =
            MODULES.iter().map(|module| module.name).chain(["index.html", "page.css"]).map(str::to_owned);
        assert_eq!(there.collect::<BTreeSet<_>>(), known.collect());
        let bytes =
            compressed(&page(&[]).render().html) + SERVED.iter().map(|text| compressed(text)).sum::<usize>();
        assert!(bytes < MAX_BYTES, "{bytes}");
    }

    #[test]
    fn the_page_comes_with_its_style_and_asks_for_modules_of_its_version() {
        let page = page(&[]);
        let html = &page.render().html;
        assert!(html.contains("<style>") && !html.contains("stylesheet") && html.contains(ROOT));
        for Module { name, .. } in MODULES {
            assert!(
                html.contains(&format!("/assets/{}/{name}", *VERSION)),
                "{name} is not loaded with the page"
            );
        }
    }

    #[test]
    fn modules_are_served_without_comments() {
        for (module, text) in MODULES.iter().zip(SERVED.iter()) {
            assert!(module.text.starts_with("// "), "{} says what it is", module.name);
            let left = text.lines().find(|line| line.trim_start().starts_with(['/', '*']));
            assert_eq!(left, None, "{}", module.name);
            let mut inside = false;
            for line in module.text.lines().map(str::trim) {
                inside |= line.starts_with("/**");
                assert!(inside || !line.starts_with('*'), "{}: {line} is no comment", module.name);
                inside &= !line.ends_with("*/");
            }
        }
    }

    #[test]
    fn the_page_and_its_modules_are_kept_to_themselves() {
        let event = serde_json::json!({
            "version": "2.0",
            "routeKey": "GET /assets/{version}/{name}",
            "rawPath": "/",
            "rawQueryString": "",
            "headers": {},
            "pathParameters": {"version": *VERSION, "name": "app.js"},
            "requestContext": {"http": {"method": "GET", "path": "/"}},
            "isBase64Encoded": false,
        });
        let request = Request::read(serde_json::from_value(event).unwrap()).unwrap();
        let page = page(&[]);
        for (reply, cached) in
            [(page.index(), "no-cache"), (asset(&request).unwrap(), "public, max-age=31536000, immutable")]
        {
            let headers = reply.into_response().headers;
            for (name, value) in SECURITY_HEADERS {
                assert_eq!(headers[name], value);
            }
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(
                policy.starts_with("default-src 'none'; ") && policy.ends_with("; frame-ancestors 'none'")
            );
            assert_eq!(headers["cache-control"], cached);
            assert_eq!(headers["x-content-type-options"], "nosniff");
        }
    }

    #[test]
    fn the_portal_is_the_same_page_as_the_operator_wants_it_and_where() {
        let page = page(&[
            ("PORTAL_NAME", "Acme"),
            ("PORTAL_LOGO_URL", "https://cdn.example.com/assets/logo.svg"),
            ("PORTAL_ACCENT_COLOR", "#aa0000"),
            ("PORTAL_RETURN_URL", "https://app.example.com/webhooks"),
            ("PORTAL_FRAME_ANCESTORS", "https://app.example.com https://b.example.com:8443"),
        ]);
        let [index, portal] = [page.index(), page.portal()];
        assert_eq!(index.body(), portal.body());
        let root = concat!(
            r#"<html lang="en" data-name="Acme" data-logo="https://cdn.example.com/assets/logo.svg" "#,
            r#"data-return="https://app.example.com/webhooks">"#
        );
        assert!(portal.body().contains(root));
        let style = portal.body().split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        assert!(style.ends_with(":root{--accent:#aa0000}"));
        let hash = STANDARD.encode(Sha256::digest(style));
        let [index, portal] = [index, portal].map(|reply| reply.into_response().headers);
        for (headers, framed_by) in
            [(&index, "'none'"), (&portal, "https://app.example.com https://b.example.com:8443")]
        {
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
            assert!(policy.contains("img-src 'self' data: https://cdn.example.com;"), "{policy}");
            assert!(policy.ends_with(&format!("frame-ancestors {framed_by}")), "{policy}");
        }
        assert_eq!(portal["referrer-policy"], "no-referrer");
        assert_eq!(portal["cross-origin-resource-policy"], "cross-origin");
        assert_eq!(index["cross-origin-resource-policy"], "same-origin");
    }

    #[test]
    fn the_reference_explains_every_problem_and_is_small() {
        for code in Code::VARIANTS {
            assert!(DOCS.contains(&format!("<dt id={}>", code.as_ref())), "{}", code.as_ref());
        }
        assert!(DOCS.len() < 30_000, "{}", DOCS.len());
        let headers = docs().into_response().headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        let page = page(&[]);
        let of_page = &page.render().policy;
        assert!(policy.contains("style-src 'sha256-") && policy != of_page, "{policy}");
    }

    #[test]
    fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
        for Module { name, text } in MODULES.iter().chain(&[Module { name: "index.html", text: INDEX }]) {
            let foreign =
                ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "url(http", "@import", "from \"http"];
            let inline = ["style=\"", " onclick=", "<style", "javascript:", "innerHTML"];
            let found: Vec<_> =
                foreign.into_iter().chain(inline).filter(|wrong| text.contains(wrong)).collect();
            assert!(found.is_empty(), "{name} has {found:?}");
        }
    }
}
