//! `rate`: how much came per unit of time in the buckets of a `date_histogram`.

use jiff::{Span, Timestamp};
use lingshao_model::log::{AggregationKind, BucketKey, CalendarUnit, Interval, LogTime};

use super::metric::source;
use super::outcome::{Got, GotBuckets};
use super::{Asked, Figure, Shown, What};
use crate::date_math;
use crate::es::EsError;
use crate::es::options::Options;
use crate::es::params::shorten;

const SECOND: i64 = 1_000_000_000;

/// What is counted, and per what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    unit: Unit,
    /// Of the values; `None`: records are counted.
    figure: Option<Figure>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    /// Nanoseconds.
    Fixed(i64),
    /// Months.
    Months(i32),
}

/// Reads a rate: without a field, of records.
pub(super) fn read(options: &Options<'_>) -> Result<What, EsError> {
    let unit = unit(&options.text("unit")?.unwrap_or_else(|| "second".to_owned()))?;
    let mode = options.text("mode")?;
    options.accept(&["format"]);
    if options.get("field").is_none() {
        // The bucket's own count will do: what the storage counts is never looked at.
        let source = lingshao_model::log::ValueSource { field: "_id".to_owned(), missing: None };
        return Ok(What::Stored(
            AggregationKind::ValueCount(source),
            Shown::Rate(Rate { unit, figure: None }),
        ));
    }
    let source = source(options)?;
    match mode.as_deref() {
        None | Some("sum") => {
            let rate = Rate { unit, figure: Some(Figure::Sum) };
            Ok(What::Stored(AggregationKind::Stats(source), Shown::Rate(rate)))
        }
        Some("value_count") => {
            let rate = Rate { unit, figure: Some(Figure::ValueCount) };
            Ok(What::Stored(AggregationKind::ValueCount(source), Shown::Rate(rate)))
        }
        Some(other) => Err(EsError::argument(format!("Unknown rate mode [{}]", shorten(other)))),
    }
}

fn unit(name: &str) -> Result<Unit, EsError> {
    Ok(match name {
        "second" | "1s" => Unit::Fixed(SECOND),
        "minute" | "1m" => Unit::Fixed(60 * SECOND),
        "hour" | "1h" => Unit::Fixed(3600 * SECOND),
        "day" | "1d" => Unit::Fixed(86_400 * SECOND),
        "week" | "1w" => Unit::Fixed(7 * 86_400 * SECOND),
        "month" | "1M" => Unit::Months(1),
        "quarter" | "1q" => Unit::Months(3),
        "year" | "1y" => Unit::Months(12),
        _ => return Err(EsError::argument(format!("Unsupported unit {}", shorten(name)))),
    })
}

/// Makes rates of what stands in the buckets of `parent`.
pub(super) fn inside(parent: &Asked, buckets: &mut GotBuckets) {
    let What::Stored(AggregationKind::DateHistogram { interval, time_zone, .. }, _) = &parent.what else {
        return;
    };
    for (place, asked) in parent.inner.iter().enumerate() {
        let What::Stored(_, Shown::Rate(rate)) = &asked.what else { continue };
        for bucket in &mut buckets.buckets {
            let Some(BucketKey::Time(start)) = bucket.keys.first() else { continue };
            let count = match (rate.figure, &bucket.inner[place]) {
                (Some(figure), Got::Stats(stats)) => figure.of(stats),
                (Some(_), Got::Count(count)) => *count as f64,
                _ => bucket.count as f64,
            };
            bucket.inner[place] = Got::Value(count / rate.units(*start, *interval, time_zone));
        }
    }
}

impl Rate {
    /// How many units the bucket is long that begins at `start`; NaN where the two cannot be compared.
    fn units(self, start: LogTime, interval: Interval, time_zone: &str) -> f64 {
        let months = match interval {
            Interval::Calendar(CalendarUnit::Month) => Some(1),
            Interval::Calendar(CalendarUnit::Quarter) => Some(3),
            Interval::Calendar(CalendarUnit::Year) => Some(12),
            _ => None,
        };
        match (self.unit, months) {
            (Unit::Months(unit), Some(months)) => f64::from(months) / f64::from(unit),
            (Unit::Months(_), None) => f64::NAN,
            (Unit::Fixed(unit), _) => length(start, interval, time_zone) / unit as f64,
        }
    }
}

/// How long a bucket is, in nanoseconds.
fn length(start: LogTime, interval: Interval, time_zone: &str) -> f64 {
    let unit = match interval {
        Interval::Fixed(nanos) => return nanos as f64,
        Interval::Calendar(unit) => unit,
    };
    let span = match unit {
        CalendarUnit::Minute => Span::new().minutes(1),
        CalendarUnit::Hour => Span::new().hours(1),
        CalendarUnit::Day => Span::new().days(1),
        CalendarUnit::Week => Span::new().weeks(1),
        CalendarUnit::Month => Span::new().months(1),
        CalendarUnit::Quarter => Span::new().months(3),
        CalendarUnit::Year => Span::new().years(1),
    };
    let end = || {
        let zone = date_math::zone(time_zone)?;
        let first = Timestamp::from_nanosecond(i128::from(start.0)).ok()?.to_zoned(zone);
        first.checked_add(span).ok().map(|end| end.timestamp().as_nanosecond() - i128::from(start.0))
    };
    end().map_or(f64::NAN, |nanos| nanos as f64)
}
