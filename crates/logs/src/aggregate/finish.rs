//! Buckets put in order, cut, and given out.

use std::cmp::Ordering;

use lingshao_model::log::{
    AggregationKind, AggregationResult, Bucket, BucketKey, BucketOrder, CompositeSource, LogHit, LogTime,
    Number,
};

use super::buckets::Buckets;
use super::calendar::Rounding;
use super::{Budget, Node, ReadRecord, State};
use crate::search::LookError;

/// A bucket that may be given out: its number, `None` for an empty one that fills a gap.
struct Ranked {
    number: Option<u32>,
    keys: Vec<BucketKey>,
    count: u64,
}

impl Node {
    /// Sorts buckets to their owners.
    pub(super) fn group(&mut self) {
        match &mut self.state {
            State::Terms { buckets, everything, .. } => {
                buckets.group();
                everything.group();
            }
            State::Dates { buckets, .. } | State::Numbers { buckets } | State::Composite { buckets, .. } => {
                buckets.group();
            }
            _ => {}
        }
        self.inner.iter_mut().for_each(Node::group);
    }

    /// What came of it in one owner.
    pub(super) fn finish(
        &mut self,
        owner: u32,
        budget: &mut Budget,
        read: &mut ReadRecord<'_>,
    ) -> Result<AggregationResult, LookError> {
        let place = owner as usize;
        Ok(match (&mut self.state, &self.kind) {
            (State::Different(all), _) => {
                AggregationResult::Count(all.get(place).map_or(0, |own| own.count()))
            }
            (State::Count(all), _) => AggregationResult::Count(all.get(place).copied().unwrap_or(0)),
            (State::Sums(all), _) => {
                let (sums, times) = all.get(place).cloned().unwrap_or_default();
                AggregationResult::Stats(sums.result(times))
            }
            (State::Spread(all), AggregationKind::Percentiles { percents, .. }) => {
                let mut spread = all.get_mut(place).map(std::mem::take).unwrap_or_default();
                AggregationResult::Percentiles(spread.percentiles(percents))
            }
            (State::Hits(all), AggregationKind::TopHits { from, size, .. }) => {
                let Some((best, count)) = all.get_mut(place) else {
                    return Ok(AggregationResult::Hits(0, Vec::new()));
                };
                let mut hits = Vec::new();
                for own in best.finish(*from, *size) {
                    hits.push(LogHit { record: read(own.place, own.row)?, sort: own.keys });
                    budget.take(1_000)?;
                }
                AggregationResult::Hits(*count, hits)
            }
            (State::Fixed { .. }, _) => AggregationResult::Buckets(self.fixed(owner, budget, read)?),
            (State::Composite { .. }, _) => AggregationResult::Buckets(self.composite(owner, budget, read)?),
            _ => AggregationResult::Buckets(self.ordered(owner, budget, read)?),
        })
    }

    fn inner(
        &mut self,
        number: Option<u32>,
        budget: &mut Budget,
        read: &mut ReadRecord<'_>,
    ) -> Result<Vec<AggregationResult>, LookError> {
        // No record ever belongs to this owner.
        let owner = number.unwrap_or(u32::MAX);
        self.inner.iter_mut().map(|node| node.finish(owner, budget, read)).collect()
    }

    fn give(
        &mut self,
        ranked: Vec<Ranked>,
        budget: &mut Budget,
        read: &mut ReadRecord<'_>,
    ) -> Result<Vec<Bucket>, LookError> {
        budget.take_buckets(ranked.len())?;
        let mut buckets = Vec::with_capacity(ranked.len());
        for own in ranked {
            let inner = self.inner(own.number, budget, read)?;
            buckets.push(Bucket { keys: own.keys, count: own.count, inner });
        }
        Ok(buckets)
    }

    fn fixed(
        &mut self,
        owner: u32,
        budget: &mut Budget,
        read: &mut ReadRecord<'_>,
    ) -> Result<lingshao_model::log::Buckets, LookError> {
        let State::Fixed { width, counts } = &self.state else { return Ok(Default::default()) };
        let single = matches!(
            self.kind,
            AggregationKind::Filter(_) | AggregationKind::Missing { .. } | AggregationKind::Global
        );
        let mut ranked = Vec::with_capacity(*width);
        for nth in 0..*width {
            let number = owner.checked_mul(*width as u32).and_then(|first| first.checked_add(nth as u32));
            let count = number.and_then(|number| counts.get(number as usize)).copied().unwrap_or(0);
            let keys = if single { Vec::new() } else { vec![BucketKey::Place(nth)] };
            ranked.push(Ranked { number, keys, count });
        }
        Ok(lingshao_model::log::Buckets { buckets: self.give(ranked, budget, read)?, others: 0, error: 0 })
    }

    fn composite(
        &mut self,
        owner: u32,
        budget: &mut Budget,
        read: &mut ReadRecord<'_>,
    ) -> Result<lingshao_model::log::Buckets, LookError> {
        let (State::Composite { buckets, .. }, AggregationKind::Composite { sources, size, after }) =
            (&self.state, &self.kind)
        else {
            return Ok(Default::default());
        };
        let mut ranked = ranked(buckets, owner);
        if let Some(after) = after {
            ranked.retain(|own| compare_combinations(&own.keys, after, sources).is_gt());
        }
        ranked.sort_by(|a, b| compare_combinations(&a.keys, &b.keys, sources));
        ranked.truncate(*size);
        Ok(lingshao_model::log::Buckets { buckets: self.give(ranked, budget, read)?, others: 0, error: 0 })
    }

    /// Terms and histograms.
    fn ordered(
        &mut self,
        owner: u32,
        budget: &mut Budget,
        read: &mut ReadRecord<'_>,
    ) -> Result<lingshao_model::log::Buckets, LookError> {
        let (mut ranked, order, min_count, size) = match (&self.state, &self.kind) {
            (
                State::Terms { buckets, everything, .. },
                AggregationKind::Terms { order, min_count, size, .. },
            ) => {
                let mut ranked = ranked(buckets, owner);
                if *min_count == 0 {
                    add_empty_terms(&mut ranked, everything);
                }
                (ranked, order.clone(), *min_count, *size)
            }
            (
                State::Dates { buckets, rounding },
                AggregationKind::DateHistogram { order, min_count, extended_bounds, hard_bounds, .. },
            ) => {
                let mut ranked = ranked(buckets, owner);
                if *min_count == 0 {
                    let room = budget.buckets_max.saturating_sub(budget.buckets);
                    let bounds = extended_bounds.map(|(from, to)| {
                        let (least, most) = hard_bounds.unwrap_or((LogTime::MIN, LogTime::MAX));
                        (from.max(least), to.min(most))
                    });
                    fill_times(&mut ranked, rounding, bounds, room);
                }
                (ranked, order.clone(), *min_count, usize::MAX)
            }
            (
                State::Numbers { buckets },
                AggregationKind::Histogram { order, min_count, interval, offset, extended_bounds, .. },
            ) => {
                let mut ranked = ranked(buckets, owner);
                if *min_count == 0 {
                    let room = budget.buckets_max.saturating_sub(budget.buckets);
                    fill_numbers(&mut ranked, *interval, *offset, *extended_bounds, room);
                }
                (ranked, order.clone(), *min_count, usize::MAX)
            }
            _ => return Ok(Default::default()),
        };
        let total: u64 = ranked.iter().map(|own| own.count).sum();
        ranked.retain(|own| own.count >= min_count);
        self.sort(&mut ranked, &order);
        ranked.truncate(size);
        let given: u64 = ranked.iter().map(|own| own.count).sum();
        let buckets = self.give(ranked, budget, read)?;
        Ok(lingshao_model::log::Buckets { buckets, others: total - given, error: 0 })
    }

    fn sort(&mut self, ranked: &mut [Ranked], order: &[BucketOrder]) {
        let mut figures: Vec<Vec<f64>> = Vec::new();
        for own in order {
            if let BucketOrder::Inner { path, property, .. } = own {
                figures
                    .push(ranked.iter().map(|bucket| self.figure(bucket.number, path, property)).collect());
            }
        }
        let mut places: Vec<usize> = (0..ranked.len()).collect();
        places.sort_by(|a, b| compare_buckets(ranked, &figures, order, *a, *b));
        let mut rank = vec![0; places.len()];
        places.into_iter().enumerate().for_each(|(nth, place)| rank[place] = nth);
        let mut nth = 0;
        while nth < rank.len() {
            let target = rank[nth];
            if target == nth {
                nth += 1;
            } else {
                ranked.swap(nth, target);
                rank.swap(nth, target);
            }
        }
    }

    /// A figure inside of a bucket; NaN if there is none.
    fn figure(&mut self, number: Option<u32>, path: &[String], property: &str) -> f64 {
        let (Some(number), Some((name, rest))) = (number, path.split_first()) else { return f64::NAN };
        let Some(node) = self.inner.iter_mut().find(|node| node.name == *name) else { return f64::NAN };
        let place = number as usize;
        if !rest.is_empty() {
            return node.figure(Some(number), rest, property);
        }
        match &mut node.state {
            State::Different(all) => all.get(place).map_or(0.0, |own| own.count() as f64),
            State::Count(all) => all.get(place).map_or(0.0, |own| *own as f64),
            State::Fixed { counts, width: 1 } => counts.get(place).map_or(0.0, |own| *own as f64),
            State::Sums(all) => {
                let stats = all.get(place).cloned().unwrap_or_default().0.result(false);
                let count = stats.count as f64;
                match property {
                    "sum" => stats.sum,
                    "min" => stats.min,
                    "max" => stats.max,
                    "count" => count,
                    "sum_of_squares" => stats.sum_of_squares,
                    _ => stats.sum / count,
                }
            }
            State::Spread(all) => {
                let percent: f64 = property.parse().unwrap_or(50.0);
                let found = all.get_mut(place).map(|own| own.percentiles(&[percent]));
                found.and_then(|found| found[0].1).unwrap_or(f64::NAN)
            }
            _ => f64::NAN,
        }
    }
}

fn ranked(buckets: &Buckets, owner: u32) -> Vec<Ranked> {
    let one = |number: &u32| {
        let own = &buckets.all[*number as usize];
        Ranked { number: Some(*number), keys: own.keys.clone(), count: own.count }
    };
    buckets.of(owner).iter().map(one).collect()
}

fn compare_buckets(
    ranked: &[Ranked],
    figures: &[Vec<f64>],
    order: &[BucketOrder],
    a: usize,
    b: usize,
) -> Ordering {
    let mut figures = figures.iter();
    for own in order {
        let compared = match own {
            BucketOrder::Count { descending } => directed(ranked[a].count.cmp(&ranked[b].count), *descending),
            BucketOrder::Key { descending } => {
                directed(compare_keys(&ranked[a].keys[0], &ranked[b].keys[0]), *descending)
            }
            BucketOrder::Inner { descending, .. } => {
                let figures = figures.next().expect("one for each inner order");
                compare_figures(figures[a], figures[b], *descending)
            }
        };
        if compared.is_ne() {
            return compared;
        }
    }
    compare_keys(&ranked[a].keys[0], &ranked[b].keys[0])
}

/// Buckets without a figure come last in both directions.
fn compare_figures(a: f64, b: f64, descending: bool) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => directed(a.total_cmp(&b), descending),
        (a, b) => a.cmp(&b),
    }
}

fn directed(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

fn compare_keys(a: &BucketKey, b: &BucketKey) -> Ordering {
    let rank = |key: &BucketKey| match key {
        BucketKey::Null => 0,
        BucketKey::Bool(_) => 1,
        BucketKey::Number(_) => 2,
        BucketKey::Time(_) => 3,
        BucketKey::Text(_) => 4,
        BucketKey::Place(_) => 5,
    };
    match (a, b) {
        (BucketKey::Bool(a), BucketKey::Bool(b)) => a.cmp(b),
        (BucketKey::Number(a), BucketKey::Number(b)) => a.compare(*b),
        (BucketKey::Time(a), BucketKey::Time(b)) => a.cmp(b),
        (BucketKey::Text(a), BucketKey::Text(b)) => a.cmp(b),
        (BucketKey::Place(a), BucketKey::Place(b)) => a.cmp(b),
        (a, b) => rank(a).cmp(&rank(b)),
    }
}

fn compare_combinations(a: &[BucketKey], b: &[BucketKey], sources: &[CompositeSource]) -> Ordering {
    let keys = sources.iter().zip(a.iter().zip(b));
    let mut compared = keys.map(|(source, (a, b))| directed(compare_keys(a, b), source.descending));
    compared.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn add_empty_terms(ranked: &mut Vec<Ranked>, everything: &Buckets) {
    let mut known: Vec<BucketKey> = ranked.iter().map(|own| own.keys[0].clone()).collect();
    known.sort_by(compare_keys);
    for number in everything.of(0) {
        let keys = &everything.all[*number as usize].keys;
        if known.binary_search_by(|key| compare_keys(key, &keys[0])).is_err() {
            ranked.push(Ranked { number: None, keys: keys.clone(), count: 0 });
        }
    }
}

/// Adds the empty spans between the first and the last one; at most one more than there is room for, which is told.
fn fill_times(
    ranked: &mut Vec<Ranked>,
    rounding: &Rounding,
    bounds: Option<(LogTime, LogTime)>,
    room: usize,
) {
    let mut rounding = rounding.clone();
    let time = |own: &Ranked| if let BucketKey::Time(time) = own.keys[0] { time.0 } else { 0 };
    ranked.sort_by_key(time);
    let ends = ranked.first().map(time).zip(ranked.last().map(time));
    let bounds = bounds
        .filter(|(from, to)| from <= to)
        .map(|(from, to)| (rounding.begin(from.0), rounding.begin(to.0)));
    let (first, last) = match (ends, bounds) {
        (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => return,
    };
    let mut known = std::mem::take(ranked).into_iter().peekable();
    let mut begin = first;
    while begin <= last && ranked.len() <= room {
        match known.next_if(|own| time(own) <= begin) {
            Some(own) => ranked.push(own),
            None => {
                let keys = vec![BucketKey::Time(LogTime(begin))];
                ranked.push(Ranked { number: None, keys, count: 0 });
            }
        }
        let next = rounding.next(begin);
        if next <= begin {
            break;
        }
        begin = next;
    }
    ranked.extend(known);
}

fn fill_numbers(
    ranked: &mut Vec<Ranked>,
    interval: f64,
    offset: f64,
    bounds: Option<(f64, f64)>,
    room: usize,
) {
    let step = |value: f64| ((value - offset) / interval).floor();
    let number = |own: &Ranked| match own.keys[0] {
        BucketKey::Number(number) => ((number.as_f64() - offset) / interval).round(),
        _ => 0.0,
    };
    ranked.sort_by(|a, b| number(a).total_cmp(&number(b)));
    let ends = ranked.first().map(number).zip(ranked.last().map(number));
    let bounds = bounds.filter(|(from, to)| from <= to).map(|(from, to)| (step(from), step(to)));
    let (first, last) = match (ends, bounds) {
        (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => return,
    };
    let mut known = std::mem::take(ranked).into_iter().peekable();
    let mut at = first;
    while at <= last && ranked.len() <= room {
        match known.next_if(|own| number(own) <= at) {
            Some(own) => ranked.push(own),
            None => {
                let keys = vec![BucketKey::Number(Number::Float(at * interval + offset))];
                ranked.push(Ranked { number: None, keys, count: 0 });
            }
        }
        if at + 1.0 <= at {
            break;
        }
        at += 1.0;
    }
    ranked.extend(known);
}
