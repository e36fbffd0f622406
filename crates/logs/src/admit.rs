//! Which records of a batch are kept: checked before anything is written.

use lingshao_model::log::{BatchRecord, LogBatch, LogTime, LogValue, Mapping};
use rapidhash::v3::rapidhash_v3;

use crate::catalog::{Catalog, Index, check_name};
use crate::column::Kind;
use crate::error::RecordRefusal;
use crate::generation::Generation;
use crate::ids::{IdKey, IdMemory, Known};
use crate::options::Options;
use crate::record::Admitted;
use crate::store::Outcome;

/// Longest id of a sender: Elasticsearch's.
const ID_BYTES_MAX: usize = 512;

/// What becomes of a batch before it is written.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) admitted: Vec<Admitted>,
    /// Indices that the admitted records name, in the order of their places.
    pub(crate) indices: Vec<(u32, String)>,
    /// Indices that have to be made.
    pub(crate) new: Vec<Index>,
    /// Ids that were remembered, to be forgotten if the log does not take the batch.
    pub(crate) ids: Vec<IdKey>,
    /// By the index's number in the batch.
    places: Vec<Option<Result<u32, RecordRefusal>>>,
    /// By place: which names of the batch were counted, and how many names the index has with them.
    names: Vec<(Vec<bool>, usize)>,
}

/// What admission looks at.
pub(crate) struct Admitting<'a> {
    pub(crate) options: &'a Options,
    pub(crate) catalog: &'a Catalog,
    pub(crate) generation: &'a Generation,
    pub(crate) ids: &'a mut IdMemory,
    pub(crate) now: LogTime,
    pub(crate) next_seq: u64,
}

impl Admitting<'_> {
    pub(crate) fn admit(&mut self, batch: &LogBatch) -> Admission {
        let mut admission = Admission { places: vec![None; batch.names().len()], ..Admission::default() };
        admission.outcomes.reserve(batch.len());
        admission.admitted.reserve(batch.len());
        for (number, record) in batch.records().enumerate() {
            let outcome = self.record(&mut admission, batch, number as u32, record);
            admission.outcomes.push(outcome.unwrap_or_else(Outcome::Refused));
        }
        admission
    }

    fn record(
        &mut self,
        admission: &mut Admission,
        batch: &LogBatch,
        number: u32,
        record: BatchRecord<'_>,
    ) -> Result<Outcome, RecordRefusal> {
        let place = self.place(admission, record)?;
        self.check_size(record)?;
        self.count_names(admission, batch, place, record)?;
        let seq = self.next_seq + admission.admitted.len() as u64;
        let mut content = 0;
        if let Some(id) = record.id() {
            if id.is_empty() || id.len() > ID_BYTES_MAX {
                return Err(RecordRefusal::Id { bytes: id.len(), bytes_max: ID_BYTES_MAX });
            }
            content = content_hash(record);
            let key = self.ids.key(admission.indices[place as usize].0, id);
            match self.ids.find(key) {
                Some(known) if known.content == content => return Ok(Outcome::Same { seq: known.seq }),
                Some(known) => return Ok(Outcome::Conflict { seq: known.seq }),
                None => {
                    self.ids.insert(key, Known { content, seq }, self.now.0);
                    admission.ids.push(key);
                }
            }
        }
        admission.admitted.push(Admitted { record: number, index: place, content });
        Ok(Outcome::Created { seq })
    }

    fn place(&self, admission: &mut Admission, record: BatchRecord<'_>) -> Result<u32, RecordRefusal> {
        let number = record.index_number() as usize;
        if let Some(known) = &admission.places[number] {
            return known.clone();
        }
        let found = self.index(admission, record.index()).map(|index| {
            admission.indices.push((index, record.index().to_owned()));
            let known = self.generation.indices.get(&index).map_or(0, |rows| rows.names.all.len());
            admission.names.push((Vec::new(), known));
            admission.indices.len() as u32 - 1
        });
        admission.places[number] = Some(found.clone());
        found
    }

    fn index(&self, admission: &mut Admission, name: &str) -> Result<u32, RecordRefusal> {
        if let Some(index) = self.catalog.get(name) {
            return Ok(index.number);
        }
        admissible(name, self.catalog.len() + admission.new.len(), self.options)?;
        let number = self.catalog.next_number + admission.new.len() as u32;
        let (mapping, settings) = (Mapping::default(), String::new());
        admission.new.push(Index { number, name: name.into(), created: self.now, mapping, settings });
        Ok(number)
    }

    fn check_size(&self, record: BatchRecord<'_>) -> Result<(), RecordRefusal> {
        let (fields, fields_max) = (record.fields().len(), self.options.record_fields_max);
        if fields > fields_max {
            return Err(RecordRefusal::TooManyFields { fields, fields_max });
        }
        let bytes = record.source().map_or(0, str::len)
            + record
                .fields()
                .map(|field| match field.value {
                    LogValue::Text(text) => text.len().min(self.options.field_bytes_max),
                    _ => 8,
                })
                .sum::<usize>();
        let bytes_max = self.options.record_bytes_max;
        if bytes > bytes_max { Err(RecordRefusal::TooLarge { bytes, bytes_max }) } else { Ok(()) }
    }

    fn count_names(
        &self,
        admission: &mut Admission,
        batch: &LogBatch,
        place: u32,
        record: BatchRecord<'_>,
    ) -> Result<(), RecordRefusal> {
        let (index, name) = &admission.indices[place as usize];
        let (seen, names) = &mut admission.names[place as usize];
        seen.resize(batch.names().len(), false);
        let known = self.generation.indices.get(index);
        for field in record.fields() {
            let seen = &mut seen[field.number as usize];
            if *seen {
                continue;
            }
            if known.is_none_or(|rows| rows.names.find(field.name).is_none()) {
                if *names >= self.options.fields_max {
                    let fields_max = self.options.fields_max;
                    return Err(RecordRefusal::TooManyNames { index: name.clone(), fields_max });
                }
                *names += 1;
            }
            *seen = true;
        }
        Ok(())
    }
}

/// Whether an index of that name may be made.
pub(crate) fn admissible(name: &str, indices: usize, options: &Options) -> Result<(), RecordRefusal> {
    check_name(name).map_err(|why| RecordRefusal::IndexName { name: name.to_owned(), why })?;
    let indices_max = options.indices_max;
    if indices >= indices_max {
        return Err(RecordRefusal::TooManyIndices { name: name.to_owned(), indices_max });
    }
    Ok(())
}

/// Two records with one hash are the same to a sender that repeats itself. The time of arrival does not count.
fn content_hash(record: BatchRecord<'_>) -> u64 {
    let mut hash = record.time().map_or(1, |time| time.0 as u64);
    let mut mix = |part: u64| hash = (hash.rotate_left(5) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for field in record.fields() {
        mix(rapidhash_v3(field.name.as_bytes()));
        mix(u64::from(Kind::of(&field.value).code()) * 2 + u64::from(field.listed));
        mix(match field.value {
            LogValue::Null => 0,
            LogValue::Bool(value) => u64::from(value),
            LogValue::Int(value) => value as u64,
            LogValue::Float(value) => value.to_bits(),
            LogValue::Text(text) => rapidhash_v3(text.as_bytes()),
        });
    }
    mix(record.source().map_or(0, |source| rapidhash_v3(source.as_bytes())));
    hash
}
