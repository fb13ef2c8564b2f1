//! Data keys from AWS KMS.

use std::sync::Arc;

use aws_sdk_kms::Client;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use bytes::Bytes;
use domain::shared::clock::Clock;
use domain::shared::encryption::{Decryptor, Vault};
use domain::shared::encryption::{Encrypted, EncryptionContext};
use domain::shared::randomness::Randomness;
use domain::shared::unavailable::{Result, Unavailable};
use zeroize::Zeroizing;

use super::cipher::{self, CipherError, Key};
use super::key_ring::KeyRing;

/// The variable that names the KMS key.
pub const SECRETS_KEY_ARN: &str = "SECRETS_KEY_ARN";

/// Opens what a [`KmsVault`] has sealed.
#[derive(Clone)]
pub struct KmsDecryptor {
    kms: Client,
    key_arn: String,
    opened: Arc<KeyRing>,
}

/// Seals with a new data key each time. So whoever rotates the KMS key or puts another in its place has its new material
/// in use from the next change of a destination on, and nothing of an older version fits into a newer one.
#[derive(Clone)]
pub struct KmsVault {
    decryptor: KmsDecryptor,
    randomness: Arc<dyn Randomness>,
}

/// What is stored does not open for its holder, and no second try will help.
#[derive(Debug, thiserror::Error)]
#[error("what is sealed for {context} does not open: {why}")]
struct Broken {
    context: String,
    why: &'static str,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

fn broken(
    of: &EncryptionContext<'_>,
    why: &'static str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Unavailable {
    Unavailable::new("open a secret", Broken { context: of.to_string(), why, cause: cause.into() })
}

impl KmsDecryptor {
    /// Over the KMS key of that ARN.
    #[must_use]
    pub fn new(kms: Client, key_arn: String, clock: Arc<dyn Clock>) -> Self {
        Self { kms, key_arn, opened: Arc::new(KeyRing::new(clock)) }
    }

    /// Asks KMS.
    async fn open_key(&self, of: &EncryptionContext<'_>, data_key: &Bytes) -> Result<Key> {
        let request = self
            .kms
            .decrypt()
            .key_id(&self.key_arn)
            .ciphertext_blob(Blob::new(&data_key[..]))
            .encryption_context("account", of.account())
            .encryption_context(of.kind(), of.id());
        let answer =
            request.send().await.map_err(|error| match error.into_service_error() {
                error @ (DecryptError::InvalidCiphertextException(_)
                | DecryptError::IncorrectKeyException(_)) => broken(of, "KMS refuses its data key", error),
                error => Unavailable::new("open a data key", error),
            })?;
        key(answer.plaintext)
    }
}

impl Decryptor for KmsDecryptor {
    async fn decrypt(&self, of: &EncryptionContext<'_>, sealed: &Encrypted) -> Result<Vec<u8>> {
        let name = (what_for(of), sealed.data_key.clone());
        let key = self.opened.get(name, self.open_key(of, &sealed.data_key)).await?;
        open_content(of, &key, sealed)
    }
}

impl KmsVault {
    /// Over what opens, and chance.
    #[must_use]
    pub fn new(decryptor: KmsDecryptor, randomness: Arc<dyn Randomness>) -> Self {
        Self { decryptor, randomness }
    }
}

impl Decryptor for KmsVault {
    async fn decrypt(&self, of: &EncryptionContext<'_>, sealed: &Encrypted) -> Result<Vec<u8>> {
        self.decryptor.decrypt(of, sealed).await
    }
}

impl Vault for KmsVault {
    async fn encrypt(&self, of: &EncryptionContext<'_>, text: &[u8]) -> Result<Encrypted> {
        let KmsDecryptor { kms, key_arn, .. } = &self.decryptor;
        let request = kms
            .generate_data_key()
            .key_id(key_arn)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context("account", of.account())
            .encryption_context(of.kind(), of.id());
        let answer = request.send().await;
        let answer =
            answer.map_err(|error| Unavailable::new("make a data key", error.into_service_error()))?;
        let data_key =
            answer.ciphertext_blob.ok_or_else(|| Unavailable::new("make a data key", "KMS gave none"))?;
        Ok(seal_content(of, &key(answer.plaintext)?, data_key, &*self.randomness, text))
    }
}

/// A key as KMS gives it out; what it came in is wiped.
fn key(plaintext: Option<Blob>) -> Result<Key> {
    let bytes = Zeroizing::new(plaintext.map(Blob::into_inner).unwrap_or_default());
    let key = <[u8; 32]>::try_from(&bytes[..]);
    key.map(Zeroizing::new).map_err(|_| Unavailable::new("read a data key", "it has not 256 bits"))
}

/// What a text is sealed together with. An array of JSON, so that no two holders are the same text.
fn what_for(of: &EncryptionContext<'_>) -> Vec<u8> {
    serde_json::json!([of.account(), of.kind(), of.id()]).to_string().into_bytes()
}

fn seal_content(
    of: &EncryptionContext<'_>,
    key: &Key,
    data_key: Blob,
    randomness: &dyn Randomness,
    text: &[u8],
) -> Encrypted {
    let content = cipher::seal(key, randomness, &what_for(of), text);
    Encrypted { data_key: data_key.into_inner().into(), content: content.into() }
}

fn open_content(of: &EncryptionContext<'_>, key: &Key, sealed: &Encrypted) -> Result<Vec<u8>> {
    cipher::open(key, &what_for(of), &sealed.content)
        .map_err(|error: CipherError| broken(of, "its text is not what was sealed for it", error))
}

#[cfg(test)]
mod tests {
    use domain::conversation::provider::Provider;
    use domain::shared::ids::{AccountId, DestinationId};

    use super::*;
    use crate::system::SystemRandomness;

    /// With the same data key for all, which KMS's context prevents: the second bolt holds by itself.
    #[test]
    fn a_text_opens_for_its_holder_and_for_no_other() {
        let account = |id| AccountId::parse(id).unwrap();
        let destination = |id| DestinationId::parse(id).unwrap();
        let (mine, other) = (account("acc_1"), account("acc_2"));
        let (first, second, twilio) = (destination("dst_1"), destination("dst_2"), destination("twilio"));
        let contexts = [
            EncryptionContext::destination(&mine, &first),
            EncryptionContext::destination(&mine, &second),
            EncryptionContext::destination(&other, &first),
            EncryptionContext::destination(&mine, &twilio),
            EncryptionContext::provider(&mine, Provider::Twilio),
            EncryptionContext::provider(&mine, Provider::Daily),
            EncryptionContext::provider(&other, Provider::Twilio),
        ];
        let key = Zeroizing::new([7; 32]);
        for sealed_for in &contexts {
            let sealed = seal_content(sealed_for, &key, Blob::new("blob"), &SystemRandomness, b"hunter2");
            for opened_for in &contexts {
                let opened = open_content(opened_for, &key, &sealed);
                assert_eq!(opened.is_ok(), opened_for == sealed_for, "{sealed_for} as {opened_for}");
            }
        }
    }

    #[test]
    fn an_error_names_the_holder_and_no_secret() {
        let (account, id) = (AccountId::parse("acc_1").unwrap(), DestinationId::parse("dst_1").unwrap());
        let of = EncryptionContext::destination(&account, &id);
        let sealed = Encrypted { data_key: Bytes::new(), content: Bytes::from("hunter2") };
        let error = open_content(&of, &Zeroizing::new([7; 32]), &sealed).unwrap_err();
        assert_eq!(
            format!("{error}: {}", error.causes()),
            "open a secret: what is sealed for destination dst_1 of acc_1 does not open: its text is not what was \
             sealed for it: it is sealed in no way that is known here"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
