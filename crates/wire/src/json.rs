//! JSON as a tree in which every value knows where it stands, for files that people look at.
//!
//! Contract: RFC 8259, at most [`BYTES_MAX`] bytes, [`VALUES_MAX`] values and [`DEPTH_MAX`] levels. Numbers keep their
//! text. A key that stands twice keeps its last value, as in JavaScript. A byte order mark at the start is skipped.
//! Unpaired surrogates become U+FFFD.

use crate::yaml::Position;

/// Largest text that is read: the largest public board has some 2 MB.
pub const BYTES_MAX: usize = 16 << 20;
/// Most values in a tree.
pub const VALUES_MAX: usize = 1_000_000;
/// Deepest nesting; boards have some 15 levels.
pub const DEPTH_MAX: usize = 64;

/// A value and the bytes of the text that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its first byte.
    pub start: usize,
    /// One after its last byte.
    pub end: usize,
    /// What stands there.
    pub value: Value,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// As written.
    Number(String),
    /// Escapes resolved.
    String(String),
    /// `[…]`
    Array(Vec<Node>),
    /// `{…}`, in the order written, no key twice.
    Object(Vec<(String, Node)>),
}

/// Why a text is no JSON within the limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// Where.
    pub at: Position,
    /// What is wrong there.
    pub message: String,
}

impl Node {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Node, JsonError> {
        Node::parse_within(text, DEPTH_MAX)
    }

    /// Reads a text of at most so many levels.
    pub fn parse_within(text: &str, depth_max: usize) -> Result<Node, JsonError> {
        if text.len() > BYTES_MAX {
            let message = format!("the text has {} bytes, more than {BYTES_MAX}", text.len());
            return Err(JsonError { at: Position::START, message });
        }
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut reader = Reader { text, bytes: text.as_bytes(), at, depth_max, values: 0 };
        reader.skip_space();
        let root = reader.value(0)?;
        reader.skip_space();
        match reader.at == text.len() {
            true => Ok(root),
            false => Err(reader.error("something follows the end of the JSON")),
        }
    }

    /// The value under a key of an object.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Value::Object(entries) = &self.value else { return None };
        entries.iter().find(|(own, _)| own == key).map(|(_, node)| node)
    }

    /// The value below several keys.
    pub fn at_path(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// A string's text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A number's value.
    pub fn number(&self) -> Option<f64> {
        match &self.value {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        self.value == Value::Bool(true)
    }

    /// An array's items; none of anything else.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// Where it begins in the `source` that it was read from.
    pub fn position(&self, source: &str) -> Position {
        position(source, self.start)
    }

    /// Where the byte at `offset` of this string's text stands in the `source` that it was read from.
    pub fn position_within(&self, source: &str, offset: usize) -> Position {
        let Some(quoted) = source.get(self.start..self.end).filter(|_| self.text().is_some()) else {
            return self.position(source);
        };
        let mut scan =
            Reader { text: quoted, bytes: quoted.as_bytes(), at: 1, depth_max: DEPTH_MAX, values: 0 };
        let mut read = 0;
        while read < offset && scan.bytes.get(scan.at).is_some_and(|byte| *byte != b'"') {
            match scan.character() {
                Ok(character) => read += character.len_utf8(),
                Err(_) => break, // It was read once without a mistake.
            }
        }
        position(source, self.start + scan.at)
    }
}

/// Line and column of a byte, in characters.
fn position(source: &str, offset: usize) -> Position {
    let before = source.get(..offset).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    Position { line, column: before[line_start..].chars().count() + 1 }
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth_max: usize,
    values: usize,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>) -> JsonError {
        let mut at = self.at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        JsonError { at: position(self.text, at), message: format!("not JSON: {}", message.into()) }
    }

    fn skip_space(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, JsonError> {
        self.values += 1;
        if depth > self.depth_max {
            return Err(self.error(format!("nested deeper than {} levels", self.depth_max)));
        }
        if self.values > VALUES_MAX {
            return Err(self.error(format!("more than {VALUES_MAX} values")));
        }
        let start = self.at;
        let value = match self.bytes.get(self.at) {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => self.word()?,
            None => return Err(self.error("the text ends here too early")),
        };
        Ok(Node { start, end: self.at, value })
    }

    fn word(&mut self) -> Result<Value, JsonError> {
        let words = [("null", Value::Null), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
        let rest = &self.bytes[self.at..];
        let Some((word, value)) = words.into_iter().find(|(word, _)| rest.starts_with(word.as_bytes()))
        else {
            return Err(self.error("a value is expected here"));
        };
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        while self.bytes.get(self.at).is_some_and(is_part) {
            self.at += 1;
        }
        let number = &self.text[start..self.at];
        let digits = number.strip_prefix('-').unwrap_or(number);
        let has_leading_zero =
            digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
        let is_number =
            number.parse::<f64>().is_ok() && digits.starts_with(|first: char| first.is_ascii_digit());
        if !is_number || has_leading_zero || number.ends_with('.') {
            self.at = start;
            return Err(self.error(format!("`{number}` is no number")));
        }
        Ok(Value::Number(number.to_owned()))
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            self.skip_space();
            items.push(self.value(depth + 1)?);
            if !self.goes_on(b']')? {
                return Ok(Value::Array(items));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut places = std::collections::HashMap::new();
        self.skip_space();
        if self.bytes.get(self.at) == Some(&b'}') {
            self.at += 1;
            return Ok(Value::Object(entries));
        }
        loop {
            self.skip_space();
            if self.bytes.get(self.at) != Some(&b'"') {
                return Err(self.error("a key in quotes is expected here"));
            }
            let key = self.string()?;
            self.skip_space();
            if self.bytes.get(self.at) != Some(&b':') {
                return Err(self.error("a `:` is expected here"));
            }
            self.at += 1;
            self.skip_space();
            let node = self.value(depth + 1)?;
            match places.get(&key) {
                Some(place) => {
                    let (_, old): &mut (String, Node) = &mut entries[*place];
                    *old = node;
                }
                None => {
                    places.insert(key.clone(), entries.len());
                    entries.push((key, node));
                }
            }
            if !self.goes_on(b'}')? {
                return Ok(Value::Object(entries));
            }
        }
    }

    /// Takes a comma, or the end.
    fn goes_on(&mut self, end: u8) -> Result<bool, JsonError> {
        self.skip_space();
        let found = self.bytes.get(self.at).copied();
        if found != Some(b',') && found != Some(end) {
            return Err(self.error(format!("a `,` or a `{}` is expected here", char::from(end))));
        }
        self.at += 1;
        Ok(found == Some(b','))
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.bytes.get(self.at) {
                None => return Err(self.error("the text ends inside of a string")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(byte) if *byte < b' ' => {
                    return Err(self.error("a control character in a string; write it as an escape"));
                }
                Some(_) => text.push(self.character()?),
            }
        }
    }

    /// One character of a string, an escape resolved.
    fn character(&mut self) -> Result<char, JsonError> {
        if self.bytes[self.at] != b'\\' {
            let character = self.text[self.at..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
            self.at += character.len_utf8();
            return Ok(character);
        }
        let escaped = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            _ => return Err(self.error("unknown escape")),
        };
        self.at += 2;
        Ok(escaped)
    }

    /// `\u4e2d`, or a pair of surrogates.
    fn code_point(&mut self) -> Result<char, JsonError> {
        let high = self.unit(self.at).ok_or_else(|| self.error("`\\u` needs four hexadecimal digits"))?;
        let low = self.unit(self.at + 6).filter(|low| (0xdc00..0xe000).contains(low));
        if let (0xd800..0xdc00, Some(low)) = (high, low) {
            self.at += 12;
            let point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return Ok(char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        self.at += 6;
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().filter(|_| is_hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_with_their_places() {
        let text = "\u{feff}{\"a\": [1, -2.5e3, true, null],\n \"中\": \"x\\n\\u4e2d\\ud83d\\ude00\\ud800\"}";
        let root = Node::parse(text).unwrap();
        let a = root.get("a").unwrap();
        assert_eq!(a.items()[1].number(), Some(-2500.0));
        assert!(a.items()[2].is_true());
        assert_eq!(a.items()[3].value, Value::Null);
        let b = root.get("中").unwrap();
        assert_eq!(b.text(), Some("x\n中😀\u{fffd}"));
        assert_eq!(b.position(text), Position { line: 2, column: 7 });
        assert_eq!(root.at_path(&["a", "b"]), None);
        assert_eq!(Node::parse(r#"{"a":1,"a":2}"#).unwrap().get("a").unwrap().number(), Some(2.0));
    }

    #[test]
    fn an_offset_in_a_string_has_its_place_in_the_file() {
        let text = "{\n  \"expr\": \"a{b=\\\"中\\\"} > 1\"\n}";
        let root = Node::parse(text).unwrap();
        let node = root.get("expr").unwrap();
        let own = node.text().unwrap();
        let column = |wanted: char| node.position_within(text, own.find(wanted).unwrap()).column;
        assert_eq!((column('a'), column('b'), column('中'), column('>')), (12, 14, 18, 23));
        assert_eq!(node.position_within(text, 99).column, 26, "no further than its end");
    }

    #[track_caller]
    fn refused(text: &str, line: usize, column: usize, message: &str) {
        let error = Node::parse(text).unwrap_err();
        assert_eq!((error.at, error.message.contains(message)), (Position { line, column }, true), "{error}");
    }

    #[test]
    fn mistakes_are_errors_with_a_place() {
        refused("", 1, 1, "ends here too early");
        refused("{\"a\": 1,\n}", 2, 1, "a key in quotes");
        refused("{\"a\" 1}", 1, 6, "a `:`");
        refused("[1 2]", 1, 4, "a `,` or a `]`");
        refused("[01]", 1, 2, "`01` is no number");
        refused("[1.]", 1, 2, "is no number");
        refused("nul", 1, 1, "a value is expected");
        refused("\"a", 1, 3, "ends inside of a string");
        refused("\"a\nb\"", 1, 3, "a control character");
        refused("\"\\x\"", 1, 2, "unknown escape");
        refused("\"\\u12\"", 1, 2, "four hexadecimal");
        refused("{} {}", 1, 4, "something follows");
        refused(&"[".repeat(100), 1, 66, "nested deeper than 64 levels");
    }
}
