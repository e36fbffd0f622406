//! `time_intervals` and the older `mute_time_intervals` (`prometheus/alertmanager`, `timeinterval`).

use lingshao_model::{TimeInterval, TimeSpan};

use super::ZoneLookup;
use crate::yaml::{Diagnostics, Keys, Node, Position};

pub(super) const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Reads one entry; nothing if it has no name.
pub(super) fn read_interval(
    node: &Node,
    zone: ZoneLookup<'_>,
    findings: &mut Diagnostics,
) -> Option<(TimeInterval, Position)> {
    let mut keys = Keys::new(node, "time_intervals", findings);
    let name = keys.text("name", findings).unwrap_or_default();
    let at = keys.node("name").map_or(node.at, |node| node.at);
    if name.is_empty() {
        findings.error(at, "a time interval without a name", "add `name: NAME`");
    }
    findings.set_subject(Some(format!("time interval {name}")).filter(|_| !name.is_empty()));
    let nodes = keys.list("time_intervals", findings);
    let spans = nodes.iter().map(|node| read_span(node, zone, findings)).collect();
    keys.finish(findings);
    findings.set_subject(None);
    (!name.is_empty()).then_some((TimeInterval { name, spans }, at))
}

fn read_span(node: &Node, zone: ZoneLookup<'_>, findings: &mut Diagnostics) -> TimeSpan {
    let mut keys = Keys::new(node, "a time interval", findings);
    let times = keys.list("times", findings);
    let span = TimeSpan {
        times: times.iter().filter_map(|node| read_times(node, findings)).collect(),
        weekdays: read_ranges(&mut keys, "weekdays", weekdays, findings),
        days_of_month: read_ranges(&mut keys, "days_of_month", days_of_month, findings),
        months: read_ranges(&mut keys, "months", months, findings),
        years: read_ranges(&mut keys, "years", years, findings),
        location: read_location(&mut keys, zone, findings),
    };
    keys.finish(findings);
    span
}

fn read_times(node: &Node, findings: &mut Diagnostics) -> Option<(u16, u16)> {
    let mut keys = Keys::new(node, "times", findings);
    let mut minute = |key: &str| {
        let text = keys.text(key, findings).filter(|text| !text.is_empty());
        let at = keys.node(key).map_or(node.at, |node| node.at);
        let Some(text) = text else {
            findings.error(node.at, format!("`times` lacks `{key}`"), "name both, as HH:MM");
            return None;
        };
        let minute = parse_minute(&text);
        if minute.is_none() {
            findings.error(at, format!("`{key}`: `{text}` is no time of day"), "write HH:MM, 00:00 to 24:00");
        }
        minute
    };
    let (start, end) = (minute("start_time"), minute("end_time"));
    keys.finish(findings);
    let (start, end) = (start?, end?);
    if start >= end {
        let remedy = "a night takes two entries: one to 24:00, one from 00:00";
        findings.error(node.at, "`start_time` must lie before `end_time`", remedy);
    }
    Some((start, end))
}

/// `HH:MM`, and `24:00`.
fn parse_minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= 24 * 60).then_some(minute)
}

fn read_location(keys: &mut Keys<'_>, zone: ZoneLookup<'_>, findings: &mut Diagnostics) -> Option<String> {
    let name = keys.text("location", findings)?;
    if name.is_empty() {
        return None; // UTC, as in Go.
    }
    let known = zone(&name);
    if known.is_none() {
        let at = keys.node("location").map_or(keys.at(), |node| node.at);
        let remedy = "write a name of the IANA database: Asia/Shanghai, UTC";
        findings.error(at, format!("unknown time zone `{name}`"), remedy);
    }
    known
}

type ReadRange<T> = fn(&str) -> Result<(T, T), String>;

fn read_ranges<T>(
    keys: &mut Keys<'_>,
    key: &str,
    read: ReadRange<T>,
    findings: &mut Diagnostics,
) -> Vec<(T, T)> {
    let mut ranges = Vec::new();
    for (text, at) in keys.texts(key, findings) {
        match read(&text.to_ascii_lowercase()) {
            Ok(range) => ranges.push(range),
            Err(message) => findings.error(at, format!("`{key}`: {message}"), ""),
        }
    }
    ranges
}

/// `a` or `a:b`, each by `member`.
fn range(text: &str, member: impl Fn(&str) -> Option<i64>, what: &str) -> Result<(i64, i64), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let value = |text: &str| member(text).ok_or_else(|| format!("`{text}` is no {what}"));
    match parts[..] {
        [one] => value(one).map(|value| (value, value)),
        [first, last] => Ok((value(first)?, value(last)?)),
        _ => Err(format!("`{text}` is no range; write `FIRST:LAST`")),
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok() // As Go's Atoi: a sign may stand before it.
}

fn named(names: &[&str], text: &str) -> Option<i64> {
    names.iter().position(|name| *name == text).and_then(|at| i64::try_from(at).ok())
}

fn ordered((first, last): (i64, i64), text: &str) -> Result<(i64, i64), String> {
    if first > last {
        return Err(format!("`{text}` ends before it begins"));
    }
    Ok((first, last))
}

fn weekdays(text: &str) -> Result<(u8, u8), String> {
    let (first, last) = ordered(range(text, |day| named(&WEEKDAYS, day), "weekday")?, text)?;
    Ok((narrow(first, 0, 6), narrow(last, 0, 6)))
}

fn days_of_month(text: &str) -> Result<(i8, i8), String> {
    let (first, last) = range(text, number, "day of the month")?;
    for day in [first, last] {
        if day == 0 || !(-31..=31).contains(&day) {
            return Err(format!("`{day}` is no day of the month; write 1 to 31, or -1 (the last) to -31"));
        }
    }
    if first < 0 && last > 0 {
        return Err(format!("`{text}`: the end must count from the month's end too"));
    }
    let in_shortest = |day: i64| if day < 0 { 28 + day } else { day };
    if in_shortest(first) > in_shortest(last) {
        return Err(format!("`{text}` ends before it begins"));
    }
    Ok((narrow(first, -31, 31), narrow(last, -31, 31)))
}

/// Numbers outside of 1 to 12 are taken, as by Alertmanager; no month has them.
fn months(text: &str) -> Result<(u8, u8), String> {
    let member = |month: &str| named(&MONTHS, month).map(|at| at + 1).or_else(|| number(month));
    let (first, last) = ordered(range(text, member, "month")?, text)?;
    Ok((narrow(first, 0, 13), narrow(last, 0, 13)))
}

fn years(text: &str) -> Result<(i16, i16), String> {
    let (first, last) = ordered(range(text, number, "year")?, text)?;
    let (low, high) = (i64::from(i16::MIN), i64::from(i16::MAX));
    Ok((narrow(first, low, high), narrow(last, low, high)))
}

/// Clamps to bounds that the type holds.
fn narrow<T: TryFrom<i64> + Default>(value: i64, low: i64, high: i64) -> T {
    T::try_from(value.clamp(low, high)).unwrap_or_default()
}
