//! The methods of times, durations, Alertmanager's alerts and pairs.

use std::collections::HashSet;
use std::rc::Rc;

use super::super::print::own_text;
use super::super::time::{Time, Zone, duration_in, duration_stepped};
use super::super::value::{Held, List, ListKind, Pairs, Text, TextMap, Value};
use super::{Args, Function, Outside, Signature, Type, fixed, sorted_pairs, text, texts};

const MINUTE: i64 = 60 * super::super::time::SECOND;

/// The method of that name.
pub(in super::super) fn of(value: &Value<'_>, name: &str) -> Option<Function> {
    let methods: &'static [Signature] = match value {
        Value::Time(..) => TIME,
        Value::Duration(..) => DURATION,
        Value::Month(_) | Value::Weekday(_) | Value::Location(_) => NAMED,
        Value::TextMap(map) if map.is_kv => KV,
        Value::List(list) => match list.kind {
            ListKind::Alerts => ALERTS,
            ListKind::Pairs => PAIRS,
            _ => return None,
        },
        _ => return None,
    };
    methods.iter().find(|method| method.name == name)
}

/// Go's `String`.
fn string<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    text(own_text(&args.value(0)).unwrap_or_default())
}

static NAMED: &[Signature] = &[fixed("String", &[], string)];

static TIME: &[Signature] = &[
    fixed("String", &[], string),
    fixed("Format", &[Type::Text], |_, args| text(time(args, 0).format(args.text(1)))),
    fixed("Unix", &[], |_, args| Ok(Value::Int64(time(args, 0).unix(1)))),
    fixed("UnixMilli", &[], |_, args| Ok(Value::Int64(time(args, 0).unix(1000)))),
    fixed("UnixMicro", &[], |_, args| Ok(Value::Int64(time(args, 0).unix(1_000_000)))),
    fixed("UnixNano", &[], |_, args| Ok(Value::Int64(time(args, 0).unix(1_000_000_000)))),
    fixed("Add", &[Type::Duration], |_, args| Ok(moment(time(args, 0).add(duration(args, 1))))),
    fixed("Sub", &[Type::Time], |_, args| {
        Ok(Value::Duration(time(args, 0).since(&time(args, 1)), Held::Plain))
    }),
    fixed("AddDate", &[Type::Int, Type::Int, Type::Int], |_, args| {
        Ok(moment(time(args, 0).add_date(int(args, 1), int(args, 2), int(args, 3))))
    }),
    fixed("Truncate", &[Type::Duration], |_, args| {
        Ok(moment(time(args, 0).stepped(duration(args, 1), false)))
    }),
    fixed("Round", &[Type::Duration], |_, args| Ok(moment(time(args, 0).stepped(duration(args, 1), true)))),
    fixed("Year", &[], |_, args| Ok(Value::Int(time(args, 0).part("Year")))),
    fixed("Month", &[], |_, args| Ok(Value::Month(time(args, 0).part("Month")))),
    fixed("Day", &[], |_, args| Ok(Value::Int(time(args, 0).part("Day")))),
    fixed("YearDay", &[], |_, args| Ok(Value::Int(time(args, 0).part("YearDay")))),
    fixed("Weekday", &[], |_, args| Ok(Value::Weekday(time(args, 0).part("Weekday")))),
    fixed("Hour", &[], |_, args| Ok(Value::Int(time(args, 0).part("Hour")))),
    fixed("Minute", &[], |_, args| Ok(Value::Int(time(args, 0).part("Minute")))),
    fixed("Second", &[], |_, args| Ok(Value::Int(time(args, 0).part("Second")))),
    fixed("Nanosecond", &[], |_, args| Ok(Value::Int(time(args, 0).nanosecond()))),
    fixed("UTC", &[], |_, args| Ok(moment(time(args, 0).within(Zone::Utc)))),
    fixed("Local", &[], |outside, args| Ok(moment(time(args, 0).within(outside.local.clone())))),
    fixed("In", &[Type::Location], |_, args| match args.value(1) {
        Value::Location(zone) => Ok(moment(time(args, 0).within(zone))),
        other => Ok(other),
    }),
    fixed("Location", &[], |_, args| Ok(Value::Location(time(args, 0).zone))),
    fixed("IsZero", &[], |_, args| Ok(Value::Bool(time(args, 0).is_zero()))),
    fixed("IsDST", &[], |_, args| Ok(Value::Bool(time(args, 0).is_summer()))),
    fixed("Before", &[Type::Time], |_, args| {
        Ok(Value::Bool(time(args, 0).instant() < time(args, 1).instant()))
    }),
    fixed("After", &[Type::Time], |_, args| {
        Ok(Value::Bool(time(args, 0).instant() > time(args, 1).instant()))
    }),
    fixed("Equal", &[Type::Time], |_, args| {
        Ok(Value::Bool(time(args, 0).instant() == time(args, 1).instant()))
    }),
    fixed("Compare", &[Type::Time], |_, args| {
        Ok(Value::Int(time(args, 0).instant().cmp(&time(args, 1).instant()) as i64))
    }),
];

static DURATION: &[Signature] = &[
    fixed("String", &[], string),
    fixed("Hours", &[], |_, args| Ok(Value::Float(duration_in(duration(args, 0), 60 * MINUTE)))),
    fixed("Minutes", &[], |_, args| Ok(Value::Float(duration_in(duration(args, 0), MINUTE)))),
    fixed("Seconds", &[], |_, args| Ok(Value::Float(duration_in(duration(args, 0), MINUTE / 60)))),
    fixed("Milliseconds", &[], |_, args| Ok(Value::Int64(duration(args, 0) / 1_000_000))),
    fixed("Microseconds", &[], |_, args| Ok(Value::Int64(duration(args, 0) / 1000))),
    fixed("Nanoseconds", &[], |_, args| Ok(Value::Int64(duration(args, 0)))),
    fixed("Abs", &[], |_, args| Ok(Value::Duration(duration(args, 0).saturating_abs(), Held::Plain))),
    fixed("Round", &[Type::Duration], |_, args| stepped(args, true)),
    fixed("Truncate", &[Type::Duration], |_, args| stepped(args, false)),
];

static KV: &[Signature] = &[
    fixed("String", &[], string),
    fixed("SortedPairs", &[], |_, args| {
        let pairs = pairs_of(args).into_iter().map(|entry| Value::Pair(Rc::new(entry)));
        Ok(Value::List(List::flat(ListKind::Pairs, pairs.collect())))
    }),
    fixed("Names", &[], |_, args| Ok(texts(pairs_of(args).into_iter().map(|(name, _)| name)))),
    fixed("Values", &[], |_, args| Ok(texts(pairs_of(args).into_iter().map(|(_, value)| value)))),
    fixed("Remove", &[Type::Texts], remove),
];

static PAIRS: &[Signature] = &[
    fixed("String", &[], string),
    fixed("Names", &[], |_, args| Ok(texts(listed_pairs(args).iter().map(|pair| pair.0.clone())))),
    fixed("Values", &[], |_, args| Ok(texts(listed_pairs(args).iter().map(|pair| pair.1.clone())))),
];

static ALERTS: &[Signature] = &[
    fixed("Firing", &[], |_, args| Ok(alerts(args, false))),
    fixed("Resolved", &[], |_, args| Ok(alerts(args, true))),
];

fn moment<'a>(time: Time) -> Value<'a> {
    Value::Time(time, Held::Plain)
}

fn time(args: &Args<'_, '_>, index: usize) -> Time {
    match args.values.get(index) {
        Some(Value::Time(time, _)) => time.clone(),
        _ => Time::zero(),
    }
}

fn duration(args: &Args<'_, '_>, index: usize) -> i64 {
    match args.values.get(index) {
        Some(Value::Duration(nanos, _)) => *nanos,
        _ => 0,
    }
}

fn int(args: &Args<'_, '_>, index: usize) -> i64 {
    args.values.get(index).and_then(Value::as_int).unwrap_or(0)
}

fn stepped<'a>(args: &Args<'_, 'a>, nearest: bool) -> Result<Value<'a>, String> {
    Ok(Value::Duration(duration_stepped(duration(args, 0), duration(args, 1), nearest), Held::Plain))
}

fn pairs_of<'a>(args: &Args<'_, 'a>) -> Vec<(Text<'a>, Text<'a>)> {
    match args.values.first() {
        Some(Value::TextMap(map)) => sorted_pairs(map),
        _ => Vec::new(),
    }
}

fn listed_pairs<'a>(args: &Args<'_, 'a>) -> Vec<Rc<(Text<'a>, Text<'a>)>> {
    let pair = |value: &Value<'a>| match value {
        Value::Pair(pair) => Some(Rc::clone(pair)),
        _ => None,
    };
    args.list(0).iter().filter_map(pair).collect()
}

fn remove<'a>(_: &mut Outside<'_>, args: &Args<'_, 'a>) -> Result<Value<'a>, String> {
    let Some(Value::TextMap(map)) = args.values.first() else { return Ok(args.value(0)) };
    let removed: HashSet<&str> = args.list(1).iter().filter_map(Value::as_text).collect();
    let kept = map.entries().into_iter().filter(|(name, _)| !removed.contains(name.as_str()));
    Ok(Value::TextMap(TextMap { pairs: Pairs::Listed(kept.collect()), is_kv: true }))
}

fn alerts<'a>(args: &Args<'_, 'a>, resolved: bool) -> Value<'a> {
    let wanted = |value: &&Value<'a>| matches!(value, Value::Alert(view) if view.resolved == resolved);
    let chosen = args.list(0).iter().filter(wanted).cloned().collect();
    Value::List(List::flat(ListKind::AlertSlice, chosen))
}
