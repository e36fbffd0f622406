//! Which buckets the rows of a table belong to.

use lingshao_model::log::{
    BucketKey, CompositeSource, CompositeSourceKind, LogTime, Number, RangeSpec, ValueSource,
};

use super::Selection;
use super::buckets::{Buckets, Offsets};
use super::calendar::Rounding;
use super::values::{Source, Value};
use crate::bitmap::Bitmap;
use crate::column::Values;
use crate::evaluate::evaluate;
use crate::part::PartError;
use crate::plan::Plan;
use crate::table::Table;

/// Combinations of one record's values at most.
const COMBINATIONS_MAX: usize = 10_000;

/// Rows of a table with their owners, on their way into buckets.
pub(super) struct Rows<'a> {
    pub(super) table: &'a Table,
    pub(super) sources: &'a [Source],
    pub(super) plans: &'a [Plan],
    pub(super) offsets: &'a Offsets<'a>,
    /// Row and bucket.
    pub(super) inside: Vec<(u32, u32)>,
}

impl Rows<'_> {
    /// Visits the values of the rows that are wanted, and what rows without one count as.
    pub(super) fn each(
        &self,
        missing: Option<Value<'_>>,
        visit: &mut dyn FnMut(u32, Value<'_>),
    ) -> Result<(), PartError> {
        let mut with = Bitmap::none(self.table.rows());
        self.sources[0].each(self.table, &mut |row, value| {
            if !self.offsets.of(row).is_empty() {
                with.insert(row);
                visit(row, value);
            }
        })?;
        if let Some(missing) = missing {
            let mut without = self.offsets.rows();
            without.and_not(&with);
            without.iter().for_each(|row| visit(row, missing));
        }
        Ok(())
    }

    /// The same, and what `visit` puts inside is kept.
    fn put_each(
        &mut self,
        missing: Option<Value<'_>>,
        mut visit: impl FnMut(&Offsets<'_>, u32, Value<'_>, &mut Vec<(u32, u32)>),
    ) -> Result<(), PartError> {
        let mut inside = std::mem::take(&mut self.inside);
        let outcome = self.each(missing, &mut |row, value| visit(self.offsets, row, value, &mut inside));
        self.inside = inside;
        outcome
    }

    pub(super) fn terms(
        &mut self,
        buckets: &mut Buckets,
        selection: &Selection,
        source: &ValueSource,
    ) -> Result<(), PartError> {
        if source.missing.is_none()
            && let Some(column) = self.sources[0].dictionary(self.table)?
            && let Values::Dictionary(texts, places) = &column.values
        {
            let takes: Vec<bool> = texts.iter().map(|text| selection.takes(Value::Text(text))).collect();
            // Of each text, the owner and the bucket that it had last.
            let mut known = vec![(u32::MAX, 0); texts.len()];
            for (nth, own) in places.iter().map(|own| *own as usize).enumerate() {
                let row = column.row(nth);
                for owner in self.offsets.of(row).iter().filter(|_| takes[own]) {
                    if known[own].0 != *owner {
                        known[own] = (*owner, buckets.number(*owner, Value::Text(texts.get(own))));
                    }
                    self.inside.push((row, known[own].1));
                }
            }
            return Ok(());
        }
        self.put_each(missing_value(source), |offsets, row, value, inside| {
            if selection.takes(value) {
                inside.extend(offsets.of(row).iter().map(|owner| (row, buckets.number(*owner, value))));
            }
        })
    }

    pub(super) fn dates(
        &mut self,
        buckets: &mut Buckets,
        rounding: &mut Rounding,
        source: &ValueSource,
        bounds: Option<(LogTime, LogTime)>,
    ) -> Result<(), PartError> {
        // Neighbours mostly share owner and span.
        let mut last = (u32::MAX, i64::MIN, 0);
        self.put_each(missing_time(source), |offsets, row, value, inside| {
            let Some(time) = value.time() else { return };
            if bounds.is_some_and(|(first, end)| time < first.0 || end.0 < time) {
                return;
            }
            let begin = rounding.begin(time);
            for owner in offsets.of(row) {
                if (last.0, last.1) != (*owner, begin) {
                    last = (*owner, begin, buckets.number(*owner, Value::Time(begin)));
                }
                inside.push((row, last.2));
            }
        })
    }

    pub(super) fn numbers(
        &mut self,
        buckets: &mut Buckets,
        source: &ValueSource,
        interval: f64,
        offset: f64,
    ) -> Result<(), PartError> {
        self.put_each(missing_value(source), |offsets, row, value, inside| {
            let Some(number) = value.number() else { return };
            let begin =
                Value::Number(Number::Float(((number - offset) / interval).floor() * interval + offset));
            inside.extend(offsets.of(row).iter().map(|owner| (row, buckets.number(*owner, begin))));
        })
    }

    pub(super) fn ranges(
        &mut self,
        width: usize,
        source: &ValueSource,
        ranges: &[RangeSpec<f64>],
    ) -> Result<(), PartError> {
        self.put_each(missing_value(source), |offsets, row, value, inside| {
            let Some(number) = value.number() else { return };
            for (nth, range) in ranges.iter().enumerate() {
                if range.from.is_none_or(|from| from <= number) && range.to.is_none_or(|to| number < to) {
                    offsets.put(row, width, nth, inside);
                }
            }
        })
    }

    pub(super) fn time_ranges(
        &mut self,
        width: usize,
        source: &ValueSource,
        ranges: &[RangeSpec<LogTime>],
    ) -> Result<(), PartError> {
        self.put_each(missing_time(source), |offsets, row, value, inside| {
            let Some(time) = value.time().map(LogTime) else { return };
            for (nth, range) in ranges.iter().enumerate() {
                if range.from.is_none_or(|from| from <= time) && range.to.is_none_or(|to| time < to) {
                    offsets.put(row, width, nth, inside);
                }
            }
        })
    }

    pub(super) fn queries(&mut self, width: usize) -> Result<(), PartError> {
        let rows = self.offsets.rows();
        let mut others = rows.clone();
        for (nth, plan) in self.plans.iter().enumerate() {
            let found = evaluate(plan, self.table, &rows)?;
            found.iter().for_each(|row| self.offsets.put(row, width, nth, &mut self.inside));
            others.and_not(&found);
        }
        if width > self.plans.len() {
            others.iter().for_each(|row| self.offsets.put(row, width, self.plans.len(), &mut self.inside));
        }
        Ok(())
    }

    pub(super) fn missing(&mut self) -> Result<(), PartError> {
        let mut without = self.offsets.rows();
        let mut with = Bitmap::none(self.table.rows());
        self.sources[0].each(self.table, &mut |row, _| with.insert(row))?;
        without.and_not(&with);
        without.iter().for_each(|row| self.offsets.put(row, 1, 0, &mut self.inside));
        Ok(())
    }

    /// One bucket of all.
    pub(super) fn all(&mut self) {
        self.offsets.rows().iter().for_each(|row| self.offsets.put(row, 1, 0, &mut self.inside));
    }

    pub(super) fn combinations(
        &mut self,
        buckets: &mut Buckets,
        roundings: &mut [Option<Rounding>],
        kinds: &[CompositeSource],
    ) -> Result<(), PartError> {
        let mut keys: Vec<Vec<Vec<BucketKey>>> = Vec::new();
        for ((source, kind), rounding) in self.sources.iter().zip(kinds).zip(roundings) {
            let mut own = vec![Vec::new(); self.table.rows() as usize];
            source.each(self.table, &mut |row, value| {
                if !self.offsets.of(row).is_empty()
                    && let Some(key) = composite_key(&kind.kind, rounding, value)
                {
                    own[row as usize].push(key);
                }
            })?;
            if kind.missing_bucket {
                own.iter_mut().filter(|keys| keys.is_empty()).for_each(|keys| keys.push(BucketKey::Null));
            }
            keys.push(own);
        }
        for row in self.offsets.rows().iter() {
            for combination in combinations(&keys, row as usize) {
                for owner in self.offsets.of(row) {
                    self.inside.push((row, buckets.number_of_keys(*owner, &combination)));
                }
            }
        }
        Ok(())
    }
}

pub(super) fn missing_value(source: &ValueSource) -> Option<Value<'_>> {
    let text = source.missing.as_deref()?;
    Some(Number::read(text).map_or(Value::Text(text), Value::Number))
}

fn missing_time(source: &ValueSource) -> Option<Value<'_>> {
    let text = source.missing.as_deref()?;
    let instant = crate::matcher::instant_of(text);
    let millis = || text.parse().ok().map(|millis| LogTime::from_millis(millis).0);
    instant.or_else(millis).map(Value::Time)
}

fn composite_key(
    kind: &CompositeSourceKind,
    rounding: &mut Option<Rounding>,
    value: Value<'_>,
) -> Option<BucketKey> {
    match kind {
        CompositeSourceKind::Terms => Some(value.key()),
        CompositeSourceKind::Histogram(interval) => {
            let begin = (value.number()? / interval).floor() * interval;
            Some(BucketKey::Number(Number::Float(begin)))
        }
        CompositeSourceKind::DateHistogram { .. } => {
            Some(BucketKey::Time(LogTime(rounding.as_mut()?.begin(value.time()?))))
        }
    }
}

/// All combinations of one row's keys, one of each source.
fn combinations(keys: &[Vec<Vec<BucketKey>>], row: usize) -> Vec<Vec<BucketKey>> {
    let mut all = vec![Vec::new()];
    for own in keys {
        let longer = all.iter().flat_map(|begin: &Vec<BucketKey>| {
            own[row].iter().map(move |key| begin.iter().chain([key]).cloned().collect::<Vec<_>>())
        });
        all = longer.take(COMBINATIONS_MAX).collect();
    }
    all
}
