//! The functions of notifications (`prometheus/alertmanager`, `template/template.go`).

use std::rc::Rc;

use super::super::escape::{base64_decode, base64_encode, percent_decode};
use super::super::json;
use super::super::number::quote;
use super::super::time::{self, Time, Zone};
use super::super::value::{AnyMap, Held, List, ListKind, Text, Value};
use super::{
    Args, Outside, Signature, Type, fixed, humanize_duration, is_match, lower, replace_all, safe_html, text,
    upper, variadic,
};

pub(super) const FUNCTIONS: &[Signature] = &[
    fixed("toUpper", &[Type::Text], upper),
    fixed("toLower", &[Type::Text], lower),
    fixed("title", &[Type::Text], title),
    fixed("trimSpace", &[Type::Text], |_, args| text(args.text(0).trim().to_owned())),
    fixed("join", &[Type::Text, Type::Texts], join),
    fixed("match", &[Type::Text, Type::Text], is_match),
    fixed("safeHtml", &[Type::Text], safe_html),
    fixed("safeUrl", &[Type::Text], |_, args| match args.value(0) {
        Value::Text(text) => Ok(Value::Url(text)),
        other => Ok(other),
    }),
    fixed("urlUnescape", &[Type::Text], url_unescape),
    fixed("reReplaceAll", &[Type::Text, Type::Text, Type::Text], replace_all),
    variadic("stringSlice", &[], Type::Text, |_, args| {
        Ok(Value::List(List::flat(ListKind::Texts, args.values.to_vec())))
    }),
    fixed("date", &[Type::Text, Type::Time], |_, args| text(time_of(args, 1).format(args.text(0)))),
    fixed("tz", &[Type::Text, Type::Time], |outside, args| {
        let zone = Zone::load(args.text(0), &outside.local)?;
        Ok(Value::Time(time_of(args, 1).within(zone), Held::Plain))
    }),
    fixed("now", &[], |outside, _| {
        Ok(Value::Time(Time::from(outside.now).within(outside.local.clone()), Held::Plain))
    }),
    fixed("since", &[Type::Time], |outside, args| {
        Ok(Value::Duration(Time::from(outside.now).since(&time_of(args, 0)), Held::Plain))
    }),
    fixed("humanizeDuration", &[Type::Any], humanize_duration),
    fixed("toDate", &[Type::Text, Type::Text], |outside, args| {
        let time =
            time::parse(args.text(0), args.text(1), outside.local.clone()).unwrap_or_else(|_| Time::zero());
        Ok(Value::Time(time, Held::Plain))
    }),
    fixed("mustToDate", &[Type::Text, Type::Text], |outside, args| {
        let time = time::parse(args.text(0), args.text(1), outside.local.clone())?;
        Ok(Value::Time(time, Held::Plain))
    }),
    fixed("toJson", &[Type::Any], |_, args| text(json::to_json(&args.value(0))?)),
    fixed("base64encode", &[Type::Text], |_, args| text(base64_encode(args.text(0).as_bytes()))),
    fixed("base64decode", &[Type::Text], |_, args| {
        let bytes =
            base64_decode(args.text(0)).map_err(|at| format!("illegal base64 data at input byte {at}"))?;
        text(String::from_utf8_lossy(&bytes).into_owned())
    }),
    variadic("list", &[], Type::Any, |_, args| {
        Ok(Value::List(List::new(ListKind::Any, args.values.to_vec())?))
    }),
    variadic("append", &[Type::Anys], Type::Any, |_, args| {
        let items = args.list(0).iter().chain(&args.values[1..]).cloned().collect();
        Ok(Value::List(List::new(ListKind::Any, items)?))
    }),
    variadic("dict", &[], Type::Any, dict),
    fixed("routeLabels", &[], |_, _| Ok(no_labels())),
];

/// Routes have no labels of their own here.
fn no_labels<'a>() -> Value<'a> {
    let pairs = super::super::value::Pairs::Listed(Rc::new([]));
    Value::TextMap(super::TextMap { pairs, is_kv: true })
}

fn time_of(args: &Args<'_, '_>, index: usize) -> Time {
    match args.values.get(index) {
        Some(Value::Time(time, _)) => time.clone(),
        _ => Time::zero(),
    }
}

/// Every word's first letter in upper case, all others in lower case (`cases.Title` of `golang.org/x/text`).
fn title<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let source = args.text(0);
    let mut out = String::with_capacity(source.len());
    let mut in_word = false;
    let mut characters = source.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        // A mark between two letters, or between two digits, does not end a word (Unicode annex 29).
        let next = characters.peek().copied().unwrap_or(' ');
        let joins = match character {
            '\'' | '.' | '’' => in_word && joined(before, next, true),
            ':' | '·' => in_word && joined(before, next, false),
            ',' | ';' => in_word && before.is_numeric() && next.is_numeric(),
            '_' => true,
            _ => false,
        };
        if character.is_alphabetic() && !in_word {
            out.extend(character.to_uppercase());
            in_word = true;
        } else {
            out.extend(character.to_lowercase());
            in_word =
                joins && in_word || character.is_alphabetic() || (in_word && character.is_alphanumeric());
        }
        before = character;
    }
    text(out)
}

/// As `golang.org/x/text` does it: of marks that may join digits either side may be one.
fn joined(before: char, next: char, digits_too: bool) -> bool {
    let part = |character: char| character.is_alphabetic() || (digits_too && character.is_numeric());
    part(before) && part(next)
}

fn join<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let mut out = String::new();
    for (index, item) in args.list(1).iter().enumerate() {
        if index > 0 {
            out.push_str(args.text(0));
        }
        out.push_str(item.as_text().unwrap_or(""));
        if out.len() > super::OUTPUT_BYTES_MAX {
            break; // `text` refuses it.
        }
    }
    text(out)
}

/// `url.QueryUnescape`
fn url_unescape<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let written = args.text(0).replace('+', " ");
    match percent_decode(&written) {
        Some(decoded) => text(decoded),
        None => {
            let at = super::super::escape::bad_escape(&written);
            Err(format!(
                "invalid URL escape {}",
                quote(&args.text(0)[at..].chars().take(3).collect::<String>())
            ))
        }
    }
}

fn dict<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    if !args.values.len().is_multiple_of(2) {
        return Err("dict needs a value for every key".to_owned());
    }
    let mut entries: Vec<(Text<'a>, Value<'a>)> = Vec::with_capacity(args.values.len() / 2);
    for pair in args.values.chunks_exact(2) {
        let Value::Text(name) = &pair[0] else {
            return Err(format!("dict keys must be strings, not {}", pair[0].type_name()));
        };
        entries.push((name.clone(), pair[1].clone()));
    }
    Ok(Value::AnyMap(Rc::new(AnyMap::new(entries)?)))
}
