//! OpenTelemetry's logs: `ExportLogsServiceRequest` as protobuf and as JSON, and the answers to it.
//!
//! Contract: a record's attributes are its fields; those of its resource stand under `resource.`, but for
//! `service.name`, which is a field, too; those of its scope under `scope.`. The body is `message`; a body that is a
//! key-value list is fields. Ids are hexadecimal, bytes base64. Nesting beyond [`DEPTH_MAX`](crate::log_json::DEPTH_MAX)
//! is left out. A body that makes no sense is refused as a whole. Nothing of a body is copied but the value at hand;
//! JSON is looked over once for every level of nesting.

use lingshao_model::log::{LogBatch, LogTime, LogValue};

use crate::log_json::scan::Fault;
use crate::log_json::{Draft, Reader};
use crate::protobuf::{ProtobufError, Writer};

mod json;
mod protobuf;

pub use json::read_json;
pub use protobuf::read_protobuf;

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OtlpError {
    /// It is no JSON, or not of this shape.
    #[error("malformed OTLP logs at byte {at}: {what}")]
    Json {
        /// Byte of the body, or of the value that is wrong.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// It is no protobuf of this shape.
    #[error(transparent)]
    Protobuf(#[from] ProtobufError),
}

impl From<Fault> for OtlpError {
    fn from(fault: Fault) -> OtlpError {
        OtlpError::Json { at: fault.at, what: fault.what }
    }
}

/// What of a request was not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// How many records.
    pub rejected: u64,
    /// Why, for a person.
    pub reason: String,
}

impl Partial {
    /// `ExportLogsServiceResponse` as protobuf.
    pub fn protobuf(&self) -> Vec<u8> {
        let mut partial = Writer::default();
        partial.varint_field(1, self.rejected);
        if !self.reason.is_empty() {
            partial.bytes_field(2, self.reason.as_bytes());
        }
        let mut response = Writer::default();
        if !partial.bytes.is_empty() {
            response.bytes_field(1, &partial.bytes);
        }
        response.bytes
    }

    /// The same as JSON.
    pub fn json(&self) -> Vec<u8> {
        if *self == Partial::default() {
            return b"{}".to_vec();
        }
        let mut out = b"{\"partialSuccess\":{\"rejectedLogRecords\":\"".to_vec();
        out.extend_from_slice(itoa::Buffer::new().format(self.rejected).as_bytes());
        out.extend_from_slice(b"\",\"errorMessage\":");
        crate::prometheus_api::string(&mut out, &self.reason);
        out.extend_from_slice(b"}}");
        out
    }
}

/// What resources and scopes may come to when they are repeated for each of their records: ten thousand records with
/// 6 kB. It keeps a small body from becoming a large batch.
const REPEATED_BYTES_MAX: usize = 64 << 20;
/// What is said beyond.
const REPEATED_TOO_MUCH: &str =
    "resource and scope, repeated for each of their records, exceed 64 MiB; send fewer records";

/// Where records go.
struct Sink<'s> {
    index: &'s str,
    reader: &'s mut Reader,
    batch: &'s mut LogBatch,
    /// Bytes of resources and scopes so far, as often as they were repeated.
    repeated: usize,
}

impl<'s> Sink<'s> {
    fn new(index: &'s str, reader: &'s mut Reader, batch: &'s mut LogBatch) -> Sink<'s> {
        Sink { index, reader, batch, repeated: 0 }
    }

    /// Another record has so many bytes of resource and scope; answers whether there is room for them.
    fn repeat(&mut self, bytes: usize) -> bool {
        self.repeated += bytes;
        self.repeated <= REPEATED_BYTES_MAX
    }
}

/// What a record says beside its attributes.
#[derive(Debug, Default)]
struct Head<'h> {
    time: u64,
    observed: u64,
    severity: i64,
    severity_text: &'h str,
    trace_id: &'h str,
    span_id: &'h str,
    event_name: &'h str,
}

impl Head<'_> {
    fn fill(&self, draft: &mut Draft<'_>) {
        let texts = [
            ("severity_text", self.severity_text),
            ("trace_id", self.trace_id),
            ("span_id", self.span_id),
            ("event_name", self.event_name),
        ];
        for (name, text) in texts {
            if !text.is_empty() {
                draft.add(name, LogValue::Text(text));
            }
        }
        if self.severity != 0 {
            draft.add("severity_number", LogValue::Int(self.severity));
        }
        let time = if self.time == 0 { self.observed } else { self.time };
        if let Some(time) = i64::try_from(time).ok().filter(|time| *time > 0) {
            draft.time_if_none(LogTime(time));
        }
    }
}

/// Puts a name behind those that it stands in; answers where to cut it off again.
fn enter(path: &mut String, name: &str) -> usize {
    let base = path.len();
    if base > 0 && !path.ends_with('.') {
        path.push('.');
    }
    path.push_str(name);
    base
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(u32::from(digit), 16));
        }
    }
}

#[cfg(test)]
mod tests;
