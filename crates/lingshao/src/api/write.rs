//! `POST /api/v1/write`: remote write 1.0 and 2.0, acknowledged when it would survive a power cut.
//!
//! Memory is admitted before it is used: bytes of bodies as they arrive, decoded ones by the number of decoders.
//! What cannot be admitted in time is a temporary refusal (503), which senders repeat; what is wrong in itself is
//! counted, named and answered with 400 while the rest of the request is kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use lingshao_disk::{Commit, WalError};
use lingshao_model::{Refusals, SeriesBatch};
use lingshao_tsdb::{AppendError, Db};
use lingshao_wire::remote_write::{self, Version, WireError};
use lingshao_wire::snappy::{self, DecodeLimits, SnappyError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::app::App;
use crate::clock::now;
use crate::server::reply::{self, Reply};
use crate::server::request::{BodyError, Call, Pieces};

/// A compressed body; Prometheus' senders stay below 1 MiB, vmagent below 8 MiB.
const BODY_BYTES_MAX: usize = 16 << 20;
/// All compressed bodies in memory together.
const BODIES_BYTES_MAX: usize = 64 << 20;
/// Admission is asked for in steps of this size, so that a slow sender holds little more than it has sent.
const ADMISSION_STEP: usize = 256 << 10;
/// How long a request waits for memory or a decoder before it is told to come again.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(5);
/// Told to a sender whose request was not admitted.
const RETRY_AFTER_SECONDS: u64 = 1;
/// Told to a sender when the disk is full or broken.
const RETRY_AFTER_DISK_SECONDS: u64 = 30;
/// Buffers above this are given back to the system and not kept for the next request.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// A kept batch has room for no more samples than this (17 bytes each and labels).
const KEPT_SAMPLES_MAX: usize = 100_000;

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Memory and decoders for remote write.
#[derive(Debug)]
pub(crate) struct WriteGate {
    /// One permit is one byte of a body.
    body_bytes: Arc<Semaphore>,
    /// One permit is one decoder with its buffers; each holds at most 32 MiB decompressed.
    decoders: Arc<Semaphore>,
    buffers_max: usize,
    scratches: Mutex<Vec<Scratch>>,
    bodies: Mutex<Vec<Vec<u8>>>,
}

/// Buffers that are used again.
#[derive(Debug, Default)]
struct Scratch {
    decompressed: Vec<u8>,
    batch: SeriesBatch,
}

/// A body with the memory that was admitted for it.
struct Body {
    bytes: Vec<u8>,
    admitted: Vec<OwnedSemaphorePermit>,
}

#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("{0}; try again")]
    Overloaded(&'static str),
    #[error("cannot decompress: {0}")]
    Snappy(#[from] SnappyError),
    #[error("cannot decode: {0}")]
    Wire(#[from] WireError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("internal error; see the server's log")]
    Panicked,
}

/// What became of a request that could be decoded.
struct Written {
    commit: Commit,
    stored: u64,
    refusals: Refusals,
}

impl WriteGate {
    /// For a machine with that many cores: decoding and appending take no sleep, more would only cost memory.
    pub(crate) fn new(cores: usize) -> WriteGate {
        let decoders = cores.clamp(1, 8);
        WriteGate {
            body_bytes: Arc::new(Semaphore::new(BODIES_BYTES_MAX)),
            decoders: Arc::new(Semaphore::new(decoders)),
            buffers_max: decoders,
            scratches: Mutex::default(),
            bodies: Mutex::default(),
        }
    }

    async fn admit(&self, bytes: usize) -> Result<OwnedSemaphorePermit, WriteError> {
        let bytes = u32::try_from(bytes).expect("steps are far below 4 GiB");
        match timeout(ADMISSION_TIMEOUT, self.body_bytes.clone().acquire_many_owned(bytes)).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(WriteError::Overloaded("too many bytes are being received")),
        }
    }

    /// Collects a body into one buffer.
    async fn receive(&self, call: Call) -> Result<Body, WriteError> {
        let mut pieces = Pieces::new(call, BODY_BYTES_MAX);
        let declared = usize::try_from(pieces.declared().unwrap_or(0)).unwrap_or(0);
        let mut body = Body { bytes: self.take_buffer(), admitted: Vec::new() };
        let mut admitted = 0;
        body.bytes.reserve(declared.min(ADMISSION_STEP));
        while let Some(piece) = pieces.next().await? {
            let length = body.bytes.len() + piece.len();
            while admitted < length {
                body.admitted.push(self.admit(ADMISSION_STEP).await?);
                admitted += ADMISSION_STEP;
            }
            body.bytes.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn take_buffer(&self) -> Vec<u8> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps at most as many buffers as there are decoders, none of them large.
    fn keep(&self, mut body: Vec<u8>, mut scratch: Scratch) {
        if body.capacity() <= KEPT_BYTES_MAX {
            body.clear();
            let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
            if bodies.len() < self.buffers_max {
                bodies.push(body);
            }
        }
        if KEPT_BYTES_MAX < scratch.decompressed.capacity() {
            scratch.decompressed = Vec::new();
        }
        if KEPT_SAMPLES_MAX < scratch.batch.sample_count() {
            scratch.batch = SeriesBatch::default();
        }
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        if scratches.len() < self.buffers_max {
            scratches.push(scratch);
        }
    }
}

/// Answers a remote-write request.
pub(crate) async fn write(app: &Arc<App>, call: Call) -> Reply {
    let header = |name: HeaderName| text_header(&call.parts.headers, &name);
    let version = match remote_write::negotiate(header(CONTENT_TYPE), header(CONTENT_ENCODING)) {
        Ok(version) => version,
        Err(error) => return reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, error),
    };
    match store(app, version, call).await {
        Ok(written) => acknowledge(app, version, written).await,
        Err(error) => with_counts(refuse(app, &error), version, 0),
    }
}

fn text_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

async fn store(app: &Arc<App>, version: Version, call: Call) -> Result<Written, WriteError> {
    let body = app.writes.receive(call).await?;
    app.telemetry.ingest.bytes.add(body.bytes.len() as u64);
    let decoder = timeout(ADMISSION_TIMEOUT, app.writes.decoders.clone().acquire_owned()).await;
    let Ok(Ok(decoder)) = decoder else {
        return Err(WriteError::Overloaded("too many requests are being decoded"));
    };
    let worker = app.clone();
    let outcome = tokio::task::spawn_blocking(move || {
        let mut scratch =
            worker.writes.scratches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let outcome = decode_and_append(&worker.db, version, &body.bytes, &mut scratch);
        worker.writes.keep(body.bytes, scratch);
        // Held here, because this goes on when the client has gone and its handler with it.
        drop((decoder, body.admitted));
        outcome
    });
    outcome.await.map_err(|_| WriteError::Panicked)?
}

fn decode_and_append(
    db: &Db,
    version: Version,
    body: &[u8],
    scratch: &mut Scratch,
) -> Result<Written, WriteError> {
    let Scratch { decompressed, batch } = scratch;
    batch.clear();
    snappy::decompress(body, &DecodeLimits::default(), decompressed)?;
    let mut refusals = Refusals::default();
    match version {
        Version::V1 => remote_write::decode_v1(decompressed, batch, &mut refusals)?,
        Version::V2 => remote_write::decode_v2(decompressed, batch, &mut refusals)?,
    };
    let appended = db.append(batch, now())?;
    refusals.merge(appended.refusals);
    Ok(Written { commit: appended.commit, stored: appended.stored, refusals })
}

async fn acknowledge(app: &App, version: Version, written: Written) -> Reply {
    if let Err(error) = app.durable.wait(written.commit).await {
        return reply::retry(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_DISK_SECONDS, error);
    }
    let ingest = &app.telemetry.ingest;
    ingest.samples.add(written.stored);
    if written.refusals.is_empty() {
        return with_counts(reply::empty(StatusCode::NO_CONTENT), version, written.stored);
    }
    ingest.refuse(&written.refusals);
    tracing::debug!(refused = %written.refusals, "remote write refused in part");
    let kept = if written.stored == 0 { "" } else { "; the rest was stored" };
    let reply = reply::text(StatusCode::BAD_REQUEST, format!("{}{kept}", written.refusals));
    with_counts(reply, version, written.stored)
}

fn refuse(app: &App, error: &WriteError) -> Reply {
    use WriteError::{Append, Body, Overloaded, Panicked, Snappy, Wire};
    let temporary = |seconds| {
        app.telemetry.ingest.overloads.add(1);
        tracing::debug!(%error, "remote write refused for the moment");
        reply::retry(StatusCode::SERVICE_UNAVAILABLE, seconds, error)
    };
    match error {
        Overloaded(_) => temporary(RETRY_AFTER_SECONDS),
        Append(AppendError::Wal(WalError::TooLarge { .. })) => {
            reply::text(StatusCode::PAYLOAD_TOO_LARGE, error)
        }
        Append(append) => {
            if matches!(append, AppendError::Wal(WalError::Poisoned { .. })) {
                app.telemetry.wal.failed.set(1.0);
            }
            temporary(RETRY_AFTER_DISK_SECONDS)
        }
        Snappy(SnappyError::TooLarge { .. }) => reply::text(StatusCode::PAYLOAD_TOO_LARGE, error),
        Snappy(_) | Wire(_) => reply::text(StatusCode::BAD_REQUEST, error),
        Body(body) => reply::text(body.status(), error),
        Panicked => reply::text(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}

/// Version 2 wants to be told what was written, with every answer.
fn with_counts(mut reply: Reply, version: Version, samples: u64) -> Reply {
    if version == Version::V2 {
        let counts = [(SAMPLES_WRITTEN, samples), (HISTOGRAMS_WRITTEN, 0), (EXEMPLARS_WRITTEN, 0)];
        for (name, count) in counts {
            reply.headers_mut().insert(name, HeaderValue::from(count));
        }
    }
    reply
}
