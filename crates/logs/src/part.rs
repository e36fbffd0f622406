//! A file of blocks: what one or more generations hold of one day. `docs/format/logs-part.md`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lingshao_disk::{Disk, SealedError, SealedFile, SealedWriter, Section};

use crate::block::{BlockEntry, Directory, Shapes, Sparse, decode_ints, decode_levels, decode_values};
use crate::bytes::{Corrupt, Reader, put_signed, put_varint};
use crate::cache::{Cache, CacheKey, Cached, Item};
use crate::column::Column;
use crate::filter::Filter;

/// Version of what stands in the footer.
const FORMAT: u64 = 1;

/// What can be wrong with a part.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartError {
    #[error(transparent)]
    File(#[from] SealedError),
    #[error("`{path}` holds {what} that cannot be read")]
    Content { path: PathBuf, what: &'static str },
}

impl PartError {
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            PartError::File(error) => error.is_damage(),
            PartError::Content { .. } => true,
        }
    }
}

/// A part, open for reading.
#[derive(Debug)]
pub(crate) struct Part {
    file: SealedFile,
    /// Distinguishes it in the cache.
    number: u64,
    pub(crate) day: i32,
    /// First and last.
    pub(crate) generations: (u64, u64),
    pub(crate) blocks: Vec<BlockEntry>,
}

/// The name of a part in its day's folder.
pub(crate) fn file_name(generations: (u64, u64)) -> String {
    format!("{:010}-{:010}.part", generations.0, generations.1)
}

/// Day, generations, blocks.
pub(crate) type Footer = (i32, (u64, u64), Vec<BlockEntry>);

/// Writes the footer and gives the file its name.
pub(crate) fn finish(
    file: SealedWriter,
    day: i32,
    generations: (u64, u64),
    blocks: &[BlockEntry],
) -> Result<u64, SealedError> {
    let mut footer = Vec::new();
    put_varint(&mut footer, FORMAT);
    put_signed(&mut footer, i64::from(day));
    put_varint(&mut footer, generations.0);
    put_varint(&mut footer, generations.1);
    put_varint(&mut footer, blocks.len() as u64);
    blocks.iter().for_each(|block| block.encode(&mut footer));
    file.finish(&footer)
}

pub(crate) fn decode_footer(bytes: &[u8]) -> Result<Footer, Corrupt> {
    let mut reader = Reader::new(bytes);
    if reader.varint()? != FORMAT {
        return Err(Corrupt);
    }
    let day = i32::try_from(reader.signed()?).map_err(|_| Corrupt)?;
    let generations = (reader.varint()?, reader.varint()?);
    let blocks = (0..reader.count()?).map(|_| BlockEntry::decode(&mut reader)).collect::<Result<_, _>>()?;
    reader.end()?;
    if generations.0 > generations.1 { Err(Corrupt) } else { Ok((day, generations, blocks)) }
}

impl Part {
    pub(crate) fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Part, PartError> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let file = SealedFile::open(Arc::clone(disk), path)?;
        let content = |_| PartError::Content { path: path.to_owned(), what: "a footer" };
        let (day, generations, blocks) = decode_footer(file.footer()).map_err(content)?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Ok(Part { file, number, day, generations, blocks })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    pub(crate) fn last_seq(&self) -> Option<u64> {
        self.blocks.iter().map(|block| block.seqs.1).max()
    }

    pub(crate) fn rows(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.rows)).sum()
    }

    /// The bytes of a section, for copying.
    pub(crate) fn section(&self, section: Section) -> Result<Vec<u8>, PartError> {
        let mut out = Vec::new();
        self.file.read(section, &mut out)?;
        Ok(out)
    }

    fn content(&self, what: &'static str) -> impl Fn(Corrupt) -> PartError {
        move |_| PartError::Content { path: self.path().to_owned(), what }
    }
}

/// Reads things of one block through the cache.
#[derive(Clone, Debug)]
pub(crate) struct BlockReader {
    pub(crate) part: Arc<Part>,
    pub(crate) block: u32,
    cache: Option<Arc<Cache>>,
    pub(crate) directory: Arc<Directory>,
}

impl BlockReader {
    pub(crate) fn open(
        part: &Arc<Part>,
        block: u32,
        cache: Option<&Arc<Cache>>,
    ) -> Result<BlockReader, PartError> {
        let (part, cache) = (Arc::clone(part), cache.cloned());
        let placeholder = Arc::new(Directory::empty());
        let mut reader = BlockReader { part, block, cache, directory: placeholder };
        let cached = reader.cached(Item::Directory, || {
            let bytes = reader.part.section(reader.entry().directory)?;
            let directory = Directory::decode(&bytes).map_err(reader.part.content("a directory"))?;
            Ok(Cached::Directory(Arc::new(directory)))
        })?;
        if let Cached::Directory(directory) = cached {
            reader.directory = directory;
        }
        Ok(reader)
    }

    pub(crate) fn entry(&self) -> &BlockEntry {
        &self.part.blocks[self.block as usize]
    }

    fn rows(&self) -> usize {
        self.entry().rows as usize
    }

    fn cached(
        &self,
        item: Item,
        read: impl FnOnce() -> Result<Cached, PartError>,
    ) -> Result<Cached, PartError> {
        let Some(cache) = &self.cache else { return read() };
        let key = CacheKey { part: self.part.number, block: self.block, item };
        if let Some(cached) = cache.get(key) {
            return Ok(cached);
        }
        let cached = read()?;
        cache.put(key, cached.clone());
        Ok(cached)
    }

    fn ints(&self, item: Item, section: Section) -> Result<Arc<Vec<i64>>, PartError> {
        let cached = self.cached(item, || {
            let bytes = self.part.section(section)?;
            let ints = decode_ints(&bytes, self.rows()).map_err(self.part.content("numbers"))?;
            Ok(Cached::Ints(Arc::new(ints)))
        })?;
        match cached {
            Cached::Ints(ints) => Ok(ints),
            _ => Err(self.part.content("numbers")(Corrupt)),
        }
    }

    pub(crate) fn times(&self) -> Result<Arc<Vec<i64>>, PartError> {
        self.ints(Item::Times, self.directory.times)
    }

    pub(crate) fn seqs(&self) -> Result<Arc<Vec<i64>>, PartError> {
        self.ints(Item::Seqs, self.directory.seqs)
    }

    pub(crate) fn arrived(&self) -> Result<Arc<Vec<i64>>, PartError> {
        self.ints(Item::Arrived, self.directory.arrived)
    }

    pub(crate) fn levels(&self) -> Result<Arc<Vec<u8>>, PartError> {
        let cached = self.cached(Item::Levels, || {
            let bytes = self.part.section(self.directory.levels)?;
            let levels = decode_levels(&bytes, self.rows()).map_err(self.part.content("levels"))?;
            Ok(Cached::Levels(Arc::new(levels)))
        })?;
        match cached {
            Cached::Levels(levels) => Ok(levels),
            _ => Err(self.part.content("levels")(Corrupt)),
        }
    }

    pub(crate) fn shapes(&self) -> Result<Arc<Shapes>, PartError> {
        let cached = self.cached(Item::Shapes, || {
            let bytes = self.part.section(self.directory.shapes)?;
            let shapes = Shapes::decode(&bytes, self.rows(), &self.directory);
            Ok(Cached::Shapes(Arc::new(shapes.map_err(self.part.content("shapes"))?)))
        })?;
        match cached {
            Cached::Shapes(shapes) => Ok(shapes),
            _ => Err(self.part.content("shapes")(Corrupt)),
        }
    }

    fn sparse(&self, item: Item, section: Option<Section>) -> Result<Arc<Sparse>, PartError> {
        let Some(section) = section else { return Ok(Arc::default()) };
        let cached = self.cached(item, || {
            let bytes = self.part.section(section)?;
            let sparse = Sparse::decode(&bytes, self.rows()).map_err(self.part.content("ids or sources"))?;
            Ok(Cached::Sparse(Arc::new(sparse)))
        })?;
        match cached {
            Cached::Sparse(sparse) => Ok(sparse),
            _ => Err(self.part.content("ids or sources")(Corrupt)),
        }
    }

    pub(crate) fn ids(&self) -> Result<Arc<Sparse>, PartError> {
        self.sparse(Item::Ids, self.directory.ids)
    }

    pub(crate) fn sources(&self) -> Result<Arc<Sparse>, PartError> {
        self.sparse(Item::Sources, self.directory.sources)
    }

    pub(crate) fn column(&self, column: u32) -> Result<Arc<Column>, PartError> {
        let (info, section, _) = &self.directory.columns[column as usize];
        let cached = self.cached(Item::Column(column), || {
            let bytes = self.part.section(*section)?;
            let mut trouble = None;
            let mut times = || {
                self.times().map(|times| times.to_vec()).map_err(|error| {
                    trouble = Some(error);
                    Corrupt
                })
            };
            let values = decode_values(&bytes, info, &mut times);
            let values = values
                .map_err(|corrupt| trouble.unwrap_or_else(|| self.part.content("a column")(corrupt)))?;
            // Most columns have one value in each row: then the shapes need not be read.
            let rows = if self.is_dense(info.count) { None } else { self.shapes()?.rows_of(column) };
            Ok(Cached::Column(Arc::new(Column { rows, values })))
        })?;
        match cached {
            Cached::Column(column) => Ok(column),
            _ => Err(self.part.content("a column")(Corrupt)),
        }
    }

    /// Whether a column of so many values certainly has one in each row.
    fn is_dense(&self, count: u32) -> bool {
        self.directory.is_regular && count == self.entry().rows
    }

    pub(crate) fn filter(&self, column: u32) -> Result<Option<Arc<Filter>>, PartError> {
        let (_, _, filter) = &self.directory.columns[column as usize];
        let Some(section) = filter else { return Ok(None) };
        let cached = self.cached(Item::Filter(column), || {
            let bytes = self.part.section(*section)?;
            Ok(Cached::Filter(Arc::new(Filter::read(&bytes).map_err(self.part.content("a filter"))?)))
        })?;
        match cached {
            Cached::Filter(filter) => Ok(Some(filter)),
            _ => Err(self.part.content("a filter")(Corrupt)),
        }
    }
}
