//! A block: up to 65,536 records of one index, column by column: `docs/format/logs-part.md`.

use std::collections::HashMap;
use std::sync::Arc;

use hashbrown::HashTable;
use lingshao_disk::{SealedError, SealedWriter, Section};
use lingshao_model::log::LogValue;

use crate::bytes::{Corrupt, Reader, put_signed, put_text, put_varint};
use crate::column::{ColumnInfo, Kind, Texts, Values};
use crate::plan::is_time_name;
use crate::rows::RowHead;
use crate::texts;
use crate::zip::{Unzip, Zip};

/// Rows of a block at most: what a query decodes at a time.
pub(crate) const ROWS_MAX: usize = 65_536;
/// Text of a block at most, for the same reason.
pub(crate) const TEXT_BYTES_MAX: usize = 16 << 20;
/// Values of a block at most, but for those of its last row: 64 a row, which a shop does not have; lists may.
pub(crate) const VALUES_MAX: usize = 1 << 22;
/// Decimal places at which floats are tried as whole numbers.
const DECIMALS_MAX: u8 = 9;

/// What a part's footer says of a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BlockEntry {
    pub(crate) index: u32,
    pub(crate) name: Arc<str>,
    pub(crate) rows: u32,
    /// Least and greatest event time.
    pub(crate) times: (i64, i64),
    pub(crate) seqs: (u64, u64),
    pub(crate) arrived: (i64, i64),
    /// Rows by level, the first one without.
    pub(crate) levels: [u32; 6],
    /// Rows with an own id.
    pub(crate) ids: u32,
    /// Whether a field that is named like the time holds something else than it.
    pub(crate) foreign_times: bool,
    /// Bytes of all sections.
    pub(crate) bytes: u64,
    pub(crate) directory: Section,
}

/// Where the columns of a block are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Directory {
    /// Whether no row has two values in one column.
    pub(crate) is_regular: bool,
    pub(crate) columns: Vec<(ColumnInfo, Section, Option<Section>)>,
    /// Times, numbers, arrivals and levels, shapes of the rows.
    pub(crate) times: Section,
    pub(crate) seqs: Section,
    pub(crate) arrived: Section,
    pub(crate) levels: Section,
    pub(crate) shapes: Section,
    pub(crate) ids: Option<Section>,
    pub(crate) sources: Option<Section>,
}

/// Which columns a row has, in the sender's order, each with how many values in a row.
pub(crate) type Shape = Vec<(u32, u32)>;

/// Shapes, and which of them each row has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shapes {
    pub(crate) all: Vec<Shape>,
    pub(crate) of_rows: Vec<u32>,
}

/// Texts that some rows have.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sparse {
    pub(crate) rows: Vec<i64>,
    pub(crate) texts: Texts,
    /// Of ids: hashes of the content.
    pub(crate) hashes: Vec<i64>,
}

/// Gathers rows in the order of time and number.
#[derive(Default)]
pub(crate) struct BlockBuilder {
    columns: Vec<(ColumnInfo, Values)>,
    numbers: HashMap<(Arc<str>, Kind, bool), u32>,
    shapes: Vec<Shape>,
    by_shape: HashTable<u32>,
    of_rows: Vec<i64>,
    times: Vec<i64>,
    seqs: Vec<i64>,
    arrived: Vec<i64>,
    levels: Vec<u8>,
    ids: Sparse,
    sources: Sparse,
    shape: Shape,
    text_bytes: usize,
    values: usize,
}

impl BlockBuilder {
    /// The number of a column.
    pub(crate) fn column(&mut self, name: &Arc<str>, kind: Kind, listed: bool) -> u32 {
        let columns = &mut self.columns;
        *self.numbers.entry((Arc::clone(name), kind, listed)).or_insert_with(|| {
            let name = Arc::clone(name);
            let info = ColumnInfo { name, kind, listed, count: 0, is_time: false, range: None };
            columns.push((info, Values::empty(kind)));
            columns.len() as u32 - 1
        })
    }

    #[inline]
    pub(crate) fn push_field(&mut self, column: u32, value: LogValue<&str>) {
        if let LogValue::Text(text) = value {
            self.text_bytes += text.len();
        }
        self.columns[column as usize].1.push(value);
        self.values += 1;
        match self.shape.last_mut() {
            Some((last, count)) if *last == column => *count += 1,
            _ => self.shape.push((column, 1)),
        }
    }

    /// Ends a row of the fields that were pushed since the last one.
    pub(crate) fn push_row(&mut self, head: RowHead<'_>) {
        let shape = self.shape_number();
        self.shape.clear();
        self.push_shaped(head, shape);
    }

    /// Adds a row whose fields are put in by column.
    pub(crate) fn push_shaped(&mut self, head: RowHead<'_>, shape: i64) {
        let row = self.times.len() as i64;
        self.times.push(head.time);
        self.seqs.push(head.seq as i64);
        self.arrived.push(head.arrived);
        self.levels.push(head.level);
        if let Some((id, content)) = head.id {
            self.ids.rows.push(row);
            self.ids.texts.push(id);
            self.ids.hashes.push(content as i64);
        }
        if let Some(source) = head.source {
            self.text_bytes += source.len();
            self.sources.rows.push(row);
            self.sources.texts.push(source);
        }
        self.of_rows.push(shape);
    }

    /// The number of a shape: names, kinds, whether listed, and how many values in a row.
    pub(crate) fn add_shape<'n>(
        &mut self,
        columns: impl Iterator<Item = (&'n Arc<str>, Kind, bool, u32)>,
    ) -> i64 {
        for (name, kind, listed, count) in columns {
            let column = self.column(name, kind, listed);
            self.shape.push((column, count));
        }
        let number = self.shape_number();
        self.shape.clear();
        number
    }

    /// The number of a column, if rows have it.
    pub(crate) fn find_column(&self, name: &Arc<str>, kind: Kind, listed: bool) -> Option<u32> {
        self.numbers.get(&(Arc::clone(name), kind, listed)).copied()
    }

    pub(crate) fn kind(&self, column: u32) -> Kind {
        self.columns[column as usize].0.kind
    }

    /// All values of a column, in the order of rows.
    pub(crate) fn put_values(&mut self, column: u32, values: Values) {
        self.columns[column as usize].1 = values;
    }

    fn shape_number(&mut self) -> i64 {
        if let Some(last) = self.of_rows.last()
            && self.shapes[*last as usize] == self.shape
        {
            return *last;
        }
        let hash = |shape: &Shape| {
            shape.iter().fold(shape.len() as u64, |hash, (column, count)| {
                (hash.rotate_left(7) ^ (u64::from(*column) << 32 | u64::from(*count)))
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            })
        };
        let (shapes, own) = (&mut self.shapes, &self.shape);
        if let Some(known) = self.by_shape.find(hash(own), |known| shapes[*known as usize] == *own) {
            return i64::from(*known);
        }
        let number = shapes.len() as u32;
        shapes.push(own.clone());
        self.by_shape.insert_unique(hash(own), number, |known| hash(&shapes[*known as usize]));
        i64::from(number)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.times.len() >= ROWS_MAX || self.text_bytes >= TEXT_BYTES_MAX || self.values >= VALUES_MAX
    }

    /// Writes the block's sections.
    pub(crate) fn write(
        mut self,
        index: u32,
        name: &Arc<str>,
        file: &mut SealedWriter,
        zip: &mut Zip,
    ) -> Result<BlockEntry, SealedError> {
        let begin = file.bytes();
        let mut out = Vec::new();
        let columns = self.write_columns(file, zip, &mut out)?;
        let foreign_times = columns.iter().any(|(info, ..)| is_time_name(&info.name) && !info.is_time);
        let mut ints = |values: &[i64], file: &mut SealedWriter, zip: &mut Zip| {
            out.clear();
            zip.ints(&mut out, values);
            file.section(&out)
        };
        let times = ints(&self.times, file, zip)?;
        let seqs = ints(&self.seqs, file, zip)?;
        let arrived = ints(&self.arrived, file, zip)?;
        out.clear();
        zip.bytes(&mut out, &self.levels);
        let levels = file.section(&out)?;
        out.clear();
        self.encode_shapes(&mut out, zip);
        let shapes = file.section(&out)?;
        let ids = write_sparse(&self.ids, file, zip)?;
        let sources = write_sparse(&self.sources, file, zip)?;
        let is_regular = self.shapes.iter().all(is_regular);
        let directory = Directory { is_regular, columns, times, seqs, arrived, levels, shapes, ids, sources };
        let directory = file.section(&directory.encode())?;
        let mut counts = [0; 6];
        self.levels.iter().for_each(|level| counts[usize::from(*level)] += 1);
        Ok(BlockEntry {
            index,
            name: Arc::clone(name),
            rows: self.times.len() as u32,
            times: span(&self.times),
            seqs: {
                let (first, last) = span(&self.seqs);
                (first as u64, last as u64)
            },
            arrived: span(&self.arrived),
            levels: counts,
            ids: self.ids.rows.len() as u32,
            foreign_times,
            bytes: file.bytes() - begin,
            directory,
        })
    }

    fn write_columns(
        &mut self,
        file: &mut SealedWriter,
        zip: &mut Zip,
        out: &mut Vec<u8>,
    ) -> Result<Vec<(ColumnInfo, Section, Option<Section>)>, SealedError> {
        let mut columns = Vec::with_capacity(self.columns.len());
        let shapes = &self.shapes;
        for (number, (mut info, values)) in std::mem::take(&mut self.columns).into_iter().enumerate() {
            out.clear();
            info.count = values.len() as u32;
            info.range = range(&values);
            let once = |shape: &Shape| {
                shape
                    .iter()
                    .filter(|(column, _)| *column == number as u32)
                    .map(|(_, count)| count)
                    .sum::<u32>()
                    == 1
            };
            let times = (values.len() == self.times.len() && shapes.iter().all(once)).then_some(&*self.times);
            let (is_time, filter) = encode_values(out, &values, times, zip);
            info.is_time = is_time;
            drop(values); // A column at a time: what is written needs no memory.
            let section = file.section(out)?;
            let filter = filter.map(|filter| file.section(&filter)).transpose()?;
            columns.push((info, section, filter));
        }
        Ok(columns)
    }

    fn encode_shapes(&self, out: &mut Vec<u8>, zip: &mut Zip) {
        put_varint(out, self.shapes.len() as u64);
        for shape in &self.shapes {
            put_varint(out, shape.len() as u64);
            for (column, count) in shape {
                put_varint(out, u64::from(*column));
                put_varint(out, u64::from(*count));
            }
        }
        zip.ints(out, &self.of_rows);
    }
}

/// Whether a row of this shape has no column twice.
fn is_regular(shape: &Shape) -> bool {
    let mut columns: Vec<u32> = shape.iter().map(|(column, _)| *column).collect();
    columns.sort_unstable();
    columns.windows(2).all(|two| two[0] != two[1]) && shape.iter().all(|(_, count)| *count == 1)
}

fn span(values: &[i64]) -> (i64, i64) {
    values.iter().fold((i64::MAX, i64::MIN), |(least, most), value| (least.min(*value), most.max(*value)))
}

fn range(values: &Values) -> Option<(f64, f64)> {
    match values {
        // Rounded outwards: beyond 53 bits a float may lie inside.
        Values::Int(all) => {
            let (least, most) = span(all);
            Some(((least as f64).next_down(), (most as f64).next_up()))
        }
        Values::Float(all) if all.iter().all(|value| value.is_finite()) => {
            let (least, most) =
                all.iter().fold((f64::MAX, f64::MIN), |(least, most), v| (least.min(*v), most.max(*v)));
            Some((least, most))
        }
        _ => None,
    }
}

fn encode_values(
    out: &mut Vec<u8>,
    values: &Values,
    times: Option<&[i64]>,
    zip: &mut Zip,
) -> (bool, Option<Vec<u8>>) {
    match values {
        Values::Null(_) => {}
        Values::Bool(all) => {
            zip.bytes(out, &all.iter().map(|value| u8::from(*value)).collect::<Vec<_>>());
        }
        Values::Int(all) => zip.ints(out, all),
        Values::Float(all) => encode_floats(out, all, zip),
        Values::Text(texts) => {
            let encoded = texts::encode(out, texts, times, zip);
            return (encoded.is_time, encoded.filter);
        }
        Values::Dictionary(different, places) => texts::encode_dictionary(out, different, places, zip),
    }
    (false, None)
}

fn encode_floats(out: &mut Vec<u8>, values: &[f64], zip: &mut Zip) {
    let mut decimals = 0;
    let mut scaled = Vec::with_capacity(values.len());
    'again: while decimals <= DECIMALS_MAX {
        scaled.clear();
        let scale = 10_f64.powi(i32::from(decimals));
        for value in values {
            let whole = (value * scale).round();
            if whole.abs() > 1e15 || (whole / scale).to_bits() != value.to_bits() {
                decimals += 1;
                continue 'again;
            }
            scaled.push(whole as i64);
        }
        out.push(decimals);
        return zip.ints(out, &scaled);
    }
    out.push(u8::MAX);
    zip.ints(out, &values.iter().map(|value| value.to_bits() as i64).collect::<Vec<_>>());
}

fn decode_floats(reader: &mut Reader<'_>, count: usize, unzip: &mut Unzip) -> Result<Vec<f64>, Corrupt> {
    let decimals = reader.byte()?;
    let ints = unzip.ints(reader, count)?;
    match decimals {
        u8::MAX => Ok(ints.into_iter().map(|bits| f64::from_bits(bits as u64)).collect()),
        0..=DECIMALS_MAX => {
            let scale = 10_f64.powi(i32::from(decimals));
            Ok(ints.into_iter().map(|whole| whole as f64 / scale).collect())
        }
        _ => Err(Corrupt),
    }
}

/// Reads the values of a column.
pub(crate) fn decode_values(
    bytes: &[u8],
    info: &ColumnInfo,
    times: &mut dyn FnMut() -> Result<Vec<i64>, Corrupt>,
) -> Result<Values, Corrupt> {
    let (mut reader, mut unzip, count) = (Reader::new(bytes), Unzip::new(), info.count as usize);
    let values = match info.kind {
        Kind::Null => Values::Null(count),
        Kind::Bool => {
            let bytes = unzip.bytes(&mut reader, count)?;
            if bytes.iter().any(|byte| *byte > 1) {
                return Err(Corrupt);
            }
            Values::Bool(bytes.into_iter().map(|byte| byte == 1).collect())
        }
        Kind::Int => Values::Int(unzip.ints(&mut reader, count)?),
        Kind::Float => Values::Float(decode_floats(&mut reader, count, &mut unzip)?),
        Kind::Text => texts::decode(&mut reader, count, times, &mut unzip)?,
    };
    reader.end()?;
    if values.len() == count { Ok(values) } else { Err(Corrupt) }
}

pub(crate) fn decode_ints(bytes: &[u8], count: usize) -> Result<Vec<i64>, Corrupt> {
    let mut reader = Reader::new(bytes);
    let values = Unzip::new().ints(&mut reader, count)?;
    reader.end()?;
    Ok(values)
}

pub(crate) fn decode_levels(bytes: &[u8], count: usize) -> Result<Vec<u8>, Corrupt> {
    let mut reader = Reader::new(bytes);
    let levels = Unzip::new().bytes(&mut reader, count)?;
    reader.end()?;
    if levels.iter().any(|level| *level > 5) { Err(Corrupt) } else { Ok(levels) }
}

impl Shapes {
    /// Reads shapes whose columns' values are as many as the directory says.
    pub(crate) fn decode(bytes: &[u8], rows: usize, directory: &Directory) -> Result<Shapes, Corrupt> {
        let mut reader = Reader::new(bytes);
        let all = (0..reader.count()?).map(|_| decode_shape(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let ids = Unzip::new().ints(&mut reader, rows)?;
        reader.end()?;
        let mut uses = vec![0_u64; all.len()];
        let mut of_rows = Vec::with_capacity(rows);
        for id in ids {
            let id = u32::try_from(id).map_err(|_| Corrupt)?;
            *uses.get_mut(id as usize).ok_or(Corrupt)? += 1;
            of_rows.push(id);
        }
        let mut counts = vec![0_u64; directory.columns.len()];
        for (shape, uses) in all.iter().zip(uses) {
            for (column, count) in shape {
                *counts.get_mut(*column as usize).ok_or(Corrupt)? += uses * u64::from(*count);
            }
        }
        let regular = !directory.is_regular || all.iter().all(is_regular);
        let right = regular
            && counts.iter().zip(&directory.columns).all(|(own, (info, ..))| *own == u64::from(info.count));
        if right { Ok(Shapes { all, of_rows }) } else { Err(Corrupt) }
    }

    /// The row of each value of a column; `None` when each row has exactly one.
    pub(crate) fn rows_of(&self, column: u32) -> Option<Vec<u32>> {
        let counts: Vec<u32> = self
            .all
            .iter()
            .map(|shape| shape.iter().filter(|(own, _)| *own == column).map(|(_, count)| count).sum())
            .collect();
        if counts.iter().all(|count| *count == 1) {
            return None;
        }
        let mut rows = Vec::new();
        for (row, shape) in self.of_rows.iter().enumerate() {
            rows.extend(std::iter::repeat_n(row as u32, counts[*shape as usize] as usize));
        }
        Some(rows)
    }

    pub(crate) fn bytes(&self) -> usize {
        4 * self.of_rows.len() + self.all.iter().map(|shape| 24 + 8 * shape.len()).sum::<usize>()
    }
}

fn decode_shape(reader: &mut Reader<'_>) -> Result<Shape, Corrupt> {
    (0..reader.count()?).map(|_| Ok((reader.u32()?, reader.u32()?))).collect()
}

fn write_sparse(
    sparse: &Sparse,
    file: &mut SealedWriter,
    zip: &mut Zip,
) -> Result<Option<Section>, SealedError> {
    if sparse.rows.is_empty() {
        return Ok(None);
    }
    let mut out = Vec::new();
    put_varint(&mut out, sparse.rows.len() as u64);
    zip.ints(&mut out, &sparse.rows);
    texts::encode(&mut out, &sparse.texts, None, zip);
    out.push(u8::from(!sparse.hashes.is_empty()));
    zip.ints(&mut out, &sparse.hashes);
    file.section(&out).map(Some)
}

impl Sparse {
    pub(crate) fn decode(bytes: &[u8], rows_max: usize) -> Result<Sparse, Corrupt> {
        let (mut reader, mut unzip) = (Reader::new(bytes), Unzip::new());
        let count = reader.size()?;
        if count > rows_max {
            return Err(Corrupt);
        }
        let rows = unzip.ints(&mut reader, count)?;
        let fits = rows.is_sorted_by(|a, b| a < b) && rows.first().is_none_or(|first| *first >= 0);
        if !fits || rows.last().is_some_and(|last| *last >= rows_max as i64) {
            return Err(Corrupt);
        }
        let values = texts::decode(&mut reader, count, &mut || Err(Corrupt), &mut unzip)?;
        let mut texts = Texts::default();
        for place in 0..count {
            if let LogValue::Text(text) = values.get(place) {
                texts.push(text);
            }
        }
        let hashes = match reader.byte()? {
            0 => Vec::new(),
            1 => unzip.ints(&mut reader, count)?,
            _ => return Err(Corrupt),
        };
        reader.end()?;
        Ok(Sparse { rows, texts, hashes })
    }

    pub(crate) fn find(&self, row: u32) -> Option<usize> {
        self.rows.binary_search(&i64::from(row)).ok()
    }

    pub(crate) fn bytes(&self) -> usize {
        16 * self.rows.len() + self.texts.all.len() + 4 * self.texts.len()
    }
}

fn put_section(out: &mut Vec<u8>, section: Section) {
    put_varint(out, section.offset);
    put_varint(out, u64::from(section.bytes));
}

fn put_optional(out: &mut Vec<u8>, section: Option<Section>) {
    out.push(u8::from(section.is_some()));
    if let Some(section) = section {
        put_section(out, section);
    }
}

fn section(reader: &mut Reader<'_>) -> Result<Section, Corrupt> {
    Ok(Section { offset: reader.varint()?, bytes: reader.u32()? })
}

fn optional(reader: &mut Reader<'_>) -> Result<Option<Section>, Corrupt> {
    match reader.byte()? {
        0 => Ok(None),
        1 => section(reader).map(Some),
        _ => Err(Corrupt),
    }
}

const LISTED: u8 = 8;
const IS_TIME: u8 = 16;
const HAS_RANGE: u8 = 32;

impl Directory {
    /// Before the real one is read.
    pub(crate) fn empty() -> Directory {
        let none = Section { offset: 0, bytes: 0 };
        Directory {
            is_regular: true,
            columns: Vec::new(),
            times: none,
            seqs: none,
            arrived: none,
            levels: none,
            shapes: none,
            ids: None,
            sources: None,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![u8::from(self.is_regular)];
        put_varint(&mut out, self.columns.len() as u64);
        for (info, data, filter) in &self.columns {
            put_text(&mut out, &info.name);
            let flag = |has: bool, flag| if has { flag } else { 0 };
            out.push(
                info.kind.code()
                    | flag(info.listed, LISTED)
                    | flag(info.is_time, IS_TIME)
                    | flag(info.range.is_some(), HAS_RANGE),
            );
            put_varint(&mut out, u64::from(info.count));
            if let Some((least, most)) = info.range {
                [least, most].iter().for_each(|end| out.extend_from_slice(&end.to_bits().to_le_bytes()));
            }
            put_section(&mut out, *data);
            put_optional(&mut out, *filter);
        }
        let all = [self.times, self.seqs, self.arrived, self.levels, self.shapes];
        all.into_iter().for_each(|section| put_section(&mut out, section));
        put_optional(&mut out, self.ids);
        put_optional(&mut out, self.sources);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Directory, Corrupt> {
        let mut reader = Reader::new(bytes);
        let reader = &mut reader;
        let is_regular = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return Err(Corrupt),
        };
        let columns = (0..reader.count()?).map(|_| decode_column(reader)).collect::<Result<_, _>>()?;
        let directory = Directory {
            is_regular,
            columns,
            times: section(reader)?,
            seqs: section(reader)?,
            arrived: section(reader)?,
            levels: section(reader)?,
            shapes: section(reader)?,
            ids: optional(reader)?,
            sources: optional(reader)?,
        };
        reader.end()?;
        Ok(directory)
    }

    /// All sections, to move them: the directory that says where they are then.
    pub(crate) fn moved(
        &self,
        mut each: impl FnMut(Section) -> Result<Section, crate::part::PartError>,
    ) -> Result<Vec<u8>, crate::part::PartError> {
        let mut directory = self.clone();
        for (_, data, filter) in &mut directory.columns {
            *data = each(*data)?;
            *filter = filter.map(&mut each).transpose()?;
        }
        let Directory { times, seqs, arrived, levels, shapes, .. } = &mut directory;
        for own in [times, seqs, arrived, levels, shapes] {
            *own = each(*own)?;
        }
        directory.ids = directory.ids.map(&mut each).transpose()?;
        directory.sources = directory.sources.map(&mut each).transpose()?;
        Ok(directory.encode())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.columns.iter().map(|(info, ..)| 160 + info.name.len()).sum::<usize>() + 200
    }
}

fn decode_column(reader: &mut Reader<'_>) -> Result<(ColumnInfo, Section, Option<Section>), Corrupt> {
    let (name, flags) = (reader.text()?.into(), reader.byte()?);
    let kind = Kind::of_code(flags & 7)?;
    if flags >= 64 {
        return Err(Corrupt);
    }
    let count = reader.u32()?;
    let range = if flags & HAS_RANGE != 0 {
        Some((f64::from_bits(reader.fixed_u64()?), f64::from_bits(reader.fixed_u64()?)))
    } else {
        None
    };
    let (listed, is_time) = (flags & LISTED != 0, flags & IS_TIME != 0);
    let info = ColumnInfo { name, kind, listed, count, is_time, range };
    Ok((info, section(reader)?, optional(reader)?))
}

impl BlockEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.index));
        put_text(out, &self.name);
        put_varint(out, u64::from(self.rows));
        [self.times.0, self.times.1, self.arrived.0, self.arrived.1].iter().for_each(|t| put_signed(out, *t));
        put_varint(out, self.seqs.0);
        put_varint(out, self.seqs.1);
        self.levels.iter().for_each(|count| put_varint(out, u64::from(*count)));
        put_varint(out, u64::from(self.ids));
        out.push(u8::from(self.foreign_times));
        put_varint(out, self.bytes);
        put_section(out, self.directory);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<BlockEntry, Corrupt> {
        let (index, name, rows) = (reader.u32()?, reader.text()?.into(), reader.u32()?);
        let (times, arrived) = ((reader.signed()?, reader.signed()?), (reader.signed()?, reader.signed()?));
        let seqs = (reader.varint()?, reader.varint()?);
        let mut levels = [0; 6];
        for count in &mut levels {
            *count = reader.u32()?;
        }
        let (ids, foreign_times) = (reader.u32()?, reader.byte()? != 0);
        let bytes = reader.varint()?;
        let directory = section(reader)?;
        let counted: u64 = levels.iter().map(|count| u64::from(*count)).sum();
        if counted != u64::from(rows) || rows as usize > ROWS_MAX || rows == 0 || ids > rows {
            return Err(Corrupt);
        }
        Ok(BlockEntry {
            index,
            name,
            rows,
            times,
            seqs,
            arrived,
            levels,
            ids,
            foreign_times,
            bytes,
            directory,
        })
    }
}
