//! One request from its head to the last byte of its answer, however it ends.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::header::USER_AGENT;
use http::{HeaderValue, Method, Request, StatusCode};

use crate::client::{Peer, client_ip};
use crate::identity::{REQUEST_ID, Trace, given_request_id, new_request_id};
use crate::metrics::{MethodLabel, NO_ROUTE};
use crate::record::{Failure, Record};
use crate::telemetry::Inner;

/// What a handler may add to the record of its request: `Extension<RequestLog>`, or
/// `request.extensions().get::<RequestLog>()`.
#[derive(Clone, Debug)]
pub struct RequestLog(Arc<Notes>);

#[derive(Debug)]
struct Notes {
    request_id: HeaderValue,
    trace: Option<Trace>,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    user_id: Option<String>,
    route: Option<String>,
    error: Option<String>,
}

impl RequestLog {
    /// The caller's `X-Request-ID`, or the one made for this request. The answer carries it.
    pub fn request_id(&self) -> &str {
        self.0.request_id.to_str().unwrap_or_default()
    }

    /// The trace that the caller's `traceparent` names.
    pub fn trace_id(&self) -> Option<&str> {
        self.0.trace.as_ref().map(Trace::id)
    }

    /// Whose request it is.
    pub fn set_user_id(&self, user_id: impl Into<String>) {
        self.said().user_id = Some(user_id.into());
    }

    /// The route's template, where neither axum nor anybody else tells it. It becomes a label: never put a path or an
    /// id here.
    pub fn set_route(&self, template: impl Into<String>) {
        self.said().route = Some(template.into());
    }

    /// What went wrong, in words for the shop's own people.
    pub fn set_error(&self, error: impl Into<String>) {
        self.said().error = Some(error.into());
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kind of failure that a panic is.
pub(crate) const PANIC: &str = "panic";

/// How an exchange ends.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The last byte was handed over.
    Complete,
    /// The client did not wait for it.
    ClientLeft,
    /// The shop could not go on.
    Failed { kind: &'static str, words: String },
}

/// A request under way. Dropped without [`Exchange::end`], it was given up by the client or by a panic.
#[derive(Debug)]
pub(crate) struct Exchange {
    inner: Arc<Inner>,
    begun: Instant,
    method: Method,
    path: String,
    template: Option<Template>,
    client_ip: Option<IpAddr>,
    user_agent: Option<HeaderValue>,
    notes: RequestLog,
    answer: Option<Answer>,
    ended: bool,
}

#[cfg(feature = "axum")]
type Template = axum::extract::MatchedPath;
#[cfg(not(feature = "axum"))]
type Template = std::convert::Infallible;

/// What is known once the answer's head is there.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    ttfb: Duration,
    /// How long the body will be, if that is certain; a server stops asking when it has that much.
    bytes_expected: Option<u64>,
    bytes_sent: u64,
}

impl Exchange {
    /// Begins; leaves a [`RequestLog`] in the request.
    pub(crate) fn begin<B>(inner: &Arc<Inner>, request: &mut Request<B>) -> Box<Exchange> {
        let begun = Instant::now();
        inner.requests.begin();
        let given = given_request_id(request.headers());
        let request_id = given.unwrap_or_else(|| {
            let made = new_request_id();
            request.headers_mut().insert(REQUEST_ID, made.clone());
            made
        });
        let trace = Trace::of(request.headers());
        let notes = RequestLog(Arc::new(Notes { request_id, trace, said: Mutex::default() }));
        let peer = peer(request.extensions());
        let client_ip = client_ip(peer, request.headers(), &inner.options.trusted_proxies);
        let user_agent = request.headers().get(USER_AGENT).cloned();
        let template = template(request.extensions());
        request.extensions_mut().insert(notes.clone());
        Box::new(Exchange {
            inner: Arc::clone(inner),
            begun,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            template,
            client_ip,
            user_agent,
            notes,
            answer: None,
            ended: false,
        })
    }

    pub(crate) fn request_id(&self) -> HeaderValue {
        self.notes.0.request_id.clone()
    }

    /// The answer's head is there. `body_bytes` is the body's exact length, if that is known.
    pub(crate) fn answered(&mut self, status: StatusCode, body_bytes: Option<u64>) {
        let bodiless = self.method == Method::HEAD
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        let bytes_expected = if bodiless { Some(0) } else { body_bytes };
        self.answer = Some(Answer { status, ttfb: self.begun.elapsed(), bytes_expected, bytes_sent: 0 });
    }

    /// Some of the body was handed over.
    pub(crate) fn sent(&mut self, bytes: usize) {
        if let Some(answer) = &mut self.answer {
            answer.bytes_sent += bytes as u64;
        }
    }

    /// Counts and records the request, once.
    pub(crate) fn end(&mut self, ending: &Ending) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let took = self.begun.elapsed();
        let sent = self.answer.as_ref().map(|answer| answer.status.as_u16());
        let (status, status_sent) = match (ending, sent) {
            (Ending::Failed { .. }, sent) => (500, sent),
            (_, Some(sent)) => (sent, None),
            (_, None) => (499, None),
        };
        let said = std::mem::take(&mut *self.notes.said());
        let route =
            said.route.as_deref().or_else(|| self.template.as_ref().map(template_text)).unwrap_or(NO_ROUTE);
        self.inner.requests.end(MethodLabel::of(&self.method), route, status, took);
        if !self.inner.records.are_wanted() {
            return;
        }
        let (aborted, failure) = match ending {
            Ending::Complete => (false, None),
            Ending::ClientLeft => (true, None),
            Ending::Failed { kind, words } => (sent.is_some(), Some(Failure { kind: Some(kind), words })),
        };
        let noted = said.error.as_deref().map(|words| Failure { kind: None, words });
        let record = Record {
            at: SystemTime::now(),
            origin: &self.inner.origin,
            method: self.method.as_str(),
            path: &self.path,
            route,
            status,
            status_sent,
            took,
            ttfb: self.answer.as_ref().map(|answer| answer.ttfb),
            bytes_sent: self.answer.as_ref().map_or(0, |answer| answer.bytes_sent),
            client_ip: self.client_ip,
            user_id: said.user_id.as_deref(),
            user_agent: self.user_agent.as_ref().map(HeaderValue::as_bytes),
            request_id: self.notes.request_id(),
            trace_id: self.notes.trace_id(),
            span_id: self.notes.0.trace.as_ref().map(Trace::span),
            aborted,
            error: failure.or(noted),
        };
        self.inner.records.offer(&record);
    }

    /// Whether everything was handed over that the server asks for.
    fn is_complete(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| answer.bytes_expected.is_some_and(|expected| answer.bytes_sent >= expected))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end(&match () {
            () if self.is_complete() => Ending::Complete,
            () if std::thread::panicking() => {
                Ending::Failed { kind: PANIC, words: "panic in a layer around this one".into() }
            }
            () => Ending::ClientLeft,
        });
    }
}

#[cfg(feature = "axum")]
fn template(extensions: &http::Extensions) -> Option<Template> {
    extensions.get::<Template>().cloned()
}

#[cfg(feature = "axum")]
fn template_text(template: &Template) -> &str {
    template.as_str()
}

#[cfg(feature = "axum")]
fn peer(extensions: &http::Extensions) -> Option<IpAddr> {
    let own = extensions.get::<Peer>().map(|peer| peer.0);
    let axums = || extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>().map(|info| info.0);
    own.or_else(axums).map(|address| address.ip())
}

#[cfg(not(feature = "axum"))]
fn template(_extensions: &http::Extensions) -> Option<Template> {
    None
}

#[cfg(not(feature = "axum"))]
fn template_text(template: &Template) -> &str {
    match *template {}
}

#[cfg(not(feature = "axum"))]
fn peer(extensions: &http::Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(|peer| peer.0.ip())
}
