//! The endpoint through the AWS SDK.

use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;

use super::*;
use crate::clock::Clock;
use crate::endpoints::Endpoints;

async fn data_key(kms: &aws_sdk_kms::Client, account: &str) -> (Vec<u8>, Blob) {
    let request = kms.generate_data_key().key_id("key").key_spec(DataKeySpec::Aes256);
    let made = request.encryption_context("account", account).send().await.unwrap();
    (made.plaintext.unwrap().into_inner(), made.ciphertext_blob.unwrap())
}

async fn open(kms: &aws_sdk_kms::Client, blob: Blob, account: &str) -> Result<Vec<u8>, DecryptError> {
    let request = kms.decrypt().key_id("key").ciphertext_blob(blob).encryption_context("account", account);
    let opened = request.send().await.map_err(SdkError::into_service_error)?;
    Ok(opened.plaintext.unwrap().into_inner())
}

#[tokio::test]
async fn a_data_key_opens_in_the_context_that_it_was_made_in_and_in_no_other() {
    let endpoints = Endpoints::start(None, &Clock::system()).await.unwrap();
    let kms = endpoints.clients().unwrap().kms;
    let (key, blob) = data_key(&kms, "acc_1").await;
    assert_eq!(key.len(), 32);
    assert_eq!(open(&kms, blob.clone(), "acc_1").await.unwrap(), key);
    let mut changed = blob.clone().into_inner();
    changed[20] ^= 1;
    for (blob, account) in [(blob, "acc_2"), (Blob::new(changed), "acc_1"), (Blob::new("x"), "acc_1")] {
        assert!(open(&kms, blob, account).await.unwrap_err().is_invalid_ciphertext_exception());
    }
    assert_ne!(data_key(&kms, "acc_1").await.0, key);
}

#[tokio::test]
async fn what_is_out_of_order_refuses_everything_until_it_is_mended() {
    let endpoints = Endpoints::start(None, &Clock::system()).await.unwrap();
    let kms = endpoints.clients().unwrap().kms;
    let (_, blob) = data_key(&kms, "acc_1").await;
    endpoints.kms.set_unavailable(true);
    let calls = endpoints.kms.calls();
    assert!(open(&kms, blob.clone(), "acc_1").await.unwrap_err().is_kms_internal_exception());
    assert!(endpoints.kms.calls() > calls);
    endpoints.kms.set_unavailable(false);
    assert!(open(&kms, blob, "acc_1").await.is_ok());
}

#[test]
fn a_key_is_kept_for_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let made = Kms::open(directory.path()).unwrap();
    assert_eq!(Kms::open(directory.path()).unwrap().0.key, made.0.key);
    assert_ne!(Kms::in_memory().0.key, made.0.key);
    let file = directory.path().join(KEY_FILE);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(&file, "short").unwrap();
    assert!(Kms::open(directory.path()).err().unwrap().to_string().contains(KEY_FILE));
}
