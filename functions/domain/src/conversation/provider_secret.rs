//! The secrets that providers sign their callbacks with.

use std::fmt;
use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::conversation::provider::Provider;
use crate::shared::ids::AccountId;
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::Result;

/// Characters of a token, and bytes of a key, below which a secret can be guessed by trying.
const MIN_LENGTH: usize = 16;

/// Most characters of a secret.
const MAX_CHARS: usize = 256;

/// The secret that a provider signs its callbacks to one account with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderSecret(String);

impl ProviderSecret {
    /// Accepts a Twilio auth token as it is, and a Daily `hmac` secret, which is base64.
    ///
    /// # Errors
    /// Names the rule, never the value.
    pub fn parse(provider: Provider, text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let (fits, rule) = match provider {
            Provider::Twilio => (
                (MIN_LENGTH..=MAX_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
                "must be the auth token of your Twilio account: 16 to 256 characters, no spaces",
            ),
            Provider::Daily => (
                text.len() <= MAX_CHARS && STANDARD.decode(&text).is_ok_and(|key| key.len() >= MIN_LENGTH),
                "must be the hmac secret of your Daily webhook: the base64 of 16 bytes or more, at most 256 characters",
            ),
        };
        if fits { Ok(Self(text)) } else { Err(Invalid::new("secret", rule)) }
    }

    /// The secret as it was given, for storage and to verify with.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderSecret")
    }
}

/// Looks up the secrets that providers sign their callbacks with.
pub trait ProviderSecrets: Send + Sync {
    /// An account's secret for a provider.
    fn get(
        &self,
        account: &AccountId,
        provider: Provider,
    ) -> impl Future<Output = Result<Option<ProviderSecret>>> + Send;
}

/// Stores the secrets that providers sign their callbacks with, and reveals none.
pub trait ProviderSecretStore: Send + Sync {
    /// Stores a secret, or replaces the one before.
    fn put(
        &self,
        account: &AccountId,
        provider: Provider,
        secret: &ProviderSecret,
        at: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Deletes a secret; false if there was none.
    fn delete(&self, account: &AccountId, provider: Provider) -> impl Future<Output = Result<bool>> + Send;

    /// The providers that an account has a secret for, and since when.
    fn list(&self, account: &AccountId) -> impl Future<Output = Result<Vec<(Provider, Timestamp)>>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_checked_and_never_printed() {
        let corpus = include_str!("../../../../tests/corpus/hostile/provider-secrets.txt");
        for line in corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let [provider, text, expected] = line.split(" | ").collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let text: String = serde_json::from_str(text).unwrap();
            match ProviderSecret::parse(provider.parse().unwrap(), &text) {
                Ok(secret) => {
                    assert_eq!(expected, "taken", "{line}");
                    assert_eq!((secret.reveal(), format!("{secret:?}").as_str()), (&*text, "ProviderSecret"));
                }
                Err(wrong) => {
                    assert_eq!((expected, &*wrong.field), ("refused", "secret"), "{line}");
                    assert!(text.is_empty() || !wrong.to_string().contains(&text), "{wrong}");
                }
            }
        }
    }
}
