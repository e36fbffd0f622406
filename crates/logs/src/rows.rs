//! Records in memory, row by row, until they are sealed.

use std::collections::HashMap;
use std::sync::Arc;

use lingshao_model::log::LogValue;

use crate::column::{Column, ColumnInfo, Kind, Values};

/// Rows of a chunk at most: what a query transposes at a time.
const CHUNK_ROWS: usize = 16_384;
/// A chunk that a snapshot holds is copied before it grows only up to this size; beyond, another one is begun.
const COPIED_ROWS_MAX: usize = 512;

/// Names of fields of an index, numbered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) all: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Names {
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    fn add(&mut self, name: &str) -> u32 {
        let (number, name): (u32, Arc<str>) = (self.all.len() as u32, name.into());
        self.all.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }
}

/// Name, kind and whether it stood in an array, in one number.
pub(crate) const fn key_of(name: u32, kind: Kind, listed: bool) -> u32 {
    name * 16 + kind.code() as u32 * 2 + listed as u32
}

/// Some records of one index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    text: String,
    rows: Vec<Row>,
    cells: Vec<Cell>,
    /// How many values there are by key.
    counts: Vec<u32>,
    /// First and last event time.
    pub(crate) times: (i64, i64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) time: i64,
    pub(crate) arrived: i64,
    pub(crate) seq: u64,
    /// Hash of the content of records with an own id.
    pub(crate) content: u64,
    id: Span,
    source: Span,
    /// They begin where those of the row before end.
    cells_end: u32,
    /// 0: none.
    pub(crate) level: u8,
}

/// `start` is `u32::MAX` when there is none.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    bytes: u32,
}

const NO_SPAN: Span = Span { start: u32::MAX, bytes: 0 };

#[derive(Clone, Copy, Debug)]
struct Cell {
    key: u32,
    /// Of a text.
    bytes: u32,
    /// The number's bits, or where a text begins.
    data: u64,
}

/// What a row has beside fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowHead<'a> {
    pub(crate) time: i64,
    pub(crate) arrived: i64,
    pub(crate) seq: u64,
    pub(crate) level: u8,
    pub(crate) id: Option<(&'a str, u64)>,
    pub(crate) source: Option<&'a str>,
}

/// The records of one index in a generation.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexRows {
    pub(crate) names: Arc<Names>,
    pub(crate) chunks: Vec<Arc<Chunk>>,
}

impl IndexRows {
    /// The chunk that takes the next row, and the names that its keys are made of.
    pub(crate) fn open_chunk(&mut self) -> (&mut Arc<Names>, &mut Chunk) {
        let fits = self.chunks.last_mut().is_some_and(|last| {
            last.rows.len() < CHUNK_ROWS
                && (last.rows.len() < COPIED_ROWS_MAX || Arc::get_mut(last).is_some())
        });
        if !fits {
            self.chunks.push(Arc::new(Chunk { times: (i64::MAX, i64::MIN), ..Chunk::default() }));
        }
        (&mut self.names, Arc::make_mut(self.chunks.last_mut().expect("one was just pushed")))
    }
}

/// The number of a name, which is new or not.
pub(crate) fn number_of(names: &mut Arc<Names>, name: &str) -> u32 {
    match names.find(name) {
        Some(number) => number,
        None => Arc::make_mut(names).add(name),
    }
}

impl Chunk {
    #[inline]
    pub(crate) fn push_field(&mut self, key: u32, value: LogValue<&str>) {
        let (data, bytes) = match value {
            LogValue::Null => (0, 0),
            LogValue::Bool(value) => (u64::from(value), 0),
            LogValue::Int(value) => (value as u64, 0),
            LogValue::Float(value) => (value.to_bits(), 0),
            LogValue::Text(text) => {
                let span = self.keep(text);
                (u64::from(span.start), span.bytes)
            }
        };
        self.cells.push(Cell { key, bytes, data });
        let key = key as usize;
        if self.counts.len() <= key {
            self.counts.resize(key + 1, 0);
        }
        self.counts[key] += 1;
    }

    /// Ends a row of the fields that were pushed since the last one.
    pub(crate) fn push_row(&mut self, head: RowHead<'_>) {
        let (id, content) = head.id.map_or((NO_SPAN, 0), |(id, content)| (self.keep(id), content));
        let source = head.source.map_or(NO_SPAN, |source| self.keep(source));
        self.times = (self.times.0.min(head.time), self.times.1.max(head.time));
        let RowHead { time, arrived, seq, level, .. } = head;
        let cells_end = self.cells.len() as u32;
        self.rows.push(Row { time, arrived, seq, content, id, source, cells_end, level });
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.rows) + size_of_val(&*self.cells)
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn id(&self, row: usize) -> Option<&str> {
        self.at(self.rows[row].id)
    }

    pub(crate) fn source(&self, row: usize) -> Option<&str> {
        self.at(self.rows[row].source)
    }

    /// Key and value of a row's fields, in the sender's order.
    #[inline]
    pub(crate) fn fields(&self, row: usize) -> impl Iterator<Item = (u32, LogValue<&str>)> {
        let start = if row == 0 { 0 } else { self.rows[row - 1].cells_end as usize };
        self.cells[start..self.rows[row].cells_end as usize].iter().map(|cell| (cell.key, self.value(cell)))
    }

    /// What columns there are; the numbers are keys.
    pub(crate) fn columns(&self, names: &Names) -> Vec<(u32, ColumnInfo)> {
        let present = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        present
            .map(|(key, count)| {
                let kind = Kind::of_code((key / 2 % 8) as u8).expect("keys are made of kinds");
                let name = Arc::clone(&names.all[key / 16]);
                let info = ColumnInfo {
                    name,
                    kind,
                    listed: key % 2 == 1,
                    count: *count,
                    is_time: false,
                    range: None,
                };
                (key as u32, info)
            })
            .collect()
    }

    /// Transposes one column.
    pub(crate) fn column(&self, key: u32) -> Column {
        let kind = Kind::of_code((key / 2 % 8) as u8).expect("keys are made of kinds");
        let (mut values, mut rows) = (Values::empty(kind), Vec::new());
        let mut start = 0;
        for (row, head) in self.rows.iter().enumerate() {
            for cell in &self.cells[start..head.cells_end as usize] {
                if cell.key == key {
                    rows.push(row as u32);
                    values.push(self.value(cell));
                }
            }
            start = head.cells_end as usize;
        }
        let dense =
            rows.len() == self.rows.len() && rows.iter().enumerate().all(|(at, row)| at as u32 == *row);
        Column { rows: (!dense).then_some(rows), values }
    }

    #[inline]
    fn value(&self, cell: &Cell) -> LogValue<&str> {
        match cell.key / 2 % 8 {
            0 => LogValue::Null,
            1 => LogValue::Bool(cell.data != 0),
            2 => LogValue::Int(cell.data as i64),
            3 => LogValue::Float(f64::from_bits(cell.data)),
            _ => LogValue::Text(&self.text[cell.data as usize..cell.data as usize + cell.bytes as usize]),
        }
    }

    #[inline]
    fn keep(&mut self, text: &str) -> Span {
        // A generation is sealed long before 4 GiB; a chunk is a part of it.
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Span { start, bytes: text.len() as u32 }
    }

    fn at(&self, span: Span) -> Option<&str> {
        (span.start != u32::MAX)
            .then(|| &self.text[span.start as usize..span.start as usize + span.bytes as usize])
    }
}
