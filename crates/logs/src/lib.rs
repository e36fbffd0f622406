//! Keeps log records durably; finds, counts, aggregates and ages them by a [`lingshao_model::log::LogQuery`] tree.
//!
//! Contract: knows neither HTTP nor any query language, starts no thread, reads no clock (`now` is an argument).
//!
//! - [`Store::append`] writes a batch to the log and to memory and answers with a commit number; it never syncs.
//!   Whoever acknowledges the batch to a sender waits until [`Store::wal`] reports that commit durable. Records are
//!   searchable when it returns. A record whose id arrived within 24 hours is stored once.
//! - [`Store::snapshot`] is a picture of one instant that readers hold without locks; [`Snapshot::search`] answers.
//! - [`Store::maintain`] seals rows into parts, merges parts and enforces retention; it blocks, call it from one
//!   thread.
//!
//! **A generation** is what arrived between two cuts, whatever its time: its own log segments, its own rows in memory.
//! When it is large, old or idle, it is frozen, written as one part for each day that it touches, and its log segments
//! are deleted. A part is a file of blocks, a block holds up to 65,536 records of one index column by column. Byte
//! tables: `docs/format/logs-wal.md`, `docs/format/logs-part.md`.
//!
//! A permanent refusal ([`RecordRefusal`]) drops one record and is told in its [`Outcome`]; a temporary one
//! ([`AppendError`]) drops the whole batch, and the sender repeats it.

mod admit;
mod aggregate;
mod bitmap;
mod block;
mod bytes;
mod cache;
mod catalog;
mod column;
mod error;
mod evaluate;
mod files;
mod filter;
mod generation;
mod ids;
mod maintain;
mod matcher;
mod merge;
mod options;
mod part;
mod parts;
mod plan;
mod record;
mod record_filter;
mod replay;
mod rows;
mod search;
mod seq_id;
mod snapshot;
mod store;
mod table;
mod texts;
mod zip;

/// Reads all of a file of sealed records, and says what of it is damaged, each with its place; nothing if it is whole.
/// Changes nothing, and needs no lock.
pub fn examine_part(
    disk: &std::sync::Arc<dyn lingshao_disk::Disk>,
    path: &std::path::Path,
) -> Result<Vec<String>, lingshao_disk::SealedError> {
    part::Part::examine(disk, path)
}

pub use error::{AppendError, IndexError, OpenReport, RecordRefusal, SearchError, StoreError};
pub use maintain::Maintained;
pub use options::Options;
pub use record_filter::RecordFilter;
pub use search::SearchLimits;
pub use seq_id::{id_of, seq_of};
pub use snapshot::Snapshot;
pub use store::{Appended, IndexInfo, IndexSize, Outcome, Stats, Store};

#[doc(hidden)]
pub mod fuzzing {
    //! Entry points for the fuzz targets: readers of bytes that come from disk. Each says whether it accepted them.

    use lingshao_disk::Section;

    use crate::block::{Directory, Shapes, Sparse, decode_levels, decode_values};
    use crate::bytes::{Corrupt, Reader};
    use crate::column::{ColumnInfo, Kind};
    use crate::record::{Begin, check_batch};

    /// Values of the columns that are read: few, so that a run is short.
    const COUNT: u32 = 100;

    /// Bytes as records of the write-ahead log.
    pub fn wal_record(bytes: &[u8]) -> bool {
        let index = || {
            let mut reader = Reader::new(bytes);
            reader.varint().and_then(|_| crate::catalog::decode_index(&mut reader)).and_then(|_| reader.end())
        };
        let catalog = crate::catalog::Catalog::decode(bytes).is_ok();
        check_batch(bytes).is_ok() || Begin::decode(bytes).is_ok() || index().is_ok() || catalog
    }

    /// Bytes as the sections and the footer of a part.
    pub fn block(bytes: &[u8]) -> bool {
        let footer = crate::part::decode_footer(bytes).is_ok();
        let directory = Directory::decode(bytes).is_ok();
        let levels = decode_levels(bytes, COUNT as usize).is_ok();
        let sparse = Sparse::decode(bytes, COUNT as usize).is_ok();
        let none = Section { offset: 0, bytes: 0 };
        let column = |kind| {
            let (name, listed, is_time) = ("a".into(), false, false);
            ColumnInfo { name, kind, listed, count: COUNT, is_time, range: None }
        };
        let mut known = Directory::empty();
        known.columns.push((column(Kind::Int), none, None));
        let shapes = Shapes::decode(bytes, COUNT as usize, &known).is_ok();
        let mut times = || -> Result<Vec<i64>, Corrupt> { Ok(vec![0; COUNT as usize]) };
        let kinds = [Kind::Bool, Kind::Int, Kind::Float, Kind::Text];
        let values = kinds.map(|kind| decode_values(bytes, &column(kind), &mut times).is_ok());
        footer || directory || levels || sparse || shapes || values.contains(&true)
    }
}
