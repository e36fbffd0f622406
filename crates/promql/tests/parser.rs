//! Text to printed tree, and text to error: each line is a query with what Prometheus 3.14 says to it.

use lingshao_promql::{ParseOptions, parse, parse_selector, parse_with};

#[track_caller]
fn prints(query: &str, expected: &str) {
    let expr = parse_with(query, ParseOptions::all()).unwrap_or_else(|error| panic!("{query}: {error}"));
    assert_eq!(expr.to_string(), expected, "{query}");
    let again =
        parse_with(expected, ParseOptions::all()).unwrap_or_else(|error| panic!("{expected}: {error}"));
    assert_eq!(again.to_string(), expected, "printed form of {query} reads back differently");
}

#[track_caller]
fn fails(query: &str, expected: &str) {
    match parse_with(query, ParseOptions::all()) {
        Ok(expr) => panic!("{query} was read as {expr}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{query}"),
    }
}

#[test]
fn literals_print_in_their_canonical_form() {
    prints("1", "1");
    prints("1e3", "1000");
    prints("0x1F", "31");
    prints("010", "8");
    prints("08", "8");
    prints("1_000.5", "1000.5");
    prints(".5", "0.5");
    prints("5.", "5");
    prints("+Inf", "+Inf");
    prints("-inf", "-Inf");
    prints("NaN", "NaN");
    prints("Inf ^ up", "Inf ^ up");
    prints("5m", "5m");
    prints("-1h30m", "-1h30m");
    prints("90s", "1m30s");
    prints("- -1", "1");
    prints(r#""a\"b\n""#, r#""a\"b\n""#);
    prints(r"'it\'s'", r#""it's""#);
    prints(r"`raw\n`", r#""raw\\n""#);
    prints(r#""a\xc5z""#, r#""a\xc5z""#);
    prints(r#""é\U0001F600""#, "\"é😀\"");
    prints("1 # note", "1");
    prints("# note\n1 +\t# two\n 2", "1 + 2");
}

#[test]
fn selectors_print_their_matchers_sorted() {
    prints("up", "up");
    prints("up{}", "up");
    prints("{__name__='up'}", r#"{__name__="up"}"#);
    prints(r#"up{b!="x",a=~"y.*",}"#, r#"up{a=~"y.*",b!="x"}"#);
    prints("job:up:rate5m{on='1'}", r#"job:up:rate5m{on="1"}"#);
    prints(r#"{"a.b", "c d"="e"}"#, r#"{"c d"="e",__name__="a.b"}"#);
    prints("sum", "sum");
    prints("by + offset + start + or", "by + offset + start + or");
    prints("fill + fill_left", "fill + fill_left");
    prints("SUM(x)", "sum(x)");
    prints("up offset 5m", "up offset 5m");
    prints("up offset -300", "up offset -5m");
    prints("up offset 24h @ 10.5", "up @ 10.500 offset 1d");
    prints("up @ start() offset 1m", "up @ start() offset 1m");
    prints("up @ -1", "up @ -1.000");
    prints("up[5m] @ end()", "up[5m] @ end()");
    prints("up[300]", "up[5m]");
    prints("up[5m] smoothed offset 1m", "up[5m] smoothed offset 1m");
    prints("up anchored", "up anchored");
    prints("rate(up[5m])[1h:]", "rate(up[5m])[1h:]");
    prints("rate(up[5m])[1h:30s] @ 60 offset 1w", "rate(up[5m])[1h:30s] @ 60.000 offset 1w");
}

#[test]
fn durations_are_arithmetic() {
    prints("up[1m+2*30s]", "up[1m + 2 * 30s]");
    prints("up[-5m+10m]", "up[-5m + 10m]");
    prints("up[2^3^1s]", "up[2 ^ 3 ^ 1s]");
    prints("up[(5m)]", "up[(5m)]");
    prints("up[step()]", "up[step()]");
    prints("up[MAX_OF(range(),1m):min_of( step(), 10 )]", "up[max_of(range(), 1m):min_of(step(), 10)]");
    prints("up offset -step()", "up offset -step()");
    prints("up offset 1m + 2", "up offset 1m + 2");
    prints("up offset (1m + 2)", "up offset (1m + 2)");
    prints("up offset -2 ^ 2", "up offset -2s ^ 2");
    prints("up offset step() * 2", "up offset step() * 2");
    prints("up offset -(1m) * 2", "up offset -(1m) * 2");
    prints("up offset min_of(step(), 1s) + 8", "up offset min_of(step(), 1s) + 8");
    fails("up[0]", "1:4: parse error: duration must be greater than 0");
    fails("up[-1m]", "1:4: parse error: duration must be greater than 0");
    fails("up[5m/0]", "1:6: parse error: division by zero");
    fails("up[5m % 0s]", "1:7: parse error: modulo by zero");
    fails("up[1e300]", "1:4: parse error: duration out of range");
    fails("up[foo]", "1:4: parse error: unexpected character in duration expression: 'f'");
    fails(
        "up[5m 4m]",
        r#"1:7: parse error: unexpected duration "4m" in subquery or range, expected ":" or "]""#,
    );
    fails(
        "up[5m+]",
        r#"1:7: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()"#,
    );
    fails("up[:]", "1:5: parse error: unexpected colon before duration in duration expression");
    fails(
        "up offset foo",
        r#"1:11: parse error: unexpected identifier "foo" in offset, expected number, duration, step(), or range()"#,
    );
}

#[test]
fn operators_bind_as_in_prometheus() {
    let shape = |query: &str| {
        fn brackets(expr: &lingshao_promql::Expr) -> String {
            use lingshao_promql::Expr;
            match expr {
                Expr::Binary(node) => {
                    format!("[{} {} {}]", brackets(&node.lhs), node.op.as_str(), brackets(&node.rhs))
                }
                Expr::Unary(node) => format!("[-{}]", brackets(&node.expr)),
                other => other.to_string(),
            }
        }
        brackets(&parse_with(query, ParseOptions::all()).unwrap())
    };
    assert_eq!(shape("a or b and c unless d"), "[a or [[b and c] unless d]]");
    assert_eq!(shape("a + b * c ^ d"), "[a + [b * [c ^ d]]]");
    assert_eq!(shape("a ^ b ^ c"), "[a ^ [b ^ c]]");
    assert_eq!(shape("a - b - c"), "[[a - b] - c]");
    assert_eq!(shape("a / b atan2 c % d"), "[[[a / b] atan2 c] % d]");
    assert_eq!(shape("a > b == c + d"), "[[a > b] == [c + d]]");
    assert_eq!(shape("-a ^ b"), "[-[a ^ b]]");
    assert_eq!(shape("-a * b"), "[[-a] * b]");
    assert_eq!(shape("2 ^ -a * b"), "[[2 ^ [-a]] * b]");
    assert_eq!(shape("-1 ^ 2"), "[-[1 ^ 2]]");
    assert_eq!(shape("a </ b or c >/ 1"), "[[a </ b] or [c >/ 1]]");
    assert_eq!(shape("-a offset 5m"), "[-a offset 5m]");
}

#[test]
fn modifiers_print_in_their_canonical_form() {
    prints("a * on(x) b", "a * on (x) b");
    prints("a * on() b", "a * on () b");
    prints("a * ignoring() b", "a * b");
    prints("a * ON(x,y,) GROUP_LEFT b", "a * on (x, y) group_left () b");
    prints("a / ignoring(\"c d\") group_right(sum, by) b", r#"a / ignoring ("c d") group_right (sum, by) b"#);
    prints("a == bool b", "a == bool b");
    prints("a + fill(0) b", "a + fill (0) b");
    prints("a + on(x) fill_right(-1) fill_left(2.5) b", "a + on (x) fill_left (2.5) fill_right (-1) b");
    prints("a + fill_left(1e30) b", "a + fill_left (1e+30) b");
    prints("sum by(a,b)(x)", "sum by (a, b) (x)");
    prints("sum(x) without (\"a.b\")", r#"sum without ("a.b") (x)"#);
    prints("sum by() (x)", "sum(x)");
    prints("sum without() (x)", "sum without () (x)");
    prints("topk by (a) (5, x)", "topk by (a) (5, x)");
    prints("count_values(\"v\", x)", "count_values(\"v\", x)");
    prints("limit_ratio(-0.5, x)", "limit_ratio(-0.5, x)");
    prints("info(x, {a=~\"b.*\"})", "info(x, {a=~\"b.*\"})");
    prints("info(x, {})", "info(x, {})");
    prints("end() - start()", "end() - start()");
    prints("((a))", "((a))");
    prints("+a", "+a");
}

#[test]
fn syntax_errors_are_prometheus() {
    fails("", "1:1: parse error: no expression found in input");
    fails("# only a note", "1:1: parse error: no expression found in input");
    fails("1+", "1:3: parse error: unexpected end of input");
    fails("a b", "1:3: parse error: unexpected identifier \"b\"");
    fails("1 @", "1:4: parse error: unexpected end of input in @, expected timestamp");
    fails("*1", "1:1: parse error: unexpected <op:*>");
    fails("(1", "1:3: parse error: unclosed left parenthesis");
    fails("1)", "1:3: parse error: unexpected right parenthesis ')'");
    fails("a]", "1:2: parse error: unexpected right bracket ']'");
    fails("a{", "1:3: parse error: unexpected end of input inside braces");
    fails("a = b", "1:3: parse error: unexpected \"=\"");
    fails("a ! b", "1:3: parse error: unexpected character after '!': ' '");
    fails("a =~ b", "1:3: parse error: unexpected character after '=': '~'");
    fails("a $ b", "1:3: parse error: unexpected character: '$'");
    fails("a{b}", "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator");
    fails("a{b=}", "1:5: parse error: unexpected \"}\" in label matching, expected string");
    fails(
        "a{b='c' d='e'}",
        "1:9: parse error: unexpected identifier \"d\" in label matching, expected \",\" or \"}\"",
    );
    fails("a{,}", "1:3: parse error: unexpected \",\" in label matching, expected identifier or \"}\"");
    fails("a{b='c}", "1:5: parse error: unterminated quoted string");
    fails("\"a\\qb\"", "1:1: parse error: unknown escape sequence U+0071 'q'");
    fails("12d1", "1:1: parse error: bad number or duration syntax: \"12d1\"");
    fails("1e31e3", "1:1: parse error: bad number or duration syntax: \"1e31e\"");
    fails("1e", "1:1: parse error: bad number or duration syntax: \"1e\"");
    fails(
        "(1e)",
        "1:2: parse error: error parsing number: strconv.ParseFloat: parsing \"1e\": invalid syntax",
    );
    fails("0x", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"0x\": invalid syntax");
    fails(
        "1e400",
        "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e400\": value out of range",
    );
    fails(
        "a * on(b) group_left ^ c",
        "1:22: parse error: unexpected <op:^> in grouping opts, expected \"(\"",
    );
    fails("1h1h", "1:1: parse error: not a valid duration string: \"1h1h\"");
    fails("rate(a[5m],)", "1:11: parse error: trailing commas not allowed in function call args");
    fails("clamp(a, , 1)", "1:8: parse error: trailing commas not allowed in function call args");
    fails("clamp(a, $)", "1:10: parse error: unexpected character: '$'");
    fails("(topk(a)", "1:9: parse error: unclosed left parenthesis");
    fails("nope(a)", "1:1: parse error: unknown function with name \"nope\"");
    fails("sum by (a) b", "1:12: parse error: unexpected identifier \"b\" in aggregation");
    fails("sum(a b)", "1:7: parse error: unexpected identifier \"b\" in aggregation");
    fails("sum(a) by b", "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \"(\"");
    fails("sum by (1) (a)", "1:9: parse error: unexpected number \"1\" in grouping opts, expected label");
    fails(
        "sum by (a b) (c)",
        "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\"",
    );
    fails("sum by (\"\") (a)", "1:9: parse error: invalid label name for grouping: \"\"");
    fails("a + group_left b", "1:5: parse error: unexpected <group_left>");
    fails("a offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times");
    fails("a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times");
    fails(
        "a @ 1e30",
        "1:1: parse error: timestamp out of bounds for @ modifier: 1000000000000000019884624838656.000000",
    );
    fails("a offset 1m [5m]", "1:13: parse error: no offset modifiers allowed before range");
    fails("a @ 1 [5m]", "1:7: parse error: no @ modifiers allowed before range");
    fails("(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors");
    fails(
        "1 offset 5m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    );
    fails(
        "a[5m] anchored smoothed",
        "1:1: parse error: anchored and smoothed modifiers cannot be used together",
    );
    fails("a[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries");
    fails("sum(a) smoothed", "1:1: parse error: smoothed modifier not implemented");
    fails("a +\n  b +\n  *", "3:3: parse error: unexpected <op:*>");
}

#[test]
fn type_errors_are_prometheus() {
    fails(
        "rate(a)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
    );
    fails(
        "abs(a[5m])",
        "1:5: parse error: expected type instant vector in call to function \"abs\", got range vector",
    );
    fails("rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0");
    fails("round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0");
    fails("round(a, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3");
    fails(
        "label_join(a, 'b')",
        "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2",
    );
    fails("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar");
    fails("topk('a', b)", "1:6: parse error: expected type scalar in aggregation parameter, got string");
    fails(
        "topk(a)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    );
    fails("sum()", "1:1: parse error: no arguments for aggregate expression provided");
    fails("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier");
    fails("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators");
    fails("1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression");
    fails("a or 1", "1:1: parse error: set operator \"or\" not allowed in binary scalar expression");
    fails("a + on(x) 1", "1:1: parse error: vector matching only allowed between instant vectors");
    fails("a and on(x) group_left() b", "1:1: parse error: no grouping allowed for \"and\" operation");
    fails(
        "a * on(x) group_left(x) b",
        "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once",
    );
    fails("a and fill(1) b", "1:1: parse error: filling in missing series not allowed for set operators");
    fails(
        "a + fill(1) 2",
        "1:1: parse error: filling in missing series only allowed between instant vectors",
    );
    fails(
        "a[5m] + 1",
        "1:1: parse error: binary expression must contain only scalar and instant vector types",
    );
    fails(
        "-'a'",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
    );
    fails("1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead");
    fails("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher");
    fails("{a=~'.*'}", "1:1: parse error: vector selector must contain at least one non-empty matcher");
    fails("a{__name__='b'}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\"");
    fails("info(a, b)", "1:9: parse error: expected label selectors only, got vector selector instead");
    fails(
        "info(a, 1)",
        "1:1: parse error: expected type instant vector in call to function \"info\", got scalar",
    );
    fails("info(a, sum(b))", "1:9: parse error: expected label selectors only");
}

#[test]
fn a_prometheus_without_flags_refuses_what_is_experimental() {
    let refused = |query: &str| parse(query).unwrap_err().to_string();
    assert_eq!(
        refused("limitk(2, a)"),
        "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
    );
    assert_eq!(refused("info(a)"), "1:1: parse error: function \"info\" is not enabled");
    assert_eq!(
        refused("a[5m] anchored"),
        "1:1: parse error: anchored modifier is experimental and not enabled"
    );
    assert_eq!(
        refused("a + fill(1) b"),
        "1:1: parse error: binop fill modifiers are experimental and not enabled"
    );
    assert_eq!(parse("a[5m + step()]").unwrap().to_string(), "a[5m + step()]");
    let none = ParseOptions { duration_expressions: false, ..ParseOptions::default() };
    let error = parse_with("a[5m + 1m]", none).unwrap_err();
    assert_eq!(error.to_string(), "1:3: parse error: experimental duration expression is not enabled");
}

#[test]
fn spans_are_the_bytes_of_each_node() {
    let query = "sum by (job) (rate(up{a=\"é\"}[5m] offset 1m)) > 1";
    let expr = parse(query).unwrap();
    let mut seen = Vec::new();
    expr.walk(&mut |node| seen.push(&query[node.span().start..node.span().end]));
    assert_eq!(
        seen,
        [
            query,
            "sum by (job) (rate(up{a=\"é\"}[5m] offset 1m))",
            "rate(up{a=\"é\"}[5m] offset 1m)",
            "up{a=\"é\"}[5m] offset 1m",
            "1",
        ]
    );
}

#[test]
fn selectors_of_the_api_have_no_modifiers() {
    let matchers = parse_selector(r#"up{job=~"a|b"}"#).unwrap();
    assert_eq!(format!("{matchers:?}"), r#"[job=~"a|b", __name__="up"]"#);
    assert_eq!(parse_selector("{}").unwrap().len(), 0);
    let error = parse_selector("up offset 5m").unwrap_err();
    assert_eq!(error.to_string(), "1:4: parse error: unexpected <offset>");
}

#[test]
fn depth_and_length_are_limited() {
    for query in [
        "(".repeat(10_000) + "1" + &")".repeat(10_000),
        "-".repeat(100_000) + "a",
        "abs(".repeat(10_000) + "a" + &")".repeat(10_000),
        vec!["a"; 50_000].join("+"),
        format!("a{}", "[5m:]".repeat(20_000)),
        format!("a[{}5m{}]", "(".repeat(10_000), ")".repeat(10_000)),
        format!("a[{}]", vec!["1m"; 20_000].join("+")),
    ] {
        let error = parse(&query).unwrap_err();
        assert_eq!(error.message, "expression is nested deeper than 200 levels");
    }
    let error = parse(&" ".repeat(300_000)).unwrap_err();
    assert_eq!(error.message, "query is longer than 262144 bytes");
}

#[test]
fn regular_expressions_that_have_to_be_compiled_are_counted() {
    let matchers = |count: usize, pattern: &str| {
        let matchers: Vec<String> = (0..count).map(|own| format!("a{own}=~\"{pattern}\"")).collect();
        format!("up{{{}}} + up", matchers.join(","))
    };
    assert!(parse(&matchers(100, "(a|b){9}")).is_ok());
    assert!(parse(&matchers(1000, "a|b")).is_ok());
    let error = parse(&matchers(101, "(a|b){9}")).unwrap_err();
    assert_eq!(error.message, "more than 100 regular expressions in one query");
    let apart = vec!["up{a=~\"[ab]c\"}"; 101].join(" + ");
    assert!(parse(&apart).is_err(), "they count over all selectors");
}

#[test]
fn long_lines_are_broken() {
    let query = "sum by (job, instance) (rate(http_requests_total{status=~\"5..\"}[5m])) / sum by (job, instance) (rate(http_requests_total[5m])) > 0.05";
    assert_eq!(
        parse(query).unwrap().prettify(),
        r#"    sum by (job, instance) (rate(http_requests_total{status=~"5.."}[5m]))
  /
    sum by (job, instance) (rate(http_requests_total[5m]))
>
  0.05"#
    );
    let query = "histogram_quantile(0.95, sum by (le, job, instance, endpoint) (rate(http_request_duration_seconds_bucket[5m])))";
    assert_eq!(
        parse(query).unwrap().prettify(),
        r#"histogram_quantile(
  0.95,
  sum by (le, job, instance, endpoint) (rate(http_request_duration_seconds_bucket[5m]))
)"#
    );
}

#[test]
fn how_vectors_match_is_settled_by_the_types() {
    use lingshao_promql::{Expr, ast::Cardinality};
    let cardinality = |query: &str| match parse_with(query, ParseOptions::all()).unwrap() {
        Expr::Binary(node) => node.matching.map(|matching| matching.cardinality),
        other => panic!("{other} is no binary expression"),
    };
    assert_eq!(cardinality("a + b"), Some(Cardinality::OneToOne));
    assert_eq!(cardinality("a and on (x) b"), Some(Cardinality::ManyToMany));
    assert_eq!(cardinality("a * on (x) group_left b"), Some(Cardinality::ManyToOne));
    assert_eq!(cardinality("a * on (x) group_right b"), Some(Cardinality::OneToMany));
    assert_eq!(cardinality("a + 1"), None);
    assert_eq!(cardinality("1 + time()"), None);
}
