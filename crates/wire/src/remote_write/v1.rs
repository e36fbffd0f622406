//! `prometheus.WriteRequest`: labels as texts in every series.
//!
//! Field numbers (prometheus `prompb/remote.proto`, `prompb/types.proto`): WriteRequest { timeseries 1, metadata 3 },
//! TimeSeries { labels 1, samples 2, exemplars 3, histograms 4 }, Label { name 1, value 2 }.

use lingshao_model::{Refusals, SeriesBatch};

use super::{Decoded, PlainSample, Series, Sink, WireError};
use crate::protobuf::{ProtobufError, Reader, Wire};

/// Adds a decompressed body's series to `batch` and what must not be kept to `refusals`. After an error `batch`
/// holds the series before it; the caller throws it away.
///
/// A series without a metric name, with a name twice, with an empty name or with bytes that are not UTF-8 is
/// refused, as Prometheus does (`storage/remote/write_handler.go`).
pub fn decode_v1(
    body: &[u8],
    batch: &mut SeriesBatch,
    refusals: &mut Refusals,
) -> Result<Decoded, WireError> {
    let mut sink = Sink::new(batch, refusals);
    let mut request = Reader::new(body);
    while let Some((number, wire)) = request.field()? {
        match number {
            1 => {
                request.expect(wire, Wire::Bytes)?;
                let message = request.message()?;
                if let Err(error) = series(message, &mut sink) {
                    sink.batch.drop_pending();
                    return Err(error);
                }
            }
            3 => {
                request.expect(wire, Wire::Bytes)?;
                request.message()?;
                sink.decoded.metadata += 1;
            }
            _ => request.skip(wire)?,
        }
    }
    Ok(sink.decoded)
}

fn series(mut message: Reader<'_>, sink: &mut Sink<'_>) -> Result<(), WireError> {
    let mut series = Series::default();
    let texts = Texts::new(&message);
    while let Some((number, wire)) = message.field()? {
        if !(1..=4).contains(&number) {
            message.skip(wire)?;
            continue;
        }
        message.expect(wire, Wire::Bytes)?;
        let inner = message.message()?;
        match number {
            1 => {
                let (name, value) = label(inner, &texts)?;
                sink.label(&mut series, name, value);
            }
            2 => sink.sample(&PlainSample { start: 0, ..PlainSample::read(inner)? })?,
            3 => sink.decoded.exemplars += 1,
            _ => series.histograms += 1,
        }
    }
    sink.finish(&series);
    Ok(())
}

/// Name and value; `None` where they are not UTF-8.
type Label<'a> = (Option<&'a str>, Option<&'a str>);

#[inline]
fn label<'a>(mut message: Reader<'a>, texts: &Texts<'a>) -> Result<Label<'a>, ProtobufError> {
    // What every sender writes: name and value, both shorter than 128 bytes.
    let at = message.offset();
    if let [0x0a, name_length @ 0..0x80, rest @ ..] = message.rest()
        && let Some((name, [0x12, value_length @ 0..0x80, value @ ..])) =
            rest.split_at_checked(usize::from(*name_length))
        && value.len() == usize::from(*value_length)
    {
        return Ok((texts.get(name, at + 2), texts.get(value, at + 4 + name.len())));
    }
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some((number, wire)) = message.field()? {
        match number {
            1 | 2 => {
                message.expect(wire, Wire::Bytes)?;
                let text = message.bytes()?;
                *(if number == 1 { &mut name } else { &mut value }) = text;
            }
            _ => message.skip(wire)?,
        }
    }
    Ok((std::str::from_utf8(name).ok(), std::str::from_utf8(value).ok()))
}

/// The part of a series' message that is UTF-8 as a whole, tags and short lengths being ASCII: nearly always all
/// its labels. One check of it costs half as much as one of each name and value.
struct Texts<'a> {
    checked: &'a str,
    /// Where it starts in the body.
    offset: usize,
}

impl<'a> Texts<'a> {
    fn new(message: &Reader<'a>) -> Texts<'a> {
        let bytes = message.rest();
        let checked =
            std::str::from_utf8(bytes).or_else(|error| std::str::from_utf8(&bytes[..error.valid_up_to()]));
        Texts { checked: checked.unwrap_or_default(), offset: message.offset() }
    }

    /// The text that stands in the body at `at` as `bytes`.
    #[inline]
    fn get(&self, bytes: &'a [u8], at: usize) -> Option<&'a str> {
        let start = at - self.offset;
        match self.checked.get(start..start + bytes.len()) {
            Some(text) => Some(text),
            None => std::str::from_utf8(bytes).ok(),
        }
    }
}
