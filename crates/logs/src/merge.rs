//! Few large blocks of many small ones of one index, a column at a time.

use std::sync::Arc;

use hashbrown::HashTable;
use lingshao_disk::SealedWriter;
use rapidhash::v3::rapidhash_v3;

use crate::block::{BlockBuilder, BlockEntry, ROWS_MAX, Shapes, Sparse, TEXT_BYTES_MAX, VALUES_MAX};
use crate::column::{Column, Kind, Texts, Values};
use crate::error::StoreError;
use crate::maintain::MergeError;
use crate::part::{BlockReader, PartError};
use crate::rows::RowHead;
use crate::texts::DICTIONARY_MAX;
use crate::zip::Zip;

/// Copies a block's sections as they are.
pub(crate) fn copy_block(block: &BlockReader, file: &mut SealedWriter) -> Result<BlockEntry, PartError> {
    let begin = file.bytes();
    let directory = block.directory.moved(|section| Ok(file.section(&block.part.section(section)?)?))?;
    let directory = file.section(&directory)?;
    Ok(BlockEntry { directory, bytes: file.bytes() - begin, ..block.entry().clone() })
}

/// At most as many blocks are decoded at a time as fill one.
pub(crate) fn merge_blocks(
    group: &[BlockReader],
    file: &mut SealedWriter,
    zip: &mut Zip,
    blocks: &mut Vec<BlockEntry>,
) -> Result<(), MergeError> {
    let mut rest = group;
    while let Some(first) = rest.first() {
        let mut rows = 0;
        let fits = |block: &&BlockReader| {
            rows += block.entry().rows as usize;
            rows <= ROWS_MAX
        };
        let taken = rest.iter().take_while(fits).count().max(1);
        let (now, later) = rest.split_at(taken);
        rest = later;
        if let [single] = now {
            blocks.push(copy_block(single, file)?);
            continue;
        }
        let sources = now.iter().map(Source::read).collect::<Result<Vec<_>, _>>()?;
        let (index, name) = (first.entry().index, Arc::clone(&first.entry().name));
        let order = order_of(&sources)?;
        let mut read = sources.iter().map(|source| vec![0; source.columns.len()]).collect();
        for piece in pieces(&order, &sources) {
            let builder = merged(piece, &sources, &mut read)?;
            blocks.push(builder.write(index, &name, file, zip).map_err(StoreError::from)?);
        }
    }
    Ok(())
}

/// A block, decoded.
struct Source<'b> {
    block: &'b BlockReader,
    shapes: Arc<Shapes>,
    columns: Vec<Arc<Column>>,
}

/// A row: which source's, and its number there.
#[derive(Clone, Copy)]
struct Place {
    source: u32,
    row: u32,
}

impl Source<'_> {
    fn read(block: &BlockReader) -> Result<Source<'_>, PartError> {
        let columns = (0..block.directory.columns.len() as u32).map(|column| block.column(column));
        Ok(Source { shapes: block.shapes()?, columns: columns.collect::<Result<_, _>>()?, block })
    }

    /// Texts' bytes and number of values of each row.
    fn weights(&self) -> Vec<(usize, usize)> {
        let mut weights = vec![(0, 0); self.shapes.of_rows.len()];
        let counts: Vec<usize> = self
            .shapes
            .all
            .iter()
            .map(|shape| shape.iter().map(|(_, count)| *count as usize).sum())
            .collect();
        for (weight, shape) in weights.iter_mut().zip(&self.shapes.of_rows) {
            weight.1 = counts[*shape as usize];
        }
        for column in &self.columns {
            let lengths: Box<dyn Fn(usize) -> usize> = match &column.values {
                Values::Text(texts) => Box::new(|place| texts.length(place)),
                Values::Dictionary(texts, places) => Box::new(|at| texts.length(places[at] as usize)),
                _ => continue,
            };
            (0..column.len()).for_each(|place| weights[column.row(place) as usize].0 += lengths(place));
        }
        weights
    }
}

/// All rows by time and number.
fn order_of(sources: &[Source<'_>]) -> Result<Vec<Place>, PartError> {
    let mut order = Vec::new();
    for (source, own) in (0..).zip(sources) {
        let (times, seqs) = (own.block.times()?, own.block.seqs()?);
        let keys = || times.iter().copied().zip(seqs.iter().copied());
        // Values are taken in the order in which they stand.
        if !keys().is_sorted() {
            let path = own.block.part.path().to_owned();
            return Err(PartError::Content { path, what: "rows in an order" });
        }
        order.extend((0..).zip(keys()).map(|(row, key)| (key, Place { source, row })));
    }
    // Blocks mostly follow each other: few runs.
    order.sort_by_key(|(key, _)| *key);
    Ok(order.into_iter().map(|(_, place)| place).collect())
}

/// Rows that fill a block each.
fn pieces<'o>(order: &'o [Place], sources: &[Source<'_>]) -> Vec<&'o [Place]> {
    let weights: Vec<_> = sources.iter().map(Source::weights).collect();
    let (mut pieces, mut begin, mut bytes, mut values) = (Vec::new(), 0, 0, 0);
    for (at, place) in order.iter().enumerate() {
        let weight = weights[place.source as usize][place.row as usize];
        bytes += weight.0;
        values += weight.1;
        if bytes >= TEXT_BYTES_MAX || values >= VALUES_MAX {
            pieces.push(&order[begin..=at]);
            (begin, bytes, values) = (at + 1, 0, 0);
        }
    }
    pieces.push(&order[begin..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// How many values earlier pieces have taken, by source and column.
type Taken = Vec<Vec<usize>>;

fn merged(piece: &[Place], sources: &[Source<'_>], taken: &mut Taken) -> Result<BlockBuilder, PartError> {
    let mut builder = BlockBuilder::default();
    push_rows(piece, sources, &mut builder)?;
    // By column of the new block: those of the sources.
    let mut origins: Vec<Vec<Option<u32>>> = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        for (column, (info, ..)) in (0..).zip(&source.block.directory.columns) {
            let Some(own) = builder.find_column(&info.name, info.kind, info.listed) else { continue };
            origins.resize_with(origins.len().max(own as usize + 1), || vec![None; sources.len()]);
            origins[own as usize][number] = Some(column);
        }
    }
    for (column, origins) in (0..).zip(&origins) {
        let input = |number: usize| {
            let origin = origins[number]? as usize;
            Some(Input::new(&sources[number], origin, taken[number][origin]))
        };
        let inputs = (0..sources.len()).map(input).collect();
        let (values, ends) = gathered(builder.kind(column), piece, inputs);
        for ((origin, end), taken) in origins.iter().zip(ends).zip(taken.iter_mut()) {
            origin.iter().for_each(|origin| taken[*origin as usize] = end);
        }
        builder.put_values(column, values);
    }
    Ok(builder)
}

/// What rows have beside fields, and which columns.
fn push_rows(piece: &[Place], sources: &[Source<'_>], builder: &mut BlockBuilder) -> Result<(), PartError> {
    struct Heads {
        times: Arc<Vec<i64>>,
        seqs: Arc<Vec<i64>>,
        arrived: Arc<Vec<i64>>,
        levels: Arc<Vec<u8>>,
        ids: Arc<Sparse>,
        sources: Arc<Sparse>,
        /// The new number of each shape that has been used.
        shapes: Vec<Option<i64>>,
    }
    let heads = |source: &Source<'_>| {
        let block = source.block;
        Ok::<_, PartError>(Heads {
            times: block.times()?,
            seqs: block.seqs()?,
            arrived: block.arrived()?,
            levels: block.levels()?,
            ids: block.ids()?,
            sources: block.sources()?,
            shapes: vec![None; source.shapes.all.len()],
        })
    };
    let mut all = sources.iter().map(heads).collect::<Result<Vec<_>, _>>()?;
    for place in piece {
        let (source, at) = (&sources[place.source as usize], place.row as usize);
        let own = &mut all[place.source as usize];
        let shape = source.shapes.of_rows[at] as usize;
        let shape = *own.shapes[shape].get_or_insert_with(|| {
            let columns = source.shapes.all[shape].iter().map(|(column, count)| {
                let (info, ..) = &source.block.directory.columns[*column as usize];
                (&info.name, info.kind, info.listed, *count)
            });
            builder.add_shape(columns)
        });
        let id = own.ids.find(place.row);
        let hash = |place| own.ids.hashes.get(place).map_or(0, |hash| *hash as u64);
        let head = RowHead {
            time: own.times[at],
            arrived: own.arrived[at],
            seq: own.seqs[at] as u64,
            level: own.levels[at],
            id: id.map(|place| (own.ids.texts.get(place), hash(place))),
            source: own.sources.find(place.row).map(|place| own.sources.texts.get(place)),
        };
        builder.push_shaped(head, shape);
    }
    Ok(())
}

/// A column of one source: its values are taken in their order, a row's at a time.
struct Input<'s> {
    values: &'s Values,
    of_rows: &'s [u32],
    /// How many values each shape has.
    counts: Vec<u32>,
    next: usize,
}

impl<'s> Input<'s> {
    fn new(source: &'s Source<'_>, column: usize, next: usize) -> Input<'s> {
        let count = |shape: &Vec<(u32, u32)>| {
            shape.iter().filter(|(own, _)| *own as usize == column).map(|(_, count)| count).sum()
        };
        Input {
            values: &source.columns[column].values,
            of_rows: &source.shapes.of_rows,
            counts: source.shapes.all.iter().map(count).collect(),
            next,
        }
    }

    fn take(&mut self, row: u32) -> std::ops::Range<usize> {
        let start = self.next;
        self.next += self.counts[self.of_rows[row as usize] as usize] as usize;
        start..self.next
    }
}

/// The values of one column for these rows, and how far each source has been read.
fn gathered(kind: Kind, piece: &[Place], mut inputs: Vec<Option<Input<'_>>>) -> (Values, Vec<usize>) {
    let begun: Vec<usize> = inputs.iter().map(|input| input.as_ref().map_or(0, |input| input.next)).collect();
    let is_dictionary = |input: &Option<Input<'_>>| {
        input.as_ref().is_none_or(|own| matches!(own.values, Values::Dictionary(..)))
    };
    let dictionary =
        if inputs.iter().all(is_dictionary) { gather_dictionary(piece, &mut inputs) } else { None };
    let values = dictionary.unwrap_or_else(|| {
        for (input, begun) in inputs.iter_mut().zip(begun) {
            input.iter_mut().for_each(|input| input.next = begun);
        }
        gather_plain(kind, piece, &mut inputs)
    });
    (values, inputs.iter().map(|input| input.as_ref().map_or(0, |input| input.next)).collect())
}

fn gather_plain(kind: Kind, piece: &[Place], inputs: &mut [Option<Input<'_>>]) -> Values {
    let mut values = Values::empty(kind);
    for place in piece {
        let Some(input) = &mut inputs[place.source as usize] else { continue };
        input.take(place.row).for_each(|at| values.push(input.values.get(at)));
    }
    values
}

/// Dictionaries become one; `None` if it were too large. Texts are compared once for each source.
fn gather_dictionary(piece: &[Place], inputs: &mut [Option<Input<'_>>]) -> Option<Values> {
    let sizes = inputs.iter().map(|input| match input.as_ref().map(|input| input.values) {
        Some(Values::Dictionary(texts, _)) => texts.len(),
        _ => 0,
    });
    let mut numbers: Vec<Vec<Option<u32>>> = sizes.map(|size| vec![None; size]).collect();
    let mut known: HashTable<(u64, u32)> = HashTable::new();
    let (mut different, mut new_places) = (Texts::default(), Vec::with_capacity(piece.len()));
    for place in piece {
        let Some(input) = &mut inputs[place.source as usize] else { continue };
        let range = input.take(place.row);
        let Values::Dictionary(texts, places) = input.values else { return None };
        for old in &places[range] {
            let number = numbers[place.source as usize][*old as usize].get_or_insert_with(|| {
                let text = texts.get(*old as usize);
                let hash = rapidhash_v3(text.as_bytes());
                let same = |own: &(u64, u32)| own.0 == hash && different.get(own.1 as usize) == text;
                if let Some((_, number)) = known.find(hash, same) {
                    return *number;
                }
                let number = different.len() as u32;
                different.push(text);
                known.insert_unique(hash, (hash, number), |own| own.0);
                number
            });
            new_places.push(*number);
        }
        if different.len() > DICTIONARY_MAX {
            return None;
        }
    }
    Some(Values::Dictionary(different, new_places))
}
