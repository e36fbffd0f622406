//! OTLP logs, over HTTP (`/v1/logs`, protobuf and JSON) and for gRPC; and Loki's push, which is much alike.
//!
//! What is wrong with single records is a partial success, with the whole request a refusal that says so; 503 and
//! `UNAVAILABLE` are repeated by exporters.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use lingshao_logs::Outcome;
use lingshao_wire::loki::{self, LokiError};
use lingshao_wire::otlp_logs::{self, OtlpError, Partial};
use lingshao_wire::snappy::{self, DecodeLimits, SnappyError};

use super::grpc::{Code, Status};
use super::take::{PLAIN_BYTES_MAX, Work};
use super::{TakeError, Taken};
use crate::app::App;
use crate::server::encoding::{GunzipError, gunzip, is_gzip};
use crate::server::intake::IntakeError;
use crate::server::reply::{self, Reply};
use crate::server::request::Call;

/// Told to a sender that comes too early.
const RETRY_AFTER_SECONDS: u64 = 1;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Protobuf,
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Otlp(#[from] OtlpError),
    #[error(transparent)]
    Loki(#[from] LokiError),
    #[error("cannot decompress: {0}")]
    Gzip(#[from] GunzipError),
    #[error("cannot decompress: {0}")]
    Snappy(#[from] SnappyError),
}

/// `POST /v1/logs`
pub(crate) async fn otlp(app: &Arc<App>, call: Call) -> Reply {
    let Some(format) = format(&call.parts.headers) else { return unknown_type() };
    let zipped = match is_gzip(&call.parts.headers) {
        Ok(zipped) => zipped,
        Err(error) => return reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, error),
    };
    let taken = async {
        let body = app.logs.receive(call).await?;
        let decode = move |bytes: &[u8], work: Work<'_>| {
            let plain = if zipped { Some(gunzip(bytes, PLAIN_BYTES_MAX)?) } else { None };
            read_otlp(plain.as_deref().unwrap_or(bytes), format, work)
        };
        app.logs.take_durably(body, decode).await
    };
    match (taken.await, format) {
        (Ok(taken), Format::Json) => reply::json(StatusCode::OK, partial(&taken).json()),
        (Ok(taken), Format::Protobuf) => {
            reply::body(StatusCode::OK, "application/x-protobuf", partial(&taken).protobuf())
        }
        (Err(error), _) => refused(app, &error),
    }
}

/// A call over gRPC; the answer is the response message.
pub(super) async fn export(app: &Arc<App>, message: Vec<u8>) -> Result<Vec<u8>, Status> {
    let decode = |bytes: &[u8], work: Work<'_>| read_otlp(bytes, Format::Protobuf, work);
    let taken = async {
        let body = app.logs.admit(message).await?;
        app.logs.take_durably(body, decode).await
    };
    taken.await.map(|taken| partial(&taken).protobuf()).map_err(|error| {
        let code = match &error {
            TakeError::Decode(_) => Code::InvalidArgument,
            TakeError::Intake(IntakeError::Panicked) => Code::Internal,
            error if error.is_temporary() => Code::Unavailable,
            TakeError::Sync(_) => Code::Unavailable,
            _ => Code::ResourceExhausted,
        };
        if code == Code::Unavailable {
            app.logs.telemetry().overloads.add(1);
        }
        Status::new(code, error.to_string())
    })
}

/// `POST /loki/api/v1/push`
pub(crate) async fn loki(app: &Arc<App>, call: Call) -> Reply {
    let format = match format(&call.parts.headers) {
        Some(format) => format,
        None => return unknown_type(),
    };
    let zipped = match format {
        // Always snappy, whatever the header says; some senders leave it out.
        Format::Protobuf => false,
        Format::Json => match is_gzip(&call.parts.headers) {
            Ok(zipped) => zipped,
            Err(error) => return reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, error),
        },
    };
    let taken = async {
        let body = app.logs.receive(call).await?;
        app.logs.take_durably(body, move |bytes, work| read_loki(bytes, format, zipped, work)).await
    };
    match taken.await {
        Ok(taken) => match partial(&taken) {
            Partial { rejected: 0, .. } => reply::empty(StatusCode::NO_CONTENT),
            Partial { rejected, reason } => reply::text(
                StatusCode::BAD_REQUEST,
                format!("{rejected} lines were refused: {reason}; the rest was stored"),
            ),
        },
        Err(error) => refused(app, &error),
    }
}

fn read_otlp(bytes: &[u8], format: Format, work: Work<'_>) -> Result<(), Fault> {
    let Work { settings, reader, batch } = work;
    match format {
        Format::Json => otlp_logs::read_json(bytes, &settings.index, reader, batch)?,
        Format::Protobuf => otlp_logs::read_protobuf(bytes, &settings.index, reader, batch)?,
    }
    Ok(())
}

fn read_loki(bytes: &[u8], format: Format, zipped: bool, work: Work<'_>) -> Result<(), Fault> {
    let Work { settings, reader, batch } = work;
    match format {
        Format::Json => {
            let plain = if zipped { Some(gunzip(bytes, PLAIN_BYTES_MAX)?) } else { None };
            loki::read_json(plain.as_deref().unwrap_or(bytes), &settings.index, reader, batch)?;
        }
        Format::Protobuf => {
            let mut plain = Vec::new();
            snappy::decompress(bytes, &DecodeLimits::default(), &mut plain)?;
            loki::read_protobuf(&plain, &settings.index, reader, batch)?;
        }
    }
    Ok(())
}

/// What was refused for good, with the first reason.
fn partial(taken: &Taken<()>) -> Partial {
    let mut partial = Partial::default();
    for outcome in &taken.outcomes {
        if let Outcome::Refused(refusal) = outcome {
            partial.rejected += 1;
            if partial.reason.is_empty() {
                partial.reason = refusal.to_string();
            }
        }
    }
    partial
}

fn refused(app: &App, error: &TakeError<Fault>) -> Reply {
    let temporary = || {
        app.logs.telemetry().overloads.add(1);
        reply::retry(StatusCode::SERVICE_UNAVAILABLE, RETRY_AFTER_SECONDS, error)
    };
    match error {
        TakeError::Decode(
            Fault::Gzip(GunzipError::TooLarge(_)) | Fault::Snappy(SnappyError::TooLarge { .. }),
        ) => reply::text(StatusCode::PAYLOAD_TOO_LARGE, error),
        TakeError::Decode(_) => reply::text(StatusCode::BAD_REQUEST, error),
        TakeError::Intake(IntakeError::Body(body)) => reply::text(body.status(), error),
        TakeError::Intake(IntakeError::Panicked) => reply::text(StatusCode::INTERNAL_SERVER_ERROR, error),
        TakeError::Append(lingshao_logs::AppendError::TooLarge { .. }) => {
            reply::text(StatusCode::PAYLOAD_TOO_LARGE, error)
        }
        TakeError::Intake(IntakeError::Overloaded(_)) | TakeError::Append(_) | TakeError::Sync(_) => {
            temporary()
        }
    }
}

fn format(headers: &HeaderMap) -> Option<Format> {
    let content_type = headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
    match content_type.split(';').next().unwrap_or("").trim() {
        "application/json" => Some(Format::Json),
        "application/x-protobuf" | "application/protobuf" => Some(Format::Protobuf),
        _ => None,
    }
}

fn unknown_type() -> Reply {
    let why = "the content type must be application/x-protobuf or application/json";
    reply::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, why)
}
