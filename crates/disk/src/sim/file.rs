//! One file of the simulated disk: what is on the platter, what programs see, and the way from one to the other.

use super::{Crash, Dice};

/// What a device writes whole or not at all.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct FileState {
    /// As it is on the platter.
    durable: Vec<u8>,
    /// As programs see it.
    pub(super) seen: Vec<u8>,
    /// What was done since the last sync, in order.
    unsynced: Vec<FileOp>,
}

#[derive(Clone, Debug)]
enum FileOp {
    Write { offset: u64, content: Vec<u8> },
    Truncate(u64),
}

impl FileState {
    pub(super) fn durable(content: Vec<u8>) -> FileState {
        FileState { durable: content.clone(), seen: content, unsynced: Vec::new() }
    }

    pub(super) fn write(&mut self, offset: u64, content: Vec<u8>) {
        let op = FileOp::Write { offset, content };
        op.apply(&mut self.seen);
        self.unsynced.push(op);
    }

    pub(super) fn truncate(&mut self, bytes: u64) {
        let op = FileOp::Truncate(bytes);
        op.apply(&mut self.seen);
        self.unsynced.push(op);
    }

    /// Brings everything to the platter; if that does not work, forgets that it should.
    pub(super) fn sync(&mut self, works: bool) {
        for op in self.unsynced.drain(..) {
            if works {
                op.apply(&mut self.durable);
            }
        }
    }

    /// The content that a power cut leaves.
    pub(super) fn after(&self, crash: Crash, dice: &mut Dice) -> Vec<u8> {
        match crash {
            _ if self.unsynced.is_empty() => self.durable.clone(),
            Crash::LoseAll => self.durable.clone(),
            Crash::KeepAll => self.prefix(self.unsynced.len()),
            Crash::Torn { sector, .. } => self.torn(sector, dice),
            Crash::Random { .. } => self.random(dice),
            Crash::LengthOnly => {
                let mut content = self.durable.clone();
                content.resize(self.prefix(self.unsynced.len()).len(), 0);
                content
            }
        }
    }

    /// The content after the first operations.
    fn prefix(&self, operations: usize) -> Vec<u8> {
        let mut content = self.durable.clone();
        self.unsynced[..operations].iter().for_each(|op| op.apply(&mut content));
        content
    }

    fn torn(&self, sector: u64, dice: &mut Dice) -> Vec<u8> {
        let whole = dice.below(self.unsynced.len() as u64 + 1) as usize;
        let mut content = self.prefix(whole);
        if let Some(FileOp::Write { offset, content: written }) = self.unsynced.get(whole) {
            let first = offset / sector + 1;
            let last = (offset + written.len() as u64) / sector;
            if first <= last {
                let cut = (first + dice.below(last - first + 1)) * sector;
                let content_part = written[..(cut - offset) as usize].to_vec();
                FileOp::Write { offset: *offset, content: content_part }.apply(&mut content);
            }
        }
        content
    }

    fn random(&self, dice: &mut Dice) -> Vec<u8> {
        let versions: Vec<Vec<u8>> = self.versions();
        let longest = versions.iter().map(Vec::len).max().unwrap_or(0);
        let length = versions[dice.below(versions.len() as u64) as usize].len();
        let mut content = vec![0; longest];
        for (index, sector) in content.chunks_mut(SECTOR_BYTES).enumerate() {
            // Half of the sectors are old or new, the other half were written back at some moment between.
            let version = match dice.below(4) {
                0 => &versions[0],
                1 => &versions[versions.len() - 1],
                _ => &versions[dice.below(versions.len() as u64) as usize],
            };
            let from = version.get(index * SECTOR_BYTES..).unwrap_or_default();
            let bytes = from.len().min(sector.len());
            sector[..bytes].copy_from_slice(&from[..bytes]);
        }
        content.truncate(length);
        content
    }

    /// The content as it was on the platter, and after each operation since; not more than a few of them.
    fn versions(&self) -> Vec<Vec<u8>> {
        const VERSIONS_MAX: usize = 32;
        let steps = self.unsynced.len();
        let every = steps.div_ceil(VERSIONS_MAX).max(1);
        let mut content = self.durable.clone();
        let mut versions = vec![content.clone()];
        for (index, op) in self.unsynced.iter().enumerate() {
            op.apply(&mut content);
            if (index + 1) % every == 0 || index + 1 == steps {
                versions.push(content.clone());
            }
        }
        versions
    }
}

impl FileOp {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            FileOp::Write { offset, content: written } => {
                let start = *offset as usize;
                let end = start + written.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[start..end].copy_from_slice(written);
            }
            FileOp::Truncate(bytes) => content.resize(*bytes as usize, 0),
        }
    }
}
