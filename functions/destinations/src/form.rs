//! Parses the fields of a destination. Each is checked separately, so that an error names it.

use std::collections::{BTreeMap, BTreeSet};

use adapters::http::problem::Problem;
use domain::destination::agents::AgentFilter;
use domain::destination::egress::EgressPolicy;
use domain::destination::headers::ExtraHeaders;
use domain::destination::record::{
    Destination, DestinationName, DestinationStatus, EventFilter, Format, Include, RequestType,
};
use domain::destination::retry::Retry;
use domain::destination::secrets::DestinationSecrets;
use domain::destination::signature::{SigningSecret, SigningSecrets};
use domain::destination::target_url::TargetUrl;
use domain::event::kind::EventKind;
use domain::shared::encryption::{EncryptionContext, Vault};
use domain::shared::ids::{AccountId, DestinationId};
use domain::shared::invalid::{Invalid, Mistakes, both};
use domain::shared::json::JsonObject;
use domain::shared::timestamp::Timestamp;
use serde::de::DeserializeOwned;

const FIELDS: [&str; 10] =
    ["name", "url", "request_type", "format", "retry", "status", "events", "include", "agent_ids", "headers"];

const TEXT: &str = "must be a string";

const EVENTS: &str = "must be an array of conversation.completed, conversation.disconnected, conversation.failed, \
                      destination.failing, destination.recovered, destination.disabled";

const HEADERS: &str = "must be an object of header names, each given once, and string values";

/// The fields that the caller gave. None of them accepts `null`.
pub(crate) struct Form {
    name: Option<DestinationName>,
    url: Option<TargetUrl>,
    request_type: Option<RequestType>,
    format: Option<Format>,
    retry: Option<Retry>,
    status: Option<DestinationStatus>,
    events: Option<EventFilter>,
    include: Option<BTreeSet<Include>>,
    agents: Option<AgentFilter>,
    headers: Option<ExtraHeaders>,
}

impl Form {
    /// Reads the fields of a new destination, of which name and URL are required.
    pub(crate) fn parse_new(fields: &JsonObject, addresses: &EgressPolicy) -> Result<Self, Invalid> {
        let required = fields.require(&["name", "url"]);
        Ok(both(required, Self::parse(fields, addresses))?.1)
    }

    pub(crate) fn parse(fields: &JsonObject, addresses: &EgressPolicy) -> Result<Self, Invalid> {
        let mut all = Mistakes::default();
        all.note(fields.allow_only(&FIELDS));
        /// A field's value, if it is given and has its type, or the mistake in it.
        fn read<G: DeserializeOwned, T>(
            fields: &JsonObject,
            name: &'static str,
            rule: &'static str,
            parse: impl FnOnce(G) -> Result<T, Invalid>,
        ) -> Result<Option<T>, Invalid> {
            fields.optional(name, rule)?.map(parse).transpose()
        }
        let form = Self {
            name: all
                .note(read(fields, "name", TEXT, |name: String| DestinationName::parse(&name)))
                .flatten(),
            url: all
                .note(read(fields, "url", TEXT, |url: String| TargetUrl::parse(&url, addresses)))
                .flatten(),
            request_type: all
                .note(fields.optional("request_type", "must be GET, POST, PATCH or PUT"))
                .flatten(),
            format: all.note(fields.optional("format", "must be form or json")).flatten(),
            retry: all.note(fields.optional("retry", "must be standard or extended")).flatten(),
            status: all.note(fields.optional("status", "must be enabled or disabled")).flatten(),
            events: all
                .note(read(fields, "events", EVENTS, |given: Vec<EventKind>| EventFilter::try_from(given)))
                .flatten(),
            include: all
                .note(fields.optional("include", "must be an array of conversation_metadata, or empty"))
                .flatten(),
            agents: all
                .note(read(fields, "agent_ids", AgentFilter::RULE, |given: Vec<String>| {
                    AgentFilter::try_from(given)
                }))
                .flatten(),
            headers: all.note(read(fields, "headers", HEADERS, read_headers)).flatten(),
        };
        all.none()?;
        Ok(form)
    }

    /// Creates a destination; name and URL are required.
    pub(crate) async fn create(
        self,
        account_id: AccountId,
        id: DestinationId,
        secret: SigningSecret,
        now: Timestamp,
        vault: &impl Vault,
    ) -> Result<Destination, Problem> {
        let missing = |field| Invalid::new(field, "is missing");
        let headers = self.headers.unwrap_or_default().unmask(&ExtraHeaders::default())?;
        let secrets = DestinationSecrets { headers, signing: SigningSecrets::new(secret) };
        let made = Destination {
            secrets: secrets.encrypt(&EncryptionContext::destination(&account_id, &id), vault).await?,
            account_id,
            id,
            name: self.name.ok_or_else(|| missing("name"))?,
            url: self.url.ok_or_else(|| missing("url"))?,
            request_type: self.request_type.unwrap_or(RequestType::Post),
            format: self.format.unwrap_or_default(),
            retry: self.retry.unwrap_or_default(),
            status: self.status.unwrap_or(DestinationStatus::Enabled),
            events: self.events.unwrap_or_default(),
            include: self.include.unwrap_or_default(),
            agents: self.agents.unwrap_or_default(),
            created_at: now,
            updated_at: now,
        };
        made.check()?;
        Ok(made)
    }

    /// Changes the given fields of a destination. Its secrets are decrypted only to change headers.
    pub(crate) async fn change(
        self,
        loaded: Destination,
        now: Timestamp,
        vault: &impl Vault,
    ) -> Result<Destination, Problem> {
        let moved = self.url.as_ref().is_some_and(|url| !url.has_origin_of(&loaded.url));
        let mut changed = loaded.touched(now);
        fn set<T>(field: &mut T, given: Option<T>) {
            if let Some(given) = given {
                *field = given;
            }
        }
        set(&mut changed.name, self.name);
        set(&mut changed.url, self.url);
        set(&mut changed.request_type, self.request_type);
        set(&mut changed.format, self.format);
        set(&mut changed.retry, self.retry);
        set(&mut changed.status, self.status);
        set(&mut changed.events, self.events);
        set(&mut changed.include, self.include);
        set(&mut changed.agents, self.agents);
        changed.check()?;
        let stored = &changed.secrets.header_names;
        if moved {
            // A value is the secret of the server that it was set for, and whoever changes the URL need not know it.
            require_values(self.headers.as_ref(), stored)?;
        }
        let Some(headers) = self.headers else { return Ok(changed) };
        let mut secrets = changed.decrypt_secrets(vault).await?;
        secrets.headers = headers.unmask(&secrets.headers)?;
        changed.secrets = secrets.encrypt(&changed.encryption_context(), vault).await?;
        Ok(changed)
    }
}

/// Refuses to keep stored values of headers, by their names.
fn require_values(given: Option<&ExtraHeaders>, stored: &[String]) -> Result<(), Invalid> {
    let kept: Vec<&str> = match given {
        Some(given) => given.masked().collect(),
        None => stored.iter().map(String::as_str).collect(),
    };
    if kept.is_empty() {
        return Ok(());
    }
    let rule = "must be given with their values again, because the URL's scheme, host or port changes";
    Err(Invalid::new("headers", format!("{rule}: {}", kept.join(", "))))
}

fn read_headers(given: JsonObject) -> Result<ExtraHeaders, Invalid> {
    let (mut headers, mut mistakes) = (BTreeMap::new(), Mistakes::default());
    for (name, value) in given {
        let value = serde_json::from_str::<String>(value.get());
        let value = value.map_err(|_| Invalid::new(format!("headers.{name}"), "must be a string"));
        headers.extend(mistakes.note(value).map(|value| (name, value)));
    }
    Ok(both(mistakes.none(), headers.try_into())?.1)
}
