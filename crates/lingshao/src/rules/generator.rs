//! Where an expression can be looked at: what an alert's message links to.

/// `EXTERNAL_URL/graph?g0.expr=EXPR&g0.tab=1`, as Prometheus links (`util/strutil`, `TableLinkForExpression`).
pub(super) fn url(external_url: &str, expr: &str) -> String {
    let mut url = format!("{}/graph?g0.expr=", external_url.trim_end_matches('/'));
    for byte in expr.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => url.push(byte as char),
            b' ' => url.push('+'),
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.push_str("&g0.tab=1");
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_escaped_as_go_escapes_queries() {
        assert_eq!(
            url("http://shop.cn/mon/", "up{job=\"a~b\"} == 0 and on(x) 错误"),
            "http://shop.cn/mon/graph?g0.expr=up%7Bjob%3D%22a~b%22%7D+%3D%3D+0+and+on%28x%29+%E9%94%99%E8%AF%AF&g0.tab=1"
        );
    }
}
