//! A tree as somebody would have typed it into the box.

use lingshao_model::log::{Bound, FieldSelection, FieldTest, Join, LogQuery, QueryValue, Test};

use super::reader::is_identifier;
use super::regex;

/// How tightly something binds; what is looser than its place gets brackets.
const OR: u8 = 0;
const AND: u8 = 1;
const NOT: u8 = 2;
const TERM: u8 = 3;

/// Writes a tree in the language of the box, or nothing if that has no words for it: so many of several
/// (`minimum_should_match`), phrases whose last word goes on. What the box reads is written so that it reads the same.
pub fn print(query: &LogQuery) -> Option<String> {
    let mut text = String::new();
    write(query, OR, &mut text)?;
    Some(text)
}

fn write(query: &LogQuery, place: u8, text: &mut String) -> Option<()> {
    match query {
        LogQuery::All => push("*", text),
        LogQuery::Nothing => bracketed(NOT, place, text, |text| push("NOT *", text)),
        LogQuery::And(parts) if parts.is_empty() => push("*", text),
        LogQuery::Or(parts) if parts.is_empty() => write(&LogQuery::Nothing, place, text),
        LogQuery::And(parts) | LogQuery::Or(parts) if parts.len() == 1 => write(&parts[0], place, text),
        LogQuery::And(parts) => joined(parts, " AND ", AND, place, text, |part, text| write(part, NOT, text)),
        LogQuery::Or(parts) => joined(parts, " OR ", OR, place, text, |part, text| write(part, AND, text)),
        LogQuery::AtLeast { min, of } => match *min {
            1 => write(&LogQuery::Or(of.clone()), place, text),
            min if min == of.len() => write(&LogQuery::And(of.clone()), place, text),
            _ => None,
        },
        LogQuery::Not(inner) => bracketed(NOT, place, text, |text| {
            text.push_str("NOT ");
            write(inner, TERM, text)
        }),
        LogQuery::Ids(ids) => joined(ids, " OR ", OR, place, text, |id, text| {
            text.push_str("_id:");
            quote(id, text)
        }),
        LogQuery::Field(test) => field(test, place, text),
    }
}

fn push(plain: &str, text: &mut String) -> Option<()> {
    text.push_str(plain);
    Some(())
}

fn bracketed(
    own: u8,
    place: u8,
    text: &mut String,
    inner: impl FnOnce(&mut String) -> Option<()>,
) -> Option<()> {
    if own >= place {
        return inner(text);
    }
    text.push('(');
    inner(text)?;
    text.push(')');
    Some(())
}

fn joined<T>(
    parts: &[T],
    operator: &str,
    own: u8,
    place: u8,
    text: &mut String,
    mut one: impl FnMut(&T, &mut String) -> Option<()>,
) -> Option<()> {
    let own = if parts.len() > 1 { own } else { TERM };
    bracketed(own, place, text, |text| {
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                text.push_str(operator);
            }
            one(part, text)?;
        }
        (!parts.is_empty()).then_some(())
    })
}

fn field(test: &FieldTest, place: u8, text: &mut String) -> Option<()> {
    let mut value = String::new();
    self::value(test, &mut value)?;
    match &test.fields {
        FieldSelection::Any => {}
        FieldSelection::One(name) if name == "_exists_" && test.test == Test::Exists => {
            return push("_exists_:_exists_", text);
        }
        FieldSelection::One(name) => {
            // `http://x` is a text.
            self::name(name, value.starts_with("//"), text);
            text.push(':');
        }
        FieldSelection::Several(names) => {
            return joined(names, " OR ", OR, place, text, |name, text| {
                name_pattern(name, text);
                text.push(':');
                push(&value, text)
            });
        }
    }
    push(&value, text)
}

fn name(name: &str, is_before_slashes: bool, text: &mut String) {
    let is_plain = is_plain(name) && name.starts_with(|first: char| !first.is_numeric());
    if !is_before_slashes && (is_plain || is_identifier(name)) && !is_operator(name) {
        text.push_str(name);
    } else {
        quote(name, text);
    }
}

/// A name in which `*` stands for anything.
fn name_pattern(name: &str, text: &mut String) {
    for (at, character) in name.chars().enumerate() {
        let is_plain =
            character.is_alphanumeric() || "_.@*".contains(character) || (character == '-' && at > 0);
        if !is_plain {
            text.push('\\');
        }
        text.push(character);
    }
}

fn value(test: &FieldTest, text: &mut String) -> Option<()> {
    match &test.test {
        Test::Exists => push("*", text),
        Test::Words { value, wordless: true, .. } if !value.text.contains(char::is_alphanumeric) => None,
        Test::Words { value, join: Join::Phrase { slop: 0 }, prefix_last: false, .. }
            if test.fields != FieldSelection::Any && is_plain_value(&value.text) =>
        {
            push(&value.text, text)
        }
        Test::Words { value, join, prefix_last, .. } => words(value, *join, *prefix_last, text),
        Test::Is { value, .. } => is(&test.fields, value, text),
        Test::IsAny { values, .. } => {
            joined(values, " OR ", OR, TERM, text, |value, text| is(&test.fields, value, text))
        }
        Test::Prefix { text: prefix, .. } => {
            escape(prefix, Slashes::Keep, text);
            push("*", text)
        }
        Test::Wildcard { pattern, .. } => escape_pattern(pattern, text),
        Test::Regex { pattern, .. } => push(&format!("~\"{}\"", regex::inner(pattern)?), text),
        Test::Fuzzy { text: word, edits, .. } => {
            if is_operator(word) {
                text.push('\\');
            }
            escape(word, Slashes::Escape, text);
            push(&format!("~{edits}"), text)
        }
        Test::Range { lower, upper } => range(test.fields == FieldSelection::Any, lower, upper, text),
    }
}

fn words(value: &QueryValue, join: Join, prefix_last: bool, text: &mut String) -> Option<()> {
    let parts: Vec<&str> = value
        .text
        .split(|character: char| !(character.is_alphanumeric() || character == '_'))
        .filter(|part| !part.is_empty())
        .collect();
    let operator = match join {
        Join::Phrase { slop } if !prefix_last => return word(&value.text, slop, text),
        Join::Any => " OR ",
        Join::All => " AND ",
        Join::Phrase { .. } | Join::AtLeast(_) if parts.len() == 1 => " AND ",
        Join::Phrase { .. } | Join::AtLeast(_) => return None,
    };
    let last = parts.len().checked_sub(1)?;
    let mut at = 0;
    joined(&parts, operator, OR, TERM, text, |part, text| {
        at += 1;
        match prefix_last && at > last {
            true => push(&format!("{part}*"), text),
            false => word(part, 0, text),
        }
    })
}

/// A text, in quotes unless it is plain.
fn word(word: &str, slop: u32, text: &mut String) -> Option<()> {
    match slop {
        0 if is_plain(word) => push(word, text),
        0 => quote(word, text),
        slop => {
            quote(word, text);
            push(&format!("~{slop}"), text)
        }
    }
}

/// A whole value: a path as it stands.
fn is(fields: &FieldSelection, value: &QueryValue, text: &mut String) -> Option<()> {
    let is_own = matches!(fields, FieldSelection::One(name) if name != "message");
    match value.text.as_str() {
        "/" if is_own => push("/", text),
        path if is_own && path.starts_with('/') => escape(path, Slashes::EscapeLast, text),
        value => quote(value, text),
    }
}

fn range(is_any: bool, lower: &Bound, upper: &Bound, text: &mut String) -> Option<()> {
    let (operator, value) = match (lower, upper) {
        (Bound::Included(value), Bound::Open) if !is_any => (">=", value),
        (Bound::Excluded(value), Bound::Open) if !is_any => (">", value),
        (Bound::Open, Bound::Included(value)) if !is_any => ("<=", value),
        (Bound::Open, Bound::Excluded(value)) if !is_any => ("<", value),
        (lower, upper) => {
            text.push(if matches!(lower, Bound::Excluded(_)) { '{' } else { '[' });
            end(lower, text);
            text.push_str(" TO ");
            end(upper, text);
            return push(if matches!(upper, Bound::Excluded(_)) { "}" } else { "]" }, text);
        }
    };
    text.push_str(operator);
    bound_text(&value.text, text)
}

fn bound_text(value: &str, text: &mut String) -> Option<()> {
    if is_plain_value(value) { push(value, text) } else { quote(value, text) }
}

fn end(bound: &Bound, text: &mut String) -> Option<()> {
    match bound {
        Bound::Open => push("*", text),
        Bound::Included(value) | Bound::Excluded(value) => bound_text(&value.text, text),
    }
}

/// Whether a text means itself without quotes behind `field:`: `-5`, `08:30`, `now/d`, `10.0.0.0/8`.
fn is_plain_value(text: &str) -> bool {
    let is_digit = |first: char| first.is_ascii_digit();
    let text = text.strip_prefix('-').filter(|digits| digits.starts_with(is_digit)).unwrap_or(text);
    // A colon behind a word would end an operator.
    let marks = if text.starts_with(is_digit) { "_.-@/+|:" } else { "_.-@/+|" };
    text.starts_with(|first: char| first.is_alphanumeric() || first == '_')
        && text.chars().all(|character| character.is_alphanumeric() || marks.contains(character))
        && !is_operator(text)
}

/// Whether a text means itself without quotes, wherever it stands.
fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphanumeric() || first == '_')
        && text.chars().all(|character| character.is_alphanumeric() || "_.-@".contains(character))
        && !is_operator(text)
}

fn is_operator(text: &str) -> bool {
    ["and", "or", "not", "to"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn quote(inner: &str, text: &mut String) -> Option<()> {
    text.push('"');
    for character in inner.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    push("\"", text)
}

/// What becomes of slashes: two of them without a slash between them are a regular expression.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slashes {
    Keep,
    EscapeLast,
    Escape,
}

/// A term without quotes, with a backslash before whatever would mean something.
fn escape(term: &str, slashes: Slashes, text: &mut String) -> Option<()> {
    let mut characters = term.chars().peekable();
    let mut is_first = true;
    while let Some(character) = characters.next() {
        let is_kept = match (character, slashes) {
            ('/', Slashes::Keep) => true,
            ('/', Slashes::EscapeLast) => characters.peek().is_some(),
            (character, _) if !is_first => character.is_alphanumeric() || "_.-@=,;%#".contains(character),
            (character, _) => character.is_alphanumeric() || character == '_',
        };
        is_first = false;
        if !is_kept {
            text.push('\\');
        }
        text.push(character);
    }
    Some(())
}

/// A pattern, whose own escapes stay.
fn escape_pattern(pattern: &str, text: &mut String) -> Option<()> {
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?', '\\']) {
        let (before, behind) = rest.split_at(at);
        escape(before, Slashes::Keep, text);
        let length = match behind.strip_prefix('\\') {
            Some(escaped) => 1 + escaped.chars().next().map_or(0, char::len_utf8),
            None => 1,
        };
        text.push_str(&behind[..length]);
        rest = &behind[length..];
    }
    escape(rest, Slashes::EscapeLast, text)
}
