//! A request that has passed the guard, and how its body is read within limits of size and time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, EXPECT};
use http::{Method, StatusCode, request};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::security::access::Caller;

/// A sender that pauses longer than this inside a body is cut off.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that any body may take: 16 MiB in a minute is 2 Mbit/s.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Of a body over its limit, this much is read and thrown away before we hang up.
const DISCARDED_BYTES_MAX: usize = 64 << 20;
/// Parameters of a query; Grafana's longest are some 100 kB.
const FORM_BYTES_MAX: usize = 1 << 20;
/// Forms of all requests in memory together, and how long one waits for its part: 64 of the largest at once.
const FORMS_BYTES_MAX: usize = 64 << 20;
const FORM_STEP_BYTES: usize = 16 << 10;
const FORM_TIMEOUT: Duration = Duration::from_secs(5);
/// As few bytes as a form's parameter may have, some hundred of memory stand behind it.
const PARAMETERS_MAX: usize = 10_000;

/// A request whose caller may make it.
#[derive(Debug)]
pub(crate) struct Call {
    /// Method, URL and headers.
    pub(crate) parts: request::Parts,
    /// Not read yet.
    pub(crate) body: Incoming,
    /// The `{name}` segment of the path, still percent-encoded.
    pub(crate) name: Option<String>,
    /// And the `{version}` segment.
    pub(crate) version: Option<String>,
    /// And the `{index}` segment.
    pub(crate) index_name: Option<String>,
    /// The network address that it came from.
    pub(crate) peer: IpAddr,
    /// Who asks; not looked at for what is public.
    pub(crate) caller: Option<Caller>,
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// Over the limit, declared or found while reading.
    #[error("body is larger than the limit of {bytes_max} bytes; send smaller requests")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Too slow.
    #[error("body did not arrive in time")]
    Timeout,
    /// Too many parameters.
    #[error("more than {PARAMETERS_MAX} parameters in one request")]
    TooMany,
    /// No memory for it at the moment.
    #[error("too many forms are being received; try again")]
    Overloaded,
    /// The sender went away or broke HTTP.
    #[error("body ended early")]
    Broken(#[from] hyper::Error),
}

impl BodyError {
    /// How HTTP says it.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            BodyError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::Timeout => StatusCode::REQUEST_TIMEOUT,
            BodyError::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            BodyError::TooMany | BodyError::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// The pieces of a body, each in time, together within a limit.
#[derive(Debug)]
pub(crate) struct Pieces {
    body: Incoming,
    deadline: Instant,
    bytes_max: usize,
    received: usize,
    /// The client sends the body only when we begin to read it.
    waits_for_us: bool,
}

impl Pieces {
    /// Reads nothing yet.
    pub(crate) fn new(call: Call, bytes_max: usize) -> Pieces {
        let waits_for_us = call.parts.headers.contains_key(EXPECT);
        let deadline = Instant::now() + BODY_TIMEOUT;
        Pieces { body: call.body, deadline, bytes_max, received: 0, waits_for_us }
    }

    /// The declared length, if there is one.
    pub(crate) fn declared(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    /// The next piece; `None` at the end. What declares more than the limit is refused before it is kept.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let bytes_max = self.bytes_max;
        if self.received == 0 && self.declared().is_some_and(|bytes| (bytes_max as u64) < bytes) {
            if !self.waits_for_us {
                self.discard().await;
            }
            return Err(BodyError::TooLarge { bytes_max });
        }
        let Some(piece) = self.frame().await? else { return Ok(None) };
        self.received += piece.len();
        if bytes_max < self.received {
            self.discard().await;
            return Err(BodyError::TooLarge { bytes_max });
        }
        Ok(Some(piece))
    }

    async fn frame(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let frame = timeout_at(self.deadline, timeout(PROGRESS_TIMEOUT, self.body.frame()));
            match frame.await {
                Err(_) | Ok(Err(_)) => return Err(BodyError::Timeout),
                Ok(Ok(None)) => return Ok(None),
                Ok(Ok(Some(frame))) => {
                    if let Ok(bytes) = frame?.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// Lets a client that is still sending finish: it would take a closed connection for a fault of the network,
    /// never see our refusal, and try again for ever.
    async fn discard(&mut self) {
        while let Ok(Some(piece)) = self.frame().await {
            self.received += piece.len();
            if DISCARDED_BYTES_MAX < self.received {
                return;
            }
        }
    }
}

/// Query parameters and form fields together, form first, as Go's `Request.Form` has them.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    /// The memory that was admitted for them.
    _admitted: Vec<OwnedSemaphorePermit>,
}

/// Memory for forms; one permit is [`FORM_STEP_BYTES`].
#[derive(Debug)]
pub(crate) struct FormGate(Arc<Semaphore>);

impl Default for FormGate {
    fn default() -> FormGate {
        FormGate(Arc::new(Semaphore::new(FORMS_BYTES_MAX / FORM_STEP_BYTES)))
    }
}

impl FormGate {
    async fn admit(&self) -> Result<OwnedSemaphorePermit, BodyError> {
        let admitted = timeout(FORM_TIMEOUT, self.0.clone().acquire_owned()).await;
        admitted.ok().and_then(Result::ok).ok_or(BodyError::Overloaded)
    }
}

/// A whole body, with the memory that was admitted for it.
#[derive(Debug)]
pub(crate) struct Document {
    /// What the client sent.
    pub(crate) bytes: Vec<u8>,
    admitted: Vec<OwnedSemaphorePermit>,
}

impl Document {
    /// Reads all of a body that is no longer than the limit.
    pub(crate) async fn read(call: Call, bytes_max: usize, gate: &FormGate) -> Result<Document, BodyError> {
        let (mut bytes, mut admitted) = (Vec::new(), Vec::new());
        let mut pieces = Pieces::new(call, bytes_max);
        while let Some(piece) = pieces.next().await? {
            while admitted.len() * FORM_STEP_BYTES < bytes.len() + piece.len() {
                admitted.push(gate.admit().await?);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Document { bytes, admitted })
    }
}

impl Parameters {
    /// Reads the URL and, for a POST with a form, the body.
    pub(crate) async fn read(call: Call, gate: &FormGate) -> Result<Parameters, BodyError> {
        let mut pairs = Vec::new();
        let mut admitted = Vec::new();
        let query = call.parts.uri.query().unwrap_or("").to_owned();
        let content_type = call.parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_form = content_type.is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"));
        if call.parts.method == Method::POST && is_form {
            let form = Document::read(call, FORM_BYTES_MAX, gate).await?;
            pairs.extend(form_urlencoded::parse(&form.bytes).into_owned().take(PARAMETERS_MAX + 1));
            admitted = form.admitted;
        }
        pairs.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        if PARAMETERS_MAX < pairs.len() {
            return Err(BodyError::TooMany);
        }
        Ok(Parameters { pairs, _admitted: admitted })
    }

    /// The first value under a name; an empty one counts as absent, as Prometheus has it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let first = self.pairs.iter().find(|(own, _)| own == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every value under a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}
