//! The routes of destinations.

use adapters::http::{Reply, Request};
use adapters::problem::Problem;
use domain::destination::Destination;
use domain::ids::{AccountId, DestinationId};
use domain::ports::{DestinationStore, Destinations, Saved};
use domain::signature::SigningSecret;
use http::StatusCode;

use crate::Manage;
use crate::form::Form;
use crate::view::{List, View};

/// Destinations of one account: a fan-out reads all of them, and has to be done within its function's timeout.
const MAX_DESTINATIONS: usize = 100;

/// Writers of one destination that may get in between a read and its write before the caller has to try again.
const MAX_CONFLICTS: usize = 8;

impl Manage {
    pub(crate) async fn create(&self, account: &AccountId, request: &Request) -> Result<Reply, Problem> {
        let form = Form::parse(&request.json()?, self.addresses)?;
        if self.destinations.of_account(account).await?.len() >= MAX_DESTINATIONS {
            let detail = "An account has 100 destinations at the most.";
            return Err(Problem::new(StatusCode::CONFLICT, "too_many_destinations", detail));
        }
        let secret = SigningSecret::new(self.random());
        let id = DestinationId::new(self.random());
        let destination = form.create(account.clone(), id, secret.clone(), self.clock.now())?;
        match self.destinations.put(&destination, None).await? {
            Saved::Yes => Ok(Reply::json(StatusCode::CREATED, &View::new(&destination).with_secret(&secret))),
            Saved::Conflict | Saved::TooLarge => Err(contended()), // an id that chance gave out twice
        }
    }

    pub(crate) async fn list(&self, account: &AccountId) -> Result<Reply, Problem> {
        let destinations = self.destinations.of_account(account).await?;
        Ok(Reply::json(StatusCode::OK, &List::new(&destinations)))
    }

    pub(crate) async fn show(&self, account: &AccountId, request: &Request) -> Result<Reply, Problem> {
        let destination = self.find(account, request).await?;
        Ok(Reply::json(StatusCode::OK, &View::new(&destination)))
    }

    pub(crate) async fn change(&self, account: &AccountId, request: &Request) -> Result<Reply, Problem> {
        for _ in 0..MAX_CONFLICTS {
            let loaded = self.find(account, request).await?;
            let changed = Form::parse(&request.json()?, self.addresses)?.change(&loaded, self.clock.now());
            match self.destinations.put(&changed, Some(&loaded)).await? {
                Saved::Yes => return Ok(Reply::json(StatusCode::OK, &View::new(&changed))),
                Saved::Conflict | Saved::TooLarge => {} // changed or deleted in between: look again
            }
        }
        Err(contended())
    }

    pub(crate) async fn delete(&self, account: &AccountId, request: &Request) -> Result<Reply, Problem> {
        let id = id_of(request)?;
        if self.destinations.delete(account, &id).await? {
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        } else {
            Err(not_found())
        }
    }

    async fn find(&self, account: &AccountId, request: &Request) -> Result<Destination, Problem> {
        self.destinations.get(account, &id_of(request)?).await?.ok_or_else(not_found)
    }
}

/// A text that is no id names nothing, as does an id that nobody has.
fn id_of(request: &Request) -> Result<DestinationId, Problem> {
    DestinationId::parse(request.path("destination_id")).map_err(|_| not_found())
}

fn not_found() -> Problem {
    Problem::not_found("destination")
}

fn contended() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "conflict",
        "The destination is being changed by others; please try again.",
    )
}
