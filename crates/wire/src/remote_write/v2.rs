//! `io.prometheus.write.v2.Request`: labels as pairs of references into one table of symbols.
//!
//! Field numbers (prometheus `prompb/io/prometheus/write/v2/types.proto`): Request { symbols 4, timeseries 5 },
//! TimeSeries { labels_refs 1, samples 2, histograms 3, exemplars 4, metadata 5 },
//! Sample { value 1, timestamp 2, start_timestamp 3 }.

use lingshao_model::{Refusals, SeriesBatch};

use super::{Decoded, Fault, PlainSample, SYMBOLS_MAX, Series, Sink, WireError};
use crate::protobuf::{Reader, Wire};

/// As [`super::decode_v1`], of version 2. A series whose references are odd in number or point beyond the symbols
/// is refused; so is one without samples, which version 2 forbids.
pub fn decode_v2(
    body: &[u8],
    batch: &mut SeriesBatch,
    refusals: &mut Refusals,
) -> Result<Decoded, WireError> {
    let symbols = symbols(body)?;
    let mut sink = Sink::new(batch, refusals);
    sink.samples_required = true;
    let mut request = Reader::new(body);
    while let Some((number, wire)) = request.field()? {
        if number != 5 {
            request.skip(wire)?;
            continue;
        }
        request.expect(wire, Wire::Bytes)?;
        let message = request.message()?;
        if let Err(error) = series(message, &symbols, &mut sink) {
            sink.batch.drop_pending();
            return Err(error);
        }
    }
    Ok(sink.decoded)
}

/// All symbols, which may stand anywhere in the message; `None` for one that is not UTF-8.
fn symbols(body: &[u8]) -> Result<Vec<Option<&str>>, WireError> {
    let mut symbols = Vec::new();
    let mut series = 0u64;
    let mut request = Reader::new(body);
    while let Some((number, wire)) = request.field()? {
        series += u64::from(number == 5);
        if number != 4 {
            request.skip(wire)?;
            continue;
        }
        request.expect(wire, Wire::Bytes)?;
        if symbols.len() == SYMBOLS_MAX {
            return Err(WireError::TooMany { what: "symbols", max: SYMBOLS_MAX });
        }
        symbols.push(std::str::from_utf8(request.bytes()?).ok());
    }
    match symbols.first() {
        Some(Some("")) => Ok(symbols),
        None if series == 0 => Ok(symbols),
        _ => Err(WireError::FirstSymbol),
    }
}

fn series(mut message: Reader<'_>, symbols: &[Option<&str>], sink: &mut Sink<'_>) -> Result<(), WireError> {
    let mut series = Series::default();
    let mut pending = None;
    while let Some((number, wire)) = message.field()? {
        match (number, wire) {
            // Packed, as proto3 writes it, or one by one, which readers must accept.
            (1, Wire::Bytes) => {
                let mut refs = message.message()?;
                while !refs.is_done() {
                    reference(refs.varint()?, &mut pending, symbols, &mut series, sink);
                }
            }
            (1, Wire::Varint) => reference(message.varint()?, &mut pending, symbols, &mut series, sink),
            (2, Wire::Bytes) => {
                let sample = PlainSample::read(message.message()?)?;
                sink.sample(&sample)?;
            }
            (3..=5, Wire::Bytes) => {
                message.message()?;
                match number {
                    3 => series.histograms += 1,
                    4 => sink.decoded.exemplars += 1,
                    _ => sink.decoded.metadata += 1,
                }
            }
            (1..=5, _) => return Err(message.wrong_encoding().into()),
            _ => message.skip(wire)?,
        }
    }
    if pending.is_some() {
        series.fail(Fault::OddReferences);
    }
    sink.finish(&series);
    Ok(())
}

#[inline]
fn reference(
    index: u64,
    pending: &mut Option<usize>,
    symbols: &[Option<&str>],
    series: &mut Series,
    sink: &mut Sink<'_>,
) {
    let Some(index) = usize::try_from(index).ok().filter(|index| *index < symbols.len()) else {
        return series.fail(Fault::Reference);
    };
    match pending.take() {
        None => *pending = Some(index),
        Some(name) => sink.label(series, symbols[name], symbols[index]),
    }
}
