//! Go's own functions (`text/template`, `funcs.go`). `and`, `or` and `call` are run by the machine.

use super::super::escape::{html_escape, js_escape, query_escape};
use super::super::print::{push_printed, sprint, sprintf, sprintln};
use super::super::value::{Basic, Value};
use super::{Args, Outside, Signature, Type, fixed, text, variadic};

pub(super) const FUNCTIONS: &[Signature] = &[
    variadic("and", &[Type::Reflect], Type::Reflect, |_, args| Ok(args.value(0))),
    variadic("call", &[Type::Reflect], Type::Reflect, |_, args| Ok(args.value(0))),
    variadic("html", &[], Type::Any, |_, args| text(html_escape(&joined(args)))),
    variadic("index", &[Type::Reflect], Type::Reflect, index),
    variadic("slice", &[Type::Reflect], Type::Reflect, slice),
    variadic("js", &[], Type::Any, |_, args| text(js_escape(&joined(args)))),
    fixed("len", &[Type::Reflect], length),
    fixed("not", &[Type::Reflect], |_, args| Ok(Value::Bool(!args.value(0).is_true()))),
    variadic("or", &[Type::Reflect], Type::Reflect, |_, args| Ok(args.value(0))),
    variadic("print", &[], Type::Any, |_, args| text(sprint(args.values))),
    variadic("printf", &[Type::Text], Type::Any, |_, args| text(sprintf(args.text(0), &args.values[1..])?)),
    variadic("println", &[], Type::Any, |_, args| text(sprintln(args.values))),
    variadic("urlquery", &[], Type::Any, |_, args| text(query_escape(&joined(args)))),
    variadic("eq", &[Type::Reflect], Type::Reflect, |_, args| equal(args.values).map(Value::Bool)),
    fixed("ge", &[Type::Reflect, Type::Reflect], |_, args| Ok(Value::Bool(!less(args, 0, 1)?))),
    fixed("gt", &[Type::Reflect, Type::Reflect], |_, args| Ok(Value::Bool(!less_or_equal(args)?))),
    fixed("le", &[Type::Reflect, Type::Reflect], |_, args| less_or_equal(args).map(Value::Bool)),
    fixed("lt", &[Type::Reflect, Type::Reflect], |_, args| less(args, 0, 1).map(Value::Bool)),
    fixed("ne", &[Type::Reflect, Type::Reflect], |_, args| Ok(Value::Bool(!equal(args.values)?))),
];

/// The arguments as one text (`evalArgs`).
pub(super) fn joined(args: &Args<'_, '_>) -> String {
    match args.values {
        [Value::Text(text)] => text.as_str().to_owned(),
        [Value::Missing | Value::NilInterface] => "<no value>".to_owned(),
        [one] => {
            let mut out = String::new();
            push_printed(&mut out, one);
            out
        }
        _ => {
            let mut values = args.values.to_vec();
            for value in &mut values {
                if matches!(value, Value::Missing | Value::NilInterface) {
                    *value = Value::text("<no value>");
                }
            }
            sprint(&values)
        }
    }
}

/// A number that may index something of a length or capacity.
fn position(index: &Value<'_>, capacity: usize) -> Result<usize, String> {
    let number = match (index.as_int(), index.as_uint()) {
        (Some(int), _) => i128::from(int),
        (_, Some(uint)) => i128::from(uint),
        _ if matches!(index, Value::Missing | Value::NilInterface) => {
            return Err("cannot index slice/array with nil".to_owned());
        }
        _ => return Err(format!("cannot index slice/array with type {}", index.type_name())),
    };
    usize::try_from(number)
        .ok()
        .filter(|position| *position <= capacity)
        .ok_or_else(|| format!("index out of range: {number}"))
}

fn index<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let mut item = args.value(0);
    if matches!(item, Value::Missing | Value::NilInterface) {
        return Err("index of untyped nil".to_owned());
    }
    for index in &args.values[1..] {
        item = match &item {
            Value::NilInterface | Value::NilSample => return Err("index of nil pointer".to_owned()),
            Value::List(list) => {
                let at = position(index, list.items().len())?;
                list.items().get(at).cloned().ok_or_else(|| out_of_range("slice"))?
            }
            Value::TextMap(map) => Value::Text(map.get(key(index)?).unwrap_or("".into())),
            Value::AnyMap(map) => map.get(key(index)?).cloned().unwrap_or(Value::NilInterface),
            other => match other.as_text() {
                Some(text) => {
                    let at = position(index, text.len())?;
                    Value::Uint8(*text.as_bytes().get(at).ok_or_else(|| out_of_range("string"))?)
                }
                None => {
                    return Err(format!(
                        "can't index item of type {}",
                        other.type_name().trim_start_matches('*')
                    ));
                }
            },
        };
    }
    Ok(item.unwrapped())
}

/// What `reflect` panics with.
fn out_of_range(what: &str) -> String {
    format!("reflect: {what} index out of range")
}

fn key<'v>(index: &'v Value<'_>) -> Result<&'v str, String> {
    match index {
        Value::Text(text) => Ok(text.as_str()),
        Value::Missing | Value::NilInterface => Err("value is nil; should be of type string".to_owned()),
        other => Err(format!("value has type {}; should be string", other.type_name())),
    }
}

fn slice<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let item = args.value(0);
    let indexes = &args.values[1..];
    if matches!(item, Value::Missing | Value::NilInterface) {
        return Err("slice of untyped nil".to_owned());
    }
    if matches!(item, Value::NilSample) {
        return Err("slice of nil pointer".to_owned());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()));
    }
    let (capacity, length) = match (&item, item.as_text()) {
        (_, Some(_)) if indexes.len() == 3 => return Err("cannot 3-index slice a string".to_owned()),
        (_, Some(text)) => (text.len(), text.len()),
        (Value::List(list), _) => (list.capacity(), list.items().len()),
        _ => return Err(format!("can't slice item of type {}", item.type_name().trim_start_matches('*'))),
    };
    let mut bounds = [0, length, capacity];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, capacity)?;
    }
    for pair in bounds[..indexes.len().max(2)].windows(2) {
        if pair[0] > pair[1] {
            return Err(format!("invalid slice index: {} > {}", pair[0], pair[1]));
        }
    }
    let part: Value<'a> = match &item {
        Value::List(list) => Value::List(list.slice(bounds[0], bounds[1])),
        _ => {
            // Texts are UTF-8 here: half a character becomes the replacement character.
            let bytes = item.as_text().unwrap_or("").as_bytes();
            let part = String::from_utf8_lossy(&bytes[bounds[0]..bounds[1]]).into_owned();
            text(part)?
        }
    };
    Ok(part)
}

fn length<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let item = args.value(0);
    let length = match (&item, item.as_text()) {
        (_, Some(text)) => text.len(),
        (Value::List(list), _) => list.items().len(),
        (Value::TextMap(map), _) => map.len(),
        (Value::AnyMap(map), _) => map.entries().len(),
        (Value::NilSample | Value::NilInterface, _) => return Err("len of nil pointer".to_owned()),
        (Value::Missing, _) => return Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        _ => return Err(format!("len of type {}", item.type_name().trim_start_matches('*'))),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// Whether the first equals any of the others.
fn equal(values: &[Value<'_>]) -> Result<bool, String> {
    let [first, others @ ..] = values else { return Err("missing argument for comparison".to_owned()) };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal_pair(&first.clone().unwrapped(), &other.clone().unwrapped())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_pair(left: &Value<'_>, right: &Value<'_>) -> Result<bool, String> {
    let (left_kind, right_kind) = (left.basic(), right.basic());
    if left_kind != right_kind {
        return match (left.as_int(), left.as_uint(), right.as_int(), right.as_uint()) {
            (Some(int), _, _, Some(uint)) | (_, Some(uint), Some(int), _) => {
                Ok(u64::try_from(int) == Ok(uint))
            }
            _ if left.is_missing() || right.is_missing() => Ok(false),
            _ => Err(incompatible(left, right)),
        };
    }
    Ok(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Float(left), Value::Float(right)) => left == right,
        _ => match left_kind {
            Basic::Int => left.as_int() == right.as_int(),
            Basic::Uint => left.as_uint() == right.as_uint(),
            Basic::Text => left.as_text() == right.as_text(),
            _ => return equal_others(left, right),
        },
    })
}

fn incompatible(left: &Value<'_>, right: &Value<'_>) -> String {
    format!("incompatible types for comparison: {} and {}", left.type_name(), right.type_name())
}

/// What is neither number, text nor truth.
fn equal_others(left: &Value<'_>, right: &Value<'_>) -> Result<bool, String> {
    let is_nil = |value: &Value<'_>| matches!(value, Value::Missing | Value::NilInterface | Value::NilSample);
    if is_nil(left) || is_nil(right) {
        return Ok(is_nil(left) && is_nil(right));
    }
    match (left, right) {
        (Value::Time(left, left_held), Value::Time(right, right_held)) if left_held == right_held => {
            Ok(left == right)
        }
        (Value::Pair(left), Value::Pair(right)) => {
            let same = |one: &str, other: &str| one == other;
            Ok(same(left.0.as_str(), right.0.as_str()) && same(left.1.as_str(), right.1.as_str()))
        }
        (Value::Sample(left), Value::Sample(right)) => Ok(std::rc::Rc::ptr_eq(left, right)),
        (Value::Location(left), Value::Location(right)) => Ok(left == right),
        _ if kind_name(left) != kind_name(right) => Err(format!(
            "non-comparable types {}: {}, {}: {}",
            in_words(left),
            left.type_name(),
            right.type_name(),
            sprint(std::slice::from_ref(right))
        )),
        _ if holds_maps(right) => {
            Err(format!("non-comparable type {}: {}", in_words(right), right.type_name()))
        }
        _ => Ok(false),
    }
}

/// Whether Go cannot compare values of the type.
fn holds_maps(value: &Value<'_>) -> bool {
    matches!(value, Value::TextMap(_) | Value::AnyMap(_) | Value::List(_) | Value::Alert(_) | Value::Rule(_))
}

/// As `%s` shows it.
fn in_words(value: &Value<'_>) -> String {
    sprintf("%s", std::slice::from_ref(value)).unwrap_or_default()
}

/// `reflect.Kind` of what is neither number, text nor truth.
fn kind_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::TextMap(_) | Value::AnyMap(_) => "map",
        Value::List(_) => "slice",
        _ if value.type_name().starts_with('*') => "ptr",
        _ => "struct",
    }
}

fn less(args: &Args<'_, '_>, left: usize, right: usize) -> Result<bool, String> {
    let (left, right) = (args.value(left).unwrapped(), args.value(right).unwrapped());
    let bad = || "invalid type for comparison".to_owned();
    let (left_kind, right_kind) = (left.basic(), right.basic());
    if left_kind == Basic::Other || right_kind == Basic::Other {
        return Err(bad());
    }
    if left_kind != right_kind {
        return match (left.as_int(), left.as_uint(), right.as_int(), right.as_uint()) {
            (Some(left), _, _, Some(right)) => Ok(i128::from(left) < i128::from(right)),
            (_, Some(left), Some(right), _) => Ok(i128::from(left) < i128::from(right)),
            _ => Err(incompatible(&left, &right)),
        };
    }
    match (left_kind, &left, &right) {
        (_, Value::Float(left), Value::Float(right)) => Ok(left < right),
        (Basic::Int, ..) => Ok(left.as_int() < right.as_int()),
        (Basic::Uint, ..) => Ok(left.as_uint() < right.as_uint()),
        (Basic::Text, ..) => Ok(left.as_text() < right.as_text()),
        _ => Err(bad()),
    }
}

fn less_or_equal(args: &Args<'_, '_>) -> Result<bool, String> {
    Ok(less(args, 0, 1)? || equal(args.values)?)
}

/// What `call` says: nothing here is a function.
pub(in super::super) fn call_error(name: &str, value: &Value<'_>) -> String {
    match value {
        Value::Missing | Value::NilInterface => "call of nil".to_owned(),
        other => format!("non-function {name} of type {}", other.type_name()),
    }
}
