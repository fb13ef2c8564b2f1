//! `listen`: a destination that forwards its webhooks to a plain http server on this machine.

use std::net::Ipv4Addr;
use std::sync::Arc;

use adapters::function::Error;
use clap::Args;
use local::https;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::api::Api;
use super::forward::Forward;
use super::output::{Color, Output};
use super::target::Target;
use crate::shutdown_signal;

/// The most characters that a destination's name has.
const MAX_NAME: usize = 100;

/// Arguments of `listen`.
#[derive(Args)]
pub(crate) struct Listen {
    /// Your server, such as http://localhost:3000/webhooks
    #[arg(value_name = "URL", value_parser = server)]
    server: Url,

    /// How webhooks are sent: POST, PATCH, PUT or GET
    #[arg(long, value_name = "TYPE", default_value = "POST")]
    request_type: String,

    /// The body: form or json
    #[arg(long, value_name = "FORMAT", default_value = "form")]
    format: String,

    /// The events to receive, separated by commas; without it, all
    #[arg(long, value_name = "EVENTS", value_delimiter = ',')]
    events: Vec<String>,

    #[command(flatten)]
    target: Target,
}

/// Parses the server's URL.
fn server(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "http" && url.has_host());
    url.ok_or_else(|| "must be like http://localhost:3000/webhooks".to_owned())
}

impl Listen {
    pub(crate) async fn run(self) -> Result<(), Error> {
        let (api, identity) = self.target.local()?;
        let output = Output::new(self.target.json);
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let mut url = Url::parse(&format!("https://localhost:{}", address.port()))?;
        url.set_path(self.server.path());
        url.set_query(self.server.query());
        let forward = Arc::new(Forward::to(&self.server, address, output)?);
        let tls = identity.server_config()?;
        // Served before the destination is there, and stopped by the end of this function.
        let server = https::serve(socket, tls, move |request| Arc::clone(&forward).answer(request));
        tokio::select! {
            result = self.until_stopped(&api, url.as_str(), output) => result,
            () = server => Ok(()),
        }
    }

    /// Keeps the destination until Ctrl-C or SIGTERM.
    async fn until_stopped(&self, api: &Api, url: &str, output: Output) -> Result<(), Error> {
        let stopped = shutdown_signal()?;
        let name: String = format!("listen {}", self.server).chars().take(MAX_NAME).collect();
        remove_left(api, &name).await?;
        let mut destination =
            json!({"name": name, "url": url, "request_type": self.request_type, "format": self.format});
        if !self.events.is_empty() {
            destination["events"] = json!(self.events);
        }
        let created = api.post("/v1/destinations", &destination).await?;
        let id = created["id"].as_str().unwrap_or_default().to_owned();
        let shown = self.show(&created, output);
        if shown.is_ok() {
            stopped.await;
        }
        api.delete(&format!("/v1/destinations/{id}")).await?;
        Ok(shown?)
    }

    fn show(&self, created: &Value, output: Output) -> std::io::Result<()> {
        let text = |name: &str| created[name].as_str().unwrap_or_default();
        let started = json!({"listening": self.server.as_str(), "destination_id": text("id"), "secret": text("secret")});
        let lines = format!(
            "Webhooks are forwarded to {}. Press Ctrl-C to stop it.\n\n  Secret       {}  (your server verifies signatures with it)\n  Destination  {}\n",
            self.server,
            output.paint(Color::Yellow, text("secret")),
            text("id"),
        );
        output.show(&started, &lines)
    }
}

/// Deletes what a `listen` for the same server has left that was killed.
async fn remove_left(api: &Api, name: &str) -> Result<(), Error> {
    let list = api.get("/v1/destinations").await?;
    for one in list["destinations"].as_array().into_iter().flatten() {
        let is_here = one["url"].as_str().is_some_and(|url| url.starts_with("https://localhost:"));
        if let Some(id) = one["id"].as_str()
            && is_here
            && one["name"] == name
        {
            api.delete(&format!("/v1/destinations/{id}")).await?;
        }
    }
    Ok(())
}
