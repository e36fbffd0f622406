//! What is said about texts that are right.

use super::*;

/// What is said about a text that is right: departures from Lucene, then hints, each with its place.
#[track_caller]
fn noted(dialect: Dialect, cases: &[(&str, &[(&str, &str)])]) {
    for (text, expected) in cases {
        let parsed = read(dialect, text).unwrap();
        let departures = parsed.departures.iter().map(|note| (note.kind.code(), &text[note.start..note.end]));
        let hints = parsed.hints.iter().map(|note| (note.kind.code(), &text[note.start..note.end]));
        assert_eq!(departures.chain(hints).collect::<Vec<_>>(), *expected, "{text}");
    }
}

#[test]
fn what_is_read_otherwise_is_told() {
    noted(
        Dialect::Box,
        &[
            ("application/json", &[("slash-in-word", "application/json")]),
            ("127.0.0.1:8080", &[("colon-in-value", "127.0.0.1:8080")]),
            (
                "http://shop.cn/x",
                &[("slash-in-word", "http://shop.cn/x"), ("colon-in-value", "http://shop.cn/x")],
            ),
            ("a -> b", &[("no-word", "->")]),
            ("=>", &[("no-word", "=>")]),
            ("f:-", &[]),
            ("user=alice", &[("equals-in-word", "user=alice")]),
            ("level:ERROR and status_code:500", &[]),
            ("not a", &[("word-not-operator", "not")]),
            ("timeout and level:ERROR", &[("word-not-operator", "and")]),
            ("or a:1", &[("word-not-operator", "or")]),
            ("ip:2001:db8::/32", &[("slash-in-word", "2001:db8::/32"), ("colon-in-value", "2001:db8::/32")]),
            ("f:> 2", &[("spaced-comparison", "> 2")]),
            ("f > 2", &[("spaced-comparison", "> 2")]),
            ("timestamp:>=now/d", &[]),
            ("timestamp:2025-06-15T08:30", &[("colon-in-value", "2025-06-15T08:30")]),
            ("path:/api/v1/orders", &[("path-literal", "/api/v1/orders")]),
            ("path:(/a/b OR /c/*)", &[("path-literal", "/a/b"), ("path-literal", "/c/*")]),
            ("/api/v1/*", &[("path-literal", "/api/v1/*")]),
            ("f:/x/", &[("read-as-regex", "/x/")]),
            ("f:/err.*/", &[]),
            ("f:/a b/", &[("read-as-regex", "/a b/")]),
            ("path:/a AND b/", &[("path-literal", "/a"), ("slash-in-word", "b/")]),
            ("level：ERROR", &[("full-width", "：")]),
            ("message：“支付 失败”", &[("full-width", "："), ("full-width", "“")]),
            ("错误：超时", &[]),
            ("支付（失败）", &[("full-width", "（"), ("full-width", "）")]),
            ("status ＞ 5", &[("spaced-comparison", "＞ 5"), ("full-width", "＞")]),
        ],
    );
}

#[test]
fn what_is_read_otherwise_is_told_in_elasticsearch() {
    noted(
        Dialect::Elasticsearch,
        &[
            ("level:ERROR and status_code:500", &[]),
            ("a/b", &[("slash-in-word", "a/b")]),
            ("f:application/json", &[("slash-in-word", "application/json")]),
            ("f:> 2", &[("spaced-comparison", "> 2")]),
            ("f > 2", &[]),
            ("timestamp:2025-06-15T08:30:00", &[("colon-in-value", "2025-06-15T08:30:00")]),
            (
                "http://shop.cn/x",
                &[("slash-in-word", "http://shop.cn/x"), ("colon-in-value", "http://shop.cn/x")],
            ),
            ("f:a:b", &[("colon-in-value", "a:b")]),
            ("host:127.0.0.1:8080", &[("colon-in-value", "127.0.0.1:8080")]),
            ("127.0.0.1:8080", &[]),
            ("path:/api/v1/payments/* AND status_code:500", &[("path-literal", "/api/v1/payments/*")]),
            ("path:/api/v1/orders AND status_code:500", &[("path-literal", "/api/v1/orders")]),
            ("path:/api/v1/payments/*", &[("path-literal", "/api/v1/payments/*")]),
            ("path:/a/b/", &[("path-literal", "/a/b/")]),
            ("path:(/a/b OR /c/d)", &[("path-literal", "/a/b"), ("path-literal", "/c/d")]),
            ("/api/v1/orders", &[("path-literal", "/api/v1/orders")]),
            ("date:2025/06/15", &[("slash-in-word", "2025/06/15")]),
        ],
    );
}
