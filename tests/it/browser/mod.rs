//! The Webhooks page in a real Chromium, against the running stack.
//!
//! Needs `chromium` and `chromedriver` (Debian: `chromium chromium-driver`); without them it prints a line and passes.
//! If `AXE_CORE` names the file of axe-core, every view is also checked for accessibility.

mod destination;
mod driver;
mod events;
mod foreign;
mod health;
mod keys;
mod links;
mod picture;
mod portal;
mod recovery;
mod search;
mod story;

use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use self::driver::Driver;

/// The maximum time to wait for the page.
const PATIENCE: Duration = Duration::from_secs(45);

/// The page in a browser, with a user's actions as methods.
struct Page {
    browser: Client,
    axe: Option<String>,
    driver: Driver,
}

fn test_id(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}

impl Page {
    /// Opens the page; `None` without a browser.
    async fn open(url: &str) -> Option<Self> {
        Self::open_with(url, &json!({})).await
    }

    /// Opens the page in a browser with these preferences.
    async fn open_with(url: &str, preferences: &Value) -> Option<Self> {
        let driver = Driver::start().await?;
        let browser = driver.browser(preferences).await;
        browser.goto(url).await.unwrap();
        Some(Self { browser, axe: axe(), driver })
    }

    /// Waits for a displayed element that matches the selector.
    async fn see(&self, selector: &str) -> Element {
        let start = Instant::now();
        loop {
            for element in self.browser.find_all(Locator::Css(selector)).await.unwrap_or_default() {
                if element.is_displayed().await.unwrap_or(false) {
                    return element;
                }
            }
            assert!(start.elapsed() < PATIENCE, "timed out waiting for {selector}:\n{}", self.text().await);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Waits until no element matches the selector.
    async fn wait_until_gone(&self, selector: &str) {
        let start = Instant::now();
        while !self.browser.find_all(Locator::Css(selector)).await.unwrap().is_empty() {
            assert!(start.elapsed() < PATIENCE, "{selector} is still there");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// The page's text, for the report of a failed test.
    async fn text(&self) -> String {
        match self.browser.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    async fn click(&self, selector: &str) {
        let start = Instant::now();
        // An element that is rendered anew between lookup and click is looked up again.
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

    /// Waits until an element's text contains `part`, and returns the text.
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

    /// Asserts that the current view has no serious accessibility fault, in a wide and a narrow window.
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
            // Chromium's narrowest window is 500 px, which is narrow enough.
            let inner = self.browser.execute("return innerWidth", Vec::new()).await.unwrap();
            assert!(inner.as_u64().is_some_and(|inner| inner <= u64::from(width.max(500))), "{inner}");
            let overflow =
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let overflow = self.browser.execute(overflow, Vec::new()).await.unwrap();
            assert_eq!(overflow, json!(0), "{view} scrolls sideways at {width}");
        }
        self.browser.set_window_size(1280, 900).await.unwrap();
    }

    /// The errors recorded since `listen`.
    async fn errors(&self) -> Vec<Value> {
        let log = self.browser.execute("return window.__errors ?? []", Vec::new()).await.unwrap();
        log.as_array().cloned().unwrap_or_default()
    }

    /// Starts to record errors and violations of the content security policy.
    async fn listen(&self) {
        let script = "window.__errors = [];
            addEventListener('error', ({ message }) => window.__errors.push(message));
            addEventListener('unhandledrejection', ({ reason }) => window.__errors.push(String(reason)));
            document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
                window.__errors.push(`${violatedDirective} ${blockedURI}`));";
        self.browser.execute(script, Vec::new()).await.unwrap();
    }

    async fn close(self) {
        self.browser.close().await.unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "CI sets the path of axe-core")]
fn axe() -> Option<String> {
    let file = std::env::var("AXE_CORE").ok()?;
    Some(std::fs::read_to_string(file).unwrap())
}
