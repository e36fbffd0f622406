//! Lines of text that have a form: what they say about time, level and request.
//!
//! A small table of forms, the first that fits wins; each looks at a line once. What does not fit is text.

use std::net::IpAddr;

use lingshao_model::log::{Level, LogTime, LogValue, Number};

use super::dialect;
use super::draft::Draft;

/// Words behind a line's time among which its level is looked for: `[main] - lingxian - ERROR`.
const WORDS_BEHIND_TIME: usize = 5;
/// The same for lines without a time, which are more often prose.
const WORDS_OF_HEAD: usize = 2;
/// Pairs of a line in logfmt.
const PAIRS_MAX: usize = 100;

/// Adds what the text says, as far as the record has nothing of the name.
pub(super) fn recognise(draft: &mut Draft<'_>, text: &str) {
    let text = text.trim_start();
    let _ = access(draft, text).is_some()
        || nginx_error(draft, text).is_some()
        || uvicorn(draft, text).is_some()
        || klog(draft, text).is_some()
        || logfmt(draft, text).is_some()
        || plan_request(draft, text).is_some()
        || head(draft, text).is_some();
}

/// Apache and nginx, common and combined, with what people add at the end:
/// `1.2.3.4 - - [15/Jun/2025:08:30:00 +0800] "GET / HTTP/1.1" 200 612 "-" "curl/8.5.0" 0.003`
fn access(draft: &mut Draft<'_>, text: &str) -> Option<()> {
    let (client, rest) = text.split_once(' ')?;
    client.parse::<IpAddr>().ok()?;
    let (_, rest) = rest.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let time = dialect::clf_instant(time)?;
    let (request, rest) = rest.split_once("\" ")?;
    let mut words = rest.splitn(3, ' ');
    let status: i64 = words.next()?.parse().ok()?;
    let bytes = words.next()?;
    draft.time_if_none(time);
    draft.add("client_ip", LogValue::Text(client));
    self::request(draft, request);
    draft.add("status_code", LogValue::Int(status));
    if let Ok(bytes) = bytes.parse() {
        draft.add("body_bytes", LogValue::Int(bytes));
    }
    let rest = words.next().unwrap_or_default();
    if let Some((referer, rest)) = quoted(rest) {
        add_unless_dash(draft, "referer", referer);
        if let Some((agent, rest)) = quoted(rest.trim_start()) {
            add_unless_dash(draft, "user_agent", agent);
            request_time(draft, rest);
        }
    } else {
        request_time(draft, rest);
    }
    Some(())
}

/// `"…"` and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('"')?.split_once('"')
}

fn add_unless_dash(draft: &mut Draft<'_>, name: &str, value: &str) {
    if value != "-" {
        draft.add(name, LogValue::Text(value));
    }
}

/// Seconds with a fraction, as the last word of a line.
fn request_time(draft: &mut Draft<'_>, rest: &str) {
    let word = rest.rsplit(' ').next().unwrap_or(rest).trim_matches('"');
    if let Some(Number::Float(seconds)) = Number::read(word) {
        draft.add("request_time", LogValue::Float(seconds));
    }
}

/// `GET /path?query HTTP/1.1`
fn request(draft: &mut Draft<'_>, request: &str) -> Option<()> {
    let (method, rest) = request.split_once(' ')?;
    if method.is_empty() || method.len() > 16 || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let target = rest.rsplit_once(" HTTP/").map_or(rest, |(target, _)| target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    draft.add("method", LogValue::Text(method));
    draft.add("path", LogValue::Text(path));
    if !query.is_empty() {
        draft.add("query", LogValue::Text(query));
    }
    Some(())
}

/// `2025/06/15 08:30:00 [error] 31#31: *7 connect() failed, client: 1.2.3.4, server: s, request: "GET / HTTP/1.1"`
fn nginx_error(draft: &mut Draft<'_>, text: &str) -> Option<()> {
    let (time, rest) = instant(text, draft)?;
    let (level, rest) = rest.strip_prefix(" [")?.split_once("] ")?;
    let level = Level::read(level)?;
    let (process, rest) = rest.split_once(": ")?;
    let (pid, tid) = process.split_once('#')?;
    if !is_number(pid) || !is_number(tid) {
        return None;
    }
    draft.time_if_none(time);
    draft.level_if_none(level);
    if let Some((_, client)) = rest.split_once(", client: ") {
        draft.add("client_ip", LogValue::Text(client.split([',', ' ']).next().unwrap_or(client)));
    }
    if let Some((_, line)) = rest.split_once(", request: \"") {
        request(draft, line.split('"').next().unwrap_or(line));
    }
    Some(())
}

/// `INFO:     127.0.0.1:5000 - "GET / HTTP/1.1" 200 OK`
fn uvicorn(draft: &mut Draft<'_>, text: &str) -> Option<()> {
    let (level, rest) = text.split_once(':')?;
    let level = Level::read(level)?;
    let (client, rest) = rest.trim_start().split_once(" - \"")?;
    let (line, rest) = rest.split_once("\" ")?;
    let status = rest.split(' ').next()?.parse().ok()?;
    let address = client.rsplit_once(':').map_or(client, |(address, _)| address).trim_matches(['[', ']']);
    address.parse::<IpAddr>().ok()?;
    draft.level_if_none(level);
    draft.add("client_ip", LogValue::Text(address));
    request(draft, line);
    draft.add("status_code", LogValue::Int(status));
    Some(())
}

/// `E0615 08:30:00.123456   1 file.go:12] message`: klog and glog. Its date has no year, so its time is not taken.
fn klog(draft: &mut Draft<'_>, text: &str) -> Option<()> {
    let bytes = text.as_bytes();
    let is_klog = bytes.len() > 20
        && bytes[1..5].iter().all(u8::is_ascii_digit)
        && (bytes[5], bytes[8], bytes[11], bytes[14]) == (b' ', b':', b':', b'.');
    if !is_klog || !text.contains("] ") {
        return None;
    }
    draft.level_if_none(match bytes[0] {
        b'I' => Level::Info,
        b'W' => Level::Warning,
        b'E' => Level::Error,
        b'F' => Level::Critical,
        _ => return None,
    });
    Some(())
}

/// `ts=2025-06-15T08:30:00Z level=error msg="payment failed" order_id=7`: all of the line is pairs.
fn logfmt(draft: &mut Draft<'_>, text: &str) -> Option<()> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@'));
        if !is_name || pairs.len() == PAIRS_MAX {
            return None;
        }
        let (value, behind) = logfmt_value(behind)?;
        pairs.push((name, value));
        rest = behind.trim_start();
    }
    if pairs.len() < 2 {
        return None;
    }
    for (name, value) in pairs {
        let unescaped = value.strip_prefix('"').map(|value| value.replace("\\\"", "\"").replace("\\n", "\n"));
        match (&unescaped, Number::read(value)) {
            (Some(text), _) => draft.add(name, LogValue::Text(text)),
            (None, Some(Number::Int(number))) => draft.add(name, LogValue::Int(number)),
            (None, Some(Number::Float(number))) => draft.add(name, LogValue::Float(number)),
            (None, None) => draft.add(name, LogValue::Text(value)),
        }
    }
    Some(())
}

/// A value and what follows; a quoted one keeps its first quote as a mark.
fn logfmt_value(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('"') {
        let end = text.find(' ').unwrap_or(text.len());
        return Some(text.split_at(end));
    }
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// `Request: GET /path`, the plan's other line.
fn plan_request(draft: &mut Draft<'_>, text: &str) -> Option<()> {
    request(draft, text.strip_prefix("Request: ")?)
}

/// Whatever begins with a time, a level, or both: Python's logging, Spring, tracing, zap, PostgreSQL, MySQL …
fn head(draft: &mut Draft<'_>, text: &str) -> Option<()> {
    let (mut rest, mut words) = (text, WORDS_OF_HEAD);
    if let Some((time, behind)) = instant(text.strip_prefix('[').unwrap_or(text), draft) {
        draft.time_if_none(time);
        (rest, words) = (behind, WORDS_BEHIND_TIME);
    }
    let level = rest.split([' ', '\t']).filter(|word| !word.is_empty()).take(words).find_map(level_word)?;
    draft.level_if_none(level);
    // The rest of a line of Python's is as often the plan's: `… - INFO - Request: GET /path`.
    if let Some((_, behind)) = rest.split_once("Request: ") {
        request(draft, behind);
    }
    Some(())
}

/// A word that can only be a level: in capitals or in brackets, with nothing else but punctuation; `ERROR:root:…`.
fn level_word(word: &str) -> Option<Level> {
    let bare = word.trim_matches(['[', ']', '(', ')', '<', '>', '|', ':', ',', '-']);
    let bare = bare.split([':', ']']).next().unwrap_or(bare);
    let in_brackets = word.starts_with(['[', '<']) && word.contains([']', '>']);
    let in_capitals = bare.len() >= 3 && bare.bytes().all(|byte| byte.is_ascii_uppercase());
    // A log file says `LOG` of PostgreSQL's; other short words are initials.
    if in_capitals || (in_brackets && bare.len() >= 3) { Level::read(bare) } else { None }
}

/// An instant at the beginning of a text, and what follows it.
fn instant<'t>(text: &'t str, draft: &Draft<'_>) -> Option<(LogTime, &'t str)> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_digit() {
        return None;
    }
    let mut end = 19;
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b',');
    end += bytes.get(end..)?.iter().take_while(|byte| is_part(byte)).count();
    let clock_end = end;
    match bytes.get(end) {
        Some(b'Z') => end += 1,
        Some(b'+' | b'-') => {
            let zone =
                bytes[end + 1..].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b':').count();
            end += 1 + zone;
        }
        _ => {}
    }
    let zone_seconds = draft.settings.zone_seconds;
    for end in [end, clock_end] {
        let text_end = text.get(..end)?.trim_end_matches([':', ',', '.']);
        if let Some(time) = LogTime::parse(text_end, zone_seconds) {
            return Some((time, text[end..].strip_prefix(']').unwrap_or(&text[end..])));
        }
    }
    None
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
