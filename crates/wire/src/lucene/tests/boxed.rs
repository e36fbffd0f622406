//! What people type.

use super::*;

/// As the shop wrote them down.
const PLAN: [(&str, &str); 4] = [
    (
        "level:ERROR AND timestamp:[now-1h TO now]",
        "(level:'ERROR' & timestamp:['now-1h'@14T23:30 'now'@15T00:30])",
    ),
    (
        "process_time:>2 AND timestamp:[now-1h TO now]",
        "(process_time:{'2'# *] & timestamp:['now-1h'@14T23:30 'now'@15T00:30])",
    ),
    ("path:/api/v1/payments/* AND status_code:500", "(path^'/api/v1/payments/' & status_code:'500'#)"),
    ("user_id:12345", "user_id:'12345'#"),
];

#[test]
fn the_plans_queries_mean_what_the_shop_means() {
    check(Dialect::Box, &PLAN);
    check(Dialect::Elasticsearch, &PLAN);
}

#[test]
fn words_and_phrases() {
    check(
        Dialect::Box,
        &[
            ("timeout", "_:'timeout'"),
            ("支付失败", "_:'支付失败'"),
            ("支付 失败", "(_:'支付' & _:'失败')"),
            (r#""支付 失败""#, "_:'支付 失败'"),
            ("Timeout", "_:'Timeout'"),
            ("level:ERROR", "level:'ERROR'"),
            ("level: ERROR", "level:'ERROR'"),
            ("level : ERROR", "level:'ERROR'"),
            (r#"message:"connection timed out""#, "message:'connection timed out'"),
            ("message:connection timed out", "(message:'connection' & _:'timed' & _:'out')"),
            (r#""a b"~2"#, "_:'a b'~2"),
            (r#""a b"~2^3"#, "_:'a b'~2"),
            (r#""a b"^3"#, "_:'a b'"),
            (r#"f:"a b"~10"#, "f:'a b'~10"),
            ("trace_id:a-b-c", "trace_id:'a-b-c'"),
            ("application/json", "_:'application/json'"),
            ("GET /api/v1/orders", "(_:'GET' & _:'/api/v1/orders')"),
            ("127.0.0.1:8080", "_:'127.0.0.1:8080'"),
            ("12:30:45", "_:'12:30:45'"),
            ("http://shop.cn/x", "_:'http://shop.cn/x'"),
            ("can't", "_:'can't'"),
            ("user@shop.cn", "_:'user@shop.cn'"),
            ("a.b.c", "_:'a.b.c'"),
            (r#"x:"a\"b\\c\d""#, r#"x:'a"b\c\d'"#),
            (r#""C:\temp""#, r"_:'C:\temp'"),
            (r#""""#, "_:''"),
            (r#"f:"""#, "f:''"),
            ("-", "NONE"),
            ("a -", "_:'a'"),
            ("a - b", "(_:'a' & _:'b')"),
            ("a -> b", "(_:'a' & _:'b')"),
            ("a => b", "(_:'a' & _:'b')"),
            ("--flag", "_:'--flag'"),
            ("=>", "NONE"),
            (r#""=>""#, "_:'=>'"),
            ("f:=>", "f:'=>'"),
            ("f:-", "f:'-'"),
            (r#"f:"-""#, "f:'-'"),
            (r"\-a", "_:'-a'"),
            (r"a\ b", "_:'a b'"),
            (r"f:a\:b", "f:'a:b'"),
            (r"\u4e2d文", "_:'中文'"),
            ("hello!", "_:'hello!'"),
            ("a!b", "_:'a!b'"),
            ("user=alice", "_:'user=alice'"),
            ("a;b,c", "_:'a;b,c'"),
        ],
    );
}

#[test]
fn operators_bind_by_precedence() {
    check(
        Dialect::Box,
        &[
            ("a b", "(_:'a' & _:'b')"),
            ("a AND b", "(_:'a' & _:'b')"),
            ("a OR b", "(_:'a' | _:'b')"),
            ("a b OR c", "((_:'a' & _:'b') | _:'c')"),
            ("a OR b c", "(_:'a' | (_:'b' & _:'c'))"),
            ("a OR b AND c", "(_:'a' | (_:'b' & _:'c'))"),
            ("a AND b OR c AND d", "((_:'a' & _:'b') | (_:'c' & _:'d'))"),
            ("a OR b OR c", "(_:'a' | _:'b' | _:'c')"),
            ("(a OR b) AND c", "((_:'a' | _:'b') & _:'c')"),
            ("((a))", "_:'a'"),
            ("(a b) c", "((_:'a' & _:'b') & _:'c')"),
            ("a && b || c", "((_:'a' & _:'b') | _:'c')"),
            ("NOT a", "-_:'a'"),
            ("!a", "-_:'a'"),
            ("-a", "-_:'a'"),
            ("+a", "_:'a'"),
            ("+a -b", "(_:'a' & -_:'b')"),
            ("a OR -b", "(_:'a' | -_:'b')"),
            ("a NOT b", "(_:'a' & -_:'b')"),
            ("a AND NOT b", "(_:'a' & -_:'b')"),
            ("NOT a OR b", "(-_:'a' | _:'b')"),
            ("NOT a AND b", "(-_:'a' & _:'b')"),
            ("NOT (a OR b)", "-(_:'a' | _:'b')"),
            ("NOT NOT a", "_:'a'"),
            ("NOT -a", "_:'a'"),
            ("NOT (NOT a)", "--_:'a'"),
            ("-(-a)", "--_:'a'"),
            ("NOT *", "NONE"),
            ("a AND *", "(_:'a' & ALL)"),
            ("f:(a b)", "(f:'a' & f:'b')"),
            ("f:(a OR b)", "(f:'a' | f:'b')"),
            ("f:(a OR b) c", "((f:'a' | f:'b') & _:'c')"),
            ("f:(a AND NOT b)", "(f:'a' & -f:'b')"),
            ("f:(a g:b)", "(f:'a' & g:'b')"),
            ("f:(a (b OR c))", "(f:'a' & (f:'b' | f:'c'))"),
            ("-f:a", "-f:'a'"),
            ("NOT f:a", "-f:'a'"),
            ("f:(NOT a)", "-f:'a'"),
            (r#""a"OR"b""#, "(_:'a' | _:'b')"),
            ("(a)OR(b)", "(_:'a' | _:'b')"),
        ],
    );
}

#[test]
fn lower_case_operators_stand_between_what_is_more_than_a_word() {
    check(
        Dialect::Box,
        &[
            ("level:ERROR and status_code:500", "(level:'ERROR' & status_code:'500'#)"),
            ("level:ERROR or status_code:500", "(level:'ERROR' | status_code:'500'#)"),
            ("level:ERROR or level:WARN and a:1", "(level:'ERROR' | (level:'WARN' & a:'1'#))"),
            ("(a b) or (c d)", "((_:'a' & _:'b') | (_:'c' & _:'d'))"),
            (r#""a" and "b""#, "(_:'a' & _:'b')"),
            ("level:ERROR and not status_code:500", "(level:'ERROR' & -status_code:'500'#)"),
            ("level:ERROR not status_code:500", "(level:'ERROR' & -status_code:'500'#)"),
            ("not level:INFO", "-level:'INFO'"),
            ("not (a b)", "-(_:'a' & _:'b')"),
            ("not a", "(_:'not' & _:'a')"),
            ("a and b", "(_:'a' & _:'and' & _:'b')"),
            ("timeout and level:ERROR", "(_:'timeout' & _:'and' & level:'ERROR')"),
            ("level:ERROR and timeout", "(level:'ERROR' & _:'and' & _:'timeout')"),
            ("level:ERROR or timeout", "(level:'ERROR' & _:'or' & _:'timeout')"),
            ("rock and roll", "(_:'rock' & _:'and' & _:'roll')"),
            (r#""and""#, "_:'and'"),
            ("f:and", "f:'and'"),
            ("f:(a:1 and b:2)", "(a:'1'# & b:'2'#)"),
            ("level:ERROR and -a:1", "(level:'ERROR' & -a:'1'#)"),
            ("level:ERROR and status_code > 499", "(level:'ERROR' & status_code:{'499'# *])"),
            ("and", "_:'and'"),
            ("or a:1", "(_:'or' & a:'1'#)"),
        ],
    );
}

#[test]
fn fields_and_presence() {
    check(
        Dialect::Box,
        &[
            ("*", "ALL"),
            ("*:*", "ALL"),
            ("f:*", "f:?"),
            ("_exists_:f", "f:?"),
            (r#"_exists_:"f g""#, "f g:?"),
            ("_exists_:pay*", "{pay*}:?"),
            ("_exists_:*", "ALL"),
            ("_exists_:(a OR b)", "(a:? | b:?)"),
            ("NOT _exists_:f", "-f:?"),
            ("f:(*)", "f:?"),
            ("*:x", "_:'x'"),
            ("payload.*:x", "{payload.*}:'x'"),
            (r"payload.\*:x", "{payload.*}:'x'"),
            ("p*.a*:x", "{p*.a*}:'x'"),
            (r#""my field":x"#, "my field:'x'"),
            (r#""my field":>2"#, "my field:{'2'# *]"),
            (r"my\ field:x", "my field:'x'"),
            ("订单号:123", "订单号:'123'#"),
            ("用户.名称:张三", "用户.名称:'张三'"),
            ("@timestamp:now", "@timestamp:'now'@15T00:30"),
            ("log.level:ERROR", "log.level:'ERROR'"),
            ("level.keyword:ERROR", "level.keyword:'ERROR'"),
            ("f-g:x", "f-g:'x'"),
            ("_id:abc", "_id:'abc'"),
        ],
    );
}

#[test]
fn numbers_and_addresses() {
    check(
        Dialect::Box,
        &[
            ("status_code:500", "status_code:'500'#"),
            ("f:2.5", "f:'2.5'#"),
            ("f:-5", "f:'-5'#"),
            (r#"f:"500""#, "f:'500'#"),
            ("f:1e3", "f:'1e3'#"),
            ("f:0x10", "f:'0x10'"),
            ("f:007", "f:'007'#"),
            ("ip:10.0.0.1", "ip:'10.0.0.1'%"),
            ("ip:10.0.0.0/8", "ip:'10.0.0.0/8'%"),
            ("ip:fe80::1", "ip:'fe80::1'%"),
            ("ip:::1", "ip:'::1'%"),
            ("ip:2001:db8::/32", "ip:'2001:db8::/32'%"),
            ("f:500ms", "f:'500ms'"),
        ],
    );
}

#[test]
fn comparisons() {
    check(
        Dialect::Box,
        &[
            ("f:>2", "f:{'2'# *]"),
            ("f:>=2", "f:['2'# *]"),
            ("f:<2", "f:[* '2'#}"),
            ("f:<=2", "f:[* '2'#]"),
            ("f:> 2", "f:{'2'# *]"),
            ("f:>= 2", "f:['2'# *]"),
            ("f > 2", "f:{'2'# *]"),
            ("f >= 2", "f:['2'# *]"),
            ("f<2", "f:[* '2'#}"),
            ("f >2", "f:{'2'# *]"),
            ("f>2", "f:{'2'# *]"),
            ("f<=2.5", "f:[* '2.5'#]"),
            ("f:>-5", "f:{'-5'# *]"),
            (r#"f:>"2025-06-15""#, "f:{'2025-06-15'@14T16:00~15T15:59:59.9 *]"),
            ("f:>abc", "f:{'abc' *]"),
            ("process_time > 2 level:ERROR", "(process_time:{'2'# *] & level:'ERROR')"),
            ("f:(>1 AND <5)", "(f:{'1'# *] & f:[* '5'#})"),
            ("f:(>=500 OR <200)", "(f:['500'# *] | f:[* '200'#})"),
            ("a > b", "a:{'b' *]"),
            ("a->b", "_:'a->b'"),
            ("a-b > 2", "a-b:{'2'# *]"),
            ("List<String>", "_:'List<String>'"),
            ("<html>", "_:'<html>'"),
            ("f：＞2", "f:{'2'# *]"),
        ],
    );
}

#[test]
fn ranges() {
    check(
        Dialect::Box,
        &[
            ("f:[1 TO 5]", "f:['1'# '5'#]"),
            ("f:{1 TO 5}", "f:{'1'# '5'#}"),
            ("f:[1 TO 5}", "f:['1'# '5'#}"),
            ("f:{1 TO 5]", "f:{'1'# '5'#]"),
            ("f:[* TO 5]", "f:[* '5'#]"),
            ("f:[1 TO *]", "f:['1'# *]"),
            ("f:{1 TO *]", "f:{'1'# *]"),
            ("f:[* TO *]", "f:?"),
            ("f:[a to b]", "f:['a' 'b']"),
            ("f:[ 1 TO 5 ]", "f:['1'# '5'#]"),
            (r#"f:["a b" TO "c d"]"#, "f:['a b' 'c d']"),
            ("f:[a b TO c d]", "f:['a b' 'c d']"),
            (r#"f:["*" TO x]"#, "f:['*' 'x']"),
            (r"f:[\* TO x]", "f:['*' 'x']"),
            ("[1 TO 5]", "_:['1'# '5'#]"),
            ("[* TO *]", "ALL"),
            ("f:[-5 TO -1]", "f:['-5'# '-1'#]"),
            ("f:[a TO b]^2", "f:['a' 'b']"),
            ("ip:[10.0.0.1 TO 10.0.0.9]", "ip:['10.0.0.1'% '10.0.0.9'%]"),
            ("f:[TO TO TO]", "! one end of this range is missing: write `*` for an open end (at byte 2)"),
            ("f:[a TO TOM]", "f:['a' 'TOM']"),
            ("f:[1 TO 5] AND g:x", "(f:['1'# '5'#] & g:'x')"),
        ],
    );
}

#[test]
fn times() {
    check(
        Dialect::Box,
        &[
            ("timestamp:[now-1h TO now]", "timestamp:['now-1h'@14T23:30 'now'@15T00:30]"),
            ("timestamp:>now-15m", "timestamp:{'now-15m'@15T00:15 *]"),
            ("timestamp:>=now/d", "timestamp:['now/d'@14T16:00~15T15:59:59.9 *]"),
            ("timestamp:<now/d", "timestamp:[* 'now/d'@14T16:00~15T15:59:59.9}"),
            ("timestamp:2025-06-15", "timestamp:'2025-06-15'@14T16:00~15T15:59:59.9"),
            ("timestamp:2025-06", "timestamp:'2025-06'@2025-05-31T16:00~30T15:59:59.9"),
            ("timestamp:2025", "timestamp:'2025'#@2024-12-31T16:00~2025-12-31T15:59:59.9"),
            ("timestamp:>2025-06-15", "timestamp:{'2025-06-15'@14T16:00~15T15:59:59.9 *]"),
            (
                "timestamp:[2025-06-14 TO 2025-06-15}",
                "timestamp:['2025-06-14'@13T16:00~14T15:59:59.9 '2025-06-15'@14T16:00~15T15:59:59.9}",
            ),
            (
                "timestamp:[2025-06-15T08:00:00 TO 2025-06-15T09:00:00]",
                "timestamp:['2025-06-15T08:00:00'@15T00:00~15T00:00:00.9 '2025-06-15T09:00:00'@15T01:00~15T01:00:00.9]",
            ),
            (
                "timestamp:[2025-06-15 08:00 TO 2025-06-15 09:00]",
                "timestamp:['2025-06-15 08:00'@15T00:00~15T00:00:59.9 '2025-06-15 09:00'@15T01:00~15T01:00:59.9]",
            ),
            (
                "timestamp:>2025-06-15T08:30:00+09:00",
                "timestamp:{'2025-06-15T08:30:00+09:00'@14T23:30~14T23:30:00.9 *]",
            ),
            ("timestamp:2025-06-15T08:30", "timestamp:'2025-06-15T08:30'@15T00:30~15T00:30:59.9"),
            (r#"timestamp:"2025-06-15 08:30:00""#, "timestamp:'2025-06-15 08:30:00'@15T00:30~15T00:30:00.9"),
            ("timestamp:2025-06-15||+1d/d", "timestamp:'2025-06-15||+1d/d'@15T16:00~16T15:59:59.9"),
            ("timestamp:>=1749947400", "timestamp:['1749947400'#@15T00:30~15T00:30:00.9 *]"),
            (
                "timestamp:>=1749947400123",
                "timestamp:['1749947400123'#@15T00:30:00.123Z~15T00:30:00.123999999Z *]",
            ),
            (
                "timestamp:>=1749947400123456",
                "timestamp:['1749947400123456'#@15T00:30:00.123456Z~15T00:30:00.123456999Z *]",
            ),
            ("timestamp:1749947400123456789", "timestamp:'1749947400123456789'#@15T00:30:00.123456789Z"),
            ("@timestamp:now-1d/d", "@timestamp:'now-1d/d'@13T16:00~14T15:59:59.9"),
            ("_time:[now/w TO now]", "_time:['now/w'@08T16:00~15T15:59:59.9 'now'@15T00:30]"),
            ("ts:>now-1h", "ts:{'now-1h'@14T23:30 *]"),
            ("created:2025-06-15", "created:'2025-06-15'@14T16:00~15T15:59:59.9"),
            (
                "created:[2025-06-01 TO 2025-06-15]",
                "created:['2025-06-01'@2025-05-31T16:00~01T15:59:59.9 '2025-06-15'@14T16:00~15T15:59:59.9]",
            ),
            ("created:>now-1h", "created:{'now-1h'@14T23:30 *]"),
            (
                "created:>=1749947400123",
                "created:['1749947400123'#@15T00:30:00.123Z~15T00:30:00.123999999Z *]",
            ),
            ("count:>=1749947400", "count:['1749947400'# *]"),
            ("created:2025", "created:'2025'#"),
            (
                "created:[2025 TO 2026]",
                "created:['2025'#@2024-12-31T16:00~2025-12-31T15:59:59.9 '2026'#@2025-12-31T16:00~2026-12-31T15:59:59.9]",
            ),
            ("created:now-1h", "created:'now-1h'@14T23:30"),
            ("message:now", "message:'now'"),
            ("now", "_:'now'"),
            ("created:now-playing", "created:'now-playing'"),
            ("2025-06-15", "_:'2025-06-15'"),
            ("timestamp:*", "timestamp:?"),
            (
                "timestamp:(2025-06-14 OR 2025-06-15)",
                "(timestamp:'2025-06-14'@13T16:00~14T15:59:59.9 | timestamp:'2025-06-15'@14T16:00~15T15:59:59.9)",
            ),
        ],
    );
}

#[test]
fn wildcards_and_fuzzy_words() {
    check(
        Dialect::Box,
        &[
            ("ab*", "_^'ab'"),
            ("ab*c", "_*'ab*c'"),
            ("a?c", "_*'a?c'"),
            ("*ab", "_*'*ab'"),
            ("*", "ALL"),
            ("f:ab*", "f^'ab'"),
            ("f:*ab*", "f*'*ab*'"),
            ("f:**", "f:?"),
            ("f:?", "f*'?'"),
            (r"f:a\*b", "f:'a*b'"),
            (r"f:a\*b*", "f^'a*b'"),
            (r"f:a\\*", r"f*'a\\*'"),
            ("支付*", "_^'支付'"),
            ("f:支*败", "f*'支*败'"),
            ("f:a-b*", "f^'a-b'"),
            ("f:a.b*c", "f*'a.b*c'"),
            ("ab~", "_:'ab'"),
            ("abc~", "_~1'abc'"),
            ("abcdef~", "_~2'abcdef'"),
            ("abc~0", "_:'abc'"),
            ("abc~1", "_~1'abc'"),
            ("abc~2", "_~2'abc'"),
            ("abc~9", "_~2'abc'"),
            ("abc~AUTO", "_~1'abc'"),
            ("abcdef~AUTO:2,4", "_~2'abcdef'"),
            ("f:abc~1^2", "f~1'abc'"),
            ("f:ab*~1", "f^'ab'"),
            ("ab*^2", "_^'ab'"),
            ("支付失败~1", "_~1'支付失败'"),
        ],
    );
}

#[test]
fn paths() {
    check(
        Dialect::Box,
        &[
            ("path:/api/v1/payments/*", "path^'/api/v1/payments/'"),
            ("path:/api/v1/orders", "path='/api/v1/orders'"),
            ("path:/api/v1/orders AND level:ERROR", "(path='/api/v1/orders' & level:'ERROR')"),
            ("(path:/api/v1/orders)", "path='/api/v1/orders'"),
            ("path:(/a/b OR /c/*)", "(path='/a/b' | path^'/c/')"),
            ("path:/", "path='/'"),
            ("path:/a", "path='/a'"),
            ("path:/a/", "path/'a'"),
            ("path:/a//b", "path='/a//b'"),
            ("path://a/b", "path='//a/b'"),
            ("path:/a/b?x=1", "path*'/a/b?x=1'"),
            (r"path:/a/\*/b", "path='/a/*/b'"),
            ("path:/a/(x)/b", "path='/a/(x)/b'"),
            ("path:/a/b:c", "path='/a/b:c'"),
            ("path:/a/~user", "path='/a/~user'"),
            (r"path:/a/b\ c", "path='/a/b c'"),
            (r#"path:"/api/v1/orders""#, "path:'/api/v1/orders'"),
            (r#"path:"/x/""#, "path:'/x/'"),
            ("path:/商品/*", "path^'/商品/'"),
            ("/api/v1/orders", "_:'/api/v1/orders'"),
            ("/api/v1/*", "_^'/api/v1/'"),
            ("message:/api/v1/orders", "message:'/api/v1/orders'"),
            ("NOT path:/health", "-path='/health'"),
            ("path:/api/*/items AND method:GET", "(path*'/api/*/items' & method:'GET')"),
            ("path.keyword:/A/*", "path.keyword^'/A/'"),
            (r"path:\/api\/v1\/payments\/*", "path^'/api/v1/payments/'"),
            (
                "path:/a/b) OR (x",
                r"! this bracket closes nothing: remove it, or write `\)` for the character itself (at byte 9)",
            ),
        ],
    );
}

#[test]
fn regular_expressions() {
    check(
        Dialect::Box,
        &[
            ("f:/x/", "f/'x'"),
            ("f:/err.*/", "f/'err.*'"),
            ("f:/a|b/", "f/'a|b'"),
            ("/time.*out/", "_/'time.*out'"),
            ("f:/a b/", "f/'a b'"),
            (r"f:/a\/b/", "f/'a/b'"),
            (r#"f:~"a/b.*""#, "f/'a/b.*'"),
            (r#"f:~"say \"hi\"""#, r#"f/'say \"hi\"'"#),
            (r#"~"re""#, "_/'re'"),
            ("f:/x/ AND g:/y/", "(f/'x' & g/'y')"),
            ("f:/a/^2", "f/'a'"),
            (r#"f:/[a-z]+[^"]{2,3}/"#, r#"f/'[a-z]+[^\"]{2,3}'"#),
            ("f:/(ab)+c?/", "f/'(ab)+c?'"),
            ("f:/a+?/", "f/'(a+)?'"),
            ("f:/a**/", "f/'(a*)*'"),
            (r#"f:/"a.b"/"#, r"f/'(a\.b)'"),
            ("f:/^a$/", r"f/'\^a\$'"),
            ("f:/a@b/", "f/'a(.*)b'"),
            ("f:/a#/", r"f/'a[^\s\S]'"),
            (r"f:/\d{3}\w\S/", r"f/'\d{3}\w\S'"),
            ("f:/支付.+/", "f/'支付.+'"),
            (r"f:/[\]\-a&&b]/", r"f/'[\]\-a\&\&b]'"),
            ("path:/a b/ c", "(path/'a b' & _:'c')"),
            ("path:/a AND b/", "(path='/a' & _:'b/')"),
            ("path:/a OR x:/b/", "(path='/a' | x/'b')"),
            ("f.keyword:/Ab/", "f.keyword/'Ab'"),
            (r"f:/[.]x\<\>/", r"f/'[\.]x[<][>]'"),
        ],
    );
}

#[test]
fn full_width_marks_are_their_twins_outside_of_quotes() {
    check(
        Dialect::Box,
        &[
            ("level：ERROR", "level:'ERROR'"),
            ("（a OR b） AND c", "((_:'a' | _:'b') & _:'c')"),
            ("“支付 失败”", "_:'支付 失败'"),
            ("message：“支付 失败”", "message:'支付 失败'"),
            (r#"“a""#, "_:'a'"),
            (r#""全角：（括号）""#, "_:'全角：（括号）'"),
            ("错误：超时", "_:'错误：超时'"),
            ("支付（失败）", "(_:'支付' & _:'失败')"),
            ("f：［1 TO 5］", "f:['1'# '5'#]"),
            ("status＞5", "status:{'5'# *]"),
            ("status ＞ 5", "status:{'5'# *]"),
            ("支付＊", "_^'支付'"),
            ("price：＞2", "price:{'2'# *]"),
            ("level:ERROR　AND　a:1", "(level:'ERROR' & a:'1'#)"),
            ("path：/a/（x）", "path='/a/（x）'"),
        ],
    );
}
