//! Corrects a worker's clock by the `Date` header of AWS's responses.

use std::fmt;
use std::sync::Arc;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::date_time::Format;
use domain::shared::clock::Clock;
use domain::shared::skew_corrected_clock::SkewCorrectedClock;
use domain::shared::timestamp::Timestamp;

use crate::aws::{Clients, DynamoDb, Sqs};

impl Clients {
    /// The same clients; the responses of DynamoDB and SQS now correct this clock.
    #[must_use]
    pub fn with_skew_correction(self, clock: &Arc<SkewCorrectedClock>) -> Self {
        let observer = DateObserver(Arc::clone(clock));
        let dynamodb = self.dynamodb.config().to_builder().interceptor(observer.clone()).build();
        let sqs = self.sqs.config().to_builder().interceptor(observer).build();
        Self { dynamodb: DynamoDb::from_conf(dynamodb), sqs: Sqs::from_conf(sqs), kms: self.kms }
    }
}

/// Passes the `Date` of each response to the clock.
#[derive(Clone)]
struct DateObserver(Arc<SkewCorrectedClock>);

impl fmt::Debug for DateObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DateObserver")
    }
}

/// When the call was sent, by the machine's own clock.
#[derive(Debug)]
struct SentAt(Timestamp);

impl Storable for SentAt {
    type Storer = StoreReplace<Self>;
}

impl Intercept for DateObserver {
    fn name(&self) -> &'static str {
        "date observer"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(SentAt(self.0.local_now()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(parse_date);
        if let (Some(date), Some(SentAt(sent_at))) = (date, config.load::<SentAt>()) {
            self.0.observe(date, *sent_at);
        }
        Ok(())
    }
}

fn parse_date(date: &str) -> Option<Timestamp> {
    let seconds = DateTime::from_str(date, Format::HttpDate).ok()?.secs();
    Some(Timestamp::from_millis(u64::try_from(seconds).ok()?.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::testing::fakes::ManualClock;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::aws;

    const DATE: &str = "Tue, 01 Sep 2026 00:00:05 GMT";

    #[test]
    fn a_date_is_read_as_http_writes_it() {
        assert_eq!(parse_date(DATE).unwrap().to_string(), "2026-09-01T00:00:05.000Z");
        assert_eq!(parse_date("yesterday"), None);
    }

    /// Responds to one call, whatever it is.
    async fn respond(listener: TcpListener) {
        let (mut connection, _) = listener.accept().await.unwrap();
        let _ = connection.read(&mut [0; 4096]).await.unwrap();
        let response = format!("HTTP/1.1 200 OK\r\ndate: {DATE}\r\ncontent-length: 2\r\n\r\n{{}}");
        connection.write_all(response.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn a_clock_is_right_after_the_first_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let clients = Clients::new(&aws::config(aws::tests::vars(&listener)).unwrap());
        let own = ManualClock::new(parse_date(DATE).unwrap().as_millis());
        own.advance(Duration::from_secs(300));
        let clock = Arc::new(SkewCorrectedClock::new(Arc::new(own)));
        let clients = clients.with_skew_correction(&clock);
        let (listed, ()) = tokio::join!(clients.dynamodb.list_tables().send(), respond(listener));
        listed.unwrap();
        assert_eq!(clock.now(), parse_date(DATE).unwrap() + Duration::from_secs(1));
    }
}
