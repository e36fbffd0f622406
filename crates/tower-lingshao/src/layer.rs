//! The layer and the service that tower knows.

use std::fmt::Display;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{MeasuredBody, ResponseFuture};
use crate::exchange::Exchange;
use crate::telemetry::Inner;

/// Measures and records the requests of the services that it wraps.
#[derive(Clone, Debug)]
pub struct RequestLayer(Arc<Inner>);

impl RequestLayer {
    pub(crate) fn new(inner: Arc<Inner>) -> RequestLayer {
        RequestLayer(inner)
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, service: S) -> RequestService<S> {
        RequestService { service, inner: Arc::clone(&self.0) }
    }
}

/// A service whose requests are measured and recorded.
#[derive(Clone, Debug)]
pub struct RequestService<S> {
    service: S,
    inner: Arc<Inner>,
}

impl<S, In, Out> Service<Request<In>> for RequestService<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Error: Display,
    Out: Body,
{
    type Response = Response<MeasuredBody<Out>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<In>) -> Self::Future {
        let ignored = self.inner.options.ignores(request.uri().path());
        let exchange = (!ignored).then(|| Exchange::begin(&self.inner, &mut request));
        ResponseFuture::new(self.service.call(request), exchange)
    }
}
