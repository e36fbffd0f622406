//! What is refused, where, and with which words.

use super::*;

/// Code, place, and what the words need.
#[track_caller]
fn refused(dialect: Dialect, cases: &[(&str, &str, &str, &[&str])]) {
    for (text, code, place, arguments) in cases {
        let error = read(dialect, text).expect_err(text);
        let told: Vec<_> = error.message.arguments().into_iter().map(|(_, value)| value).collect();
        let at = &text[error.start..error.end];
        assert_eq!(
            (error.message.code(), at, told),
            (*code, *place, arguments.iter().map(|one| (*one).to_owned()).collect()),
            "{text}"
        );
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    refused(
        Dialect::Box,
        &[
            ("AND a", "nothing-before", "AND", &["AND"]),
            ("a AND", "nothing-behind", "AND", &["AND"]),
            ("a OR", "nothing-behind", "OR", &["OR"]),
            ("a AND OR b", "nothing-before", "OR", &["OR"]),
            ("NOT", "nothing-behind", "NOT", &["NOT"]),
            ("a NOT", "nothing-behind", "NOT", &["NOT"]),
            ("(a", "unclosed-group", "(", &[]),
            ("((a)", "unclosed-group", "(", &[]),
            ("a)", "unopened-group", ")", &[]),
            ("()", "empty-group", "()", &[]),
            ("f:()", "empty-group", "()", &[]),
            ("f:(", "unclosed-group", "(", &[]),
            ("f:", "missing-value", "f:", &["f"]),
            ("f: AND a", "missing-value", "f: ", &["f"]),
            ("(f:)", "missing-value", "f:", &["f"]),
            (r#"f:""x:"#, "missing-value", "x:", &["x"]),
            (":a", "missing-field", ":", &[]),
            (r#""a"#, "unclosed-quote", r#""a"#, &[]),
            (r#"f:"a"#, "unclosed-quote", r#""a"#, &[]),
            ("“a", "unclosed-quote", "“a", &[]),
            (r#"a""#, "unclosed-quote", r#"""#, &[]),
            ("[a TO", "unclosed-range", "[a TO", &[]),
            ("[a b]", "range-without-to", "[a b", &[]),
            ("f:[a TO b", "unclosed-range", "[a TO b", &[]),
            ("[ TO b]", "missing-bound", "[ ", &[]),
            ("[a TO ]", "missing-bound", "[a TO ", &[]),
            ("[1,5]", "range-without-to", "[1,5", &[]),
            ("items[0]", "range-without-to", "[0", &[]),
            ("f:{ a:b }", "nested-query", "{ a:b ", &["f"]),
            ("f:{a:b AND c:d}", "nested-query", "{a:b AND c:d", &["f"]),
            ("f:{ a }", "range-without-to", "{ a ", &[]),
            ("f = x", "equals-sign", "=", &["=", "f:x"]),
            ("f == x", "equals-sign", "==", &["==", "f:x"]),
            ("f != x", "equals-sign", "!=", &["!=", "NOT f:x"]),
            ("f = ", "equals-sign", "=", &["=", "f:value"]),
            (">5", "comparison-without-field", ">", &[">"]),
            (">=5 AND a", "comparison-without-field", ">=", &[">="]),
            ("a^", "bad-boost", "^", &[]),
            ("a^b", "bad-boost", "^", &[]),
            ("a~b", "bad-fuzziness", "~b", &[]),
            ("~2", "unexpected", "~", &["~"]),
            ("^2", "unexpected", "^", &["^"]),
            ("]", "unexpected", "]", &["]"]),
            ("}", "unexpected", "}", &["}"]),
            (r"a\", "nothing-escaped", r"\", &[]),
            (r#""a\"#, "unclosed-quote", r#""a\"#, &[]),
            (r"a\u12", "bad-unicode", r"\u", &[]),
            ("timestamp:>yesterday", "not-a-time", "yesterday", &["yesterday"]),
            ("timestamp:foo", "not-a-time", "foo", &["foo"]),
            ("timestamp:[now-1x TO now]", "not-a-time", "now-1x", &["now-1x"]),
            ("timestamp:2025-13-01", "not-a-time", "2025-13-01", &["2025-13-01"]),
            ("timestamp:>5", "not-a-time", "5", &["5"]),
            ("ts:(a OR b)", "not-a-time", "a", &["a"]),
            ("f:>", "missing-value", ">", &["f"]),
            ("f:> ", "missing-value", "> ", &["f"]),
            ("f:>)", "missing-value", ">", &["f"]),
            ("f:/[/", "regex-malformed", "/[/", &["a `[` is not closed"]),
            ("f:/(a/", "regex-malformed", "/(a/", &["a `(` is not closed"]),
            ("f:/a)/", "regex-malformed", "/a)/", &["a `)` closes nothing"]),
            ("f:/*a/", "regex-malformed", "/*a/", &["there is nothing to repeat"]),
            ("f:/a{x}/", "regex-malformed", "/a{x}/", &["a repetition is written `{2}`, `{2,}` or `{2,5}`"]),
            ("f:/a{2/", "regex-malformed", "/a{2/", &["a repetition is written `{2}`, `{2,}` or `{2,5}`"]),
            ("f:/a~b/", "regex-unsupported", "/a~b/", &["~"]),
            ("f:/a&b/", "regex-unsupported", "/a&b/", &["&"]),
            ("f:/<1-100>/", "regex-unsupported", "/<1-100>/", &["<"]),
            ("f:/((a{100}){100}){100}/", "regex-too-large", "/((a{100}){100}){100}/", &[]),
            (r#"f:~"a"#, "unclosed-quote", r#""a"#, &[]),
            ("f:~a", "unexpected", "~", &["~"]),
            ("支付 AND", "nothing-behind", "AND", &["AND"]),
            ("f：", "missing-value", "f：", &["f"]),
        ],
    );
}

#[test]
fn mistakes_are_told_with_their_place_by_elasticsearch_too() {
    refused(
        Dialect::Elasticsearch,
        &[
            ("AND", "nothing-before", "AND", &["AND"]),
            ("a AND", "nothing-behind", "AND", &["AND"]),
            ("type:PushEvent OR", "nothing-behind", "OR", &["OR"]),
            ("(a", "unclosed-group", "(", &[]),
            ("a)", "unopened-group", ")", &[]),
            ("()", "empty-group", "()", &[]),
            ("f:", "missing-value", "f:", &["f"]),
            (r#""a"#, "unclosed-quote", r#""a"#, &[]),
            ("[a b]", "range-without-to", "[a ", &[]),
            ("[1 TO", "unclosed-range", "[1 TO", &[]),
            ("a^b", "bad-boost", "^", &[]),
            ("f:/[/", "regex-malformed", "/[/", &["a `[` is not closed"]),
            ("timestamp:foo", "not-a-time", "foo", &["foo"]),
            ("~2", "unexpected", "~", &["~"]),
        ],
    );
}
