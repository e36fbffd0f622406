//! Aggregations over the results of others.

use lingshao_model::log::{AggregationKind, BucketKey, ExtendedStats, LogTime, Number};

use super::outcome::{Got, GotBucket, GotBuckets};
use super::script::Script;
use super::{Asked, Figure, Shown, What, order, render};
use crate::es::EsError;
use crate::es::duration;
use crate::es::options::Options;
use crate::es::params::shorten;
use crate::json::Value;

/// Widest window of a moving function: every bucket looks at so many others.
const WINDOW_MAX: usize = 1000;
/// Most paths of a script.
const PATHS_MAX: usize = 64;

/// One pipeline aggregation.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    kind: Kind,
    paths: Vec<Path>,
    gaps: Gaps,
}

/// The way to a value: names of aggregations, and what of the last one.
#[derive(Clone, Debug)]
struct Path {
    names: Vec<String>,
    property: String,
}

/// What a bucket without records or without a value counts as.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Gaps {
    Skip,
    Zeros,
    Keep,
}

#[derive(Clone, Debug)]
enum Kind {
    Derivative { unit: Option<i64> },
    CumulativeSum,
    SerialDifference { lag: usize },
    Moving { window: usize, shift: i64, function: Moving },
    Script { script: Script, constants: Vec<f64> },
    Selector { script: Script, constants: Vec<f64> },
    Sort { descending: Vec<bool>, from: usize, size: usize },
    Over(Over),
}

/// A function of the buckets beside.
#[derive(Clone, Debug, PartialEq)]
enum Over {
    Avg,
    Sum,
    Min,
    Max,
    Stats,
    ExtendedStats,
    Percentiles(Vec<f64>),
}

/// A function of a window of values.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moving {
    Max,
    Min,
    Sum,
    StandardDeviation,
    Average,
    LinearAverage,
    ExponentialAverage(f64),
    Holt(f64, f64),
}

/// Reads a pipeline aggregation; `None` if `kind` is none.
pub(super) fn read(kind: &str, options: &Options<'_>) -> Result<Option<Pipeline>, EsError> {
    options.accept(&["format"]);
    let own = match kind {
        "derivative" => {
            let unit = options.text("unit")?.map(|text| unit(&text)).transpose()?;
            Kind::Derivative { unit }
        }
        "cumulative_sum" => Kind::CumulativeSum,
        "serial_diff" => match options.count("lag")?.unwrap_or(1) {
            lag @ 1..=WINDOW_MAX => Kind::SerialDifference { lag },
            lag => {
                return Err(EsError::argument(format!(
                    "Lag must be a positive, non-zero integer up to {WINDOW_MAX}. Value supplied was [{lag}]"
                )));
            }
        },
        "moving_fn" => moving(options)?,
        "bucket_script" | "bucket_selector" => return scripted(kind, options).map(Some),
        "bucket_sort" => return sort(options).map(Some),
        "avg_bucket" => Kind::Over(Over::Avg),
        "sum_bucket" => Kind::Over(Over::Sum),
        "min_bucket" => Kind::Over(Over::Min),
        "max_bucket" => Kind::Over(Over::Max),
        "stats_bucket" => Kind::Over(Over::Stats),
        "extended_stats_bucket" => {
            options.accept(&["sigma"]);
            Kind::Over(Over::ExtendedStats)
        }
        "percentiles_bucket" => {
            options.accept(&["keyed"]);
            let percents = match options.get("percents") {
                Some(node) => node
                    .items()
                    .iter()
                    .map(|item| options.body.number(item, "percents"))
                    .collect::<Result<_, _>>()?,
                None => vec![1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0],
            };
            Kind::Over(Over::Percentiles(percents))
        }
        _ => return Ok(None),
    };
    let text =
        options.get("buckets_path").map(|node| options.body.texts(node, "buckets_path")).transpose()?;
    let Some([text]) = text.as_deref() else {
        return Err(options
            .body
            .error(options.node, format!("Missing required field [buckets_path] for aggregation [{kind}]")));
    };
    let gaps = match kind {
        "cumulative_sum" => Gaps::Zeros,
        _ => gaps(options)?,
    };
    Ok(Some(Pipeline { kind: own, paths: vec![Path::read(text)], gaps }))
}

fn gaps(options: &Options<'_>) -> Result<Gaps, EsError> {
    match options.text("gap_policy")?.as_deref() {
        None | Some("skip") => Ok(Gaps::Skip),
        Some("insert_zeros") => Ok(Gaps::Zeros),
        Some("keep_values") => Ok(Gaps::Keep),
        Some(other) => {
            let reason = format!(
                "Invalid gap policy: [{}], accepted values: [insert_zeros, skip, keep_values]",
                shorten(other)
            );
            Err(options.body.error(options.node, reason))
        }
    }
}

fn unit(text: &str) -> Result<i64, EsError> {
    let calendar = match text {
        "second" => Some("1s"),
        "minute" => Some("1m"),
        "hour" => Some("1h"),
        "day" => Some("1d"),
        "week" => Some("7d"),
        _ => None,
    };
    duration::nanos(calendar.unwrap_or(text)).filter(|nanos| *nanos > 0).ok_or_else(|| {
        EsError::argument(format!("failed to parse [unit] with value [{}] as a time value", shorten(text)))
    })
}

fn moving(options: &Options<'_>) -> Result<Kind, EsError> {
    let window = options.count("window")?.unwrap_or(0);
    if !(1..=WINDOW_MAX).contains(&window) {
        return Err(EsError::argument(format!(
            "[window] must be a positive, non-zero integer up to {WINDOW_MAX}."
        )));
    }
    let shift = options.get("shift").map_or(Ok(0), |node| options.body.integer(node, "shift"))?;
    let (script, _) = script_of(options)?;
    let function = Moving::read(&script).ok_or_else(|| {
        EsError::new(400, "script_exception", format!(
            "compile error: [{}] is not supported; use MovingFunctions.max, min, sum, stdDev, unweightedAvg, linearWeightedAvg, ewma or holt of values",
            shorten(&script)
        ))
    })?;
    Ok(Kind::Moving { window, shift: shift.clamp(-(WINDOW_MAX as i64), WINDOW_MAX as i64), function })
}

/// A script's text, and its own parameters.
fn script_of(options: &Options<'_>) -> Result<(String, Vec<(String, f64)>), EsError> {
    let Some(node) = options.get("script") else {
        return Err(options.body.error(
            options.node,
            format!("Missing required field [script] for aggregation [{}]", options.what),
        ));
    };
    let Value::Object(_) = node.value else { return Ok((options.body.scalar(node, "script")?, Vec::new())) };
    let script = Options::new(options.body, node, "script")?;
    script.accept(&["lang"]);
    let mut constants = Vec::new();
    if let Some(params) = script.get("params") {
        for (name, value) in options.body.object(params, "params")? {
            constants.push((name.clone(), options.body.number(value, "params")?));
        }
    }
    let text = match script.text("source")? {
        Some(text) => text,
        None => script.required("inline")?,
    };
    script.finish()?;
    Ok((text, constants))
}

fn scripted(kind: &str, options: &Options<'_>) -> Result<Pipeline, EsError> {
    let Some(node) = options.get("buckets_path") else {
        return Err(options
            .body
            .error(options.node, format!("Missing required field [buckets_path] for aggregation [{kind}]")));
    };
    let mut names = Vec::new();
    let mut paths = Vec::new();
    match &node.value {
        Value::Object(members) => {
            for (name, value) in members {
                names.push(name.clone());
                paths.push(Path::read(&options.body.scalar(value, "buckets_path")?));
            }
        }
        _ => {
            for (number, text) in options.body.texts(node, "buckets_path")?.iter().enumerate() {
                names.push(if number == 0 { "_value".to_owned() } else { format!("_value{number}") });
                paths.push(Path::read(text));
            }
        }
    }
    if paths.len() > PATHS_MAX {
        return Err(options.body.error(node, format!("more than {PATHS_MAX} paths")));
    }
    let (text, own) = script_of(options)?;
    let (own_names, constants): (Vec<String>, Vec<f64>) = own.into_iter().unzip();
    names.extend(own_names);
    let script = Script::read(&text, &names)?;
    let kind = match kind {
        "bucket_script" => Kind::Script { script, constants },
        _ => Kind::Selector { script, constants },
    };
    Ok(Pipeline { kind, paths, gaps: gaps(options)? })
}

fn sort(options: &Options<'_>) -> Result<Pipeline, EsError> {
    let (mut paths, mut descending) = (Vec::new(), Vec::new());
    if let Some(node) = options.get("sort") {
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for item in items.iter().take(PATHS_MAX) {
            if let Some(name) = item.text() {
                paths.push(Path::read(name));
                descending.push(false);
                continue;
            }
            for (name, value) in options.body.object(item, "sort")? {
                let order = match &value.value {
                    Value::Object(_) => Options::new(options.body, value, "sort")?.text("order")?,
                    _ => Some(options.body.scalar(value, "sort")?),
                };
                paths.push(Path::read(name));
                descending.push(order.is_some_and(|order| order.eq_ignore_ascii_case("desc")));
            }
        }
    }
    let from = options.count("from")?.unwrap_or(0);
    let size = options.count("size")?.unwrap_or(usize::MAX);
    Ok(Pipeline { kind: Kind::Sort { descending, from, size }, paths, gaps: gaps(options)? })
}

/// Whether every path leads to an aggregation, and every one stands where it can.
pub(super) fn check(level: &[Asked], parent: Option<&Asked>) -> Result<(), EsError> {
    for asked in level {
        check(&asked.inner, Some(asked))?;
        let is_dates =
            |parent: &Asked| matches!(parent.what, What::Stored(AggregationKind::DateHistogram { .. }, _));
        if matches!(asked.what, What::Stored(_, Shown::Rate(_))) && !parent.is_some_and(is_dates) {
            let reason = "The rate aggregation can only be used inside a date histogram aggregation or composite aggregation with exactly one date histogram value source";
            return Err(EsError::argument(reason));
        }
        let What::Pipeline(pipeline) = &asked.what else { continue };
        let name = &asked.name;
        let failed = |what: String| {
            EsError::new(400, "action_request_validation_exception", format!("Validation Failed: 1: {what};"))
        };
        let is_over = matches!(pipeline.kind, Kind::Over(_));
        if !is_over && parent.is_none() {
            return Err(failed(format!(
                "aggregation [{name}] must be declared inside of another aggregation"
            )));
        }
        let needs_histogram = matches!(
            pipeline.kind,
            Kind::Derivative { .. }
                | Kind::CumulativeSum
                | Kind::SerialDifference { .. }
                | Kind::Moving { .. }
        );
        let is_histogram = |parent: &Asked| {
            matches!(
                parent.what,
                What::Stored(AggregationKind::DateHistogram { .. } | AggregationKind::Histogram { .. }, _)
            )
        };
        if needs_histogram && !parent.is_some_and(is_histogram) {
            return Err(failed(format!(
                "aggregation [{name}] must have a histogram, date_histogram or auto_date_histogram as parent"
            )));
        }
        for path in &pipeline.paths {
            let first = path.names.first().map_or("", String::as_str);
            let is_own = matches!(first, "_count" | "_key" | "_bucket_count") && !is_over;
            if !is_own && !level.iter().any(|other| other.name == first && other.name != *name) {
                return Err(failed(format!("No aggregation found for path [{}]", path.text())));
            }
        }
    }
    Ok(())
}

/// The order in which pipeline aggregations of one level are computed: those that others look at first.
fn in_order<'a>(asked: &'a [Asked], wanted: impl Fn(&Kind) -> bool) -> Vec<(usize, &'a Pipeline)> {
    let pipeline = |(place, asked): (usize, &'a Asked)| match &asked.what {
        What::Pipeline(pipeline) if wanted(&pipeline.kind) => Some((place, pipeline)),
        _ => None,
    };
    let mut pending: Vec<_> = asked.iter().enumerate().filter_map(pipeline).collect();
    let mut ordered = Vec::with_capacity(pending.len());
    while !pending.is_empty() {
        let looks_at = |pipeline: &Pipeline, place: usize| {
            pipeline.paths.iter().any(|path| path.names.first() == Some(&asked[place].name))
        };
        let ready = pending.iter().position(|(own, pipeline)| {
            pending.iter().all(|(place, _)| place == own || !looks_at(pipeline, *place))
        });
        // Those that look at each other are computed as they stand, without each other's values.
        ordered.push(pending.remove(ready.unwrap_or(0)));
    }
    ordered
}

/// Computes those of `asked` that look at the buckets beside them.
pub(super) fn beside(asked: &[Asked], all: &mut [Got]) {
    for (place, pipeline) in in_order(asked, |kind| matches!(kind, Kind::Over(_))) {
        let (Kind::Over(over), [path]) = (&pipeline.kind, pipeline.paths.as_slice()) else { continue };
        let Some(at) = asked.iter().position(|asked| path.names.first() == Some(&asked.name)) else {
            continue;
        };
        let (Got::Buckets(buckets), What::Stored(kind, shown)) = (&all[at], &asked[at].what) else {
            continue;
        };
        let inner = Path { names: path.names[1..].to_vec(), property: path.property.clone() };
        let mut values = Vec::new();
        for bucket in &buckets.buckets {
            let value = pipeline.gaps.fill(inner.value(&asked[at].inner, bucket), bucket, &inner);
            if value.is_finite() {
                values.push((value, bucket));
            }
        }
        all[place] = over.of(&values, |bucket| render::key_text(kind, shown, bucket));
    }
}

/// Computes those of `asked` that look at the neighbours of the bucket that they stand in.
pub(super) fn inside(asked: &[Asked], buckets: &mut GotBuckets) {
    let last = |kind: &Kind| matches!(kind, Kind::Sort { .. } | Kind::Selector { .. });
    let figures = in_order(asked, |kind| !matches!(kind, Kind::Over(_)) && !last(kind));
    // They change which buckets there are, so they come when all values are known.
    for (place, pipeline) in figures.into_iter().chain(in_order(asked, last)) {
        pipeline.fill(asked, place, buckets);
    }
}

impl Pipeline {
    fn fill(&self, asked: &[Asked], place: usize, all: &mut GotBuckets) {
        let path_values = |path: &Path| -> Vec<f64> {
            all.buckets.iter().map(|bucket| self.gaps.fill(path.value(asked, bucket), bucket, path)).collect()
        };
        let values: Vec<Vec<f64>> = self.paths.iter().map(path_values).collect();
        let first = values.first().map(Vec::as_slice).unwrap_or_default();
        match &self.kind {
            Kind::Derivative { unit } => derivative(first, *unit, place, &mut all.buckets),
            Kind::CumulativeSum => {
                let mut sum = 0.0;
                for (bucket, value) in all.buckets.iter_mut().zip(first) {
                    sum += if value.is_finite() { *value } else { 0.0 };
                    bucket.inner[place] = Got::Value(sum);
                }
            }
            Kind::SerialDifference { lag } => {
                for (at, bucket) in all.buckets.iter_mut().enumerate().skip(*lag) {
                    let difference = first[at] - first[at - lag];
                    if !difference.is_nan() {
                        bucket.inner[place] = Got::Value(difference);
                    }
                }
            }
            Kind::Moving { window, shift, function } => {
                moving_values(first, *window, *shift, *function, place, &mut all.buckets);
            }
            Kind::Script { script, constants } => {
                for (at, bucket) in all.buckets.iter_mut().enumerate() {
                    let params: Vec<f64> = values.iter().map(|column| column[at]).collect();
                    // A gap skips the bucket.
                    if params.iter().all(|value| !value.is_nan()) {
                        let params: Vec<f64> = params.into_iter().chain(constants.iter().copied()).collect();
                        bucket.inner[place] = Got::Value(script.value(&params));
                    }
                }
            }
            Kind::Selector { script, constants } => {
                let mut at = 0;
                all.buckets.retain(|_| {
                    let params: Vec<f64> =
                        values.iter().map(|column| column[at]).chain(constants.iter().copied()).collect();
                    at += 1;
                    let verdict = script.value(&params);
                    !verdict.is_nan() && verdict != 0.0
                });
            }
            Kind::Sort { descending, from, size } => sorted(&values, descending, *from, *size, all),
            Kind::Over(_) => {}
        }
    }
}

fn derivative(values: &[f64], unit: Option<i64>, place: usize, buckets: &mut [GotBucket]) {
    for at in 1..buckets.len() {
        let slope = values[at] - values[at - 1];
        let span = position(&buckets[at]) - position(&buckets[at - 1]);
        buckets[at].inner[place] = match unit {
            Some(unit) => Got::Slope(slope, slope / (span / unit as f64)),
            None => Got::Value(slope),
        };
    }
}

/// Where a bucket of a histogram begins: a number, or nanoseconds.
fn position(bucket: &GotBucket) -> f64 {
    match bucket.keys.first() {
        Some(BucketKey::Time(LogTime(nanos))) => *nanos as f64,
        Some(BucketKey::Number(number)) => Number::as_f64(*number),
        _ => f64::NAN,
    }
}

/// Windows are counted over the buckets that have a value.
fn moving_values(
    values: &[f64],
    window: usize,
    shift: i64,
    function: Moving,
    place: usize,
    buckets: &mut [GotBucket],
) {
    let known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let with_value = buckets.iter_mut().zip(values).filter(|(_, value)| !value.is_nan());
    for (at, (bucket, _)) in (0_i64..).zip(with_value) {
        let clamp = |place: i64| place.clamp(0, known.len() as i64) as usize;
        let (start, end) = (clamp(at - window as i64 + shift), clamp(at + shift));
        bucket.inner[place] = Got::Value(function.of(&known[start..end]));
    }
}

fn sorted(values: &[Vec<f64>], descending: &[bool], from: usize, size: usize, all: &mut GotBuckets) {
    let mut places: Vec<usize> = (0..all.buckets.len()).collect();
    if !values.is_empty() {
        // Buckets without any value are left out.
        places.retain(|at| values.iter().any(|column| !column[*at].is_nan()));
        places.sort_by(|a, b| {
            let orders = values.iter().zip(descending).map(|(column, descending)| {
                let (a, b) = (column[*a], column[*b]);
                match (a.is_nan(), b.is_nan()) {
                    (false, false) if *descending => b.total_cmp(&a),
                    (false, false) => a.total_cmp(&b),
                    (a, b) => a.cmp(&b),
                }
            });
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }
    let mut old: Vec<Option<GotBucket>> = std::mem::take(&mut all.buckets).into_iter().map(Some).collect();
    all.buckets = places.into_iter().skip(from).take(size).filter_map(|at| old[at].take()).collect();
}

impl Gaps {
    /// A bucket without records has no value, whatever its figures say, except for its count.
    fn fill(self, value: f64, bucket: &GotBucket, path: &Path) -> f64 {
        let is_count = path.is_count();
        match self {
            _ if value.is_finite() && (bucket.count > 0 || is_count) => value,
            Gaps::Zeros => 0.0,
            Gaps::Keep if value.is_finite() => value,
            _ => f64::NAN,
        }
    }
}

impl Path {
    fn read(text: &str) -> Path {
        let (names, property) = order::split(text);
        Path { names, property }
    }

    fn text(&self) -> String {
        let names = self.names.join(">");
        if self.property.is_empty() { names } else { format!("{names}.{}", self.property) }
    }

    fn is_count(&self) -> bool {
        self.property == "_count" || self.names.last().is_none_or(|name| name == "_count")
    }

    /// NaN where there is none.
    fn value(&self, asked: &[Asked], bucket: &GotBucket) -> f64 {
        let mut level = asked;
        let mut bucket = bucket;
        let mut names = self.names.as_slice();
        loop {
            let Some((first, rest)) = names.split_first() else { return bucket.count as f64 };
            if first == "_count" {
                return bucket.count as f64;
            }
            if first == "_key" {
                return match bucket.keys.first() {
                    Some(BucketKey::Time(time)) => time.as_millis() as f64,
                    _ => position(bucket),
                };
            }
            let Some(place) = level.iter().position(|asked| asked.name == *first) else { return f64::NAN };
            let Some(got) = bucket.inner.get(place) else { return f64::NAN };
            match got {
                Got::Buckets(inner) if rest.is_empty() && self.property == "_bucket_count" => {
                    return inner.buckets.len() as f64;
                }
                Got::Buckets(inner) => match inner.buckets.as_slice() {
                    [only] if only.keys.is_empty() => {
                        (bucket, level, names) = (only, &level[place].inner, rest);
                    }
                    _ => return f64::NAN,
                },
                got => return property(&level[place], got, &self.property),
            }
        }
    }
}

/// What of a figure.
fn property(asked: &Asked, got: &Got, property: &str) -> f64 {
    match got {
        Got::Count(count) => *count as f64,
        Got::Value(value) | Got::Best(value, _) => *value,
        Got::Slope(value, normalized) => {
            if property == "normalized_value" {
                *normalized
            } else {
                *value
            }
        }
        Got::Percentiles(values) => {
            let wanted: Option<f64> = property.parse().ok();
            let found = values.iter().find(|(percent, _)| Some(*percent) == wanted || values.len() == 1);
            found.and_then(|(_, value)| *value).unwrap_or(f64::NAN)
        }
        Got::Stats(stats) => match &asked.what {
            What::Stored(_, Shown::Figure(figure, _)) => figure.of(stats),
            What::Stored(_, Shown::ExtendedStats { sigma, .. }) => render::extended(stats, *sigma, property),
            _ => render::extended(stats, 2.0, property),
        },
        Got::Nothing | Got::Buckets(_) | Got::Hits(..) => f64::NAN,
    }
}

impl Figure {
    /// NaN without values.
    pub(super) fn of(self, stats: &ExtendedStats) -> f64 {
        match self {
            // An empty sum may be -0.
            Figure::Sum => stats.sum + 0.0,
            Figure::ValueCount | Figure::Cardinality => stats.count as f64,
            _ if stats.count == 0 => f64::NAN,
            Figure::Avg => stats.sum / stats.count as f64,
            Figure::Min => stats.min,
            Figure::Max => stats.max,
        }
    }
}

impl Over {
    fn of(&self, values: &[(f64, &GotBucket)], key: impl Fn(&GotBucket) -> String) -> Got {
        let best = |best: Option<f64>| {
            let keys = values.iter().filter(|(value, _)| Some(*value) == best);
            Got::Best(best.unwrap_or(f64::NAN), keys.map(|(_, bucket)| key(bucket)).collect())
        };
        let numbers = values.iter().map(|(value, _)| *value);
        match self {
            Over::Avg => Got::Value(numbers.clone().sum::<f64>() / values.len() as f64),
            Over::Sum => Got::Value(numbers.fold(0.0, |sum, number| sum + number)),
            Over::Min => best(numbers.min_by(f64::total_cmp)),
            Over::Max => best(numbers.max_by(f64::total_cmp)),
            Over::Stats | Over::ExtendedStats => Got::Stats(ExtendedStats {
                count: values.len() as u64,
                sum: numbers.clone().sum(),
                min: numbers.clone().fold(f64::INFINITY, f64::min),
                max: numbers.clone().fold(f64::NEG_INFINITY, f64::max),
                sum_of_squares: numbers.map(|number| number * number).sum(),
                times: false,
            }),
            Over::Percentiles(percents) => {
                let mut sorted: Vec<f64> = numbers.collect();
                sorted.sort_by(f64::total_cmp);
                let at = |percent: f64| {
                    let last = sorted.len().checked_sub(1)?;
                    sorted.get((percent / 100.0 * last as f64).round() as usize).copied()
                };
                Got::Percentiles(percents.iter().map(|percent| (*percent, at(*percent))).collect())
            }
        }
    }

    fn is_extended(&self) -> bool {
        *self == Over::ExtendedStats
    }
}

impl Pipeline {
    /// The name before `#` where keys carry types.
    pub(super) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Derivative { .. } => "derivative",
            Kind::Over(Over::Min | Over::Max) => "bucket_metric_value",
            Kind::Over(Over::Stats) => "stats_bucket",
            Kind::Over(Over::ExtendedStats) => "extended_stats_bucket",
            Kind::Over(Over::Percentiles(_)) => "percentiles_bucket",
            _ => "simple_value",
        }
    }

    /// Whether figures are shown with their deviations.
    pub(super) fn is_extended(&self) -> bool {
        matches!(&self.kind, Kind::Over(over) if over.is_extended())
    }
}

impl Moving {
    fn read(script: &str) -> Option<Moving> {
        let own = script.trim().trim_end_matches(';').trim();
        let own = own.strip_prefix("return ").unwrap_or(own).trim();
        let (name, arguments) = own.strip_prefix("MovingFunctions.")?.split_once('(')?;
        let arguments = arguments.strip_suffix(')')?;
        let mut parts = arguments.splitn(2, ',').map(str::trim);
        (parts.next()? == "values").then_some(())?;
        let rest = parts.next().unwrap_or_default();
        let numbers: Vec<f64> = rest.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        Some(match (name.trim(), numbers.as_slice()) {
            ("max", []) => Moving::Max,
            ("min", []) => Moving::Min,
            ("sum", []) => Moving::Sum,
            ("stdDev", []) if rest.replace(' ', "") == "MovingFunctions.unweightedAvg(values)" => {
                Moving::StandardDeviation
            }
            ("unweightedAvg", []) => Moving::Average,
            ("linearWeightedAvg", []) => Moving::LinearAverage,
            ("ewma", [alpha]) => Moving::ExponentialAverage(*alpha),
            ("holt", [alpha, beta]) => Moving::Holt(*alpha, *beta),
            _ => return None,
        })
    }

    fn of(self, values: &[f64]) -> f64 {
        let count = values.len() as f64;
        let average = || values.iter().sum::<f64>() / count;
        match self {
            Moving::Sum => values.iter().fold(0.0, |sum, value| sum + value),
            Moving::StandardDeviation if values.is_empty() => f64::NAN,
            Moving::StandardDeviation => {
                let average = average();
                (values.iter().map(|value| (value - average).powi(2)).sum::<f64>() / count).sqrt()
            }
            _ if values.is_empty() => f64::NAN,
            Moving::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Moving::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Moving::Average => average(),
            Moving::LinearAverage => {
                // Elasticsearch divides by one more than the sum of the weights.
                let weighted: f64 =
                    values.iter().zip(1..).map(|(value, weight)| value * f64::from(weight)).sum();
                weighted / (1.0 + count * (count + 1.0) / 2.0)
            }
            Moving::ExponentialAverage(alpha) => {
                values[1..].iter().fold(values[0], |average, value| value * alpha + average * (1.0 - alpha))
            }
            Moving::Holt(alpha, beta) => holt(values, alpha, beta),
        }
    }
}

/// Double exponential smoothing: a level and a trend.
fn holt(values: &[f64], alpha: f64, beta: f64) -> f64 {
    let [first, rest @ ..] = values else { return f64::NAN };
    let (mut level, mut trend) = (*first, 0.0);
    for value in rest {
        let before = level;
        level = alpha * value + (1.0 - alpha) * (before + trend);
        trend = beta * (level - before) + (1.0 - beta) * trend;
    }
    level
}
