//! Figures over the records that a search finds.
//!
//! A node is one aggregation for *all* buckets that it lies in: those are its owners, numbered. A table's rows come as
//! pairs of row and owner, in ascending order; a node that makes buckets numbers its own and hands pairs of row and
//! bucket to the nodes inside. So every column is read once per node and table, however many buckets there are.

mod buckets;
mod calendar;
mod collect;
mod figures;
mod finish;
mod values;

use std::sync::Arc;

use lingshao_model::log::{
    Aggregation, AggregationKind, AggregationResult, CompositeSourceKind, LogRecord, LogTime, Number,
};
use regex::Regex;

use self::buckets::{Buckets, Offsets};
use self::calendar::Rounding;
use self::collect::{Rows, missing_value};
use self::figures::{Different, Spread, Sums};
use self::values::{Source, Value};
use crate::bitmap::Bitmap;
use crate::catalog::Index;
use crate::error::SearchError;
use crate::part::PartError;
use crate::plan::{Plan, compile};
use crate::search::{Best, LookError, SearchLimits};
use crate::table::Table;

/// Buckets in buckets in buckets: Elasticsearch's users rarely pass three.
const DEPTH_MAX: usize = 16;

/// Reads a record that was found: place and row.
pub(crate) type ReadRecord<'a> = dyn FnMut(u32, u32) -> Result<LogRecord, PartError> + 'a;

/// All aggregations of a search.
#[derive(Default)]
pub(crate) struct Aggregator {
    nodes: Vec<Node>,
    indices: Vec<Arc<Index>>,
    budget: Budget,
}

/// What is left to use.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    bytes: usize,
    bytes_max: usize,
    buckets: usize,
    buckets_max: usize,
}

impl Budget {
    fn take(&mut self, bytes: usize) -> Result<(), SearchError> {
        self.bytes += bytes;
        if self.bytes > self.bytes_max {
            return Err(SearchError::TooMuchMemory { bytes_max: self.bytes_max });
        }
        Ok(())
    }

    fn take_buckets(&mut self, buckets: usize) -> Result<(), SearchError> {
        self.buckets += buckets;
        if self.buckets > self.buckets_max {
            return Err(SearchError::TooManyBuckets { buckets_max: self.buckets_max });
        }
        Ok(())
    }
}

/// One aggregation, in all the buckets that it lies in.
pub(crate) struct Node {
    name: String,
    kind: AggregationKind,
    /// By index: where its values are.
    sources: Vec<Vec<Source>>,
    /// By index: its queries.
    plans: Vec<Vec<Plan>>,
    state: State,
    inner: Vec<Node>,
}

enum State {
    Terms {
        buckets: Buckets,
        selection: Selection,
        everything: Buckets,
    },
    Dates {
        buckets: Buckets,
        rounding: Rounding,
    },
    Numbers {
        buckets: Buckets,
    },
    /// As many buckets for each owner as there are ranges or queries.
    Fixed {
        width: usize,
        counts: Vec<u64>,
    },
    Composite {
        buckets: Buckets,
        roundings: Vec<Option<Rounding>>,
    },
    Different(Vec<Different>),
    Spread(Vec<Spread>),
    Sums(Vec<(Sums, bool)>),
    Count(Vec<u64>),
    Hits(Vec<(Best, u64)>),
}

/// Which terms are wanted.
#[derive(Default)]
struct Selection {
    include: Option<Regex>,
    exclude: Option<Regex>,
    only: Option<Vec<String>>,
    never: Vec<String>,
}

impl Selection {
    fn is_open(&self) -> bool {
        self.include.is_none() && self.exclude.is_none() && self.only.is_none() && self.never.is_empty()
    }

    fn takes(&self, value: Value<'_>) -> bool {
        if self.is_open() {
            return true;
        }
        let text = match value {
            Value::Text(text) => text.to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Number(Number::Int(value)) => value.to_string(),
            Value::Number(Number::Float(value)) => value.to_string(),
            Value::Time(nanos) => LogTime(nanos).to_string(),
        };
        self.include.as_ref().is_none_or(|regex| regex.is_match(&text))
            && !self.exclude.as_ref().is_some_and(|regex| regex.is_match(&text))
            && self.only.as_ref().is_none_or(|only| only.contains(&text))
            && !self.never.contains(&text)
    }
}

/// What a table is collected with.
struct Context<'a> {
    table: &'a Table,
    /// Which of the indices.
    which: usize,
    index: &'a Index,
    place: u32,
}

impl Aggregator {
    pub(crate) fn new(
        aggregations: &[Aggregation],
        indices: Vec<Arc<Index>>,
        limits: &SearchLimits,
    ) -> Result<Aggregator, SearchError> {
        let nodes = nodes(aggregations, &indices, 0)?;
        let (bytes_max, buckets_max) = (limits.memory_bytes_max, limits.buckets_max);
        let mut aggregator =
            Aggregator { nodes, indices, budget: Budget { bytes: 0, bytes_max, buckets: 0, buckets_max } };
        // Without a single record, figures are still told.
        aggregator.nodes.iter_mut().for_each(|node| node.reserve(1));
        Ok(aggregator)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether something counts more than what the query finds.
    pub(crate) fn wants_everything(&self) -> bool {
        self.nodes.iter().any(Node::wants_everything)
    }

    pub(crate) fn collect(
        &mut self,
        table: &Table,
        which: usize,
        place: u32,
        found: &Bitmap,
    ) -> Result<(), LookError> {
        let pairs: Vec<(u32, u32)> = found.iter().map(|row| (row, 0)).collect();
        let context = Context { table, which, index: &self.indices[which], place };
        for node in &mut self.nodes {
            if !matches!(node.kind, AggregationKind::Global) {
                node.collect(&context, &pairs, &mut self.budget)?;
            }
        }
        Ok(())
    }

    /// The same with all records of a table, for what asks for them.
    pub(crate) fn collect_everything(
        &mut self,
        table: &Table,
        which: usize,
        place: u32,
    ) -> Result<(), LookError> {
        let context = Context { table, which, index: &self.indices[which], place };
        for node in &mut self.nodes {
            node.collect_everything(&context, &mut self.budget)?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self, read: &mut ReadRecord<'_>) -> Result<Vec<AggregationResult>, LookError> {
        let mut results = Vec::with_capacity(self.nodes.len());
        for node in &mut self.nodes {
            node.group();
            results.push(node.finish(0, &mut self.budget, read)?);
        }
        Ok(results)
    }
}

fn nodes(
    aggregations: &[Aggregation],
    indices: &[Arc<Index>],
    depth: usize,
) -> Result<Vec<Node>, SearchError> {
    aggregations.iter().map(|aggregation| Node::new(aggregation, indices, depth)).collect()
}

impl Node {
    fn new(aggregation: &Aggregation, indices: &[Arc<Index>], depth: usize) -> Result<Node, SearchError> {
        let Aggregation { name, kind, inner } = aggregation;
        let failed = |why: &str| SearchError::Aggregation { name: name.clone(), why: why.to_owned() };
        if depth > DEPTH_MAX {
            return Err(failed("it is nested too deep; at most 16 levels are computed"));
        }
        if matches!(kind, AggregationKind::Global) && depth > 0 {
            return Err(failed("`global` stands at the top only"));
        }
        let sources =
            |index: &Arc<Index>| fields(kind).iter().map(|field| Source::of(field, index)).collect();
        let plans = |index: &Arc<Index>| match kind {
            AggregationKind::Filters { filters, .. } => {
                filters.iter().map(|(_, query)| compile(query, index)).collect()
            }
            AggregationKind::Filter(query) => Ok(vec![compile(query, index)?]),
            _ => Ok(Vec::new()),
        };
        Ok(Node {
            name: name.clone(),
            sources: indices.iter().map(sources).collect(),
            plans: indices.iter().map(plans).collect::<Result<_, _>>()?,
            state: state(kind, failed)?,
            inner: nodes(inner, indices, depth + 1)?,
            kind: kind.clone(),
        })
    }

    /// Makes room for owners.
    fn reserve(&mut self, owners: usize) {
        match &mut self.state {
            State::Different(all) => grow(all, owners),
            State::Spread(all) => grow(all, owners),
            State::Sums(all) => grow(all, owners),
            State::Count(all) => grow(all, owners),
            State::Hits(all) => {
                if let AggregationKind::TopHits { sort, from, size } = &self.kind {
                    while all.len() < owners {
                        all.push((Best::of(sort, from + size, None), 0));
                    }
                }
            }
            State::Fixed { width, counts } => {
                grow(counts, owners * *width);
                let owners = counts.len();
                self.inner.iter_mut().for_each(|node| node.reserve(owners));
            }
            _ => {}
        }
    }

    fn wants_everything(&self) -> bool {
        matches!(self.kind, AggregationKind::Global | AggregationKind::Terms { min_count: 0, .. })
            || self.inner.iter().any(Node::wants_everything)
    }

    fn collect_everything(&mut self, context: &Context<'_>, budget: &mut Budget) -> Result<(), LookError> {
        if matches!(self.kind, AggregationKind::Global) {
            let pairs: Vec<(u32, u32)> = (0..context.table.rows()).map(|row| (row, 0)).collect();
            self.collect(context, &pairs, budget)?;
        }
        if let (AggregationKind::Terms { min_count: 0, .. }, State::Terms { selection, everything, .. }) =
            (&self.kind, &mut self.state)
        {
            self.sources[context.which][0].each(context.table, &mut |_, value| {
                if selection.takes(value) {
                    everything.number(0, value);
                }
            })?;
            budget.take(everything.take_bytes())?;
        }
        self.inner.iter_mut().try_for_each(|node| node.collect_everything(context, budget))
    }

    fn collect(
        &mut self,
        context: &Context<'_>,
        pairs: &[(u32, u32)],
        budget: &mut Budget,
    ) -> Result<(), LookError> {
        if pairs.is_empty() {
            return Ok(());
        }
        let owners = pairs.iter().map(|(_, owner)| owner + 1).max().unwrap_or(0);
        self.reserve(owners as usize);
        if matches!(self.kind, AggregationKind::TopHits { .. }) {
            return self.collect_hits(context, pairs);
        }
        let offsets = Offsets::new(pairs, context.table.rows());
        let mut inside = self.buckets_of(context, &offsets, budget)?;
        if !inside.is_sorted() {
            inside.sort_unstable();
        }
        inside.dedup();
        self.count(&inside);
        // Without a bucket there is nothing inside.
        let budget = &mut *budget;
        self.inner.iter_mut().try_for_each(|node| node.collect(context, &inside, budget))
    }

    /// Which buckets each row belongs to; figures are added up on the way.
    fn buckets_of(
        &mut self,
        context: &Context<'_>,
        offsets: &Offsets<'_>,
        budget: &mut Budget,
    ) -> Result<Vec<(u32, u32)>, LookError> {
        let (sources, plans) = (&*self.sources[context.which], &*self.plans[context.which]);
        let mut rows = Rows { table: context.table, sources, plans, offsets, inside: Vec::new() };
        let before = self.state.bytes();
        match (&mut self.state, &self.kind) {
            (State::Terms { buckets, selection, .. }, AggregationKind::Terms { source, .. }) => {
                rows.terms(buckets, selection, source)?;
            }
            (
                State::Dates { buckets, rounding },
                AggregationKind::DateHistogram { source, hard_bounds, .. },
            ) => rows.dates(buckets, rounding, source, *hard_bounds)?,
            (State::Numbers { buckets }, AggregationKind::Histogram { source, interval, offset, .. }) => {
                rows.numbers(buckets, source, *interval, *offset)?;
            }
            (State::Composite { buckets, roundings }, AggregationKind::Composite { sources, .. }) => {
                rows.combinations(buckets, roundings, sources)?;
            }
            (State::Fixed { width, .. }, AggregationKind::Range { source, ranges }) => {
                rows.ranges(*width, source, ranges)?;
            }
            (State::Fixed { width, .. }, AggregationKind::DateRange { source, ranges }) => {
                rows.time_ranges(*width, source, ranges)?;
            }
            (State::Fixed { width, .. }, AggregationKind::Filters { .. } | AggregationKind::Filter(_)) => {
                rows.queries(*width)?;
            }
            (State::Fixed { .. }, AggregationKind::Missing { .. }) => rows.missing()?,
            (State::Fixed { .. }, _) => rows.all(),
            (
                state,
                AggregationKind::Percentiles { source, .. }
                | AggregationKind::Cardinality(source)
                | AggregationKind::Stats(source)
                | AggregationKind::ValueCount(source),
            ) => rows.each(missing_value(source), &mut |row, value| state.add(offsets.of(row), value))?,
            _ => {}
        }
        let inside = rows.inside;
        budget.take(self.state.bytes().saturating_sub(before) + self.state.new_bytes())?;
        Ok(inside)
    }

    fn count(&mut self, inside: &[(u32, u32)]) {
        match &mut self.state {
            State::Terms { buckets, .. }
            | State::Dates { buckets, .. }
            | State::Numbers { buckets }
            | State::Composite { buckets, .. } => {
                inside.iter().for_each(|(_, bucket)| buckets.all[*bucket as usize].count += 1);
            }
            State::Fixed { counts, .. } => {
                inside.iter().for_each(|(_, bucket)| counts[*bucket as usize] += 1);
            }
            _ => {}
        }
    }

    fn collect_hits(&mut self, context: &Context<'_>, pairs: &[(u32, u32)]) -> Result<(), LookError> {
        let State::Hits(all) = &mut self.state else { return Ok(()) };
        let mut rows = Bitmap::none(context.table.rows());
        pairs.iter().for_each(|(row, _)| rows.insert(*row));
        let Some((first, _)) = all.first() else { return Ok(()) };
        let columns = first.columns(context.table, context.index, &rows)?;
        let seqs = context.table.seqs()?;
        for (row, owner) in pairs {
            let (best, count) = &mut all[*owner as usize];
            *count += 1;
            best.offer_row(&columns, &seqs, context.place, *row);
        }
        Ok(())
    }
}

impl State {
    fn add(&mut self, owners: &[u32], value: Value<'_>) {
        for owner in owners.iter().map(|owner| *owner as usize) {
            match self {
                State::Different(all) => all[owner].add(value.hash()),
                State::Count(all) => all[owner] += 1,
                State::Spread(all) => {
                    if let Some(number) = value.number() {
                        all[owner].add(number);
                    }
                }
                State::Sums(all) => {
                    if let Some(number) = value.number() {
                        all[owner].0.add(number);
                        all[owner].1 |= matches!(value, Value::Time(_));
                    }
                }
                _ => {}
            }
        }
    }

    fn bytes(&self) -> usize {
        match self {
            State::Different(all) => all.iter().map(|own| 32 + own.bytes()).sum(),
            State::Spread(all) => all.iter().map(|own| 32 + own.bytes()).sum(),
            State::Sums(all) => 64 * all.len(),
            State::Count(all) => 8 * all.len(),
            _ => 0,
        }
    }

    /// Memory of buckets that were made since the last call.
    fn new_bytes(&mut self) -> usize {
        match self {
            State::Terms { buckets, .. }
            | State::Dates { buckets, .. }
            | State::Numbers { buckets }
            | State::Composite { buckets, .. } => buckets.take_bytes(),
            _ => 0,
        }
    }
}

fn grow<T: Default>(all: &mut Vec<T>, length: usize) {
    if all.len() < length {
        all.resize_with(length, T::default);
    }
}

fn fields(kind: &AggregationKind) -> Vec<&str> {
    match kind {
        AggregationKind::Terms { source, .. }
        | AggregationKind::DateHistogram { source, .. }
        | AggregationKind::Histogram { source, .. }
        | AggregationKind::Range { source, .. }
        | AggregationKind::DateRange { source, .. }
        | AggregationKind::Cardinality(source)
        | AggregationKind::Percentiles { source, .. }
        | AggregationKind::Stats(source)
        | AggregationKind::ValueCount(source) => vec![&source.field],
        AggregationKind::Missing { field } => vec![field],
        AggregationKind::Composite { sources, .. } => sources.iter().map(|source| &*source.field).collect(),
        AggregationKind::Filters { .. }
        | AggregationKind::Filter(_)
        | AggregationKind::Global
        | AggregationKind::TopHits { .. } => Vec::new(),
    }
}

fn state(kind: &AggregationKind, failed: impl Fn(&str) -> SearchError) -> Result<State, SearchError> {
    let fixed = |width: usize| State::Fixed { width, counts: Vec::new() };
    Ok(match kind {
        AggregationKind::Terms { selection, .. } => {
            let regex = |pattern: &Option<String>| {
                let compiled = pattern.as_ref().map(|pattern| {
                    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| SearchError::Pattern {
                        pattern: pattern.clone(),
                        why: error.to_string(),
                    })
                });
                compiled.transpose()
            };
            let (include, exclude) = (regex(&selection.include)?, regex(&selection.exclude)?);
            let (only, never) = (selection.only.clone(), selection.never.clone());
            let selection = Selection { include, exclude, only, never };
            State::Terms { buckets: Buckets::default(), selection, everything: Buckets::default() }
        }
        AggregationKind::DateHistogram { interval, time_zone, offset, .. } => {
            if matches!(interval, lingshao_model::log::Interval::Fixed(..=0)) {
                return Err(failed("its interval must be above 0"));
            }
            let rounding = Rounding::new(*interval, time_zone, *offset)?;
            State::Dates { buckets: Buckets::default(), rounding }
        }
        AggregationKind::Histogram { interval, .. } => {
            if !(*interval > 0.0 && interval.is_finite()) {
                return Err(failed("its interval must be above 0"));
            }
            State::Numbers { buckets: Buckets::default() }
        }
        AggregationKind::Range { ranges, .. } => fixed(ranges.len()),
        AggregationKind::DateRange { ranges, .. } => fixed(ranges.len()),
        AggregationKind::Filters { filters, other } => fixed(filters.len() + usize::from(other.is_some())),
        AggregationKind::Filter(_) | AggregationKind::Missing { .. } | AggregationKind::Global => fixed(1),
        AggregationKind::Composite { sources, .. } => {
            let rounding = |kind: &CompositeSourceKind| match kind {
                CompositeSourceKind::DateHistogram { interval, time_zone } => {
                    Rounding::new(*interval, time_zone, 0).map(Some)
                }
                _ => Ok(None),
            };
            let roundings = sources.iter().map(|source| rounding(&source.kind)).collect::<Result<_, _>>()?;
            State::Composite { buckets: Buckets::default(), roundings }
        }
        AggregationKind::Cardinality(_) => State::Different(Vec::new()),
        AggregationKind::Percentiles { .. } => State::Spread(Vec::new()),
        AggregationKind::Stats(_) => State::Sums(Vec::new()),
        AggregationKind::ValueCount(_) => State::Count(Vec::new()),
        AggregationKind::TopHits { .. } => State::Hits(Vec::new()),
    })
}
