//! A vault that encrypts nothing.

use bytes::Bytes;

use crate::shared::encryption::{Decryptor, Encrypted, EncryptionContext, Vault};
use crate::shared::unavailable::{Result, Unavailable};

/// Stores plaintext, but returns it only for the context it was encrypted for.
#[derive(Clone, Copy, Default)]
pub struct PlaintextVault;

impl Decryptor for PlaintextVault {
    async fn decrypt(&self, of: &EncryptionContext<'_>, encrypted: &Encrypted) -> Result<Vec<u8>> {
        if encrypted.data_key == of.to_string().as_bytes() {
            Ok(encrypted.content.to_vec())
        } else {
            Err(Unavailable::new("decrypt a secret", format!("it was not encrypted for {of}")))
        }
    }
}

impl Vault for PlaintextVault {
    async fn encrypt(&self, of: &EncryptionContext<'_>, plaintext: &[u8]) -> Result<Encrypted> {
        Ok(Encrypted { data_key: Bytes::from(of.to_string()), content: Bytes::copy_from_slice(plaintext) })
    }
}
