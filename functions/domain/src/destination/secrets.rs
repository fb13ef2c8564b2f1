//! The secrets of a destination: encrypted when stored and listed, decrypted to make a request.
//!
//! All secrets of a destination are one ciphertext, so no part can be removed, replaced or mixed with an older one.

use serde::{Deserialize, Serialize};

use crate::destination::headers::ExtraHeaders;
use crate::destination::signature::{SigningSecret, SigningSecrets};
use crate::shared::encryption::{Decryptor, Encrypted, EncryptionContext, Vault};
use crate::shared::invalid::Invalid;
use crate::shared::timestamp::Timestamp;
use crate::shared::unavailable::{Result, Unavailable};

/// The encrypted secrets, and what may be known without decrypting them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedSecrets {
    /// The names of its extra headers, in order.
    pub header_names: Vec<String>,
    /// When the last of the previous signing secrets expires.
    pub previous_until: Option<Timestamp>,
    /// The secrets themselves.
    pub encrypted: Encrypted,
}

impl EncryptedSecrets {
    /// Decrypts them in the context in which they were encrypted.
    pub async fn decrypt(
        &self,
        context: &EncryptionContext<'_>,
        decryptor: &impl Decryptor,
    ) -> Result<DestinationSecrets> {
        let plaintext = decryptor.decrypt(context, &self.encrypted).await?;
        DestinationSecrets::parse(&plaintext)
            .map_err(|error| Unavailable::new("read a destination's secrets", error))
    }

    /// When the last of the previous signing secrets expires; `None` if all have.
    #[must_use]
    pub fn previous_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.previous_until.filter(|until| now < *until)
    }
}

/// The secrets, decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationSecrets {
    /// Extra headers, such as the customer's own authorization.
    pub headers: ExtraHeaders,
    /// The secrets that sign requests.
    pub signing: SigningSecrets,
}

/// The plaintext, as JSON.
#[derive(Serialize, Deserialize)]
struct Plaintext {
    headers: ExtraHeaders,
    secret: String,
    /// The previous secrets and when each expires, in milliseconds since the epoch.
    previous: Vec<(String, u64)>,
}

impl DestinationSecrets {
    /// Encrypts them for a destination, under a new data key.
    pub async fn encrypt(
        &self,
        context: &EncryptionContext<'_>,
        vault: &impl Vault,
    ) -> Result<EncryptedSecrets> {
        Ok(EncryptedSecrets {
            header_names: self.headers.iter().map(|(name, _)| name.to_owned()).collect(),
            previous_until: self.signing.previous.iter().map(|(_, until)| *until).max(),
            encrypted: vault.encrypt(context, &self.plaintext()).await?,
        })
    }

    fn plaintext(&self) -> Vec<u8> {
        let previous = self.signing.previous.iter();
        let plaintext = Plaintext {
            headers: self.headers.clone(),
            secret: self.signing.current.reveal(),
            previous: previous.map(|(secret, until)| (secret.reveal(), until.as_millis())).collect(),
        };
        serde_json::to_vec(&plaintext).unwrap_or_default() // our types always serialize
    }

    /// Reads the plaintext.
    ///
    /// # Errors
    /// Names a rule, never a value.
    fn parse(plaintext: &[u8]) -> Result<Self, Invalid> {
        let Plaintext { headers, secret, previous } = serde_json::from_slice(plaintext)
            // A serde error may quote a secret.
            .map_err(|_| Invalid::new("secrets", "must be JSON that Ringback wrote"))?;
        let previous = previous
            .into_iter()
            .map(|(secret, until)| Ok((SigningSecret::from_stored(&secret)?, Timestamp::from_millis(until))));
        let previous = previous.collect::<Result<_, Invalid>>()?;
        Ok(Self {
            headers,
            signing: SigningSecrets { current: SigningSecret::from_stored(&secret)?, previous },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::destination::record::Destination;
    use crate::testing::fakes::{PlaintextVault, sample};

    fn secrets() -> DestinationSecrets {
        let headers = BTreeMap::from([("Authorization".to_owned(), "Bearer hunter2".to_owned())]);
        let (new, until) = (SigningSecret::new([9; 32]), Timestamp::from_millis(5_000));
        let signing = sample::secrets().signing.rotate(new, until, Timestamp::from_millis(0)).unwrap();
        DestinationSecrets { headers: headers.try_into().unwrap(), signing }
    }

    async fn stored() -> Destination {
        let mut destination = sample::destination("dst_1");
        let encrypted = secrets().encrypt(&destination.encryption_context(), &PlaintextVault).await.unwrap();
        destination.secrets = encrypted;
        destination
    }

    #[tokio::test]
    async fn what_was_encrypted_is_decrypted_as_it_was() {
        let destination = stored().await;
        assert_eq!(destination.secrets.header_names, ["authorization"]);
        let until = |millis| destination.secrets.previous_until(Timestamp::from_millis(millis));
        assert_eq!((until(4_999), until(5_000)), (Some(Timestamp::from_millis(5_000)), None));
        assert_eq!(destination.decrypt_secrets(&PlaintextVault).await.unwrap(), secrets());
    }

    #[tokio::test]
    async fn neither_form_is_printed() {
        for printed in [format!("{:?}", secrets()), format!("{:?}", stored().await)] {
            assert!(!printed.contains("hunter2") && !printed.contains("whsec_"), "{printed}");
            assert!(printed.contains("authorization"), "{printed}");
        }
    }

    #[test]
    fn a_text_that_is_none_of_ours_is_not_quoted() {
        for text in
            [r#"{"headers":{},"secret":"hunter2","previous":[]}"#, r#"{"secret":"hunter2"}"#, "hunter2"]
        {
            let error = DestinationSecrets::parse(text.as_bytes()).err().unwrap().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
