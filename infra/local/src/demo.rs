//! The demo that each start sets up: an account, an API key, a destination and a sample event.

use std::path::Path;

use adapters::function::Error;
use local::stack::Stack;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The sample event that every start sends.
const SAMPLE: &str = include_str!("../../../events/ingest/conversation-completed.json");

/// The sample request that creates a destination.
const DESTINATION: &str = include_str!("../../../events/destinations/create-destination.json");

/// The path at which the receiver gets the demo's events.
const PATH: &str = "/conversations";

/// A file beside the data that keeps the key and the secret: the API shows them only once, also to this program.
const FILE: &str = "demo.json";

/// The demo's account and its credentials.
#[derive(Serialize, Deserialize)]
pub(crate) struct Demo {
    pub(crate) account_id: String,
    /// Has every scope.
    pub(crate) api_key: String,
    secret: String,
}

/// Creates the demo's account, key and destination, or reads them from the data directory.
pub(crate) async fn set_up(stack: &Stack, data: Option<&Path>) -> Result<Demo, Error> {
    let file = data.map(|data| data.join(FILE));
    let demo = match &file {
        Some(file) if file.try_exists()? => serde_json::from_slice(&std::fs::read(file)?)?,
        _ => create(stack).await?,
    };
    if let Some(file) = file {
        local::private::write(&file, &serde_json::to_vec_pretty(&demo)?)?;
    }
    stack.receiver.trust(PATH, &demo.secret)?;
    Ok(demo)
}

async fn create(stack: &Stack) -> Result<Demo, Error> {
    let (account_id, api_key) = stack.create_account("Demo").await?;
    let body = json!({"name": "Example receiver", "url": stack.receiver.url(PATH)});
    let created = invoke(stack, "Destinations", DESTINATION, &api_key, &body).await?;
    let secret = created["secret"].as_str().ok_or("the new destination has no secret")?.to_owned();
    Ok(Demo { account_id, api_key, secret })
}

impl Demo {
    /// Ends the sample's conversation. A conversation ends only once, so each start uses a new id.
    pub(crate) async fn send_sample(&self, stack: &Stack) -> Result<(), Error> {
        let sample: Value = serde_json::from_str(SAMPLE)?;
        let mut record: Value = serde_json::from_str(sample["body"].as_str().unwrap_or_default())?;
        record["conversation_id"] = uuid::Uuid::new_v4().to_string().into();
        invoke(stack, "Ingest", SAMPLE, &self.api_key, &record).await?;
        Ok(())
    }
}

/// Invokes a function with a sample event whose key and body are replaced by these.
async fn invoke(
    stack: &Stack,
    function: &str,
    sample: &str,
    api_key: &str,
    body: &Value,
) -> Result<Value, Error> {
    let mut event: Value = serde_json::from_str(sample)?;
    event["headers"]["x-api-key"] = api_key.into();
    event["body"] = body.to_string().into();
    let answer = stack.invoke(function, &event).await?;
    let text = answer["body"].as_str().unwrap_or_default();
    match answer["statusCode"].as_u64() {
        Some(200..=299) => Ok(serde_json::from_str(text)?),
        _ => Err(format!("{function} refused a sample event: {text}").into()),
    }
}
