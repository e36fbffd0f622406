//! Whatever JSON object comes in, the record gives it back: held against serde_json.

use std::fmt::Write;
use std::sync::Arc;

use lingshao_model::log::LogBatch;
use lingshao_wire::log_json::{Reader, RecordContext, Settings};
use proptest::prelude::*;
use serde_json::Value;

#[path = "support/rebuild.rs"]
mod rebuild;

/// JSON in which keys may stand twice.
#[derive(Clone, Debug)]
enum Json {
    Scalar(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn write(&self, out: &mut String) {
        match self {
            Json::Scalar(text) => out.push_str(text),
            Json::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { " ," } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    write!(out, "{} :\t", Value::from(name.as_str())).expect("a String takes everything");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<u64>().prop_map(|value| value.to_string()),
        (-99_999..99_999i64, 0..6usize).prop_map(|(whole, digits)| format!("{whole}.{:0digits$}5", 0)),
        (-99..99i64, -30..30i32).prop_map(|(whole, exponent)| format!("{whole}e{exponent}")),
        "[a支\"\\\\\n\t/\u{1}😀]{0,6}".prop_map(|text| Value::from(text).to_string()),
        "(\\\\u[0-9a-f]{4}|\\\\n|x){0,4}".prop_map(|text| format!("\"{text}\"")),
    ]
    .prop_map(Json::Scalar)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-e]", 1 => Just(String::new()), 1 => "[ab]\\.[ab]", 1 => "[支\"\n]"]
}

fn object() -> impl Strategy<Value = Json> {
    let value = scalar().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((name(), inner), 0..4).prop_map(Json::Object),
        ]
    });
    prop::collection::vec((name(), value), 0..6).prop_map(Json::Object)
}

fn check(json: &str) -> Result<(), TestCaseError> {
    let settings = Settings { lift: false, recognise: false, ..Settings::default() };
    let mut reader = Reader::new(Arc::new(settings));
    let mut batch = LogBatch::default();
    let context = RecordContext::new("shop");
    let read = reader.record(json, &context, &mut batch);
    let Ok(expected @ Value::Object(_)) = serde_json::from_str(json) else { return Ok(()) };
    prop_assert_eq!(read, Ok(()), "{}", json);
    // Read again, so that remembered names are used, too.
    reader.record(json, &context, &mut batch).expect("it was read before");
    for record in batch.records() {
        let found = rebuild::rebuild(record);
        prop_assert!(rebuild::same(&found, &expected), "{} became {}", json, found);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn records_give_back_the_objects_that_they_were(object in object()) {
        let mut json = String::new();
        object.write(&mut json);
        check(&json)?;
    }

    #[test]
    fn nothing_panics_and_all_that_serde_takes_is_taken(
        json in "\\{(\"[ab]\":|[{}\\[\\]\",:0-9a.eE+\\-\\\\utnrf ]|null|true|\"x\"){0,20}\\}"
    ) {
        check(&json)?;
    }
}
