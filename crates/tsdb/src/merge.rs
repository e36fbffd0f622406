//! Writes blocks: from a generation of the head, and from older blocks.

use std::path::Path;
use std::sync::Arc;

use lingshao_disk::Disk;

use crate::block::{BlockError, BlockWriter, Generations};
use crate::chunk::{Encoder, SAMPLES_PER_CHUNK};
use crate::cursor::Cursors;
use crate::series::ChunkHead;

/// What writing a block came to.
#[derive(Debug)]
pub(crate) struct Written {
    /// Whether there is a file: nothing is written for no samples.
    pub(crate) file: bool,
    /// What of the sources could not be read. The block is not published then.
    pub(crate) damage: Vec<String>,
}

/// Writes everything that the cursors give, except samples before `keep_from`, into one block. Chunks are copied
/// as they are where sources do not overlap.
pub(crate) fn write_block(
    disk: &Arc<dyn Disk>,
    path: &Path,
    generations: Generations,
    cursors: &mut Cursors,
    keep_from: i64,
) -> Result<Written, BlockError> {
    let mut writer = BlockWriter::create(disk, path)?;
    let (mut bytes, mut heads) = (Vec::new(), Vec::new());
    while let Some(labels) = cursors.labels().cloned() {
        if cursors.chunks(&mut bytes, &mut heads).is_none() {
            let (_, columns) = cursors.read(i64::MIN, i64::MAX).expect("there is a current series");
            let samples = columns.times.iter().zip(&columns.values).enumerate();
            let samples = samples.map(|(index, (t, value))| (*t, columns.start(index), *value));
            encode(samples, &mut bytes, &mut heads);
        }
        let mut kept = chunks(&bytes, &heads).filter(|(head, _)| head.last_t >= keep_from).peekable();
        if kept.peek().is_some() {
            writer.add(&labels, kept)?;
        }
        cursors.advance();
    }
    let damage = cursors.take_damage();
    // A writer that is dropped leaves no file behind: damaged sources stay as they are, to be looked at.
    let file = damage.is_empty() && writer.finish(generations)?;
    Ok(Written { file, damage })
}

/// Encodes samples (time, start, value), ascending, into chunks one behind the other.
pub(crate) fn encode(
    samples: impl Iterator<Item = (i64, i64, f64)>,
    bytes: &mut Vec<u8>,
    heads: &mut Vec<(ChunkHead, usize)>,
) {
    bytes.clear();
    heads.clear();
    let (mut begin, mut first_t, mut encoder) = (0, 0, Encoder::EMPTY);
    for (t, start, value) in samples {
        if encoder.count == SAMPLES_PER_CHUNK {
            heads.push((head(first_t, &encoder), bytes.len() - begin));
            (begin, encoder) = (bytes.len(), Encoder::EMPTY);
        }
        if encoder.count == 0 {
            first_t = t;
        }
        encoder.push(bytes, t, start, value);
    }
    if encoder.count > 0 {
        heads.push((head(first_t, &encoder), bytes.len() - begin));
    }
}

fn head(first_t: i64, encoder: &Encoder) -> ChunkHead {
    ChunkHead { first_t, last_t: encoder.t, offset: 0, count: encoder.count }
}

/// What [`encode`] wrote, chunk by chunk.
pub(crate) fn chunks<'a>(
    bytes: &'a [u8],
    heads: &'a [(ChunkHead, usize)],
) -> impl Iterator<Item = (ChunkHead, &'a [u8])> {
    let mut rest = bytes;
    heads.iter().map(move |(head, length)| {
        let (chunk, behind) = rest.split_at(*length);
        rest = behind;
        (*head, chunk)
    })
}
