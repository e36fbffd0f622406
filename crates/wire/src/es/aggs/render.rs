//! Results as Elasticsearch shows them.

use lingshao_model::log::{
    AggregationKind, BucketKey, ExtendedStats, LogHit, LogTime, LogValue, Number, RangeSpec,
};
use serde::Serialize;

use super::outcome::{Got, GotBucket, GotBuckets};
use super::{Asked, Figure, Shown, Times, What};
use crate::es::search::SearchRequest;
use crate::log_json;

/// Appends `{…}` with a member an aggregation.
pub(crate) fn render(asked: &[Asked], got: &[Got], typed: bool, out: &mut Vec<u8>) {
    out.push(b'{');
    let before = out.len();
    members(asked, got, typed, before, out);
    out.push(b'}');
}

/// Appends members; a comma stands before the first one unless the object begins at `begin`.
fn members(asked: &[Asked], got: &[Got], typed: bool, begin: usize, out: &mut Vec<u8>) {
    for (asked, got) in asked.iter().zip(got) {
        if *got == Got::Nothing {
            continue;
        }
        if out.len() > begin {
            out.push(b',');
        }
        match typed {
            true => json(out, &format!("{}#{}", asked.type_name(got), asked.name)),
            false => json(out, &asked.name),
        }
        out.extend_from_slice(b":{");
        let start = out.len();
        if let Some(meta) = &asked.meta {
            out.extend_from_slice(b"\"meta\":");
            out.extend_from_slice(meta.as_bytes());
        }
        let mut writer = Writer { out, start };
        asked.write(got, typed, &mut writer);
        out.push(b'}');
    }
}

/// Members of one object.
struct Writer<'w> {
    out: &'w mut Vec<u8>,
    start: usize,
}

impl Writer<'_> {
    fn key(&mut self, name: &str) -> &mut Vec<u8> {
        if self.out.len() > self.start {
            self.out.push(b',');
        }
        json(self.out, name);
        self.out.push(b':');
        self.out
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let out = self.key(name);
        json(out, value);
    }

    /// `null` for NaN and infinities.
    fn number(&mut self, name: &str, value: f64) {
        self.member(name, &finite(value));
    }

    /// An object or a list of objects, one an item.
    fn objects(
        &mut self,
        name: &str,
        keyed: bool,
        count: usize,
        mut item: impl FnMut(usize) -> String,
        mut write: impl FnMut(usize, &mut Writer<'_>),
    ) {
        let out = self.key(name);
        out.push(if keyed { b'{' } else { b'[' });
        for number in 0..count {
            if number > 0 {
                out.push(b',');
            }
            if keyed {
                json(out, &item(number));
                out.push(b':');
            }
            out.push(b'{');
            let start = out.len();
            write(number, &mut Writer { out, start });
            out.push(b'}');
        }
        out.push(if keyed { b'}' } else { b']' });
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("texts and numbers are always JSON, and a Vec takes every byte");
}

impl Asked {
    /// Whether aggregations can stand inside.
    pub(super) fn takes_inner(&self) -> bool {
        match &self.what {
            What::Stored(_, shown) => !matches!(
                shown,
                Shown::Figure(..)
                    | Shown::Stats(_)
                    | Shown::ExtendedStats { .. }
                    | Shown::Percentiles { .. }
                    | Shown::Rate(_)
                    | Shown::TopHits(_)
                    | Shown::TopMetrics { .. }
            ),
            What::Pipeline(_) => false,
        }
    }

    /// The name before `#` where keys carry types.
    fn type_name(&self, got: &Got) -> &'static str {
        let shown = match &self.what {
            What::Stored(_, shown) => shown,
            What::Pipeline(pipeline) => return pipeline.type_name(),
        };
        match shown {
            Shown::Terms { .. } => terms_type(got),
            Shown::DateHistogram { .. } => "date_histogram",
            Shown::Histogram { .. } => "histogram",
            Shown::Ranges { .. } => "range",
            Shown::DateRanges { .. } => "date_range",
            Shown::Filters { .. } => "filters",
            Shown::Single(name) => name,
            Shown::Composite(_) => "composite",
            Shown::Figure(figure, _) => match figure {
                Figure::Avg => "avg",
                Figure::Sum => "sum",
                Figure::Min => "min",
                Figure::Max => "max",
                Figure::ValueCount => "value_count",
                Figure::Cardinality => "cardinality",
            },
            Shown::Stats(_) => "stats",
            Shown::ExtendedStats { .. } => "extended_stats",
            Shown::Percentiles { .. } => "tdigest_percentiles",
            Shown::Rate(_) => "rate",
            Shown::TopHits(_) => "top_hits",
            Shown::TopMetrics { .. } => "top_metrics",
        }
    }

    fn write(&self, got: &Got, typed: bool, writer: &mut Writer<'_>) {
        match (&self.what, got) {
            (What::Stored(kind, shown), Got::Buckets(buckets)) => {
                self.write_buckets(kind, shown, buckets, typed, writer);
            }
            (What::Stored(_, Shown::Figure(figure, times)), Got::Stats(stats)) => {
                let value = figure.of(stats);
                writer.number("value", value);
                if stats.times && value.is_finite() && *figure != Figure::Sum {
                    writer.member("value_as_string", &times.millis(value));
                }
            }
            (What::Stored(_, Shown::Stats(times)), Got::Stats(stats)) => write_stats(stats, times, writer),
            (What::Stored(_, Shown::ExtendedStats { sigma, times }), Got::Stats(stats)) => {
                write_stats(stats, times, writer);
                write_deviations(stats, *sigma, writer);
            }
            (What::Pipeline(pipeline), Got::Stats(stats)) => {
                write_stats(stats, &Times::default(), writer);
                if pipeline.is_extended() {
                    write_deviations(stats, 2.0, writer);
                }
            }
            (What::Stored(_, Shown::TopHits(request)), Got::Hits(total, hits)) => {
                let out = writer.key("hits");
                request.write_hits(*total, false, hits, out);
            }
            (What::Stored(_, Shown::TopMetrics { request, fields }), Got::Hits(_, hits)) => {
                write_top_metrics(request, fields, hits, writer);
            }
            (_, Got::Count(count)) => writer.member("value", count),
            (What::Stored(_, Shown::Percentiles { keyed: false }), Got::Percentiles(values)) => {
                writer.objects(
                    "values",
                    false,
                    values.len(),
                    |_| String::new(),
                    |at, item| {
                        item.member("key", &values[at].0);
                        item.member("value", &values[at].1.and_then(finite));
                    },
                );
            }
            (_, Got::Percentiles(values)) => {
                let out = writer.key("values");
                out.push(b'{');
                for (number, (percent, value)) in values.iter().enumerate() {
                    if number > 0 {
                        out.push(b',');
                    }
                    json(out, &format!("{percent:?}"));
                    out.push(b':');
                    json(out, &value.and_then(finite));
                }
                out.push(b'}');
            }
            (_, Got::Value(value)) => writer.number("value", *value),
            (_, Got::Slope(value, normalized)) => {
                writer.number("value", *value);
                writer.number("normalized_value", *normalized);
            }
            (_, Got::Best(value, keys)) => {
                writer.number("value", *value);
                writer.member("keys", keys);
            }
            (_, Got::Stats(_) | Got::Hits(..) | Got::Buckets(_) | Got::Nothing) => {}
        }
    }

    fn write_buckets(
        &self,
        kind: &AggregationKind,
        shown: &Shown,
        got: &GotBuckets,
        typed: bool,
        writer: &mut Writer<'_>,
    ) {
        if let Shown::Single(_) = shown {
            let none = GotBucket { keys: Vec::new(), count: 0, inner: Vec::new() };
            return self.write_bucket(got.buckets.first().unwrap_or(&none), typed, writer);
        }
        if let Shown::Terms { .. } = shown {
            writer.member("doc_count_error_upper_bound", &got.error);
            writer.member("sum_other_doc_count", &got.others);
        }
        if let (Shown::Composite(sources), Some(last)) = (shown, got.buckets.last()) {
            let out = writer.key("after_key");
            combination(sources, &last.keys, out);
        }
        let keyed = match shown {
            Shown::DateHistogram { keyed, .. }
            | Shown::Histogram { keyed }
            | Shown::Ranges { keyed }
            | Shown::DateRanges { keyed, .. }
            | Shown::Filters { keyed } => *keyed,
            _ => false,
        };
        let buckets = &got.buckets;
        let key = |at: usize| key_text(kind, shown, &buckets[at]);
        writer.objects("buckets", keyed, buckets.len(), key, |at, item| {
            write_key(kind, shown, keyed, &buckets[at], item);
            self.write_bucket(&buckets[at], typed, item);
        });
    }

    fn write_bucket(&self, bucket: &GotBucket, typed: bool, writer: &mut Writer<'_>) {
        writer.member("doc_count", &bucket.count);
        members(&self.inner, &bucket.inner, typed, writer.start, writer.out);
    }
}

fn terms_type(got: &Got) -> &'static str {
    let first = match got {
        Got::Buckets(buckets) => buckets.buckets.first().and_then(|bucket| bucket.keys.first()),
        _ => None,
    };
    match first {
        Some(BucketKey::Number(Number::Int(_)) | BucketKey::Bool(_) | BucketKey::Time(_)) => "lterms",
        Some(BucketKey::Number(Number::Float(_))) => "dterms",
        _ => "sterms",
    }
}

/// Appends what a bucket is for.
fn write_key(
    kind: &AggregationKind,
    shown: &Shown,
    keyed: bool,
    bucket: &GotBucket,
    writer: &mut Writer<'_>,
) {
    let key = bucket.keys.first().unwrap_or(&BucketKey::Null);
    match (shown, kind) {
        (Shown::DateHistogram { times, .. }, _) => {
            if let BucketKey::Time(time) = key {
                writer.member("key_as_string", &times.text(*time));
                writer.member("key", &time.as_millis());
            }
        }
        (Shown::Histogram { .. }, _) => write_histogram_key(key, writer),
        (Shown::Terms { times }, _) => write_terms_key(key, times, writer),
        (Shown::Composite(sources), _) => {
            let out = writer.key("key");
            combination(sources, &bucket.keys, out);
        }
        (Shown::Ranges { .. }, AggregationKind::Range { ranges, .. }) => {
            let Some(range) = place(key).and_then(|place| ranges.get(place)) else { return };
            if !keyed {
                writer.member("key", &key_text(kind, shown, bucket));
            }
            range.from.into_iter().for_each(|from| writer.member("from", &from));
            range.to.into_iter().for_each(|to| writer.member("to", &to));
        }
        (Shown::DateRanges { times, .. }, AggregationKind::DateRange { ranges, .. }) => {
            let Some(range) = place(key).and_then(|place| ranges.get(place)) else { return };
            if !keyed {
                writer.member("key", &key_text(kind, shown, bucket));
            }
            for (name, end) in [("from", range.from), ("to", range.to)] {
                if let Some(end) = end {
                    writer.member(name, &(end.as_millis() as f64));
                    writer.member(&format!("{name}_as_string"), &times.text(end));
                }
            }
        }
        _ => {}
    }
}

fn write_histogram_key(key: &BucketKey, writer: &mut Writer<'_>) {
    match key {
        BucketKey::Number(number) => writer.member("key", &number.as_f64()),
        BucketKey::Time(time) => writer.member("key", &(time.as_millis() as f64)),
        _ => {}
    }
}

fn write_terms_key(key: &BucketKey, times: &Times, writer: &mut Writer<'_>) {
    match key {
        BucketKey::Text(text) => writer.member("key", text),
        BucketKey::Number(Number::Int(number)) => writer.member("key", number),
        BucketKey::Number(Number::Float(number)) => writer.member("key", number),
        BucketKey::Bool(value) => {
            writer.member("key", &u8::from(*value));
            writer.member("key_as_string", &value.to_string());
        }
        BucketKey::Time(time) => {
            writer.member("key", &time.as_millis());
            writer.member("key_as_string", &times.text(*time));
        }
        BucketKey::Null => writer.member("key", &()),
        BucketKey::Place(place) => writer.member("key", place),
    }
}

/// `{"source": key, …}`
fn combination(sources: &[(String, Option<Times>)], keys: &[BucketKey], out: &mut Vec<u8>) {
    out.push(b'{');
    let start = out.len();
    let mut writer = Writer { out, start };
    for ((name, times), key) in sources.iter().zip(keys) {
        match key {
            BucketKey::Null => writer.member(name, &()),
            BucketKey::Text(text) => writer.member(name, text),
            BucketKey::Number(Number::Int(number)) => writer.member(name, number),
            BucketKey::Number(Number::Float(number)) => writer.member(name, number),
            BucketKey::Bool(value) => writer.member(name, value),
            BucketKey::Time(time) => match times {
                Some(times) => writer.member(name, &times.text(*time)),
                None => writer.member(name, &time.as_millis()),
            },
            BucketKey::Place(place) => writer.member(name, place),
        }
    }
    out.push(b'}');
}

fn place(key: &BucketKey) -> Option<usize> {
    match key {
        BucketKey::Place(place) => Some(*place),
        _ => None,
    }
}

/// A bucket's key as text, as keyed answers and pipeline aggregations name it.
pub(super) fn key_text(kind: &AggregationKind, shown: &Shown, bucket: &GotBucket) -> String {
    let key = bucket.keys.first().unwrap_or(&BucketKey::Null);
    match (kind, shown, key) {
        (AggregationKind::Range { ranges, .. }, _, BucketKey::Place(place)) => {
            ranges.get(*place).map(|range| range_key(range, |end| format!("{end:?}"))).unwrap_or_default()
        }
        (
            AggregationKind::DateRange { ranges, .. },
            Shown::DateRanges { times, .. },
            BucketKey::Place(place),
        ) => ranges.get(*place).map(|range| range_key(range, |end| times.text(end))).unwrap_or_default(),
        (AggregationKind::Filters { filters, other }, _, BucketKey::Place(place)) => {
            match filters.get(*place) {
                Some((name, _)) => name.clone(),
                None => other.clone().unwrap_or_default(),
            }
        }
        (_, Shown::DateHistogram { times, .. } | Shown::Terms { times }, BucketKey::Time(time)) => {
            times.text(*time)
        }
        (_, _, BucketKey::Text(text)) => text.clone(),
        (_, Shown::Histogram { .. }, BucketKey::Number(number)) => format!("{:?}", number.as_f64()),
        (_, _, BucketKey::Number(Number::Int(number))) => number.to_string(),
        (_, _, BucketKey::Number(Number::Float(number))) => format!("{number:?}"),
        (_, _, BucketKey::Bool(value)) => value.to_string(),
        (_, _, BucketKey::Time(time)) => time.as_millis().to_string(),
        (_, _, BucketKey::Place(place)) => place.to_string(),
        (_, _, BucketKey::Null) => String::new(),
    }
}

/// `*-10.0`, unless it has a name.
fn range_key<T: Copy>(range: &RangeSpec<T>, text: impl Fn(T) -> String) -> String {
    let end = |end: Option<T>| end.map_or_else(|| "*".to_owned(), &text);
    range.key.clone().unwrap_or_else(|| format!("{}-{}", end(range.from), end(range.to)))
}

impl Times {
    fn text(&self, time: LogTime) -> String {
        self.format.write(time, &self.zone)
    }

    fn millis(&self, millis: f64) -> String {
        self.text(LogTime((millis * 1e6) as i64))
    }
}

fn write_stats(stats: &ExtendedStats, times: &Times, writer: &mut Writer<'_>) {
    writer.member("count", &stats.count);
    let figures = [("min", Figure::Min), ("max", Figure::Max), ("avg", Figure::Avg), ("sum", Figure::Sum)];
    for (name, figure) in figures {
        writer.number(name, figure.of(stats));
    }
    if stats.times && stats.count > 0 {
        for (name, figure) in figures {
            writer.member(&format!("{name}_as_string"), &times.millis(figure.of(stats)));
        }
    }
}

fn write_deviations(stats: &ExtendedStats, sigma: f64, writer: &mut Writer<'_>) {
    let names = [
        "sum_of_squares",
        "variance",
        "variance_population",
        "variance_sampling",
        "std_deviation",
        "std_deviation_population",
        "std_deviation_sampling",
    ];
    for name in names {
        writer.number(name, extended(stats, sigma, name));
    }
    let bounds =
        ["upper", "lower", "upper_population", "lower_population", "upper_sampling", "lower_sampling"];
    let out = writer.key("std_deviation_bounds");
    out.push(b'{');
    let start = out.len();
    let mut inner = Writer { out, start };
    for name in bounds {
        inner.number(name, extended(stats, sigma, name));
    }
    out.push(b'}');
}

/// A figure by the name that Elasticsearch gives it; NaN where there is none.
pub(super) fn extended(stats: &ExtendedStats, sigma: f64, name: &str) -> f64 {
    let count = stats.count as f64;
    let squares = || {
        let around = stats.sum_of_squares - stats.sum * stats.sum / count;
        around.max(0.0)
    };
    let average = stats.sum / count;
    let population = || (squares() / count).sqrt();
    let sampling = || if stats.count < 2 { f64::NAN } else { (squares() / (count - 1.0)).sqrt() };
    match name {
        "count" => count,
        "sum" => stats.sum,
        _ if stats.count == 0 => f64::NAN,
        "min" => stats.min,
        "max" => stats.max,
        "avg" => average,
        "sum_of_squares" => stats.sum_of_squares,
        "variance" | "variance_population" => squares() / count,
        "variance_sampling" if stats.count < 2 => f64::NAN,
        "variance_sampling" => squares() / (count - 1.0),
        "std_deviation" | "std_deviation_population" => population(),
        "std_deviation_sampling" => sampling(),
        "upper" | "upper_population" | "std_upper" | "std_deviation_bounds.upper" => {
            average + sigma * population()
        }
        "lower" | "lower_population" | "std_lower" | "std_deviation_bounds.lower" => {
            average - sigma * population()
        }
        "upper_sampling" => average + sigma * sampling(),
        "lower_sampling" => average - sigma * sampling(),
        _ => f64::NAN,
    }
}

fn write_top_metrics(request: &SearchRequest, fields: &[String], hits: &[LogHit], writer: &mut Writer<'_>) {
    writer.objects(
        "top",
        false,
        hits.len(),
        |_| String::new(),
        |at, item| {
            let out = item.key("sort");
            request.write_sort_values(&hits[at], out);
            let out = item.key("metrics");
            out.push(b'{');
            for (number, field) in fields.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                json(out, field);
                out.push(b':');
                log_json::value(hits[at].record.value(field).unwrap_or(&LogValue::Null), out);
            }
            out.push(b'}');
        },
    );
}
