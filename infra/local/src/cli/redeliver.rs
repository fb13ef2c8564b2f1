//! `resend` and `recover`: what a destination has not received is sent again.

use std::time::Duration;

use adapters::function::Error;
use clap::Args;
use domain::shared::clock::Clock as _;
use domain::shared::timestamp::Timestamp;
use local::clock::Clock;
use serde_json::{Value, json};

use super::api::Api;
use super::output::Output;
use super::target::Target;

/// How often a recovery's progress is read.
const REFRESH_EVERY: Duration = Duration::from_millis(500);

/// The width of its bar.
const BAR: u64 = 24;

/// Arguments of `resend`.
#[derive(Args)]
pub(crate) struct Resend {
    /// The delivery's id, as `tail` shows it
    delivery: String,

    #[command(flatten)]
    target: Target,
}

impl Resend {
    pub(crate) async fn run(self) -> Result<(), Error> {
        let sent =
            self.target.api()?.post(&format!("/v1/deliveries/{}/resend", self.delivery), &json!({})).await?;
        let text = |name: &str| sent[name].as_str().unwrap_or_default().to_owned();
        let line = format!("{} is sent again, in delivery {}", text("event_id"), text("delivery_id"));
        Ok(Output::new(self.target.json).show(&sent, &line)?)
    }
}

/// Arguments of `recover`.
#[derive(Args)]
pub(crate) struct Recover {
    /// The destination's id or name
    destination: String,

    /// Deliveries made since then, such as 1h, 30m, 2d, or 2026-09-01T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    since: Since,

    #[command(flatten)]
    target: Target,
}

/// A time that is said by how long ago it is, or in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Ago(Duration),
    At(Timestamp),
}

impl Since {
    fn parse(text: &str) -> Result<Self, String> {
        let ago = || {
            let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 60 * 60,
                "d" => 24 * 60 * 60,
                _ => return None,
            };
            Some(Self::Ago(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?)))
        };
        let at = || Timestamp::parse(text).map(Self::At);
        ago().or_else(at).ok_or_else(|| "must be like 1h, 30m, 2d, or 2026-09-01T10:00:00Z".to_owned())
    }

    fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => Timestamp::from_millis(
                now.since(Timestamp::from_millis(0)).saturating_sub(ago).as_millis() as u64,
            ),
        }
    }
}

impl Recover {
    pub(crate) async fn run(self) -> Result<(), Error> {
        let api = self.target.api()?;
        let output = Output::new(self.target.json);
        let id = find(&api, &self.destination).await?;
        let since = self.since.at(Clock::system().now());
        let mut recovery =
            api.post(&format!("/v1/destinations/{id}/recover"), &json!({"since": since})).await?;
        let path = format!("/v1/recoveries/{}", recovery["id"].as_str().unwrap_or_default());
        while recovery["state"] != "done" && recovery["state"] != "stopped" {
            output.progress(&Progress::of(&recovery).bar())?;
            tokio::time::sleep(REFRESH_EVERY).await;
            recovery = api.get(&path).await?;
        }
        output.progress("")?;
        let Progress { found, delivered, failed } = Progress::of(&recovery);
        let line = format!(
            "of {found} deliveries since {since}, {delivered} are delivered and {failed} failed again"
        );
        Ok(output.show(&recovery, &line)?)
    }
}

/// How far a recovery is.
struct Progress {
    found: u64,
    delivered: u64,
    failed: u64,
}

impl Progress {
    fn of(recovery: &Value) -> Self {
        let count = |name: &str| recovery[name].as_u64().unwrap_or_default();
        Self { found: count("found"), delivered: count("delivered"), failed: count("failed") }
    }

    /// A line such as `[######------------------] 25 of 100 delivered, 1 failed`.
    fn bar(&self) -> String {
        let Self { found, delivered, failed } = self;
        let full = (delivered + failed) * BAR / (*found).max(1);
        let bar: String = (0..BAR).map(|at| if at < full { '#' } else { '-' }).collect();
        format!("[{bar}] {delivered} of {found} delivered, {failed} failed")
    }
}

/// The id of the destination with this id or name.
async fn find(api: &Api, wanted: &str) -> Result<String, Error> {
    let list = api.get("/v1/destinations").await?;
    let all = list["destinations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found: Vec<_> = all
        .iter()
        .filter(|one| one["id"] == wanted || one["name"] == wanted)
        .filter_map(|one| one["id"].as_str())
        .collect();
    match found[..] {
        [id] => Ok(id.to_owned()),
        [] => Err(format!("there is no destination with the id or name {wanted:?}").into()),
        _ => {
            Err(format!("several destinations are named {wanted:?}; give an id: {}", found.join(", ")).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_what_has_ended() {
        let bar = |found, delivered, failed| Progress { found, delivered, failed }.bar();
        assert_eq!(bar(100, 24, 1), "[######------------------] 24 of 100 delivered, 1 failed");
        assert_eq!(bar(0, 0, 0), "[------------------------] 0 of 0 delivered, 0 failed");
        assert_eq!(bar(3, 3, 0), "[########################] 3 of 3 delivered, 0 failed");
    }

    #[test]
    fn a_time_is_how_long_ago_or_a_moment() {
        let now = Timestamp::parse("2026-09-01T10:00:00Z").unwrap();
        for (text, expected) in [
            ("90s", "2026-09-01T09:58:30.000Z"),
            ("30m", "2026-09-01T09:30:00.000Z"),
            ("1h", "2026-09-01T09:00:00.000Z"),
            ("2d", "2026-08-30T10:00:00.000Z"),
            ("999999d", "1970-01-01T00:00:00.000Z"),
            ("2026-09-01T08:00:00+02:00", "2026-09-01T06:00:00.000Z"),
        ] {
            assert_eq!(Since::parse(text).unwrap().at(now).to_string(), expected, "{text}");
        }
        for text in ["", "h", "1", "1w", "-1h", "1 h", "yesterday", "é"] {
            assert!(Since::parse(text).is_err(), "{text}");
        }
    }
}
