//! The public certificate authorities, which are trusted of AWS's servers and of customers'. They are part of the
//! binary, already parsed: reading those of the machine costs a millisecond of each cold start.

use rustls::RootCertStore;

/// The roots of Mozilla's list.
pub(crate) fn public() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}
