//! Destinations as the API shows them: everything but their secrets.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::destination::agents::AgentFilter;
use domain::destination::headers::ExtraHeaders;
use domain::destination::health::{Health, HealthState};
use domain::destination::record::{
    Destination, DestinationName, DestinationStatus, EventFilter, Format, Include, RequestType,
};
use domain::destination::retry::Retry;
use domain::destination::signature::SigningSecret;
use domain::shared::ids::DestinationId;
use domain::shared::timestamp::Timestamp;
use serde::Serialize;

/// All destinations of an account.
#[derive(Serialize)]
pub(crate) struct DestinationList<'a> {
    destinations: Vec<DestinationView<'a>>,
}

/// How a destination fares.
#[derive(Serialize)]
struct HealthView {
    state: HealthState,
    since: Timestamp,
    consecutive_failures: u32,
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    /// Why Ringback disabled the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Health> for HealthView {
    fn from(health: Health) -> Self {
        let Health { state, since, consecutive_failures, last_success_at, last_failure_at, reason, .. } =
            health;
        Self { state, since, consecutive_failures, last_success_at, last_failure_at, reason }
    }
}

/// One destination.
#[derive(Serialize)]
pub(crate) struct DestinationView<'a> {
    id: &'a DestinationId,
    name: &'a DestinationName,
    url: &'a str,
    request_type: RequestType,
    format: Format,
    retry: Retry,
    status: DestinationStatus,
    events: &'a EventFilter,
    include: &'a BTreeSet<Include>,
    agent_ids: &'a AgentFilter,
    headers: BTreeMap<&'a str, &'static str>,
    health: HealthView,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Until this time, requests are signed with the previous secret as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_expires_at: Option<Timestamp>,
    /// Shown only when the secret is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl<'a> DestinationList<'a> {
    pub(crate) fn new(
        destinations: &'a [Destination],
        health: &HashMap<String, Health>,
        now: Timestamp,
    ) -> Self {
        let view = |destination: &'a Destination| {
            DestinationView::new(destination, health.get(destination.id.as_str()).cloned(), now)
        };
        Self { destinations: destinations.iter().map(view).collect() }
    }
}

impl<'a> DestinationView<'a> {
    pub(crate) fn new(destination: &'a Destination, health: Option<Health>, now: Timestamp) -> Self {
        let headers = &destination.secrets.header_names;
        Self {
            id: &destination.id,
            name: &destination.name,
            url: destination.url.as_url().as_str(),
            request_type: destination.request_type,
            format: destination.format,
            retry: destination.retry,
            status: destination.status,
            events: &destination.events,
            include: &destination.include,
            agent_ids: &destination.agents,
            headers: headers.iter().map(|name| (name.as_str(), ExtraHeaders::MASK)).collect(),
            health: health.unwrap_or_else(|| Health::of_new(destination)).into(),
            created_at: destination.created_at,
            updated_at: destination.updated_at,
            previous_secret_expires_at: destination.secrets.previous_until(now),
            secret: None,
        }
    }

    pub(crate) fn with_secret(mut self, secret: &SigningSecret) -> Self {
        self.secret = Some(secret.reveal());
        self
    }
}
