//! `Idempotency-Key`: a POST that is repeated with the same key gets the first one's answer, and does nothing more.
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use std::sync::Arc;

use bytes::Bytes;
use domain::shared::clock::Clock;
use domain::shared::encryption::EncryptionContext;
use domain::shared::ids::{AccountId, digest, hex};
use domain::shared::invalid::Invalid;
use domain::shared::randomness::{Randomness, Seed};
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::aws::DynamoDb;
use crate::dynamodb::answers::{AnswerTable, Claim, Claimed};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::vault::cipher::Key;
use crate::vault::kms::{KmsVault, decrypt_content, encrypt_content};

/// The header's name.
const HEADER: &str = "idempotency-key";

/// Longest key, in bytes: several times a UUID.
const MAX_KEY_BYTES: usize = 255;

/// Answers repeated requests.
pub struct Idempotency {
    answers: AnswerTable,
    /// Encrypts the seeds, where secrets are made of them.
    vault: Option<KmsVault>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

/// What is kept of an answer.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    body: String,
}

impl Idempotency {
    /// Keeps answers in the delivery-log table with this name, encrypted by `vault` if they may hold secrets.
    #[must_use]
    pub fn new(
        dynamodb: DynamoDb,
        table: String,
        vault: Option<KmsVault>,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Self {
        Self { answers: AnswerTable::new(dynamodb, table), vault, clock, randomness }
    }

    /// Does a request's work once for its key. Without the header, or for another method than POST, just does it.
    ///
    /// The work takes its ids and secrets from the seed, and takes what exists under such an id as its own. So after a
    /// failure of ours, or if the invocation dies, a repeat goes on where the first one ended. A refusal is not kept, so
    /// that a corrected request may have the same key.
    pub async fn once<F>(
        &self,
        account: &AccountId,
        request: &Request,
        work: impl FnOnce(Seed) -> F,
    ) -> Result<Reply, Problem>
    where
        F: Future<Output = Result<Reply, Problem>>,
    {
        let key = if request.route().starts_with("POST ") { key_of(request)? } else { None };
        let Some(key) = key else { return work(Seed::new(self.randomness.bytes())).await };
        let (key, digest) = (hex(&digest(&[key])), digest_of(request));
        let context = EncryptionContext::answer(account, &key);
        let owner = hex(&self.randomness.bytes::<16>());
        let (mut seed, stored) = self.new_seed(&context).await?;
        let mut claim = Claim { account, key: &key, request: &digest, owner: &owner, seed: stored };
        let claimed = self.answers.claim(&mut claim, self.clock.now()).await?;
        if let Claimed::Again | Claimed::Answered(_) = claimed {
            seed = self.stored_seed(&context, &claim.seed).await?;
        }
        match claimed {
            Claimed::Reused => Err(reused()),
            Claimed::InProgress => Err(Problem::in_progress()),
            Claimed::Answered(answer) => Ok(decrypt(&context, &seed, &answer)?),
            Claimed::First | Claimed::Again => {
                let result = work(Seed::new(*seed)).await;
                let is_first = matches!(claimed, Claimed::First);
                if let Err(error) = self.keep(&claim, &context, &seed, is_first, &result).await {
                    // The work is done. Until the lease ends, a repeat is told to wait.
                    error.log();
                }
                result
            }
        }
    }

    async fn keep(
        &self,
        claim: &Claim<'_>,
        context: &EncryptionContext<'_>,
        seed: &Key,
        is_first: bool,
        result: &Result<Reply, Problem>,
    ) -> Result<(), Unavailable> {
        let now = self.clock.now();
        let status = result.as_ref().map_or_else(Problem::status, Reply::status);
        let saved = match result {
            Ok(reply) if status.is_success() => {
                let answer = self.encrypt(context, seed, reply)?;
                self.answers.complete(claim, answer, now).await
            }
            // Nothing was done, by this invocation or by another.
            _ if is_first && status.is_client_error() => self.answers.release(claim).await,
            _ => self.answers.end_lease(claim, now).await,
        };
        saved.map(drop)
    }

    /// A new seed, which is also the key of the answer, and its form to be stored.
    async fn new_seed(&self, context: &EncryptionContext<'_>) -> Result<(Key, Bytes), Unavailable> {
        match &self.vault {
            Some(vault) => vault.new_key(context).await,
            None => {
                let seed = Key::new(self.randomness.bytes());
                let stored = Bytes::copy_from_slice(&*seed);
                Ok((seed, stored))
            }
        }
    }

    /// The seed in its stored form.
    async fn stored_seed(&self, context: &EncryptionContext<'_>, stored: &Bytes) -> Result<Key, Unavailable> {
        match &self.vault {
            Some(vault) => vault.key_of(context, stored).await,
            None => stored[..].try_into().map(Key::new).map_err(|_| unreadable()),
        }
    }

    fn encrypt(
        &self,
        context: &EncryptionContext<'_>,
        seed: &Key,
        reply: &Reply,
    ) -> Result<Bytes, Unavailable> {
        let kept = Kept { status: reply.status().as_u16(), body: reply.body().to_owned() };
        let text = serde_json::to_vec(&kept).map_err(|error| Unavailable::new("store an answer", error))?;
        Ok(encrypt_content(context, seed, &*self.randomness, &text))
    }
}

/// The first answer, for a repeat.
fn decrypt(context: &EncryptionContext<'_>, seed: &Key, answer: &[u8]) -> Result<Reply, Unavailable> {
    let kept = serde_json::from_slice(&decrypt_content(context, seed, answer)?);
    let Kept { status, body } = kept.map_err(|_| unreadable())?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok(Reply::raw_json(status, body).with_header("idempotent-replayed", "true"))
}

fn unreadable() -> Unavailable {
    Unavailable::new("read an answer", "it is not as it was stored")
}

fn key_of(request: &Request) -> Result<Option<&str>, Problem> {
    if !request.has_header(HEADER) {
        return Ok(None);
    }
    let key = request.header(HEADER).filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()));
    let rule = "must be 1 to 255 visible ASCII characters";
    key.map(Some).ok_or_else(|| Problem::bad_request(&Invalid::new("Idempotency-Key", rule)))
}

/// The digest of all that distinguishes a request from others of its account. A caller must not get what another, with
/// more scopes, was answered: such as a new API key.
fn digest_of(request: &Request) -> String {
    let [route, path, query] = [request.route(), request.raw_path(), request.raw_query()].map(str::as_bytes);
    let caller =
        ["x-api-key", "authorization"].map(|name| request.header(name).unwrap_or_default().as_bytes());
    hex(&digest(&[route, path, query, caller[0], caller[1], request.body()]))
}

fn reused() -> Problem {
    let detail =
        "Another request was made with this Idempotency-Key within the last 24 hours. Use a new one.";
    Problem::new(Code::IdempotencyKeyReused, detail)
}
