//! How dates are written: Elasticsearch's named formats, and Java's patterns as far as logs use them.

use std::fmt::{self, Write as _};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Zoned};
use lingshao_model::log::LogTime;

use super::{fixed, log_time, zoned};

/// Longest text of formats: the longest in common mappings has some 100 bytes.
const BYTES_MAX: usize = 1024;
/// Deepest `[[…]]` of a pattern; Java's own formats nest four deep.
const DEPTH_MAX: usize = 8;

/// Formats that are tried one after the other: `strict_date_optional_time||epoch_millis`.
#[derive(Clone, Debug, PartialEq)]
pub struct DateFormats {
    text: String,
    formats: Vec<DateFormat>,
}

/// Why a text names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Something in a pattern.
    #[error("`{format}` is no date format: {part} is not known")]
    Unknown {
        /// The format.
        format: String,
        /// In its words.
        part: String,
    },
    /// A bracket or a quote.
    #[error("`{0}` is no date format: a quote or a bracket is not closed, or there are too many of them")]
    Unbalanced(String),
    /// Far more than any date needs.
    #[error("a date format has at most {BYTES_MAX} bytes")]
    TooLong,
}

#[derive(Clone, Debug, PartialEq)]
enum DateFormat {
    /// A date of any precision, with or without a time, a zone.
    Iso {
        /// How many digits of a second are written.
        digits: usize,
    },
    EpochMillis,
    EpochSecond,
    Pattern(Vec<Item>),
}

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Number {
        unit: Unit,
        min: usize,
        max: usize,
    },
    /// `Jun` or `June`.
    MonthName {
        short: bool,
    },
    Fraction {
        digits: usize,
    },
    Zone {
        letter: char,
        count: usize,
    },
    Literal(char),
    Optional(Vec<Item>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
}

const NAMED: [(&str, &str); 29] = [
    ("basic_date", "yyyyMMdd"),
    ("basic_date_time", "yyyyMMdd'T'HHmmss.SSSX"),
    ("basic_date_time_no_millis", "yyyyMMdd'T'HHmmssX"),
    ("basic_time", "HHmmss.SSSX"),
    ("basic_time_no_millis", "HHmmssX"),
    ("basic_t_time", "'T'HHmmss.SSSX"),
    ("basic_t_time_no_millis", "'T'HHmmssX"),
    ("date", "yyyy-MM-dd"),
    ("date_hour", "yyyy-MM-dd'T'HH"),
    ("date_hour_minute", "yyyy-MM-dd'T'HH:mm"),
    ("date_hour_minute_second", "yyyy-MM-dd'T'HH:mm:ss"),
    ("date_hour_minute_second_fraction", "yyyy-MM-dd'T'HH:mm:ss.SSS"),
    ("date_hour_minute_second_millis", "yyyy-MM-dd'T'HH:mm:ss.SSS"),
    ("date_time", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"),
    ("date_time_no_millis", "yyyy-MM-dd'T'HH:mm:ssXXX"),
    ("hour", "HH"),
    ("hour_minute", "HH:mm"),
    ("hour_minute_second", "HH:mm:ss"),
    ("hour_minute_second_fraction", "HH:mm:ss.SSS"),
    ("hour_minute_second_millis", "HH:mm:ss.SSS"),
    ("time", "HH:mm:ss.SSSXXX"),
    ("time_no_millis", "HH:mm:ssXXX"),
    ("t_time", "'T'HH:mm:ss.SSSXXX"),
    ("t_time_no_millis", "'T'HH:mm:ssXXX"),
    ("year", "yyyy"),
    ("year_month", "yyyy-MM"),
    ("year_month_day", "yyyy-MM-dd"),
    ("rfc822", "dd MMM yyyy HH:mm:ss Z"),
    ("common_log", "dd/MMM/yyyy:HH:mm:ss Z"),
];

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

impl DateFormats {
    /// Reads names and patterns with `||` between them.
    pub fn read(text: &str) -> Result<DateFormats, FormatError> {
        if text.len() > BYTES_MAX {
            return Err(FormatError::TooLong);
        }
        let formats = text.split("||").map(DateFormat::read).collect::<Result<_, _>>()?;
        Ok(DateFormats { text: text.to_owned(), formats })
    }

    /// What a date field takes without a format of its own: `strict_date_optional_time||epoch_millis`.
    pub fn elasticsearch() -> DateFormats {
        DateFormats {
            text: "strict_date_optional_time||epoch_millis".to_owned(),
            formats: vec![DateFormat::Iso { digits: 3 }, DateFormat::EpochMillis],
        }
    }

    /// Dates alone, no numbers: `strict_date_optional_time`.
    pub fn iso() -> DateFormats {
        DateFormats {
            text: "strict_date_optional_time".to_owned(),
            formats: vec![DateFormat::Iso { digits: 3 }],
        }
    }

    /// Writes an instant in the first of the formats.
    pub fn write(&self, time: LogTime, zone: &TimeZone) -> String {
        let mut text = String::new();
        if let Some(format) = self.formats.first() {
            format.write(time, zone, &mut text);
        }
        text
    }

    /// The first and the last nanosecond of what the first format that takes it reads.
    pub(super) fn interval(&self, text: &str, zone: &TimeZone) -> Option<(LogTime, LogTime)> {
        self.formats.iter().find_map(|format| format.interval(text, zone))
    }
}

impl fmt::Display for DateFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl DateFormat {
    fn read(text: &str) -> Result<DateFormat, FormatError> {
        let name = text.strip_prefix("strict_").unwrap_or(text);
        match name {
            "date_optional_time" | "iso8601" => return Ok(DateFormat::Iso { digits: 3 }),
            "date_optional_time_nanos" => return Ok(DateFormat::Iso { digits: 9 }),
            "epoch_millis" => return Ok(DateFormat::EpochMillis),
            "epoch_second" => return Ok(DateFormat::EpochSecond),
            _ => {}
        }
        let pattern = NAMED.iter().find(|(known, _)| *known == name).map_or(text, |(_, pattern)| pattern);
        Pattern { format: text, rest: pattern, depth: 0 }.items().map(DateFormat::Pattern)
    }

    fn interval(&self, text: &str, zone: &TimeZone) -> Option<(LogTime, LogTime)> {
        match self {
            DateFormat::Iso { .. } => Scan::over(text).iso()?.interval(zone),
            DateFormat::EpochMillis => epoch(text, 1_000_000),
            DateFormat::EpochSecond => epoch(text, 1_000_000_000),
            DateFormat::Pattern(items) => {
                let mut scan = Scan::over(text);
                scan.items(items)?;
                scan.rest.is_empty().then_some(scan.parts)?.interval(zone)
            }
        }
    }

    fn write(&self, time: LogTime, zone: &TimeZone, text: &mut String) {
        match self {
            DateFormat::EpochMillis => text.push_str(&time.as_millis().to_string()),
            DateFormat::EpochSecond => text.push_str(&time.0.div_euclid(1_000_000_000).to_string()),
            DateFormat::Iso { digits } => {
                let local = zoned(time, zone);
                text.push_str(&local.datetime().strftime("%Y-%m-%dT%H:%M:%S.").to_string());
                text.push_str(&nanos_text(&local)[..*digits]);
                write_zone(local.offset(), 'X', 3, text);
            }
            DateFormat::Pattern(items) => write_items(items, &zoned(time, zone), text),
        }
    }
}

/// A number since 1970 in units of so many nanoseconds, and the last nanosecond before the next one.
fn epoch(text: &str, unit: i64) -> Option<(LogTime, LogTime)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole.strip_prefix('-').unwrap_or(whole)) || !is_number(fraction) || text.ends_with('.') {
        return None;
    }
    let first = whole.parse::<i64>().ok()?.saturating_mul(unit);
    let step =
        unit / 10_i64.checked_pow(u32::try_from(fraction.len()).ok()?).filter(|parts| *parts <= unit)?;
    let part = fraction.parse::<i64>().unwrap_or(0) * step;
    let first = if whole.starts_with('-') { first.saturating_sub(part) } else { first.saturating_add(part) };
    Some((LogTime(first), LogTime(first.saturating_add(step - 1))))
}

/// Reads a pattern.
struct Pattern<'a> {
    format: &'a str,
    rest: &'a str,
    depth: usize,
}

impl Pattern<'_> {
    fn unbalanced(&self) -> FormatError {
        FormatError::Unbalanced(self.format.to_owned())
    }

    fn items(&mut self) -> Result<Vec<Item>, FormatError> {
        let mut items = Vec::new();
        while let Some(letter) = self.rest.chars().next() {
            match letter {
                ']' if self.depth > 0 => return Ok(items),
                '[' => items.push(Item::Optional(self.optional()?)),
                '\'' => self.quoted(&mut items)?,
                letter if letter.is_ascii_alphabetic() => items.push(self.letters(letter)?),
                ']' | '{' | '}' | '#' => return Err(self.unbalanced()),
                literal => {
                    self.rest = &self.rest[literal.len_utf8()..];
                    items.push(Item::Literal(literal));
                }
            }
        }
        if self.depth > 0 { Err(self.unbalanced()) } else { Ok(items) }
    }

    fn optional(&mut self) -> Result<Vec<Item>, FormatError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.unbalanced());
        }
        self.rest = &self.rest[1..];
        let items = self.items()?;
        self.rest = &self.rest[1..];
        self.depth -= 1;
        Ok(items)
    }

    /// `'T'`; two quotes are one.
    fn quoted(&mut self, items: &mut Vec<Item>) -> Result<(), FormatError> {
        let inner = &self.rest[1..];
        let end = inner.find('\'').ok_or_else(|| self.unbalanced())?;
        match end {
            0 => items.push(Item::Literal('\'')),
            _ => items.extend(inner[..end].chars().map(Item::Literal)),
        }
        self.rest = &inner[end + 1..];
        Ok(())
    }

    fn letters(&mut self, letter: char) -> Result<Item, FormatError> {
        let count = self.rest.chars().take_while(|next| *next == letter).count();
        self.rest = &self.rest[count..];
        let number = |unit, longest| Item::Number {
            unit,
            min: count.min(longest),
            max: if count > 1 { count.min(longest) } else { longest },
        };
        Ok(match letter {
            'y' | 'u' => number(Unit::Year, 4),
            'M' | 'L' if count > 2 => Item::MonthName { short: count == 3 },
            'M' | 'L' => number(Unit::Month, 2),
            'd' => number(Unit::Day, 2),
            'H' => number(Unit::Hour, 2),
            'm' => number(Unit::Minute, 2),
            's' => number(Unit::Second, 2),
            'S' => Item::Fraction { digits: count.min(9) },
            'n' => Item::Fraction { digits: 9 },
            'X' | 'x' | 'Z' => Item::Zone { letter, count },
            _ => {
                let part = format!("`{letter}`");
                return Err(FormatError::Unknown { format: self.format.to_owned(), part });
            }
        })
    }
}

/// What a date tells; what it does not is the first of its kind.
#[derive(Clone, Copy, Debug)]
struct Parts {
    date: [i16; 3],
    clock: [i8; 3],
    nanos: i32,
    /// How many digits `nanos` was written with.
    digits: u32,
    finest: Unit,
    offset: Option<Offset>,
}

impl Parts {
    fn interval(&self, zone: &TimeZone) -> Option<(LogTime, LogTime)> {
        let [year, month, day] = self.date;
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        let [hour, minute, second] = self.clock;
        let start = date.to_datetime(Time::new(hour, minute, second, self.nanos).ok()?);
        let fixed = self.offset.map(TimeZone::fixed);
        let zone = fixed.as_ref().unwrap_or(zone);
        let first = instant(start, zone)?;
        let last = match self.span() {
            None => LogTime(first.0.saturating_add(10_i64.pow(9 - self.digits) - 1)),
            // Behind the last year there is nothing.
            Some(span) => match start.checked_add(span).ok().and_then(|next| instant(next, zone)) {
                Some(LogTime(i64::MAX)) | None => LogTime::MAX,
                Some(next) => LogTime(next.0.saturating_sub(1)),
            },
        };
        Some((first, last))
    }

    fn span(&self) -> Option<Span> {
        let none = Span::new();
        Some(match self.finest {
            Unit::Year => none.years(1),
            Unit::Month => none.months(1),
            Unit::Day => none.days(1),
            Unit::Hour => none.hours(1),
            Unit::Minute => none.minutes(1),
            Unit::Second => none.seconds(1),
            Unit::Fraction => return None,
        })
    }

    fn set(&mut self, unit: Unit, value: i16) -> Option<()> {
        let small = i8::try_from(value);
        match unit {
            Unit::Year => self.date[0] = value,
            Unit::Month => self.date[1] = value,
            Unit::Day => self.date[2] = value,
            Unit::Hour => self.clock[0] = small.ok()?,
            Unit::Minute => self.clock[1] = small.ok()?,
            Unit::Second => self.clock[2] = small.ok()?,
            Unit::Fraction => return None,
        }
        self.finest = self.finest.max(unit);
        Some(())
    }
}

fn instant(time: DateTime, zone: &TimeZone) -> Option<LogTime> {
    zone.to_ambiguous_timestamp(time).compatible().ok().map(log_time)
}

/// Reads a date from front to back.
struct Scan<'a> {
    rest: &'a str,
    parts: Parts,
}

impl<'a> Scan<'a> {
    fn over(text: &'a str) -> Scan<'a> {
        let parts = Parts {
            date: [1970, 1, 1],
            clock: [0; 3],
            nanos: 0,
            digits: 0,
            finest: Unit::Year,
            offset: None,
        };
        Scan { rest: text, parts }
    }

    /// The whole text as a date of ISO 8601, of any precision; a blank may stand for the `T`, slashes for the dashes,
    /// a comma for the point.
    fn iso(mut self) -> Option<Parts> {
        self.number(Unit::Year, 4, 4)?;
        let separator = if self.rest.starts_with('/') { '/' } else { '-' };
        for unit in [Unit::Month, Unit::Day] {
            if !self.rest.is_empty() {
                self.literal(separator)?;
                self.number(unit, 2, 2)?;
            }
        }
        if self.parts.finest == Unit::Day && self.take(&['T', 't', ' ']) {
            self.iso_clock()?;
        }
        self.rest.is_empty().then_some(self.parts)
    }

    fn iso_clock(&mut self) -> Option<()> {
        for unit in [Unit::Hour, Unit::Minute, Unit::Second] {
            let goes_on = match unit {
                Unit::Hour => !self.rest.is_empty(),
                _ => self.take(&[':']),
            };
            if !goes_on {
                break;
            }
            self.number(unit, 2, 2)?;
        }
        if self.parts.finest == Unit::Second && self.take(&['.', ',']) {
            self.fraction()?;
        }
        if self.rest.is_empty() { Some(()) } else { self.zone() }
    }

    fn items(&mut self, items: &[Item]) -> Option<()> {
        for item in items {
            match item {
                Item::Number { unit, min, max } => self.number(*unit, *min, *max)?,
                Item::MonthName { short } => self.month_name(*short)?,
                Item::Fraction { .. } => self.fraction()?,
                Item::Zone { .. } => self.zone()?,
                Item::Literal(literal) => self.literal(*literal)?,
                Item::Optional(items) => {
                    let before = (self.rest, self.parts);
                    if self.items(items).is_none() {
                        (self.rest, self.parts) = before;
                    }
                }
            }
        }
        Some(())
    }

    fn take(&mut self, any: &[char]) -> bool {
        match self.rest.strip_prefix(any) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn literal(&mut self, literal: char) -> Option<()> {
        self.take(&[literal]).then_some(())
    }

    fn digits(&mut self, min: usize, max: usize) -> Option<&'a str> {
        let count = self.rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        (count >= min).then_some(digits)
    }

    fn number(&mut self, unit: Unit, min: usize, max: usize) -> Option<()> {
        let value: i16 = self.digits(min, max)?.parse().ok()?;
        // Java's `yy` means this century.
        let century = if unit == Unit::Year && max == 2 { 2000 } else { 0 };
        self.parts.set(unit, century + value)
    }

    fn month_name(&mut self, short: bool) -> Option<()> {
        let month = MONTHS.iter().position(|name| {
            let name = if short { &name[..3] } else { name };
            self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        })?;
        self.rest = &self.rest[if short { 3 } else { MONTHS[month].len() }..];
        self.parts.set(Unit::Month, i16::try_from(month + 1).ok()?)
    }

    /// Digits beyond the ninth are cut.
    fn fraction(&mut self) -> Option<()> {
        let digits = self.digits(1, 9)?;
        self.digits(0, 64)?;
        self.parts.digits = u32::try_from(digits.len()).ok()?;
        self.parts.nanos = digits.parse::<i32>().ok()? * 10_i32.pow(9 - self.parts.digits);
        self.parts.finest = Unit::Fraction;
        Some(())
    }

    fn zone(&mut self) -> Option<()> {
        let text = self.rest.strip_prefix(' ').unwrap_or(self.rest);
        let length = match text.as_bytes().first()? {
            b'Z' | b'z' => 1,
            _ => text.bytes().take_while(|byte| b"+-:".contains(byte) || byte.is_ascii_digit()).count(),
        };
        self.parts.offset = Some(match length {
            1 => Offset::UTC,
            _ => offset(&text[..length])?,
        });
        self.rest = &text[length..];
        Some(())
    }
}

/// Reads `+08:00`, `+0800`, `+08`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut scan = Scan::over(text.strip_prefix(['+', '-'])?);
    let hours: i32 = scan.digits(2, 2)?.parse().ok()?;
    let mut minutes = 0;
    if !scan.rest.is_empty() {
        scan.take(&[':']);
        minutes = scan.digits(2, 2)?.parse().ok()?;
    }
    (hours <= 18 && minutes < 60 && scan.rest.is_empty())
        .then(|| fixed(sign * (hours * 3600 + minutes * 60)))
        .flatten()
}

fn write_items(items: &[Item], time: &Zoned, text: &mut String) {
    for item in items {
        match item {
            Item::Number { unit, min, .. } => {
                let value = match unit {
                    Unit::Year => i32::from(time.year()),
                    Unit::Month => i32::from(time.month()),
                    Unit::Day => i32::from(time.day()),
                    Unit::Hour => i32::from(time.hour()),
                    Unit::Minute => i32::from(time.minute()),
                    Unit::Second => i32::from(time.second()),
                    Unit::Fraction => time.subsec_nanosecond(),
                };
                let value = if *unit == Unit::Year && *min == 2 { value % 100 } else { value };
                let _ = write!(text, "{value:0min$}");
            }
            Item::MonthName { short } => {
                let name = MONTHS[usize::from(time.month().unsigned_abs()) - 1];
                text.push_str(if *short { &name[..3] } else { name });
            }
            Item::Fraction { digits } => text.push_str(&nanos_text(time)[..*digits]),
            Item::Zone { letter, count } => write_zone(time.offset(), *letter, *count, text),
            Item::Literal(literal) => text.push(*literal),
            Item::Optional(items) => write_items(items, time, text),
        }
    }
}

fn nanos_text(time: &Zoned) -> String {
    format!("{:09}", time.subsec_nanosecond())
}

/// `X` writes `Z` for UTC; one letter writes hours, three write a colon. `Z` is `+0800`, `ZZ` is `+08:00`.
fn write_zone(offset: Offset, letter: char, count: usize, text: &mut String) {
    let seconds = offset.seconds();
    if seconds == 0 && letter == 'X' {
        text.push('Z');
        return;
    }
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    let sign = if seconds < 0 { '-' } else { '+' };
    let _ = match (letter, count) {
        ('X' | 'x', 1) if minutes == 0 => write!(text, "{sign}{hours:02}"),
        ('X' | 'x', 3..) | ('Z', 2 | 5..) => write!(text, "{sign}{hours:02}:{minutes:02}"),
        _ => write!(text, "{sign}{hours:02}{minutes:02}"),
    };
}
