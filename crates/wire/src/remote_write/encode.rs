//! Batches as remote write bodies, not compressed: for tests and for sending on.

use std::collections::HashMap;

use lingshao_model::{BatchSeries, SeriesBatch};

use crate::protobuf::Writer;

/// The batch as `prometheus.WriteRequest`; start timestamps have no place in it.
pub fn encode_v1(batch: &SeriesBatch) -> Vec<u8> {
    let (mut request, mut message, mut inner) = Default::default();
    for series in batch.series() {
        write_v1_series(&series, clear(&mut message), &mut inner);
        Writer::bytes_field(&mut request, 1, &message.bytes);
    }
    request.bytes
}

fn write_v1_series(series: &BatchSeries<'_>, message: &mut Writer, inner: &mut Writer) {
    for (name, value) in &series.labels() {
        let label = clear(inner);
        label.bytes_field(1, name.as_bytes());
        label.bytes_field(2, value.as_bytes());
        message.bytes_field(1, &label.bytes);
    }
    for (t, value) in series.times.iter().zip(series.values) {
        let sample = clear(inner);
        sample.double_field(1, *value);
        sample.varint_field(2, *t as u64);
        message.bytes_field(2, &sample.bytes);
    }
}

/// The batch as `io.prometheus.write.v2.Request`.
pub fn encode_v2(batch: &SeriesBatch) -> Vec<u8> {
    let mut symbols = Symbols::default();
    symbols.reference("");
    let (mut timeseries, mut message, mut inner) = (Writer::default(), Writer::default(), Writer::default());
    for series in batch.series() {
        let references = clear(&mut inner);
        for (name, value) in &series.labels() {
            references.varint(symbols.reference(name));
            references.varint(symbols.reference(value));
        }
        let series_message = clear(&mut message);
        series_message.bytes_field(1, &references.bytes);
        write_v2_samples(&series, series_message, &mut inner);
        timeseries.bytes_field(5, &series_message.bytes);
    }
    let mut request = Writer::default();
    for symbol in &symbols.texts {
        request.bytes_field(4, symbol.as_bytes());
    }
    request.bytes.extend_from_slice(&timeseries.bytes);
    request.bytes
}

fn write_v2_samples(series: &BatchSeries<'_>, message: &mut Writer, inner: &mut Writer) {
    for (index, (t, value)) in series.times.iter().zip(series.values).enumerate() {
        let sample = clear(inner);
        sample.double_field(1, *value);
        sample.varint_field(2, *t as u64);
        sample.varint_field(3, series.starts.get(index).copied().unwrap_or(0) as u64);
        message.bytes_field(2, &sample.bytes);
    }
}

fn clear(writer: &mut Writer) -> &mut Writer {
    writer.bytes.clear();
    writer
}

#[derive(Default)]
struct Symbols {
    texts: Vec<String>,
    places: HashMap<String, u64>,
}

impl Symbols {
    fn reference(&mut self, text: &str) -> u64 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.texts.len() as u64;
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}
