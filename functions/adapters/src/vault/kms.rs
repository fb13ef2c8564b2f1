//! Encryption with data keys from AWS KMS.

use std::sync::Arc;

use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use bytes::Bytes;
use domain::shared::clock::Clock;
use domain::shared::encryption::{Decryptor, Encrypted, EncryptionContext, Vault};
use domain::shared::randomness::Randomness;
use domain::shared::unavailable::{Result, Unavailable};
use zeroize::Zeroizing;

use super::cipher::{self, CipherError, Key};
use super::key_ring::KeyRing;
use crate::aws::Kms;

/// The variable that names the KMS key.
pub const SECRETS_KEY_ARN: &str = "SECRETS_KEY_ARN";

/// Decrypts what a [`KmsVault`] has encrypted.
#[derive(Clone)]
pub struct KmsDecryptor {
    kms: Kms,
    key_arn: String,
    key_ring: Arc<KeyRing>,
}

/// Encrypts with a new data key each time. So after the KMS key is rotated or replaced, the next change of a
/// destination uses the new key material, and no part of an older version fits into a newer one.
#[derive(Clone)]
pub struct KmsVault {
    decryptor: KmsDecryptor,
    randomness: Arc<dyn Randomness>,
}

/// A stored secret cannot be decrypted for its context, and no retry will help.
#[derive(Debug, thiserror::Error)]
#[error("the secrets of {context} cannot be decrypted: {why}")]
struct Undecryptable {
    context: String,
    why: &'static str,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
}

fn undecryptable(
    context: &EncryptionContext<'_>,
    why: &'static str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Unavailable {
    Unavailable::new(
        "decrypt a secret",
        Undecryptable { context: context.to_string(), why, cause: cause.into() },
    )
}

impl KmsDecryptor {
    /// Creates the decryptor for the KMS key with this ARN.
    #[must_use]
    pub fn new(kms: Kms, key_arn: String, clock: Arc<dyn Clock>) -> Self {
        Self { kms, key_arn, key_ring: Arc::new(KeyRing::new(clock)) }
    }

    /// Decrypts a data key, or takes it from the cache.
    async fn key_of(&self, context: &EncryptionContext<'_>, data_key: &Bytes) -> Result<Key> {
        let id = (associated_data(context), data_key.clone());
        self.key_ring.get(id, self.decrypt_key(context, data_key)).await
    }

    /// Has KMS decrypt a data key.
    async fn decrypt_key(&self, context: &EncryptionContext<'_>, data_key: &Bytes) -> Result<Key> {
        let request = self
            .kms
            .decrypt()
            .key_id(&self.key_arn)
            .ciphertext_blob(Blob::new(&data_key[..]))
            .encryption_context("account", context.account())
            .encryption_context(context.kind(), context.id());
        let response = request.send().await.map_err(|error| match error.into_service_error() {
            error
            @ (DecryptError::InvalidCiphertextException(_) | DecryptError::IncorrectKeyException(_)) => {
                undecryptable(context, "KMS rejected the data key", error)
            }
            error => Unavailable::new("decrypt a data key", error),
        })?;
        key(response.plaintext)
    }
}

impl Decryptor for KmsDecryptor {
    async fn decrypt(&self, context: &EncryptionContext<'_>, encrypted: &Encrypted) -> Result<Vec<u8>> {
        let key = self.key_of(context, &encrypted.data_key).await?;
        decrypt_content(context, &key, &encrypted.content)
    }
}

impl KmsVault {
    /// Creates the vault from its decryptor and a source of randomness.
    #[must_use]
    pub fn new(decryptor: KmsDecryptor, randomness: Arc<dyn Randomness>) -> Self {
        Self { decryptor, randomness }
    }
}

impl Decryptor for KmsVault {
    async fn decrypt(&self, context: &EncryptionContext<'_>, encrypted: &Encrypted) -> Result<Vec<u8>> {
        self.decryptor.decrypt(context, encrypted).await
    }
}

impl KmsVault {
    /// Generates a data key. Returns it, and its encrypted form, to be stored.
    pub(crate) async fn new_key(&self, context: &EncryptionContext<'_>) -> Result<(Key, Bytes)> {
        let KmsDecryptor { kms, key_arn, .. } = &self.decryptor;
        let request = kms
            .generate_data_key()
            .key_id(key_arn)
            .key_spec(DataKeySpec::Aes256)
            .encryption_context("account", context.account())
            .encryption_context(context.kind(), context.id());
        let response = request.send().await;
        let response =
            response.map_err(|error| Unavailable::new("generate a data key", error.into_service_error()))?;
        let data_key = response
            .ciphertext_blob
            .ok_or_else(|| Unavailable::new("generate a data key", "KMS returned none"))?;
        Ok((key(response.plaintext)?, data_key.into_inner().into()))
    }

    /// Decrypts a stored data key.
    pub(crate) async fn key_of(&self, context: &EncryptionContext<'_>, data_key: &Bytes) -> Result<Key> {
        self.decryptor.key_of(context, data_key).await
    }
}

impl Vault for KmsVault {
    async fn encrypt(&self, context: &EncryptionContext<'_>, text: &[u8]) -> Result<Encrypted> {
        let (key, data_key) = self.new_key(context).await?;
        let content = encrypt_content(context, &key, &*self.randomness, text);
        Ok(Encrypted { data_key, content })
    }
}

/// Converts a plaintext key from KMS, and erases its buffer.
fn key(plaintext: Option<Blob>) -> Result<Key> {
    let bytes = Zeroizing::new(plaintext.map(Blob::into_inner).unwrap_or_default());
    let key = <[u8; 32]>::try_from(&bytes[..]);
    key.map(Zeroizing::new).map_err(|_| Unavailable::new("read a data key", "it does not have 256 bits"))
}

/// A context as AES-GCM's associated data. A JSON array, so that no two contexts give the same bytes.
fn associated_data(context: &EncryptionContext<'_>) -> Vec<u8> {
    serde_json::json!([context.account(), context.kind(), context.id()]).to_string().into_bytes()
}

/// Encrypts a text in its context under a data key.
pub(crate) fn encrypt_content(
    context: &EncryptionContext<'_>,
    key: &Key,
    randomness: &dyn Randomness,
    text: &[u8],
) -> Bytes {
    cipher::encrypt(key, randomness, &associated_data(context), text).into()
}

/// Decrypts a text that was encrypted in this context under this data key.
pub(crate) fn decrypt_content(context: &EncryptionContext<'_>, key: &Key, content: &[u8]) -> Result<Vec<u8>> {
    cipher::decrypt(key, &associated_data(context), content)
        .map_err(|error: CipherError| undecryptable(context, "the stored text is not valid", error))
}

#[cfg(test)]
mod tests {
    use domain::conversation::provider::Provider;
    use domain::shared::ids::{AccountId, DestinationId};

    use super::*;
    use crate::system::SystemRandomness;

    /// All texts share a data key here, which KMS would prevent: the context in AES-GCM suffices by itself.
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
            EncryptionContext::answer(&mine, "twilio"),
        ];
        let key = Zeroizing::new([7; 32]);
        for owner in &contexts {
            let content = encrypt_content(owner, &key, &SystemRandomness, b"hunter2");
            for reader in &contexts {
                let decrypted = decrypt_content(reader, &key, &content);
                assert_eq!(decrypted.is_ok(), reader == owner, "{owner} as {reader}");
            }
        }
    }

    #[test]
    fn an_error_names_the_holder_and_no_secret() {
        let (account, id) = (AccountId::parse("acc_1").unwrap(), DestinationId::parse("dst_1").unwrap());
        let context = EncryptionContext::destination(&account, &id);
        let error = decrypt_content(&context, &Zeroizing::new([7; 32]), b"hunter2").unwrap_err();
        assert_eq!(
            format!("{error}: {}", error.causes()),
            "decrypt a secret: the secrets of destination dst_1 of acc_1 cannot be decrypted: the stored text is not \
             valid: its version is unknown"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
