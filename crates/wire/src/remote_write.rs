//! Prometheus remote write 1.0 (`prometheus.WriteRequest`) and 2.0 (`io.prometheus.write.v2.Request`), decompressed.
//!
//! One pass over the body straight into a [`SeriesBatch`]; texts are borrowed, nothing is allocated per series or
//! sample. A body that is not protobuf is refused whole, with the byte; a series that must not be stored (bad
//! labels, native histogram) is counted in [`Refusals`] and the rest is kept, as DESIGN.md's invariant 2 demands.

mod encode;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

use lingshao_model::{LabelsBuilder, LabelsError, METRIC_NAME, Refusal, Refusals, SeriesBatch, Timestamp};

pub use crate::protobuf::ProtobufError;
use crate::protobuf::{Reader, Wire};
pub use encode::{encode_v1, encode_v2};
pub use v1::decode_v1;
pub use v2::decode_v2;

/// Most samples in one request. An honest sample takes 18 bytes or more on the wire, so a body of 32 MiB (the
/// default of [`crate::snappy::DecodeLimits`]) never reaches this; empty sample messages of two bytes would.
pub const SAMPLES_MAX: usize = 2_000_000;

/// Most labels of one series that are looked at; the storage's own limit is far lower. Beyond this the series is
/// refused without being collected.
pub const LABELS_MAX: usize = 1_024;

/// Most symbols in one request of version 2: sixteen bytes of memory each.
pub const SYMBOLS_MAX: usize = 1_000_000;

/// What a body held, whether kept or refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Time series, refused ones included.
    pub series: u64,
    /// Float samples that are now in the batch.
    pub samples: u64,
    /// Native histograms; all were refused.
    pub histograms: u64,
    /// Exemplars; they are counted and dropped.
    pub exemplars: u64,
    /// Metadata entries; they are counted and dropped.
    pub metadata: u64,
}

/// Why a body was refused whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not protobuf, or not these messages.
    #[error(transparent)]
    Protobuf(#[from] ProtobufError),
    /// More of something than one request may hold.
    #[error("more than {max} {what} in one request; send smaller requests")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Version 2 demands that symbol 0 is the empty text.
    #[error("the first symbol must be the empty string (remote write 2.0)")]
    FirstSymbol,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

/// Why a request's headers are not remote write; answered with 415.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationError {
    /// Another content type, or an unknown message.
    #[error(
        "unsupported content type `{0}`; send `application/x-protobuf` with `proto=prometheus.WriteRequest` or \
         `proto=io.prometheus.write.v2.Request`"
    )]
    ContentType(String),
    /// Another compression.
    #[error("unsupported content encoding `{0}`; remote write is compressed with `snappy` (block format)")]
    ContentEncoding(String),
}

/// Which message a request carries. No content type means version 1, as Prometheus has it; an absent encoding
/// means snappy, because every receiver so far assumed it.
pub fn negotiate(
    content_type: Option<&str>,
    content_encoding: Option<&str>,
) -> Result<Version, NegotiationError> {
    if let Some(encoding) = content_encoding.map(str::trim).filter(|encoding| !encoding.is_empty())
        && !encoding.eq_ignore_ascii_case("snappy")
    {
        return Err(NegotiationError::ContentEncoding(excerpt(encoding)));
    }
    let Some(content_type) = content_type.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(Version::V1);
    };
    let unsupported = || NegotiationError::ContentType(excerpt(content_type));
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/x-protobuf")) {
        return Err(unsupported());
    }
    for part in parts {
        let Some((name, value)) = part.split_once('=') else { return Err(unsupported()) };
        if name.trim().eq_ignore_ascii_case("proto") {
            return match value.trim().trim_matches('"') {
                "prometheus.WriteRequest" => Ok(Version::V1),
                "io.prometheus.write.v2.Request" => Ok(Version::V2),
                _ => Err(unsupported()),
            };
        }
    }
    Ok(Version::V1)
}

/// What the decoders keep between series.
struct Sink<'a> {
    batch: &'a mut SeriesBatch,
    refusals: &'a mut Refusals,
    labels: LabelsBuilder,
    decoded: Decoded,
    /// Whether a series without samples is a fault.
    samples_required: bool,
}

/// What is known of a series while its message is read.
#[derive(Default)]
struct Series {
    labels: usize,
    named: bool,
    histograms: u64,
    fault: Option<Fault>,
}

/// The first thing wrong with a series' labels.
#[derive(Clone, Copy)]
enum Fault {
    EmptyName,
    NotUtf8,
    TooManyLabels,
    Reference,
    OddReferences,
}

impl Fault {
    fn text(self) -> &'static str {
        match self {
            Fault::EmptyName => "empty label name",
            Fault::NotUtf8 => "a label is not UTF-8",
            Fault::TooManyLabels => "more than 1024 labels",
            Fault::Reference => "a label reference beyond the symbols",
            Fault::OddReferences => "an odd number of label references",
        }
    }
}

impl Sink<'_> {
    fn new<'a>(batch: &'a mut SeriesBatch, refusals: &'a mut Refusals) -> Sink<'a> {
        Sink {
            batch,
            refusals,
            labels: LabelsBuilder::default(),
            decoded: Decoded::default(),
            samples_required: false,
        }
    }

    #[inline]
    fn label(&mut self, series: &mut Series, name: Option<&str>, value: Option<&str>) {
        series.labels += 1;
        match (name, value) {
            (Some(""), _) => series.fail(Fault::EmptyName),
            (Some(_), Some(_)) if series.labels > LABELS_MAX => series.fail(Fault::TooManyLabels),
            (Some(name), Some(value)) => {
                series.named = series.named || (name == METRIC_NAME && !value.is_empty());
                self.labels.push(name, value);
            }
            _ => series.fail(Fault::NotUtf8),
        }
    }

    #[inline]
    fn sample(&mut self, sample: &PlainSample) -> Result<(), WireError> {
        if self.batch.sample_count() >= SAMPLES_MAX {
            return Err(WireError::TooMany { what: "samples", max: SAMPLES_MAX });
        }
        let start = (sample.start != 0).then_some(Timestamp(sample.start));
        self.batch.push(Timestamp(sample.t), start, sample.value);
        Ok(())
    }

    /// Ends a series: keeps it or counts why not. The builder is empty afterwards.
    #[inline]
    fn finish(&mut self, series: &Series) {
        self.decoded.series += 1;
        self.decoded.histograms += series.histograms;
        if series.fault.is_some() || !series.named {
            self.refuse_labels(series);
        } else {
            self.keep(series);
        }
        self.labels.clear();
    }

    fn keep(&mut self, series: &Series) {
        let pending = self.batch.pending();
        if series.histograms > 0 {
            self.refusals.add(Refusal::NativeHistogram, series.histograms, || describe(&self.labels));
        }
        if pending == 0 {
            if self.samples_required && series.histograms == 0 {
                self.refusals.add(Refusal::NoSamples, 1, || describe(&self.labels));
            }
            return;
        }
        match self.batch.finish_series(&mut self.labels) {
            Ok(()) => self.decoded.samples += pending as u64,
            Err((dropped, error)) => {
                self.refusals.add(Refusal::InvalidLabels, dropped, || explain(&error, &self.labels));
            }
        }
    }

    #[cold]
    fn refuse_labels(&mut self, series: &Series) {
        let count = (self.batch.drop_pending() + series.histograms).max(1);
        let (reason, what) = match series.fault {
            Some(Fault::TooManyLabels) => (Refusal::LabelLimit, Fault::TooManyLabels.text()),
            Some(fault) => (Refusal::InvalidLabels, fault.text()),
            None => (Refusal::InvalidLabels, "no metric name"),
        };
        self.refusals.add(reason, count, || format!("{}: {what}", describe(&self.labels)));
    }
}

impl Series {
    #[cold]
    fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }
}

/// One float sample of either version.
#[derive(Default)]
struct PlainSample {
    t: i64,
    start: i64,
    value: f64,
}

impl PlainSample {
    /// `Sample` of both versions: value 1, timestamp 2, and only in version 2 the start timestamp 3.
    #[inline]
    fn read(mut message: Reader<'_>) -> Result<PlainSample, ProtobufError> {
        let mut sample = PlainSample::default();
        // What every sender writes: the value, then the time.
        if let [0x09, rest @ ..] = message.rest()
            && let Some((value, [0x10, ..])) = rest.split_first_chunk::<8>()
        {
            sample.value = f64::from_le_bytes(*value);
            message.advance(10);
            sample.t = message.varint()? as i64;
        }
        while let Some((number, wire)) = message.field()? {
            match number {
                1 => {
                    message.expect(wire, Wire::Fixed64)?;
                    sample.value = f64::from_bits(message.fixed64()?);
                }
                2 | 3 => {
                    message.expect(wire, Wire::Varint)?;
                    let time = message.varint()? as i64;
                    *(if number == 2 { &mut sample.t } else { &mut sample.start }) = time;
                }
                _ => message.skip(wire)?,
            }
        }
        Ok(sample)
    }
}

/// A series for an error text, whatever its labels are, within 200 characters.
fn describe(labels: &LabelsBuilder) -> String {
    const CHARS_MAX: usize = 200;
    let name = labels.get(METRIC_NAME).unwrap_or_default();
    let mut text = name.to_owned();
    text.push('{');
    for (name, value) in labels.pairs().filter(|(name, _)| *name != METRIC_NAME).take(CHARS_MAX) {
        let separator = if text.ends_with('{') { "" } else { ", " };
        text.push_str(&format!("{separator}{name}={value:?}"));
        if text.len() > 4 * CHARS_MAX {
            break;
        }
    }
    text.push('}');
    if text.chars().count() > CHARS_MAX {
        text = text.chars().take(CHARS_MAX - 1).collect();
        text.push('…');
    }
    text
}

fn explain(error: &LabelsError, labels: &LabelsBuilder) -> String {
    format!("{}: {}", describe(labels), excerpt(&error.to_string()))
}

/// At most 80 characters of a text from outside, escaped.
fn excerpt(text: &str) -> String {
    let mut short: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}
