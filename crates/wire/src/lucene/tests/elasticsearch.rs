//! What `query_string` and `q=` are read as.

use super::*;

#[test]
fn words_and_phrases_are_joined_by_the_operator() {
    check(
        Dialect::Elasticsearch,
        &[
            ("timeout", "_:'timeout'"),
            ("a b", "_:any'a b'"),
            ("a b c", "_:any'a b c'"),
            ("支付失败", "_:any'支付失败'"),
            ("支付 失败", "_:any'支付 失败'"),
            ("level:ERROR status_code:500", "(level:'ERROR' | status_code:'500'#)"),
            ("level:ERROR and status_code:500", "(level:'ERROR' | _:'and' | status_code:'500'#)"),
            ("trace_id:a-b-c", "trace_id:any'a-b-c'"),
            ("a-b c", "_:any'a-b c'"),
            ("message:connection timed out", "(message:'connection' | _:any'timed out')"),
            (r#""a b""#, "_:'a b'"),
            (r#""a b"~2"#, "_:'a b'~2"),
            (r#"f:"""#, "f:''"),
            (r#""""#, "NONE"),
            (r#""=>""#, "NONE"),
            ("- a", "_:'a'"),
            ("! a", "_:'a'"),
            ("a AND - b", "_:'a'"),
            ("f:(to be)", "f:any'to be'"),
            ("f:(to be OR not)", "(f:'to' | f:'be' | f:'not')"),
            ("f:(500 404)", "(f:'500'# | f:'404'#)"),
            ("f:(10.0.0.1 a b)", "(f:'10.0.0.1'% | f:any'a b')"),
            ("f:500", "f:'500'#"),
            ("f:2025-06-15", "f:'2025-06-15'@14T16:00~15T15:59:59.9"),
            ("a/b", "_:'a/b'"),
            ("f:application/json", "f:'application/json'"),
            (r"a\/b", "_:any'a/b'"),
            ("f:a b", "(f:'a' | _:'b')"),
            ("a f:b c d", "(_:'a' | f:'b' | _:any'c d')"),
            ("a b* c d", "(_:'a' | _^'b' | _:any'c d')"),
            ("a b *", "(_:'a' | _:'b' | ALL)"),
            (r#"a b "c d""#, "(_:any'a b' | _:'c d')"),
            ("a b -c", "(_:any'a b' & -_:'c')"),
            ("a b~ c", "(_:'a' | _:'b' | _:'c')"),
            ("a b^2 c", "(_:'a' | _:'b' | _:'c')"),
            ("a b (c d) e f", "(_:any'a b' | _:any'c d' | _:any'e f')"),
        ],
    );
}

#[test]
fn clauses_follow_lucene() {
    check(
        Dialect::Elasticsearch,
        &[
            ("a OR b AND c", "(_:'b' & _:'c')"),
            ("a AND b OR c", "(_:'a' & _:'b')"),
            ("a OR b OR c", "(_:'a' | _:'b' | _:'c')"),
            ("+a b", "_:'a'"),
            ("+a -b c", "(_:'a' & -_:'b')"),
            ("-a", "-_:'a'"),
            ("-a -b", "(-_:'a' & -_:'b')"),
            ("-a b", "(_:'b' & -_:'a')"),
            ("NOT a", "-_:'a'"),
            ("a NOT b", "(_:'a' & -_:'b')"),
            ("a AND (-b)", "(_:'a' & -_:'b')"),
            ("a OR (-b)", "(_:'a' | -_:'b')"),
            ("(-a) b", "(-_:'a' | _:'b')"),
            ("(a OR b) AND c", "((_:'a' | _:'b') & _:'c')"),
            ("f:(+a -b c)", "(f:'a' & -f:'b')"),
            ("a && b || c", "(_:'a' & _:'b')"),
            ("!a && b", "(-_:'a' & _:'b')"),
            ("NOT NOT a", "_:'a'"),
            ("*:* -a", "(ALL & -_:'a')"),
            ("* AND a", "(ALL & _:'a')"),
        ],
    );
}

#[test]
fn values_as_in_elasticsearch() {
    check(
        Dialect::Elasticsearch,
        &[
            ("_exists_:f", "f:?"),
            ("_exists_:pay*", "{pay*}:?"),
            (r"_exists_:f\.g", "f.g:?"),
            ("f:*", "f:?"),
            ("*:x", "_:'x'"),
            (r"payload.\*:x", "{payload.*}:'x'"),
            ("payload.*:x", "{payload.*}:'x'"),
            ("f:>2", "f:{'2'# *]"),
            ("f:>=now-1h", "f:['now-1h'@14T23:30 *]"),
            ("f:> 2", "f:{'2'# *]"),
            ("f > 2", "(_:'f' | _:'2'#)"),
            ("f:-5", "f:'-5'#"),
            ("f:>=2 AND <5", "(f:['2'# *] & _:any'<5')"),
            ("f:(>1 <5)", "(f:{'1'# *] | f:[* '5'#})"),
            ("f:[1 TO 5]", "f:['1'# '5'#]"),
            (
                "f:[1 to 5]",
                "! a range is written `[from TO to]`; if the bracket belongs to a text, put the text in quotes (at byte 2)",
            ),
            ("f:{* TO 5}", "f:[* '5'#}"),
            ("[1 TO 5]", "_:['1'# '5'#]"),
            (r#"f:["2025-06-15 08:00" TO *]"#, "f:['2025-06-15 08:00'@15T00:00~15T00:00:59.9 *]"),
            ("timestamp:2025-06-15", "timestamp:'2025-06-15'@14T16:00~15T15:59:59.9"),
            ("timestamp:2025-06-15T08:30:00", "timestamp:'2025-06-15T08:30:00'@15T00:30~15T00:30:00.9"),
            (
                "timestamp:[1749947400123 TO *]",
                "timestamp:['1749947400123'#@15T00:30:00.123Z~15T00:30:00.123999999Z *]",
            ),
            ("level.keyword:ERR*", "level.keyword^!'ERR'"),
            ("level:Err*", "level^'Err'"),
            ("level.keyword:/E.*/", "level.keyword/!'E.*'"),
            ("f:Ab?c", "f*'Ab?c'"),
            ("abc~", "_~1'abc'"),
            ("abcdef~AUTO", "_~2'abcdef'"),
            ("abc~1", "_~1'abc'"),
            ("f:/a.*b/", "f/'a.*b'"),
            ("/a.*b/", "_/'a.*b'"),
            (r#"f:~"a""#, "f/'a'"),
            ("“a”", "_:any'“a”'"),
            ("f：x", "_:any'f：x'"),
            ("a！", "_:any'a！'"),
            ("http://shop.cn/x", "_:'http://shop.cn/x'"),
            ("f:a:b", "f:'a:b'"),
            ("host:127.0.0.1:8080", "host:'127.0.0.1:8080'"),
            ("127.0.0.1:8080", "127.0.0.1:'8080'#"),
            (r"f\:g", "_:any'f:g'"),
            (r"\u4e2d", "_:any'中'"),
        ],
    );
}

#[test]
fn the_near_traps_of_slashes() {
    check(
        Dialect::Elasticsearch,
        &[
            (
                "path:/api/v1/payments/* AND status_code:500",
                "(path^'/api/v1/payments/' & status_code:'500'#)",
            ),
            ("path:/api/v1/orders AND status_code:500", "(path='/api/v1/orders' & status_code:'500'#)"),
            (
                r"path:\/api\/v1\/payments\/* AND status_code:500",
                "(path^'/api/v1/payments/' & status_code:'500'#)",
            ),
            (
                r#"path:"/api/v1/payments/1" AND status_code:500"#,
                "(path:'/api/v1/payments/1' & status_code:'500'#)",
            ),
            ("path:/api/v1/payments/*", "path^'/api/v1/payments/'"),
            ("path:/a/", "path/'a'"),
            ("path:/a/b/", "path='/a/b/'"),
            ("path:(/a/b OR /c/d)", "(path='/a/b' | path='/c/d')"),
            ("/api/v1/orders", "_:'/api/v1/orders'"),
            ("path:/a b/", "path/'a b'"),
            ("date:2025/06/15", "date:'2025/06/15'@14T16:00~15T15:59:59.9"),
        ],
    );
}
