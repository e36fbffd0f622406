//! Records on their way from a decoder to the storage, flat.

use std::collections::HashMap;
use std::ops::Range;

use super::{Level, LogTime, LogValue};

/// Many records: one arena of text, one column of records, one of fields. Decoders fill it outside of every lock.
/// Names of fields and indices are numbered within the batch, so that nobody hashes or compares them per value.
///
/// At most 4 GiB of text: bodies are limited far below.
#[derive(Clone, Debug, Default)]
pub struct LogBatch {
    text: String,
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    records: Vec<Record>,
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    index: u32,
    id: Option<Span>,
    time: Option<LogTime>,
    level: Option<Level>,
    source: Option<Span>,
    /// They begin where the previous record's end.
    fields_end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: u32,
    listed: bool,
    value: LogValue<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    start: u32,
    bytes: u32,
}

/// One record of a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchRecord<'a> {
    batch: &'a LogBatch,
    record: &'a Record,
    fields: &'a [Field],
}

/// One field of a record of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchField<'a> {
    /// Its name's number in [`LogBatch::names`].
    pub number: u32,
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: LogValue<&'a str>,
    /// Whether it stood in an array.
    pub listed: bool,
}

impl LogBatch {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.names.clear();
        self.numbers.clear();
        self.records.clear();
        self.fields.clear();
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|name| 2 * name.len() + 64).sum();
        self.text.len() + names + size_of_val(&*self.records) + size_of_val(&*self.fields)
    }

    /// Names of fields and indices, by their numbers.
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }

    /// The records in the order they were finished.
    #[inline]
    pub fn records(&self) -> impl ExactSizeIterator<Item = BatchRecord<'_>> {
        (0..self.records.len()).map(|number| self.record(number))
    }

    /// One of them.
    #[inline]
    pub fn record(&self, number: usize) -> BatchRecord<'_> {
        let record = &self.records[number];
        BatchRecord { batch: self, record, fields: &self.fields[self.fields_of(number)] }
    }

    /// Begins a record; it becomes part of the batch when it is finished.
    pub fn begin(&mut self, index: &str) -> RecordBuilder<'_> {
        let index = self.number(index);
        let text_start = self.text.len();
        let record = Record { index, id: None, time: None, level: None, source: None, fields_end: 0 };
        RecordBuilder { fields_start: self.fields.len(), text_start, batch: self, record, finished: false }
    }

    #[inline]
    fn fields_of(&self, number: usize) -> Range<usize> {
        let start = number.checked_sub(1).map_or(0, |before| self.records[before].fields_end as usize);
        start..self.records[number].fields_end as usize
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The same, trying first the name that stood at this place of the record before: senders repeat their order.
    #[inline]
    fn number_at(&mut self, place: usize, name: &str) -> u32 {
        let before = self.records.len().checked_sub(1).map(|last| self.fields_of(last));
        let likely = before.and_then(|fields| self.fields[fields].get(place)).map(|field| field.name);
        match likely {
            Some(number) if *self.names[number as usize] == *name => number,
            _ => self.number(name),
        }
    }

    #[inline]
    fn keep(&mut self, text: &str) -> Span {
        let start = u32::try_from(self.text.len()).expect("bodies are limited far below 4 GiB");
        self.text.push_str(text);
        Span { start, bytes: text.len() as u32 }
    }

    #[inline]
    fn at(&self, span: Span) -> &str {
        &self.text[span.start as usize..(span.start + span.bytes) as usize]
    }

    #[inline]
    fn field(&self, field: &Field) -> BatchField<'_> {
        let value = match field.value {
            LogValue::Null => LogValue::Null,
            LogValue::Bool(value) => LogValue::Bool(value),
            LogValue::Int(value) => LogValue::Int(value),
            LogValue::Float(value) => LogValue::Float(value),
            LogValue::Text(span) => LogValue::Text(self.at(span)),
        };
        BatchField { number: field.name, name: &self.names[field.name as usize], value, listed: field.listed }
    }
}

impl<'a> BatchRecord<'a> {
    /// Where it belongs.
    pub fn index(&self) -> &'a str {
        &self.batch.names[self.record.index as usize]
    }

    /// Its number in [`LogBatch::names`].
    pub fn index_number(&self) -> u32 {
        self.record.index
    }

    /// The sender's own, if it gave one.
    pub fn id(&self) -> Option<&'a str> {
        self.record.id.map(|span| self.batch.at(span))
    }

    /// When it happened, if it says.
    pub fn time(&self) -> Option<LogTime> {
        self.record.time
    }

    /// How bad it is, if it says.
    pub fn level(&self) -> Option<Level> {
        self.record.level
    }

    /// See [`super::LogRecord::source`].
    pub fn source(&self) -> Option<&'a str> {
        self.record.source.map(|span| self.batch.at(span))
    }

    /// In the order of the sender.
    #[inline]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = BatchField<'a>> + use<'a> {
        let batch = self.batch;
        self.fields.iter().map(move |field| batch.field(field))
    }
}

/// A record that is being written. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct RecordBuilder<'a> {
    batch: &'a mut LogBatch,
    record: Record,
    fields_start: usize,
    text_start: usize,
    finished: bool,
}

impl RecordBuilder<'_> {
    /// The sender's own name for it.
    pub fn id(&mut self, id: &str) {
        self.record.id = Some(self.batch.keep(id));
    }

    /// When it happened. Without it: when it arrived.
    pub fn time(&mut self, time: LogTime) {
        self.record.time = Some(time);
    }

    /// How bad it is.
    pub fn level(&mut self, level: Level) {
        self.record.level = Some(level);
    }

    /// See [`super::LogRecord::source`].
    pub fn source(&mut self, source: &str) {
        self.record.source = Some(self.batch.keep(source));
    }

    /// Adds a field; the same name may come again only as the next item of an array.
    #[inline]
    pub fn field(&mut self, name: &str, value: LogValue<&str>, listed: bool) {
        let name = self.batch.number_at(self.len(), name);
        let value = self.kept(value);
        self.batch.fields.push(Field { name, listed, value });
    }

    /// Gives a field another value.
    pub fn replace(&mut self, place: usize, value: LogValue<&str>) {
        let value = self.kept(value);
        self.batch.fields[self.fields_start + place].value = value;
    }

    /// How many fields it has so far.
    #[inline]
    pub fn len(&self) -> usize {
        self.batch.fields.len() - self.fields_start
    }

    /// Whether it has none yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A field by its place.
    #[inline]
    pub fn get(&self, place: usize) -> BatchField<'_> {
        self.batch.field(&self.batch.fields[self.fields_start + place])
    }

    /// All fields so far.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = BatchField<'_>> {
        (0..self.len()).map(|place| self.get(place))
    }

    /// The time so far.
    pub fn time_so_far(&self) -> Option<LogTime> {
        self.record.time
    }

    /// The level so far.
    pub fn level_so_far(&self) -> Option<Level> {
        self.record.level
    }

    /// Makes it part of the batch.
    pub fn finish(mut self) {
        self.record.fields_end = u32::try_from(self.batch.fields.len()).expect("bodies are limited");
        self.batch.records.push(self.record);
        self.finished = true;
    }

    #[inline]
    fn kept(&mut self, value: LogValue<&str>) -> LogValue<Span> {
        match value {
            LogValue::Null => LogValue::Null,
            LogValue::Bool(value) => LogValue::Bool(value),
            LogValue::Int(value) => LogValue::Int(value),
            LogValue::Float(value) => LogValue::Float(value),
            LogValue::Text(text) => LogValue::Text(self.batch.keep(text)),
        }
    }
}

impl Drop for RecordBuilder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.batch.fields.truncate(self.fields_start);
            self.batch.text.truncate(self.text_start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_written() {
        let mut batch = LogBatch::default();
        for (id, amount) in [("a", 1), ("b", 2)] {
            let mut record = batch.begin("shop");
            record.id(id);
            record.time(LogTime(amount));
            record.level(Level::Error);
            record.field("message", LogValue::Text("支付失败"), false);
            record.field("amount", LogValue::Int(amount), false);
            record.replace(0, LogValue::Text("x"));
            assert_eq!((record.len(), record.get(1).name), (2, "amount"));
            record.finish();
        }
        let mut unfinished = batch.begin("shop");
        unfinished.field("message", LogValue::Text("lost"), false);
        drop(unfinished);

        assert_eq!(batch.len(), 2);
        assert_eq!(
            batch.names().iter().map(|name| &**name).collect::<Vec<_>>(),
            ["shop", "message", "amount"]
        );
        let second = batch.record(1);
        assert_eq!((second.index(), second.id(), second.time()), ("shop", Some("b"), Some(LogTime(2))));
        assert_eq!(second.level(), Some(Level::Error));
        let fields: Vec<_> = second.fields().map(|field| (field.name, field.value)).collect();
        assert_eq!(fields, [("message", LogValue::Text("x")), ("amount", LogValue::Int(2))]);
    }
}
