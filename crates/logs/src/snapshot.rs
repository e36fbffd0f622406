//! The storage as it was at one instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use lingshao_model::log::{LogTime, SeenField, SeenKinds};

use crate::cache::Cache;
use crate::catalog::{Catalog, Index};
use crate::column::{Kind, Values};
use crate::generation::Generation;
use crate::matcher::instant_of;
use crate::part::{BlockReader, Part, PartError};
use crate::parts::Parts;
use crate::store::{IndexInfo, IndexSize};
use crate::table::Table;

/// Texts of a column that are looked at to tell what they are.
const SAMPLED: usize = 16;

/// Everything that had been appended at one instant; later changes do not show. Shared between threads.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) catalog: Arc<Catalog>,
    /// Oldest first.
    pub(crate) generations: Vec<Arc<Generation>>,
    pub(crate) parts: Arc<Parts>,
    pub(crate) last_seq: u64,
    pub(crate) cache: Arc<Cache>,
}

/// A table that a search may look at, not opened yet.
#[derive(Clone)]
pub(crate) enum Place<'a> {
    Rows(&'a Generation, u32, usize),
    Block(&'a Arc<Part>, u32),
}

impl Place<'_> {
    /// First and last event time.
    pub(crate) fn span(&self) -> (i64, i64) {
        match self {
            Place::Rows(generation, index, chunk) => generation.indices[index].chunks[*chunk].times,
            Place::Block(part, block) => part.blocks[*block as usize].times,
        }
    }

    /// Whether nothing within a plan's span can be here.
    pub(crate) fn is_outside(&self, (first, last): (i64, i64)) -> bool {
        match self {
            Place::Rows(..) => false,
            Place::Block(part, block) => {
                let block = &part.blocks[*block as usize];
                !block.foreign_times && (block.times.1 < first || last < block.times.0)
            }
        }
    }

    pub(crate) fn seqs(&self) -> (u64, u64) {
        match self {
            Place::Rows(generation, index, chunk) => {
                let rows = generation.indices[index].chunks[*chunk].rows();
                let seq = |row: Option<&crate::rows::Row>| row.map_or(0, |row| row.seq);
                (seq(rows.first()), seq(rows.last()))
            }
            Place::Block(part, block) => part.blocks[*block as usize].seqs,
        }
    }
}

impl Snapshot {
    /// The number of the last record that this snapshot shows.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Another number whenever an index was made, described or deleted: what was read of them may be kept until then.
    pub fn catalog_version(&self) -> u64 {
        self.catalog.version
    }

    /// All indices, by name.
    pub fn indices(&self) -> Vec<IndexInfo> {
        let info = |index: &Arc<Index>| IndexInfo {
            name: index.name.to_string(),
            created: index.created,
            mapping: index.mapping.clone(),
            settings: index.settings.clone(),
        };
        self.catalog.all().map(info).collect()
    }

    /// What is in an index, nothing if there is no such index.
    pub fn size(&self, name: &str) -> IndexSize {
        self.catalog.get(name).map(|index| self.size_of(index.number)).unwrap_or_default()
    }

    pub(crate) fn size_of(&self, index: u32) -> IndexSize {
        let mut size = self.parts.size_of(index);
        let rows = self.generations.iter().filter_map(|generation| generation.indices.get(&index));
        for chunk in rows.flat_map(|rows| &rows.chunks) {
            let times = (LogTime(chunk.times.0), LogTime(chunk.times.1));
            let (records, bytes) = (chunk.len() as u64, chunk.bytes() as u64);
            size.add(IndexSize { records, bytes, times: (records > 0).then_some(times) });
        }
        size
    }

    /// Where the records of an index are.
    pub(crate) fn places(&self, index: u32) -> impl Iterator<Item = Place<'_>> {
        let rows = self.generations.iter().flat_map(move |generation| {
            let chunks = generation.indices.get(&index).map_or(0, |rows| rows.chunks.len());
            (0..chunks).map(move |chunk| Place::Rows(generation, index, chunk))
        });
        let blocks = self.parts.iter().flat_map(move |part| {
            let numbered = part.blocks.iter().enumerate();
            let own = numbered.filter(move |(_, block)| block.index == index);
            own.map(move |(number, _)| Place::Block(part, number as u32))
        });
        rows.chain(blocks)
    }

    pub(crate) fn open(&self, place: &Place<'_>) -> Result<Table, PartError> {
        match place {
            Place::Rows(generation, index, chunk) => {
                let rows = &generation.indices[index];
                Ok(Table::rows_of(rows, &rows.chunks[*chunk]))
            }
            Place::Block(part, block) => {
                Ok(Table::block(BlockReader::open(part, *block, Some(&self.cache))?))
            }
        }
    }

    /// Fields that records of indices have in a range of time, by name, and what stands there. Counts are of whole
    /// blocks that touch the range.
    pub fn fields(&self, indices: &[String], from: LogTime, to: LogTime) -> Vec<SeenField> {
        let mut seen: BTreeMap<Arc<str>, (SeenKinds, u64)> = BTreeMap::new();
        for index in indices.iter().filter_map(|name| self.catalog.get(name)) {
            for place in self.places(index.number) {
                let (first, last) = place.span();
                if last < from.0 || to.0 < first {
                    continue;
                }
                // What cannot be read is told by searches.
                if let Ok(table) = self.open(&place) {
                    see(&table, &mut seen);
                }
            }
        }
        let field =
            |(name, (kinds, records)): (Arc<str>, _)| SeenField { name: name.to_string(), kinds, records };
        seen.into_iter().map(field).collect()
    }
}

fn see(table: &Table, seen: &mut BTreeMap<Arc<str>, (SeenKinds, u64)>) {
    for (number, info) in table.columns().iter().enumerate() {
        let (kinds, records) = seen.entry(Arc::clone(&info.name)).or_default();
        *records += u64::from(info.count.min(table.rows()));
        match info.kind {
            Kind::Null => {}
            Kind::Bool => kinds.bool = true,
            Kind::Int => kinds.int = true,
            Kind::Float => kinds.float = true,
            Kind::Text if info.is_time => kinds.date = true,
            Kind::Text if kinds.text => {}
            Kind::Text => {
                if let Ok(column) = table.column(number) {
                    see_texts(&column.values, kinds);
                }
            }
        }
    }
}

fn see_texts(values: &Values, kinds: &mut SeenKinds) {
    let texts = match values {
        Values::Text(texts) | Values::Dictionary(texts, _) => texts,
        _ => return,
    };
    for text in texts.iter().take(SAMPLED) {
        if instant_of(text).is_some() {
            kinds.date = true;
        } else if text.parse::<std::net::IpAddr>().is_ok() {
            kinds.ip = true;
        } else {
            kinds.text = true;
        }
    }
}
