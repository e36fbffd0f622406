//! Writes blocks: from a generation of the head, and from older blocks.

use std::path::Path;
use std::sync::Arc;

use lingshao_disk::Disk;

use crate::block::{BlockError, BlockWriter, Generations};
use crate::chunk::{Columns, Encoder, SAMPLES_PER_CHUNK};
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
            encode(columns, &mut bytes, &mut heads);
        }
        let mut rest = bytes.as_slice();
        let chunks = heads.iter().map(|(head, length)| {
            let (chunk, behind) = rest.split_at(*length);
            rest = behind;
            (*head, chunk)
        });
        let mut kept = chunks.filter(|(head, _)| head.last_t >= keep_from).peekable();
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

fn encode(columns: &Columns, bytes: &mut Vec<u8>, heads: &mut Vec<(ChunkHead, usize)>) {
    bytes.clear();
    heads.clear();
    let per_chunk = usize::from(SAMPLES_PER_CHUNK);
    for (nth, times) in columns.times.chunks(per_chunk).enumerate() {
        let begin = bytes.len();
        let mut encoder = Encoder::EMPTY;
        for (index, t) in (nth * per_chunk..).zip(times) {
            encoder.push(bytes, *t, columns.start(index), columns.values[index]);
        }
        let head = ChunkHead { first_t: times[0], last_t: encoder.t, offset: 0, count: encoder.count };
        heads.push((head, bytes.len() - begin));
    }
}
