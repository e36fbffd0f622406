//! What arrived between two cuts, whatever its time: its own log segments, its own rows in memory.

use std::collections::BTreeMap;

use crate::bytes::{Corrupt, Reader};
use crate::column::Kind;
use crate::record::{BatchHead, Begin, DayWindow, decode_field, decode_head, decode_record};
use crate::rows::{IndexRows, RowHead, key_of, number_of};

/// Records that are not sealed yet. A clone shares the rows.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// First log segment that holds its records.
    pub(crate) segment: u64,
    pub(crate) begun: i64,
    pub(crate) window: DayWindow,
    /// By the index's number.
    pub(crate) indices: BTreeMap<u32, IndexRows>,
    pub(crate) records: u64,
    /// About what memory it takes.
    pub(crate) bytes: u64,
}

/// What a batch added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) records: u64,
    /// Number behind the last record of the batch, kept or not.
    pub(crate) next_seq: u64,
}

impl Generation {
    pub(crate) fn new(begin: Begin, segment: u64) -> Generation {
        let Begin { number, at, window } = begin;
        Generation { number, segment, begun: at, window, indices: BTreeMap::new(), records: 0, bytes: 0 }
    }

    /// Takes in the records of a batch of the log that are wanted. One path for what arrives and what is replayed; the
    /// payload was just encoded or has been checked.
    pub(crate) fn apply(
        &mut self,
        payload: &[u8],
        wanted: &mut dyn FnMut(&Wanted<'_>) -> bool,
    ) -> Result<Applied, Corrupt> {
        let mut reader = Reader::new(payload);
        let (head, count) = decode_head(&mut reader)?;
        let mut numbers: Vec<Vec<u32>> = vec![Vec::new(); head.indices.len()];
        let before = self.records;
        for nth in 0..count as u64 {
            self.apply_record(&mut reader, &head, head.first_seq + nth, &mut numbers, wanted)?;
        }
        reader.end()?;
        Ok(Applied { records: self.records - before, next_seq: head.first_seq + count as u64 })
    }

    fn apply_record<'a>(
        &mut self,
        reader: &mut Reader<'a>,
        head: &BatchHead<'a>,
        seq: u64,
        numbers: &mut [Vec<u32>],
        wanted: &mut dyn FnMut(&Wanted<'_>) -> bool,
    ) -> Result<(), Corrupt> {
        let raw = decode_record(reader, head)?;
        let (index, arrived) = (head.indices[raw.index].0, head.arrived);
        let time = raw.time.unwrap_or(arrived);
        if !wanted(&Wanted { index, time, arrived, seq, id: raw.id }) {
            for _ in 0..raw.fields {
                decode_field(reader, head.names.len())?;
            }
            return Ok(());
        }
        let rows = self.indices.entry(index).or_default();
        let numbers = &mut numbers[raw.index];
        numbers.resize(head.names.len(), u32::MAX);
        let (names, chunk) = rows.open_chunk();
        let before = chunk.bytes();
        for _ in 0..raw.fields {
            let (name, listed, value) = decode_field(reader, head.names.len())?;
            if numbers[name] == u32::MAX {
                numbers[name] = number_of(names, head.names[name]);
            }
            chunk.push_field(key_of(numbers[name], Kind::of(&value), listed), value);
        }
        let (level, id, source) = (raw.level, raw.id, raw.source);
        chunk.push_row(RowHead { time, arrived, seq, level, id, source });
        self.bytes += (chunk.bytes() - before) as u64;
        self.records += 1;
        Ok(())
    }
}

/// A record that asks to be taken in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) index: u32,
    pub(crate) time: i64,
    pub(crate) arrived: i64,
    pub(crate) seq: u64,
    pub(crate) id: Option<(&'a str, u64)>,
}

impl Generation {
    /// Drops the records of an index.
    pub(crate) fn forget(&mut self, index: u32) {
        let Some(rows) = self.indices.remove(&index) else { return };
        self.records -= rows.chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
        self.bytes -= rows.chunks.iter().map(|chunk| chunk.bytes() as u64).sum::<u64>();
    }
}
