//! Buckets.

use lingshao_model::log::{
    AggregationKind, BucketKey, BucketOrder, CalendarUnit, CompositeSource, CompositeSourceKind, FieldKind,
    Interval, LogQuery, LogTime, Number, RangeSpec, TermsSelection, ValueSource,
};

use super::metric::{source, times};
use super::{Shown, Times, What, order};
use crate::date_math::DateFormats;
use crate::es::body::token;
use crate::es::options::Options;
use crate::es::params::shorten;
use crate::es::{EsError, dates, duration, query};
use crate::json::{Node, Value};

/// Most buckets of one aggregation (Elasticsearch: `search.max_buckets`, 65,536): they are held in memory.
pub(super) const BUCKETS_MAX: usize = 65_536;
/// Most ranges, filters or sources of one aggregation: each is tried on every record.
const PARTS_MAX: usize = 1024;

/// Reads what makes buckets; `None` if `kind` does not.
pub(super) fn read(kind: &str, options: &Options<'_>) -> Result<Option<What>, EsError> {
    Ok(Some(match kind {
        "terms" => terms(options)?,
        "date_histogram" => date_histogram(options)?,
        "histogram" => histogram(options)?,
        "range" => range(options)?,
        "date_range" => date_range(options)?,
        "filters" => filters(options)?,
        "filter" => {
            let inner = query::read(options.body, options.node, 0)?;
            What::Stored(AggregationKind::Filter(inner), Shown::Single("filter"))
        }
        "missing" => {
            options.accept(&["missing"]);
            let field = options.required("field")?;
            What::Stored(AggregationKind::Missing { field }, Shown::Single("missing"))
        }
        "global" => What::Stored(AggregationKind::Global, Shown::Single("global")),
        // Objects are flattened: whatever stands in them belongs to the record.
        "nested" => through(options, "nested", &["path"]),
        "reverse_nested" => through(options, "reverse_nested", &["path"]),
        "sampler" => through(options, "sampler", &["shard_size"]),
        "composite" => composite(options)?,
        _ => return Ok(None),
    }))
}

fn through(options: &Options<'_>, name: &'static str, accepted: &[&'static str]) -> What {
    options.accept(accepted);
    What::Stored(AggregationKind::Filter(LogQuery::All), Shown::Single(name))
}

fn size(options: &Options<'_>, default: usize) -> Result<usize, EsError> {
    let size = options.count("size")?.unwrap_or(default);
    if size == 0 {
        let reason = format!("[size] must be greater than 0. Found [0] in [{}]", options.what);
        return Err(EsError::argument(reason));
    }
    if size > BUCKETS_MAX {
        let reason = format!(
            "Trying to create too many buckets. Must be less than or equal to: [{BUCKETS_MAX}] but was [{size}]. This limit can be set by changing the [search.max_buckets] cluster level setting."
        );
        return Err(EsError::new(400, "too_many_buckets_exception", reason));
    }
    Ok(size)
}

fn orders(options: &Options<'_>, default: BucketOrder) -> Result<Vec<BucketOrder>, EsError> {
    match options.get("order") {
        Some(node) => order::read(options.body, node),
        None => Ok(vec![default]),
    }
}

fn terms(options: &Options<'_>) -> Result<What, EsError> {
    options.accept(&[
        "shard_size",
        "shard_min_doc_count",
        "execution_hint",
        "collect_mode",
        "show_term_doc_count_error",
        "value_type",
    ]);
    let source = source(options)?;
    let kind = AggregationKind::Terms {
        source,
        size: size(options, 10)?,
        order: orders(options, BucketOrder::Count { descending: true })?,
        min_count: options.count("min_doc_count")?.unwrap_or(1) as u64,
        selection: selection(options)?,
    };
    Ok(What::Stored(kind, Shown::Terms { times: times(options)? }))
}

/// `include` and `exclude`: an expression, a list of values.
fn selection(options: &Options<'_>) -> Result<TermsSelection, EsError> {
    let mut selection = TermsSelection::default();
    for (name, is_include) in [("include", true), ("exclude", false)] {
        let Some(node) = options.get(name) else { continue };
        match &node.value {
            Value::Array(_) => {
                let values = options.body.texts(node, name)?;
                match is_include {
                    true => selection.only = Some(values),
                    false => selection.never = values,
                }
            }
            Value::Object(_) => {
                let reason = "[include] with partitions is not supported; use a composite aggregation";
                return Err(options.body.error(node, reason));
            }
            _ => {
                let pattern = Some(query::regex(&options.body.scalar(node, name)?)?);
                match is_include {
                    true => selection.include = pattern,
                    false => selection.exclude = pattern,
                }
            }
        }
    }
    Ok(selection)
}

fn date_histogram(options: &Options<'_>) -> Result<What, EsError> {
    let source = source(options)?;
    let interval = interval(options)?;
    let times = times(options)?;
    let kind = AggregationKind::DateHistogram {
        extended_bounds: time_bounds(options, "extended_bounds", &source)?,
        hard_bounds: time_bounds(options, "hard_bounds", &source)?,
        source,
        interval,
        time_zone: zone_name(options)?,
        offset: options.text("offset")?.map_or(Ok(0), |text| offset(&text))?,
        min_count: options.count("min_doc_count")?.unwrap_or(0) as u64,
        order: orders(options, BucketOrder::Key { descending: false })?,
    };
    let keyed = options.flag("keyed")?.unwrap_or(false);
    Ok(What::Stored(kind, Shown::DateHistogram { times, keyed }))
}

fn zone_name(options: &Options<'_>) -> Result<String, EsError> {
    let Some(text) = options.text("time_zone")? else { return Ok("UTC".to_owned()) };
    dates::read_zone(&text)?;
    Ok(if text == "Z" || text == "z" { "UTC".to_owned() } else { text })
}

/// `fixed_interval`, `calendar_interval`, or the `interval` of old, which is either.
fn interval(options: &Options<'_>) -> Result<Interval, EsError> {
    let (fixed, calendar) = (options.text("fixed_interval")?, options.text("calendar_interval")?);
    let either = options.text("interval")?;
    match (fixed, calendar, either) {
        (Some(_), Some(_), _) => Err(EsError::argument(
            "Cannot use [fixed_interval] with [calendar_interval] configuration option.",
        )),
        (Some(text), None, _) => fixed_interval(&text),
        (None, Some(text), _) => calendar_unit(&text).map(Interval::Calendar).ok_or_else(|| {
            EsError::argument(format!(
                "The supplied interval [{}] could not be parsed as a calendar interval.",
                shorten(&text)
            ))
        }),
        (None, None, Some(text)) => match calendar_unit(&text) {
            Some(unit) => Ok(Interval::Calendar(unit)),
            None => fixed_interval(&text),
        },
        (None, None, None) => {
            Err(EsError::argument("Invalid interval specified, must be non-null and non-empty"))
        }
    }
}

fn fixed_interval(text: &str) -> Result<Interval, EsError> {
    let bare = text.parse::<i64>().ok().and_then(|millis| millis.checked_mul(1_000_000));
    match bare.or_else(|| duration::nanos(text)) {
        Some(nanos @ 1..) => Ok(Interval::Fixed(nanos)),
        Some(_) => Err(EsError::argument("Zero or negative time interval not supported")),
        None => Err(EsError::argument(format!(
            "failed to parse setting [date_histogram.fixedInterval] with value [{}] as a time value: unit is missing or unrecognized",
            shorten(text)
        ))),
    }
}

fn calendar_unit(text: &str) -> Option<CalendarUnit> {
    Some(match text {
        "minute" | "1m" => CalendarUnit::Minute,
        "hour" | "1h" => CalendarUnit::Hour,
        "day" | "1d" => CalendarUnit::Day,
        "week" | "1w" => CalendarUnit::Week,
        "month" | "1M" => CalendarUnit::Month,
        "quarter" | "1q" => CalendarUnit::Quarter,
        "year" | "1y" => CalendarUnit::Year,
        _ => return None,
    })
}

fn offset(text: &str) -> Result<i64, EsError> {
    let bare = text.parse::<i64>().ok().and_then(|millis| millis.checked_mul(1_000_000));
    bare.or_else(|| duration::nanos(text)).ok_or_else(|| {
        let reason = format!(
            "failed to parse setting [DateHistogramAggregationBuilder.parseOffset] with value [{}] as a time value",
            shorten(text)
        );
        EsError::argument(reason)
    })
}

fn time_bounds(
    options: &Options<'_>,
    name: &'static str,
    source: &ValueSource,
) -> Result<Option<(LogTime, LogTime)>, EsError> {
    let Some(node) = options.get(name) else { return Ok(None) };
    let bounds = Options::new(options.body, node, name)?;
    let read = |name: &'static str| match bounds.get(name) {
        Some(node) => instant(options, node, &source.field).map(Some),
        None => Ok(None),
    };
    let (min, max) = (read("min")?, read("max")?);
    bounds.finish()?;
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let reason = format!(
            "[{name}.min][{min}] cannot be greater than [{name}.max][{max}] for histogram aggregation"
        );
        return Err(EsError::argument(reason));
    }
    match (name, min, max) {
        ("hard_bounds", None, None) => Ok(None),
        ("hard_bounds", min, max) => Ok(Some((min.unwrap_or(LogTime::MIN), max.unwrap_or(LogTime::MAX)))),
        (_, Some(min), Some(max)) => Ok(Some((min, max))),
        // One end alone reaches no further than the data: nothing to add.
        _ => Ok(None),
    }
}

/// The first nanosecond of what stands there: numbers are milliseconds, texts follow the aggregation's format.
fn instant(options: &Options<'_>, node: &Node, field: &str) -> Result<LogTime, EsError> {
    let text = options.body.scalar(node, options.what)?;
    let is_number = matches!(node.value, Value::Number(_));
    let format = match options.text("format")? {
        _ if is_number => "epoch_millis".to_owned(),
        Some(format) => format!("{format}||strict_date_optional_time||epoch_millis"),
        None => "strict_date_optional_time||epoch_millis".to_owned(),
    };
    // As a float where a sender made one of its milliseconds.
    let text = match text.parse::<f64>() {
        Ok(millis) if is_number && text.contains(['e', 'E']) => format!("{}", millis as i64),
        _ => text,
    };
    let zone = options.text("time_zone")?;
    let found = dates::instants(options.body, field, &text, Some(&format), zone.as_deref())?;
    Ok(found.map_or(LogTime(0), |(first, _)| first))
}

fn histogram(options: &Options<'_>) -> Result<What, EsError> {
    let source = source(options)?;
    let interval = options.number("interval")?.unwrap_or(0.0);
    if interval <= 0.0 {
        return Err(EsError::argument(format!(
            "[interval] must be >0 for histogram aggregation [{}]",
            options.what
        )));
    }
    options.accept(&["format"]);
    let kind = AggregationKind::Histogram {
        source,
        interval,
        offset: options.number("offset")?.unwrap_or(0.0),
        min_count: options.count("min_doc_count")?.unwrap_or(0) as u64,
        extended_bounds: number_bounds(options)?,
        order: orders(options, BucketOrder::Key { descending: false })?,
    };
    let keyed = options.flag("keyed")?.unwrap_or(false);
    Ok(What::Stored(kind, Shown::Histogram { keyed }))
}

fn number_bounds(options: &Options<'_>) -> Result<Option<(f64, f64)>, EsError> {
    let Some(node) = options.get("extended_bounds") else { return Ok(None) };
    let bounds = Options::new(options.body, node, "extended_bounds")?;
    let (min, max) = (bounds.number("min")?, bounds.number("max")?);
    bounds.finish()?;
    Ok(min.zip(max))
}

/// The ranges of a `range` or `date_range`, in the order of their ends, as they are answered.
fn ranges<T: Copy + PartialOrd>(
    options: &Options<'_>,
    read: impl Fn(&Node) -> Result<T, EsError>,
) -> Result<Vec<RangeSpec<T>>, EsError> {
    let items = match options.get("ranges").map(|node| &node.value) {
        Some(Value::Array(items)) if !items.is_empty() && items.len() <= PARTS_MAX => items,
        _ => {
            let reason = format!("[{}] needs a list of 1 to {PARTS_MAX} [ranges]", options.what);
            return Err(options.body.content_error(options.node, &reason));
        }
    };
    let mut ranges = Vec::new();
    for item in items {
        let range = Options::new(options.body, item, "ranges")?;
        let end = |name| range.get(name).map(&read).transpose();
        ranges.push(RangeSpec { key: range.text("key")?, from: end("from")?, to: end("to")? });
        range.accept(&["mask"]);
        range.finish()?;
    }
    let place = |range: &RangeSpec<T>| (range.from, range.to);
    ranges.sort_by(|a, b| {
        let ((from_a, to_a), (from_b, to_b)) = (place(a), place(b));
        let to_order = match (to_a, to_b) {
            (None, None) => std::cmp::Ordering::Equal,
            (None, _) => std::cmp::Ordering::Greater,
            (_, None) => std::cmp::Ordering::Less,
            (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal),
        };
        from_a.partial_cmp(&from_b).unwrap_or(std::cmp::Ordering::Equal).then(to_order)
    });
    Ok(ranges)
}

fn range(options: &Options<'_>) -> Result<What, EsError> {
    let source = source(options)?;
    options.accept(&["format"]);
    let ranges = ranges(options, |node| options.body.number(node, "ranges"))?;
    let keyed = options.flag("keyed")?.unwrap_or(false);
    Ok(What::Stored(AggregationKind::Range { source, ranges }, Shown::Ranges { keyed }))
}

fn date_range(options: &Options<'_>) -> Result<What, EsError> {
    let source = source(options)?;
    let times = times(options)?;
    let ranges = ranges(options, |node| instant(options, node, &source.field))?;
    let keyed = options.flag("keyed")?.unwrap_or(false);
    Ok(What::Stored(AggregationKind::DateRange { source, ranges }, Shown::DateRanges { times, keyed }))
}

fn filters(options: &Options<'_>) -> Result<What, EsError> {
    let Some(node) = options.get("filters") else {
        return Err(options.body.content_error(options.node, "[filters] cannot be empty."));
    };
    let body = options.body;
    let (filters, named): (Vec<(String, &Node)>, bool) = match &node.value {
        Value::Object(members) => (members.iter().map(|(name, node)| (name.clone(), node)).collect(), true),
        Value::Array(items) => {
            (items.iter().enumerate().map(|(at, node)| (at.to_string(), node)).collect(), false)
        }
        _ => return Err(body.error(node, format!("Unknown key for a {} in [filters].", token(node)))),
    };
    if filters.len() > PARTS_MAX {
        return Err(body.error(node, format!("more than {PARTS_MAX} filters")));
    }
    let read: Result<Vec<_>, EsError> =
        filters.into_iter().map(|(name, node)| Ok((name, query::read(body, node, 0)?))).collect();
    let other = options.text("other_bucket_key")?;
    let other = match options.flag("other_bucket")? {
        Some(false) => None,
        Some(true) => Some(other.unwrap_or_else(|| "_other_".to_owned())),
        None => other,
    };
    let keyed = options.flag("keyed")?.unwrap_or(true) && named;
    Ok(What::Stored(AggregationKind::Filters { filters: read?, other }, Shown::Filters { keyed }))
}

fn composite(options: &Options<'_>) -> Result<What, EsError> {
    let body = options.body;
    let Some(Value::Array(items)) = options.get("sources").map(|node| &node.value) else {
        return Err(body.content_error(options.node, "Required [sources]"));
    };
    if items.is_empty() || items.len() > PARTS_MAX {
        return Err(EsError::argument("Composite [sources] cannot be null or empty"));
    }
    let mut sources = Vec::new();
    let mut shown = Vec::new();
    for item in items {
        let [(name, node)] = body.object(item, "sources")? else {
            return Err(body.error(item, "a source has one name"));
        };
        let (source, times) = composite_source(options, name, node)?;
        shown.push((name.clone(), times));
        sources.push(source);
    }
    let after = match options.get("after") {
        Some(node) => Some(after(options, node, &sources, &shown)?),
        None => None,
    };
    let kind = AggregationKind::Composite { sources, size: size(options, 10)?, after };
    Ok(What::Stored(kind, Shown::Composite(shown)))
}

fn composite_source(
    options: &Options<'_>,
    name: &str,
    node: &Node,
) -> Result<(CompositeSource, Option<Times>), EsError> {
    let body = options.body;
    let [(kind, node)] = body.object(node, "sources")? else {
        return Err(body.error(node, "a source has one kind"));
    };
    let source = Options::new(body, node, kind)?;
    let own_kind = match kind.as_str() {
        "terms" => CompositeSourceKind::Terms,
        "histogram" => match source.number("interval")? {
            Some(interval) if interval > 0.0 => CompositeSourceKind::Histogram(interval),
            _ => return Err(EsError::argument("[interval] must be greater than 0 for [histogram] source")),
        },
        "date_histogram" => {
            let time_zone = zone_name(&source)?;
            CompositeSourceKind::DateHistogram { interval: interval(&source)?, time_zone }
        }
        _ => {
            let reason = format!(
                "invalid composite source type: {}; use terms, histogram or date_histogram",
                shorten(kind)
            );
            return Err(body.error(node, reason));
        }
    };
    source.accept(&["missing_order", "value_type"]);
    if source.text("offset")?.is_some_and(|offset| offset != "0" && offset != "0s") {
        return Err(body.error(node, "[offset] of a composite source is not supported"));
    }
    let times = match source.text("format")? {
        Some(_) => Some(times(&source)?),
        None => None,
    };
    let descending = source.text("order")?.is_some_and(|order| order.eq_ignore_ascii_case("desc"));
    let missing_bucket = source.flag("missing_bucket")?.unwrap_or(false);
    let field = super::metric::source(&source)?.field;
    source.finish()?;
    Ok((CompositeSource { name: name.to_owned(), field, kind: own_kind, descending, missing_bucket }, times))
}

/// The last key of the page before.
fn after(
    options: &Options<'_>,
    node: &Node,
    sources: &[CompositeSource],
    shown: &[(String, Option<Times>)],
) -> Result<Vec<BucketKey>, EsError> {
    let members = options.body.object(node, "after")?;
    if members.len() != sources.len() {
        let reason = format!("[after] has {} value(s) but [sources] has {}", members.len(), sources.len());
        return Err(EsError::argument(reason));
    }
    let key = |(source, (name, times)): (&CompositeSource, &(String, Option<Times>))| {
        let found = members.iter().find(|(own, _)| own == name).map(|(_, node)| node);
        let node = found.ok_or_else(|| {
            EsError::argument(format!(
                "Missing value for [after.{name}]: give the after_key of the page before"
            ))
        })?;
        after_key(options, node, source, times.as_ref())
    };
    sources.iter().zip(shown).map(key).collect()
}

fn after_key(
    options: &Options<'_>,
    node: &Node,
    source: &CompositeSource,
    times: Option<&Times>,
) -> Result<BucketKey, EsError> {
    let is_date = matches!(source.kind, CompositeSourceKind::DateHistogram { .. })
        || options.body.kind(&source.field) == Some(FieldKind::Date)
        || dates::is_time(&source.field);
    Ok(match &node.value {
        Value::Null => BucketKey::Null,
        Value::Bool(value) => BucketKey::Bool(*value),
        Value::Number(text) if is_date => {
            BucketKey::Time(LogTime::from_millis(text.parse::<f64>().unwrap_or_default() as i64))
        }
        Value::Number(text) => Number::read(text).map_or(BucketKey::Null, BucketKey::Number),
        Value::String(text) if is_date => {
            let format =
                times.map_or_else(DateFormats::elasticsearch, |times| times.format.clone()).to_string();
            let found = dates::instants(options.body, "", text, Some(&format), None)?;
            found.map_or(BucketKey::Null, |(first, _)| BucketKey::Time(first))
        }
        Value::String(text) => BucketKey::Text(text.clone()),
        _ => return Err(options.body.error(node, "[after] expects values")),
    })
}
