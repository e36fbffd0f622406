//! `highlight`: what of a text a query asked for, between tags.
//!
//! Marked are words, continued words, whole values and runs of Han characters that some part of the query asks of the
//! field; what it excludes (`must_not`) is not. Fuzzy words and ranges mark nothing.

use lingshao_model::log::words::words;
use lingshao_model::log::{
    Case, FieldSelection, FieldTest, Join, LogQuery, LogRecord, LogValue, QueryValue, Test,
};
use regex::Regex;

use crate::es::EsError;
use crate::es::body::Body;
use crate::es::options::Options;
use crate::es::{glob, query};
use crate::json::{Node, Value};

/// Most patterns of fields.
const FIELDS_MAX: usize = 100;
/// Most things that are looked for: each is tried on every word of every hit.
const NEEDLES_MAX: usize = 64;
/// Largest automaton of an expression, in bytes, as the query's reader allows.
const PROGRAM_BYTES_MAX: usize = 1 << 20;

/// What is shown of which fields.
#[derive(Clone, Debug)]
pub(super) struct Highlight {
    fields: Vec<Field>,
    has_own_query: bool,
    needles: Vec<Needle>,
}

#[derive(Clone, Debug)]
struct Field {
    pattern: String,
    style: Style,
}

/// Tags and pieces.
#[derive(Clone, Debug)]
struct Style {
    before: String,
    behind: String,
    /// Bytes of a piece.
    size: usize,
    /// Pieces; 0: the whole text.
    count: usize,
    /// Characters that are shown of a text without a match.
    without: usize,
    /// Only fields that the query asks.
    own_field: bool,
}

/// Something that is looked for.
#[derive(Clone, Debug)]
struct Needle {
    fields: FieldSelection,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// Words one after the other, folded; a run of Han characters is one of them. The last one may be continued.
    Words {
        units: Vec<String>,
        continued: bool,
    },
    /// The whole text.
    Whole(String),
    Prefix(String),
    Pattern(Regex),
}

impl Default for Style {
    fn default() -> Style {
        Style {
            before: "<em>".to_owned(),
            behind: "</em>".to_owned(),
            size: 100,
            count: 5,
            without: 0,
            own_field: true,
        }
    }
}

/// Reads `highlight`; what is looked for comes from its own query, or else from the search's ([`Highlight::look_for`]).
pub(super) fn read(body: &Body<'_>, node: &Node) -> Result<Highlight, EsError> {
    let options = Options::new(body, node, "highlight")?;
    let usual = style(&options, &Style::default())?;
    let own_query = options.get("highlight_query").map(|node| query::read(body, node, 0)).transpose()?;
    let mut fields = Vec::new();
    if let Some(node) = options.get("fields") {
        let items = match &node.value {
            Value::Array(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for item in items {
            for (pattern, node) in body.object(item, "fields")? {
                let own = Options::new(body, node, "fields")?;
                let style = style(&own, &usual)?;
                own.accept(&["highlight_query", "matched_fields", "fragment_offset"]);
                own.finish()?;
                fields.push(Field { pattern: pattern.clone(), style });
            }
        }
    }
    options.accept(&["use_explicit_order", "encoder", "tags_schema"]);
    options.finish()?;
    if fields.len() > FIELDS_MAX {
        return Err(body.error(node, format!("[highlight] has more than {FIELDS_MAX} fields")));
    }
    let mut highlight = Highlight { fields, has_own_query: own_query.is_some(), needles: Vec::new() };
    own_query.iter().for_each(|query| gather(query, &mut highlight.needles));
    Ok(highlight)
}

fn style(options: &Options<'_>, usual: &Style) -> Result<Style, EsError> {
    options.accept(&[
        "type",
        "order",
        "force_source",
        "fragmenter",
        "boundary_scanner",
        "boundary_chars",
        "boundary_max_scan",
        "boundary_scanner_locale",
        "max_analyzed_offset",
        "phrase_limit",
        "options",
    ]);
    let first = |name| {
        let texts = options.get(name).map(|node| options.body.texts(node, name)).transpose()?;
        Ok::<_, EsError>(texts.and_then(|texts| texts.into_iter().next()))
    };
    Ok(Style {
        before: first("pre_tags")?.unwrap_or_else(|| usual.before.clone()),
        behind: first("post_tags")?.unwrap_or_else(|| usual.behind.clone()),
        size: options.count("fragment_size")?.unwrap_or(usual.size),
        count: options.count("number_of_fragments")?.unwrap_or(usual.count),
        without: options.count("no_match_size")?.unwrap_or(usual.without),
        own_field: options.flag("require_field_match")?.unwrap_or(usual.own_field),
    })
}

impl Highlight {
    /// Looks for what this query asks, unless there is an own one.
    pub(super) fn look_for(&mut self, query: &LogQuery) {
        if !self.has_own_query {
            gather(query, &mut self.needles);
        }
    }

    /// Appends the object of a hit; nothing when nothing is marked.
    pub(super) fn write(&self, record: &LogRecord, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let mut done: Vec<&str> = Vec::new();
        for field in &self.fields {
            for own in &record.fields {
                let name = &*own.name;
                if done.contains(&name) || !glob::matches(&field.pattern, name) {
                    continue;
                }
                done.push(name);
                let texts = record.fields.iter().filter(|other| other.name == own.name);
                let texts = texts.filter_map(|other| match &other.value {
                    LogValue::Text(text) => Some(text.as_str()),
                    _ => None,
                });
                let pieces = self.pieces(name, &field.style, texts);
                if !pieces.is_empty() {
                    out.push(if out.len() == start { b'{' } else { b',' });
                    json(out, name);
                    out.push(b':');
                    json(out, &pieces);
                }
            }
        }
        if out.len() > start {
            out.push(b'}');
        }
        out.len() > start
    }

    fn pieces<'t>(&self, name: &str, style: &Style, texts: impl Iterator<Item = &'t str>) -> Vec<String> {
        let asks = |needle: &&Needle| !style.own_field || covers(&needle.fields, name);
        let needles: Vec<&Needle> = self.needles.iter().filter(asks).collect();
        let mut pieces = Vec::new();
        for text in texts {
            let mut spans = Vec::new();
            for needle in &needles {
                needle.what.find(text, &mut spans);
            }
            style.cut(text, &merged(spans), &mut pieces);
            if style.count > 0 && pieces.len() >= style.count {
                pieces.truncate(style.count);
                break;
            }
        }
        pieces
    }
}

fn covers(fields: &FieldSelection, name: &str) -> bool {
    let is_it = |asked: &str| {
        glob::matches(asked, name) || asked.strip_suffix(".keyword").is_some_and(|asked| asked == name)
    };
    match fields {
        FieldSelection::Any => true,
        FieldSelection::One(asked) => is_it(asked),
        FieldSelection::Several(all) => all.iter().any(|asked| is_it(asked)),
    }
}

fn gather(query: &LogQuery, needles: &mut Vec<Needle>) {
    match query {
        LogQuery::And(all) | LogQuery::Or(all) | LogQuery::AtLeast { of: all, .. } => {
            all.iter().for_each(|query| gather(query, needles));
        }
        LogQuery::Field(test) => of_test(test, needles),
        LogQuery::All | LogQuery::Nothing | LogQuery::Not(_) | LogQuery::Ids(_) => {}
    }
}

fn of_test(test: &FieldTest, needles: &mut Vec<Needle>) {
    let mut add = |what: What| {
        if needles.len() < NEEDLES_MAX {
            needles.push(Needle { fields: test.fields.clone(), what });
        }
    };
    let folded = |value: &QueryValue| What::Whole(value.text.to_lowercase());
    match &test.test {
        Test::Is { value, .. } => add(folded(value)),
        Test::IsAny { values, .. } => values.iter().for_each(|value| add(folded(value))),
        Test::Words { value, join, prefix_last, .. } => {
            let units = units(&value.text);
            let last = units.len().saturating_sub(1);
            match join {
                Join::Phrase { slop: 0 } => add(What::Words { units, continued: *prefix_last }),
                _ => {
                    for (number, unit) in units.into_iter().enumerate() {
                        add(What::Words { units: vec![unit], continued: *prefix_last && number == last });
                    }
                }
            }
        }
        Test::Prefix { text, .. } => add(What::Prefix(text.to_lowercase())),
        Test::Wildcard { pattern, .. } => {
            if let Some(pattern) = expression(&wildcard(pattern)) {
                add(What::Pattern(pattern));
            }
        }
        Test::Regex { pattern, case } => {
            let flag = if *case == Case::Fold { "(?i)" } else { "" };
            if let Some(pattern) = expression(&format!("{flag}{pattern}")) {
                add(What::Pattern(pattern));
            }
        }
        Test::Exists | Test::Fuzzy { .. } | Test::Range { .. } => {}
    }
}

fn expression(pattern: &str) -> Option<Regex> {
    regex::RegexBuilder::new(pattern).size_limit(PROGRAM_BYTES_MAX).build().ok()
}

/// A pattern of `*`, `?` and `\` as an expression in any case.
fn wildcard(pattern: &str) -> String {
    let mut text = "(?is)^".to_owned();
    let mut signs = pattern.chars();
    while let Some(sign) = signs.next() {
        match sign {
            '*' => text.push_str(".*"),
            '?' => text.push('.'),
            '\\' => text.push_str(&regex::escape(signs.next().unwrap_or('\\').encode_utf8(&mut [0; 4]))),
            sign => text.push_str(&regex::escape(sign.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push('$');
    text
}

/// Words of a query's text, folded; a run of Han characters is one.
fn units(text: &str) -> Vec<String> {
    query::words(text).into_iter().map(str::to_lowercase).collect()
}

impl What {
    fn find(&self, text: &str, spans: &mut Vec<(usize, usize)>) {
        match self {
            What::Words { units, continued } => find_units(units, *continued, text, spans),
            What::Whole(whole) if text.to_lowercase() == *whole => spans.push((0, text.len())),
            What::Whole(word) => by_word(text, spans, |own| own == word),
            What::Prefix(prefix)
                if text.to_lowercase().starts_with(prefix.as_str()) && query::words(prefix) != [prefix] =>
            {
                spans.push((0, text.len()));
            }
            What::Prefix(prefix) => by_word(text, spans, |own| own.starts_with(prefix)),
            What::Pattern(pattern) if pattern.is_match(text) => spans.push((0, text.len())),
            What::Pattern(pattern) => by_word(text, spans, |own| pattern.is_match(own)),
        }
    }
}

fn by_word(text: &str, spans: &mut Vec<(usize, usize)>, matches: impl Fn(&str) -> bool) {
    for word in words(text) {
        if matches(&text[word.start..word.end].to_lowercase()) {
            spans.push((word.start, word.end));
        }
    }
}

/// Every place where the units stand one after the other.
fn find_units(units: &[String], continued: bool, text: &str, spans: &mut Vec<(usize, usize)>) {
    let own: Vec<_> = words(text).collect();
    let mut at = 0;
    while at < own.len() {
        let mut found = Vec::new();
        let mut next = at;
        for (number, unit) in units.iter().enumerate() {
            let Some(word) = own.get(next) else { break };
            let is_last = number + 1 == units.len();
            let characters = if word.han { unit.chars().count() } else { 1 };
            let Some(end) = own.get(next + characters - 1) else { break };
            let folded = text[word.start..end.end].to_lowercase();
            let matches = folded == *unit || (is_last && continued && folded.starts_with(unit.as_str()));
            if !matches {
                break;
            }
            found.push((word.start, end.end));
            next += characters;
        }
        match found.len() == units.len() && !units.is_empty() {
            true => {
                spans.append(&mut found);
                at = next;
            }
            false => at += 1,
        }
    }
}

/// Sorted, none overlapping.
fn merged(mut spans: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    spans.sort_unstable();
    let mut merged: Vec<(usize, usize)> = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        match merged.last_mut() {
            Some((_, last)) if start < *last => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged
}

impl Style {
    /// Adds the pieces of a text around its marks.
    fn cut(&self, text: &str, spans: &[(usize, usize)], pieces: &mut Vec<String>) {
        if spans.is_empty() {
            if self.without > 0 && pieces.is_empty() {
                pieces.push(text.chars().take(self.without).collect());
            }
            return;
        }
        if self.count == 0 || self.size >= text.len() || self.size == 0 {
            pieces.push(self.marked(text, 0, text.len(), spans));
            return;
        }
        let mut rest = spans;
        while let [(first, _), ..] = rest {
            if pieces.len() >= self.count {
                return;
            }
            let start = boundary(text, first.saturating_sub(self.size / 4), true).min(*first);
            let (_, first_end) = rest[0];
            let end = boundary(text, (start + self.size).max(first_end).min(text.len()), false);
            let inside = rest.iter().take_while(|(_, span_end)| *span_end <= end).count().max(1);
            pieces.push(self.marked(text, start, end.max(rest[inside - 1].1), &rest[..inside]));
            rest = &rest[inside..];
        }
    }

    fn marked(&self, text: &str, start: usize, end: usize, spans: &[(usize, usize)]) -> String {
        let mut piece = String::new();
        let mut at = start;
        for (from, to) in spans {
            piece.push_str(&text[at..*from]);
            piece.push_str(&self.before);
            piece.push_str(&text[*from..*to]);
            piece.push_str(&self.behind);
            at = *to;
        }
        piece.push_str(&text[at..end]);
        piece
    }
}

/// A place between two words near a byte: behind it (`forward`) or before it. A text without blanks is cut where it is.
fn boundary(text: &str, mut at: usize, forward: bool) -> usize {
    const NEAR_BYTES: usize = 20;
    if at == 0 || at >= text.len() {
        return at.min(text.len());
    }
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    if forward {
        let blank = text[at..].char_indices().find(|(_, c)| c.is_whitespace());
        return blank
            .filter(|(blank, _)| *blank < NEAR_BYTES)
            .map_or(at, |(blank, c)| at + blank + c.len_utf8());
    }
    text[..at].rfind(char::is_whitespace).filter(|blank| at - *blank < NEAR_BYTES).unwrap_or(at)
}

fn json<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("texts are always JSON, and a Vec takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(style: &Style, query: &str, text: &str, expected: &[&str]) {
        let zone = jiff::tz::TimeZone::UTC;
        let now = lingshao_model::log::LogTime(0);
        let clock = crate::date_math::Clock { now, zone: &zone };
        let parsed = crate::lucene::parse(query, &crate::lucene::Options::elasticsearch(clock)).unwrap();
        let fields = vec![Field { pattern: "*".to_owned(), style: style.clone() }];
        let mut highlight = Highlight { fields, has_own_query: false, needles: Vec::new() };
        highlight.look_for(&parsed.query);
        assert_eq!(highlight.pieces("message", style, std::iter::once(text)), expected, "{query} in {text}");
    }

    #[test]
    fn what_was_asked_is_marked() {
        let whole = Style { count: 0, ..Style::default() };
        let one = |query: &str, text: &str, expected: &str| check(&whole, query, text, &[expected]);
        one("error", "An ERROR, no errors", "An <em>ERROR</em>, no errors");
        one("message:a AND b", "a b c", "<em>a</em> <em>b</em> c");
        one("\"b c\"", "b a b c", "b a <em>b</em> <em>c</em>");
        one("支付", "用户支付失败，支付宝", "用户<em>支付</em>失败，<em>支付</em>宝");
        one("pay*", "Payment paid repay", "<em>Payment</em> paid repay");
        one("message:/api/*", "/api/v1/orders", "<em>/api/v1/orders</em>");
        check(&whole, "a AND NOT b", "b", &[]);
        check(&whole, "level:a", "a", &[]);
        check(&whole, "n:>5", "6", &[]);
    }

    #[test]
    fn long_texts_are_cut_around_their_marks() {
        let style = Style { size: 24, count: 2, ..Style::default() };
        let text =
            format!("{}needle {}needle {}needle", "hay ".repeat(20), "hay ".repeat(20), "hay ".repeat(20));
        check(
            &style,
            "needle",
            &text,
            &["hay <em>needle</em> hay hay hay", "hay <em>needle</em> hay hay hay"],
        );
        let chinese = format!("{}支付{}", "等待".repeat(40), "失败".repeat(40));
        check(&style, "支付", &chinese, &["等待<em>支付</em>失败失败"]);
        check(&Style { without: 3, ..style }, "x", "支付失败", &["支付失"]);
    }
}
