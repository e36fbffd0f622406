//! Syslog messages: RFC 5424, RFC 3164 as it is spoken, and JSON inside of both (`@cee:`).
//!
//! Contract: one message, one record; what is in neither form is text. Fields are called `facility`, `severity`,
//! `hostname`, `appname`, `procid`, `msgid`, `sd.ID.NAME`, and `message`. Where messages of a stream end is
//! [`Framer::syslog`](crate::log_lines::Framer)'s business.

use lingshao_model::log::{LogBatch, LogTime, LogValue};

use crate::log_json::dialect::month;
use crate::log_json::{Reader, RecordContext};

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// A message, taken apart.
#[derive(Debug, Default)]
struct Message<'m> {
    priority: Option<u8>,
    time: Option<LogTime>,
    /// Pairs of field and value, as far as they are there.
    header: [(&'static str, &'m str); 4],
    /// Structured data, brackets and all.
    data: &'m str,
    text: &'m str,
}

/// Adds a message. Old ones name neither year nor zone: the year is the one that brings them closest to `now`, the zone
/// is the reader's.
pub fn read(
    message: &[u8],
    now: LogTime,
    reader: &mut Reader,
    context: &RecordContext<'_>,
    batch: &mut LogBatch,
) {
    let message = String::from_utf8_lossy(message);
    let message = parse(message.trim_end_matches(['\n', '\r', '\0']), now, reader.zone_seconds());
    let text = message.text.strip_prefix("@cee:").unwrap_or(message.text).trim_start();
    if text.starts_with('{') && object(text, &message, reader, context, batch) {
        return;
    }
    let mut draft = reader.draft(context, batch);
    draft.add("message", LogValue::Text(message.text));
    draft.recognise();
    message.fill(&mut draft);
    draft.complete(None, context);
}

/// The message is a record itself; answers whether it was one.
fn object(
    text: &str,
    message: &Message<'_>,
    reader: &mut Reader,
    context: &RecordContext<'_>,
    batch: &mut LogBatch,
) -> bool {
    let Ok((mut scanner, mut draft)) = reader.object(text, context, batch) else { return false };
    if scanner.end().is_err() {
        return false;
    }
    message.fill(&mut draft);
    draft.complete(Some(text), context);
    true
}

impl Message<'_> {
    fn fill(&self, draft: &mut crate::log_json::Draft<'_>) {
        if let Some(priority) = self.priority {
            let (facility, severity) = (priority >> 3, priority & 7);
            if let Some(name) = FACILITIES.get(usize::from(facility)) {
                draft.add("facility", LogValue::Text(name));
            }
            draft.add("severity", LogValue::Text(SEVERITIES[usize::from(severity)]));
        }
        for (name, value) in self.header {
            if !matches!(value, "" | "-") {
                draft.add(name, LogValue::Text(value));
            }
        }
        structured_data(self.data, &mut |name, value| draft.add(name, LogValue::Text(value)));
        if let Some(time) = self.time {
            draft.time_if_none(time);
        }
    }
}

fn parse(message: &str, now: LogTime, zone_seconds: i32) -> Message<'_> {
    let text = Message { text: message, ..Message::default() };
    let Some((priority, rest)) = priority(message) else { return text };
    let text = Message { priority: Some(priority), text: rest, ..Message::default() };
    match rest.strip_prefix("1 ").and_then(version_1) {
        Some(message) => Message { priority: Some(priority), ..message },
        None => Message { priority: Some(priority), ..legacy(rest, now, zone_seconds).unwrap_or(text) },
    }
}

/// `<165>`
fn priority(message: &str) -> Option<(u8, &str)> {
    let (number, rest) = message.strip_prefix('<')?.split_once('>')?;
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let priority = number.parse().ok().filter(|priority| is_number && *priority < 192)?;
    Some((priority, rest))
}

/// RFC 5424 §6, behind its version.
fn version_1(rest: &str) -> Option<Message<'_>> {
    let mut words = rest.splitn(6, ' ');
    let time = words.next()?;
    let time = if time == "-" { None } else { Some(LogTime::parse(time, 0)?) };
    let header =
        ["hostname", "appname", "procid", "msgid"].map(|name| (name, words.next().unwrap_or_default()));
    let rest = words.next()?;
    let end = match rest.strip_prefix('-') {
        Some(_) => 1,
        None => structured_data(rest, &mut |_, _| {})?,
    };
    let (data, text) = rest.split_at(end);
    let text = text.strip_prefix(' ').unwrap_or(text);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // rsyslog's own template for this form puts the blank that was behind the tag before the message.
    let text = text.strip_prefix(' ').unwrap_or(text);
    Some(Message { priority: None, time, header, data, text })
}

/// Visits `[ID NAME="VALUE" …]…`; where it ends, or `None` where it makes no sense.
fn structured_data(data: &str, visit: &mut dyn FnMut(&str, &str)) -> Option<usize> {
    let mut rest = data;
    let (mut name, mut value) = (String::new(), String::new());
    while let Some(behind) = rest.strip_prefix('[') {
        let end = behind.find([' ', ']'])?;
        let id = &behind[..end];
        rest = &behind[end..];
        while let Some(behind) = rest.strip_prefix(' ') {
            let (parameter, behind) = behind.trim_start().split_once("=\"")?;
            let length = parameter_value(behind, &mut value)?;
            name.clear();
            name.extend(["sd.", id, ".", parameter]);
            visit(&name, &value);
            rest = &behind[length..];
        }
        rest = rest.strip_prefix(']')?;
    }
    (rest.len() < data.len()).then_some(data.len() - rest.len())
}

/// Up to and with the closing quote: `\"`, `\\` and `\]` are escapes, every other backslash is one.
fn parameter_value(text: &str, value: &mut String) -> Option<usize> {
    value.clear();
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' | '\\' | ']' if escaped => {
                value.pop();
                value.push(letter);
                escaped = false;
                continue;
            }
            '"' => return Some(at + 1),
            _ => {}
        }
        escaped = letter == '\\';
        value.push(letter);
    }
    None
}

/// `Jun 15 08:30:00 host tag[pid]: text`; also with an instant that is written out, as rsyslog forwards, and without a
/// host, as nginx and Docker may.
fn legacy(rest: &str, now: LogTime, zone_seconds: i32) -> Option<Message<'_>> {
    let (time, rest) = legacy_time(rest, now, zone_seconds)?;
    let rest = rest.trim_start();
    let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_tag = first.ends_with(':') || first.contains('[');
    let (host, rest) = if is_tag { ("", rest) } else { (first, behind.trim_start()) };
    let (tag, pid, text) = tag(rest).unwrap_or(("", "", rest));
    Some(Message {
        priority: None,
        time: Some(time),
        header: [("hostname", host), ("appname", tag), ("procid", pid), ("msgid", "")],
        data: "",
        text,
    })
}

/// `tag[pid]: ` or `tag: `, up to 48 characters as rsyslog takes it.
fn tag(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.find(['[', ':', ' ']).filter(|end| (1..=48).contains(end))?;
    let (tag, rest) = text.split_at(end);
    let (pid, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    Some((tag, pid, rest.strip_prefix(':')?.trim_start()))
}

fn legacy_time(text: &str, now: LogTime, zone_seconds: i32) -> Option<(LogTime, &str)> {
    let word = text.split(' ').next().unwrap_or(text);
    if let Some(time) = LogTime::parse(word, zone_seconds) {
        return Some((time, &text[word.len()..]));
    }
    let (stamp, rest) = text.split_at_checked(15)?;
    if !stamp.is_ascii() {
        return None;
    }
    let month = month(&stamp[..3])?;
    let day: u32 = stamp[4..6].trim_start().parse().ok()?;
    let year: i32 = now.to_string().split('-').next()?.parse().ok()?;
    // The closest to now: at New Year clocks disagree about the year.
    let candidates = (year - 1..=year + 1).filter_map(|year| {
        LogTime::parse(&format!("{year:04}-{month:02}-{day:02}T{}", &stamp[7..]), zone_seconds)
    });
    let time = candidates.min_by_key(|time| time.0.abs_diff(now.0))?;
    Some((time, rest))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log_json::tests::show;

    #[track_caller]
    fn check_at(now: &str, message: &str, expected: &str) {
        let mut batch = LogBatch::default();
        let now = LogTime::parse(now, 0).unwrap();
        let mut reader = Reader::new(Arc::default());
        read(message.as_bytes(), now, &mut reader, &RecordContext::new("logs"), &mut batch);
        assert_eq!(batch.records().map(show).collect::<Vec<_>>(), [expected], "{message}");
    }

    #[track_caller]
    fn check(message: &str, expected: &str) {
        check_at("2025-06-15T00:30:00Z", message, expected);
    }

    #[test]
    fn messages_of_rfc_5424_are_taken_apart() {
        check(
            r#"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App \"x\" \]\\ \n"][p@1 class="high"] 支付失败"#,
            r#"message="支付失败" facility="local4" severity="notice" hostname="mymachine.example.com" appname="evntslog" msgid="ID47" sd.exampleSDID@32473.iut="3" sd.exampleSDID@32473.eventSource="App \"x\" ]\\ \\n" sd.p@1.class="high" @2003-10-11T22:14:15.003Z !INFO"#,
        );
        check(
            "<11>1 2025-06-15T08:30:00.123456+08:00 h shop 123 - - \u{feff}x",
            r#"message="x" facility="user" severity="err" hostname="h" appname="shop" procid="123" @2025-06-15T00:30:00.123456Z !ERROR"#,
        );
        check(
            "<11>1 2025-06-15T00:30:00Z h shop - - -   two blanks, one of them rsyslog's",
            r#"message=" two blanks, one of them rsyslog's" facility="user" severity="err" hostname="h" appname="shop" @2025-06-15T00:30:00.000Z !ERROR"#,
        );
        check("<0>1 - - - - - -", r#"message="" facility="kern" severity="emerg" !CRITICAL"#);
    }

    #[test]
    fn older_messages_are_taken_as_they_come() {
        check(
            "<34>Jun 15 08:30:00 web1 nginx[31]: x y",
            r#"message="x y" facility="auth" severity="crit" hostname="web1" appname="nginx" procid="31" @2025-06-15T00:30:00.000Z !CRITICAL"#,
        );
        check(
            "<190>Jun  5 08:30:00 nginx: x",
            r#"message="x" facility="local7" severity="info" appname="nginx" @2025-06-05T00:30:00.000Z !INFO"#,
        );
        check(
            "<28>2025-06-15T08:30:00.5+08:00 web1 sshd[7]: x",
            r#"message="x" facility="daemon" severity="warning" hostname="web1" appname="sshd" procid="7" @2025-06-15T00:30:00.500Z !WARNING"#,
        );
        check(
            r#"<190>Jun 15 08:30:00 web1 nginx: 1.2.3.4 - - [15/Jun/2025:08:30:01 +0800] "GET /a HTTP/1.1" 502 612 "-" "-""#,
            r#"message="1.2.3.4 - - [15/Jun/2025:08:30:01 +0800] \"GET /a HTTP/1.1\" 502 612 \"-\" \"-\"" client_ip="1.2.3.4" method="GET" path="/a" status_code=502 body_bytes=612 facility="local7" severity="info" hostname="web1" appname="nginx" @2025-06-15T00:30:01.000Z !INFO"#,
        );
        check(
            "<30>Jun 15 08:30:00 h shop: [WARN] x",
            r#"message="[WARN] x" facility="daemon" severity="info" hostname="h" appname="shop" @2025-06-15T00:30:00.000Z !WARNING"#,
        );
        check("<30>hello", r#"message="hello" facility="daemon" severity="info" !INFO"#);
        check_at(
            "2025-01-01T00:00:00Z",
            "<30>Dec 31 23:59:59 h a: x",
            r#"message="x" facility="daemon" severity="info" hostname="h" appname="a" @2024-12-31T15:59:59.000Z !INFO"#,
        );
        check_at(
            "2024-12-31T20:00:00Z",
            "<30>Jan  1 04:00:01 h a: x",
            r#"message="x" facility="daemon" severity="info" hostname="h" appname="a" @2024-12-31T20:00:01.000Z !INFO"#,
        );
    }

    #[test]
    fn objects_in_messages_are_the_record() {
        check(
            r#"<30>Jun 15 08:30:00 h shop: @cee: {"msg":"x","level":"error","a":{"b":1}}"#,
            r#"msg="x" level="error" a.b=1 facility="daemon" severity="info" hostname="h" appname="shop" message="x" @2025-06-15T00:30:00.000Z !ERROR"#,
        );
        check(
            r#"<30>Jun 15 08:30:00 h shop: {"msg":"#,
            r#"message="{\"msg\":" facility="daemon" severity="info" hostname="h" appname="shop" @2025-06-15T00:30:00.000Z !INFO"#,
        );
    }

    #[test]
    fn what_is_no_syslog_is_text() {
        check("hello", r#"message="hello""#);
        check("<192>1 - - - - - - x", r#"message="<192>1 - - - - - - x""#);
        check("<+1>x", r#"message="<+1>x""#);
        check("", r#"message="""#);
        check(
            "<13>1 - h a - - [x y] z",
            r#"message="1 - h a - - [x y] z" facility="user" severity="notice" !INFO"#,
        );
    }
}
