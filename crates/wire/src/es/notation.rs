//! Trees in one line, for tests.

use lingshao_model::log::{
    Aggregation, AggregationKind, Bound, BucketOrder, Case, FieldSelection, FieldTest, Join, LogQuery,
    LogTime, QueryValue, TermsSelection, Test, ValueSource,
};

/// `(level="ERROR" AND NOT path~"/api*")`
pub(crate) fn show(query: &LogQuery) -> String {
    let joined = |queries: &[LogQuery], by: &str| queries.iter().map(show).collect::<Vec<_>>().join(by);
    match query {
        LogQuery::All => "ALL".to_owned(),
        LogQuery::Nothing => "NOTHING".to_owned(),
        LogQuery::And(queries) => format!("({})", joined(queries, " AND ")),
        LogQuery::Or(queries) => format!("({})", joined(queries, " OR ")),
        LogQuery::AtLeast { min, of } => format!("{min} of ({})", joined(of, ", ")),
        LogQuery::Not(query) => format!("NOT {}", show(query)),
        LogQuery::Ids(ids) => format!("ids {ids:?}"),
        LogQuery::Field(test) => field(test),
    }
}

fn field(test: &FieldTest) -> String {
    let name = match &test.fields {
        FieldSelection::Any => "*".to_owned(),
        FieldSelection::One(name) => name.clone(),
        FieldSelection::Several(names) => names.join("|"),
    };
    let lenient = if test.lenient { "?" } else { "" };
    format!("{name}{lenient}{}", asked(&test.test))
}

fn asked(test: &Test) -> String {
    match test {
        Test::Exists => " exists".to_owned(),
        Test::Is { value: own, case } => format!("={}{}", value(own), fold(*case)),
        Test::IsAny { values, case } => {
            format!("=[{}]{}", values.iter().map(value).collect::<Vec<_>>().join(","), fold(*case))
        }
        Test::Words { value: own, join, prefix_last, wordless, .. } => {
            let join = match join {
                Join::Any => "any".to_owned(),
                Join::All => "all".to_owned(),
                Join::AtLeast(min) => format!("{min} of"),
                Join::Phrase { slop: 0 } => "phrase".to_owned(),
                Join::Phrase { slop } => format!("phrase~{slop}"),
            };
            let star = if *prefix_last { "*" } else { "" };
            let wordless = if *wordless { " or wordless" } else { "" };
            format!(":{join} {}{star}{wordless}", value(own))
        }
        Test::Prefix { text, case } => format!("^{text:?}{}", fold(*case)),
        Test::Wildcard { pattern, case } => format!("~{pattern:?}{}", fold(*case)),
        Test::Regex { pattern, case } => format!("/{pattern}/{}", fold(*case)),
        Test::Fuzzy { text, edits, prefix } => format!("≈{text:?}~{edits} prefix {prefix}"),
        Test::Range { lower, upper } => {
            let (open, from) = bound(lower, "[", "{");
            let (close, to) = bound(upper, "]", "}");
            format!(" {open}{from} TO {to}{close}")
        }
    }
}

fn bound(bound: &Bound, included: &'static str, excluded: &'static str) -> (&'static str, String) {
    match bound {
        Bound::Open => (included, "*".to_owned()),
        Bound::Included(own) => (included, value(own)),
        Bound::Excluded(own) => (excluded, value(own)),
    }
}

fn fold(case: Case) -> &'static str {
    match case {
        Case::Exact => "",
        Case::Fold => "i",
    }
}

/// The text; where it is a time, its first and last nanosecond.
fn value(value: &QueryValue) -> String {
    match value.time {
        Some((first, last)) if first == last => format!("@{first}"),
        Some((first, last)) => format!("@{first}..{last}"),
        None => format!("{:?}", value.text),
    }
}

/// `name: terms level size 10 by count desc { … }`
pub(crate) fn show_aggregations(all: &[Aggregation]) -> String {
    all.iter().map(show_aggregation).collect::<Vec<_>>().join("; ")
}

fn show_aggregation(aggregation: &Aggregation) -> String {
    let inner = match aggregation.inner.as_slice() {
        [] => String::new(),
        inner => format!(" {{ {} }}", show_aggregations(inner)),
    };
    format!("{}: {}{inner}", aggregation.name, kind(&aggregation.kind))
}

fn source(source: &ValueSource) -> String {
    match &source.missing {
        Some(missing) => format!("{} or {missing:?}", source.field),
        None => source.field.clone(),
    }
}

fn orders(orders: &[BucketOrder]) -> String {
    let direction = |descending: &bool| if *descending { "desc" } else { "asc" };
    let one = |order: &BucketOrder| match order {
        BucketOrder::Count { descending } => format!("count {}", direction(descending)),
        BucketOrder::Key { descending } => format!("key {}", direction(descending)),
        BucketOrder::Inner { path, property, descending } => {
            format!("{}.{property} {}", path.join(">"), direction(descending))
        }
    };
    orders.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn kind(kind: &AggregationKind) -> String {
    match kind {
        AggregationKind::Terms { source: own, size, order, min_count, selection } => {
            let selection = match selection == &TermsSelection::default() {
                true => String::new(),
                false => format!(" {selection:?}"),
            };
            format!("terms {} size {size} min {min_count} by {}{selection}", source(own), orders(order))
        }
        AggregationKind::DateHistogram {
            source: own,
            interval,
            time_zone,
            offset,
            min_count,
            extended_bounds,
            hard_bounds,
            order,
        } => {
            let bounds = |name: &str, bounds: &Option<(LogTime, LogTime)>| match bounds {
                Some((from, to)) => format!(" {name} {from} to {to}"),
                None => String::new(),
            };
            format!(
                "dates {} each {interval:?} in {time_zone} offset {offset} min {min_count} by {}{}{}",
                source(own),
                orders(order),
                bounds("from", extended_bounds),
                bounds("within", hard_bounds)
            )
        }
        AggregationKind::Filters { filters, other } => {
            let filters: Vec<String> =
                filters.iter().map(|(name, query)| format!("{name}={}", show(query))).collect();
            format!("filters [{}] other {other:?}", filters.join(", "))
        }
        AggregationKind::Filter(query) => format!("filter {}", show(query)),
        AggregationKind::Cardinality(own) => format!("cardinality {}", source(own)),
        AggregationKind::Stats(own) => format!("stats {}", source(own)),
        AggregationKind::ValueCount(own) => format!("count {}", source(own)),
        AggregationKind::Percentiles { source: own, percents } => {
            format!("percentiles {} {percents:?}", source(own))
        }
        other => format!("{other:?}"),
    }
}
