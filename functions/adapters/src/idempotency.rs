//! `Idempotency-Key`: a POST that is repeated with the same key gets the first one's answer, and does nothing more.
//! <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>

use std::sync::Arc;

use domain::shared::clock::Clock;
use domain::shared::encryption::{Decryptor, Encrypted, EncryptionContext, Vault};
use domain::shared::ids::{AccountId, digest, hex};
use domain::shared::invalid::Invalid;
use domain::shared::randomness::Randomness;
use domain::shared::unavailable::Unavailable;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::aws::DynamoDb;
use crate::dynamodb::answers::{AnswerTable, Claim, Claimed, StoredAnswer};
use crate::http::problem::{Code, Problem};
use crate::http::reply::Reply;
use crate::http::request::Request;
use crate::telemetry::log_unavailable;
use crate::vault::kms::KmsVault;

/// The header's name.
const HEADER: &str = "idempotency-key";

/// Longest key, in bytes: several times a UUID.
const MAX_KEY_BYTES: usize = 255;

/// Answers repeated requests.
pub struct Idempotency {
    answers: AnswerTable,
    /// Encrypts answers that hold secrets; without it, answers hold none.
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
    /// Only a success is kept, so that a corrected request may have the same key. After a failure of ours, and if this
    /// invocation dies, a repeat does the work again.
    pub async fn once(
        &self,
        account: &AccountId,
        request: &Request,
        work: impl Future<Output = Result<Reply, Problem>>,
    ) -> Result<Reply, Problem> {
        if !request.route().starts_with("POST ") {
            return work.await;
        }
        let Some(key) = key_of(request)? else { return work.await };
        let (key, digest) = (hex(&digest(&[key])), digest_of(request));
        let owner = hex(&self.randomness.bytes::<16>());
        let claim = Claim { account, key: &key, request: &digest, owner: &owner };
        match self.answers.claim(&claim, self.clock.now()).await? {
            Claimed::By { request, .. } if request != digest => Err(reused()),
            Claimed::By { answer: None, .. } => Err(Problem::in_progress()),
            Claimed::By { answer: Some(answer), .. } => Ok(self.again(&claim, answer).await?),
            Claimed::Yes => {
                let result = work.await;
                if let Err(error) = self.keep(&claim, &result).await {
                    // The work is done. Until the claim expires, a repeat is told to wait.
                    log_unavailable(&error);
                }
                result
            }
        }
    }

    async fn keep(&self, claim: &Claim<'_>, result: &Result<Reply, Problem>) -> Result<(), Unavailable> {
        let reply = match result {
            Ok(reply) if reply.status().is_success() => reply,
            Ok(_) | Err(_) => return self.answers.release(claim).await.map(drop),
        };
        let kept = Kept { status: reply.status().as_u16(), body: reply.body().to_owned() };
        let text = serde_json::to_vec(&kept).map_err(|error| Unavailable::new("store an answer", error))?;
        let answer = match &self.vault {
            Some(vault) => {
                let Encrypted { data_key, content } = vault.encrypt(&context(claim), &text).await?;
                StoredAnswer { content, data_key: Some(data_key) }
            }
            None => StoredAnswer { content: text.into(), data_key: None },
        };
        self.answers.complete(claim, answer, self.clock.now()).await.map(drop)
    }

    /// The first answer, for a repeat.
    async fn again(&self, claim: &Claim<'_>, stored: StoredAnswer) -> Result<Reply, Unavailable> {
        let StoredAnswer { content, data_key } = stored;
        let text = match (&self.vault, data_key) {
            (Some(vault), Some(data_key)) => {
                vault.decrypt(&context(claim), &Encrypted { data_key, content }).await?
            }
            _ => content.to_vec(),
        };
        let unreadable = |_| Unavailable::new("read an answer", "it is not as it was stored");
        let kept: Kept = serde_json::from_slice(&text).map_err(unreadable)?;
        let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
        Ok(Reply::raw_json(status, kept.body).with_header("idempotent-replayed", "true"))
    }
}

fn context<'a>(claim: &Claim<'a>) -> EncryptionContext<'a> {
    EncryptionContext::answer(claim.account, claim.key)
}

fn key_of(request: &Request) -> Result<Option<&str>, Problem> {
    if !request.has_header(HEADER) {
        return Ok(None);
    }
    let key = request.header(HEADER).filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()));
    let rule = "must be 1 to 255 visible ASCII characters";
    key.map(Some).ok_or_else(|| Problem::bad_request(&Invalid::new("Idempotency-Key", rule)))
}

/// The digest of all that distinguishes a request from others of its account.
fn digest_of(request: &Request) -> String {
    let [route, path, query] = [request.route(), request.raw_path(), request.raw_query()].map(str::as_bytes);
    hex(&digest(&[route, path, query, request.body()]))
}

fn reused() -> Problem {
    let detail =
        "Another request was made with this Idempotency-Key within the last 24 hours. Use a new one.";
    Problem::new(Code::IdempotencyKeyReused, detail)
}
