//! `send`: conversations end, as the flows report it.

use std::time::Duration;

use adapters::function::Error;
use clap::Args;
use clap::builder::PossibleValuesParser;
use domain::conversation::provider::Provider;
use domain::shared::clock::Clock as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use local::clock::Clock;
use serde_json::{Value, json};

use super::api::Api;
use super::output::{Color, Output};
use super::provider::Callbacks;
use super::samples::{Ids, Request, kinds};
use super::target::Target;

/// How many conversations are sent at the same time, at most.
const AT_ONCE: usize = 16;

/// Arguments of `send`.
#[derive(Args)]
pub(crate) struct Send {
    /// What ends, and how
    #[arg(value_parser = PossibleValuesParser::new(kinds()))]
    kind: String,

    /// Set a field of the request, of a Daily webhook's payload, or a parameter of Twilio's; may be repeated
    #[arg(long, value_name = "FIELD=VALUE", value_parser = crate::parameter)]
    set: Vec<(String, String)>,

    /// How many conversations end
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: usize,

    /// How many a second, at most
    #[arg(long, value_name = "R", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,

    /// The secret that the account has set for the provider; if it has none, one is set
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,

    #[command(flatten)]
    target: Target,
}

impl Send {
    pub(crate) async fn run(self) -> Result<(), Error> {
        let api = self.target.api()?;
        let output = Output::new(self.target.json);
        let callbacks = match self.provider() {
            Some(provider) => Some(Callbacks::of(provider, self.secret.as_deref(), &api).await?),
            None => None,
        };
        let beats = tokio::time::interval(Duration::from_secs(1) / self.rate);
        let beats = stream::unfold(beats, |mut beats| async { Some((beats.tick().await, beats)) });
        let ends = beats.take(self.count).map(|_| self.end(&api, callbacks.as_ref()));
        let answers = ends.buffer_unordered(AT_ONCE);
        answers.try_for_each(async |answer| Ok(output.show(&answer, &self.line(&answer, output))?)).await
    }

    fn provider(&self) -> Option<Provider> {
        self.kind.split_once('-').and_then(|(provider, _)| provider.parse().ok())
    }

    /// Ends one conversation; returns its id with the last answer.
    async fn end(&self, api: &Api, callbacks: Option<&Callbacks>) -> Result<Value, Error> {
        let ids = Ids::new();
        let mut sent = json!({"kind": self.kind, "conversation_id": ids.conversation});
        if self.provider() == Some(Provider::Daily) {
            // Of a room, Daily does not know whose conversation it is.
            let path = format!("/v1/conversations/{}", ids.conversation);
            api.put(&path, &json!({"daily_room": ids.room})).await?;
        }
        let now = Clock::system().now();
        for request in Request::of(&self.kind, &ids, &self.set, now)? {
            let answer = match callbacks {
                Some(callbacks) => callbacks.send(&request, now, api).await?,
                None => api.post(&request.path, &serde_json::from_str(&request.body.text())?).await?,
            };
            if let (Value::Object(sent), Value::Object(answer)) = (&mut sent, answer) {
                sent.extend(answer);
            }
        }
        Ok(sent)
    }

    fn line(&self, sent: &Value, output: Output) -> String {
        let text = |name: &str| sent[name].as_str().unwrap_or_default();
        let conversation = text("conversation_id");
        match self.provider() {
            None => {
                format!("{}  {conversation}  {}", output.paint(Color::Cyan, text("event")), text("event_id"))
            }
            Some(_) => format!(
                "{}  {conversation}  {}: its event leaves once the end has settled, after some ten seconds",
                output.paint(Color::Cyan, &self.kind),
                text("result"),
            ),
        }
    }
}
