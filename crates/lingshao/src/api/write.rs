//! `POST /api/v1/write`: remote write 1.0 and 2.0, acknowledged when it would survive a power cut.
//!
//! Memory is admitted before it is used: bytes of bodies as they arrive, decoded ones by the number of decoders.
//! What cannot be admitted in time is a temporary refusal (503), which senders repeat; what is wrong in itself is
//! counted, named and answered with 400 while the rest of the request is kept.

use std::sync::Arc;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use lingshao_disk::{Commit, WalError};
use lingshao_model::{Refusals, SeriesBatch};
use lingshao_tsdb::{AppendError, Db};
use lingshao_wire::remote_write::{self, Version, WireError};
use lingshao_wire::snappy::{self, DecodeLimits, SnappyError};

use crate::app::App;
use crate::clock::now;
use crate::server::intake::{Intake, IntakeError, KEPT_BYTES_MAX, Scratch};
use crate::server::reply::{self, Reply};
use crate::server::request::Call;

/// A compressed body; Prometheus' senders stay below 1 MiB, vmagent below 8 MiB.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Told to a sender whose request was not admitted.
const RETRY_AFTER_SECONDS: u64 = 1;
/// Told to a sender when the disk is full or broken.
const RETRY_AFTER_DISK_SECONDS: u64 = 30;
/// A kept batch has room for no more samples than this (17 bytes each and labels).
const KEPT_SAMPLES_MAX: usize = 100_000;

const SAMPLES_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
const HISTOGRAMS_WRITTEN: HeaderName =
    HeaderName::from_static("x-prometheus-remote-write-histograms-written");
const EXEMPLARS_WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-exemplars-written");

/// Memory and decoders for remote write; a decoder holds at most 32 MiB decompressed.
pub(crate) type WriteIntake = Intake<Buffers>;

/// Buffers that are used again.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    decompressed: Vec<u8>,
    batch: SeriesBatch,
}

impl Scratch for Buffers {
    fn shrink(&mut self) {
        if KEPT_BYTES_MAX < self.decompressed.capacity() {
            self.decompressed = Vec::new();
        }
        if KEPT_SAMPLES_MAX < self.batch.sample_count() {
            self.batch = SeriesBatch::default();
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error("cannot decompress: {0}")]
    Snappy(#[from] SnappyError),
    #[error("cannot decode: {0}")]
    Wire(#[from] WireError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

/// What became of a request that could be decoded.
struct Written {
    commit: Commit,
    stored: u64,
    refusals: Refusals,
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
    let body = app.writes.receive(call, BODY_BYTES_MAX).await?;
    app.telemetry.ingest.bytes.add(body.bytes.len() as u64);
    let db = app.db.clone();
    app.writes.decode(body, move |bytes, buffers| decode_and_append(&db, version, bytes, buffers)).await?
}

fn decode_and_append(
    db: &Db,
    version: Version,
    body: &[u8],
    buffers: &mut Buffers,
) -> Result<Written, WriteError> {
    let Buffers { decompressed, batch } = buffers;
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
    use IntakeError::{Body, Overloaded, Panicked};
    use WriteError::{Append, Intake, Snappy, Wire};
    let temporary = |seconds| {
        app.telemetry.ingest.overloads.add(1);
        tracing::debug!(%error, "remote write refused for the moment");
        reply::retry(StatusCode::SERVICE_UNAVAILABLE, seconds, error)
    };
    match error {
        Intake(Overloaded(_)) => temporary(RETRY_AFTER_SECONDS),
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
        Intake(Body(body)) => reply::text(body.status(), error),
        Intake(Panicked) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, error),
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
