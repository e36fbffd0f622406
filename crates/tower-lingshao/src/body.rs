//! The answer on its way: the future that makes it and the body that carries it.

use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::exchange::{Ending, Exchange, PANIC};
use crate::identity::REQUEST_ID;

pin_project! {
    /// The future of an answer that is measured.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Box<Exchange>>,
    }
}

pin_project! {
    /// A body that is measured to its last byte.
    #[derive(Debug)]
    pub struct MeasuredBody<B> {
        #[pin]
        inner: B,
        exchange: Option<Box<Exchange>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, exchange: Option<Box<Exchange>>) -> Self {
        ResponseFuture { inner, exchange }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Display,
{
    type Output = Result<Response<MeasuredBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match ready!(watched(this.exchange, || this.inner.poll(context))) {
            Ok(response) => Poll::Ready(Ok(measured(response, this.exchange.take()))),
            Err(error) => {
                end(this.exchange, || failed(&error));
                Poll::Ready(Err(error))
            }
        }
    }
}

fn measured<B: Body>(
    mut response: Response<B>,
    mut exchange: Option<Box<Exchange>>,
) -> Response<MeasuredBody<B>> {
    if let Some(exchange) = &mut exchange {
        exchange.answered(response.status(), response.body().size_hint().exact());
        response.headers_mut().entry(REQUEST_ID).or_insert_with(|| exchange.request_id());
    }
    if response.body().is_end_stream() {
        end(&mut exchange, || Ending::Complete);
    }
    response.map(|inner| MeasuredBody { inner, exchange })
}

impl<B: Body> Body for MeasuredBody<B>
where
    B::Error: Display,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(watched(this.exchange, || this.inner.as_mut().poll_frame(context)));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(exchange), Some(data)) = (this.exchange.as_mut(), frame.data_ref()) {
                    exchange.sent(data.remaining());
                }
                if this.inner.is_end_stream() {
                    end(this.exchange, || Ending::Complete); // A server does not ask again.
                }
            }
            Some(Err(error)) => end(this.exchange, || failed(error)),
            None => end(this.exchange, || Ending::Complete),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn end(exchange: &mut Option<Box<Exchange>>, ending: impl FnOnce() -> Ending) {
    if let Some(mut exchange) = exchange.take() {
        exchange.end(&ending());
    }
}

fn failed<E: Display>(error: &E) -> Ending {
    Ending::Failed { kind: std::any::type_name::<E>(), words: error.to_string() }
}

/// Lets a panic pass, but not unseen.
fn watched<T>(exchange: &mut Option<Box<Exchange>>, poll: impl FnOnce() -> T) -> T {
    // What the panic may have left half done is dropped by whoever catches it for good; we only look.
    catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|panic| {
        end(exchange, || Ending::Failed { kind: PANIC, words: words(&*panic).to_owned() });
        resume_unwind(panic)
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}
