//! What container runtimes write around a line: Docker's json-file, and the CRI format of containerd and CRI-O.

use lingshao_model::log::LogTime;

use crate::log_json::RecordContext;
use crate::log_json::scan::Scanner;

/// Pieces of a line that are joined: as long as the longest line.
const BYTES_MAX: usize = super::LINE_BYTES_MAX;

/// A line as the container wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerLine {
    /// Without its end.
    pub text: String,
    /// `stdout`, `stderr`; empty when the file does not say.
    pub stream: String,
    /// When the runtime took its last piece.
    pub time: Option<LogTime>,
}

impl ContainerLine {
    /// What is known beside the text, for the [`Reader`](crate::log_json::Reader).
    pub fn context<'a>(&'a self, index: &'a str, fields: &'a [(&'a str, &'a str)]) -> RecordContext<'a> {
        RecordContext { time: self.time, fields, ..RecordContext::new(index) }
    }
}

/// Joins the pieces into which runtimes cut lines of more than 16 KiB, for each stream of one file.
#[derive(Debug, Default)]
pub struct ContainerLines {
    /// Streams whose line has not ended: `stdout` and `stderr`, no more.
    open: Vec<ContainerLine>,
}

struct Piece {
    line: ContainerLine,
    is_last: bool,
}

impl ContainerLines {
    /// Takes the next line of the file; gives the container's line that it ends. What is in neither format is a line
    /// as it stands.
    pub fn push(&mut self, line: &str) -> Option<ContainerLine> {
        let whole = |line: &str| Piece {
            line: ContainerLine { text: line.to_owned(), stream: String::new(), time: None },
            is_last: true,
        };
        let mut piece = docker(line).or_else(|| cri(line)).unwrap_or_else(|| whole(line));
        let open = self.open.iter().position(|open| open.stream == piece.line.stream);
        if let Some(open) = open {
            let mut begun = self.open.swap_remove(open);
            begun.text.push_str(&piece.line.text);
            piece.line.text = begun.text;
        }
        if piece.is_last || piece.line.text.len() >= BYTES_MAX || self.open.len() >= 2 {
            return Some(piece.line);
        }
        self.open.push(piece.line);
        None
    }

    /// Whether nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Gives a line that has not ended: the file is at its end.
    pub fn finish(&mut self) -> Option<ContainerLine> {
        self.open.pop()
    }
}

/// `{"log":"started\n","stream":"stdout","time":"2025-06-15T00:30:00.123456789Z"}`, and perhaps `attrs`.
fn docker(line: &str) -> Option<Piece> {
    let mut scanner = Scanner::new(line);
    let (mut text, mut stream, mut time) = (None, String::new(), None);
    if !scanner.eat(b'{') {
        return None;
    }
    let (mut name, mut value) = (String::new(), String::new());
    loop {
        scanner.blanks();
        name.clear();
        scanner.string_onto(&mut name).ok()?;
        scanner.blanks();
        scanner.expect(b':', "expected `:`").ok()?;
        scanner.blanks();
        match &*name {
            "log" | "stream" | "time" => {
                value.clear();
                scanner.string_onto(&mut value).ok()?;
            }
            "attrs" => drop(scanner.skip_text().ok()?),
            // Another program's object.
            _ => return None,
        }
        match &*name {
            "log" => text = Some(std::mem::take(&mut value)),
            "stream" => stream = std::mem::take(&mut value),
            "time" => time = Some(LogTime::parse(&value, 0)?),
            _ => {}
        }
        scanner.blanks();
        if !scanner.eat(b',') {
            break;
        }
    }
    scanner.expect(b'}', "expected `}`").ok()?;
    scanner.end().ok()?;
    time?;
    let mut text = text?;
    let is_last = text.ends_with('\n');
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Some(Piece { line: ContainerLine { text, stream, time }, is_last })
}

/// `2025-06-15T00:30:00.123456789Z stdout F started`
fn cri(line: &str) -> Option<Piece> {
    let mut words = line.splitn(4, ' ');
    let time = LogTime::parse(words.next()?, 0)?;
    let stream = words.next().filter(|stream| matches!(*stream, "stdout" | "stderr"))?;
    let tags = words.next()?;
    let is_last = match tags.split(':').next()? {
        "F" => true,
        "P" => false,
        _ => return None,
    };
    let text = words.next().unwrap_or_default().to_owned();
    Some(Piece { line: ContainerLine { text, stream: stream.to_owned(), time: Some(time) }, is_last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: &[(&str, &str, &str)]) {
        let mut file = ContainerLines::default();
        let mut found: Vec<ContainerLine> = lines.iter().filter_map(|line| file.push(line)).collect();
        found.extend(file.finish());
        let shown: Vec<_> = found
            .iter()
            .map(|line| {
                let time = line.time.map(|time| time.to_string()).unwrap_or_default();
                (line.text.as_str(), line.stream.as_str(), time)
            })
            .collect();
        let shown: Vec<_> =
            shown.iter().map(|(text, stream, time)| (*text, *stream, time.as_str())).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn lines_come_out_as_the_container_wrote_them() {
        check(
            &[r#"{"log":"支付 \"a\"\n","stream":"stdout","time":"2025-06-15T00:30:00.123456789Z"}"#],
            &[("支付 \"a\"", "stdout", "2025-06-15T00:30:00.123456789Z")],
        );
        check(
            &[r#"{"log":"a\r\n","stream":"stderr","attrs":{"tag":"x"},"time":"2025-06-15T00:30:00Z"}"#],
            &[("a", "stderr", "2025-06-15T00:30:00.000Z")],
        );
        check(
            &["2025-06-15T08:30:00.123456789+08:00 stdout F {\"a\": 1}", "2025-06-15T00:30:00Z stderr F:x "],
            &[
                ("{\"a\": 1}", "stdout", "2025-06-15T00:30:00.123456789Z"),
                ("", "stderr", "2025-06-15T00:30:00.000Z"),
            ],
        );
        check(
            &["plain", r#"{"log":"x"}"#, r#"{"log":"x","level":"y"}"#],
            &[("plain", "", ""), (r#"{"log":"x"}"#, "", ""), (r#"{"log":"x","level":"y"}"#, "", "")],
        );
    }

    #[test]
    fn pieces_of_each_stream_are_joined() {
        check(
            &[
                "2025-06-15T00:30:00Z stdout P a",
                "2025-06-15T00:30:01Z stderr P x",
                "2025-06-15T00:30:02Z stdout F b",
                "2025-06-15T00:30:03Z stderr F y",
            ],
            &[("ab", "stdout", "2025-06-15T00:30:02.000Z"), ("xy", "stderr", "2025-06-15T00:30:03.000Z")],
        );
        check(
            &[
                r#"{"log":"a","stream":"stdout","time":"2025-06-15T00:30:00Z"}"#,
                r#"{"log":"b\n","stream":"stdout","time":"2025-06-15T00:30:01Z"}"#,
                r#"{"log":"c","stream":"stdout","time":"2025-06-15T00:30:02Z"}"#,
            ],
            &[("ab", "stdout", "2025-06-15T00:30:01.000Z"), ("c", "stdout", "2025-06-15T00:30:02.000Z")],
        );
    }

    #[test]
    fn a_line_without_an_end_is_given_when_it_is_too_long() {
        let mut file = ContainerLines::default();
        let piece = format!("2025-06-15T00:30:00Z stdout P {}", "x".repeat(16 << 10));
        let given: Vec<usize> =
            (0..100).filter_map(|_| file.push(&piece)).map(|line| line.text.len()).collect();
        assert_eq!(given, [1 << 20]);
    }
}
