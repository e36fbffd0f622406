//! A file of blocks: what one or more generations hold of one day. `docs/format/logs-part.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lingshao_disk::{Disk, SealedError, SealedFile, SealedWriter, Section};
use lingshao_model::log::LogTime;

use crate::block::{BlockEntry, Directory, Shapes, Sparse, decode_ints, decode_levels, decode_values};
use crate::bytes::{Corrupt, Reader, put_signed, put_varint};
use crate::cache::{Cache, CacheKey, Cached, Item};
use crate::column::{Column, Kind, Values};
use crate::filter::Filter;
use crate::store::IndexSize;
use crate::texts::{self, Choice};

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
    /// What it holds of each index.
    sizes: Vec<(u32, IndexSize)>,
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
        Ok(Part { file, number, day, generations, sizes: sizes(&blocks), blocks })
    }

    /// Reads all of it, and says what is damaged, with the place; nothing if it is whole.
    pub(crate) fn examine(disk: &Arc<dyn Disk>, path: &Path) -> Result<Vec<String>, SealedError> {
        let damage = |error: PartError| match error {
            PartError::File(error) if !error.is_damage() => Err(error),
            error => Ok(error.to_string()),
        };
        let part = match Part::open(disk, path) {
            Ok(part) => Arc::new(part),
            Err(error) => return Ok(vec![damage(error)?]),
        };
        let read = |block| BlockReader::open(&part, block, None).and_then(|reader| reader.read_all());
        (0..part.blocks.len() as u32).filter_map(|block| read(block).err()).map(damage).collect()
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

    /// What it holds of each index.
    pub(crate) fn sizes(&self) -> &[(u32, IndexSize)] {
        &self.sizes
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

fn sizes(blocks: &[BlockEntry]) -> Vec<(u32, IndexSize)> {
    let mut sizes: BTreeMap<u32, IndexSize> = BTreeMap::new();
    for block in blocks {
        let times = Some((LogTime(block.times.0), LogTime(block.times.1)));
        let own = IndexSize { records: u64::from(block.rows), bytes: block.bytes, times };
        sizes.entry(block.index).or_default().add(own);
    }
    sizes.into_iter().collect()
}

/// What was read of a column of which not all is wanted.
#[derive(Debug)]
pub(crate) enum Searched {
    Whole(Arc<Column>),
    /// The texts that may be wanted.
    Some(Column),
}

impl From<Searched> for Arc<Column> {
    fn from(searched: Searched) -> Arc<Column> {
        match searched {
            Searched::Whole(column) => column,
            Searched::Some(column) => Arc::new(column),
        }
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

    /// Reads every section; the first that is damaged ends it.
    fn read_all(&self) -> Result<(), PartError> {
        let whole = |section| self.part.section(section).map(|_| section);
        self.directory.moved(whole).map(drop)
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
        let cached = self.cached(Item::Column(column), || {
            let bytes = self.part.section(self.directory.columns[column as usize].1)?;
            Ok(Cached::Column(Arc::new(self.decode_column(column, &bytes)?)))
        })?;
        match cached {
            Cached::Column(column) => Ok(column),
            _ => Err(self.part.content("a column")(Corrupt)),
        }
    }

    fn decode_column(&self, column: u32, bytes: &[u8]) -> Result<Column, PartError> {
        let info = &self.directory.columns[column as usize].0;
        let values = self.with_times(|times| decode_values(bytes, info, times))?;
        Ok(Column { rows: self.rows_of(column)?, values })
    }

    /// Decodes something of a column for which the times of records may be needed.
    fn with_times<T>(
        &self,
        decode: impl FnOnce(&mut dyn FnMut() -> Result<Vec<i64>, Corrupt>) -> Result<T, Corrupt>,
    ) -> Result<T, PartError> {
        let mut trouble = None;
        let mut times = || {
            self.times().map(|times| times.to_vec()).map_err(|error| {
                trouble = Some(error);
                Corrupt
            })
        };
        decode(&mut times)
            .map_err(|corrupt| trouble.unwrap_or_else(|| self.part.content("a column")(corrupt)))
    }

    /// Most columns have one value in each row: then the shapes need not be read.
    fn rows_of(&self, column: u32) -> Result<Option<Vec<u32>>, PartError> {
        let count = self.directory.columns[column as usize].0.count;
        if self.is_dense(count) { Ok(None) } else { Ok(self.shapes()?.rows_of(column)) }
    }

    /// A column, or, where its form tells texts apart without reading all of them, only those of rows that are wanted.
    /// `may` is asked for what stands between the numbers of a text.
    pub(crate) fn column_where(
        &self,
        column: u32,
        may: &dyn Fn(&str) -> bool,
        wanted: &dyn Fn(u32) -> bool,
    ) -> Result<Searched, PartError> {
        let (info, section, _) = &self.directory.columns[column as usize];
        let item = Item::Column(column);
        let key = CacheKey { part: self.part.number, block: self.block, item };
        if info.kind != Kind::Text || self.cache.as_ref().is_some_and(|cache| cache.has(key)) {
            return Ok(Searched::Whole(self.column(column)?));
        }
        let bytes = self.part.section(*section)?;
        let rows = self.rows_of(column)?;
        let row_of = |place: u32| rows.as_ref().map_or(place, |rows| rows[place as usize]);
        let choice = Choice { count: info.count as usize, wanted: &|place| wanted(row_of(place)), may };
        let chosen = self.with_times(|times| texts::decode_some(&bytes, times, &choice))?;
        if let Some((places, texts)) = chosen {
            let rows = Some(places.into_iter().map(row_of).collect());
            return Ok(Searched::Some(Column { rows, values: Values::Text(texts) }));
        }
        let read = || Ok(Cached::Column(Arc::new(self.decode_column(column, &bytes)?)));
        match self.cached(item, read)? {
            Cached::Column(column) => Ok(Searched::Whole(column)),
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
