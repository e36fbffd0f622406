//! Records of one index, in memory or in a block, as the columns that queries work on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use lingshao_model::log::{LogField, LogRecord, LogTime, LogValue};

use crate::block::BlockBuilder;
use crate::catalog::Index;
use crate::column::{Column, ColumnInfo, Kind};
use crate::filter::Filter;
use crate::part::{BlockReader, PartError};
use crate::record::level_of;
use crate::rows::{Chunk, IndexRows, Names, RowHead};
use crate::seq_id::id_of;

/// Records of one index.
#[derive(Debug)]
pub(crate) struct Table {
    origin: Origin,
    columns: Vec<ColumnInfo>,
    /// Columns that this query has used.
    loaded: RefCell<HashMap<u32, Arc<Column>>>,
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

/// Gets a field's name, whether it stood in an array, and its value.
type FieldVisit<'a> = dyn FnMut(&Arc<str>, bool, LogValue<&str>) + 'a;

impl Table {
    /// A chunk of rows in memory.
    pub(crate) fn rows_of(rows: &IndexRows, chunk: &Arc<Chunk>) -> Table {
        let (keys, columns) = chunk.columns(&rows.names).into_iter().unzip();
        let (names, chunk) = (Arc::clone(&rows.names), Arc::clone(chunk));
        Table { origin: Origin::Rows { names, chunk, keys }, columns, loaded: RefCell::default() }
    }

    pub(crate) fn block(block: BlockReader) -> Table {
        let columns = block.directory.columns.iter().map(|(info, ..)| info.clone()).collect();
        Table { origin: Origin::Block(block), columns, loaded: RefCell::default() }
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
            Origin::Block(block) => block.column(number)?,
        };
        self.loaded.borrow_mut().insert(number, Arc::clone(&column));
        Ok(column)
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
        let mut fields = Vec::new();
        let mut made = None;
        self.each_of_row(
            row,
            &mut |name, listed, value| {
                fields.push(LogField { name: Arc::clone(name), value: value.to_owned(), listed });
            },
            &mut |head| {
                made = Some((
                    head.time,
                    head.arrived,
                    head.seq,
                    head.level,
                    head.id.map(|(id, _)| id.to_owned()),
                    head.source.map(str::to_owned),
                ));
            },
        )?;
        let (time, arrived, seq, level, id, source) = made.expect("a row has a head");
        Ok(LogRecord {
            index: Arc::clone(&index.name),
            id: id.unwrap_or_else(|| id_of(seq)),
            seq,
            time: LogTime(time),
            arrived: LogTime(arrived),
            level: level_of(level),
            fields,
            source,
        })
    }

    /// Copies a row into a block that is being made.
    pub(crate) fn move_row(&self, row: u32, builder: &mut BlockBuilder) -> Result<(), PartError> {
        let shared = RefCell::new(builder);
        self.each_of_row(
            row,
            &mut |name, listed, value| {
                let mut builder = shared.borrow_mut();
                let column = builder.column(name, Kind::of(&value), listed);
                builder.push_field(column, value);
            },
            &mut |head| shared.borrow_mut().push_row(head),
        )
    }

    /// Visits a row's fields in the sender's order, then what it has beside them.
    fn each_of_row(
        &self,
        row: u32,
        field: &mut FieldVisit<'_>,
        head: &mut dyn FnMut(RowHead<'_>),
    ) -> Result<(), PartError> {
        match &self.origin {
            Origin::Rows { names, chunk, .. } => {
                let at = row as usize;
                chunk
                    .fields(at)
                    .for_each(|(key, value)| field(&names.all[key as usize / 16], key % 2 == 1, value));
                let own = &chunk.rows()[at];
                head(RowHead {
                    time: own.time,
                    arrived: own.arrived,
                    seq: own.seq,
                    level: own.level,
                    id: chunk.id(at).map(|id| (id, own.content)),
                    source: chunk.source(at),
                });
            }
            Origin::Block(block) => {
                let shapes = block.shapes()?;
                let shape = &shapes.all[shapes.of_rows[row as usize] as usize];
                let mut used: Vec<(u32, usize)> = Vec::new();
                for (number, count) in shape {
                    let column = self.column(*number as usize)?;
                    let info = &self.columns[*number as usize];
                    let taken =
                        used.iter().filter(|(own, _)| own == number).map(|(_, count)| count).sum::<usize>();
                    let places = column.of_row(row).skip(taken).take(*count as usize);
                    places.for_each(|place| field(&info.name, info.listed, column.values.get(place)));
                    if !block.directory.is_regular {
                        used.push((*number, *count as usize));
                    }
                }
                self.block_head(block, row, head)?;
            }
        }
        Ok(())
    }

    fn block_head(
        &self,
        block: &BlockReader,
        row: u32,
        head: &mut dyn FnMut(RowHead<'_>),
    ) -> Result<(), PartError> {
        let (ids, sources, at) = (block.ids()?, block.sources()?, row as usize);
        let id = ids
            .find(row)
            .map(|place| (ids.texts.get(place), ids.hashes.get(place).map_or(0, |hash| *hash as u64)));
        head(RowHead {
            time: block.times()?[at],
            arrived: block.arrived()?[at],
            seq: block.seqs()?[at] as u64,
            level: block.levels()?[at],
            id,
            source: sources.find(row).map(|place| sources.texts.get(place)),
        });
        Ok(())
    }
}
