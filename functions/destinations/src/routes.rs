//! Routes for destinations.

use std::time::Duration;

use adapters::http::problem::{Code, Problem};
use adapters::http::reply::Reply;
use adapters::http::request::Request;
use domain::destination::record::Destination;
use domain::destination::signature::SigningSecret;
use domain::destination::store::{DestinationStore, Destinations, HealthStore, Stored};
use domain::shared::ids::{AccountId, DestinationId};
use domain::shared::invalid::{Invalid, both};
use domain::shared::json::JsonObject;
use domain::shared::randomness::Seed;
use domain::shared::unavailable::{Saved, readable};
use futures_util::future::try_join;
use http::StatusCode;

use crate::Manage;
use crate::form::Form;
use crate::view::{DestinationList, DestinationView};

/// How long both secrets stay valid after a rotation, unless the caller says otherwise.
const DEFAULT_GRACE_HOURS: u64 = 24;

/// A week: any longer would not be a rotation.
const MAX_GRACE_HOURS: u64 = 7 * 24;

/// Conflicting writes of one destination until the caller is told to try again.
const MAX_CONFLICTS: usize = 8;

impl Manage {
    pub(crate) async fn create(
        &self,
        account: &AccountId,
        request: &Request,
        seed: &Seed,
    ) -> Result<Reply, Problem> {
        let mut fields: JsonObject = request.json()?;
        let secret = secret(&mut fields, seed);
        let (form, secret) = both(Form::parse_new(&fields, &self.addresses), secret)?;
        let others = readable(self.destinations.of_account(account).await?);
        let taken: Vec<_> = others.iter().map(|destination| destination.id.clone()).collect();
        let id = DestinationId::new(seed.bytes("destination"), &taken);
        let now = self.clock.now();
        let created = |destination: &Destination| {
            let view = DestinationView::new(destination, None, now).with_secret(&secret);
            Reply::json(StatusCode::CREATED, &view)
        };
        // This request made it, and its answer was lost.
        if let Some(made) = others.iter().find(|other| other.id == id) {
            return Ok(created(made));
        }
        let destination = form.create(account.clone(), id, secret.clone(), now, &self.vault).await?;
        check_unique(&destination, &others)?;
        match self.destinations.put(&destination, None).await? {
            Stored::Yes => {}
            // The id is new, so this refusal is of our own write, repeated because its answer was lost.
            Stored::Conflict if self.is_stored(&destination).await? => {}
            Stored::Conflict => return Err(conflict()),
            Stored::Same(other) => return Err(duplicate(&other)),
            Stored::TooMany => return Err(too_many_destinations()),
        }
        Ok(created(&destination))
    }

    pub(crate) async fn list(&self, account: &AccountId) -> Result<Reply, Problem> {
        let (destinations, health) =
            try_join(self.destinations.of_account(account), self.destinations.health_of_account(account))
                .await?;
        let mut destinations = readable(destinations);
        destinations.sort_by_key(|destination| destination.created_at);
        let health = health.into_iter().collect();
        Ok(Reply::json(StatusCode::OK, &DestinationList::new(&destinations, &health, self.clock.now())))
    }

    pub(crate) async fn show(&self, account: &AccountId, request: &Request) -> Result<Reply, Problem> {
        let destination = self.find(account, request).await?;
        self.reply(&destination, None).await
    }

    pub(crate) async fn change(&self, account: &AccountId, request: &Request) -> Result<Reply, Problem> {
        let fields: JsonObject = request.json()?;
        let changed = self.write(account, request, &Update::Fields(fields)).await?;
        self.reply(&changed, None).await
    }

    /// Sets a new secret, shown once. The previous one stays valid for a while, so that receivers have time to change.
    pub(crate) async fn rotate(
        &self,
        account: &AccountId,
        request: &Request,
        seed: &Seed,
    ) -> Result<Reply, Problem> {
        let mut fields: JsonObject = request.json_or_empty()?;
        let is_given = fields.require(&["secret"]).is_ok();
        let secret = secret(&mut fields, seed);
        let (secret, grace) = both(secret, grace(&fields))?;
        let change = Update::Secret { new: secret.clone(), is_given, grace };
        let changed = self.write(account, request, &change).await?;
        self.reply(&changed, Some(&secret)).await
    }

    /// A destination with its health, and with a secret that was just set.
    async fn reply(
        &self,
        destination: &Destination,
        secret: Option<&SigningSecret>,
    ) -> Result<Reply, Problem> {
        let health = self.destinations.health(&destination.account_id, &destination.id).await?;
        let view = DestinationView::new(destination, health, self.clock.now());
        let view = secret.into_iter().fold(view, DestinationView::with_secret);
        Ok(Reply::json(StatusCode::OK, &view))
    }

    /// Whether the store holds exactly this destination.
    async fn is_stored(&self, destination: &Destination) -> Result<bool, Problem> {
        let stored = self.destinations.get(&destination.account_id, &destination.id).await?;
        Ok(stored.as_ref() == Some(destination))
    }

    /// Optimistic retry: loads, changes and conditionally saves a destination; starts again after a conflict.
    async fn write(
        &self,
        account: &AccountId,
        request: &Request,
        change: &Update,
    ) -> Result<Destination, Problem> {
        for _ in 0..MAX_CONFLICTS {
            let loaded = self.find(account, request).await?;
            let changed = self.apply(change, loaded.clone()).await?;
            if matches!(change, Update::Fields(_)) {
                check_unique(&changed, &readable(self.destinations.of_account(account).await?))?;
            }
            match self.destinations.put(&changed, Some(&loaded)).await? {
                Stored::Yes => return Ok(changed),
                // Our own write, repeated because its answer was lost.
                Stored::Conflict if self.is_stored(&changed).await? => return Ok(changed),
                Stored::Same(other) => return Err(duplicate(&other)),
                Stored::Conflict | Stored::TooMany => {} // changed or deleted concurrently: load again
            }
        }
        Err(conflict())
    }

    async fn apply(&self, change: &Update, loaded: Destination) -> Result<Destination, Problem> {
        let now = self.clock.now();
        match change {
            Update::Fields(fields) => {
                Form::parse(fields, &self.addresses)?.change(loaded, now, &self.vault).await
            }
            Update::Secret { new, is_given, grace } => {
                let mut secrets = loaded.decrypt_secrets(&self.vault).await?;
                // This request set it, and its answer was lost.
                if !is_given && secrets.signing.active(now).any(|secret| secret == new) {
                    return Ok(loaded);
                }
                let mut changed = loaded.touched(now);
                let rotated = secrets.signing.rotate(new.clone(), now + *grace, now);
                secrets.signing = rotated.map_err(|_| too_many_secrets())?;
                changed.secrets = secrets.encrypt(&changed.encryption_context(), &self.vault).await?;
                Ok(changed)
            }
        }
    }

    pub(crate) async fn delete(&self, account: &AccountId, request: &Request) -> Result<Reply, Problem> {
        for _ in 0..MAX_CONFLICTS {
            let loaded = self.find(account, request).await?;
            if self.destinations.delete(&loaded).await? == Saved::Yes {
                return Ok(Reply::empty(StatusCode::NO_CONTENT));
            }
        }
        Err(conflict())
    }

    async fn find(&self, account: &AccountId, request: &Request) -> Result<Destination, Problem> {
        self.destinations.get(account, &id_of(request)?).await?.ok_or_else(not_found)
    }
}

/// Takes the caller's own secret out of the fields, or generates one.
fn secret(fields: &mut JsonObject, seed: &Seed) -> Result<SigningSecret, Invalid> {
    let given: Option<String> = fields.take("secret", SigningSecret::RULE)?;
    given.map_or_else(|| Ok(SigningSecret::new(seed.bytes("secret"))), |given| SigningSecret::parse(&given))
}

/// A change to a destination.
enum Update {
    /// Sets these fields.
    Fields(JsonObject),
    /// Signs with a new secret, and during `grace` with the previous one as well.
    Secret {
        new: SigningSecret,
        /// Whether the caller brought it; otherwise the request generated it.
        is_given: bool,
        grace: Duration,
    },
}

/// How long the previous secret stays valid: `grace_hours`, a day by default.
fn grace(fields: &JsonObject) -> Result<Duration, Invalid> {
    let rule = "must be a whole number of hours, 0 to 168";
    let hours: Result<Option<u64>, _> = fields.optional("grace_hours", rule);
    let hours = both(hours, fields.allow_only(&["grace_hours"]))?.0.unwrap_or(DEFAULT_GRACE_HOURS);
    if hours > MAX_GRACE_HOURS {
        return Err(Invalid::new("grace_hours", rule));
    }
    Ok(Duration::from_secs(hours * 60 * 60))
}

/// The id in the path. A malformed id gets the same answer as an unknown one.
fn id_of(request: &Request) -> Result<DestinationId, Problem> {
    DestinationId::parse(request.path("destination_id")).map_err(|_| not_found())
}

fn not_found() -> Problem {
    Problem::not_found("destination")
}

fn too_many_secrets() -> Problem {
    let detail = "A destination can have at most five valid secrets at once; rotate with \"grace_hours\": 0, or wait \
                  until one of them expires.";
    Problem::new(Code::TooManySecrets, detail)
}

fn too_many_destinations() -> Problem {
    let detail = "An account can have at most 100 destinations.";
    Problem::new(Code::TooManyDestinations, detail)
}

/// Refuses a destination that gets requests which another one gets, too. Where both are written at the same moment, the
/// store refuses one only if they want the same agents.
fn check_unique(destination: &Destination, others: &[Destination]) -> Result<(), Problem> {
    let other = others.iter().find(|other| destination.shares_requests(other));
    other.map_or(Ok(()), |other| Err(duplicate(&other.id)))
}

fn duplicate(other: &DestinationId) -> Problem {
    let detail = format!(
        "The destination {other} has the same URL, request type and events, and agents in common, so events would be sent \
         there twice."
    );
    Problem::new(Code::DuplicateDestination, detail)
}

fn conflict() -> Problem {
    Problem::new(Code::Conflict, "The destination is being changed by other requests; try again.")
}
