//! JSON objects and lines of text into log records, in one pass and without an allocation per value.
//!
//! Contract: nested objects become names joined by dots, items of arrays become values with `listed`. Whatever these
//! columns would not give back exactly (objects and arrays inside of arrays, empty ones, names with dots of their own or
//! empty ones, names that stand twice, numbers beyond 64 bits, whatever exceeds a limit) makes the record carry its own
//! JSON as `source`; what of it can be searched for is there all the same. Time, level and message are found by the names
//! that producers use, and objects that are embedded in texts are lifted. Fields stay as they were
//! sent; what is derived is added only where the record has nothing of the name.
//!
//! The limits below hold for every record. What exceeds one is left out of the columns, named in the field `_ignored`,
//! counted in [`Counts`], and stays in `source`. A batch takes at most some sixteen times the bytes that were read: an
//! array of digits is the worst.

use std::sync::Arc;

use lingshao_model::log::{LogBatch, LogTime, LogValue};

pub(crate) use draft::Draft;
use draft::Scratch;
use names::Names;
use scan::{Fault, Scanner};

use crate::mask::Masker;

pub(crate) mod dialect;
mod draft;
mod edits;
mod lift;
mod names;
mod plain;
mod read;
pub(crate) mod scan;
mod write;

pub(crate) use write::value;
pub use write::write;

/// Largest record: a request log with its stack trace has some 10 kB; a megabyte is somebody's upload.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Longest text that is searched through: eight times what Elasticsearch takes for one keyword.
pub const VALUE_BYTES_MAX: usize = 256 << 10;
/// Different names, those of objects included: Elasticsearch's own limit (`index.mapping.total_fields.limit`).
pub const FIELDS_MAX: usize = 1_000;
/// Values, items of arrays included: what a page can show, and ten for each name.
pub const VALUES_MAX: usize = 10_000;
/// Longest name with those that it stands in: people type it, and it is compared once for every value.
pub const NAME_BYTES_MAX: usize = 512;
/// Deepest nesting; what lies deeper is kept as text. Elasticsearch's limit is 20.
pub const DEPTH_MAX: usize = 32;

/// How lines become records.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the clocks of producers stand that name no zone, in seconds east of UTC.
    pub zone_seconds: i32,
    /// Whether objects that are embedded in messages become fields.
    pub lift: bool,
    /// Whether messages of records without a level are looked into: lines of nginx, uvicorn, Python's logging …
    pub recognise: bool,
    /// Masks personal data; `None`: it stays as it was sent.
    pub masker: Option<Masker>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { zone_seconds: 8 * 3600, lift: true, recognise: true, masker: None }
    }
}

/// What is known of a record beside its own text.
#[derive(Clone, Copy, Debug)]
pub struct RecordContext<'a> {
    /// Where it belongs.
    pub index: &'a str,
    /// The sender's own name for it.
    pub id: Option<&'a str>,
    /// When it happened, if the record does not say so.
    pub time: Option<LogTime>,
    /// Fields that are added where the record has none of the name: the host, the file, the stream.
    pub fields: &'a [(&'a str, &'a str)],
}

impl<'a> RecordContext<'a> {
    /// Nothing is known but where it belongs.
    pub fn new(index: &'a str) -> RecordContext<'a> {
        RecordContext { index, id: None, time: None, fields: &[] }
    }
}

/// Why a text is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is no JSON object.
    #[error("no JSON object: {what} at byte {at}")]
    Malformed {
        /// Byte of the record.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// It is too large.
    #[error("the record has {bytes} bytes, more than {RECORD_BYTES_MAX}; send large values elsewhere")]
    TooLarge {
        /// How large it is.
        bytes: usize,
    },
}

impl From<Fault> for RecordError {
    fn from(fault: Fault) -> RecordError {
        RecordError::Malformed { at: fault.at, what: fault.what }
    }
}

/// What was changed or left out of all records since the reader was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Fields or items that cannot be searched for.
    pub fields_dropped: u64,
    /// Values of which only the beginning can be searched for.
    pub values_cut: u64,
    /// Values in which something was masked.
    pub values_masked: u64,
}

/// Reads records one after the other; it remembers the order of their names and keeps its memory.
#[derive(Debug)]
pub struct Reader {
    settings: Arc<Settings>,
    names: Names,
    scratch: Scratch,
    counts: Counts,
}

impl Reader {
    /// A reader that has seen nothing yet.
    pub fn new(settings: Arc<Settings>) -> Reader {
        let names = Names::new(settings.masker.clone());
        Reader { settings, names, scratch: Scratch::default(), counts: Counts::default() }
    }

    /// What was changed or left out so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Where the clocks of producers stand that name no zone.
    pub(crate) fn zone_seconds(&self) -> i32 {
        self.settings.zone_seconds
    }

    /// Adds one JSON object. An error leaves the batch as it was.
    pub fn record(
        &mut self,
        json: &str,
        context: &RecordContext<'_>,
        batch: &mut LogBatch,
    ) -> Result<(), RecordError> {
        if json.len() > RECORD_BYTES_MAX {
            return Err(RecordError::TooLarge { bytes: json.len() });
        }
        let (mut scanner, draft) = self.object(json, context, batch)?;
        scanner.end()?;
        draft.complete(Some(json), context);
        Ok(())
    }

    /// Adds a line that is no JSON: it is the record's message.
    pub fn text(&mut self, line: &str, context: &RecordContext<'_>, batch: &mut LogBatch) {
        let mut draft = self.draft(context, batch);
        draft.add("message", LogValue::Text(line));
        draft.complete(None, context);
    }

    /// Adds a line of which nobody knows what it is: objects as far as it reads as such, else text. Answers how many
    /// records it was. An id is the first one's.
    pub fn line(&mut self, line: &str, context: &RecordContext<'_>, batch: &mut LogBatch) -> usize {
        let before = batch.len();
        let mut context = *context;
        let mut rest = line.trim();
        while rest.starts_with('{') && rest.len() <= RECORD_BYTES_MAX {
            let Ok((scanner, draft)) = self.object(rest, &context, batch) else { break };
            let (object, behind) = rest.split_at(scanner.at);
            let behind = behind.trim_start();
            if !behind.is_empty() && !behind.starts_with('{') {
                break;
            }
            draft.complete(Some(object), &context);
            context.id = None;
            rest = behind;
        }
        if !rest.is_empty() {
            self.text(rest, &context, batch);
        }
        batch.len() - before
    }

    /// An object at the beginning of a text as a record that is not finished; the scanner stands behind it.
    pub(crate) fn object<'r, 't>(
        &'r mut self,
        json: &'t str,
        context: &RecordContext<'_>,
        batch: &'r mut LogBatch,
    ) -> Result<(Scanner<'t>, Draft<'r>), Fault> {
        let mut draft = self.draft(context, batch);
        let mut scanner = Scanner::new(json);
        scanner.blanks();
        read::object(&mut scanner, &mut draft)?;
        Ok((scanner, draft))
    }

    /// A record that a decoder fills.
    pub(crate) fn draft<'r>(&'r mut self, context: &RecordContext<'_>, batch: &'r mut LogBatch) -> Draft<'r> {
        let mut record = batch.begin(context.index);
        if let Some(id) = context.id {
            record.id(id);
        }
        Draft::new(&self.settings, &mut self.names, &mut self.scratch, &mut self.counts, record)
    }
}

#[cfg(test)]
pub(crate) mod tests;
