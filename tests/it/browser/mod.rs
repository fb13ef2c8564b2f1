//! The Webhooks page in a real Chromium, against the running stack.
//!
//! Wants `chromium` and `chromedriver` (Debian: `chromium chromium-driver`); without them it says so and passes. With
//! `AXE_CORE` set to the file of axe-core, every view is checked for faults of accessibility as well.

mod driver;
mod picture;
mod story;

use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use self::driver::Driver;

/// What takes longer than this does not happen.
const PATIENCE: Duration = Duration::from_secs(45);

/// The page in a browser, with a reader's verbs.
struct Page {
    browser: Client,
    axe: Option<String>,
    _driver: Driver,
}

fn test_id(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}

impl Page {
    /// `None` where there is no browser.
    async fn open(url: &str) -> Option<Self> {
        let driver = Driver::start().await?;
        let browser = driver.browser().await;
        browser.goto(url).await.unwrap();
        Some(Self { browser, axe: axe(), _driver: driver })
    }

    /// The first element of a selector that is shown, once there is one.
    async fn see(&self, selector: &str) -> Element {
        let start = Instant::now();
        loop {
            for element in self.browser.find_all(Locator::Css(selector)).await.unwrap_or_default() {
                if element.is_displayed().await.unwrap_or(false) {
                    return element;
                }
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain for {selector}:\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Returns once nothing of a selector is there.
    async fn miss(&self, selector: &str) {
        let start = Instant::now();
        while !self.browser.find_all(Locator::Css(selector)).await.unwrap().is_empty() {
            assert!(start.elapsed() < PATIENCE, "{selector} does not go away");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// All that is on the page, for a test that has failed.
    async fn text(&self) -> String {
        match self.browser.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    async fn click(&self, selector: &str) {
        let start = Instant::now();
        // What is shown anew between look and click is looked for again.
        while self.see(selector).await.click().await.is_err() {
            assert!(start.elapsed() < PATIENCE, "{selector} cannot be clicked");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn fill(&self, selector: &str, text: &str) {
        let field = self.see(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    async fn choose(&self, selector: &str, label: &str) {
        self.see(selector).await.select_by_label(label).await.unwrap();
    }

    /// Waits until an element's text has this in it, and gives it.
    async fn read(&self, selector: &str, part: &str) -> String {
        let start = Instant::now();
        loop {
            let text = self.see(selector).await.text().await.unwrap_or_default();
            if text.contains(part) {
                return text;
            }
            assert!(start.elapsed() < PATIENCE, "{selector} says {text:?}, not {part:?}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// No serious fault of accessibility in what is on screen, wide and narrow.
    async fn check_accessibility(&self, view: &str) {
        let Some(axe) = &self.axe else { return };
        for width in [1280, 360] {
            self.browser.set_window_size(width, 900).await.unwrap();
            self.browser.execute(axe, Vec::new()).await.unwrap();
            let run = "const done = arguments[arguments.length - 1];
                axe.run().then(({ violations }) => done(violations
                    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
                    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)));";
            let faults = self.browser.execute_async(run, Vec::new()).await.unwrap();
            assert_eq!(faults, json!([]), "{view}, {width} wide");
            // Chromium makes no window narrower than 500 px; what matters is that it is a narrow one.
            let inner = self.browser.execute("return innerWidth", Vec::new()).await.unwrap();
            assert!(inner.as_u64().is_some_and(|inner| inner <= u64::from(width.max(500))), "{inner}");
            let overflow =
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let overflow = self.browser.execute(overflow, Vec::new()).await.unwrap();
            assert_eq!(overflow, json!(0), "{view} scrolls sideways at {width}");
        }
        self.browser.set_window_size(1280, 900).await.unwrap();
    }

    /// What the browser had to complain about so far.
    async fn complaints(&self) -> Vec<Value> {
        let log = self.browser.execute("return window.__complaints ?? []", Vec::new()).await.unwrap();
        log.as_array().cloned().unwrap_or_default()
    }

    /// Notes every breach of the content security policy and every error from now on.
    async fn listen(&self) {
        let script = "window.__complaints = [];
            addEventListener('error', ({ message }) => window.__complaints.push(message));
            addEventListener('unhandledrejection', ({ reason }) => window.__complaints.push(String(reason)));
            document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
                window.__complaints.push(`${violatedDirective} ${blockedURI}`));";
        self.browser.execute(script, Vec::new()).await.unwrap();
    }

    async fn close(self) {
        self.browser.close().await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "where CI has put axe-core")]
fn axe() -> Option<String> {
    let file = std::env::var("AXE_CORE").ok()?;
    Some(std::fs::read_to_string(file).unwrap())
}
