//! What templates compute with: Go's values as far as rules and notifications hand them out, with their types' names.

use std::rc::Rc;

use lingshao_model::{Annotations, Labels};

use super::RuleData;
use super::data::{AlertView, NotificationView};
use super::time::{Time, Zone};

/// Deepest nesting of lists and maps that functions may build; recursion over them must end before the stack does.
pub(super) const DEPTH_MAX: usize = 32;

/// A text that is cheap to hand on.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Shared(Rc<str>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Text::Shared(text.into())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text::Borrowed(text)
    }
}

#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    /// No value at all: prints `<no value>`, is false, equals nil.
    Missing,
    /// A nil inside an `interface {}`: turns missing as soon as a pipeline ends.
    NilInterface,
    /// A nil pointer, of a type that functions take.
    NilSample,
    Bool(bool),
    Int(i64),
    Int64(i64),
    Uint8(u8),
    Float(f64),
    Text(Text<'a>),
    /// A text that is HTML already (`safeHtml`).
    Html(Text<'a>),
    /// A text that is a safe URL already (`safeUrl`).
    Url(Text<'a>),
    Month(i64),
    Weekday(i64),
    Duration(i64, Held),
    Time(Time, Held),
    Location(Zone),
    TextMap(TextMap<'a>),
    AnyMap(Rc<AnyMap<'a>>),
    List(List<'a>),
    Rule(&'a RuleData<'a>),
    Notification(Rc<NotificationView<'a>>),
    Alert(&'a AlertView<'a>),
    Pair(Rc<(Text<'a>, Text<'a>)>),
    Sample(Rc<Sample>),
}

/// Whether Go's function gives the thing itself or a pointer to it; matters for type names and comparison only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Plain,
    Pointer,
}

/// An element of a query's result.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// `map[string]string`, or Alertmanager's `KV`, which has methods.
#[derive(Clone, Debug)]
pub(super) struct TextMap<'a> {
    pub(super) pairs: Pairs<'a>,
    pub(super) is_kv: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Pairs<'a> {
    Labels(&'a Labels),
    Annotations(&'a Annotations),
    SampleLabels(Rc<Sample>),
    /// Sorted by name.
    Listed(Rc<[(Text<'a>, Text<'a>)]>),
}

impl<'a> TextMap<'a> {
    /// Name and value, sorted by name.
    pub(super) fn entries(&self) -> Vec<(Text<'a>, Text<'a>)> {
        match &self.pairs {
            Pairs::Labels(labels) => labels.iter().map(|(n, v)| (n.into(), v.into())).collect(),
            Pairs::Annotations(texts) => texts.iter().map(|(n, v)| (n.into(), v.into())).collect(),
            Pairs::SampleLabels(sample) => {
                sample.labels.iter().map(|(n, v)| (n.to_owned().into(), v.to_owned().into())).collect()
            }
            Pairs::Listed(pairs) => pairs.to_vec(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Text<'a>> {
        match &self.pairs {
            Pairs::Labels(labels) => labels.get(name).map(Text::Borrowed),
            Pairs::Annotations(texts) => texts.get(name).map(Text::Borrowed),
            Pairs::SampleLabels(sample) => sample.labels.get(name).map(|value| value.to_owned().into()),
            Pairs::Listed(pairs) => {
                let at = pairs.binary_search_by(|(own, _)| own.as_str().cmp(name)).ok()?;
                Some(pairs[at].1.clone())
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.pairs {
            Pairs::Labels(labels) => labels.len(),
            Pairs::Annotations(texts) => texts.iter().count(),
            Pairs::SampleLabels(sample) => sample.labels.len(),
            Pairs::Listed(pairs) => pairs.len(),
        }
    }
}

/// `map[string]interface {}`
#[derive(Debug)]
pub(super) struct AnyMap<'a> {
    /// Sorted by name.
    entries: Vec<(Text<'a>, Value<'a>)>,
    depth: usize,
}

impl<'a> AnyMap<'a> {
    /// Of two values under one name the later stays; an error when it is too deep.
    pub(super) fn new(entries: Vec<(Text<'a>, Value<'a>)>) -> Result<AnyMap<'a>, String> {
        let mut sorted: Vec<(Text<'a>, Value<'a>)> = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            match sorted.binary_search_by(|(own, _)| own.as_str().cmp(name.as_str())) {
                Ok(at) => sorted[at].1 = value,
                Err(at) => sorted.insert(at, (name, value)),
            }
        }
        let depth = depth_of(sorted.iter().map(|(_, value)| value))?;
        Ok(AnyMap { entries: sorted, depth })
    }

    pub(super) fn entries(&self) -> &[(Text<'a>, Value<'a>)] {
        &self.entries
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value<'a>> {
        let at = self.entries.binary_search_by(|(own, _)| own.as_str().cmp(name)).ok()?;
        Some(&self.entries[at].1)
    }
}

/// What a list holds, by Go's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    /// `[]string`
    Texts,
    /// `[]interface {}`
    Any,
    /// `template.Alerts`, which has methods.
    Alerts,
    /// `[]template.Alert`
    AlertSlice,
    /// `template.Pairs`, which has methods.
    Pairs,
    /// `template.queryResult`
    Samples,
}

#[derive(Clone, Debug)]
pub(super) struct List<'a> {
    pub(super) kind: ListKind,
    /// What Go calls the array behind the slice.
    array: Rc<[Value<'a>]>,
    start: usize,
    length: usize,
    depth: usize,
}

impl<'a> List<'a> {
    /// An error when it is too deep.
    pub(super) fn new(kind: ListKind, items: Vec<Value<'a>>) -> Result<List<'a>, String> {
        let depth = depth_of(items.iter())?;
        Ok(List { kind, start: 0, length: items.len(), array: items.into(), depth })
    }

    /// Of things that are no lists or maps of anything.
    pub(super) fn flat(kind: ListKind, items: Vec<Value<'a>>) -> List<'a> {
        List { kind, start: 0, length: items.len(), array: items.into(), depth: 1 }
    }

    pub(super) fn items(&self) -> &[Value<'a>] {
        &self.array[self.start..self.start + self.length]
    }

    /// Up to where it may be sliced.
    pub(super) fn capacity(&self) -> usize {
        self.array.len() - self.start
    }

    /// The part from `from` to `to`, both within the capacity.
    pub(super) fn slice(&self, from: usize, to: usize) -> List<'a> {
        List { start: self.start + from, length: to - from, ..self.clone() }
    }
}

fn depth_of<'v, 'a: 'v>(values: impl Iterator<Item = &'v Value<'a>>) -> Result<usize, String> {
    let deepest = values
        .map(|value| match value {
            Value::List(list) => list.depth,
            Value::AnyMap(map) => map.depth,
            _ => 0,
        })
        .max();
    match deepest.unwrap_or(0) + 1 {
        depth if depth > DEPTH_MAX => Err(format!("more than {DEPTH_MAX} lists within each other")),
        depth => Ok(depth),
    }
}

/// Classes of values that compare and count alike (`reflect.Kind`, coarsely).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basic {
    Bool,
    Int,
    Uint,
    Float,
    Text,
    Other,
}

impl<'a> Value<'a> {
    pub(super) fn text(text: impl Into<Text<'a>>) -> Value<'a> {
        Value::Text(text.into())
    }

    /// A string in Go's sense, of whatever name.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Html(text) | Value::Url(text) => Some(text.as_str()),
            _ => None,
        }
    }

    pub(super) fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(int) | Value::Int64(int) | Value::Month(int) | Value::Weekday(int) => Some(*int),
            Value::Duration(nanos, Held::Plain) => Some(*nanos),
            _ => None,
        }
    }

    pub(super) fn as_uint(&self) -> Option<u64> {
        match self {
            Value::Uint8(byte) => Some(u64::from(*byte)),
            _ => None,
        }
    }

    pub(super) fn basic(&self) -> Basic {
        match self {
            Value::Bool(_) => Basic::Bool,
            Value::Float(_) => Basic::Float,
            _ if self.as_int().is_some() => Basic::Int,
            _ if self.as_uint().is_some() => Basic::Uint,
            _ if self.as_text().is_some() => Basic::Text,
            _ => Basic::Other,
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Value::Missing)
    }

    /// What is left of an interface when one looks into it.
    pub(super) fn unwrapped(self) -> Value<'a> {
        if matches!(self, Value::NilInterface) { Value::Missing } else { self }
    }

    /// `IsTrue` of `text/template`: not the zero of its type, and not empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Missing | Value::NilInterface | Value::NilSample => false,
            Value::Bool(value) => *value,
            Value::Float(value) => *value != 0.0,
            Value::TextMap(map) => map.len() > 0,
            Value::AnyMap(map) => !map.entries.is_empty(),
            Value::List(list) => list.length > 0,
            _ => match (self.as_int(), self.as_uint(), self.as_text()) {
                (Some(int), ..) => int != 0,
                (_, Some(uint), _) => uint != 0,
                (_, _, Some(text)) => !text.is_empty(),
                _ => true,
            },
        }
    }

    /// As Go names the type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Missing => "<nil>",
            Value::NilInterface => "interface {}",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Int64(_) => "int64",
            Value::Uint8(_) => "uint8",
            Value::Float(_) => "float64",
            Value::Text(_) => "string",
            Value::Html(_) => "template.HTML",
            Value::Url(_) => "template.URL",
            Value::Month(_) => "time.Month",
            Value::Weekday(_) => "time.Weekday",
            Value::Duration(_, Held::Plain) => "time.Duration",
            Value::Duration(_, Held::Pointer) => "*time.Duration",
            Value::Time(_, Held::Plain) => "time.Time",
            Value::Time(_, Held::Pointer) => "*time.Time",
            Value::Location(_) => "*time.Location",
            Value::TextMap(map) if map.is_kv => "template.KV",
            Value::TextMap(_) => "map[string]string",
            Value::AnyMap(_) => "map[string]interface {}",
            Value::List(list) => match list.kind {
                ListKind::Texts => "[]string",
                ListKind::Any => "[]interface {}",
                ListKind::Alerts => "template.Alerts",
                ListKind::AlertSlice => "[]template.Alert",
                ListKind::Pairs => "template.Pairs",
                ListKind::Samples => "template.queryResult",
            },
            Value::Rule(_) => {
                "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; \
                 Value float64 }"
            }
            Value::Notification(_) => "*template.Data",
            Value::Alert(_) => "template.Alert",
            Value::Pair(_) => "template.Pair",
            Value::Sample(_) | Value::NilSample => "*template.sample",
        }
    }
}
