//! `tail`: attempts as they happen, from the Delivery Logs.

use std::collections::HashMap;
use std::time::Duration;

use adapters::function::Error;
use clap::Args;
use domain::shared::timestamp::Timestamp;
use local::clock::Clock;
use serde_json::Value;

use super::api::Api;
use super::names::Names;
use super::output::{Color, Output};
use super::target::Target;

/// How often the Delivery Logs are read.
const EVERY: Duration = Duration::from_secs(1);

/// How old a delivery may be whose next attempt is shown: one that is deferred waits for up to a quarter of an hour.
const WINDOW: Duration = Duration::from_secs(20 * 60);

/// Pages of 100 deliveries that are read at a time, so that a busy account's log is not read whole each time.
const MAX_PAGES: usize = 10;

/// The statuses that are shown: all but `pending`. What was skipped is in the log for those who ask for it.
const STATUSES: &str = "&status=retrying&status=delivered&status=exhausted&status=skipped&status=cancelled";

/// How many attempts of before are shown first.
const BEFORE: usize = 10;

/// Arguments of `tail`.
#[derive(Args)]
pub(crate) struct Tail {
    #[command(flatten)]
    target: Target,
}

impl Tail {
    pub(crate) async fn run(self) -> Result<(), Error> {
        let api = self.target.api()?;
        let output = Output::new(self.target.json);
        let (mut seen, mut names) = (HashMap::new(), Names::default());
        let mut skipped = None;
        loop {
            let news = news(&api, &mut seen).await?;
            // The first time, everything is news.
            let skip = *skipped.get_or_insert(news.len().saturating_sub(BEFORE));
            for delivery in news.iter().skip(skip) {
                let destination = names.of(text(delivery, "destination_id"), &api).await;
                output.show(delivery, &line(delivery, &destination, output))?;
            }
            skipped = Some(0);
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// Deliveries with an attempt or a status that has not been seen, in the order of their last change.
async fn news(api: &Api, seen: &mut HashMap<String, Value>) -> Result<Vec<Value>, Error> {
    let from = Timestamp::from_millis(Clock::system().now_ms().saturating_sub(WINDOW.as_millis() as u64));
    let search = format!("/v1/deliveries?limit=100&from={from}{STATUSES}");
    let mut page = api.get(&search).await?;
    let (mut present, mut news) = (HashMap::new(), Vec::new());
    for _ in 0..MAX_PAGES {
        for delivery in page["deliveries"].as_array().into_iter().flatten() {
            let (id, change) = (text(delivery, "id").to_owned(), delivery["updated_at"].clone());
            let is_over = delivery["status"] != "pending";
            if is_over && seen.get(&id) != Some(&change) {
                news.push(delivery.clone());
            }
            if is_over {
                present.insert(id, change);
            }
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = api.get(&format!("{search}&cursor={cursor}")).await?;
    }
    *seen = present;
    news.sort_by(|one, other| text(one, "updated_at").cmp(text(other, "updated_at")));
    Ok(news)
}

fn line(delivery: &Value, destination: &str, output: Output) -> String {
    let result = match delivery["http_status"].as_u64() {
        Some(status) => format!("HTTP {status}"),
        None => text(delivery, "outcome").to_owned(),
    };
    let status = match text(delivery, "status") {
        "retrying" => format!("retry at {}", time(text(delivery, "next_attempt_at"))),
        status => status.to_owned(),
    };
    format!(
        "{}  {}  {} → {destination}  attempt {}  {}  {status}  {}",
        time(text(delivery, "updated_at")),
        output.paint(Color::Cyan, &format!("{:<25}", text(delivery, "event"))),
        text(delivery, "conversation_id"),
        delivery["attempts"],
        output.judge(delivery["outcome"] == "success", &result),
        text(delivery, "id"),
    )
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The time of day of an RFC 3339 time in UTC.
fn time(moment: &str) -> &str {
    moment.get(11..19).unwrap_or_default()
}
