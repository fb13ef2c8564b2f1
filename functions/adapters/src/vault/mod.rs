//! Secrets at rest: each thing that has some gets a data key of its own from KMS, and its secrets are one text that is
//! sealed with it here. Start at [`kms::KmsVault`]; [`cipher`] is the sealing, [`key_ring`] keeps keys that were opened.
//!
//! A text opens only for the account and the thing that it was sealed for, by two bolts: KMS opens the data key only in
//! the context that it was made in, and the text is authenticated together with its holder.

pub mod cipher;
mod key_ring;
pub mod kms;
