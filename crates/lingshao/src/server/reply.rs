//! Answers: whole and small, or in pieces as they are made; and with the headers that keep a browser from doing anything
//! with them but show them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// What every handler gives back.
pub(crate) type Reply = Response<Content>;

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Content {
    /// All of it: no query may answer more than its byte budget.
    Whole(Bytes),
    /// As somebody makes it. He waits while the client does not take it, and sees the channel closed when it has gone.
    Pieces(mpsc::Receiver<Bytes>),
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.get_mut() {
            Content::Whole(bytes) => {
                Poll::Ready(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()))
            }
            Content::Pieces(pieces) => pieces.poll_recv(context),
        };
        piece.map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Content::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Pieces(_) => SizeHint::default(),
        }
    }
}

/// An answer with a body of some type.
pub(crate) fn body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Content::Whole(body.into()));
    *reply.status_mut() = status;
    set(&mut reply, header::CONTENT_TYPE, content_type);
    reply
}

/// A line for a person or a log.
pub(crate) fn text(status: StatusCode, text: impl std::fmt::Display) -> Reply {
    body(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

/// JSON that is already rendered.
pub(crate) fn json(status: StatusCode, bytes: Vec<u8>) -> Reply {
    body(status, "application/json", bytes)
}

/// JSON that is small enough to build as a tree.
pub(crate) fn value(status: StatusCode, value: &serde_json::Value) -> Reply {
    json(status, value.to_string().into_bytes())
}

/// Nothing to say.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Content::Whole(Bytes::new()));
    *reply.status_mut() = status;
    reply
}

/// A temporary refusal: the client does well to come again after some seconds.
pub(crate) fn retry(status: StatusCode, seconds: u64, why: impl std::fmt::Display) -> Reply {
    let mut reply = text(status, why);
    reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    reply
}

/// Sets a header to a constant.
pub(crate) fn set(reply: &mut Reply, name: HeaderName, value: &'static str) {
    reply.headers_mut().insert(name, HeaderValue::from_static(value));
}

/// No scripts, no frames, no guessing of types, no caching of what only this user may see. There is no CORS header:
/// other origins read nothing. The page and its files have said themselves what is right for them.
pub(crate) fn secure(reply: &mut Reply) {
    let unless_said = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        ),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in unless_said {
        reply.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    set(reply, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(reply, header::REFERRER_POLICY, "no-referrer");
}
