//! The answer to a `_bulk` request.

use super::Verb;
use crate::prometheus_api::string;

/// What became of an item.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// What it asked for.
    pub verb: Verb,
    /// Where.
    pub index: &'a str,
    /// Its own id or the one that it was given; none for a refused item without one.
    pub id: Option<&'a str>,
    /// What became of it.
    pub outcome: Outcome<'a>,
}

/// What becomes of an item.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// Kept: 201.
    Created {
        /// Its arrival number.
        seq: u64,
    },
    /// The same record is there already, so it was sent twice: 200, which every client takes for success.
    Repeated {
        /// The arrival number of the first.
        seq: u64,
    },
    /// Another record has this id: 409, which every client takes as final.
    Conflict,
    /// Not now: 429, which every client sends again.
    Busy {
        /// For a person.
        reason: &'a str,
    },
    /// Never.
    Refused {
        /// HTTP's number.
        status: u16,
        /// Elasticsearch's name for it.
        kind: &'a str,
        /// For a person.
        reason: &'a str,
    },
}

/// Writes the answer to a whole request.
pub fn render<'a>(took_millis: u64, answers: impl IntoIterator<Item = Answer<'a>>) -> Vec<u8> {
    let mut items = Vec::new();
    let mut errors = false;
    for answer in answers {
        if !items.is_empty() {
            items.push(b',');
        }
        errors |= item(&mut items, &answer);
    }
    let mut out = Vec::with_capacity(items.len() + 64);
    out.extend_from_slice(b"{\"errors\":");
    out.extend_from_slice(if errors { b"true" } else { b"false" });
    out.extend_from_slice(b",\"took\":");
    out.extend_from_slice(itoa::Buffer::new().format(took_millis).as_bytes());
    out.extend_from_slice(b",\"items\":[");
    out.extend_from_slice(&items);
    out.extend_from_slice(b"]}");
    out
}

/// Writes one item; answers whether it is an error.
fn item(out: &mut Vec<u8>, answer: &Answer<'_>) -> bool {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(answer.verb.name().as_bytes());
    out.extend_from_slice(b"\":{\"_index\":");
    string(out, answer.index);
    out.extend_from_slice(b",\"_id\":");
    match answer.id {
        Some(id) => string(out, id),
        None => out.extend_from_slice(b"null"),
    }
    let is_error = match answer.outcome {
        Outcome::Created { seq } => kept(out, "created", seq, 201),
        Outcome::Repeated { seq } => kept(out, "noop", seq, 200),
        Outcome::Conflict => {
            let id = answer.id.unwrap_or_default();
            let reason = format!("[{id}]: version conflict, document already exists (current version [1])");
            error(out, 409, "version_conflict_engine_exception", &reason)
        }
        Outcome::Busy { reason } => error(out, 429, "es_rejected_execution_exception", reason),
        Outcome::Refused { status, kind, reason } => error(out, status, kind, reason),
    };
    out.extend_from_slice(b"}}");
    is_error
}

fn kept(out: &mut Vec<u8>, result: &str, seq: u64, status: u16) -> bool {
    let mut number = itoa::Buffer::new();
    out.extend_from_slice(b",\"_version\":1,\"result\":\"");
    out.extend_from_slice(result.as_bytes());
    out.extend_from_slice(b"\",\"_shards\":{\"total\":1,\"successful\":1,\"failed\":0},\"_seq_no\":");
    out.extend_from_slice(number.format(seq).as_bytes());
    out.extend_from_slice(b",\"_primary_term\":1,\"status\":");
    out.extend_from_slice(number.format(status).as_bytes());
    false
}

fn error(out: &mut Vec<u8>, status: u16, kind: &str, reason: &str) -> bool {
    out.extend_from_slice(b",\"status\":");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.extend_from_slice(b",\"error\":{\"type\":");
    string(out, kind);
    out.extend_from_slice(b",\"reason\":");
    string(out, reason);
    out.push(b'}');
    true
}
