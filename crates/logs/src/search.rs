//! Finding records: which, how many, in which order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use lingshao_model::Cancel;
use lingshao_model::log::words::folded;
use lingshao_model::log::{
    FieldKind, LogFound, LogHit, LogRecord, LogSearch, LogTime, LogValue, Missing, Number, SortField,
    SortKey, SortOrder, SortValue, TotalWanted,
};

use crate::aggregate::Aggregator;
use crate::bitmap::Bitmap;
use crate::catalog::Index;
use crate::error::SearchError;
use crate::evaluate::{Verdict, evaluate, judge};
use crate::matcher::instant_of;
use crate::part::PartError;
use crate::plan::{Plan, compile, is_time_name};
use crate::snapshot::{Place, Snapshot};
use crate::table::Table;

/// Sentences about damage in one answer.
const DAMAGE_MAX: usize = 100;

/// What one search may take.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// `from` and `size` together. 10,000, as Elasticsearch: further pages are `after`.
    pub hits_max: usize,
    /// Buckets of an answer. 65,536, as Elasticsearch.
    pub buckets_max: usize,
    /// Memory for hits and buckets. 256 MiB.
    pub memory_bytes_max: usize,
}

impl Default for SearchLimits {
    fn default() -> SearchLimits {
        SearchLimits { hits_max: 10_000, buckets_max: 65_536, memory_bytes_max: 256 << 20 }
    }
}

/// An index that is searched, and what is asked of it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) index: Arc<Index>,
    pub(crate) plan: Plan,
    pub(crate) post_filter: Option<Plan>,
}

impl Snapshot {
    /// Answers a search. What cannot be read is told in `damage`; the rest of the answer stands.
    pub fn search(
        &self,
        search: &LogSearch,
        limits: &SearchLimits,
        cancel: &Cancel,
    ) -> Result<LogFound, SearchError> {
        let wanted = search.from.saturating_add(search.size);
        if wanted > limits.hits_max {
            return Err(SearchError::TooManyHits { wanted, hits_max: limits.hits_max });
        }
        let mut run = Run::new(self, search, limits, cancel)?;
        run.walk(false)?;
        if run.aggregator.wants_everything() {
            run.walk(true)?;
        }
        run.finish()
    }
}

struct Run<'a> {
    snapshot: &'a Snapshot,
    search: &'a LogSearch,
    limits: &'a SearchLimits,
    cancel: &'a Cancel,
    asked: Vec<Asked>,
    /// Which of `asked`, and where.
    places: Vec<(usize, Place<'a>)>,
    best: Best,
    aggregator: Aggregator,
    total: u64,
    more: bool,
    damage: Vec<String>,
}

impl<'a> Run<'a> {
    fn new(
        snapshot: &'a Snapshot,
        search: &'a LogSearch,
        limits: &'a SearchLimits,
        cancel: &'a Cancel,
    ) -> Result<Run<'a>, SearchError> {
        let mut asked = Vec::new();
        for name in &search.indices {
            let index = snapshot.catalog.get(name).ok_or_else(|| SearchError::NoIndex(name.clone()))?;
            let plan = compile(&search.query, index)?;
            let post_filter = search.post_filter.as_ref().map(|query| compile(query, index)).transpose()?;
            asked.push(Asked { index: Arc::clone(index), plan, post_filter });
        }
        let best = Best::new(search);
        let mut places: Vec<(usize, Place<'a>)> = Vec::new();
        for (nth, own) in asked.iter().enumerate() {
            places.extend(snapshot.places(own.index.number).map(|place| (nth, place)));
        }
        best.sort_places(&mut places);
        let indices = asked.iter().map(|own| Arc::clone(&own.index)).collect();
        let aggregator = Aggregator::new(&search.aggregations, indices, limits)?;
        let (total, more, damage) = (0, false, Vec::new());
        Ok(Run { snapshot, search, limits, cancel, asked, places, best, aggregator, total, more, damage })
    }

    /// Looks at all places; a second time, at all records, for what counts more than the query finds.
    fn walk(&mut self, everything: bool) -> Result<(), SearchError> {
        for nth in 0..self.places.len() {
            if self.cancel.is_cancelled() {
                return Err(SearchError::Cancelled);
            }
            let outcome = self.look(nth, everything);
            self.tolerate(outcome)?;
        }
        Ok(())
    }

    /// Damage is told and passed over.
    fn tolerate<T>(&mut self, outcome: Result<T, LookError>) -> Result<Option<T>, SearchError> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(LookError::Part(error)) if error.is_damage() => {
                let text = error.to_string();
                if self.damage.len() < DAMAGE_MAX && !self.damage.contains(&text) {
                    self.damage.push(text);
                }
                Ok(None)
            }
            Err(LookError::Part(PartError::File(error))) => Err(SearchError::Read(error)),
            Err(LookError::Part(PartError::Content { .. })) => unreachable!("that is damage"),
            Err(LookError::Search(error)) => Err(error),
        }
    }

    fn is_counted(&self) -> bool {
        match self.search.total {
            TotalWanted::Exact => false,
            TotalWanted::UpTo(enough) => self.total >= enough,
            TotalWanted::Nothing => true,
        }
    }

    fn look(&mut self, nth: usize, everything: bool) -> Result<(), LookError> {
        let (which, place) = &self.places[nth];
        let (which, plan) = (*which, &self.asked[*which].plan);
        let aggregates = !self.aggregator.is_empty();
        if everything {
            let table = self.snapshot.open(place)?;
            return self.aggregator.collect_everything(&table, which, nth as u32);
        }
        let wants_hits = self.best.wants(place);
        if !wants_hits && !aggregates && self.is_counted() {
            self.more = true;
            return Ok(());
        }
        if place.is_outside(plan.span()) {
            return Ok(());
        }
        let table = self.snapshot.open(place)?;
        let verdict = judge(plan, &table);
        let counted_only = !wants_hits && !aggregates && self.search.post_filter.is_none();
        match verdict {
            Verdict::Never => return Ok(()),
            Verdict::Always if counted_only => {
                self.total += u64::from(table.rows());
                return Ok(());
            }
            _ => {}
        }
        let found = evaluate(plan, &table, &Bitmap::all(table.rows()))?;
        if aggregates && !found.is_empty() {
            self.aggregator.collect(&table, which, nth as u32, &found)?;
        }
        let mut hits = found;
        if let Some(plan) = &self.asked[which].post_filter {
            hits = evaluate(plan, &table, &hits)?;
        }
        self.total += hits.count();
        if wants_hits && !hits.is_empty() {
            self.best.offer(&table, nth as u32, &self.asked[which].index, &hits)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<LogFound, SearchError> {
        let chosen = self.best.finish(self.search.from, self.search.size);
        let mut by_place: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (rank, candidate) in chosen.iter().enumerate() {
            by_place.entry(candidate.place).or_default().push(rank);
        }
        let mut records: Vec<Option<LogRecord>> = vec![None; chosen.len()];
        let mut bytes = 0;
        for (place, ranks) in by_place {
            let outcome = self.read(place, &ranks, &chosen, &mut records);
            self.tolerate(outcome)?;
            bytes += ranks.iter().filter_map(|rank| records[*rank].as_ref()).map(record_bytes).sum::<usize>();
            if bytes > self.limits.memory_bytes_max {
                return Err(SearchError::TooMuchMemory { bytes_max: self.limits.memory_bytes_max });
            }
        }
        let hits = chosen.into_iter().zip(records);
        let hits =
            hits.filter_map(|(own, record)| Some(LogHit { record: record?, sort: own.keys })).collect();
        let places: Vec<_> = self.places.iter().map(|(which, place)| (*which, place.clone())).collect();
        let (snapshot, asked) = (self.snapshot, &self.asked);
        let mut read = |place: u32, row: u32| {
            let (which, place) = &places[place as usize];
            snapshot.open(place)?.only(std::iter::once(row)).record(row, &asked[*which].index)
        };
        let aggregations = match std::mem::take(&mut self.aggregator).finish(&mut read) {
            Ok(results) => results,
            Err(error) => {
                self.tolerate::<()>(Err(error))?;
                Vec::new()
            }
        };
        let (total, more, damage) = (self.total, self.more, self.damage);
        Ok(LogFound { total, more, hits, aggregations, damage })
    }

    fn read(
        &self,
        place: u32,
        ranks: &[usize],
        chosen: &[Candidate],
        records: &mut [Option<LogRecord>],
    ) -> Result<(), LookError> {
        let (which, place) = &self.places[place as usize];
        let table = self.snapshot.open(place)?.only(ranks.iter().map(|rank| chosen[*rank].row));
        for rank in ranks {
            records[*rank] = Some(table.record(chosen[*rank].row, &self.asked[*which].index)?);
        }
        Ok(())
    }
}

fn record_bytes(record: &LogRecord) -> usize {
    let field = |value: &LogValue<String>| if let LogValue::Text(text) = value { text.len() } else { 0 };
    200 + record.source.as_ref().map_or(0, String::len)
        + record.fields.iter().map(|own| 64 + field(&own.value)).sum::<usize>()
}

/// What can go wrong with one place.
#[derive(Debug)]
pub(crate) enum LookError {
    Part(PartError),
    Search(SearchError),
}

impl From<PartError> for LookError {
    fn from(error: PartError) -> LookError {
        LookError::Part(error)
    }
}

impl From<SearchError> for LookError {
    fn from(error: SearchError) -> LookError {
        LookError::Search(error)
    }
}

/// A record that may be among the hits.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) keys: Vec<SortValue>,
    pub(crate) seq: u64,
    pub(crate) place: u32,
    pub(crate) row: u32,
}

/// The first records in an order.
#[derive(Clone, Debug)]
pub(crate) struct Best {
    sort: Vec<SortKey>,
    /// Of ties, those that arrived last come first.
    newest_first: bool,
    after: Option<(Vec<SortValue>, Option<u64>)>,
    wanted: usize,
    kept: Vec<Candidate>,
    /// The last one of those wanted, once there are enough.
    limit: Option<Candidate>,
}

impl Best {
    fn new(search: &LogSearch) -> Best {
        let after = search.after.as_ref().map(|after| {
            let seq = match after.get(search.sort.len().max(1)) {
                Some(SortValue::Number(Number::Int(seq))) => Some(*seq as u64),
                _ => None,
            };
            (after.clone(), seq)
        });
        Best::of(&search.sort, search.from + search.size, after)
    }

    pub(crate) fn of(sort: &[SortKey], wanted: usize, after: Option<(Vec<SortValue>, Option<u64>)>) -> Best {
        let newest = SortKey { field: SortField::Time, order: SortOrder::Descending, missing: Missing::Last };
        let sort = if sort.is_empty() { vec![newest] } else { sort.to_vec() };
        let deciding = sort.iter().find(|key| key.field != SortField::Score);
        let newest_first = deciding.is_some_and(|key| key.order == SortOrder::Descending);
        Best { sort, newest_first, after, wanted, kept: Vec::new(), limit: None }
    }

    /// The places whose records come first, first.
    fn sort_places(&self, places: &mut [(usize, Place<'_>)]) {
        let key = &self.sort[0];
        match (&key.field, key.order) {
            (field, SortOrder::Ascending) if is_time(field) => {
                places.sort_by_key(|(_, place)| place.span().0);
            }
            (SortField::Arrival, SortOrder::Ascending) => places.sort_by_key(|(_, place)| place.seqs().0),
            (SortField::Arrival, SortOrder::Descending) => {
                places.sort_by_key(|(_, place)| std::cmp::Reverse(place.seqs().1));
            }
            _ => places.sort_by_key(|(_, place)| std::cmp::Reverse(place.span().1)),
        }
    }

    /// Whether a place may have records that are wanted.
    fn wants(&self, place: &Place<'_>) -> bool {
        if self.wanted == 0 {
            return false;
        }
        let Some(limit) = &self.limit else { return true };
        let SortValue::Number(Number::Int(last)) = limit.keys[0] else { return true };
        let key = &self.sort[0];
        match (&key.field, key.order) {
            (field, SortOrder::Descending) if is_time(field) => place.span().1 >= last,
            (field, SortOrder::Ascending) if is_time(field) => place.span().0 <= last,
            (SortField::Arrival, SortOrder::Descending) => place.seqs().1 as i64 >= last,
            (SortField::Arrival, SortOrder::Ascending) => place.seqs().0 as i64 <= last,
            _ => true,
        }
    }

    /// Takes rows of a table that are among the first ones so far.
    pub(crate) fn offer(
        &mut self,
        table: &Table,
        place: u32,
        index: &Index,
        rows: &Bitmap,
    ) -> Result<(), PartError> {
        let columns = self.columns(table, index, rows)?;
        let seqs = table.seqs()?;
        rows.iter().for_each(|row| self.offer_row(&columns, &seqs, place, row));
        Ok(())
    }

    /// The values of a table's rows that decide their order.
    pub(crate) fn columns(
        &self,
        table: &Table,
        index: &Index,
        rows: &Bitmap,
    ) -> Result<Vec<KeyColumn>, PartError> {
        self.sort.iter().map(|key| KeyColumn::new(key, table, index, rows)).collect()
    }

    #[inline]
    pub(crate) fn offer_row(&mut self, columns: &[KeyColumn], seqs: &[i64], place: u32, row: u32) {
        if let Some(limit) = &self.limit
            && compare_key(&self.sort[0], &columns[0].value(row), &limit.keys[0]) == Ordering::Greater
        {
            return;
        }
        let keys = columns.iter().map(|column| column.value(row)).collect();
        self.push(Candidate { keys, seq: seqs[row as usize] as u64, place, row });
    }

    fn push(&mut self, candidate: Candidate) {
        let is_behind = self.after.as_ref().is_none_or(|(after, seq)| {
            let order = self.compare_keys(&candidate.keys, after);
            order.then_with(|| seq.map_or(Ordering::Equal, |seq| self.compare_seqs(candidate.seq, seq)))
                == Ordering::Greater
        });
        let is_late =
            self.limit.as_ref().is_some_and(|limit| self.compare(&candidate, limit) == Ordering::Greater);
        if !is_behind || is_late {
            return;
        }
        self.kept.push(candidate);
        if self.kept.len() >= 2 * self.wanted.max(64) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let mut kept = std::mem::take(&mut self.kept);
        if self.wanted > 0 && kept.len() > self.wanted {
            kept.select_nth_unstable_by(self.wanted - 1, |a, b| self.compare(a, b));
        }
        kept.truncate(self.wanted);
        if kept.len() == self.wanted {
            self.limit = kept.last().cloned();
        }
        self.kept = kept;
    }

    pub(crate) fn finish(&mut self, from: usize, size: usize) -> Vec<Candidate> {
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_by(|a, b| self.compare(a, b));
        kept.into_iter().skip(from).take(size).collect()
    }

    fn compare(&self, a: &Candidate, b: &Candidate) -> Ordering {
        self.compare_keys(&a.keys, &b.keys).then_with(|| self.compare_seqs(a.seq, b.seq))
    }

    fn compare_keys(&self, a: &[SortValue], b: &[SortValue]) -> Ordering {
        let keys = self.sort.iter().zip(a.iter().zip(b));
        keys.map(|(key, (a, b))| compare_key(key, a, b))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn compare_seqs(&self, a: u64, b: u64) -> Ordering {
        if self.newest_first { b.cmp(&a) } else { a.cmp(&b) }
    }
}

fn is_time(field: &SortField) -> bool {
    match field {
        SortField::Time => true,
        SortField::Field(name) => is_time_name(name),
        _ => false,
    }
}

fn compare_key(key: &SortKey, a: &SortValue, b: &SortValue) -> Ordering {
    let without = match key.missing {
        Missing::First => Ordering::Less,
        Missing::Last | Missing::Value(_) => Ordering::Greater,
    };
    match (a, b) {
        (SortValue::Null, SortValue::Null) => Ordering::Equal,
        (SortValue::Null, _) => without,
        (_, SortValue::Null) => without.reverse(),
        (a, b) if key.order == SortOrder::Descending => b.compare(a),
        (a, b) => a.compare(b),
    }
}

/// One criterion's values of a table's rows.
pub(crate) enum KeyColumn {
    Numbers(Arc<Vec<i64>>),
    Same,
    Values(Vec<SortValue>),
}

impl KeyColumn {
    fn new(key: &SortKey, table: &Table, index: &Index, rows: &Bitmap) -> Result<KeyColumn, PartError> {
        match &key.field {
            field if is_time(field) => Ok(KeyColumn::Numbers(table.times()?)),
            SortField::Arrival => Ok(KeyColumn::Numbers(table.seqs()?)),
            SortField::Field(name) => field_values(key, name, table, index, rows).map(KeyColumn::Values),
            SortField::Score | SortField::Time => Ok(KeyColumn::Same),
        }
    }

    fn value(&self, row: u32) -> SortValue {
        match self {
            KeyColumn::Numbers(all) => SortValue::Number(Number::Int(all[row as usize])),
            KeyColumn::Same => SortValue::Number(Number::Int(0)),
            KeyColumn::Values(all) => all[row as usize].clone(),
        }
    }
}

fn field_values(
    key: &SortKey,
    name: &str,
    table: &Table,
    index: &Index,
    rows: &Bitmap,
) -> Result<Vec<SortValue>, PartError> {
    let mut values = vec![SortValue::Null; table.rows() as usize];
    if name == "_id" {
        let seqs = table.seqs()?;
        rows.iter().for_each(|row| {
            values[row as usize] = SortValue::Text(crate::seq_id::id_of(seqs[row as usize] as u64));
        });
        table.each_id(&mut |row, id| values[row as usize] = SortValue::Text(id.to_owned()))?;
        return Ok(values);
    }
    let field = Field::of(name, index);
    for (number, info) in table.columns().iter().enumerate() {
        if *info.name != *field.column {
            continue;
        }
        let column = table.column(number)?;
        for place in 0..column.len() {
            let row = column.row(place);
            if !rows.contains(row) {
                continue;
            }
            let own = sort_value(column.values.get(place), field.kind);
            let known = &mut values[row as usize];
            let order = own.compare(known);
            let better = if key.order == SortOrder::Descending { order.is_gt() } else { order.is_lt() };
            if own != SortValue::Null && (*known == SortValue::Null || better) {
                *known = own;
            }
        }
    }
    if let Missing::Value(missing) = &key.missing {
        values
            .iter_mut()
            .filter(|value| **value == SortValue::Null)
            .for_each(|value| *value = missing.clone());
    }
    Ok(values)
}

/// A field by its name: where its values are, and what they are taken for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) column: String,
    pub(crate) kind: Option<FieldKind>,
}

impl Field {
    pub(crate) fn of(name: &str, index: &Index) -> Field {
        if let Some(field) = index.mapping.fields.get(name) {
            let column = field.values_of.as_deref().unwrap_or(name).to_owned();
            return Field { column, kind: Some(field.kind) };
        }
        match name.strip_suffix(".keyword") {
            Some(base) => Field { column: base.to_owned(), kind: None },
            None => Field { column: name.to_owned(), kind: None },
        }
    }
}

fn sort_value(value: LogValue<&str>, kind: Option<FieldKind>) -> SortValue {
    match (value, kind) {
        (LogValue::Null, _) => SortValue::Null,
        (LogValue::Bool(value), _) => SortValue::Number(Number::Int(i64::from(value))),
        (LogValue::Int(millis), Some(FieldKind::Date)) => {
            SortValue::Number(Number::Int(LogTime::from_millis(millis).0))
        }
        (LogValue::Int(value), _) => SortValue::Number(Number::Int(value)),
        (LogValue::Float(value), _) => SortValue::Number(Number::Float(value)),
        (LogValue::Text(text), Some(FieldKind::Date)) => {
            instant_of(text).map_or(SortValue::Null, |instant| SortValue::Number(Number::Int(instant)))
        }
        (LogValue::Text(text), Some(FieldKind::Long | FieldKind::Double)) => {
            Number::read(text).map_or(SortValue::Null, SortValue::Number)
        }
        (LogValue::Text(text), Some(FieldKind::Keyword { fold_case: true } | FieldKind::Text)) => {
            SortValue::Text(folded(text))
        }
        (LogValue::Text(text), _) => SortValue::Text(text.to_owned()),
    }
}
