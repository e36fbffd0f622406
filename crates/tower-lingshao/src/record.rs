//! The record of a request: one line of JSON.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest text of a field. A record must stay far below what receivers take in one line.
const FIELD_BYTES_MAX: usize = 8 << 10;

/// What is told about one request.
#[derive(Debug)]
pub(crate) struct Record<'r> {
    pub(crate) at: SystemTime,
    pub(crate) origin: &'r Origin,
    pub(crate) method: &'r str,
    /// As it was asked for, percent signs and all.
    pub(crate) path: &'r str,
    pub(crate) route: &'r str,
    pub(crate) status: u16,
    pub(crate) status_sent: Option<u16>,
    pub(crate) took: Duration,
    pub(crate) ttfb: Option<Duration>,
    pub(crate) bytes_sent: u64,
    pub(crate) client_ip: Option<IpAddr>,
    pub(crate) user_id: Option<&'r str>,
    pub(crate) user_agent: Option<&'r [u8]>,
    pub(crate) request_id: &'r str,
    pub(crate) trace_id: Option<&'r str>,
    pub(crate) span_id: Option<&'r str>,
    pub(crate) aborted: bool,
    pub(crate) error: Option<Failure<'r>>,
}

/// What went wrong, and of what kind it was, if that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'r> {
    pub(crate) kind: Option<&'r str>,
    pub(crate) words: &'r str,
}

/// Where records come from: fields that are the same in all of them, written once.
#[derive(Debug)]
pub(crate) struct Origin(String);

impl Origin {
    pub(crate) fn here(service: &str) -> Origin {
        let mut fields = String::from(r#","logger":"tower_lingshao""#);
        text(&mut fields, "service", service);
        // Linux tells it without a call that is unsafe here; elsewhere shells do.
        let host =
            std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
        text(&mut fields, "host", host.as_deref().unwrap_or_default().trim());
        let _ = write!(fields, ",\"pid\":{}", std::process::id()); // Writing to a string cannot fail.
        Origin(fields)
    }
}

impl Record<'_> {
    fn level(&self) -> &'static str {
        match self.status {
            500.. => "ERROR",
            400.. => "WARNING",
            _ if self.aborted => "WARNING",
            _ => "INFO",
        }
    }

    /// Appends the record and a line feed.
    pub(crate) fn write(&self, line: &mut String) {
        line.push_str("{\"timestamp\":\"");
        timestamp(line, self.at);
        line.push('"');
        plain(line, "level", self.level());
        let path = decoded(self.path);
        line.push_str(",\"message\":\"");
        escaped(line, self.method);
        line.push(' ');
        escaped(line, &quoted(&path));
        line.push(' ');
        digits(line, u64::from(self.status), 3);
        line.push('"');
        line.push_str(&self.origin.0);
        text(line, "method", self.method);
        text(line, "path", &path);
        text(line, "route", self.route);
        line.push_str(",\"status_code\":");
        digits(line, u64::from(self.status), 3);
        if let Some(status) = self.status_sent {
            line.push_str(",\"status_sent\":");
            digits(line, u64::from(status), 3);
        }
        seconds(line, "process_time", self.took);
        if let Some(ttfb) = self.ttfb {
            seconds(line, "ttfb", ttfb);
        }
        line.push_str(",\"bytes_sent\":");
        digits(line, self.bytes_sent, 1);
        self.write_whose(line);
        line.push_str(if self.aborted { ",\"aborted\":true" } else { ",\"aborted\":false" });
        if let Some(failure) = self.error {
            line.push_str(",\"error\":{");
            if let Some(kind) = failure.kind {
                line.push_str("\"type\":\"");
                escaped(line, kind);
                line.push_str("\",");
            }
            line.push_str("\"message\":\"");
            escaped(line, failure.words);
            line.push_str("\"}");
        }
        line.push_str("}\n");
    }

    fn write_whose(&self, line: &mut String) {
        if let Some(address) = self.client_ip {
            let _ = write!(line, ",\"client_ip\":\"{address}\""); // Writing to a string cannot fail.
        }
        if let Some(user_id) = self.user_id {
            text(line, "user_id", user_id);
        }
        plain(line, "request_id", self.request_id);
        for (name, value) in [("trace_id", self.trace_id), ("span_id", self.span_id)] {
            if let Some(value) = value {
                plain(line, name, value);
            }
        }
        if let Some(agent) = self.user_agent {
            text(line, "user_agent", &String::from_utf8_lossy(agent));
        }
    }
}

/// A path as people write it: without percent signs, and without what they may hide, line feeds too.
fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
        match pair.filter(|_| *first == b'%' && after[0] != b'+') {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(*first), rest = after),
        };
    }
    let text = String::from_utf8_lossy(&bytes);
    Cow::Owned(text.chars().filter(|c| !steers(*c)).collect())
}

/// A path that cannot be read as anything else inside of a message: JSON in it would look like fields of the record.
fn quoted(path: &str) -> Cow<'_, str> {
    if !path.contains([' ', '"', '{', '}']) {
        return Cow::Borrowed(path);
    }
    Cow::Owned(path.replace(' ', "%20").replace('"', "%22").replace('{', "%7B").replace('}', "%7D"))
}

/// Control characters, which would steer a terminal, and the line separators of Unicode.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A field whose text needs no escapes.
fn plain(line: &mut String, name: &str, value: &str) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":\"");
    line.push_str(value);
    line.push('"');
}

fn text(line: &mut String, name: &str, value: &str) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":\"");
    escaped(line, value);
    line.push('"');
}

/// JSON's escapes. Line feeds and tabs stay; other control characters go.
fn escaped(line: &mut String, value: &str) {
    let value = &value[..value.floor_char_boundary(FIELD_BYTES_MAX)];
    if value.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\') {
        line.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\t' => line.push_str("\\t"),
            c if steers(c) => {}
            c => line.push(c),
        }
    }
}

/// A field in seconds, to the microsecond.
fn seconds(line: &mut String, name: &str, duration: Duration) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":");
    digits(line, duration.as_secs(), 1);
    line.push('.');
    digits(line, u64::from(duration.subsec_micros()), 6);
}

/// RFC 3339 in UTC with microseconds.
fn timestamp(line: &mut String, at: SystemTime) {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let micros = u64::from(since.subsec_micros());
    let parts = [(year, 4, '-'), (month, 2, '-'), (day, 2, 'T')];
    let of_day =
        [(second / 3_600, 2, ':'), (second / 60 % 60, 2, ':'), (second % 60, 2, '.'), (micros, 6, 'Z')];
    for (number, width, separator) in parts.into_iter().chain(of_day) {
        digits(line, number, width);
        line.push(separator);
    }
}

/// A number with leading zeros. A record has nine, and `write!` takes five times as long for each.
fn digits(line: &mut String, number: u64, width: usize) {
    let mut text = [b'0'; 20];
    let (mut rest, mut start) = (number, text.len());
    while rest > 0 || text.len() - start < width {
        start -= 1;
        text[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    line.push_str(str::from_utf8(&text[start..]).unwrap_or_default());
}

/// Year, month and day of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // Days since 0000-03-01, so that a leap day comes last.
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: u64, micros: u64, expected: &str) {
        let mut line = String::new();
        timestamp(&mut line, UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(micros));
        assert_eq!(line, expected);
    }

    #[test]
    fn paths_are_readable_and_harmless() {
        let rows = [
            ("/a/b.css", "/a/b.css", "/a/b.css"),
            ("/%E5%A4%A7%E7%BA%A2%E8%A2%8D", "/大红袍", "/大红袍"),
            ("/x%0AResponse:%20%7B%22a%22:1%7D", "/xResponse: {\"a\":1}", "/xResponse:%20%7B%22a%22:1%7D"),
            ("/%1B%5B31m%C2%85%E2%80%A8", "/[31m", "/[31m"),
            ("/100%", "/100%", "/100%"),
            ("/%zz%+1%4", "/%zz%+1%4", "/%zz%+1%4"),
            ("/%FF", "/\u{fffd}", "/\u{fffd}"),
        ];
        for (path, field, message) in rows {
            let found = decoded(path);
            assert_eq!((&*found, &*quoted(&found)), (field, message));
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        check(0, 0, "1970-01-01T00:00:00.000000Z");
        check(951_782_399, 999_999, "2000-02-28T23:59:59.999999Z");
        check(951_782_400, 0, "2000-02-29T00:00:00.000000Z");
        check(951_868_800, 7, "2000-03-01T00:00:00.000007Z");
        check(4_107_542_399, 0, "2100-02-28T23:59:59.000000Z");
        check(4_107_542_400, 0, "2100-03-01T00:00:00.000000Z");
        check(1_767_225_599, 0, "2025-12-31T23:59:59.000000Z");
    }
}
