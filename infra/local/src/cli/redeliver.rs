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
        let path = format!("/v1/destinations/{id}/recover");
        let since = self.since.at(Clock::system().now());
        let all = page_by_page(&api, &path, json!({"since": since, "dry_run": true}), |found| {
            output.progress(&format!("{found} deliveries to send again"))
        });
        let all = all.await?;
        let sent = page_by_page(&api, &path, json!({"since": since}), |sent| {
            output.progress(&format!("{sent} of {all} deliveries are sent again"))
        });
        let sent = sent.await?;
        output.progress("")?;
        let line = format!("{sent} deliveries since {since} are sent again");
        Ok(output.show(&json!({"destination_id": id, "since": since, "deliveries": sent}), &line)?)
    }
}

/// Repeats a request until the answer is complete; returns the number of deliveries.
async fn page_by_page(
    api: &Api,
    path: &str,
    mut request: Value,
    progress: impl Fn(u64) -> std::io::Result<()>,
) -> Result<u64, Error> {
    let mut deliveries = 0;
    loop {
        let page = api.post(path, &request).await?;
        deliveries += page["deliveries"].as_u64().unwrap_or_default();
        progress(deliveries)?;
        if page["next_cursor"].is_null() {
            return Ok(deliveries);
        }
        request["cursor"] = page["next_cursor"].clone();
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
