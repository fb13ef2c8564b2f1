//! A vault of glass: it seals nothing, and still opens for the holder alone.

use bytes::Bytes;

use crate::destination::record::Destination;
use crate::destination::secrets::Open;
use crate::shared::encryption::{Holder, Sealed};
use crate::shared::encryption::{Opener, Vault};
use crate::shared::unavailable::{Result, Unavailable};

/// Texts can be read through it.
#[derive(Clone, Copy, Default)]
pub struct GlassVault;

impl GlassVault {
    /// A destination as it is stored.
    #[must_use]
    pub fn close(destination: Destination<Open>) -> Destination {
        let holder = Holder::destination(&destination.account_id, &destination.id);
        let sealed = Self::put(&holder, &destination.private.text());
        destination.sealed_as(sealed)
    }

    fn put(of: &Holder<'_>, text: &[u8]) -> Sealed {
        Sealed { data_key: Bytes::from(of.to_string()), content: Bytes::copy_from_slice(text) }
    }
}

impl Opener for GlassVault {
    async fn open(&self, of: &Holder<'_>, sealed: &Sealed) -> Result<Vec<u8>> {
        if sealed.data_key == of.to_string().as_bytes() {
            Ok(sealed.content.to_vec())
        } else {
            Err(Unavailable::new("open a secret", format!("what is kept for {of} was sealed for another")))
        }
    }
}

impl Vault for GlassVault {
    async fn seal(&self, of: &Holder<'_>, text: &[u8]) -> Result<Sealed> {
        Ok(Self::put(of, text))
    }
}
