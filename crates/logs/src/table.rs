//! Records of one index, in memory or in a block, as the columns that queries work on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use lingshao_model::log::{LogField, LogRecord, LogTime, LogValue};

use crate::bitmap::Bitmap;
use crate::catalog::Index;
use crate::column::{Column, ColumnInfo};
use crate::filter::Filter;
use crate::part::{BlockReader, PartError, Searched};
use crate::record::level_of;
use crate::rows::{Chunk, IndexRows, Names};
use crate::seq_id::id_of;

/// Records of one index.
#[derive(Debug)]
pub(crate) struct Table {
    origin: Origin,
    columns: Vec<ColumnInfo>,
    /// Columns that this query has used.
    loaded: RefCell<HashMap<u32, Arc<Column>>>,
    /// Rows that are asked for, if not all.
    only: Option<Bitmap>,
}

#[derive(Debug)]
enum Origin {
    Rows {
        names: Arc<Names>,
        chunk: Arc<Chunk>,
        /// The chunk's key of each column.
        keys: Vec<u32>,
    },
    Block(BlockReader),
}

impl Table {
    /// A chunk of rows in memory.
    pub(crate) fn rows_of(rows: &IndexRows, chunk: &Arc<Chunk>) -> Table {
        let (keys, columns) = chunk.columns(&rows.names).into_iter().unzip();
        let (names, chunk) = (Arc::clone(&rows.names), Arc::clone(chunk));
        Table { origin: Origin::Rows { names, chunk, keys }, columns, loaded: RefCell::default(), only: None }
    }

    pub(crate) fn block(block: BlockReader) -> Table {
        let columns = block.directory.columns.iter().map(|(info, ..)| info.clone()).collect();
        Table { origin: Origin::Block(block), columns, loaded: RefCell::default(), only: None }
    }

    /// The same table, of which only these rows will be asked for.
    pub(crate) fn only(mut self, rows: impl Iterator<Item = u32>) -> Table {
        let mut only = Bitmap::none(self.rows());
        rows.for_each(|row| only.insert(row));
        self.only = Some(only);
        self
    }

    pub(crate) fn rows(&self) -> u32 {
        match &self.origin {
            Origin::Rows { chunk, .. } => chunk.len() as u32,
            Origin::Block(block) => block.entry().rows,
        }
    }

    pub(crate) fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    /// First and last event time.
    pub(crate) fn span(&self) -> (i64, i64) {
        match &self.origin {
            Origin::Rows { chunk, .. } => chunk.times,
            Origin::Block(block) => block.entry().times,
        }
    }

    /// How many rows have each level, where that is known without looking.
    pub(crate) fn level_counts(&self) -> Option<[u32; 6]> {
        match &self.origin {
            Origin::Rows { .. } => None,
            Origin::Block(block) => Some(block.entry().levels),
        }
    }

    pub(crate) fn times(&self) -> Result<Arc<Vec<i64>>, PartError> {
        match &self.origin {
            Origin::Rows { chunk, .. } => Ok(Arc::new(chunk.rows().iter().map(|row| row.time).collect())),
            Origin::Block(block) => block.times(),
        }
    }

    pub(crate) fn seqs(&self) -> Result<Arc<Vec<i64>>, PartError> {
        match &self.origin {
            Origin::Rows { chunk, .. } => {
                Ok(Arc::new(chunk.rows().iter().map(|row| row.seq as i64).collect()))
            }
            Origin::Block(block) => block.seqs(),
        }
    }

    /// Codes of levels.
    pub(crate) fn levels(&self) -> Result<Arc<Vec<u8>>, PartError> {
        match &self.origin {
            Origin::Rows { chunk, .. } => Ok(Arc::new(chunk.rows().iter().map(|row| row.level).collect())),
            Origin::Block(block) => block.levels(),
        }
    }

    pub(crate) fn column(&self, number: usize) -> Result<Arc<Column>, PartError> {
        let number = number as u32;
        if let Some(column) = self.loaded.borrow().get(&number) {
            return Ok(Arc::clone(column));
        }
        let column = match &self.origin {
            Origin::Rows { chunk, keys, .. } => Arc::new(chunk.column(keys[number as usize])),
            Origin::Block(block) => match &self.only {
                None => block.column(number)?,
                Some(only) => block.column_where(number, &|_| true, &|row| only.contains(row))?.into(),
            },
        };
        self.loaded.borrow_mut().insert(number, Arc::clone(&column));
        Ok(column)
    }

    /// A column, or only those of its texts, of rows in `within`, that may hold what is looked for.
    pub(crate) fn column_where(
        &self,
        number: usize,
        may: &dyn Fn(&str) -> bool,
        within: &Bitmap,
    ) -> Result<Arc<Column>, PartError> {
        let key = number as u32;
        match &self.origin {
            Origin::Block(block) if !self.loaded.borrow().contains_key(&key) => {
                let searched = block.column_where(key, may, &|row| within.contains(row))?;
                if let Searched::Whole(column) = &searched {
                    self.loaded.borrow_mut().insert(key, Arc::clone(column));
                }
                Ok(searched.into())
            }
            _ => self.column(number),
        }
    }

    pub(crate) fn filter(&self, column: usize) -> Result<Option<Arc<Filter>>, PartError> {
        match &self.origin {
            Origin::Rows { .. } => Ok(None),
            Origin::Block(block) => block.filter(column as u32),
        }
    }

    /// Calls `visit` with each row that a sender gave an id.
    pub(crate) fn each_id(&self, visit: &mut dyn FnMut(u32, &str)) -> Result<(), PartError> {
        match &self.origin {
            Origin::Rows { chunk, .. } => {
                (0..chunk.len())
                    .filter_map(|row| Some((row, chunk.id(row)?)))
                    .for_each(|(row, id)| visit(row as u32, id));
            }
            Origin::Block(block) => {
                let ids = block.ids()?;
                ids.rows.iter().zip(ids.texts.iter()).for_each(|(row, id)| visit(*row as u32, id));
            }
        }
        Ok(())
    }

    /// A whole record.
    pub(crate) fn record(&self, row: u32, index: &Arc<Index>) -> Result<LogRecord, PartError> {
        let (at, name) = (row as usize, Arc::clone(&index.name));
        match &self.origin {
            Origin::Rows { names, chunk, .. } => {
                let field = |(key, value): (u32, LogValue<&str>)| LogField {
                    name: Arc::clone(&names.all[key as usize / 16]),
                    value: value.to_owned(),
                    listed: key % 2 == 1,
                };
                let own = &chunk.rows()[at];
                Ok(LogRecord {
                    index: name,
                    id: chunk.id(at).map_or_else(|| id_of(own.seq), str::to_owned),
                    seq: own.seq,
                    time: LogTime(own.time),
                    arrived: LogTime(own.arrived),
                    level: level_of(own.level),
                    fields: chunk.fields(at).map(field).collect(),
                    source: chunk.source(at).map(str::to_owned),
                })
            }
            Origin::Block(block) => {
                let (ids, sources, seq) = (block.ids()?, block.sources()?, block.seqs()?[at] as u64);
                Ok(LogRecord {
                    index: name,
                    id: ids.find(row).map_or_else(|| id_of(seq), |place| ids.texts.get(place).to_owned()),
                    seq,
                    time: LogTime(block.times()?[at]),
                    arrived: LogTime(block.arrived()?[at]),
                    level: level_of(block.levels()?[at]),
                    fields: self.block_fields(block, row)?,
                    source: sources.find(row).map(|place| sources.texts.get(place).to_owned()),
                })
            }
        }
    }

    /// A row's fields in the sender's order.
    fn block_fields(&self, block: &BlockReader, row: u32) -> Result<Vec<LogField>, PartError> {
        let shapes = block.shapes()?;
        let shape = &shapes.all[shapes.of_rows[row as usize] as usize];
        let mut fields = Vec::with_capacity(shape.len());
        let mut used: Vec<(u32, usize)> = Vec::new();
        for (number, count) in shape {
            let column = self.column(*number as usize)?;
            let info = &self.columns[*number as usize];
            let taken = used.iter().filter(|(own, _)| own == number).map(|(_, count)| count).sum::<usize>();
            let places = column.of_row(row).skip(taken).take(*count as usize);
            fields.extend(places.map(|place| LogField {
                name: Arc::clone(&info.name),
                value: column.values.get(place).to_owned(),
                listed: info.listed,
            }));
            if !block.directory.is_regular {
                used.push((*number, *count as usize));
            }
        }
        Ok(fields)
    }
}
