//! Payloads of the write-ahead log: `docs/format/logs-wal.md`.

use lingshao_model::log::{BatchRecord, Level, LogBatch, LogValue};

use crate::bytes::{Corrupt, Reader, put_signed, put_text, put_varint};
use crate::column::Kind;

/// Record kinds of the log.
pub(crate) const GENERATION: u8 = 1;
pub(crate) const BATCH: u8 = 2;
pub(crate) const INDEX: u8 = 3;
pub(crate) const INDEX_DELETED: u8 = 4;

const HAS_TIME: u8 = 8;
const HAS_ID: u8 = 16;
const HAS_SOURCE: u8 = 32;
/// Names the fields of a record whose texts were too long.
pub(crate) const CUT_FIELD: &str = "_cut";

/// The beginning of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) number: u64,
    pub(crate) at: i64,
    pub(crate) window: DayWindow,
}

/// Within which distance of its arrival a record's own day counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DayWindow {
    pub(crate) late_max: i64,
    pub(crate) early_max: i64,
}

impl DayWindow {
    /// The day whose folder keeps a record.
    pub(crate) fn day(self, time: i64, arrived: i64) -> i32 {
        let near =
            time >= arrived.saturating_sub(self.late_max) && time <= arrived.saturating_add(self.early_max);
        lingshao_model::log::LogTime(if near { time } else { arrived }).day()
    }
}

impl Begin {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Begin { number, at, window } = self;
        let mut out = number.to_le_bytes().to_vec();
        [at, &window.late_max, &window.early_max].iter().for_each(|part| out.extend(part.to_le_bytes()));
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Begin, Corrupt> {
        let mut reader = Reader::new(bytes);
        let (number, at) = (reader.fixed_u64()?, reader.fixed_i64()?);
        let window = DayWindow { late_max: reader.fixed_i64()?, early_max: reader.fixed_i64()? };
        reader.end()?;
        Ok(Begin { number, at, window })
    }
}

/// What precedes the records of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BatchHead<'a> {
    pub(crate) generation: u64,
    pub(crate) arrived: i64,
    pub(crate) first_seq: u64,
    pub(crate) indices: Vec<(u32, &'a str)>,
    pub(crate) names: Vec<&'a str>,
}

/// A record of the batch that is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admitted {
    /// Its number in the batch.
    pub(crate) record: u32,
    /// Place in the batch's indices.
    pub(crate) index: u32,
    /// Hash of its content, if it has an id.
    pub(crate) content: u64,
}

/// Writes a batch. The names are the batch's own and, behind them, [`CUT_FIELD`].
pub(crate) fn encode_batch(
    out: &mut Vec<u8>,
    head: &BatchHead<'_>,
    batch: &LogBatch,
    admitted: &[Admitted],
    field_bytes_max: usize,
) {
    put_varint(out, head.generation);
    out.extend_from_slice(&head.arrived.to_le_bytes());
    out.extend_from_slice(&head.first_seq.to_le_bytes());
    put_varint(out, head.indices.len() as u64);
    for (number, name) in &head.indices {
        put_varint(out, u64::from(*number));
        put_text(out, name);
    }
    put_varint(out, head.names.len() as u64);
    head.names.iter().for_each(|name| put_text(out, name));
    put_varint(out, admitted.len() as u64);
    let cut_name = head.names.len() as u64 - 1;
    for own in admitted {
        encode_record(out, batch.record(own.record as usize), own, cut_name, field_bytes_max);
    }
}

fn encode_record(
    out: &mut Vec<u8>,
    record: BatchRecord<'_>,
    own: &Admitted,
    cut_name: u64,
    field_bytes_max: usize,
) {
    let flag = |has: bool, flag| if has { flag } else { 0 };
    let (time, id, source) = (record.time(), record.id(), record.source());
    out.push(
        level_code(record.level())
            | flag(time.is_some(), HAS_TIME)
            | flag(id.is_some(), HAS_ID)
            | flag(source.is_some(), HAS_SOURCE),
    );
    put_varint(out, u64::from(own.index));
    if let Some(time) = time {
        out.extend_from_slice(&time.0.to_le_bytes());
    }
    if let Some(id) = id {
        put_text(out, id);
        out.extend_from_slice(&own.content.to_le_bytes());
    }
    if let Some(source) = source {
        put_text(out, source);
    }
    let too_long =
        |value: &LogValue<&str>| matches!(value, LogValue::Text(text) if text.len() > field_bytes_max);
    let cut = record.fields().filter(|field| too_long(&field.value)).count();
    put_varint(out, (record.fields().len() + cut) as u64);
    for field in record.fields() {
        let value = match field.value {
            LogValue::Text(text) => LogValue::Text(&text[..text.floor_char_boundary(field_bytes_max)]),
            value => value,
        };
        encode_field(out, u64::from(field.number), field.listed, value);
    }
    if cut > 0 {
        for field in record.fields().filter(|field| too_long(&field.value)) {
            encode_field(out, cut_name, true, LogValue::Text(field.name));
        }
    }
}

#[inline]
fn encode_field(out: &mut Vec<u8>, name: u64, listed: bool, value: LogValue<&str>) {
    put_varint(out, name * 16 + u64::from(Kind::of(&value).code()) * 2 + u64::from(listed));
    match value {
        LogValue::Null => {}
        LogValue::Bool(value) => out.push(u8::from(value)),
        LogValue::Int(value) => put_signed(out, value),
        LogValue::Float(value) => out.extend_from_slice(&value.to_bits().to_le_bytes()),
        LogValue::Text(text) => put_text(out, text),
    }
}

/// A record as it stands in the log; its fields have to be read before the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRecord<'a> {
    pub(crate) level: u8,
    /// Place in the batch's indices.
    pub(crate) index: usize,
    pub(crate) time: Option<i64>,
    pub(crate) id: Option<(&'a str, u64)>,
    pub(crate) source: Option<&'a str>,
    pub(crate) fields: usize,
}

/// Reads a batch's head; answers how many records follow in the reader.
pub(crate) fn decode_head<'a>(reader: &mut Reader<'a>) -> Result<(BatchHead<'a>, usize), Corrupt> {
    let (generation, arrived) = (reader.varint()?, reader.fixed_i64()?);
    let first_seq = reader.fixed_u64()?;
    let indices =
        (0..reader.count()?).map(|_| Ok((reader.u32()?, reader.text()?))).collect::<Result<_, _>>()?;
    let names = (0..reader.count()?).map(|_| reader.text()).collect::<Result<_, _>>()?;
    let count = reader.count()?;
    first_seq.checked_add(count as u64).ok_or(Corrupt)?;
    Ok((BatchHead { generation, arrived, first_seq, indices, names }, count))
}

pub(crate) fn decode_record<'a>(
    reader: &mut Reader<'a>,
    head: &BatchHead<'a>,
) -> Result<RawRecord<'a>, Corrupt> {
    let flags = reader.byte()?;
    let (level, index) = (flags & 7, reader.size()?);
    if level > 5 || flags >= 64 || index >= head.indices.len() {
        return Err(Corrupt);
    }
    let has = |flag| flags & flag != 0;
    let time = if has(HAS_TIME) { Some(reader.fixed_i64()?) } else { None };
    let id = if has(HAS_ID) { Some((reader.text()?, reader.fixed_u64()?)) } else { None };
    let source = if has(HAS_SOURCE) { Some(reader.text()?) } else { None };
    Ok(RawRecord { level, index, time, id, source, fields: reader.count()? })
}

/// A field: place of its name, whether it is listed, its value.
#[inline]
pub(crate) fn decode_field<'a>(
    reader: &mut Reader<'a>,
    names: usize,
) -> Result<(usize, bool, LogValue<&'a str>), Corrupt> {
    let key = reader.varint()?;
    let name = usize::try_from(key / 16).map_err(|_| Corrupt)?;
    if name >= names {
        return Err(Corrupt);
    }
    let value = match Kind::of_code((key / 2 % 8) as u8)? {
        Kind::Null => LogValue::Null,
        Kind::Bool => LogValue::Bool(match reader.byte()? {
            0 => false,
            1 => true,
            _ => return Err(Corrupt),
        }),
        Kind::Int => LogValue::Int(reader.signed()?),
        Kind::Float => LogValue::Float(f64::from_bits(reader.fixed_u64()?)),
        Kind::Text => LogValue::Text(reader.text()?),
    };
    (key % 16 < 10).then_some((name, key % 2 == 1, value)).ok_or(Corrupt)
}

/// Whether a payload can be read to its end.
pub(crate) fn check_batch(payload: &[u8]) -> Result<(), Corrupt> {
    let mut reader = Reader::new(payload);
    let (head, count) = decode_head(&mut reader)?;
    for _ in 0..count {
        for _ in 0..decode_record(&mut reader, &head)?.fields {
            decode_field(&mut reader, head.names.len())?;
        }
    }
    reader.end()
}

pub(crate) fn level_code(level: Option<Level>) -> u8 {
    level.map_or(0, |level| level as u8 + 1)
}

pub(crate) fn level_of(code: u8) -> Option<Level> {
    Level::ALL.get(usize::from(code).checked_sub(1)?).copied()
}
