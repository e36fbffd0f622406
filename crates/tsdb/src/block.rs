//! Sealed blocks: one immutable file each, published atomically, with the samples of some generations.
//!
//! The format is `docs/format/block.md`. Series are numbered in ascending order of labels and lie in pages of 64;
//! a page's section holds their labels (front-coded) and chunk heads, data sections hold the chunks, and one
//! section per label name holds its posting lists. Only the footer stays in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingshao_disk::{Disk, SealedError, SealedFile, SealedWriter, Section};
use lingshao_model::{Labels, Matcher};

use crate::chunk::{self, BadChunk, Columns, Reader, push_varint, unzigzag, zigzag};
use crate::generation::Extent;
use crate::index::{Condition, Index, intersect};
use crate::series::ChunkHead;

/// Series per page: a page is read and checked whole, so one series costs a few kilobytes.
const PAGE: usize = 64;
/// A data section is closed at this size: large enough that reading neighbours is one read, small enough that
/// one series does not pay for many.
const DATA_BYTES: usize = 32 << 10;
const FOOTER_VERSION: u64 = 1;

/// Which generations' samples a block holds: first and last, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generations {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Generations {
    pub(crate) fn contains(&self, other: &Generations) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Whether a file of that name holds them, and there is a number for the next generation.
    fn are_those_of(&self, path: &Path) -> bool {
        let named = path.file_name().is_some_and(|name| *name == *self.file_name());
        named && 0 < self.first && self.first <= self.last && self.last < u64::MAX
    }

    /// `0000000001-0000000004.block`.
    pub(crate) fn file_name(&self) -> String {
        format!("{:010}-{:010}.block", self.first, self.last)
    }

    /// The generations that a name stands for.
    pub(crate) fn of_file_name(name: &str) -> Option<Generations> {
        let (first, last) = name.strip_suffix(".block")?.split_once('-')?;
        let generations = Generations { first: first.parse().ok()?, last: last.parse().ok()? };
        (generations.file_name() == name).then_some(generations)
    }
}

/// What can go wrong with a block.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The file cannot be written, read or trusted.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// Checksums hold but the content does not make sense.
    #[error("block `{path}` holds no valid {what}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What was being read.
        what: &'static str,
    },
}

/// Writes a block, series by series in ascending order of labels.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    file: SealedWriter,
    index: Index,
    page: PageWriter,
    pages: Vec<Section>,
    extent: Extent,
    previous: Option<Labels>,
}

#[derive(Debug, Default)]
struct PageWriter {
    series: usize,
    /// Entries: labels, place of the data, chunk heads.
    entries: Vec<u8>,
    /// Finished data sections of this page.
    data_sections: Vec<Section>,
    /// The one being filled.
    data: Vec<u8>,
    previous_labels: Vec<u8>,
}

impl BlockWriter {
    pub(crate) fn create(disk: &Arc<dyn Disk>, path: &Path) -> Result<BlockWriter, BlockError> {
        Ok(BlockWriter {
            file: SealedWriter::create(Arc::clone(disk), path)?,
            index: Index::default(),
            page: PageWriter::default(),
            pages: Vec::new(),
            extent: Extent::EMPTY,
            previous: None,
        })
    }

    /// Adds a series with chunks in ascending order of time.
    pub(crate) fn add<'a>(
        &mut self,
        labels: &Labels,
        chunks: impl Iterator<Item = (ChunkHead, &'a [u8])>,
    ) -> Result<(), BlockError> {
        assert!(self.previous.as_ref().is_none_or(|previous| previous < labels), "series ascend by labels");
        self.previous = Some(labels.clone());
        self.index.add(labels);
        self.page.begin_series(labels);
        let mut heads = Vec::new();
        let (mut count, mut previous_t) = (0_u64, 0_i64);
        for (head, bytes) in chunks {
            count += 1;
            push_varint(&mut heads, zigzag(head.first_t.wrapping_sub(previous_t)));
            push_varint(&mut heads, head.last_t.wrapping_sub(head.first_t) as u64);
            push_varint(&mut heads, u64::from(head.count));
            push_varint(&mut heads, bytes.len() as u64);
            previous_t = head.last_t;
            self.page.data.extend_from_slice(bytes);
            self.extent.samples += u64::from(head.count);
            self.extent.min_t = self.extent.min_t.min(head.first_t);
            self.extent.max_t = self.extent.max_t.max(head.last_t);
        }
        push_varint(&mut self.page.entries, count);
        self.page.entries.extend_from_slice(&heads);
        if self.page.data.len() >= DATA_BYTES {
            self.page.finish_data(&mut self.file)?;
        }
        if self.page.series == PAGE {
            self.finish_page()?;
        }
        Ok(())
    }

    fn finish_page(&mut self) -> Result<(), BlockError> {
        let mut page = std::mem::take(&mut self.page);
        if page.series == 0 {
            return Ok(());
        }
        page.finish_data(&mut self.file)?;
        let mut bytes = Vec::with_capacity(page.entries.len() + 64);
        push_varint(&mut bytes, page.data_sections.len() as u64);
        page.data_sections.iter().for_each(|section| push_section(&mut bytes, *section));
        push_varint(&mut bytes, page.series as u64);
        bytes.extend_from_slice(&page.entries);
        self.pages.push(self.file.section(&bytes)?);
        Ok(())
    }

    /// Publishes the block; a block without series is not written. Answers whether there is a file.
    pub(crate) fn finish(mut self, generations: Generations) -> Result<bool, BlockError> {
        self.finish_page()?;
        if self.pages.is_empty() {
            return Ok(false);
        }
        let mut footer = Vec::new();
        for number in
            [FOOTER_VERSION, generations.first, generations.last, u64::from(self.index.series_count())]
        {
            push_varint(&mut footer, number);
        }
        push_varint(&mut footer, self.extent.samples);
        push_varint(&mut footer, zigzag(self.extent.min_t));
        push_varint(&mut footer, zigzag(self.extent.max_t));
        push_varint(&mut footer, self.pages.len() as u64);
        self.pages.iter().for_each(|section| push_section(&mut footer, *section));
        let names: Vec<Box<str>> = self.index.names().map(Into::into).collect();
        push_varint(&mut footer, names.len() as u64);
        for name in names {
            push_bytes(&mut footer, name.as_bytes());
            let section = self.file.section(&encode_postings(&self.index, &name))?;
            push_section(&mut footer, section);
        }
        self.file.finish(&footer)?;
        Ok(true)
    }
}

impl PageWriter {
    fn begin_series(&mut self, labels: &Labels) {
        let encoded = labels.encoded();
        let shared = encoded.iter().zip(&self.previous_labels).take_while(|(a, b)| a == b).count();
        push_varint(&mut self.entries, shared as u64);
        push_bytes(&mut self.entries, &encoded[shared..]);
        self.previous_labels.clear();
        self.previous_labels.extend_from_slice(encoded);
        push_varint(&mut self.entries, self.data_sections.len() as u64);
        push_varint(&mut self.entries, self.data.len() as u64);
        self.series += 1;
    }

    fn finish_data(&mut self, file: &mut SealedWriter) -> Result<(), BlockError> {
        if !self.data.is_empty() {
            self.data_sections.push(file.section(&self.data)?);
            self.data.clear();
        }
        Ok(())
    }
}

fn encode_postings(index: &Index, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut list_bytes = Vec::new();
    for (value, list) in index.postings(name) {
        list_bytes.clear();
        let mut previous = 0;
        for series in list {
            push_varint(&mut list_bytes, u64::from(series - previous));
            previous = *series;
        }
        push_bytes(&mut bytes, value.as_bytes());
        push_varint(&mut bytes, list.len() as u64);
        push_bytes(&mut bytes, &list_bytes);
    }
    bytes
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn push_section(out: &mut Vec<u8>, section: Section) {
    push_varint(out, section.offset);
    push_varint(out, u64::from(section.bytes));
}

/// A published block, open for reading.
#[derive(Debug)]
pub(crate) struct Block {
    path: PathBuf,
    file: SealedFile,
    pub(crate) generations: Generations,
    pub(crate) extent: Extent,
    series_count: u32,
    pages: Vec<Section>,
    names: Vec<(Box<str>, Section)>,
}

impl Block {
    pub(crate) fn open(disk: &Arc<dyn Disk>, path: &Path) -> Result<Block, BlockError> {
        let file = SealedFile::open(Arc::clone(disk), path)?;
        let mut reader = Reader { bytes: file.footer() };
        let footer = Footer::read(&mut reader).ok().filter(|footer| footer.generations.are_those_of(path));
        let footer = footer.ok_or_else(|| BlockError::Content { path: path.to_owned(), what: "footer" })?;
        let extent = Extent { bytes: file.bytes(), ..footer.extent };
        Ok(Block {
            path: path.to_owned(),
            generations: footer.generations,
            extent,
            series_count: footer.series_count,
            pages: footer.pages,
            names: footer.names,
            file,
        })
    }

    /// Reads all of it, and says what is damaged, with the place; nothing if it is whole.
    pub(crate) fn examine(disk: &Arc<dyn Disk>, path: &Path) -> Result<Vec<String>, BlockError> {
        let block = match Block::open(disk, path) {
            Ok(block) => Arc::new(block),
            Err(error) if error.is_damage() => return Ok(vec![error.to_string()]),
            Err(error) => return Err(error),
        };
        let mut damage = Vec::new();
        for name in block.names() {
            match block.lists(name) {
                Err(error) if error.is_damage() => damage.push(error.to_string()),
                lists => drop(lists?),
            }
        }
        let mut cursor = BlockCursor::all(Arc::clone(&block));
        let mut columns = Columns::default();
        while cursor.labels().is_some() {
            columns.clear();
            cursor.read(i64::MIN, i64::MAX, &mut columns);
            cursor.advance();
        }
        damage.append(&mut cursor.damage);
        Ok(damage)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| &**name)
    }

    /// Values of a label, ascending.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<Box<str>>, BlockError> {
        Ok(self.lists(name)?.map_or_else(Vec::new, |lists| lists.values().map(Into::into).collect()))
    }

    /// Series that pass all matchers, ascending, which is also ascending by labels.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Result<Vec<u32>, BlockError> {
        let mut resolved = Vec::with_capacity(matchers.len());
        for matcher in matchers {
            let lists = self.lists(matcher.name())?.unwrap_or_default();
            resolved.push(lists.decode(matcher).map_err(|BadChunk| self.bad("posting lists"))?);
        }
        let conditions = matchers.iter().zip(&resolved).filter_map(|(matcher, lists)| {
            let all = lists.iter().map(|(value, list)| (&**value, list.as_slice()));
            Condition::new(matcher, all, |value| {
                // Boards list thousands of values in one expression.
                let at = lists.binary_search_by(|(own, _)| (**own).cmp(value)).ok()?;
                Some(lists[at].1.as_slice())
            })
        });
        Ok(intersect(conditions.collect(), self.series_count))
    }

    fn lists(&self, name: &str) -> Result<Option<PostingSection>, BlockError> {
        let Ok(at) = self.names.binary_search_by(|(own, _)| (**own).cmp(name)) else { return Ok(None) };
        let mut bytes = Vec::new();
        self.file.read(self.names[at].1, &mut bytes)?;
        PostingSection::new(bytes).map(Some).map_err(|BadChunk| self.bad("posting lists"))
    }

    fn bad(&self, what: &'static str) -> BlockError {
        BlockError::Content { path: self.path.clone(), what }
    }
}

struct Footer {
    generations: Generations,
    extent: Extent,
    series_count: u32,
    pages: Vec<Section>,
    names: Vec<(Box<str>, Section)>,
}

impl Footer {
    fn read(reader: &mut Reader<'_>) -> Result<Footer, BadChunk> {
        if reader.varint()? != FOOTER_VERSION {
            return Err(BadChunk);
        }
        let generations = Generations { first: reader.varint()?, last: reader.varint()? };
        let series_count = u32::try_from(reader.varint()?).map_err(|_| BadChunk)?;
        let samples = reader.varint()?;
        let (min_t, max_t) = (unzigzag(reader.varint()?), unzigzag(reader.varint()?));
        let extent = Extent { min_t, max_t, samples, bytes: 0 };
        let page_count = reader.varint()?;
        if page_count != u64::from(series_count).div_ceil(PAGE as u64) {
            return Err(BadChunk);
        }
        let pages = (0..page_count).map(|_| read_section(reader)).collect::<Result<_, _>>()?;
        let name_count = reader.varint()?;
        let names = (0..name_count)
            .map(|_| Ok((read_text(reader)?.into(), read_section(reader)?)))
            .collect::<Result<Vec<_>, BadChunk>>()?;
        Ok(Footer { generations, extent, series_count, pages, names })
    }
}

fn read_section(reader: &mut Reader<'_>) -> Result<Section, BadChunk> {
    let offset = reader.varint()?;
    let bytes = u32::try_from(reader.varint()?).map_err(|_| BadChunk)?;
    Ok(Section { offset, bytes })
}

fn read_bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], BadChunk> {
    let length = usize::try_from(reader.varint()?).map_err(|_| BadChunk)?;
    reader.take(length)
}

fn read_text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, BadChunk> {
    std::str::from_utf8(read_bytes(reader)?).map_err(|_| BadChunk)
}

/// The posting lists of one label name, still encoded.
#[derive(Default)]
struct PostingSection {
    bytes: Vec<u8>,
    /// Where each value's text and list lie in `bytes`, in ascending order of values, and the list's length.
    entries: Vec<PostingEntry>,
}

/// A value and the series that carry it.
type Posting = (Box<str>, Vec<u32>);

struct PostingEntry {
    value: std::ops::Range<usize>,
    list: std::ops::Range<usize>,
    count: u32,
}

impl PostingSection {
    fn new(bytes: Vec<u8>) -> Result<PostingSection, BadChunk> {
        let mut entries = Vec::new();
        let mut reader = Reader { bytes: &bytes };
        while !reader.bytes.is_empty() {
            let value = read_text(&mut reader)?.len();
            let value_end = bytes.len() - reader.bytes.len();
            let count = u32::try_from(reader.varint()?).map_err(|_| BadChunk)?;
            let list = read_bytes(&mut reader)?.len();
            let list_end = bytes.len() - reader.bytes.len();
            entries.push(PostingEntry {
                value: value_end - value..value_end,
                list: list_end - list..list_end,
                count,
            });
        }
        Ok(PostingSection { bytes, entries })
    }

    fn values(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| self.value(entry))
    }

    fn value(&self, entry: &PostingEntry) -> &str {
        std::str::from_utf8(&self.bytes[entry.value.clone()]).expect("checked when the section was read")
    }

    /// The lists that a matcher needs: of the values that pass, or, when it accepts the empty value, of those that
    /// do not.
    fn decode(&self, matcher: &Matcher) -> Result<Vec<Posting>, BadChunk> {
        let wanted = !matcher.matches_empty();
        self.entries
            .iter()
            .filter(|entry| matcher.matches(self.value(entry)) == wanted)
            .map(|entry| Ok((self.value(entry).into(), self.list(entry)?)))
            .collect()
    }

    fn list(&self, entry: &PostingEntry) -> Result<Vec<u32>, BadChunk> {
        let mut reader = Reader { bytes: &self.bytes[entry.list.clone()] };
        let mut list = Vec::with_capacity(entry.list.len().min(entry.count as usize));
        let mut series = 0_u32;
        for nth in 0..entry.count {
            let step = u32::try_from(reader.varint()?).map_err(|_| BadChunk)?;
            if step == 0 && nth > 0 {
                return Err(BadChunk);
            }
            series = series.checked_add(step).ok_or(BadChunk)?;
            list.push(series);
        }
        Ok(list)
    }
}

/// Walks over some series of a block in ascending order.
#[derive(Debug)]
pub(crate) struct BlockCursor {
    block: Arc<Block>,
    series: Vec<u32>,
    at: usize,
    /// The page that is loaded.
    page: Option<usize>,
    entries: Vec<SeriesEntry>,
    /// Labels of the last series of the page before.
    previous: Option<Labels>,
    data_sections: Vec<Section>,
    /// The data section that is loaded, and its bytes.
    data_section: Option<u64>,
    data: Vec<u8>,
    scratch: Vec<u8>,
    /// What could not be read, once each.
    pub(crate) damage: Vec<String>,
}

#[derive(Debug)]
struct SeriesEntry {
    labels: Labels,
    section: usize,
    offset: usize,
    chunks: Vec<ChunkEntry>,
}

#[derive(Clone, Copy, Debug)]
struct ChunkEntry {
    head: ChunkHead,
    bytes: usize,
}

impl BlockCursor {
    pub(crate) fn new(block: Arc<Block>, series: Vec<u32>) -> BlockCursor {
        let mut cursor = BlockCursor {
            block,
            series,
            at: 0,
            page: None,
            entries: Vec::new(),
            previous: None,
            data_sections: Vec::new(),
            data_section: None,
            data: Vec::new(),
            scratch: Vec::new(),
            damage: Vec::new(),
        };
        cursor.settle();
        cursor
    }

    /// Over all series.
    pub(crate) fn all(block: Arc<Block>) -> BlockCursor {
        let series = (0..block.series_count).collect();
        BlockCursor::new(block, series)
    }

    pub(crate) fn labels(&self) -> Option<&Labels> {
        self.entry().map(|entry| &entry.labels)
    }

    pub(crate) fn advance(&mut self) {
        self.at += 1;
        self.settle();
    }

    /// Appends the current series' samples with `from <= t <= to` to empty columns.
    pub(crate) fn read(&mut self, from: i64, to: i64, out: &mut Columns) {
        let Some(entry) = self.entry() else { return };
        if entry.chunks.iter().all(|chunk| chunk.head.first_t > to || chunk.head.last_t < from)
            || !self.load_data()
        {
            return;
        }
        let entry = self.entry().expect("loading data moves no cursor");
        let mut bad = false;
        for chunk in entry.chunks.iter().filter(|chunk| chunk.head.first_t <= to && from <= chunk.head.last_t)
        {
            let bytes = chunk_bytes(&self.data, entry, chunk);
            bad |= bytes
                .is_none_or(|bytes| chunk::decode(bytes, chunk.head.first_t, chunk.head.count, out).is_err());
        }
        out.clip(from, to);
        if bad {
            self.report(&self.block.bad("chunk").to_string());
        }
    }

    /// The current series' chunks, encoded; `None` when they cannot be read.
    pub(crate) fn chunks(&mut self) -> Option<Vec<(ChunkHead, &[u8])>> {
        if !self.load_data() {
            return None;
        }
        let entry = self.entry()?;
        entry.chunks.iter().map(|chunk| Some((chunk.head, chunk_bytes(&self.data, entry, chunk)?))).collect()
    }

    fn entry(&self) -> Option<&SeriesEntry> {
        let series = *self.series.get(self.at)? as usize;
        self.entries.get(series % PAGE)
    }

    /// Loads the page of the current series; a damaged page is reported and its series are passed over.
    fn settle(&mut self) {
        while let Some(series) = self.series.get(self.at) {
            let page = *series as usize / PAGE;
            if self.page == Some(page) && (*series as usize % PAGE) < self.entries.len() {
                return;
            }
            match self.load_page(page) {
                Ok(()) if (self.series[self.at] as usize % PAGE) < self.entries.len() => return,
                Ok(()) => self.report(&self.block.bad("page").to_string()),
                Err(error) => self.report(&error.to_string()),
            }
            while self.series.get(self.at).is_some_and(|series| *series as usize / PAGE == page) {
                self.at += 1;
            }
        }
    }

    fn load_page(&mut self, page: usize) -> Result<(), BlockError> {
        self.page = None;
        self.previous = self.entries.pop().map(|entry| entry.labels).or(self.previous.take());
        self.entries.clear();
        let section = *self.block.pages.get(page).ok_or_else(|| self.block.bad("page"))?;
        self.block.file.read(section, &mut self.scratch)?;
        let (sections, entries) = read_page(&self.scratch).map_err(|BadChunk| self.block.bad("page"))?;
        if self.previous.as_ref().zip(entries.first()).is_some_and(|(last, first)| *last >= first.labels) {
            return Err(self.block.bad("page"));
        }
        (self.data_sections, self.entries, self.page) = (sections, entries, Some(page));
        Ok(())
    }

    fn load_data(&mut self) -> bool {
        let Some(entry) = self.entry() else { return false };
        let Some(section) = self.data_sections.get(entry.section).copied() else {
            self.report(&self.block.bad("page").to_string());
            return false;
        };
        if self.data_section == Some(section.offset) {
            return true;
        }
        self.data_section = None;
        match self.block.file.read(section, &mut self.data) {
            Ok(()) => {
                self.data_section = Some(section.offset);
                true
            }
            Err(error) => {
                self.report(&error.to_string());
                false
            }
        }
    }

    fn report(&mut self, what: &str) {
        let extent = self.block.extent;
        let text =
            format!("samples between {} and {} (ms) may be missing: {what}", extent.min_t, extent.max_t);
        if !self.damage.contains(&text) && self.damage.len() < DAMAGE_REPORTS_MAX {
            self.damage.push(text);
        }
    }
}

/// Reports kept per cursor: the first few name the place, more would only drown a query's warnings.
const DAMAGE_REPORTS_MAX: usize = 8;

fn chunk_bytes<'a>(data: &'a [u8], entry: &SeriesEntry, chunk: &ChunkEntry) -> Option<&'a [u8]> {
    let begin = entry.offset.checked_add(chunk.head.offset as usize)?;
    data.get(begin..)?.get(..chunk.bytes)
}

fn read_page(bytes: &[u8]) -> Result<(Vec<Section>, Vec<SeriesEntry>), BadChunk> {
    let mut reader = Reader { bytes };
    let section_count = reader.varint()?;
    if section_count > PAGE as u64 {
        return Err(BadChunk);
    }
    let sections = (0..section_count).map(|_| read_section(&mut reader)).collect::<Result<_, _>>()?;
    let series_count = reader.varint()?;
    if series_count > PAGE as u64 {
        return Err(BadChunk);
    }
    let mut labels = Vec::new();
    let entries: Vec<SeriesEntry> =
        (0..series_count).map(|_| read_entry(&mut reader, &mut labels)).collect::<Result<_, _>>()?;
    if !entries.is_sorted_by(|a, b| a.labels < b.labels) {
        return Err(BadChunk);
    }
    Ok((sections, entries))
}

fn read_entry(reader: &mut Reader<'_>, labels: &mut Vec<u8>) -> Result<SeriesEntry, BadChunk> {
    let shared = usize::try_from(reader.varint()?).map_err(|_| BadChunk)?;
    if shared > labels.len() {
        return Err(BadChunk);
    }
    labels.truncate(shared);
    labels.extend_from_slice(read_bytes(reader)?);
    let section = usize::try_from(reader.varint()?).map_err(|_| BadChunk)?;
    let offset = usize::try_from(reader.varint()?).map_err(|_| BadChunk)?;
    let count = usize::try_from(reader.varint()?).map_err(|_| BadChunk)?;
    let mut chunks = Vec::with_capacity(count.min(reader.bytes.len()));
    let (mut previous_t, mut at) = (0_i64, 0_u32);
    for _ in 0..count {
        let first_t = previous_t.wrapping_add(unzigzag(reader.varint()?));
        let last_t = first_t.checked_add_unsigned(reader.varint()?).ok_or(BadChunk)?;
        if first_t <= previous_t && !chunks.is_empty() {
            return Err(BadChunk);
        }
        let count = u16::try_from(reader.varint()?).map_err(|_| BadChunk)?;
        let bytes = u32::try_from(reader.varint()?).map_err(|_| BadChunk)?;
        chunks.push(ChunkEntry {
            head: ChunkHead { first_t, last_t, offset: at, count },
            bytes: bytes as usize,
        });
        at = at.checked_add(bytes).ok_or(BadChunk)?;
        previous_t = last_t;
    }
    Ok(SeriesEntry { labels: Labels::from_encoded(labels).map_err(|_| BadChunk)?, section, offset, chunks })
}

/// For fuzzing: whether bytes are a footer.
#[doc(hidden)]
pub fn accepts_footer(bytes: &[u8]) -> bool {
    Footer::read(&mut Reader { bytes }).is_ok()
}

/// For fuzzing: whether bytes are a page.
#[doc(hidden)]
pub fn accepts_page(bytes: &[u8]) -> bool {
    read_page(bytes).is_ok()
}

/// For fuzzing: whether bytes are posting lists.
#[doc(hidden)]
pub fn accepts_postings(bytes: &[u8]) -> bool {
    PostingSection::new(bytes.to_vec())
        .is_ok_and(|lists| lists.entries.iter().all(|entry| lists.list(entry).is_ok()))
}

#[cfg(test)]
mod tests {
    use lingshao_disk::SimDisk;

    use super::*;
    use crate::chunk::Encoder;
    use crate::cursor::{Cursor, Cursors};
    use crate::merge::write_block;

    const ONE: Generations = Generations { first: 1, last: 1 };

    fn chunk(t: i64) -> (ChunkHead, Vec<u8>) {
        let (mut encoder, mut bytes) = (Encoder::EMPTY, Vec::new());
        encoder.push(&mut bytes, t, 0, 1.0);
        (ChunkHead { first_t: t, last_t: t, offset: 0, count: 1 }, bytes)
    }

    /// Opens a block whose checksums hold and whose content nobody looked at.
    fn forge(
        generations: Generations,
        series: &[(&str, &[i64])],
        spoil: impl FnOnce(&mut BlockWriter),
    ) -> Result<Arc<Block>, BlockError> {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        disk.create_dir_all(Path::new("/blocks")).unwrap();
        let path = Path::new("/blocks").join(ONE.file_name());
        let mut writer = BlockWriter::create(&disk, &path).unwrap();
        for (name, times) in series {
            let chunks: Vec<_> = times.iter().map(|t| chunk(*t)).collect();
            writer.previous = None;
            let labels = Labels::from_pairs([("__name__", name)]).unwrap();
            writer.add(&labels, chunks.iter().map(|(head, bytes)| (*head, bytes.as_slice()))).unwrap();
        }
        spoil(&mut writer);
        writer.finish(generations).unwrap();
        Block::open(&disk, &path).map(Arc::new)
    }

    #[track_caller]
    fn check_damage(series: &[(&str, &[i64])], spoil: impl FnOnce(&mut BlockWriter), what: &str) {
        let block = forge(ONE, series, spoil).unwrap();
        let mut cursors = Cursors::new(vec![Cursor::Block(BlockCursor::all(block))]);
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new());
        disk.create_dir_all(Path::new("/blocks")).unwrap();
        let path = Path::new("/blocks/merged.block");
        let written = write_block(&disk, path, ONE, &mut cursors, i64::MIN).unwrap();
        assert!(!written.file, "what is damaged is not merged");
        let text = "samples between 1 and 2 (ms) may be missing: \
            block `/blocks/0000000001-0000000001.block` holds no valid ";
        assert_eq!(written.damage, [format!("{text}{what}")]);
    }

    #[test]
    fn content_that_makes_no_sense_is_damage_although_its_checksums_hold() {
        let names: Vec<String> = (0..64).map(|n| format!("m{n:02}")).collect();
        let mut pages: Vec<(&str, &[i64])> = names.iter().map(|name| (name.as_str(), &[1][..])).collect();
        pages.push(("a", &[2]));
        check_damage(&pages, |_| {}, "page");
        check_damage(&[("b", &[1]), ("a", &[2])], |_| {}, "page");
        check_damage(&[("a", &[1]), ("a", &[2])], |_| {}, "page");
        check_damage(&[("a", &[2, 1])], |_| {}, "page");
        check_damage(&[("a", &[1, 2])], |writer| writer.page.data.clear(), "page");
        check_damage(&[("a", &[1, 2])], |writer| writer.page.data.truncate(1), "chunk");
    }

    #[test]
    fn a_block_is_of_the_generations_that_its_name_says() {
        for (first, last) in [(2, 1), (1, 2), (0, 0), (1, u64::MAX)] {
            let error = forge(Generations { first, last }, &[("a", &[1])], |_| {}).unwrap_err();
            assert!(matches!(error, BlockError::Content { what: "footer", .. }), "{error}");
        }
        assert!(forge(ONE, &[("a", &[1])], |_| {}).is_ok());
    }

    #[test]
    fn places_beyond_all_memory_are_no_chunk() {
        let (head, bytes) = (ChunkHead { offset: 1, ..chunk(1).0 }, 1);
        let entry =
            SeriesEntry { labels: Labels::empty(), section: 0, offset: usize::MAX, chunks: Vec::new() };
        assert_eq!(chunk_bytes(&[0; 4], &entry, &ChunkEntry { head, bytes }), None);
    }

    #[test]
    fn a_series_stands_once_in_a_posting_list() {
        assert!(accepts_postings(&[1, b'x', 2, 2, 5, 1]), "series 5 and 6 carry `x`");
        assert!(!accepts_postings(&[1, b'x', 2, 2, 5, 0]), "series 5 twice");
    }
}
