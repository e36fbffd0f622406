//! The answer to `_search`, written straight into bytes.

use lingshao_model::log::{LogFound, LogHit, SortField, TotalWanted};
use serde::Serialize;

use super::{SearchRequest, Source, fields, sort};
use crate::es::aggs;
use crate::log_json;

/// What an answer says beside what was found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// Milliseconds.
    pub took: u64,
    /// Whether the search was stopped by its own time.
    pub timed_out: bool,
    /// Indices, which are a shard each.
    pub shards: Shards,
    /// To go on with.
    pub scroll_id: Option<&'a str>,
    /// The point in time, which may have another name now.
    pub pit_id: Option<&'a str>,
}

/// How many indices were asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shards {
    /// All.
    pub total: usize,
    /// Those that could not be read.
    pub failed: usize,
}

impl Shards {
    /// Appends the object.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let Shards { total, failed } = self;
        json(
            out,
            &serde_json::json!({"total": total, "successful": total - failed.min(total), "skipped": 0, "failed": failed}),
        );
    }
}

/// The body of an answer.
pub fn render(found: LogFound, request: &SearchRequest, answer: &Answer<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + 1024 * found.hits.len());
    write(found, request, answer, &mut out);
    out
}

/// Appends an answer.
pub(crate) fn write(found: LogFound, request: &SearchRequest, answer: &Answer<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(id) = answer.scroll_id {
        member(out, "_scroll_id", id);
        out.push(b',');
    }
    if let Some(id) = answer.pit_id {
        member(out, "pit_id", id);
        out.push(b',');
    }
    member(out, "took", &answer.took);
    out.push(b',');
    member(out, "timed_out", &answer.timed_out);
    out.extend_from_slice(b",\"_shards\":");
    answer.shards.write(out);
    out.extend_from_slice(b",\"hits\":");
    hits(&found, request, out);
    if !request.aggregations.is_empty() {
        let outcomes = aggs::outcomes(&request.aggregations, found.aggregations);
        out.extend_from_slice(b",\"aggregations\":");
        aggs::render(&request.aggregations, &outcomes, request.typed_keys, out);
    }
    if request.profile {
        out.extend_from_slice(b",\"profile\":{\"shards\":[]}");
    }
    out.push(b'}');
}

fn hits(found: &LogFound, request: &SearchRequest, out: &mut Vec<u8>) {
    request.write_hits(found.total, found.more, &found.hits, out);
}

impl SearchRequest {
    /// Appends the object with the hits.
    pub(in crate::es) fn write_hits(&self, total: u64, more: bool, hits: &[LogHit], out: &mut Vec<u8>) {
        out.push(b'{');
        match self.total {
            TotalWanted::Nothing => {}
            _ if self.total_as_int => {
                member(out, "total", &total);
                out.push(b',');
            }
            _ => {
                out.extend_from_slice(b"\"total\":{");
                member(out, "value", &total);
                out.push(b',');
                member(out, "relation", if more { "gte" } else { "eq" });
                out.extend_from_slice(b"},");
            }
        }
        let is_scored = self.shows_scores() && !hits.is_empty();
        out.extend_from_slice(if is_scored { b"\"max_score\":1.0" } else { b"\"max_score\":null" });
        out.extend_from_slice(b",\"hits\":[");
        let mut scratch = Vec::new();
        for (number, hit) in hits.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            self.write_hit(hit, &mut scratch, out);
        }
        out.extend_from_slice(b"]}");
    }

    fn shows_scores(&self) -> bool {
        self.track_scores
            || self.sort.iter().any(|sort| sort.key.field == SortField::Score)
            || (self.sort.is_empty() && self.after.is_none())
    }

    fn write_hit(&self, hit: &LogHit, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        let record = &hit.record;
        out.push(b'{');
        member(out, "_index", &*record.index);
        out.push(b',');
        member(out, "_id", &record.id);
        if self.version {
            out.extend_from_slice(b",\"_version\":1");
        }
        if self.seq_no {
            out.push(b',');
            member(out, "_seq_no", &record.seq);
            out.extend_from_slice(b",\"_primary_term\":1");
        }
        out.extend_from_slice(if self.shows_scores() { b",\"_score\":1.0" } else { b",\"_score\":null" });
        match &self.source {
            Source::Nothing => {}
            Source::Whole => {
                out.extend_from_slice(b",\"_source\":");
                log_json::write(record, out);
            }
            Source::Part(filter) => {
                scratch.clear();
                log_json::write(record, scratch);
                out.extend_from_slice(b",\"_source\":");
                filter.apply(scratch, out);
            }
        }
        self.write_fields(hit, out);
        self.write_highlight(hit, out);
        self.write_sort(hit, out);
        out.push(b'}');
    }

    fn write_fields(&self, hit: &LogHit, out: &mut Vec<u8>) {
        if self.fields.is_empty() && self.doc_values.is_empty() {
            return;
        }
        let wanted: Vec<_> = self.fields.iter().chain(&self.doc_values).cloned().collect();
        let before = out.len();
        out.extend_from_slice(b",\"fields\":");
        if !fields::write(&wanted, &hit.record, out) {
            out.truncate(before);
        }
    }

    fn write_highlight(&self, hit: &LogHit, out: &mut Vec<u8>) {
        let Some(highlight) = &self.highlight else { return };
        let before = out.len();
        out.extend_from_slice(b",\"highlight\":");
        if !highlight.write(&hit.record, out) {
            out.truncate(before);
        }
    }

    fn write_sort(&self, hit: &LogHit, out: &mut Vec<u8>) {
        if self.sort.is_empty() && self.pit.is_none() {
            return;
        }
        out.extend_from_slice(b",\"sort\":");
        self.write_sort_values(hit, out);
    }

    /// Appends the list of a hit's values, one a key.
    pub(in crate::es) fn write_sort_values(&self, hit: &LogHit, out: &mut Vec<u8>) {
        out.push(b'[');
        for (number, value) in hit.sort.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            match self.sort.get(number) {
                Some(sort) => sort.write_value(value, out),
                None => sort::write_plain(value, out),
            }
        }
        out.push(b']');
    }
}

fn member<T: Serialize + ?Sized>(out: &mut Vec<u8>, name: &str, value: &T) {
    json(out, name);
    out.push(b':');
    json(out, value);
}

fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("texts and numbers are always JSON, and a Vec takes every byte");
}
