//! The lines of a stream.

use super::LINE_BYTES_MAX;

/// Digits of a length before a syslog message: 1,048,576 has seven.
const LENGTH_DIGITS_MAX: usize = 7;

/// Cuts a stream into lines. A line ends at its newline. An object whose line has not ended yet is given as soon as it
/// is closed, so that senders who put no newlines between objects, or none behind the last one, are heard.
#[derive(Debug)]
pub struct Framer {
    /// The beginning of a line that has not ended.
    held: Vec<u8>,
    /// The rest of a line that was cut is thrown away.
    skipping: bool,
    /// Messages may stand behind their lengths.
    counted: bool,
    object: Object,
}

/// How far the object at the beginning of `held` has been looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Object {
    at: usize,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Framer {
    /// Lines of JSON or text.
    pub fn lines() -> Framer {
        Framer { held: Vec::new(), skipping: false, counted: false, object: Object::default() }
    }

    /// Syslog messages over TCP, RFC 6587: behind their lengths or ended by newlines, as each begins.
    pub fn syslog() -> Framer {
        Framer { counted: true, ..Framer::lines() }
    }

    /// Takes bytes as they come; gives every line that is complete, without its end. Empty lines are none.
    pub fn push(&mut self, bytes: &[u8], line: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.step(rest, line);
        }
        if self.object_is_possible() {
            self.whole_objects(line);
        }
    }

    /// The stream has ended: gives what was held back.
    pub fn finish(&mut self, line: &mut dyn FnMut(&[u8])) {
        let held = std::mem::take(&mut self.held);
        give(&held, line);
        self.skipping = false;
        self.object = Object::default();
    }

    /// Takes one line, or all there is; answers what is left.
    fn step<'b>(&mut self, bytes: &'b [u8], line: &mut dyn FnMut(&[u8])) -> &'b [u8] {
        if self.counted && !self.skipping && self.begins_with_length(bytes) {
            return self.counted(bytes, line);
        }
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.hold(bytes, line);
            return &[];
        };
        let (own, rest) = (&bytes[..end], &bytes[end + 1..]);
        if self.skipping {
            self.skipping = false;
        } else if self.held.is_empty() {
            give(&own[..own.len().min(LINE_BYTES_MAX)], line);
        } else {
            self.hold(own, line);
            self.skipping = false;
            let held = std::mem::take(&mut self.held);
            give(&held, line);
            self.held = held;
            self.held.clear();
            self.object = Object::default();
        }
        rest
    }

    /// Keeps the beginning of a line; gives it, cut, when it is too long.
    fn hold(&mut self, bytes: &[u8], line: &mut dyn FnMut(&[u8])) {
        if self.skipping {
            return;
        }
        let room = LINE_BYTES_MAX - self.held.len();
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            give(&self.held, line);
            self.held.clear();
            self.object = Object::default();
            self.skipping = true;
        }
    }

    fn begins_with_length(&self, bytes: &[u8]) -> bool {
        self.held.first().or(bytes.first()).is_some_and(|first| matches!(first, b'1'..=b'9'))
    }

    /// A message behind its length. What is no length makes the rest of its line text.
    fn counted<'b>(&mut self, bytes: &'b [u8], line: &mut dyn FnMut(&[u8])) -> &'b [u8] {
        let held = self.held.len();
        // Far enough to see the length, wherever the pieces of the stream were cut.
        let peek = bytes.len().min(LENGTH_DIGITS_MAX + 1);
        let head: Vec<u8> =
            self.held.iter().take(LENGTH_DIGITS_MAX + 1).chain(&bytes[..peek]).copied().collect();
        let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == head.len() && digits <= LENGTH_DIGITS_MAX {
            self.held.extend_from_slice(&bytes[..peek]);
            return &bytes[peek..];
        }
        let length =
            std::str::from_utf8(&head[..digits]).ok().and_then(|length| length.parse::<usize>().ok());
        let Some(length) =
            length.filter(|length| head.get(digits) == Some(&b' ') && *length <= LINE_BYTES_MAX)
        else {
            return self.uncounted(bytes, line);
        };
        let missing = digits + 1 + length - held;
        let taken = missing.min(bytes.len());
        self.held.extend_from_slice(&bytes[..taken]);
        if taken == missing {
            let held = std::mem::take(&mut self.held);
            give(&held[digits + 1..], line);
            self.held = held;
            self.held.clear();
        }
        &bytes[taken..]
    }

    fn uncounted<'b>(&mut self, bytes: &'b [u8], line: &mut dyn FnMut(&[u8])) -> &'b [u8] {
        let end = memchr::memchr(b'\n', bytes);
        self.hold(&bytes[..end.unwrap_or(bytes.len())], line);
        if let Some(end) = end {
            give(&self.held, line);
            self.held.clear();
            self.skipping = false;
            return &bytes[end + 1..];
        }
        &[]
    }

    fn object_is_possible(&self) -> bool {
        !self.counted && self.held.first() == Some(&b'{')
    }

    /// Gives the objects that are closed although their line has not ended.
    fn whole_objects(&mut self, line: &mut dyn FnMut(&[u8])) {
        let mut given = 0;
        while self.held.get(given) == Some(&b'{')
            && let Some(end) = self.object.end(&self.held)
        {
            give(&self.held[given..end], line);
            given = end + self.held[end..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.object = Object { at: given, ..Object::default() };
        }
        // Once, because everything behind it moves.
        self.held.drain(..given);
        self.object.at -= given;
    }
}

impl Object {
    /// One behind the object's last brace.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' => self.depth += 1,
                b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

fn give(bytes: &[u8], line: &mut dyn FnMut(&[u8])) {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if !bytes.trim_ascii().is_empty() {
        line(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a stream, whichever way it is cut into pieces.
    #[track_caller]
    fn check(make: fn() -> Framer, stream: &str, expected: &[&str]) {
        for piece in [1, 2, 3, 7, stream.len().max(1)] {
            let mut framer = make();
            let mut lines = Vec::new();
            let mut line = |line: &[u8]| lines.push(String::from_utf8(line.to_vec()).unwrap());
            for bytes in stream.as_bytes().chunks(piece) {
                framer.push(bytes, &mut line);
            }
            framer.finish(&mut line);
            assert_eq!(lines, expected, "in pieces of {piece}: {stream:?}");
        }
    }

    #[test]
    fn lines_end_at_newlines() {
        check(Framer::lines, "a\nb\r\n\n  \nc", &["a", "b", "c"]);
        check(Framer::lines, "", &[]);
        check(Framer::lines, "{\"a\":1}\n{\"a\":2}", &["{\"a\":1}", "{\"a\":2}"]);
        check(Framer::lines, "支付\n失败\n", &["支付", "失败"]);
    }

    #[test]
    fn an_object_needs_no_newline() {
        let mut framer = Framer::lines();
        let mut lines = Vec::new();
        framer.push(br#"{"a":"}\"","b":{}} {"c":1"#, &mut |line| lines.push(line.to_vec()));
        assert_eq!(lines, [br#"{"a":"}\"","b":{}}"#]);
        framer.push(b"}", &mut |line| lines.push(line.to_vec()));
        assert_eq!(lines[1..], [br#"{"c":1}"#]);
        framer.push(b"\n", &mut |_| panic!("an empty line is none"));
    }

    #[test]
    fn syslog_messages_stand_behind_their_lengths_or_end_at_newlines() {
        check(Framer::syslog, "5 <1>ab3 x\ny4 <2>\n", &["<1>ab", "x\ny", "<2>"]);
        check(Framer::syslog, "<1>a\n<2>b\n5 <3>cd", &["<1>a", "<2>b", "<3>cd"]);
        check(Framer::syslog, "99999999 x\n<1>a\n", &["99999999 x", "<1>a"]);
        check(Framer::syslog, "7x\n<1>a\n", &["7x", "<1>a"]);
        check(Framer::syslog, "9 <1>a", &["9 <1>a"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut() {
        for piece in [1000, 1 << 20, 3 << 20] {
            for make in [Framer::lines, Framer::syslog] {
                let stream = format!("{}\nb\n", "x".repeat(2 * LINE_BYTES_MAX));
                let mut framer = make();
                let mut lengths = Vec::new();
                for bytes in stream.as_bytes().chunks(piece) {
                    framer.push(bytes, &mut |line| lengths.push(line.len()));
                    assert!(framer.held.capacity() <= 2 * LINE_BYTES_MAX);
                }
                assert_eq!(lengths, [LINE_BYTES_MAX, 1]);
            }
        }
    }
}
