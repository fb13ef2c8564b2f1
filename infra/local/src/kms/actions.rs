//! `GenerateDataKey` and `Decrypt`.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html>

use std::collections::BTreeMap;

use adapters::system::SystemRandomness;
use adapters::vault::cipher::{self, Key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::shared::randomness::Randomness;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Why KMS refuses a request, under its own names.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KmsError {
    /// Without a reason, as in KMS: trying out ciphertexts reveals nothing.
    #[error("")]
    InvalidCiphertext,
    #[error("{0}")]
    Validation(String),
    #[error("This endpoint supports GenerateDataKey and Decrypt, not the action {0}.")]
    UnsupportedOperation(String),
    #[error("KMS is unavailable.")]
    Internal,
}

impl KmsError {
    /// The name by which SDKs classify the error.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::Validation(_) => "ValidationException",
            Self::UnsupportedOperation(_) => "UnsupportedOperationException",
            Self::Internal => "KMSInternalException",
        }
    }
}

/// The encryption context: authenticated with every ciphertext, and sorted by name.
type Context = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey {
    key_id: String,
    key_spec: KeySpec,
    #[serde(default)]
    encryption_context: Context,
}

#[derive(Deserialize)]
enum KeySpec {
    #[serde(rename = "AES_256")]
    Aes256,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt {
    key_id: Option<String>,
    ciphertext_blob: String,
    #[serde(default)]
    encryption_context: Context,
}

/// Performs the action of that name.
pub(super) fn perform(action: &str, body: &[u8], key: &Key) -> Result<Value, KmsError> {
    match action {
        "GenerateDataKey" => Ok(generate_data_key(&read(body)?, key)),
        "Decrypt" => decrypt(read(body)?, key),
        other => Err(KmsError::UnsupportedOperation(other.to_owned())),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, KmsError> {
    serde_json::from_slice(body).map_err(|error| KmsError::Validation(error.to_string()))
}

fn generate_data_key(request: &GenerateDataKey, key: &Key) -> Value {
    let GenerateDataKey { key_id, key_spec: KeySpec::Aes256, encryption_context } = request;
    let randomness: &dyn Randomness = &SystemRandomness;
    let data_key: [u8; 32] = randomness.bytes();
    let blob = cipher::encrypt(key, randomness, &bound(encryption_context), &data_key);
    json!({ "KeyId": key_id, "CiphertextBlob": STANDARD.encode(blob), "Plaintext": STANDARD.encode(data_key) })
}

fn decrypt(request: Decrypt, key: &Key) -> Result<Value, KmsError> {
    let Decrypt { key_id, ciphertext_blob, encryption_context } = request;
    let blob = STANDARD.decode(ciphertext_blob).map_err(|error| KmsError::Validation(error.to_string()))?;
    let text = cipher::decrypt(key, &bound(&encryption_context), &blob);
    let text = text.map_err(|_| KmsError::InvalidCiphertext)?;
    Ok(json!({
        "KeyId": key_id.unwrap_or_default(),
        "Plaintext": STANDARD.encode(text),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}

fn bound(context: &Context) -> Vec<u8> {
    json!(context).to_string().into_bytes()
}
