//! What templates may call, with the types that Go's functions take.

mod alertmanager;
mod builtin;
mod methods;
mod prometheus;

use lingshao_model::{Labels, Timestamp};
use regex::Regex;

use super::time::Zone;
use super::value::{Held, List, ListKind, Text, TextMap, Value};
use super::{FunctionSet, OUTPUT_BYTES_MAX, QUERIES_MAX};

pub(super) use builtin::call_error;
pub(super) use methods::of as method;

/// A parameter's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// `interface {}`: takes anything, nil too.
    Any,
    /// `reflect.Value`: takes anything, also nothing at all.
    Reflect,
    Text,
    Int,
    Texts,
    Anys,
    Samples,
    Sample,
    Time,
    Duration,
    Location,
}

impl Type {
    pub(super) fn name(self) -> &'static str {
        match self {
            Type::Any => "interface {}",
            Type::Reflect => "reflect.Value",
            Type::Text => "string",
            Type::Int => "int",
            Type::Texts => "[]string",
            Type::Anys => "[]interface {}",
            Type::Samples => "template.queryResult",
            Type::Sample => "*template.sample",
            Type::Time => "time.Time",
            Type::Duration => "time.Duration",
            Type::Location => "*time.Location",
        }
    }

    /// Whether a value may be handed over as it is, or through its pointer.
    pub(super) fn takes(self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Type::Any | Type::Reflect, _)
            | (Type::Text, Value::Text(_))
            | (Type::Int, Value::Int(_))
            | (Type::Sample, Value::Sample(_) | Value::NilSample)
            | (Type::Time, Value::Time(..))
            | (Type::Duration, Value::Duration(..))
            | (Type::Location, Value::Location(_)) => true,
            (_, Value::List(list)) => match self {
                Type::Texts => list.kind == ListKind::Texts,
                Type::Anys => list.kind == ListKind::Any,
                Type::Samples => list.kind == ListKind::Samples,
                _ => false,
            },
            _ => false,
        }
    }

    /// What nil, or nothing, is as this type; nothing when it cannot be nil.
    pub(super) fn nil<'a>(self) -> Option<Value<'a>> {
        match self {
            Type::Any => Some(Value::NilInterface),
            Type::Reflect => Some(Value::Missing),
            Type::Texts => Some(Value::List(List::flat(ListKind::Texts, Vec::new()))),
            Type::Anys => Some(Value::List(List::flat(ListKind::Any, Vec::new()))),
            Type::Samples => Some(Value::List(List::flat(ListKind::Samples, Vec::new()))),
            Type::Sample => Some(Value::NilSample),
            Type::Location => Some(Value::Location(Zone::Utc)),
            Type::Text | Type::Int | Type::Time | Type::Duration => None,
        }
    }
}

/// What a function is given.
pub(super) struct Args<'b, 'a> {
    /// Of the types of the signature; a method's own value comes first.
    pub(super) values: &'b [Value<'a>],
    /// The first argument compiled, when it was a constant.
    pub(super) pattern: Option<&'b Regex>,
}

impl<'a> Args<'_, 'a> {
    fn text(&self, index: usize) -> &str {
        self.values.get(index).and_then(Value::as_text).unwrap_or("")
    }

    fn value(&self, index: usize) -> Value<'a> {
        self.values.get(index).cloned().unwrap_or(Value::Missing)
    }

    fn list(&self, index: usize) -> &[Value<'a>] {
        match self.values.get(index) {
            Some(Value::List(list)) => list.items(),
            _ => &[],
        }
    }
}

/// The world as functions see it.
pub(super) struct Outside<'o> {
    pub(super) now: Timestamp,
    pub(super) local: Zone,
    pub(super) external_url: &'o str,
    pub(super) query: Option<Asker<'o>>,
    pub(super) queries: usize,
}

/// Answers queries.
pub(super) type Asker<'o> = &'o mut dyn FnMut(&str, Timestamp) -> Result<Vec<(Labels, f64)>, String>;

impl Outside<'_> {
    /// Asks, at most [`QUERIES_MAX`] times.
    fn ask(&mut self, expression: &str) -> Result<Vec<(Labels, f64)>, String> {
        if self.queries >= QUERIES_MAX {
            return Err(format!("more than {QUERIES_MAX} queries in one template"));
        }
        self.queries += 1;
        match &mut self.query {
            Some(query) => query(expression, self.now),
            None => Err("queries cannot be answered here".to_owned()),
        }
    }
}

type Run = for<'a> fn(&mut Outside<'_>, &Args<'_, 'a>) -> Result<Value<'a>, String>;

/// A function or method; the last of more arguments than parameters go to the variadic one.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Type],
    pub(super) variadic: Option<Type>,
    pub(super) run: Run,
}

pub(super) type Function = &'static Signature;

const fn fixed(name: &'static str, parameters: &'static [Type], run: Run) -> Signature {
    Signature { name, parameters, variadic: None, run }
}

const fn variadic(name: &'static str, parameters: &'static [Type], rest: Type, run: Run) -> Signature {
    Signature { name, parameters, variadic: Some(rest), run }
}

/// The function of that name: the set's own come before Go's.
pub(super) fn find(set: FunctionSet, name: &str) -> Option<Function> {
    let own = match set {
        FunctionSet::Prometheus => prometheus::FUNCTIONS,
        FunctionSet::Alertmanager => alertmanager::FUNCTIONS,
    };
    own.iter().chain(builtin::FUNCTIONS).find(|function| function.name == name)
}

/// What `html` or `urlquery` gives where the output escapes like them: the text as it is, or a URL's part that is done.
pub(super) fn once_escaped<'a>(
    outside: &mut Outside<'_>,
    function: Function,
    args: &Args<'_, 'a>,
) -> Result<Value<'a>, String> {
    if function.name == "html" {
        return text(builtin::joined(args));
    }
    Ok(match (function.run)(outside, args)? {
        Value::Text(text) => Value::Url(text),
        other => other,
    })
}

/// A text as a value, unless it is longer than a template may write.
fn text<'a>(text: String) -> Result<Value<'a>, String> {
    if text.len() > OUTPUT_BYTES_MAX {
        return Err(format!("text longer than {OUTPUT_BYTES_MAX} bytes"));
    }
    Ok(Value::Text(text.into()))
}

/// Name and value of Alertmanager's `SortedPairs`: `alertname` comes first.
pub(super) fn sorted_pairs<'a>(map: &TextMap<'a>) -> Vec<(Text<'a>, Text<'a>)> {
    let mut pairs = map.entries();
    if let Some(at) = pairs.iter().position(|(name, _)| name.as_str() == "alertname") {
        pairs[..=at].rotate_right(1);
    }
    pairs
}

fn texts<'a>(items: impl Iterator<Item = Text<'a>>) -> Value<'a> {
    Value::List(List::flat(ListKind::Texts, items.map(Value::Text).collect()))
}

/// The pattern of a call, compiled; the error is in Go's frame, the reason in ours.
fn pattern(args: &Args<'_, '_>) -> Result<Regex, String> {
    if let Some(pattern) = args.pattern {
        return Ok(pattern.clone());
    }
    lingshao_model::unanchored_regex(args.text(0)).map_err(|error| {
        let lingshao_model::MatcherError::Regex { reason, .. } = error;
        format!("error parsing regexp: {reason}")
    })
}

fn is_match<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    Ok(Value::Bool(pattern(args)?.is_match(args.text(1))))
}

fn replace_all<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let pattern = pattern(args)
        .map_err(|reason| format!("regexp: Compile({}): {reason}", super::number::quote_raw(args.text(0))))?;
    let (template, source) = (args.text(1), args.text(2));
    let mut out = String::with_capacity(source.len());
    let mut copied = 0;
    for captures in pattern.captures_iter(source) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&source[copied..whole.start()]);
        lingshao_model::expand_template(&captures, template, &mut out);
        copied = whole.end();
        if out.len() > OUTPUT_BYTES_MAX {
            break; // `text` refuses it.
        }
    }
    out.push_str(&source[copied..]);
    text(out)
}

fn upper<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    text(args.text(0).chars().map(upper_character).collect())
}

fn lower<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    text(args.text(0).chars().map(lower_character).collect())
}

/// One character for one, as `unicode.ToUpper`.
fn upper_character(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

fn lower_character(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

fn safe_html<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    Ok(match args.value(0) {
        Value::Text(text) => Value::Html(text),
        other => other,
    })
}

/// A number from what `humanize…` and `to…` take.
fn to_float(value: &Value<'_>) -> Result<f64, String> {
    match value {
        Value::Float(float) => Ok(*float),
        Value::Text(text) => super::number::parse_float(text.as_str()),
        Value::Int(int) | Value::Int64(int) => Ok(*int as f64),
        Value::Duration(nanos, Held::Plain) => Ok(super::time::duration_in(*nanos, super::time::SECOND)),
        Value::NilInterface => Err("can't convert <nil> to float".to_owned()),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

fn short(value: f64) -> String {
    super::number::format_float(value, 'g', Some(4))
}

fn humanize_duration<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let seconds = to_float(&args.value(0))?;
    let magnitude = seconds.abs();
    text(if !seconds.is_finite() {
        short(seconds)
    } else if seconds == 0.0 {
        format!("{}s", short(seconds))
    } else if magnitude >= 1.0 {
        let sign = if seconds < 0.0 { "-" } else { "" };
        let whole = magnitude as i64;
        let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
        if days != 0 {
            format!("{sign}{days}d {hours}h {minutes}m {rest}s")
        } else if hours != 0 {
            format!("{sign}{hours}h {minutes}m {rest}s")
        } else if minutes != 0 {
            format!("{sign}{minutes}m {rest}s")
        } else {
            format!("{sign}{}s", short(magnitude))
        }
    } else {
        let (scaled, prefix) = scaled_up(seconds);
        format!("{}{prefix}s", short(scaled))
    })
}

/// A number below 1 in thousandths, millionths and so on.
fn scaled_up(value: f64) -> (f64, &'static str) {
    let mut scaled = (value, "");
    for prefix in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if scaled.0.abs() >= 1.0 {
            break;
        }
        scaled = (scaled.0 * 1000.0, prefix);
    }
    scaled
}
