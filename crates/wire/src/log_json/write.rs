//! A record as the JSON object that it was: dotted names become objects again, items of arrays arrays.

use lingshao_model::log::{LogField, LogRecord, LogValue};
use serde::Serialize;

/// Up to so many fields keep the sender's order; records with more are written by name, because bringing what belongs
/// together next to each other costs the square of their number.
const ORDERED_FIELDS_MAX: usize = 64;

/// Appends a record's JSON: the sender's own where the record carries it.
pub fn write(record: &LogRecord, out: &mut Vec<u8>) {
    if let Some(source) = &record.source {
        out.extend_from_slice(source.as_bytes());
        return;
    }
    let mut fields: Vec<&LogField> = record.fields.iter().collect();
    if fields.len() > ORDERED_FIELDS_MAX {
        fields.sort_by(|a, b| a.name.cmp(&b.name));
    }
    object(&mut fields, 0, out);
}

/// The members of one object: what their names hold from the byte `from` on.
fn object(fields: &mut [&LogField], from: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut rest = fields;
    let mut is_first = true;
    while !rest.is_empty() {
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        let (group, others) = std::mem::take(&mut rest).split_at_mut_group(from);
        member(group, from, out);
        rest = others;
    }
    out.push(b'}');
}

/// One key and what stands under it.
fn member(group: &mut [&LogField], from: usize, out: &mut Vec<u8>) {
    let head = head(&group[0].name, from);
    let deeper = from + head.len() + 1;
    // A value beside an object of its name cannot be expressed but with dots.
    let leaves = group.iter().filter(|field| field.name.len() < deeper).count();
    if leaves == 0 {
        json(out, head);
        out.push(b':');
        return object(group, deeper, out);
    }
    group.sort_by_key(|field| field.name.len() >= deeper);
    let (leaves, dotted) = group.split_at(leaves);
    json(out, head);
    out.push(b':');
    values(leaves, out);
    for run in dotted.chunk_by(|a, b| a.name == b.name) {
        out.push(b',');
        json(out, &run[0].name[from..]);
        out.push(b':');
        values(run, out);
    }
}

/// One value, or an array of several.
fn values(fields: &[&LogField], out: &mut Vec<u8>) {
    if let [field] = fields
        && !field.listed
    {
        return value(&field.value, out);
    }
    out.push(b'[');
    for (number, field) in fields.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        value(&field.value, out);
    }
    out.push(b']');
}

/// Appends one value.
pub(crate) fn value(value: &LogValue<String>, out: &mut Vec<u8>) {
    match value {
        LogValue::Null => out.extend_from_slice(b"null"),
        LogValue::Bool(value) => json(out, value),
        LogValue::Int(value) => json(out, value),
        LogValue::Float(value) => json(out, value),
        LogValue::Text(text) => json(out, text.as_str()),
    }
}

fn head(name: &str, from: usize) -> &str {
    let rest = &name[from..];
    rest.split('.').next().unwrap_or(rest)
}

fn json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("texts and numbers are always JSON, and a Vec takes every byte");
}

trait SplitAtGroup {
    /// Those that begin with the same key as the first one, brought next to it in their order; and the others.
    fn split_at_mut_group(&mut self, from: usize) -> (&mut Self, &mut Self);
}

impl SplitAtGroup for [&LogField] {
    fn split_at_mut_group(&mut self, from: usize) -> (&mut Self, &mut Self) {
        let first = self[0];
        let mut end = 1;
        for at in 1..self.len() {
            if head(&self[at].name, from) == head(&first.name, from) {
                self[end..=at].rotate_right(1);
                end += 1;
            }
        }
        self.split_at_mut(end)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lingshao_model::log::LogTime;

    use super::*;

    pub(crate) fn record(fields: &[(&str, LogValue<&str>, bool)]) -> LogRecord {
        let field = |(name, value, listed): &(&str, LogValue<&str>, bool)| LogField {
            name: Arc::from(*name),
            value: LogValue::to_owned(*value),
            listed: *listed,
        };
        LogRecord {
            index: Arc::from("shop"),
            id: "1".to_owned(),
            seq: 1,
            time: LogTime(0),
            arrived: LogTime(0),
            level: None,
            fields: fields.iter().map(field).collect(),
            source: None,
        }
    }

    #[track_caller]
    fn check(fields: &[(&str, LogValue<&str>, bool)], expected: &str) {
        let mut out = Vec::new();
        write(&record(fields), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn dotted_names_become_objects_again() {
        use LogValue::{Bool, Float, Int, Null, Text};
        check(&[], "{}");
        check(
            &[("message", Text("支付\"失败\"\n"), false), ("n", Int(-1), false), ("f", Float(2.0), false)],
            r#"{"message":"支付\"失败\"\n","n":-1,"f":2.0}"#,
        );
        check(
            &[
                ("a.b.c", Int(1), false),
                ("x", Null, false),
                ("a.b.d", Bool(true), false),
                ("a.e", Int(2), false),
            ],
            r#"{"a":{"b":{"c":1,"d":true},"e":2},"x":null}"#,
        );
        check(
            &[("tags", Text("a"), true), ("tags", Text("b"), true), ("one", Text("c"), true)],
            r#"{"tags":["a","b"],"one":["c"]}"#,
        );
        check(&[("ab", Int(1), false), ("a.b", Int(2), false)], r#"{"ab":1,"a":{"b":2}}"#);
        check(
            &[("a", Int(1), false), ("a.b", Int(2), false), ("a.c", Int(3), false)],
            r#"{"a":1,"a.b":2,"a.c":3}"#,
        );
    }

    #[test]
    fn wide_records_are_written_by_name() {
        let names: Vec<String> = (0..100).map(|number| format!("o{}.f{number:02}", number % 2)).collect();
        let fields: Vec<_> = names.iter().map(|name| (name.as_str(), LogValue::Int(1), false)).collect();
        let mut out = Vec::new();
        write(&record(&fields), &mut out);
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(read["o0"].as_object().unwrap().len(), 50);
        assert_eq!(read["o1"]["f99"], 1);
    }

    #[test]
    fn the_senders_own_json_is_given_back() {
        let mut own = record(&[("a", LogValue::Int(1), false)]);
        own.source = Some(r#"{ "a": [{"b": 1}] }"#.to_owned());
        let mut out = Vec::new();
        write(&own, &mut out);
        assert_eq!(out, br#"{ "a": [{"b": 1}] }"#);
    }
}
