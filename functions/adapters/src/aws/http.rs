//! The HTTP client of the AWS clients: HTTP/1.1 over hyper, which the runtime links anyway. The SDK's own speaks HTTP/2
//! as well, half a megabyte that none of our services offers, and parses every root certificate of the machine.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use crate::roots;

/// One pool of connections, shared by the clients of all services.
#[derive(Debug, Clone)]
pub(super) struct Http1(Client<HttpsConnector<connect::HttpConnector>, SdkBody>);

impl Http1 {
    pub(super) fn new(connect_timeout: Duration, max_idle: Duration) -> Self {
        let mut tcp = connect::HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        // Plain HTTP for the local stack; AWS's own endpoints are https.
        let https = HttpsConnectorBuilder::new().with_tls_config(tls()).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(max_idle)
            .build(https.wrap_connector(tcp));
        Self(client)
    }
}

#[expect(clippy::expect_used, reason = "ring has what both versions of TLS need")]
fn tls() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots::public())
        .with_no_client_auth()
}

impl HttpClient for Http1 {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http1 {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            // Whatever kept the response away, the SDK may try again.
            let response = response.await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
