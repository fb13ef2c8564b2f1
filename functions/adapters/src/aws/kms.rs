//! The client of KMS, built when it is first used: an invocation rarely needs it, and building an SDK client is a tenth
//! of a cold start.

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use aws_sdk_kms::Client;
use aws_types::SdkConfig;

/// The client of KMS.
#[derive(Clone)]
pub struct Kms(Arc<LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>>);

impl Kms {
    /// The client with these settings.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        let config = config.clone();
        Self(Arc::new(LazyLock::new(Box::new(move || Client::new(&config)))))
    }
}

impl Deref for Kms {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}
