//! An HTTP client of the AWS SDK that calls endpoints of this process without a socket. The requests and responses are
//! the same; what is left out is the kernel and HTTP/1.1 on both sides, half of what a call costs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use bytes::Bytes;
use futures_util::future::BoxFuture;

/// What an endpoint answers to the headers and the body of a request.
pub(crate) type Handler = Arc<dyn Fn(HeaderMap, Bytes) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// The handlers by the URL of their endpoint.
#[derive(Clone)]
pub(crate) struct Direct(Arc<BTreeMap<String, Handler>>);

impl Direct {
    pub(crate) fn new<const N: usize>(handlers: [(String, Handler); N]) -> Self {
        Self(Arc::new(handlers.into()))
    }

    async fn answer(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let user = |error| ConnectorError::user(error);
        let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        let handler = self.0.get(&format!("http://{host}"));
        let handler =
            handler.ok_or_else(|| user(format!("no endpoint of this process is at {host}").into()))?;
        let host = HeaderValue::from_str(host).map_err(|error| user(error.into()))?;
        let (head, body) = request.into_parts();
        let body = body.bytes().ok_or_else(|| user("the body is a stream".into()))?;
        let mut headers = head.headers;
        headers.insert(header::HOST, host);
        let (head, body) = handler(headers, Bytes::copy_from_slice(body)).await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await;
        let body = SdkBody::from(body.map_err(|error| ConnectorError::io(error.into()))?);
        HttpResponse::try_from(Response::from_parts(head, body)).map_err(|error| user(error.into()))
    }
}

impl HttpClient for Direct {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Direct {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().answer(request))
    }
}

impl fmt::Debug for Direct {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.keys()).finish()
    }
}
