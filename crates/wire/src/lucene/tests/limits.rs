//! Limits, and what requests may set.

use super::*;

#[track_caller]
fn limited(text: &str, expected: Option<&Message>) {
    for dialect in [Dialect::Box, Dialect::Elasticsearch] {
        let told = read(dialect, text).err().map(|error| error.message);
        assert_eq!(
            told.as_ref(),
            expected,
            "{} bytes that begin with {}",
            text.len(),
            text.chars().take(20).collect::<String>()
        );
    }
}

#[test]
fn what_is_too_much_is_refused() {
    limited(&"x".repeat(TEXT_BYTES_MAX), None);
    limited(&"x".repeat(TEXT_BYTES_MAX + 1), Some(&Message::TooLong));
    let nested = |depth: usize| format!("{}x{}", "(".repeat(depth), ")".repeat(depth));
    limited(&nested(DEPTH_MAX), None);
    limited(&nested(DEPTH_MAX + 1), Some(&Message::TooDeep));
    limited(&"f:x ".repeat(CLAUSES_MAX), None);
    limited(&"f:x ".repeat(CLAUSES_MAX + 1), Some(&Message::TooManyClauses));
    limited(&"f:/x/ ".repeat(REGEXES_MAX), None);
    limited(&"f:/x/ ".repeat(REGEXES_MAX + 1), Some(&Message::TooManyRegexes));
    limited(&format!("f:/{}/", "x".repeat(1000)), None);
    limited(&format!("f:/{}/", "x".repeat(1001)), Some(&Message::Regex(RegexError::TooLong)));
}

#[test]
fn nothing_asks_for_everything_in_the_box_and_for_nothing_elsewhere() {
    check(Dialect::Box, &[("", "ALL"), (" \u{3000}\t", "ALL")]);
    check(Dialect::Elasticsearch, &[("", "NONE"), (" \n", "NONE")]);
}

#[track_caller]
fn with(change: impl FnOnce(&mut Options<'_>), text: &str, expected: &str) {
    let told = options(Dialect::Elasticsearch, |usual| {
        let mut options = usual.clone();
        change(&mut options);
        parse(text, &options)
            .map_or_else(|error| error.message.code().to_owned(), |parsed| show(&parsed.query))
    });
    assert_eq!(told, expected, "{text}");
}

#[test]
fn requests_set_what_is_usual() {
    let one = |name: &str| FieldSelection::One(name.to_owned());
    with(|options| options.default_fields = one("title"), "a b", "title:any'a b'");
    with(|options| options.default_fields = one("title"), "*", "title:?");
    with(|options| options.default_fields = one("id"), ">=5", "id:['5'# *]");
    with(
        |options| options.default_fields = FieldSelection::Several(vec!["a".into(), "b".into()]),
        "x",
        "{a,b}:'x'",
    );
    with(|options| options.default_operator = Operator::And, "a b", "_:all'a b'");
    with(|options| options.default_operator = Operator::And, "a f:b OR c", "_:'a'");
    with(|options| options.phrase_slop = 3, "\"a b\"", "_:'a b'~3");
    with(|options| options.phrase_slop = 3, "\"a b\"~1", "_:'a b'~1");
    with(|options| options.allow_leading_wildcard = false, "f:*a", "leading-wildcard");
    with(|options| options.allow_leading_wildcard = false, "f:a*", "f^'a'");
    with(|options| options.fuzziness = Fuzziness::Edits(1), "abcdefgh~", "_~1'abcdefgh'");
    with(|options| options.fuzzy_prefix = 2, "abcdefgh~", "_~2,2'abcdefgh'");
    with(|options| options.lenient = true, "timestamp:foo", "timestamp:'foo'");
    let two: MinimumShouldMatch<'static> = &|_| 2;
    with(|options| options.minimum_should_match = Some(two), "a b c", "2 of (_:'a' | _:'b' | _:'c')");
    with(
        |options| options.minimum_should_match = Some(two),
        "+a b c d",
        "(2 of (_:'b' | _:'c' | _:'d') & _:'a')",
    );
    with(|options| options.minimum_should_match = Some(two), "a AND b", "(_:'a' & _:'b')");
    with(
        |options| options.minimum_should_match = Some(two),
        "f:(a b) c -d",
        "(2 of (f:any'a b' | _:'c') & -_:'d')",
    );
}

#[test]
fn only_what_may_not_fit_is_lenient() {
    let lenient = |dialect, text: &str| match read(dialect, text).unwrap().query {
        LogQuery::Field(test) => test.lenient,
        other => panic!("{other:?}"),
    };
    assert!(lenient(Dialect::Box, "f:x") && lenient(Dialect::Elasticsearch, "x"));
    assert!(!lenient(Dialect::Elasticsearch, "f:x"));
}

#[test]
fn letters_compare_exactly_only_where_elasticsearch_does() {
    let case = |dialect, text: &str| match read(dialect, text).unwrap().query {
        LogQuery::Field(test) => match test.test {
            Test::Words { case, .. } | Test::Is { case, .. } => case,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    for text in ["f:x", "\"x\"", "f:/a/b", "f.keyword:x"] {
        assert_eq!(
            (case(Dialect::Box, text), case(Dialect::Elasticsearch, text)),
            (Case::Fold, Case::Exact),
            "{text}"
        );
    }
}
