//! YAML as a tree in which every key and value knows its line and column, and a reader that turns it into typed
//! settings while collecting every mistake with its place.
//!
//! Contract: at most [`BYTES_MAX`] bytes of text, [`NODES_MAX`] nodes after aliases are followed and [`DEPTH_MAX`]
//! levels, so that no document costs more than a small multiple of its size. Scalars keep their text as written:
//! what a value means is decided by the key that asks for it, as Go's YAML does for Prometheus (`password: 0123`
//! is the text `0123`). The events come from the parser inside serde-saphyr; its serde layer cannot keep raw
//! scalars, key positions and warnings at the same time.

mod diagnostic;
mod read;

pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use read::{Keys, nearest};

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span, StrInput};

/// Largest text that is read: far above any hand-written configuration.
pub const BYTES_MAX: usize = 16 << 20;
/// Most nodes in a tree, copies made by aliases included.
pub const NODES_MAX: usize = 1_000_000;
/// Deepest nesting.
pub const DEPTH_MAX: usize = 64;

/// A place in the text, both counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// The first character of a file, for what is wrong with the whole of it.
    pub const START: Position = Position { line: 1, column: 1 };
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What stands there.
    pub value: Value,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar's text; `plain` when it stood without quotes.
    Scalar {
        /// After escapes and folding.
        text: String,
        /// Without quotes, so that it may mean a number or a boolean.
        plain: bool,
    },
    /// `- a` or `[a]`.
    List(Vec<Node>),
    /// `key: value` or `{key: value}`, in the order written; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Where it begins.
    pub at: Position,
    /// Its text.
    pub text: String,
}

/// Why a text is not one YAML document within the limits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    /// Where.
    pub at: Position,
    /// What is wrong there.
    pub message: String,
}

impl Node {
    /// Reads one document; an empty text is [`Value::Null`].
    pub fn parse(text: &str) -> Result<Node, YamlError> {
        Builder::new(text)?.document()
    }

    /// Reads the first document, as those of Go's readers do that ask once, and says where a further one begins.
    pub fn parse_first(text: &str) -> Result<(Node, Option<Position>), YamlError> {
        let mut builder = Builder::new(text)?;
        let mut root = Node { at: Position::START, value: Value::Null };
        while let Some((event, span)) = builder.next_event()? {
            match event {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => break,
                _ => root = builder.node(event, span, 0)?,
            }
        }
        loop {
            match builder.next_event() {
                Ok(Some((Event::DocumentStart(..), span))) => return Ok((root, Some(position(&span.start)))),
                Ok(Some(_)) => {}
                Ok(None) => return Ok((root, None)),
                Err(error) => return Ok((root, Some(error.at))),
            }
        }
    }

    /// Where the byte at `offset` of this scalar's text stands in the `source` that it was read from; where the scalar
    /// begins, if escapes or folding make that unknown.
    pub fn position_within(&self, source: &str, offset: usize) -> Position {
        let Value::Scalar { text, .. } = &self.value else { return self.at };
        let Some(before) = text.get(..offset) else { return self.at };
        let before = before.trim_start_matches('\n'); // A block begins at its first line that is not empty.
        let mut lines = source.lines().skip(self.at.line - 1);
        let quote = |line: &str| usize::from(line.starts_with(['"', '\'']));
        let mut at = self.at;
        for (index, part) in before.split('\n').enumerate() {
            let line = lines.next().unwrap_or_default();
            let start = line.char_indices().nth(self.at.column - 1).map_or(line.len(), |(start, _)| start);
            let skipped = if index == 0 { quote(&line[start..]) } else { 0 };
            if !line[start + skipped..].starts_with(part) {
                return self.at; // Escapes, or lines that were folded.
            }
            let column = self.at.column + skipped + part.chars().count();
            at = Position { line: self.at.line + index, column };
        }
        at
    }

    /// In a word, for messages: `a list`.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(own, _)| own.text == key).map(|(_, node)| node)
    }

    /// How many nodes this one and all below it are.
    fn size(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Node::size).sum(),
            Value::Map(entries) => entries.iter().map(|(_, node)| 1 + node.size()).sum(),
        }
    }
}

struct Builder<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Result<Builder<'t>, YamlError> {
        if text.len() > BYTES_MAX {
            let message = format!("the file has {} bytes, more than {BYTES_MAX}", text.len());
            return Err(YamlError { at: Position::START, message });
        }
        let mut options = Options::default();
        options.set_emit_comments(false);
        let parser = Parser::new_from_str_with_options(text, options);
        Ok(Builder { parser, anchors: HashMap::new(), nodes: 0 })
    }

    fn document(&mut self) -> Result<Node, YamlError> {
        let mut root: Option<Node> = None;
        while let Some((event, span)) = self.next_event()? {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
                _ => {
                    let node = self.node(event, span, 0)?;
                    match &root {
                        Some(first) if first.value != Value::Null && node.value != Value::Null => {
                            return fail(
                                node.at,
                                "a second document in one file; keep one, delete the `---`",
                            );
                        }
                        Some(first) if first.value != Value::Null => {}
                        _ => root = Some(node),
                    }
                }
            }
        }
        Ok(root.unwrap_or(Node { at: Position::START, value: Value::Null }))
    }

    fn next_event(&mut self) -> Result<Option<(Event<'t>, Span)>, YamlError> {
        self.parser
            .next_event()
            .transpose()
            .or_else(|error| fail(position(error.marker()), &format!("not YAML: {}", error.info())))
    }

    fn must_next(&mut self, at: Position) -> Result<(Event<'t>, Span), YamlError> {
        match self.next_event()? {
            Some(next) => Ok(next),
            None => fail(at, "not YAML: the text ends here too early"),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let at = position(&span.start);
        if depth > DEPTH_MAX {
            return fail(at, &format!("nested deeper than {DEPTH_MAX} levels"));
        }
        self.charge(1, at)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(text.into_owned(), style), anchor),
            Event::SequenceStart(_, anchor, _) => (self.list(at, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(at, depth)?, anchor),
            Event::Alias(id) => {
                let Some(known) = self.anchors.get(&id) else {
                    return fail(at, "an alias inside of what it names");
                };
                let value = known.value.clone();
                self.charge(known.size(), at)?;
                (value, 0)
            }
            _ => return fail(at, "not YAML: a value is expected here"),
        };
        let node = Node { at, value };
        if anchor != 0 {
            self.charge(node.size(), at)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, at: Position, depth: usize) -> Result<Value, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.must_next(at)? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, at: Position, depth: usize) -> Result<Value, YamlError> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut seen: HashMap<String, Position> = HashMap::new();
        let mut merged: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.must_next(at)?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.key(event, span, depth)?;
            let (event, span) = self.must_next(at)?;
            let value = self.node(event, span, depth + 1)?;
            if key.text == "<<" {
                merged.push(value);
                continue;
            }
            if let Some(first) = seen.insert(key.text.clone(), key.at) {
                return fail(
                    key.at,
                    &format!("key `{}` stands twice; first in line {}", key.text, first.line),
                );
            }
            entries.push((key, value));
        }
        for node in merged {
            self.merge(node, &mut entries, &mut seen)?;
        }
        Ok(Value::Map(entries))
    }

    fn key(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Key, YamlError> {
        let node = self.node(event, span, depth + 1)?;
        match node.value {
            Value::Scalar { text, .. } => Ok(Key { at: node.at, text }),
            Value::Null => Ok(Key { at: node.at, text: "null".to_owned() }),
            _ => fail(node.at, "a key must be a single value"),
        }
    }

    /// `<<: *anchor`: keys that do not stand in the mapping itself, earlier sources first.
    fn merge(
        &mut self,
        node: Node,
        entries: &mut Vec<(Key, Node)>,
        seen: &mut HashMap<String, Position>,
    ) -> Result<(), YamlError> {
        match node.value {
            Value::Map(others) => {
                for (key, value) in others {
                    if !seen.contains_key(&key.text) {
                        seen.insert(key.text.clone(), key.at);
                        entries.push((key, value));
                    }
                }
                Ok(())
            }
            Value::List(sources) => sources.into_iter().try_for_each(|one| match one.value {
                Value::Map(_) => self.merge(one, entries, seen),
                _ => fail(one.at, "`<<` merges mappings only"),
            }),
            _ => fail(node.at, "`<<` merges mappings only"),
        }
    }

    fn charge(&mut self, nodes: usize, at: Position) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > NODES_MAX {
            return fail(at, &format!("more than {NODES_MAX} values, aliases followed"));
        }
        Ok(())
    }
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    let plain = matches!(style, ScalarStyle::Plain);
    if plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar { text, plain }
}

fn position(marker: &Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

fn fail<T>(at: Position, message: &str) -> Result<T, YamlError> {
    Err(YamlError { at, message: message.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Value {
        Value::Scalar { text: text.to_owned(), plain: true }
    }

    #[test]
    fn every_value_knows_its_place_and_its_text() {
        let root = Node::parse("# c\na: 0123\nb:\n  - x\n  - 'y'\nc: {d: ~}\n---\n").unwrap();
        assert_eq!(
            root.get("a").unwrap(),
            &Node { at: Position { line: 2, column: 4 }, value: plain("0123") }
        );
        let Value::List(items) = &root.get("b").unwrap().value else { panic!() };
        assert_eq!(items[1].at, Position { line: 5, column: 5 });
        assert_eq!(items[1].value, Value::Scalar { text: "y".to_owned(), plain: false });
        assert_eq!(root.get("c").unwrap().get("d").unwrap().value, Value::Null);
        assert_eq!(Node::parse("").unwrap().value, Value::Null);
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let root = Node::parse("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\nc: *x\n").unwrap();
        assert_eq!(root.get("b").unwrap().get("p").unwrap().value, plain("1"));
        assert_eq!(root.get("b").unwrap().get("q").unwrap().value, plain("3"));
        assert_eq!(root.get("c").unwrap().get("q").unwrap().value, plain("2"));
    }

    #[track_caller]
    fn check_error(text: &str, line: usize, column: usize, message: &str) {
        let error = Node::parse(text).unwrap_err();
        assert_eq!(error.at, Position { line, column }, "{error}");
        assert!(error.message.contains(message), "{error}");
    }

    #[test]
    fn mistakes_are_errors_with_a_place() {
        check_error("a: 1\nb: 2\na: 3\n", 3, 1, "key `a` stands twice; first in line 1");
        check_error("a: [1, 2\nb: 3\n", 2, 2, "not YAML");
        check_error("a: 1\n---\nb: 2\n", 3, 1, "second document");
        check_error("a: *nobody\n", 1, 4, "not YAML");
        check_error("? [a]\n: 1\n", 1, 3, "a key must be a single value");
        check_error("<<: 1\n", 1, 5, "merges mappings only");
        check_error(
            &format!("{}{}", "[".repeat(100), "]".repeat(100)),
            1,
            66,
            "nested deeper than 64 levels",
        );
    }

    #[test]
    fn only_the_first_document_counts_for_those_who_ask_once() {
        let first = |text: &str| {
            let (node, further) = Node::parse_first(text).unwrap();
            (node.get("a").is_some(), further.map(|at| at.line))
        };
        assert_eq!(first("a: 1\n"), (true, None));
        assert_eq!(first("---\na: 1\n...\n"), (true, None));
        assert_eq!(first("a: 1\n---\nb: [\n"), (true, Some(2)));
        assert_eq!(first(""), (false, None));
        assert!(Node::parse_first("a: [\n").is_err());
    }

    #[test]
    fn an_offset_in_a_scalar_has_its_place_in_the_file() {
        #[track_caller]
        fn check(text: &str, wanted: &str, line: usize, column: usize) {
            let node = Node::parse(text).unwrap();
            let node = node.get("k").unwrap();
            let Value::Scalar { text: own, .. } = &node.value else { panic!() };
            let at = node.position_within(text, own.find(wanted).unwrap());
            assert_eq!((at.line, at.column), (line, column), "{text}");
        }
        check("k: a b", "b", 1, 6);
        check("k: '中 b'", "b", 1, 7);
        check("k: \"a b\"", "b", 1, 7);
        check("k: \"\\x41 b\"", "b", 1, 4);
        check("k: |\n  a\n    b\n", "b", 3, 5);
        check("k: |-\n\n  a\n", "a", 3, 3);
        check("k: >\n  a b\n  c\n", "b", 2, 5);
        check("k: >\n  a\n  b\n", "b", 2, 3);
        check("k: a\n  b\n", "b", 1, 4);
    }

    #[test]
    fn a_billion_laughs_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}, ", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", alias.trim_end_matches(", ")));
        }
        assert!(Node::parse(&text).unwrap_err().message.contains("aliases followed"));
    }
}
