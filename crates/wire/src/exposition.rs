//! Pages of metrics as targets expose them: Prometheus text 0.0.4 (and 1.0.0, which adds quoted names) and
//! OpenMetrics 1.0 text, read as Prometheus 3 reads them (`model/textparse`).
//!
//! [`Page`] is an iterator of [`Entry`] that borrow from the page. A steady scrape costs no allocation and no label:
//! [`Sample::series`] is the raw text of name and labels, which a caller hashes and finds again; only for a text
//! never seen before does it ask for [`Sample::labels`]. One bad line fails the page: the iterator gives the error,
//! with line and column, and ends. What came before it is the caller's to throw away, as Prometheus does.
//!
//! Differences from Prometheus, on purpose: the whole page must be UTF-8, comments included; a space is demanded
//! between a bare name and its value; blanks before a name are not part of it; a line (quoted newlines included)
//! is at most [`LINE_BYTES_MAX`] long.

mod cursor;
mod error;
mod labels;
mod number;
mod open_metrics;
#[cfg(test)]
mod tests;
mod text;
mod write;

use std::borrow::Cow;

use lingshao_model::{LabelsBuilder, Timestamp};

use cursor::{Cursor, Fault};
pub use error::{EXCERPT_CHARS_MAX, ExpositionError};
pub use write::PageWriter;

/// Longest line, and longest sample with quoted newlines. Real lines stay below 64 KiB; one that is longer is a
/// label value or help text gone wild, and must not be quoted, hashed and kept.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What a scraper sends as `Accept`.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
     application/openmetrics-text;version=0.0.1;q=0.5,\
     text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text, versions 0.0.4 and 1.0.0.
    Text,
    /// OpenMetrics text, versions 0.0.1 and 1.0.0.
    OpenMetrics,
}

/// Why a page's content type names none of the formats. A target configured with `fallback_scrape_protocol` is
/// read with that one instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentTypeError {
    /// The target does not say.
    #[error("the target sends no Content-Type; set fallback_scrape_protocol for it")]
    Missing,
    /// The target says something else.
    #[error(
        "unsupported Content-Type `{0}`; set fallback_scrape_protocol for a target that sends it wrongly"
    )]
    Unsupported(String),
    /// The protobuf format, which we do not ask for.
    #[error("the target sends the protobuf format, which was not asked for; only text formats are read")]
    Protobuf,
}

impl Format {
    /// From a response's `Content-Type`.
    pub fn from_content_type(content_type: Option<&str>) -> Result<Format, ContentTypeError> {
        let content_type = content_type.unwrap_or_default();
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "" => Err(ContentTypeError::Missing),
            "text/plain" => Ok(Format::Text),
            "application/openmetrics-text" => Ok(Format::OpenMetrics),
            "application/vnd.google.protobuf" => Err(ContentTypeError::Protobuf),
            _ => Err(ContentTypeError::Unsupported(error::escaped(content_type))),
        }
    }
}

/// What a metric is, as its `# TYPE` line says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricType {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Cumulative buckets, sum and count.
    Histogram,
    /// Buckets that go up and down (OpenMetrics).
    GaugeHistogram,
    /// Quantiles, sum and count.
    Summary,
    /// Text in labels, value 1 (OpenMetrics).
    Info,
    /// Booleans, one per state (OpenMetrics).
    StateSet,
    /// Nothing was said.
    #[default]
    Unknown,
}

impl MetricType {
    /// As the metadata API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::GaugeHistogram => "gaugehistogram",
            MetricType::Summary => "summary",
            MetricType::Info => "info",
            MetricType::StateSet => "stateset",
            MetricType::Unknown => "unknown",
        }
    }
}

/// One thing that a page says.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A measured value.
    Sample(Sample<'a>),
    /// `# TYPE`: holds for the samples that follow.
    Type {
        /// Metric family.
        name: Cow<'a, str>,
        /// Its type.
        kind: MetricType,
    },
    /// `# HELP`.
    Help {
        /// Metric family.
        name: Cow<'a, str>,
        /// What it means, unescaped.
        text: Cow<'a, str>,
    },
    /// `# UNIT` (OpenMetrics).
    Unit {
        /// Metric family.
        name: Cow<'a, str>,
        /// Its unit, which is also the end of its name; may be empty.
        unit: &'a str,
    },
}

/// One measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Name and labels exactly as they stand in the page: the key to find the series again.
    pub series: &'a str,
    /// The value; every NaN is the one ordinary NaN, so that no target can send a staleness marker.
    pub value: f64,
    /// When it was measured, if the target says so.
    pub timestamp: Option<Timestamp>,
    /// An example of what was counted (OpenMetrics).
    pub exemplar: Option<Exemplar<'a>>,
    /// Type in force on this line.
    pub kind: MetricType,
    format: Format,
}

impl<'a> Sample<'a> {
    /// Pushes the metric's name and all labels, unescaped, in the page's order; the builder is not cleared first.
    /// A label that stands twice is for the builder to find. `le` of histograms and `quantile` of summaries are
    /// spelled as OpenMetrics spells them (`1` becomes `1.0`), so that a series is the same in both formats.
    pub fn labels(&self, builder: &mut LabelsBuilder) {
        labels::push_all(self, builder);
    }

    /// The metric's name.
    pub fn name(&self) -> Cow<'a, str> {
        labels::name(self.series)
    }

    /// For a `_created` line of an OpenMetrics counter, histogram or summary: when that began to count. The line
    /// belongs to the samples of the same family ([`Sample::family`]) whose labels are the same but for `le` and
    /// `quantile`; it usually stands behind them. Prometheus keeps it as a series of its own too.
    pub fn created(&self) -> Option<Timestamp> {
        let counts = matches!(self.kind, MetricType::Counter | MetricType::Histogram | MetricType::Summary);
        let created = self.format == Format::OpenMetrics && counts && self.name().ends_with("_created");
        if created { Timestamp::from_seconds(self.value) } else { None }
    }

    /// The metric's name without the suffix that its type gives to this line.
    pub fn family(&self) -> Cow<'a, str> {
        let suffixes: &[&str] = match self.kind {
            MetricType::Counter => &["_total", "_created"],
            MetricType::Histogram => &["_bucket", "_sum", "_count", "_created"],
            MetricType::GaugeHistogram => &["_bucket", "_gsum", "_gcount"],
            MetricType::Summary => &["_sum", "_count", "_created"],
            MetricType::Info => &["_info"],
            MetricType::Gauge | MetricType::StateSet | MetricType::Unknown => &[],
        };
        let name = self.name();
        let suffix = suffixes.iter().find(|suffix| name.ends_with(*suffix)).map_or(0, |suffix| suffix.len());
        match name {
            Cow::Borrowed(name) => Cow::Borrowed(&name[..name.len() - suffix]),
            Cow::Owned(name) => Cow::Owned(name[..name.len() - suffix].to_owned()),
        }
    }
}

/// An example that belongs to a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar<'a> {
    /// Its labels as they stand in the page, braces included.
    pub text: &'a str,
    /// Its value.
    pub value: f64,
    /// When it happened, if the target says so.
    pub timestamp: Option<Timestamp>,
}

impl Exemplar<'_> {
    /// Pushes its labels, unescaped; the builder is not cleared first.
    pub fn labels(&self, builder: &mut LabelsBuilder) {
        labels::push_exemplar(self.text, builder);
    }
}

/// Reads a page, entry by entry; ends after the last or after the first error.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    cursor: Cursor<'a>,
    format: Format,
    kind: MetricType,
    ended: bool,
}

impl<'a> Page<'a> {
    /// Checks that the page is UTF-8, once.
    pub fn new(page: &'a [u8], format: Format) -> Result<Page<'a>, ExpositionError> {
        let text = std::str::from_utf8(page)
            .map_err(|error| ExpositionError::new(page, error.valid_up_to(), "the page is not UTF-8"))?;
        Ok(Page { cursor: Cursor::new(text), format, kind: MetricType::Unknown, ended: false })
    }

    #[inline]
    fn read(&mut self) -> Result<Option<Entry<'a>>, Fault> {
        loop {
            let start = self.cursor.at;
            let line = match self.format {
                Format::Text => text::line(&mut self.cursor, self.kind),
                Format::OpenMetrics => open_metrics::line(&mut self.cursor, self.kind),
            }?;
            if self.cursor.at - start > LINE_BYTES_MAX {
                return Err(Fault { at: start, what: "a line is longer than 1048576 bytes" });
            }
            match line {
                Line::Nothing => {}
                Line::End => return Ok(None),
                Line::Entry(entry) => {
                    if let Entry::Type { kind, .. } = &entry {
                        self.kind = *kind;
                    }
                    return Ok(Some(entry));
                }
            }
        }
    }
}

/// What one line of a page is.
enum Line<'a> {
    Entry(Entry<'a>),
    /// Blank, or a comment.
    Nothing,
    /// The page's end.
    End,
}

impl<'a> Iterator for Page<'a> {
    type Item = Result<Entry<'a>, ExpositionError>;

    #[inline]
    fn next(&mut self) -> Option<Result<Entry<'a>, ExpositionError>> {
        if self.ended {
            return None;
        }
        match self.read() {
            Ok(Some(entry)) => Some(Ok(entry)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(fault) => {
                self.ended = true;
                Some(Err(ExpositionError::new(self.cursor.text.as_bytes(), fault.at, fault.what)))
            }
        }
    }
}
