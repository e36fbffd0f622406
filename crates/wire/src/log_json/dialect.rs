//! What producers call the time, the level and the message.
//!
//! The shop's plan, structlog, python-json-logger, tracing-subscriber, logstash-logback-encoder, slog, pino and bunyan,
//! zap, log4j2 (JsonTemplateLayout, ECS), Serilog, Monolog, nginx (`escape=json`), journald, Docker, GELF,
//! OpenTelemetry. Nothing else is guessed: a field that is not in these tables is a field.

use lingshao_model::log::{Level, LogTime, LogValue, Number};

/// What a field is to a record, besides a field. Smaller ranks win.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing more.
    Plain,
    /// It may tell when it happened.
    Time(u8),
    /// It is added to the time, in nanoseconds.
    Nanos,
    /// It may tell how bad it is.
    Level(u8, Scale),
    /// It may be what people read.
    Message(u8),
}

/// What numbers mean as levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// 0–7: syslog; 10–60: pino, bunyan; 100–600: Monolog.
    BySize,
    /// 10–50: Python's logging.
    Python,
    /// 1–24: OpenTelemetry.
    Otlp,
}

/// No rank is worse.
pub(super) const RANK_MAX: u8 = u8::MAX;

/// By the whole name, nested ones with dots.
pub(super) fn role(name: &str) -> Role {
    match name {
        "@timestamp" => Role::Time(0),
        "timestamp" => Role::Time(1),
        "time" => Role::Time(2),
        "ts" => Role::Time(3),
        "asctime" => Role::Time(4),
        "instant.epochSecond" | "timeMillis" | "@t" | "datetime" | "datetime.date" => Role::Time(5),
        "time_iso8601" | "timestamp_ns" | "__REALTIME_TIMESTAMP" => Role::Time(6),
        "msec" | "created" => Role::Time(7),
        "time_local" => Role::Time(8),
        "instant.nanoOfSecond" => Role::Nanos,
        "level" => Role::Level(0, Scale::BySize),
        "log.level" => Role::Level(1, Scale::BySize),
        "levelname" => Role::Level(2, Scale::BySize),
        "severity" => Role::Level(3, Scale::BySize),
        "severity_text" | "severityText" => Role::Level(4, Scale::BySize),
        "loglevel" | "log_level" | "lvl" | "level_name" | "@l" | "detected_level" => {
            Role::Level(5, Scale::BySize)
        }
        "PRIORITY" => Role::Level(6, Scale::BySize),
        "levelno" => Role::Level(7, Scale::Python),
        "severity_number" | "severityNumber" => Role::Level(8, Scale::Otlp),
        "message" => Role::Message(0),
        "msg" => Role::Message(1),
        "event" => Role::Message(2),
        "body" => Role::Message(3),
        "short_message" => Role::Message(4),
        "fields.message" => Role::Message(5),
        "@m" | "@mt" | "MESSAGE" => Role::Message(6),
        "log" => Role::Message(7),
        _ => Role::Plain,
    }
}

/// The level that a value names.
pub(super) fn level(value: LogValue<&str>, scale: Scale) -> Option<Level> {
    match value {
        LogValue::Int(number) => level_number(number, scale),
        LogValue::Text(text) => level_text(text, scale),
        _ => None,
    }
}

fn level_text(text: &str, scale: Scale) -> Option<Level> {
    let text = text.trim();
    if text.as_bytes().first()?.is_ascii_digit() {
        return level_number(text.parse().ok()?, scale);
    }
    // slog writes what lies between its levels as `ERROR+2`.
    let name = text.split(['+', '-']).next().unwrap_or(text);
    Level::read(name)
}

fn level_number(number: i64, scale: Scale) -> Option<Level> {
    match (scale, number) {
        (Scale::Otlp, _) => Level::from_otlp(i32::try_from(number).ok()?),
        (Scale::BySize, 0..=7) => Some(Level::from_syslog(number as u8)),
        (Scale::BySize, 10..=60) => Some(by_steps(number, [30, 40, 50, 60])),
        (Scale::Python, 1..=100) => Some(by_steps(number, [20, 30, 40, 50])),
        (Scale::BySize, 100..=600) => Some(by_steps(number, [200, 300, 400, 500])),
        _ => None,
    }
}

/// Where INFO, WARNING, ERROR and CRITICAL begin.
fn by_steps(number: i64, steps: [i64; 4]) -> Level {
    Level::ALL[steps.iter().filter(|step| number >= **step).count()]
}

/// The instant that a value names; a text without a zone lies `zone_seconds` east of UTC.
pub(crate) fn instant(value: LogValue<&str>, zone_seconds: i32) -> Option<LogTime> {
    match value {
        LogValue::Int(number) => LogTime::from_integer(number),
        LogValue::Float(number) => float_instant(number),
        LogValue::Text(text) => LogTime::parse(text, zone_seconds).or_else(|| other_instant(text)),
        _ => None,
    }
}

fn other_instant(text: &str) -> Option<LogTime> {
    if let Some(time) = clf_instant(text) {
        return Some(time);
    }
    match Number::read(text)? {
        Number::Int(number) => LogTime::from_integer(number),
        Number::Float(number) => float_instant(number),
    }
}

/// Seconds and milliseconds with a fraction: a float holds their microseconds, and beyond them only its own rounding.
fn float_instant(number: f64) -> Option<LogTime> {
    const MICRO: i64 = 1_000;
    let LogTime(nanos) = LogTime::from_number(number)?;
    Some(LogTime(if number < 1e14 { (nanos + MICRO / 2).div_euclid(MICRO) * MICRO } else { nanos }))
}

/// `15/Jun/2025:08:30:00 +0800`, as Apache and nginx write it.
pub(crate) fn clf_instant(text: &str) -> Option<LogTime> {
    let bytes = text.as_bytes();
    if bytes.len() < 20 || bytes[2] != b'/' || bytes[6] != b'/' || bytes[11] != b':' || !text.is_ascii() {
        return None;
    }
    let month = month(&text[3..6])?;
    // The same instant in the form that is read everywhere.
    let iso = format!("{}-{month:02}-{}T{}", &text[7..11], &text[..2], &text[12..]);
    LogTime::parse(&iso, 0)
}

/// 1 to 12, by the first three letters of its English name.
pub(crate) fn month(name: &str) -> Option<usize> {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    NAMES.iter().position(|month| month.eq_ignore_ascii_case(name)).map(|index| index + 1)
}
