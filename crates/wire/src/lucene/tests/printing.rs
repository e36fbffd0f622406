//! What is written of a tree. That it reads as the same tree again is checked of every text of the tables (`check`).

use proptest::prelude::*;

use super::*;

#[track_caller]
fn printed(dialect: Dialect, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let query = read(dialect, text).unwrap().query;
        assert_eq!(print(&query).as_deref(), Some(*expected), "{text}");
    }
}

#[test]
fn trees_are_written_as_people_type_them() {
    printed(
        Dialect::Box,
        &[
            (r#""a b"~2^3"#, r#""a b"~2"#),
            ("trace_id:a-b-c", "trace_id:a-b-c"),
            ("127.0.0.1:8080", r#""127.0.0.1:8080""#),
            (r#"x:"a\"b\\c\d""#, r#"x:"a\"b\\c\\d""#),
            ("a OR b AND c", "a OR b AND c"),
            ("(a OR b) AND c", "(a OR b) AND c"),
            ("(a b) c", "(a AND b) AND c"),
            ("a && b || c", "a AND b OR c"),
            ("NOT (NOT a)", "NOT (NOT a)"),
            ("NOT *", "NOT *"),
            ("f:(a OR b) c", "(f:a OR f:b) AND c"),
            ("level:ERROR and status_code:500", "level:ERROR AND status_code:500"),
            (r#""and""#, r#""and""#),
            ("_exists_:pay*", "pay*:*"),
            (r"payload.\*:x", "payload.*:x"),
            (r#""my field":>2"#, r#""my field":>2"#),
            ("订单号:123", "订单号:123"),
            ("f:-5", "f:-5"),
            ("ip:10.0.0.0/8", "ip:10.0.0.0/8"),
            ("f > 2", "f:>2"),
            ("f:[* TO 5]", "f:<=5"),
            ("f:{1 TO *]", "f:>1"),
            ("f:[a b TO c d]", r#"f:["a b" TO "c d"]"#),
            ("[1 TO 5]", "[1 TO 5]"),
            ("f:[-5 TO -1]", "f:[-5 TO -1]"),
            ("timestamp:[now-1h TO now]", "timestamp:[now-1h TO now]"),
            ("timestamp:>=now/d", "timestamp:>=now/d"),
            (
                "timestamp:[2025-06-15 08:00 TO 2025-06-15 09:00]",
                r#"timestamp:["2025-06-15 08:00" TO "2025-06-15 09:00"]"#,
            ),
            ("timestamp:2025-06-15T08:30", "timestamp:2025-06-15T08:30"),
            (r"f:a\*b*", r"f:a\*b*"),
            ("f:a-b*", "f:a-b*"),
            ("path:/api/v1/payments/*", "path:/api/v1/payments/*"),
            ("path:/a/", r#"path:~"a""#),
            (r"path:/a/b\ c", r"path:/a/b\ c"),
            (r#"path:"/x/""#, r#"path:"/x/""#),
            (r"f:/a\/b/", r#"f:~"a/b""#),
            (r#"f:/"a.b"/"#, r#"f:~"(a\.b)""#),
            ("message：“支付 失败”", r#"message:"支付 失败""#),
        ],
    );
}

#[test]
fn trees_are_written_by_what_they_find() {
    printed(
        Dialect::Elasticsearch,
        &[
            ("trace_id:a-b-c", "trace_id:(a OR b OR c)"),
            ("message:connection timed out", "message:connection OR (timed OR out)"),
            ("f:(to be)", r#"f:("to" OR be)"#),
            ("f:(500 404)", "f:500 OR f:404"),
            ("a b -c", "(a OR b) AND NOT c"),
            ("a OR b AND c", "b AND c"),
            ("level:Err*", "level:Err*"),
            ("path:/a/b/", r"path:/a/b\/"),
        ],
    );
}

#[test]
fn what_the_box_has_no_words_for_is_not_written() {
    let word = || read(Dialect::Box, "a").unwrap().query;
    let some = |min| print(&LogQuery::AtLeast { min, of: vec![word(), word(), word()] });
    assert_eq!(some(1).as_deref(), Some("a OR a OR a"));
    assert_eq!(some(2), None);
    assert_eq!(some(3).as_deref(), Some("a AND a AND a"));
    let words = |join, prefix_last| {
        let (value, case) = (QueryValue::new("time out"), Case::Fold);
        let test = Test::Words { value, join, prefix_last, wordless: false, case };
        let fields = FieldSelection::One("message".to_owned());
        print(&LogQuery::Field(Box::new(FieldTest { fields, test, lenient: true })))
    };
    assert_eq!(words(Join::All, true).as_deref(), Some("message:(time AND out*)"));
    assert_eq!(words(Join::Phrase { slop: 0 }, true), None);
    assert_eq!(words(Join::AtLeast(2), false), None);
}

#[test]
fn trees_of_requests_are_written_too() {
    let field = |test| {
        let fields = FieldSelection::Several(vec!["a".to_owned(), "b*".to_owned()]);
        print(&LogQuery::Field(Box::new(FieldTest { fields, test, lenient: true })))
    };
    let values = vec![QueryValue::new("x y"), QueryValue::new("/z")];
    assert_eq!(
        field(Test::IsAny { values, case: Case::Exact }).as_deref(),
        Some(r#"a:("x y" OR "/z") OR b*:("x y" OR "/z")"#)
    );
    assert_eq!(
        print(&LogQuery::Ids(vec!["1".to_owned(), "2".to_owned()])).as_deref(),
        Some(r#"_id:"1" OR _id:"2""#)
    );
    assert_eq!(print(&LogQuery::Or(Vec::new())).as_deref(), Some("NOT *"));
    assert_eq!(print(&LogQuery::And(Vec::new())).as_deref(), Some("*"));
}

#[test]
fn what_random_texts_found_stays_right() {
    check(
        Dialect::Box,
        &[
            (r"f:AND\:", "f:'AND:'"),
            ("_exists_:_exists_", "_exists_:?"),
            (
                "a（",
                "! this bracket is not closed: add `)`, or write `\\(` for the character itself (at byte 1)",
            ),
        ],
    );
}

/// Texts that are mostly right, made of what the language is made of.
fn text() -> impl Strategy<Value = String> {
    let parts = [
        "a",
        "b-c",
        "支付",
        "level",
        ":",
        ":",
        ":",
        " ",
        " ",
        " ",
        "AND",
        "OR",
        "NOT",
        "and",
        "not",
        "(",
        ")",
        "\"",
        "\"a b\"",
        "[",
        "]",
        "{",
        "}",
        " TO ",
        "*",
        "?",
        "~",
        "~1",
        "^2",
        "/",
        "/a/b",
        "/re.*/",
        "\\",
        "\\*",
        ">",
        ">=",
        "<",
        "=",
        "+",
        "-",
        "!",
        "5",
        "2.5",
        "10.0.0.0/8",
        "now-1h",
        "now/d",
        "2025-06-15",
        "08:30",
        "timestamp",
        "f",
        "：",
        "“",
        "”",
        "（",
        "）",
        "_exists_",
        ".",
        "||",
        "&&",
        "~\"x|y\"",
        "http://x",
        "u4e2d",
    ];
    proptest::collection::vec(proptest::sample::select(parts.to_vec()), 0..14)
        .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn every_tree_of_the_parser_reads_back(text in text()) {
        for dialect in [Dialect::Box, Dialect::Elasticsearch] {
            match read(dialect, &text) {
                Ok(parsed) => reads_back(dialect, &parsed.query),
                Err(error) => prop_assert!(text.get(error.start..error.end).is_some(), "{error:?}"),
            }
        }
    }

    #[test]
    fn a_rewritten_regex_stays_as_it_is(source in r#"[ab.?+*|()\[\]{}0-9,\\"@#<>^$/&~-]{0,12}"#) {
        if let Ok(once) = regex_to_rust(&source) {
            let inner = regex::inner(&once).unwrap();
            prop_assert_eq!(regex_to_rust(inner), Ok(once.clone()));
        }
    }
}
