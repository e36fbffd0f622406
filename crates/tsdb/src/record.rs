//! What one append leaves in the write-ahead log: the series that are new to it, and a batch of samples.
//!
//! The format is `docs/format/metrics-wal.md`. A record stands alone: after damage in front of it, it still means
//! the same, since no value is a difference from another record's.

use lingshao_model::Labels;

use crate::chunk::{BadChunk, Reader, push_varint, unzigzag, zigzag};

/// Record kinds in the log. Kinds 3 to 6 are reserved: native histograms, metadata, exemplars, tombstones.
pub(crate) const GENERATION: u8 = 1;
pub(crate) const BATCH: u8 = 2;

const FLAG_ONE_TIME: u8 = 1;
const FLAG_STARTS: u8 = 2;

const WIDE: u8 = 7;
const MILLI: u8 = 7; // Codes 8..=14 are thousandths of 1..=7 bytes.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A sample on its way into the log and the head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Index of the series within its generation.
    pub(crate) series: u32,
    pub(crate) t: i64,
    /// 0 where unknown.
    pub(crate) start: i64,
    pub(crate) value: f64,
}

/// The first record of a generation: its number and when it was begun (ms).
pub(crate) fn encode_generation(number: u64, opened_at: i64) -> [u8; 16] {
    let mut payload = [0; 16];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload[8..].copy_from_slice(&opened_at.to_le_bytes());
    payload
}

pub(crate) fn decode_generation(payload: &[u8]) -> Result<(u64, i64), BadChunk> {
    let mut reader = Reader { bytes: payload };
    Ok((checked_number(reader.little_endian(8)?)?, reader.little_endian(8)? as i64))
}

/// The number of a batch's generation stands in front of it.
pub(crate) fn encode_batch_generation(out: &mut Vec<u8>, number: u64) {
    push_varint(out, number);
}

/// The number of a batch's generation, and the batch.
pub(crate) fn decode_batch_generation(payload: &[u8]) -> Result<(u64, &[u8]), BadChunk> {
    let mut reader = Reader { bytes: payload };
    Ok((checked_number(reader.varint()?)?, reader.bytes))
}

/// There must be a number for the next generation.
fn checked_number(number: u64) -> Result<u64, BadChunk> {
    if number < u64::MAX { Ok(number) } else { Err(BadChunk) }
}

/// Writes one batch; `definitions` are the series whose labels the log does not know yet.
pub(crate) fn encode_batch<'a>(
    out: &mut Vec<u8>,
    definitions: impl ExactSizeIterator<Item = (u32, &'a Labels)>,
    entries: &[Entry],
) {
    push_varint(out, definitions.len() as u64);
    for (series, labels) in definitions {
        push_varint(out, u64::from(series));
        push_varint(out, labels.encoded().len() as u64);
        out.extend_from_slice(labels.encoded());
    }
    push_varint(out, entries.len() as u64);
    let Some(first) = entries.first() else { return };
    let one_time = entries.iter().all(|entry| entry.t == first.t);
    let starts = entries.iter().any(|entry| entry.start != 0);
    out.push(if one_time { FLAG_ONE_TIME } else { 0 } | if starts { FLAG_STARTS } else { 0 });
    encode_series(out, entries);
    encode_times(out, entries, one_time);
    if starts {
        entries.iter().for_each(|entry| push_varint(out, zigzag(entry.t.wrapping_sub(entry.start))));
    }
    encode_values(out, entries);
}

/// Runs of ascending series: `(distance to the run's first, run length)`.
fn encode_series(out: &mut Vec<u8>, entries: &[Entry]) {
    let mut rest = entries;
    let mut expected = 0_i64;
    while let Some(first) = rest.first() {
        let length =
            rest.iter().zip(u64::from(first.series)..).take_while(|(e, n)| u64::from(e.series) == *n).count();
        push_varint(out, zigzag(i64::from(first.series) - expected));
        push_varint(out, length as u64);
        expected = i64::from(first.series) + length as i64;
        rest = &rest[length..];
    }
}

fn encode_times(out: &mut Vec<u8>, entries: &[Entry], one_time: bool) {
    let mut previous = 0_i64;
    for entry in if one_time { &entries[..1] } else { entries } {
        push_varint(out, zigzag(entry.t.wrapping_sub(previous)));
        previous = entry.t;
    }
}

/// A nibble per value, two to a byte, then the values' bytes.
fn encode_values(out: &mut Vec<u8>, entries: &[Entry]) {
    let nibbles_at = out.len();
    out.resize(nibbles_at + entries.len().div_ceil(2), 0);
    for (index, entry) in entries.iter().enumerate() {
        let (nibble, bits) = value_code(entry.value);
        out[nibbles_at + index / 2] |= nibble << (4 * (index % 2));
        let length = code_bytes(nibble);
        out.extend_from_slice(&bits.to_le_bytes()[..length]);
    }
}

/// 0 is +0; 1..=6 an integer of as many bytes; 7 the float's 8 bytes; 8..=14 thousandths of 1..=7 bytes.
#[inline]
fn value_code(value: f64) -> (u8, u64) {
    let bits = value.to_bits();
    if bits == 0 {
        return (0, 0);
    }
    if (-EXACT_MAX..=EXACT_MAX).contains(&value) {
        let integer = value as i64;
        let code = zigzag(integer);
        if (integer as f64).to_bits() == bits && byte_length(code) < WIDE {
            return (byte_length(code), code);
        }
        let scaled = (value * 1000.0).round();
        let milli = scaled as i64;
        let code = zigzag(milli);
        if milli != 0 && (milli as f64 / 1000.0).to_bits() == bits && scaled.abs() <= EXACT_MAX {
            return (MILLI + byte_length(code), code);
        }
    }
    (WIDE, bits)
}

fn byte_length(code: u64) -> u8 {
    (8 - code.leading_zeros() / 8) as u8
}

fn code_bytes(nibble: u8) -> usize {
    match nibble {
        0..WIDE => usize::from(nibble),
        WIDE => 8,
        _ => usize::from(nibble - MILLI),
    }
}

#[inline]
fn value_from_code(nibble: u8, bits: u64) -> f64 {
    match nibble {
        0..WIDE => unzigzag(bits) as f64,
        WIDE => f64::from_bits(bits),
        _ => unzigzag(bits) as f64 / 1000.0,
    }
}

/// Reads one batch: `define` is called for each new series, then the entries are appended to `entries`.
pub(crate) fn decode_batch(
    payload: &[u8],
    mut define: impl FnMut(u32, Labels) -> Result<(), BadChunk>,
    entries: &mut Vec<Entry>,
) -> Result<(), BadChunk> {
    let mut reader = Reader { bytes: payload };
    for _ in 0..reader.varint()? {
        let series = u32::try_from(reader.varint()?).map_err(|_| BadChunk)?;
        let length = usize::try_from(reader.varint()?).map_err(|_| BadChunk)?;
        define(series, Labels::from_encoded(reader.take(length)?).map_err(|_| BadChunk)?)?;
    }
    let count = usize::try_from(reader.varint()?).map_err(|_| BadChunk)?;
    if count == 0 {
        return Ok(());
    }
    // A value takes at least half a byte: what the payload cannot hold must not be reserved.
    if count > 2 * payload.len() {
        return Err(BadChunk);
    }
    let flags = reader.byte()?;
    let begin = entries.len();
    decode_series(&mut reader, count, entries)?;
    let entries = &mut entries[begin..];
    decode_times(&mut reader, entries, flags & FLAG_ONE_TIME != 0)?;
    if flags & FLAG_STARTS != 0 {
        for entry in entries.iter_mut() {
            entry.start = entry.t.wrapping_sub(unzigzag(reader.varint()?));
        }
    }
    decode_values(&mut reader, entries)
}

fn decode_series(reader: &mut Reader<'_>, count: usize, entries: &mut Vec<Entry>) -> Result<(), BadChunk> {
    let end = entries.len() + count;
    let mut expected = 0_i64;
    while entries.len() < end {
        let first = expected.checked_add(unzigzag(reader.varint()?)).ok_or(BadChunk)?;
        let length = usize::try_from(reader.varint()?).map_err(|_| BadChunk)?;
        let first = u32::try_from(first).map_err(|_| BadChunk)?;
        if length == 0 || length > end - entries.len() || u32::MAX as usize - (first as usize) < length {
            return Err(BadChunk);
        }
        entries.extend((first..).take(length).map(|series| Entry { series, t: 0, start: 0, value: 0.0 }));
        expected = i64::from(first) + length as i64;
    }
    Ok(())
}

fn decode_times(reader: &mut Reader<'_>, entries: &mut [Entry], one_time: bool) -> Result<(), BadChunk> {
    let mut previous = 0_i64;
    for (index, entry) in entries.iter_mut().enumerate() {
        if index == 0 || !one_time {
            previous = previous.wrapping_add(unzigzag(reader.varint()?));
        }
        entry.t = previous;
    }
    Ok(())
}

fn decode_values(reader: &mut Reader<'_>, entries: &mut [Entry]) -> Result<(), BadChunk> {
    let nibbles = reader.take(entries.len().div_ceil(2))?;
    for (index, entry) in entries.iter_mut().enumerate() {
        let nibble = nibbles[index / 2] >> (4 * (index % 2)) & 0xf;
        if nibble == 15 {
            return Err(BadChunk);
        }
        entry.value = value_from_code(nibble, reader.little_endian(code_bytes(nibble))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_entry() -> impl Strategy<Value = Entry> {
        let value = prop_oneof![
            any::<u64>().prop_map(f64::from_bits),
            any::<i32>().prop_map(f64::from),
            any::<i32>().prop_map(|n| f64::from(n) / 100.0),
            Just(-0.0),
        ];
        (0..50_u32, 0..5_i64, prop_oneof![Just(0_i64), any::<i64>()], value)
            .prop_map(|(series, t, start, value)| Entry { series, t, start, value })
    }

    proptest! {
        #[test]
        fn any_batch_comes_back(entries in proptest::collection::vec(any_entry(), 0..100)) {
            let labels = Labels::from_pairs([("__name__", "up")]).unwrap();
            let mut bytes = Vec::new();
            encode_batch(&mut bytes, [(7, &labels)].into_iter(), &entries);
            let (mut defined, mut back) = (Vec::new(), Vec::new());
            decode_batch(&bytes, |series, labels| { defined.push((series, labels)); Ok(()) }, &mut back).unwrap();
            prop_assert_eq!(defined, vec![(7, labels)]);
            prop_assert_eq!(back.len(), entries.len());
            for (a, b) in back.iter().zip(&entries) {
                prop_assert_eq!((a.series, a.t, a.start, a.value.to_bits()), (b.series, b.t, b.start, b.value.to_bits()));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut entries = Vec::new();
            let outcome = decode_batch(&bytes, |_, _| Ok(()), &mut entries);
            prop_assert!(outcome.is_err() || entries.len() <= 2 * bytes.len());
        }
    }

    #[test]
    fn a_steady_scrape_costs_few_bytes() {
        let entries: Vec<_> = (0..1000)
            .map(|n| Entry { series: n, t: 1_700_000_000_000, start: 0, value: f64::from(n % 3) })
            .collect();
        let mut bytes = Vec::new();
        encode_batch(&mut bytes, std::iter::empty::<(u32, &Labels)>(), &entries);
        assert!(bytes.len() < 1_200, "{} bytes", bytes.len());
    }
}
