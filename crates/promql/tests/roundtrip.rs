//! What is printed reads back as what it was, on one line and on many.

use lingshao_promql::{ParseOptions, parse_with};
use proptest::prelude::*;

/// Expressions that are likely to be well-typed vectors.
fn vector() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["up", "a:b", "sum", "start", "on_call", "fill", "{\"x.y\"}", "by"]);
    let matcher =
        prop::sample::select(vec!["", "{j=\"a\"}", "{\"q r\"!~\"b.*\",j!=\"\\n\"}", "{j=~\"é|1\"}"]);
    let modifier = prop::sample::select(vec![
        "",
        " offset 5m",
        " offset -90",
        " offset (1h + 2)",
        " @ 12.5",
        " @ end()",
        " offset step() @ start()",
    ]);
    let leaf = (name, matcher, modifier).prop_map(|(name, matcher, modifier)| {
        let matcher = if name.starts_with('{') { "" } else { matcher };
        format!("{name}{matcher}{modifier}")
    });
    leaf.prop_recursive(5, 40, 3, |inner| {
        let op = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "atan2",
            "==",
            "> bool",
            "and",
            "or on (j)",
            "unless",
            "* on (j) group_left (k)",
            "+ ignoring (\"q r\") fill_left (-1.5)",
            "</",
            "/ fill(1e22)",
        ]);
        let number = prop::sample::select(vec!["1", "-0.5", "1e-9", "Inf", "NaN", "5m", "0x1f", "-1h"]);
        let call = prop::sample::select(vec![
            "abs(#)",
            "rate(#[5m:])",
            "max_over_time((#)[1h:30s] offset 1w)",
            "clamp(#, -1, 2)",
            "-#",
            "(#)",
            "sum by (j, \"q r\") (#)",
            "topk without () (3, #)",
            "count_values(\"é\\t\", #)",
            "sort(#)",
            "label_replace(#, \"a\", \"$1\", `b\\`, \"(.*)\")",
            "info(#, {k=~\"v.*\"})",
            "2 ^ #",
            "+#",
        ]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            (inner.clone(), number).prop_map(|(a, number)| format!("{a} * {number}")),
            (call, inner).prop_map(|(call, inner)| call.replace('#', &inner)),
        ]
    })
}

proptest! {
    #[test]
    fn printed_expressions_read_back_the_same(query in vector()) {
        let Ok(expr) = parse_with(&query, ParseOptions::all()) else { return Ok(()) };
        let printed = expr.to_string();
        let again = parse_with(&printed, ParseOptions::all());
        prop_assert_eq!(again.map(|again| again.to_string()), Ok(printed.clone()));
        let pretty = expr.prettify();
        let again = parse_with(&pretty, ParseOptions::all());
        prop_assert_eq!(again.map(|again| again.to_string()), Ok(printed));
    }

    #[test]
    fn any_text_gives_an_answer(query in "[a-z0-9{}()\\[\\]\"'`\\\\=!~<>/+*^%@,:.# \n_é-]{0,60}") {
        if let Ok(expr) = parse_with(&query, ParseOptions::all()) {
            let printed = expr.to_string();
            prop_assert!(parse_with(&printed, ParseOptions::all()).is_ok(), "{} printed as {}", query, printed);
        }
    }
}

/// The generator above must mostly make expressions that can be read, or the law above says nothing.
#[test]
fn most_generated_expressions_can_be_read() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = vector();
    let read = (0..200).filter(|_| {
        let query = strategy.new_tree(&mut runner).expect("a strategy without filters").current();
        parse_with(&query, ParseOptions::all()).is_ok()
    });
    assert!(read.count() > 150);
}
