//! placeholder
use domain::{address::AddressPolicy,outcome::{Outcome,OutcomeClass},ports::WebhookSender,wire::WebhookRequest};
/// x
pub struct HttpSender;
impl HttpSender {
/// x
pub fn new(_: AddressPolicy, _: &[Vec<u8>]) -> Result<Self, crate::config::ConfigError> { Ok(Self) } }
impl WebhookSender for HttpSender { async fn send(&self, _r: WebhookRequest) -> Outcome { Outcome::failed(OutcomeClass::Dns, "x", std::time::Duration::ZERO) } }
