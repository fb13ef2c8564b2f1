//! What is secret of a destination: closed as it is stored and listed, open as it is sent with.
//!
//! Everything secret of a destination is one sealed text, so no part of it can be taken out, exchanged or mixed with an
//! older one.

use serde::{Deserialize, Serialize};

use crate::destination::headers::ExtraHeaders;
use crate::destination::record::Destination;
use crate::destination::signature::{Secrets, SigningSecret};
use crate::shared::encryption::{Holder, Opener, Sealed, Vault};
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// What everybody may know of it, and the rest sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The names of its extra headers, in order.
    pub header_names: Vec<String>,
    /// Until when a secret before the newest is good as well.
    pub previous_until: Option<Timestamp>,
    /// The rest.
    pub sealed: Sealed,
}

impl Closed {
    /// Until when a secret before the newest is good as well; `None` if none is any more.
    #[must_use]
    pub fn previous_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.previous_until.filter(|until| now < *until)
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Headers to send along, such as an authorization of the customer's own.
    pub headers: ExtraHeaders,
    /// What requests are signed with.
    pub secrets: Secrets,
}

/// The text that is sealed.
#[derive(Serialize, Deserialize)]
struct Text {
    headers: ExtraHeaders,
    secret: String,
    /// Those before, and until when each is good, in milliseconds.
    previous: Vec<(String, u64)>,
}

impl Open {
    /// As a text.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let previous = self.secrets.previous.iter();
        let text = Text {
            headers: self.headers.clone(),
            secret: self.secrets.current.reveal(),
            previous: previous.map(|(secret, until)| (secret.reveal(), until.as_millis())).collect(),
        };
        serde_json::to_vec(&text).unwrap_or_default() // our types always serialize
    }

    /// Reads the text.
    ///
    /// # Errors
    /// Names a rule, never a value.
    fn parse(text: &[u8]) -> Result<Self, Invalid> {
        let Text { headers, secret, previous } = serde_json::from_slice(text)
            // What serde says of it could quote a secret.
            .map_err(|_| Invalid::new("secrets", "must be what was sealed"))?;
        let previous = previous
            .into_iter()
            .map(|(secret, until)| Ok((SigningSecret::parse(&secret)?, Timestamp::from_millis(until))));
        let previous = previous.collect::<Result<_, Invalid>>()?;
        Ok(Self { headers, secrets: Secrets { current: SigningSecret::parse(&secret)?, previous } })
    }
}

impl<P> Destination<P> {
    fn holder(&self) -> Holder<'_> {
        Holder::destination(&self.account_id, &self.id)
    }
}

impl Destination<Closed> {
    /// The same with its secrets.
    pub async fn open(self, opener: &impl Opener) -> Result<Destination<Open>> {
        let text = opener.open(&self.holder(), &self.private.sealed).await?;
        let open =
            Open::parse(&text).map_err(|error| Unavailable::new("read a destination's secrets", error))?;
        Ok(self.with_private(open))
    }
}

impl Destination<Open> {
    /// The same with its secrets sealed, under a new key.
    pub async fn close(self, vault: &impl Vault) -> Result<Destination> {
        let sealed = vault.seal(&self.holder(), &self.private.text()).await?;
        Ok(self.sealed_as(sealed))
    }

    /// The same where [`Open::text`] was sealed as this.
    #[must_use]
    pub fn sealed_as(self, sealed: Sealed) -> Destination {
        let Open { headers, secrets } = &self.private;
        let closed = Closed {
            header_names: headers.iter().map(|(name, _)| name.to_owned()).collect(),
            previous_until: secrets.previous.iter().map(|(_, until)| *until).max(),
            sealed,
        };
        self.with_private(closed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::fakes::{GlassVault, sample};

    fn with_secrets() -> Destination<Open> {
        let mut destination = sample::open_destination("dst_1");
        let headers = BTreeMap::from([("Authorization".to_owned(), "Bearer hunter2".to_owned())]);
        destination.private.headers = headers.try_into().unwrap();
        let (new, until) = (SigningSecret::new([9; 32]), Timestamp::from_millis(5_000));
        destination.private.secrets =
            destination.private.secrets.rotate(new, until, Timestamp::from_millis(0)).unwrap();
        destination
    }

    #[tokio::test]
    async fn what_was_closed_opens_as_it_was() {
        let destination = with_secrets();
        let closed = destination.clone().close(&GlassVault).await.unwrap();
        assert_eq!(closed.private.header_names, ["authorization"]);
        let until = |millis| closed.private.previous_until(Timestamp::from_millis(millis));
        assert_eq!((until(4_999), until(5_000)), (Some(Timestamp::from_millis(5_000)), None));
        assert_eq!(closed.open(&GlassVault).await.unwrap(), destination);
    }

    #[tokio::test]
    async fn neither_form_is_printed() {
        let open = with_secrets();
        let closed = open.clone().close(&GlassVault).await.unwrap();
        for printed in [format!("{open:?}"), format!("{closed:?}")] {
            assert!(!printed.contains("hunter2") && !printed.contains("whsec_"), "{printed}");
            assert!(printed.contains("authorization"), "{printed}");
        }
    }

    #[test]
    fn a_text_that_is_none_of_ours_is_not_quoted() {
        for text in
            [r#"{"headers":{},"secret":"hunter2","previous":[]}"#, r#"{"secret":"hunter2"}"#, "hunter2"]
        {
            let error = Open::parse(text.as_bytes()).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
