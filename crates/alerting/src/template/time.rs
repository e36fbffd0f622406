//! Instants and spans with the methods and layouts of Go's `time`.

use jiff::tz::TimeZone;
use lingshao_model::Timestamp;

use super::number::quote;

/// Nanoseconds of a second.
pub(super) const SECOND: i64 = 1_000_000_000;
/// Seconds from 0001-01-01, Go's zero time, to 1970.
const ZERO_SECONDS: i64 = -62_135_596_800;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Where a clock hangs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Zone {
    Utc,
    /// The one that templates call local.
    Local(TimeZone),
    Named(TimeZone),
    /// Seconds east, of a text that said no more.
    Fixed(i32),
}

/// What a zone says about an instant.
struct Offset {
    /// Seconds east of UTC.
    seconds: i64,
    name: String,
    summer: bool,
}

impl Zone {
    /// `time.LoadLocation`
    pub(super) fn load(name: &str, local: &Zone) -> Result<Zone, String> {
        match name {
            "" | "UTC" => Ok(Zone::Utc),
            "Local" => Ok(local.clone()),
            _ => match TimeZone::get(name) {
                Ok(zone) if zone.iana_name() == Some(name) => Ok(Zone::Named(zone)),
                _ => Err(format!("unknown time zone {name}")),
            },
        }
    }

    /// The local one by its IANA name.
    pub(super) fn local(name: Option<&str>) -> Zone {
        match name.map(TimeZone::get) {
            Some(Ok(zone)) => Zone::Local(zone),
            _ => Zone::Utc,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Zone::Utc => "UTC",
            Zone::Local(_) => "Local",
            Zone::Named(zone) => zone.iana_name().unwrap_or("UTC"),
            Zone::Fixed(_) => "",
        }
    }

    fn at(&self, seconds: i64) -> Offset {
        match self {
            Zone::Utc => Offset { seconds: 0, name: "UTC".to_owned(), summer: false },
            Zone::Fixed(offset) => Offset { seconds: i64::from(*offset), name: String::new(), summer: false },
            Zone::Local(zone) | Zone::Named(zone) => {
                let (low, high) = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
                let instant = jiff::Timestamp::from_second(seconds.clamp(low, high)).unwrap_or_default();
                let info = zone.to_offset_info(instant);
                Offset {
                    seconds: i64::from(info.offset().seconds()),
                    name: info.abbreviation().to_owned(),
                    summer: info.dst().is_dst(),
                }
            }
        }
    }
}

/// `time.Time`
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Time {
    /// Since 1970.
    seconds: i64,
    /// Below a second, never negative.
    nanos: u32,
    pub(super) zone: Zone,
}

/// A calendar's and a clock's reading.
struct Reading {
    year: i64,
    month: i64,
    day: i64,
    year_day: i64,
    weekday: i64,
    hour: i64,
    minute: i64,
    second: i64,
    offset: Offset,
}

impl Time {
    /// Go's zero time.
    pub(super) fn zero() -> Time {
        Time { seconds: ZERO_SECONDS, nanos: 0, zone: Zone::Utc }
    }

    pub(super) fn from_millis(millis: i64) -> Time {
        let nanos = u32::try_from(millis.rem_euclid(1000)).unwrap_or(0) * 1_000_000;
        Time { seconds: millis.div_euclid(1000), nanos, zone: Zone::Utc }
    }

    pub(super) fn is_zero(&self) -> bool {
        (self.seconds, self.nanos) == (ZERO_SECONDS, 0)
    }

    pub(super) fn within(mut self, zone: Zone) -> Time {
        self.zone = zone;
        self
    }

    pub(super) fn instant(&self) -> (i64, u32) {
        (self.seconds, self.nanos)
    }

    /// Since 1970, in units of `per_second` each second; wraps as Go does.
    pub(super) fn unix(&self, per_second: i64) -> i64 {
        self.seconds.wrapping_mul(per_second).wrapping_add(i64::from(self.nanos) / (SECOND / per_second))
    }

    pub(super) fn nanosecond(&self) -> i64 {
        i64::from(self.nanos)
    }

    pub(super) fn add(&self, nanos: i64) -> Time {
        self.add_wide(i128::from(nanos))
    }

    fn add_wide(&self, nanos: i128) -> Time {
        let total = i128::from(self.seconds) * i128::from(SECOND) + i128::from(self.nanos) + nanos;
        let second = i128::from(SECOND);
        // Ten thousand years each way: far more than a calendar needs, and no sum of it overflows.
        let seconds = total.div_euclid(second).clamp(-400_000_000_000, 400_000_000_000);
        Time {
            seconds: i64::try_from(seconds).unwrap_or(0),
            nanos: u32::try_from(total.rem_euclid(second)).unwrap_or(0),
            zone: self.zone.clone(),
        }
    }

    /// Nanoseconds since another instant, at most what a duration holds.
    pub(super) fn since(&self, earlier: &Time) -> i64 {
        let nanos = (i128::from(self.seconds) - i128::from(earlier.seconds)) * i128::from(SECOND)
            + i128::from(self.nanos)
            - i128::from(earlier.nanos);
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// Rounds towards the zero time in steps of a span, or to the nearest step, halves up.
    pub(super) fn stepped(&self, step: i64, nearest: bool) -> Time {
        if step <= 0 {
            return self.clone();
        }
        let step = i128::from(step);
        let since_zero =
            i128::from(self.seconds - ZERO_SECONDS) * i128::from(SECOND) + i128::from(self.nanos);
        let over = since_zero.rem_euclid(step);
        let up = nearest && over * 2 >= step;
        self.add_wide(if up { step - over } else { -over })
    }

    /// `AddDate`
    pub(super) fn add_date(&self, years: i64, months: i64, days: i64) -> Time {
        let reading = self.reading();
        let limit = |count: i64| count.clamp(-4_000_000, 4_000_000);
        let month0 = reading.month - 1 + limit(months);
        let year = reading.year + limit(years).clamp(-10_000, 10_000) + month0.div_euclid(12);
        let day = days_from_civil(year, month0.rem_euclid(12) + 1, 1) + reading.day - 1 + limit(days);
        let clock = reading.hour * 3600 + reading.minute * 60 + reading.second;
        from_local(day * 86_400 + clock, self.nanos, self.zone.clone())
    }

    fn reading(&self) -> Reading {
        let offset = self.zone.at(self.seconds);
        let local = self.seconds + offset.seconds;
        let days = local.div_euclid(86_400);
        let clock = local.rem_euclid(86_400);
        let (year, month, day) = civil_from_days(days);
        Reading {
            year,
            month,
            day,
            year_day: days - days_from_civil(year, 1, 1) + 1,
            weekday: (days + 4).rem_euclid(7),
            hour: clock / 3600,
            minute: clock / 60 % 60,
            second: clock % 60,
            offset,
        }
    }

    /// One number of the calendar or the clock, by the name of Go's method.
    pub(super) fn part(&self, name: &str) -> i64 {
        let reading = self.reading();
        match name {
            "Year" => reading.year,
            "Month" => reading.month,
            "Day" => reading.day,
            "YearDay" => reading.year_day,
            "Weekday" => reading.weekday,
            "Hour" => reading.hour,
            "Minute" => reading.minute,
            _ => reading.second,
        }
    }

    pub(super) fn is_summer(&self) -> bool {
        self.zone.at(self.seconds).summer
    }

    /// `Format`
    pub(super) fn format(&self, layout: &str) -> String {
        let reading = self.reading();
        let mut out = String::with_capacity(layout.len() + 8);
        let mut rest = layout;
        while !rest.is_empty() {
            let (before, chunk, after) = next_chunk(rest);
            out.push_str(before);
            let Some(chunk) = chunk else { break };
            self.write_chunk(&mut out, &chunk, &reading);
            rest = after;
        }
        out
    }

    fn write_chunk(&self, out: &mut String, chunk: &Chunk, reading: &Reading) {
        let hour12 = if reading.hour % 12 == 0 { 12 } else { reading.hour % 12 };
        let (number, width) = match chunk {
            Chunk::Year2 => (reading.year.abs() % 100, 2),
            Chunk::Year => (reading.year, 4),
            Chunk::Month => (reading.month, 1),
            Chunk::Month2 => (reading.month, 2),
            Chunk::Day => (reading.day, 1),
            Chunk::Day2 => (reading.day, 2),
            Chunk::YearDay3 => (reading.year_day, 3),
            Chunk::Hour2 => (reading.hour, 2),
            Chunk::Hour12 => (hour12, 1),
            Chunk::Hour12Two => (hour12, 2),
            Chunk::Minute => (reading.minute, 1),
            Chunk::Minute2 => (reading.minute, 2),
            Chunk::Second => (reading.second, 1),
            Chunk::Second2 => (reading.second, 2),
            _ => return self.write_other(out, chunk, reading),
        };
        push_padded(out, number, width);
    }

    fn write_other(&self, out: &mut String, chunk: &Chunk, reading: &Reading) {
        match chunk {
            Chunk::MonthName => out.push_str(month_name(reading.month)),
            Chunk::MonthShort => out.push_str(&month_name(reading.month)[..3]),
            Chunk::WeekdayName => out.push_str(weekday_name(reading.weekday)),
            Chunk::WeekdayShort => out.push_str(&weekday_name(reading.weekday)[..3]),
            Chunk::DayBlank => out.push_str(&format!("{:2}", reading.day)),
            Chunk::YearDayBlank => out.push_str(&format!("{:3}", reading.year_day)),
            Chunk::HalfUpper => out.push_str(if reading.hour >= 12 { "PM" } else { "AM" }),
            Chunk::HalfLower => out.push_str(if reading.hour >= 12 { "pm" } else { "am" }),
            Chunk::Offset(style) => write_offset(out, reading.offset.seconds, *style),
            Chunk::ZoneName if reading.offset.name.is_empty() => {
                let style = OffsetStyle { z: false, colon: false, minutes: true, seconds: false };
                write_offset(out, reading.offset.seconds, style);
            }
            Chunk::ZoneName => out.push_str(&reading.offset.name),
            Chunk::Fraction { digits, trims, separator } => {
                write_fraction(out, self.nanos, *digits, *trims, *separator);
            }
            _ => {}
        }
    }
}

/// Go's `String`.
impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Time {
        Time::from_millis(timestamp.0)
    }
}

fn from_local(local: i64, nanos: u32, zone: Zone) -> Time {
    let first = zone.at(local).seconds;
    let second = zone.at(local - first).seconds;
    Time { seconds: local - second, nanos, zone }
}

pub(super) fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&"January")
}

pub(super) fn weekday_name(weekday: i64) -> &'static str {
    usize::try_from(weekday).ok().and_then(|index| WEEKDAYS.get(index)).unwrap_or(&"Sunday")
}

/// Days since 1970 of a date of the Gregorian calendar (Howard Hinnant, `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn push_padded(out: &mut String, number: i64, width: usize) {
    if number < 0 {
        out.push('-');
    }
    out.push_str(&format!("{:0width$}", number.unsigned_abs()));
}

/// How an offset is written.
#[derive(Clone, Copy)]
struct OffsetStyle {
    /// `Z` for UTC.
    z: bool,
    colon: bool,
    minutes: bool,
    seconds: bool,
}

fn write_offset(out: &mut String, seconds: i64, style: OffsetStyle) {
    if style.z && seconds == 0 {
        out.push('Z');
        return;
    }
    let minutes = seconds / 60;
    out.push(if minutes < 0 { '-' } else { '+' });
    let (minutes, seconds) = (minutes.abs(), seconds.abs());
    let colon = if style.colon { ":" } else { "" };
    push_padded(out, minutes / 60, 2);
    if style.minutes {
        out.push_str(colon);
        push_padded(out, minutes % 60, 2);
    }
    if style.seconds {
        out.push_str(colon);
        push_padded(out, seconds % 60, 2);
    }
}

fn write_fraction(out: &mut String, nanos: u32, digits: usize, trims: bool, separator: char) {
    let text = format!("{nanos:09}");
    let kept = if digits <= 9 { &text[..digits] } else { &text };
    let kept = if trims { kept.trim_end_matches('0') } else { kept };
    if trims && kept.is_empty() {
        return;
    }
    out.push(separator);
    out.push_str(kept);
}

/// A part of a layout that stands for something.
#[derive(Clone, Copy)]
enum Chunk {
    Year,
    Year2,
    MonthName,
    MonthShort,
    Month,
    Month2,
    WeekdayName,
    WeekdayShort,
    Day,
    DayBlank,
    Day2,
    YearDayBlank,
    YearDay3,
    Hour2,
    Hour12,
    Hour12Two,
    Minute,
    Minute2,
    Second,
    Second2,
    HalfUpper,
    HalfLower,
    ZoneName,
    Offset(OffsetStyle),
    Fraction { digits: usize, trims: bool, separator: char },
}

/// What stands before the first chunk, the chunk, and what follows.
fn next_chunk(layout: &str) -> (&str, Option<Chunk>, &str) {
    for (at, _) in layout.char_indices() {
        if let Some((chunk, skipped, length)) = chunk_at(layout, at) {
            return (&layout[..at + skipped], Some(chunk), &layout[at + skipped + length..]);
        }
    }
    (layout, None, "")
}

/// The chunk that begins at a place, how many bytes there are not part of it, and its length.
fn chunk_at(layout: &str, at: usize) -> Option<(Chunk, usize, usize)> {
    let rest = &layout[at..];
    let lower_follows = |length: usize| rest[length..].starts_with(|c: char| c.is_ascii_lowercase());
    let fixed: &[(&str, Chunk)] = match rest.as_bytes()[0] {
        b'J' if rest.starts_with("January") => &[("January", Chunk::MonthName)],
        b'J' if rest.starts_with("Jan") && !lower_follows(3) => &[("Jan", Chunk::MonthShort)],
        b'M' if rest.starts_with("Monday") => &[("Monday", Chunk::WeekdayName)],
        b'M' if rest.starts_with("Mon") && !lower_follows(3) => &[("Mon", Chunk::WeekdayShort)],
        b'M' => &[("MST", Chunk::ZoneName)],
        b'0' => &[
            ("01", Chunk::Month2),
            ("02", Chunk::Day2),
            ("03", Chunk::Hour12Two),
            ("04", Chunk::Minute2),
            ("05", Chunk::Second2),
            ("06", Chunk::Year2),
            ("002", Chunk::YearDay3),
        ],
        b'1' => &[("15", Chunk::Hour2), ("1", Chunk::Month)],
        b'2' => &[("2006", Chunk::Year), ("2", Chunk::Day)],
        b'3' => &[("3", Chunk::Hour12)],
        b'4' => &[("4", Chunk::Minute)],
        b'5' => &[("5", Chunk::Second)],
        b'P' => &[("PM", Chunk::HalfUpper)],
        b'p' => &[("pm", Chunk::HalfLower)],
        b'_' if rest.starts_with("_2006") => return Some((Chunk::Year, 1, 4)),
        b'_' => &[("_2", Chunk::DayBlank), ("__2", Chunk::YearDayBlank)],
        b'-' | b'Z' => return offset_chunk(rest),
        b'.' | b',' => return fraction_chunk(rest),
        _ => &[],
    };
    let (text, chunk) = fixed.iter().find(|(text, _)| rest.starts_with(text))?;
    Some((*chunk, 0, text.len()))
}

fn offset_chunk(rest: &str) -> Option<(Chunk, usize, usize)> {
    let z = rest.starts_with('Z');
    let written = &rest[1..];
    let styles = [
        ("070000", false, true, true),
        ("07:00:00", true, true, true),
        ("0700", false, true, false),
        ("07:00", true, true, false),
        ("07", false, false, false),
    ];
    let (text, colon, minutes, seconds) = styles.into_iter().find(|(text, ..)| written.starts_with(text))?;
    Some((Chunk::Offset(OffsetStyle { z, colon, minutes, seconds }), 0, 1 + text.len()))
}

fn fraction_chunk(rest: &str) -> Option<(Chunk, usize, usize)> {
    let mut characters = rest.chars();
    let separator = characters.next()?;
    let digit = characters.next().filter(|digit| matches!(digit, '0' | '9'))?;
    let digits = rest[1..].bytes().take_while(|byte| char::from(*byte) == digit).count();
    if rest[1 + digits..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((Chunk::Fraction { digits, trims: digit == '9', separator }, 0, 1 + digits))
}

/// `time.Duration.String`
pub(super) fn duration_text(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let second = SECOND.unsigned_abs();
    let mut out = String::new();
    if nanos < 0 {
        out.push('-');
    }
    if magnitude < second {
        let (unit, digits) = match magnitude {
            0 => return "0s".to_owned(),
            1..1000 => ("ns", 0),
            1000..1_000_000 => ("µs", 3),
            _ => ("ms", 6),
        };
        push_decimal(&mut out, magnitude, digits);
        out.push_str(unit);
        return out;
    }
    let seconds = magnitude / second;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    if hours > 0 {
        out.push_str(&format!("{hours}h"));
    }
    if seconds >= 60 {
        out.push_str(&format!("{minutes}m"));
    }
    push_decimal(&mut out, seconds % 60 * second + magnitude % second, 9);
    out.push('s');
    out
}

/// A whole number of units of 10^-digits, without trailing zeros.
fn push_decimal(out: &mut String, units: u64, digits: usize) {
    let scale = 10u64.pow(u32::try_from(digits).unwrap_or(0));
    let fraction = format!("{:0digits$}", units % scale);
    let fraction = if digits == 0 { "" } else { fraction.trim_end_matches('0') };
    let point = if fraction.is_empty() { "" } else { "." };
    out.push_str(&format!("{}{point}{fraction}", units / scale));
}

/// `time.Duration.Round`, halves away from zero, or `Truncate`.
pub(super) fn duration_stepped(nanos: i64, step: i64, nearest: bool) -> i64 {
    if step <= 0 {
        return nanos;
    }
    let over = nanos % step;
    let down = nanos - over;
    if nearest && u128::from(over.unsigned_abs()) * 2 >= u128::from(step.unsigned_abs()) {
        return if nanos < 0 { down.saturating_sub(step) } else { down.saturating_add(step) };
    }
    down
}

/// A duration as a number of units of so many nanoseconds.
pub(super) fn duration_in(nanos: i64, unit: i64) -> f64 {
    (nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64
}

/// `time.ParseInLocation`
pub(super) fn parse(layout: &str, text: &str, zone: Zone) -> Result<Time, String> {
    let mut found = Found { year: 0, month: 1, day: 1, ..Found::default() };
    let fail = |element: &str, value: &str| {
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(text),
            quote(layout),
            quote(value),
            quote(element)
        )
    };
    let (mut rest_layout, mut rest) = (layout, text);
    loop {
        let (before, chunk, after) = next_chunk(rest_layout);
        let element = &rest_layout[before.len()..rest_layout.len() - after.len()];
        rest = rest.strip_prefix(before).ok_or_else(|| fail(before, rest))?;
        let Some(chunk) = chunk else { break };
        rest_layout = after;
        rest = found.take(&chunk, rest).ok_or_else(|| fail(element, rest))?;
        // A fraction may follow seconds although the layout does not say so.
        let seconds = matches!(chunk, Chunk::Second | Chunk::Second2);
        if seconds && !rest_layout.starts_with(['.', ',']) && rest.starts_with(['.', ',']) {
            rest = found.take_fraction(rest).unwrap_or(rest);
        }
    }
    if !rest.is_empty() {
        let (text, layout) = (quote(text), quote(layout));
        return Err(format!("parsing time {text} as {layout}: extra text: {}", quote(rest)));
    }
    found.time(zone).ok_or_else(|| format!("parsing time {}: day out of range", quote(text)))
}

/// What a text said.
#[derive(Default)]
struct Found {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    nanos: u32,
    offset: Option<i64>,
    utc: bool,
}

impl Found {
    /// Reads a chunk and gives what follows it.
    fn take<'t>(&mut self, chunk: &Chunk, text: &'t str) -> Option<&'t str> {
        let within = |value: i64, low, high| (low <= value && value <= high).then_some(value);
        let (slot, (value, rest)) = match chunk {
            Chunk::Year => (&mut self.year, digits(text, 4, 4)?),
            Chunk::Year2 => {
                let (year, rest) = digits(text, 2, 2)?;
                (&mut self.year, (year + if year >= 69 { 1900 } else { 2000 }, rest))
            }
            Chunk::Month | Chunk::Month2 => {
                let (month, rest) = digits(text, if matches!(chunk, Chunk::Month) { 1 } else { 2 }, 2)?;
                (&mut self.month, (within(month, 1, 12)?, rest))
            }
            Chunk::MonthName | Chunk::MonthShort => {
                let short = matches!(chunk, Chunk::MonthShort);
                (&mut self.month, named(text, &MONTHS, short).map(|(index, rest)| (index + 1, rest))?)
            }
            Chunk::WeekdayName | Chunk::WeekdayShort => {
                return named(text, &WEEKDAYS, matches!(chunk, Chunk::WeekdayShort)).map(|(_, rest)| rest);
            }
            Chunk::Day | Chunk::DayBlank | Chunk::Day2 => {
                let text = if matches!(chunk, Chunk::DayBlank) { text.trim_start_matches(' ') } else { text };
                let (day, rest) = digits(text, if matches!(chunk, Chunk::Day2) { 2 } else { 1 }, 2)?;
                (&mut self.day, (within(day, 1, 31)?, rest))
            }
            Chunk::Hour2 => {
                let (hour, rest) = digits(text, 1, 2)?;
                (&mut self.hour, (within(hour, 0, 23)?, rest))
            }
            Chunk::Hour12 | Chunk::Hour12Two => {
                let (hour, rest) = digits(text, 1, 2)?;
                (&mut self.hour, (within(hour, 0, 12)?, rest))
            }
            Chunk::Minute | Chunk::Minute2 => {
                let (minute, rest) = digits(text, if matches!(chunk, Chunk::Minute) { 1 } else { 2 }, 2)?;
                (&mut self.minute, (within(minute, 0, 59)?, rest))
            }
            Chunk::Second | Chunk::Second2 => {
                let (second, rest) = digits(text, if matches!(chunk, Chunk::Second) { 1 } else { 2 }, 2)?;
                (&mut self.second, (within(second, 0, 59)?, rest))
            }
            _ => return self.take_other(chunk, text),
        };
        *slot = value;
        Some(rest)
    }

    fn take_other<'t>(&mut self, chunk: &Chunk, text: &'t str) -> Option<&'t str> {
        match chunk {
            Chunk::HalfUpper | Chunk::HalfLower => {
                let upper = matches!(chunk, Chunk::HalfUpper);
                let (morning, afternoon) = if upper { ("AM", "PM") } else { ("am", "pm") };
                self.afternoon = Some(text.starts_with(afternoon));
                text.strip_prefix(afternoon).or_else(|| text.strip_prefix(morning))
            }
            Chunk::Offset(style) => self.take_offset(*style, text),
            Chunk::ZoneName => {
                let length = text.bytes().take_while(u8::is_ascii_uppercase).count();
                self.utc = &text[..length] == "UTC";
                (3..=5).contains(&length).then(|| &text[length..])
            }
            Chunk::Fraction { trims: true, .. } if !text.starts_with(['.', ',']) => Some(text),
            Chunk::Fraction { .. } => self.take_fraction(text),
            Chunk::YearDay3 | Chunk::YearDayBlank => {
                let (day, rest) = digits(text.trim_start_matches(' '), 1, 3)?;
                self.day = day;
                Some(rest)
            }
            _ => None,
        }
    }

    fn take_offset<'t>(&mut self, style: OffsetStyle, text: &'t str) -> Option<&'t str> {
        if style.z && text.starts_with('Z') {
            self.utc = true;
            return text.strip_prefix('Z');
        }
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let (hours, mut rest) = digits(text.strip_prefix(['+', '-'])?, 2, 2)?;
        let mut offset = hours * 3600;
        for (wanted, unit) in [(style.minutes, 60), (style.seconds, 1)] {
            if wanted {
                rest = if style.colon { rest.strip_prefix(':')? } else { rest };
                let (number, after) = digits(rest, 2, 2)?;
                offset += number * unit;
                rest = after;
            }
        }
        self.offset = Some(sign * offset);
        Some(rest)
    }

    fn take_fraction<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let written = text.strip_prefix(['.', ','])?;
        let length = written.bytes().take_while(u8::is_ascii_digit).count();
        let padded = format!("{:0<9}", &written[..length.min(9)]);
        self.nanos = padded.parse().ok().filter(|_| length > 0)?;
        Some(&written[length..])
    }

    fn time(&self, zone: Zone) -> Option<Time> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let days = days_from_civil(self.year, self.month, self.day);
        if civil_from_days(days) != (self.year, self.month, self.day) {
            return None;
        }
        let local = days * 86_400 + hour * 3600 + self.minute * 60 + self.second;
        let zone = match (self.utc, self.offset) {
            (true, _) => Zone::Utc,
            (_, Some(0)) => Zone::Utc,
            (_, Some(offset)) => Zone::Fixed(i32::try_from(offset).ok()?),
            _ => zone,
        };
        Some(from_local(local, self.nanos, zone))
    }
}

fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if length < least {
        return None;
    }
    Some((text[..length].parse().ok()?, &text[length..]))
}

fn named<'t>(text: &'t str, names: &[&str], short: bool) -> Option<(i64, &'t str)> {
    for (index, name) in names.iter().enumerate() {
        let name = if short { &name[..3] } else { name };
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Some((i64::try_from(index).ok()?, &text[name.len()..]));
        }
    }
    None
}
