//! Elasticsearch's `_bulk`: a line that says what to do and where, then the record; and the answer, a result an item.
//!
//! Contract: newline-delimited JSON, `\r\n` and a missing last newline allowed, blank lines between items skipped, at
//! most [`ITEMS_MAX`] items. A body whose action lines make no sense is refused as a whole, as Elasticsearch does; a
//! record that cannot be taken is refused alone. Records are immutable: `update` and `delete` are refused, each alone.
//! [`parse`] costs nothing per item beyond the record itself, as long as action lines repeat.

use std::borrow::Cow;

use lingshao_model::log::LogBatch;

use crate::log_json::scan::Scanner;
use crate::log_json::{Reader, RecordContext};
use action::Action;

mod action;
mod render;

pub use render::{Answer, Outcome, render};

/// Most items of a request: a hundred times what shippers send, and what keeps a body of nothing but action lines from
/// costing many times its size.
pub const ITEMS_MAX: usize = 200_000;

/// What an item asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Keep a record.
    Index,
    /// Keep a record whose id is new.
    Create,
    /// Change a record.
    Update,
    /// Remove a record.
    Delete,
}

impl Verb {
    /// As it stands in bodies and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Index => "index",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
        }
    }
}

/// One item of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it asks for.
    pub verb: Verb,
    /// What becomes of it.
    pub planned: Planned,
}

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// It is this record of the batch.
    Record(usize),
    /// It cannot be done.
    Refused(Box<Refusal>),
}

/// Why an item cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The index that it named.
    pub index: String,
    /// The id that it named.
    pub id: Option<String>,
    /// HTTP's number.
    pub status: u16,
    /// Elasticsearch's name for it.
    pub kind: &'static str,
    /// For a person.
    pub reason: Cow<'static, str>,
}

/// Why a request is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BulkError {
    /// HTTP's number.
    pub status: u16,
    /// Elasticsearch's name for it.
    pub kind: &'static str,
    /// For a person.
    pub reason: String,
}

impl BulkError {
    fn malformed(reason: String) -> BulkError {
        BulkError { status: 400, kind: "illegal_argument_exception", reason }
    }

    fn invalid(what: &str) -> BulkError {
        let reason = format!("Validation Failed: 1: {what};");
        BulkError { status: 400, kind: "action_request_validation_exception", reason }
    }
}

/// Reads a body into a batch, and plans its items in their order. `default_index` is the one in the URL. After an error
/// the batch means nothing.
pub fn parse(
    body: &[u8],
    default_index: Option<&str>,
    reader: &mut Reader,
    batch: &mut LogBatch,
) -> Result<Vec<Item>, BulkError> {
    // Checking valid text first is many times faster than looking for what to replace.
    let body = std::str::from_utf8(body).map_or_else(|_| String::from_utf8_lossy(body), Cow::Borrowed);
    let mut lines = Lines { rest: &body, number: 0 };
    let mut items = Vec::new();
    let mut action = Action::default();
    while let Some(line) = lines.next() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if items.len() == ITEMS_MAX {
            let reason = format!("more than {ITEMS_MAX} items; send smaller requests");
            return Err(BulkError { status: 413, kind: "illegal_argument_exception", reason });
        }
        action.read(line, lines.number, default_index)?;
        let document = if action.verb == Verb::Delete { None } else { lines.next() };
        items.push(Item { verb: action.verb, planned: plan(&action, document, reader, batch) });
    }
    if items.is_empty() {
        return Err(BulkError::invalid("no requests added"));
    }
    Ok(items)
}

fn plan(action: &Action<'_>, document: Option<&str>, reader: &mut Reader, batch: &mut LogBatch) -> Planned {
    if let Some((status, kind, reason)) = &action.refusal {
        return action.refuse(*status, kind, reason.clone());
    }
    let Some(document) = document else {
        return action.refuse(
            400,
            "illegal_argument_exception",
            "the body ends before the item's document".into(),
        );
    };
    let context = RecordContext { id: action.id.as_deref(), ..RecordContext::new(&action.index) };
    match reader.record(document, &context, batch) {
        Ok(()) => Planned::Record(batch.len() - 1),
        Err(error) => action.refuse(400, "document_parsing_exception", error.to_string().into()),
    }
}

/// The lines of a body without their ends.
struct Lines<'b> {
    rest: &'b str,
    /// Of the last line, from 1.
    number: usize,
}

impl<'b> Iterator for Lines<'b> {
    type Item = &'b str;

    fn next(&mut self) -> Option<&'b str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest.as_bytes());
        let line = &self.rest[..end.unwrap_or(self.rest.len())];
        self.rest = &self.rest[end.map_or(self.rest.len(), |end| end + 1)..];
        self.number += 1;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

#[cfg(test)]
mod tests;
