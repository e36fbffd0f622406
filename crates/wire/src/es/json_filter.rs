//! Parts of a JSON text: `_source` with its wildcards, and `filter_path`.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::glob;

/// Below so many levels everything is kept or left as a whole: patterns do not reach deeper, and reading recurses.
const DEPTH_MAX: usize = 64;
/// Most patterns of one filter: each is tried at every key.
pub(crate) const PATTERNS_MAX: usize = 256;

/// What is kept of an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// Patterns of whole dotted paths, in which `*` also stands for dots.
    Source {
        /// Empty: everything.
        includes: Vec<String>,
        /// Stronger.
        excludes: Vec<String>,
    },
    /// Patterns of one key each, `**` for any number of keys.
    Path {
        /// Empty: everything.
        includes: Vec<Vec<String>>,
        /// Stronger.
        excludes: Vec<Vec<String>>,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Keep,
    Drop,
    Look,
}

impl Filter {
    /// `filter_path=hits.hits._id,-_shards,**.x`
    pub(crate) fn path(text: &str) -> Filter {
        let (mut includes, mut excludes) = (Vec::new(), Vec::new());
        for pattern in super::params::list(text).iter().take(PATTERNS_MAX) {
            let keys = |pattern: &str| pattern.split('.').map(str::to_owned).collect();
            match pattern.strip_prefix('-') {
                Some(pattern) => excludes.push(keys(pattern)),
                None => includes.push(keys(pattern)),
            }
        }
        Filter::Path { includes, excludes }
    }

    /// Appends what is kept of `json`; an object of which nothing is kept is `{}`. What is no JSON stays as it is.
    pub(crate) fn apply(&self, json: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let mut walk = Walk { filter: self, keys: Vec::new(), dotted: String::new(), out };
        let text = std::str::from_utf8(json).unwrap_or_default();
        match walk.value(text, false) {
            Some(true) => {}
            Some(false) => out.extend_from_slice(b"{}"),
            None => {
                out.truncate(start);
                out.extend_from_slice(json);
            }
        }
    }

    fn verdict(&self, keys: &[String], dotted: &str, inside: bool) -> Verdict {
        let (is_excluded, is_included, has_excludes) = match self {
            Filter::Source { includes, excludes } => (
                excludes.iter().any(|pattern| glob::matches(pattern, dotted)),
                inside
                    || includes.is_empty()
                    || includes.iter().any(|pattern| glob::matches(pattern, dotted)),
                !excludes.is_empty(),
            ),
            Filter::Path { includes, excludes } => (
                excludes.iter().any(|pattern| keys_match(pattern, keys)),
                inside || includes.is_empty() || includes.iter().any(|pattern| keys_match(pattern, keys)),
                !excludes.is_empty(),
            ),
        };
        match (is_excluded, is_included) {
            (true, _) => Verdict::Drop,
            (false, true) if !has_excludes => Verdict::Keep,
            _ => Verdict::Look,
        }
    }

    fn includes(&self, keys: &[String], dotted: &str) -> bool {
        match self {
            Filter::Source { includes, .. } => {
                includes.is_empty() || includes.iter().any(|pattern| glob::matches(pattern, dotted))
            }
            Filter::Path { includes, .. } => {
                includes.is_empty() || includes.iter().any(|pattern| keys_match(pattern, keys))
            }
        }
    }
}

fn keys_match(pattern: &[String], keys: &[String]) -> bool {
    match (pattern.first().map(String::as_str), keys.first()) {
        (None, None) => true,
        (Some("**"), None) => keys_match(&pattern[1..], keys),
        (Some("**"), Some(_)) => keys_match(&pattern[1..], keys) || keys_match(pattern, &keys[1..]),
        (Some(own), Some(key)) => glob::matches(own, key) && keys_match(&pattern[1..], &keys[1..]),
        _ => false,
    }
}

struct Walk<'w> {
    filter: &'w Filter,
    keys: Vec<String>,
    dotted: String,
    out: &'w mut Vec<u8>,
}

impl Walk<'_> {
    /// Writes what is kept of a value that was neither kept nor dropped as a whole; `Some(false)`: nothing.
    fn value(&mut self, text: &str, inside: bool) -> Option<bool> {
        if self.keys.len() > DEPTH_MAX {
            self.out.extend_from_slice(text.as_bytes());
            return Some(true);
        }
        match text.trim_start().as_bytes().first()? {
            b'{' => self.object(text, inside),
            b'[' => self.array(text, inside),
            _ if inside => {
                self.out.extend_from_slice(text.as_bytes());
                Some(true)
            }
            _ => Some(false),
        }
    }

    fn object(&mut self, text: &str, inside: bool) -> Option<bool> {
        let Members(members) = serde_json::from_str(text).ok()?;
        let start = self.out.len();
        let mut written = 0;
        for (key, value) in members {
            let before = self.out.len();
            let dotted_before = self.dotted.len();
            if !self.keys.is_empty() {
                self.dotted.push('.');
            }
            self.dotted.push_str(&key);
            self.keys.push(key.into_owned());
            self.out.push(if written == 0 { b'{' } else { b',' });
            let key = self.keys.last().map_or("", String::as_str);
            serde_json::to_writer(&mut *self.out, key).ok()?;
            self.out.push(b':');
            let kept = self.member(value.get(), inside)?;
            self.keys.pop();
            self.dotted.truncate(dotted_before);
            match kept {
                true => written += 1,
                false => self.out.truncate(before),
            }
        }
        if written == 0 {
            self.out.truncate(start);
            if inside {
                self.out.extend_from_slice(b"{}");
            }
            return Some(inside);
        }
        self.out.push(b'}');
        Some(true)
    }

    fn member(&mut self, text: &str, inside: bool) -> Option<bool> {
        match self.filter.verdict(&self.keys, &self.dotted, inside) {
            Verdict::Drop => Some(false),
            Verdict::Keep => {
                self.out.extend_from_slice(text.as_bytes());
                Some(true)
            }
            Verdict::Look => {
                let inside = inside || self.filter.includes(&self.keys, &self.dotted);
                self.value(text, inside)
            }
        }
    }

    fn array(&mut self, text: &str, inside: bool) -> Option<bool> {
        let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        let start = self.out.len();
        let mut written = 0;
        for item in items {
            let before = self.out.len();
            self.out.push(if written == 0 { b'[' } else { b',' });
            match self.value(item.get(), inside)? {
                true => written += 1,
                false => self.out.truncate(before),
            }
        }
        if written == 0 {
            self.out.truncate(start);
            if inside {
                self.out.extend_from_slice(b"[]");
            }
            return Some(inside);
        }
        self.out.push(b']');
        Some(true)
    }
}

/// Keys and raw values in their order.
struct Members<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

impl<'de: 'j, 'j> Deserialize<'de> for Members<'j> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'j>(Cow<'j, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}

/// Appends a JSON text with line breaks, as `?pretty` asks for.
pub(crate) fn pretty(json: &[u8], out: &mut Vec<u8>) {
    let mut depth = 0;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in json.iter().enumerate() {
        if in_string {
            out.push(*byte);
            (in_string, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
            continue;
        }
        let closes = |at: usize| matches!(json.get(at), Some(b'}' | b']'));
        let opens = |at: Option<usize>| at.is_some_and(|at| matches!(json[at], b'{' | b'['));
        match byte {
            b'{' | b'[' => {
                depth += 1;
                out.push(*byte);
                if !closes(at + 1) {
                    line(depth, out);
                }
            }
            b'}' | b']' => {
                depth = usize::saturating_sub(depth, 1);
                if !opens(at.checked_sub(1)) {
                    line(depth, out);
                }
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                line(depth, out);
            }
            b':' => out.extend_from_slice(b" : "),
            b'"' => {
                in_string = true;
                out.push(b'"');
            }
            b' ' | b'\n' | b'\t' | b'\r' => {}
            _ => out.push(*byte),
        }
    }
    out.push(b'\n');
}

fn line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', 2 * depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"{"a":{"b":1,"c":{"d":2}},"list":[{"x":1,"y":2},{"y":3},5],"t":"支\"付","e":{}}"#;

    #[track_caller]
    fn source(includes: &[&str], excludes: &[&str], expected: &str) {
        let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        check(&Filter::Source { includes: owned(includes), excludes: owned(excludes) }, SOURCE, expected);
    }

    #[track_caller]
    fn check(filter: &Filter, json: &str, expected: &str) {
        let mut out = Vec::new();
        filter.apply(json.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn sources_are_filtered_by_paths() {
        source(&[], &[], SOURCE);
        source(&["a"], &[], r#"{"a":{"b":1,"c":{"d":2}}}"#);
        source(&["a.b", "t"], &[], r#"{"a":{"b":1},"t":"支\"付"}"#);
        source(&["*.d"], &[], r#"{"a":{"c":{"d":2}}}"#);
        source(&["list.x"], &[], r#"{"list":[{"x":1}]}"#);
        source(&["nothing"], &[], "{}");
        source(&["a"], &["a.c"], r#"{"a":{"b":1}}"#);
        source(&[], &["a.*", "list", "e"], r#"{"a":{},"t":"支\"付"}"#);
        source(&["*"], &["a", "list", "t"], r#"{"e":{}}"#);
        source(&[], &["list.y"], r#"{"a":{"b":1,"c":{"d":2}},"list":[{"x":1},{},5],"t":"支\"付","e":{}}"#);
    }

    #[test]
    fn answers_are_filtered_by_keys() {
        let answer =
            r#"{"took":1,"hits":{"total":{"value":2},"hits":[{"_id":"a","_source":{"m":1}},{"_id":"b"}]}}"#;
        let cases = [
            ("hits.total.value", r#"{"hits":{"total":{"value":2}}}"#),
            ("hits.hits._id,took", r#"{"took":1,"hits":{"hits":[{"_id":"a"},{"_id":"b"}]}}"#),
            ("hits.hits._so*", r#"{"hits":{"hits":[{"_source":{"m":1}}]}}"#),
            ("**.m", r#"{"hits":{"hits":[{"_source":{"m":1}}]}}"#),
            ("*.total", r#"{"hits":{"total":{"value":2}}}"#),
            ("-hits", r#"{"took":1}"#),
            ("hits,-hits.hits", r#"{"hits":{"total":{"value":2}}}"#),
            ("x", "{}"),
        ];
        for (filter, expected) in cases {
            check(&Filter::path(filter), answer, expected);
        }
        check(&Filter::path("a"), "{no json", "{no json");
    }

    #[test]
    fn pretty_answers_have_a_member_a_line() {
        let mut out = Vec::new();
        pretty(br#"{"a":[1,{"b":"x: {\"}"}],"c":{},"d":[]}"#, &mut out);
        let expected = "{\n  \"a\" : [\n    1,\n    {\n      \"b\" : \"x: {\\\"}\"\n    }\n  ],\n  \"c\" : {},\n  \"d\" : []\n}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
