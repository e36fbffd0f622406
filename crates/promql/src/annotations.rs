//! What an evaluation has to say besides its value: warnings and infos, in Prometheus' words.
//!
//! One text stands once, however often it arises (the last position wins, as in Prometheus); positions become
//! `line:column` only at the end, when the query's text is at hand.

use crate::ast::Span;
use crate::functions::format::{general, general_rounded};
use crate::functions::time::rfc3339;
use crate::quote::go_quote;

/// One warning or info.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// How serious it is.
    pub level: Level,
    /// The text without its position.
    pub message: String,
    /// What of the query it is about; `None` for a note of the storage.
    pub span: Option<Span>,
    /// What was fixed, for the one note that grows with each occurrence.
    forced: Option<Forced>,
}

/// How serious a [`Note`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The result may be wrong or is missing something.
    Warning,
    /// Good to know.
    Info,
}

/// Extent of the changes that made classic histograms' counts grow with their bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Forced {
    from: i64,
    to: i64,
    fix: MonotonicityFix,
    count: u64,
}

/// One forced change of a classic histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MonotonicityFix {
    /// Lowest upper bound whose count was raised.
    pub(crate) bucket_min: f64,
    /// Highest upper bound whose count was raised.
    pub(crate) bucket_max: f64,
    /// The largest rise.
    pub(crate) difference_max: f64,
}

impl Note {
    fn new(level: Level, span: Span, message: &str) -> Note {
        let prefix = match level {
            Level::Warning => "PromQL warning",
            Level::Info => "PromQL info",
        };
        Note { level, message: format!("{prefix}: {message}"), span: Some(span), forced: None }
    }

    fn warning(span: Span, message: &str) -> Note {
        Note::new(Level::Warning, span, message)
    }

    fn info(span: Span, message: &str) -> Note {
        Note::new(Level::Info, span, message)
    }

    /// From the storage, in its own words.
    pub(crate) fn storage(message: String) -> Note {
        Note { level: Level::Warning, message, span: None, forced: None }
    }

    pub(crate) fn invalid_quantile(quantile: f64, span: Span) -> Note {
        let got = general(quantile);
        Note::warning(span, &format!("quantile value should be between 0 and 1, got {got}"))
    }

    pub(crate) fn invalid_ratio(ratio: f64, cap: f64, span: Span) -> Note {
        let (got, cap) = (general(ratio), general(cap));
        Note::warning(span, &format!("ratio value should be between -1 and 1, got {got}, capping to {cap}"))
    }

    pub(crate) fn bad_bucket_label(name: &str, label: &str, span: Span) -> Note {
        let label = go_quote(label);
        let message = format!("bucket label \"le\" is missing or has a malformed value of {label}");
        Note::warning(span, &with_name(message, name))
    }

    pub(crate) fn sort_in_range_query(span: Span) -> Note {
        let message = "sort is ineffective for range queries since results are always ordered by labels";
        Note::warning(span, message)
    }

    pub(crate) fn possible_non_counter(name: &str, span: Span) -> Note {
        let name = go_quote(name);
        let message = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
        Note::info(span, &format!("{message} {name}"))
    }

    pub(crate) fn incompatible_types(left: &str, op: &str, right: &str, span: Span) -> Note {
        let message = "incompatible sample types encountered for binary operator";
        Note::info(span, &format!("{message} {}: {left} {op} {right}", go_quote(op)))
    }

    pub(crate) fn forced_monotonicity(name: &str, span: Span, at: i64, fix: MonotonicityFix) -> Note {
        let message = "input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
        let note = Note::info(span, &with_name(message.to_owned(), name));
        Note { forced: Some(Forced { from: at, to: at, fix, count: 1 }), ..note }
    }

    /// The text with its position in the query.
    pub fn text(&self, query: &str) -> String {
        let mut text = self.message.clone();
        if let Some(forced) = &self.forced {
            text.push_str(&forced.extent());
        }
        if let Some(span) = self.span {
            let (line, column) = span.line_column(query);
            text.push_str(&format!(" ({line}:{column})"));
        }
        text
    }
}

impl Forced {
    fn extent(&self) -> String {
        format!(
            ", from buckets {} to {}, with a max diff of {}, over {} samples from {} to {}",
            general(self.fix.bucket_min),
            general(self.fix.bucket_max),
            general_rounded(self.fix.difference_max, 2),
            self.count,
            rfc3339(self.from / 1000),
            rfc3339(self.to / 1000),
        )
    }

    fn widen(&mut self, other: &Forced) {
        self.from = self.from.min(other.from);
        self.to = self.to.max(other.to);
        self.fix.bucket_min = self.fix.bucket_min.min(other.fix.bucket_min);
        self.fix.bucket_max = self.fix.bucket_max.max(other.fix.bucket_max);
        self.fix.difference_max = self.fix.difference_max.max(other.fix.difference_max);
        self.count += other.count;
    }
}

fn with_name(message: String, name: &str) -> String {
    if name.is_empty() { message } else { format!("{message} for metric name {}", go_quote(name)) }
}

/// Notes without repetition, in the order of their first occurrence, at most [`NOTES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Note>);

/// Names of metrics are part of the texts, so their number is the data's; an answer needs no more of them.
const NOTES_MAX: usize = 1000;

impl Notes {
    pub(crate) fn add(&mut self, note: Note) {
        if let Some(own) = self.0.iter_mut().find(|own| own.message == note.message) {
            own.span = note.span;
            if let (Some(own), Some(other)) = (&mut own.forced, &note.forced) {
                own.widen(other);
            }
        } else if self.0.len() < NOTES_MAX {
            self.0.push(note);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Note> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { start: 3, end: 8 };

    #[test]
    fn one_text_stands_once_and_grows() {
        let mut notes = Notes::default();
        notes.add(Note::invalid_ratio(1.1, 1.0, SPAN));
        notes.add(Note::invalid_ratio(1.1, 1.0, Span { start: 9, end: 10 }));
        for (at, low, high, difference) in [
            (1_735_084_800_000, 5.0, 50.0, 5.5),
            (1_703_462_400_000, 10.0, 100.0, 10.0),
            (1_733_011_200_000, 2.5, 75.0, 7.5),
        ] {
            let fix = MonotonicityFix { bucket_min: low, bucket_max: high, difference_max: difference };
            notes.add(Note::forced_monotonicity("s", SPAN, at, fix));
        }
        let texts: Vec<String> =
            notes.into_vec().iter().map(|note| note.text("lorem ipsum\ndolor")).collect();
        assert_eq!(
            texts,
            [
                "PromQL warning: ratio value should be between -1 and 1, got 1.1, capping to 1 (1:10)",
                "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) for metric name \"s\", from buckets 2.5 to 100, with a max diff of 10, over 3 samples from 2023-12-25T00:00:00Z to 2024-12-25T00:00:00Z (1:4)",
            ]
        );
    }
}
