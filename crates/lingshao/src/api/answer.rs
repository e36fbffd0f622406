//! The envelope of every answer of the API, and its errors.

use http::StatusCode;
use lingshao_wire::prometheus_api::{self, ErrorKind, ParameterError};
use serde_json::Value;

use crate::server::reply::{self, Reply};
use crate::server::request::BodyError;

/// Why a call has no data. Wordings are Prometheus' where it has them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct ApiError {
    pub(super) kind: ErrorKind,
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl ApiError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> ApiError {
        let status = StatusCode::from_u16(kind.status()).expect("wire gives HTTP statuses");
        ApiError { kind, status, message: message.into() }
    }

    /// A job on a blocking thread that ended in a panic: a bug, and a message without its insides.
    pub(super) fn panicked() -> ApiError {
        ApiError::new(ErrorKind::Internal, "internal error; see the server's log")
    }
}

impl From<ParameterError> for ApiError {
    fn from(error: ParameterError) -> ApiError {
        ApiError::new(ErrorKind::BadData, error.to_string())
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> ApiError {
        let kind = match error {
            BodyError::TooLarge { .. } | BodyError::TooMany | BodyError::Broken(_) => ErrorKind::BadData,
            BodyError::Timeout => ErrorKind::Timeout,
            BodyError::Overloaded => ErrorKind::Unavailable,
        };
        ApiError { status: error.status(), ..ApiError::new(kind, error.to_string()) }
    }
}

pub(super) fn render(error: &ApiError) -> Reply {
    let mut body = Vec::new();
    write_error(&mut body, error);
    reply::json(error.status, body)
}

/// The same without HTTP, for an answer among others.
pub(super) fn write_error(out: &mut Vec<u8>, error: &ApiError) {
    prometheus_api::error(out, error.kind, &error.message);
}

/// Data that a closure writes, with what there is to say about it.
pub(super) fn written(warnings: &[String], data: impl FnOnce(&mut Vec<u8>)) -> Reply {
    let mut body = Vec::new();
    prometheus_api::success(&mut body, warnings, &[], data);
    reply::json(StatusCode::OK, body)
}

/// Data that is small enough to build as a tree.
pub(super) fn success(data: &Value) -> Reply {
    written(&[], |out| out.extend_from_slice(data.to_string().as_bytes()))
}
