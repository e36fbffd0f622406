//! Keeps samples durably and gives back consistent snapshots.
//!
//! Contract: knows neither HTTP nor PromQL, starts no thread, reads no clock (`now` is an argument).
//!
//! - [`Db::append`] writes a batch to the log and to the head and answers with a commit number; it never syncs.
//!   Whoever acknowledges the batch to a sender waits until [`Db::wal`] reports that commit durable.
//! - [`Db::snapshot`] is a picture of one instant that readers hold without locks; it is a
//!   [`lingshao_model::SeriesSource`].
//! - [`Db::maintain`] seals full generations into blocks, merges blocks and enforces retention; it blocks, call it
//!   from one thread.
//! - [`Db::import`] writes history straight into blocks.
//!
//! **A generation** is what arrived between two cuts, whatever its timestamps: its own log segments, its own
//! series numbers, its own index. When it is old or large enough it is frozen, written as one block, and its log
//! segments are deleted. So there are no checkpoints, late samples need no separate path, and memory is bounded by
//! [`Options::head_bytes_max`]. Blocks may overlap in time; readers merge them, and of two samples of one series
//! at one instant the one that arrived first is kept.
//!
//! A permanent refusal (a label too long, a sample too old) drops that sample and is counted in
//! [`lingshao_model::Refusals`]; a temporary one ([`AppendError`]) drops the whole batch, and the sender repeats it.

mod admit;
mod block;
mod chunk;
mod cursor;
mod db;
mod generation;
mod import;
mod index;
mod maintain;
mod merge;
mod options;
mod record;
mod replay;
mod series;
mod snapshot;
mod stats;

pub use block::BlockError;
pub use db::{AppendError, Appended, Db, DbError, OpenReport, Page, SeriesRef};
pub use import::{Import, ImportError, Imported};
pub use maintain::Maintained;
pub use options::Options;
pub use snapshot::{Found, Snapshot};
pub use stats::{Cardinality, Stats};

/// Reads all of a block's file, and says what of it is damaged, each with its place; nothing if it is whole. Changes
/// nothing, and needs no lock.
pub fn examine_block(
    disk: &std::sync::Arc<dyn lingshao_disk::Disk>,
    path: &std::path::Path,
) -> Result<Vec<String>, BlockError> {
    block::Block::examine(disk, path)
}

#[doc(hidden)]
pub mod fuzzing {
    //! Entry points for the fuzz targets: readers of bytes that come from disk. Each says whether it accepted them.

    use crate::chunk::{Columns, decode};

    /// Bytes as a chunk.
    pub fn chunk(bytes: &[u8], count: u16) -> bool {
        decode(bytes, 0, count, &mut Columns::default()).is_ok()
    }

    /// Bytes as a batch of the log.
    pub fn record(bytes: &[u8]) -> bool {
        let accepts = |batch| crate::record::decode_batch(batch, |_, _| Ok(()), &mut Vec::new()).is_ok();
        crate::record::decode_batch_generation(bytes).is_ok_and(|(_, batch)| accepts(batch))
    }

    pub use crate::block::{accepts_footer as footer, accepts_page as page, accepts_postings as postings};
}
