//! Encryption of secrets at rest (envelope encryption): each destination and each provider has its own data key from
//! KMS, which encrypts its secrets as one text. Start at [`kms::KmsVault`]; [`cipher`] encrypts, and [`key_ring`]
//! caches decrypted data keys.
//!
//! A text can be decrypted only for the account and the destination or provider that it was encrypted for: KMS decrypts
//! the data key only in its original encryption context, and AES-GCM authenticates the text with the same context.

pub mod cipher;
mod key_ring;
pub mod kms;
