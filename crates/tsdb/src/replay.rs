//! Rebuilds generations from the log when the storage is opened.

use std::sync::Arc;

use lingshao_disk::{Replayed, Wal, WalError};
use lingshao_model::{Labels, Timestamp};

use crate::block::{Block, Generations};
use crate::chunk::BadChunk;
use crate::db::{DbError, Frozen, Scratch, Writer, apply};
use crate::generation::Generation;
use crate::record::{self, Entry};

/// Rebuilds generations from the log.
pub(crate) struct Replay {
    /// Generations that are in a block already.
    sealed: Vec<Generations>,
    head: Option<Generation>,
    opened_at: Timestamp,
    frozen: Vec<Frozen>,
    /// From numbers in the log to numbers in memory: they differ when definitions were lost or written late.
    numbers: Vec<Option<u32>>,
    entries: Vec<Entry>,
    pub(crate) replayed: u64,
    pub(crate) orphaned: u64,
    pub(crate) unreadable: u64,
}

impl Replay {
    pub(crate) fn new(sealed: Vec<Generations>, now: Timestamp) -> Replay {
        Replay {
            sealed,
            head: None,
            opened_at: now,
            frozen: Vec::new(),
            numbers: Vec::new(),
            entries: Vec::new(),
            replayed: 0,
            orphaned: 0,
            unreadable: 0,
        }
    }

    pub(crate) fn record(&mut self, record: &Replayed<'_>) {
        let outcome = match record.kind {
            record::GENERATION => record::decode_generation(record.payload)
                .map(|(number, opened_at)| self.begin(number, Timestamp(opened_at), record.segment)),
            record::BATCH => self.batch(record),
            _ => Err(BadChunk),
        };
        if outcome.is_err() {
            self.unreadable += 1;
        }
    }

    fn begin(&mut self, number: u64, opened_at: Timestamp, segment: u64) {
        self.freeze();
        self.numbers.clear();
        self.opened_at = opened_at;
        self.head = Some(Generation::new(number, segment));
    }

    fn freeze(&mut self) {
        if let Some(head) = self.head.take()
            && head.extent.samples > 0
        {
            self.frozen.push(Frozen { view: head.view(), segment: head.segment });
        }
    }

    fn batch(&mut self, record: &Replayed<'_>) -> Result<(), BadChunk> {
        let (number, batch) = record::decode_batch_generation(record.payload)?;
        let begun = self.head.as_ref().map(|head| head.number);
        if begun.is_none_or(|begun| begun < number) {
            // The record that began the generation is lost.
            self.begin(number, self.opened_at, record.segment);
        } else if begun != Some(number) {
            return Err(BadChunk);
        }
        self.samples(batch)
    }

    fn samples(&mut self, payload: &[u8]) -> Result<(), BadChunk> {
        let Some(head) = self.head.as_mut() else { return Err(BadChunk) };
        if is_sealed(&self.sealed, head.number) {
            return Ok(());
        }
        let (numbers, entries) = (&mut self.numbers, &mut self.entries);
        entries.clear();
        let define = |number: u32, labels: Labels| {
            // Definitions are dense: a number far beyond them is damage, not a reason to allocate.
            if number as usize > numbers.len() + NUMBERS_SKIPPED_MAX {
                return Err(BadChunk);
            }
            if numbers.len() <= number as usize {
                numbers.resize(number as usize + 1, None);
            }
            let known = head.find(labels.encoded(), number);
            numbers[number as usize] = Some(known.unwrap_or_else(|| head.add(labels)));
            Ok(())
        };
        record::decode_batch(payload, define, entries)?;
        let before = entries.len();
        entries.retain_mut(|entry| match numbers.get(entry.series as usize) {
            Some(Some(number)) => {
                entry.series = *number;
                true
            }
            _ => false,
        });
        self.orphaned += (before - entries.len()) as u64;
        self.replayed += entries.len() as u64;
        apply(head, entries);
        Ok(())
    }

    /// Whether the log's numbers can be used on.
    fn numbers_agree(&self) -> bool {
        self.orphaned == 0
            && self.unreadable == 0
            && self.numbers.iter().enumerate().all(|(index, number)| *number == Some(index as u32))
    }

    pub(crate) fn into_writer(
        mut self,
        wal: Wal,
        blocks: Vec<Arc<Block>>,
        now: Timestamp,
    ) -> Result<Writer, DbError> {
        let agree = self.numbers_agree();
        let sealed = self.sealed.iter().map(|generations| generations.last).max().unwrap_or(0);
        if self.head.as_ref().is_some_and(|head| head.number <= sealed) {
            self.freeze(); // Its own block is lost, not those after it.
        }
        let head = self.head.take();
        let fresh = head.is_none();
        let last = self.frozen.last().map_or(sealed, |frozen| frozen.view.number.max(sealed));
        let mut head = head.unwrap_or_else(|| Generation::new(last, 0));
        for number in 0..head.series_count() {
            let mut page = head.page_mut(number).expect("below the count");
            page.get(number).expect("below the count").defined = true;
        }
        let mut writer = Writer {
            wal,
            head,
            opened_at: self.opened_at.min(now),
            cut_first: fresh || !agree,
            frozen: self.frozen,
            blocks: blocks.into(),
            scratch: Scratch::default(),
        };
        let ready = if writer.cut_first { writer.cut(now) } else { Ok(()) };
        match ready {
            // Without room there is nothing to append, but all that was kept can be asked for.
            Ok(()) | Err(WalError::Full { .. }) => Ok(writer),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_sealed(sealed: &[Generations], number: u64) -> bool {
    sealed.iter().any(|generations| (generations.first..=generations.last).contains(&number))
}

/// Numbers that lost definitions may leave out: the largest batch holds fewer series.
const NUMBERS_SKIPPED_MAX: usize = 1 << 24;
