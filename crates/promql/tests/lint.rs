//! Each check finds what it is for and says the right expression, and right rules are silent.
#![allow(clippy::unwrap_used)]

use lingshao_model::TimeDelta;
use lingshao_promql::lint::{
    Alert, At, Context, Fault, Finding, Job, Lint, Live, MetricKind, Panel, PanelKind, Place, Routed, Scrape,
    Windows, check,
};
use lingshao_promql::{Expr, ParseOptions, ast::VectorSelector, parse, parse_with};

const WINDOWS: Windows =
    Windows { rate_interval: TimeDelta(300_001), interval: TimeDelta(60_003), range: TimeDelta(3_600_002) };

/// An alert with a description that names its value.
fn lint_alert(name: &str, text: &str, expr: &str) -> Vec<Finding> {
    let annotations = [("description".to_owned(), text.to_owned())];
    let alert =
        Alert { name, hold: TimeDelta(0), labels: &[], annotations: &annotations, routed: Routed::Unknown };
    check(&parse(expr).unwrap(), &Context { place: Place::Alert(alert), ..Context::default() })
}

fn lint_panel(title: &str, kind: PanelKind, expr: &str) -> Vec<Finding> {
    let panel = Panel { title, kind, legend: None, shows_all_values: false, windows: WINDOWS };
    check(&parse(expr).unwrap(), &Context { place: Place::Panel(panel), ..Context::default() })
}

fn lints(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|one| one.fault.lint().name()).collect()
}

/// Name, text, expression; the checks that find something; what is offered by the first.
#[track_caller]
fn alert(rule: (&str, &str, &str), expected: &[&str], suggestion: Option<&str>) {
    let findings = lint_alert(rule.0, rule.1, rule.2);
    assert_eq!(lints(&findings), expected, "{findings:#?}");
    assert_eq!(findings[0].suggestion.as_deref(), suggestion);
    for finding in &findings {
        if let (At::Expr(span), Some(text)) = (&finding.at, &finding.suggestion) {
            assert!(span.start < span.end && span.end <= rule.2.len());
            let again = lint_alert(rule.0, rule.1, text);
            assert!(again.iter().all(|one| one.suggestion.is_none()), "{text}: {again:#?}");
        }
    }
}

#[track_caller]
fn panel(title: &str, kind: PanelKind, expr: &str, expected: &[&str], suggestion: Option<&str>) {
    let findings = lint_panel(title, kind, expr);
    assert_eq!(lints(&findings), expected, "{findings:#?}");
    if let Some(first) = findings.first() {
        assert_eq!(first.suggestion.as_deref(), suggestion);
    }
    for text in findings.iter().filter_map(|one| one.suggestion.as_deref()) {
        assert_eq!(lints(&lint_panel(title, kind, text)), [""; 0], "{text}");
    }
}

const VALUE: &str = "现在是 {{ $value }}";

#[test]
fn errors_per_second_are_no_share() {
    alert(
        (
            "HighErrorRate",
            "5分钟内错误率超过5%，{{ $value }}",
            r#"rate(http_requests_total{status=~"5.."}[5m]) > 0.05"#,
        ),
        &["ratio-without-denominator", "per-series-threshold"],
        Some(
            r#"sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05 and sum(rate(http_requests_total[5m])) > 0.1"#,
        ),
    );
    alert(
        (
            "Errors",
            "错误率超过5% {{ $value }}",
            r#"sum by (job) (rate(requests_total{code=~"5.."}[2m])) > 5"#,
        ),
        &["ratio-without-denominator"],
        Some(
            r#"sum by (job) (rate(requests_total{code=~"5.."}[2m])) / sum by (job) (rate(requests_total[2m])) > 0.05 and sum by (job) (rate(requests_total[2m])) > 0.1"#,
        ),
    );
    alert(
        ("PaymentErrorRate", VALUE, "sum(rate(payment_failures_total[5m])) > 0.1"),
        &["ratio-without-denominator"],
        None,
    );
    for (name, text, expr) in [
        ("HighErrorRate", "{{ $value }} errors per second", "sum(rate(errors_total[5m])) > 0.5"),
        ("HighErrorRate", "每秒错误数 {{ $value }}", "sum(rate(errors_total[5m])) > 0.5"),
        ("LowOrderRate", VALUE, "sum(rate(orders_created_total[10m])) < 0.01"),
        ("CpuHigh", "CPU 使用率超过 80%: {{ $value }}", "rate(process_cpu_seconds_total[5m]) > 0.8"),
        ("Restarts", "重启频率 {{ $value }}", "sum(rate(restarts_total[15m])) > 0.01"),
    ] {
        assert_eq!(lint_alert(name, text, expr), [], "{expr}");
    }
}

#[test]
fn a_threshold_for_requests_is_held_against_their_sum() {
    alert(
        ("Busy", VALUE, "rate(http_requests_total[5m]) > 100"),
        &["per-series-threshold"],
        Some("sum(rate(http_requests_total[5m])) > 100"),
    );
    assert_eq!(lint_alert("Errors", VALUE, r#"increase(http_requests_total{status="500"}[5m]) > 0"#), []);
}

#[test]
fn a_quantile_is_a_number_from_0_to_1() {
    for (wrong, right) in [
        (
            "histogram_quantile(95, sum by (le) (rate(d_seconds_bucket[5m]))) > 2",
            Some("histogram_quantile(0.95, sum by (le) (rate(d_seconds_bucket[5m]))) > 2"),
        ),
        (
            "max(quantile_over_time(99.9, temperature[1h])) > 2",
            Some("max(quantile_over_time(0.999, temperature[1h])) > 2"),
        ),
        ("quantile(50, temperature) > 2", Some("quantile(0.5, temperature) > 2")),
        ("quantile(-0.5, temperature) > 2", None),
        ("quantile(101, temperature) > 2", None),
    ] {
        alert(("Slow", VALUE, wrong), &["quantile-out-of-range"], right);
    }
    for right in [
        "quantile(0, temperature) > 2",
        "quantile(1, temperature) > 2",
        "quantile(scalar(share), temperature) > 2",
    ] {
        assert_eq!(lint_alert("Slow", VALUE, right), [], "{right}");
    }
}

#[test]
fn quantiles_need_rated_buckets() {
    let right = "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 2";
    for expr in [
        "histogram_quantile(0.95, http_request_duration_seconds) > 2",
        "histogram_quantile(0.95, http_request_duration_seconds_bucket) > 2",
        "histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket[5m]))) > 2",
        "histogram_quantile(0.95, rate(http_request_duration_seconds_count[5m])) > 2",
    ] {
        alert(("Slow", VALUE, expr), &["quantile-needs-buckets"], Some(right));
    }
    alert(
        ("Slow", VALUE, "histogram_quantile(0.9, sum by (job) (rate(d_bucket[1m]))) > 2"),
        &["quantile-needs-buckets"],
        Some("histogram_quantile(0.9, sum by (le, job) (rate(d_bucket[1m]))) > 2"),
    );
    for expr in [
        right,
        "histogram_quantile(0.95, sum(rate(http_request_duration_seconds[5m]))) > 2",
        "histogram_quantile(0.95, rate(d_bucket[5m])) > 2",
        "histogram_quantile(0.95, sum without (instance) (rate(d_bucket[5m]))) > 2",
        "histogram_quantile(0.95, job:d_bucket:rate5m) > 2",
        "histogram_quantile(0.95, sum by (le) (rate(a_bucket[5m]) + rate(b_bucket[5m]))) > 2",
    ] {
        assert_eq!(lint_alert("Slow", VALUE, expr), [], "{expr}");
    }
    panel(
        "响应时间",
        PanelKind::Graph,
        "histogram_quantile(0.95, http_request_duration_seconds)",
        &["quantile-needs-buckets"],
        Some("histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m1ms])))"),
    );
}

#[test]
fn what_watches_a_target_notices_that_it_is_gone() {
    alert(
        ("DatabaseDown", VALUE, r#"up{job="postgres"} == 0"#),
        &["absent-blind"],
        Some(r#"pg_up == 0 or up{job="postgres"} == 0 or absent(up{job="postgres"})"#),
    );
    alert(
        ("ApiDown", VALUE, r#"up{job="api"} < 1"#),
        &["absent-blind"],
        Some(r#"up{job="api"} < 1 or absent(up{job="api"})"#),
    );
    alert(
        ("RedisDown", VALUE, r#"up{job=~"redis.*"} != 1"#),
        &["absent-blind"],
        Some(r#"redis_up == 0 or up{job=~"redis.*"} != 1"#),
    );
    for expr in ["up == 0", r#"up{job=~"api.*"} == 0"#, "pg_up == 0", r#"absent(up{job="api"})"#] {
        assert_eq!(lint_alert("Down", VALUE, expr), [], "{expr}");
    }
    assert_eq!(lint_alert("ExporterDown", VALUE, r#"up{job="redis"} == 0 or absent(up{job="redis"})"#), []);
    let guards = [parse(r#"absent(up{job="mysql"} == 1)"#).unwrap(), parse("mysql_up == 0").unwrap()];
    let annotations = [];
    let rule = Alert {
        name: "Down",
        hold: TimeDelta(0),
        labels: &[],
        annotations: &annotations,
        routed: Routed::Unknown,
    };
    let context = Context { place: Place::Alert(rule), neighbours: &guards, ..Context::default() };
    assert_eq!(check(&parse(r#"up{job="mysql"} == 0"#).unwrap(), &context), []);
    let scrape = Scrape {
        interval: TimeDelta(15_000),
        jobs: vec![Job { name: "api".to_owned(), interval: TimeDelta(15_000), is_direct: false }],
    };
    let context = Context { place: Place::Alert(rule), scrape: Some(&scrape), ..Context::default() };
    assert_eq!(check(&parse(r#"up{job="api"} == 0"#).unwrap(), &context), []);
    assert_eq!(lints(&check(&parse(r#"up{job="redis"} == 0"#).unwrap(), &context)), ["absent-blind"]);
    // An exporter can answer for a dead Redis; a collector that asks Redis itself cannot.
    for (is_direct, expected) in [(false, ["absent-blind"].as_slice()), (true, &[])] {
        let jobs = vec![Job { name: "redis".to_owned(), interval: TimeDelta(15_000), is_direct }];
        let scrape = Scrape { interval: TimeDelta(15_000), jobs };
        let context = Context { scrape: Some(&scrape), ..context };
        assert_eq!(lints(&check(&parse(r#"up{job="redis"} == 0"#).unwrap(), &context)), expected);
    }
}

#[test]
fn sides_of_an_operator_find_each_other() {
    alert(
        ("Payments", VALUE, "rate(payment_failures_total[5m]) / rate(payment_requests_total[5m]) > 0.1"),
        &["vector-mismatch"],
        Some(
            "sum(rate(payment_failures_total[5m])) / sum(rate(payment_requests_total[5m])) > 0.1 and sum(increase(payment_requests_total[5m])) >= 20",
        ),
    );
    alert(
        ("A", VALUE, "sum by (job) (a) > 1 and sum(b) > 2"),
        &["vector-mismatch"],
        Some("sum by (job) (a) > 1 and on () sum(b) > 2"),
    );
    alert(
        ("A", VALUE, "sum by (job, le) (rate(a[5m])) / sum by (job) (rate(b[5m])) > 0.5"),
        &["vector-mismatch"],
        Some("sum by (job, le) (rate(a[5m])) / on (job) group_left () sum by (job) (rate(b[5m])) > 0.5"),
    );
    alert(("A", VALUE, "sum by (x) (a) / sum by (y) (b) > 0.5"), &["vector-mismatch"], None);
    alert(
        ("A", VALUE, "rate(a[5m]) / sum(rate(a[5m])) > 0.5"),
        &["vector-mismatch"],
        Some("rate(a[5m]) / on () group_left () sum(rate(a[5m])) > 0.5"),
    );
    for expr in [
        "sum by (a) (x) / on (a) sum by (a, b) (y) > 0.5",
        "a * on (instance) group_left (nodename) node_uname_info > 1",
        "sum by (a) (x) or sum(y)",
        "a > 1 and on () hour() > 8",
        "job:a:rate5m / sum(b) > 0.5",
        "rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m]) > 0.5",
        "rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) > 0.01",
        "rate(a_total[5m]) / on (job, instance) rate(b_total[5m]) > 0.5",
    ] {
        assert_eq!(lint_alert("A", VALUE, expr), [], "{expr}");
    }
}

#[test]
fn nothing_is_divided_by_itself() {
    let wrong = r#"rate(http_requests_total{status=~"5.."}[5m]) / rate(http_requests_total[5m])"#;
    panel(
        "错误率",
        PanelKind::Graph,
        wrong,
        &["self-division"],
        Some(
            r#"(sum(rate(http_requests_total{status=~"5.."}[5m])) or vector(0)) / sum(rate(http_requests_total[5m]))"#,
        ),
    );
    alert(
        ("Errors", VALUE, &format!("{wrong} > 0.1")),
        &["self-division"],
        Some(
            r#"sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.1"#,
        ),
    );
    panel(
        "x",
        PanelKind::Graph,
        r#"sum by (status, job) (rate(a{status="1"}[5m])) / sum by (status, job) (rate(a[5m]))"#,
        &["self-division"],
        Some(r#"sum by (job) (rate(a{status="1"}[5m])) / sum by (job) (rate(a[5m]))"#),
    );
    panel("x", PanelKind::Graph, "sum(rate(a[5m])) / sum(rate(a[5m]))", &["self-division"], None);
    for expr in [
        r#"sum by (job) (rate(a{status="1"}[5m])) / sum by (job) (rate(a[5m]))"#,
        r#"sum(rate(a{status="1"}[5m])) / ignoring (status) sum(rate(a[5m]))"#,
        "sum(rate(a[5m])) / sum(rate(a[5m] offset 1w))",
        "sum(rate(a[5m])) / sum(rate(a[1h]))",
        r#"rate(a{status="1"}[5m]) / ignoring (status) group_left sum without (status) (rate(a[5m]))"#,
        r#"rate(a{job="x"}[5m]) / rate(a{job="y"}[5m])"#,
    ] {
        panel("x", PanelKind::Graph, expr, &[], None);
    }
}

#[test]
fn states_and_things_are_no_alerts_each() {
    alert(
        ("GroupBuyTimeout", VALUE, "group_buy_status == 3"),
        &["state-enum-gauge"],
        Some("group_buy_expired_unsettled > 0"),
    );
    alert(
        ("Broken", VALUE, r#"oven_state{site="a"} == 4"#),
        &["state-enum-gauge"],
        Some(r#"count(oven_state{site="a"} == 4 unless oven_state{site="a"} offset 15m == 4) > 0"#),
    );
    alert(
        ("LowStock", VALUE, "product_stock < 10"),
        &["fan-out"],
        Some("min by (product_id) (product_stock) < 10"),
    );
    for expr in [
        "min by (product_id) (product_stock) < 10",
        r#"product_stock{product_id="7"} < 10"#,
        "group_buy_expired_unsettled > 0",
        "oven_state == 1",
        r#"kube_pod_status_phase{phase="Failed"} == 2"#,
        "ifOperStatus == 2",
        "orders_today < 5",
    ] {
        assert_eq!(lint_alert("A", VALUE, expr), [], "{expr}");
    }
    assert_eq!(lint_alert("A", "{{ $labels.product_id }} 只剩 {{ $value }}", "product_stock < 10"), []);
}

#[test]
fn one_number_is_one_number() {
    panel(
        "QPS",
        PanelKind::Graph,
        "rate(http_requests_total[1m])",
        &["not-summed", "short-window"],
        Some("sum(rate(http_requests_total[5m1ms]))"),
    );
    panel("活跃用户", PanelKind::Single, "active_users", &["not-summed"], Some("max(active_users)"));
    panel(
        "付款",
        PanelKind::Single,
        "rate(payments_total[5m]) * 60",
        &["not-summed"],
        Some("sum(rate(payments_total[5m])) * 60"),
    );
    panel(
        "a",
        PanelKind::Single,
        "sales_today_fen / 100",
        &["not-summed"],
        Some("max(sales_today_fen) / 100"),
    );
    for expr in [
        "max(active_users)",
        r#"node_load1{instance="a"}"#,
        "node_load1",
        r#"my_temperature{host="a"}"#,
        "my_build_info",
        "job:sales:sum",
        "count(a_status > 1)",
    ] {
        panel("x", PanelKind::Single, expr, &[], None);
        panel("x", PanelKind::Many, expr, &[], None);
    }
    panel("网络", PanelKind::Graph, "irate(node_network_receive_bytes_total[5m])", &[], None);
    let panel = Panel {
        title: "QPS",
        kind: PanelKind::Graph,
        legend: Some("{{endpoint}}"),
        shows_all_values: false,
        windows: WINDOWS,
    };
    let context = Context { place: Place::Panel(panel), ..Context::default() };
    assert_eq!(check(&parse("rate(http_requests_total[5m])").unwrap(), &context), []);
}

#[test]
fn counters_are_rated() {
    panel(
        "订单数量",
        PanelKind::Single,
        "orders_total",
        &["total-not-rated"],
        Some("round(sum(increase(orders_created_total[1h2ms])))"),
    );
    panel(
        "x",
        PanelKind::Graph,
        "sum by (job) (jobs_done_total)",
        &["total-not-rated"],
        Some("sum by (job) (rate(jobs_done_total[5m1ms]))"),
    );
    alert(
        ("A", VALUE, "jobs_failed_total > 100"),
        &["total-not-rated"],
        Some("increase(jobs_failed_total[5m]) > 100"),
    );
    for expr in [
        "node_edac_uncorrectable_errors_total > 0",
        "elasticsearch_indices_docs_total < 10",
        "jobs_done_total - jobs_done_total offset 1h > 10",
        "1 - pool_free / pool_total > 0.8",
        "count(jobs_done_total) < 2",
        "absent(jobs_done_total)",
        "resets(jobs_done_total[1h]) > 3",
    ] {
        assert_eq!(lint_alert("A", VALUE, expr), [], "{expr}");
    }
    panel("x", PanelKind::Many, "topk(10, jobs_done_total)", &[], None);
}

#[test]
fn windows_hold_enough_samples() {
    alert(("A", VALUE, "rate(a_total[30s]) > 5"), &["short-window"], Some("rate(a_total[1m]) > 5"));
    for expr in ["rate(a_total[1m]) > 5", "irate(a_total[30s]) > 5", "avg_over_time(a[10s]) > 5"] {
        assert_eq!(lint_alert("A", VALUE, expr), [], "{expr}");
    }
    panel(
        "x",
        PanelKind::Graph,
        "sum(rate(a_total[1m3ms]))",
        &["short-window"],
        Some("sum(rate(a_total[5m1ms]))"),
    );
    panel("x", PanelKind::Graph, "sum(rate(a_total[5m1ms]))", &[], None);
    let scrape = Scrape {
        interval: TimeDelta(60_000),
        jobs: vec![Job { name: "fast".to_owned(), interval: TimeDelta(5_000), is_direct: false }],
    };
    let context = Context { scrape: Some(&scrape), ..Context::default() };
    let found = check(&parse("rate(a_total[2m])").unwrap(), &context);
    assert_eq!(lints(&found), ["short-window"]);
    assert_eq!(found[0].suggestion.as_deref(), Some("rate(a_total[4m])"));
    assert_eq!(check(&parse(r#"rate(a_total{job="fast"}[20s])"#).unwrap(), &context), []);
}

#[test]
fn texts_say_what_expressions_do() {
    let slow = "histogram_quantile(0.95, sum by (le) (rate(d_seconds_bucket[5m]))) > 2";
    for (text, expr, lint) in [
        ("95%请求响应时间超过2秒 {{ $value }}", slow, "text-contradicts"),
        ("95% of requests take longer than 2s: {{ $value }}", slow, "text-contradicts"),
        ("P95 超过 3 秒 {{ $value }}", slow, "text-contradicts"),
        ("库存低于20: {{ $value }}", "min by (sku) (stock) < 10", "text-contradicts"),
        ("库存超过10: {{ $value }}", "min by (sku) (stock) < 10", "text-contradicts"),
        ("失败率超过5%: {{ $value }}", "sum(rate(a[5m])) / sum(rate(b[5m])) > 0.1", "text-contradicts"),
        ("库存预警", "min by (sku) (stock) < 10", "static-text"),
        ("失败率过高", "sum(rate(a[5m])) / sum(rate(b[5m])) > 0.1", "static-text"),
    ] {
        assert_eq!(lints(&lint_alert("A", text, expr)), [lint], "{text}");
    }
    for (text, expr) in [
        ("P95 响应时间超过 2 秒（最慢的 5% 请求） {{ $value }}", slow),
        ("95% 分位响应时间超过 2 秒 {{ $value }}", slow),
        ("95% of requests should finish within 2s, now {{ $value }}", slow),
        ("P95 超过 2000ms: {{ $value }}", slow),
        ("库存低于10件 {{ $value }}", "min by (sku) (stock) < 10"),
        ("库存不超过10件 {{ $value }}", "min by (sku) (stock) < 10"),
        ("失败率超过10%，已超过5分钟 {{ $value }}", "sum(rate(a[5m])) / sum(rate(b[5m])) > 0.1"),
        ("可用空间不足 10%: {{ $value }}", "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.1"),
        ("已用超过 90%: {{ $value }}", "1 - node_filesystem_avail_bytes / node_filesystem_size_bytes > 0.9"),
        ("错误预算一小时消耗超过 2%: {{ $value }}", "a:ratio1h > 14.4 * 0.001"),
        ("错误大于 10 条/分钟 {{ $value }}", "sum(rate(errors_total[5m])) > 0.16"),
        ("more than 100,000 pending: {{ $value }}", "max(pending_messages) > 100000"),
        ("above 200MB: {{ $value }}", "max(mem_bytes) > 200000000"),
        ("database is unreachable", r#"absent(up{job="a"})"#),
        ("nobody pays", "sum(rate(a[5m])) == 0"),
    ] {
        assert_eq!(lint_alert("A", text, expr), [], "{text}");
    }
    let found = lint_alert("A", "注意：95%请求超过2秒 {{ $value }}", slow);
    let At::Annotation { name, span } = &found[0].at else { panic!("{found:?}") };
    assert_eq!((name.as_str(), span.start), ("description", "注意：".len()));
}

#[test]
fn alerts_reach_who_is_meant() {
    let labels = |severity: &str| [("severity".to_owned(), severity.to_owned())];
    let routes = ["critical".to_owned(), "warning".to_owned()];
    let lint = |severity: &str, routed: Routed<'_>| {
        let labels = labels(severity);
        let alert = Alert { name: "A", hold: TimeDelta(0), labels: &labels, annotations: &[], routed };
        let context = Context { place: Place::Alert(alert), ..Context::default() };
        lints(&check(&parse("up == 0").unwrap(), &context))
    };
    assert_eq!(lint("Critical", Routed::Unknown), ["unrouted-severity"]);
    assert_eq!(lint("info", Routed::Unknown), [""; 0]);
    assert_eq!(lint("warnnig", Routed::Told { unmatched: &routes }), [""; 0], "a swap is two edits");
    assert_eq!(lint("warnin", Routed::Told { unmatched: &routes }), ["unrouted-severity"]);
    assert_eq!(lint("info", Routed::Told { unmatched: &routes }), [""; 0]);
    assert_eq!(lint("info", Routed::Nobody { receiver: "null", unmatched: &routes }), ["unrouted-severity"]);
}

/// A server with a few metrics.
struct Shop;

impl Live for Shop {
    fn has_metric(&self, name: &str) -> Option<bool> {
        Some(["up", "orders_created_total", "d_bucket", "crates", "a_total", "b_total"].contains(&name))
    }

    fn nearest_metric(&self, name: &str) -> Option<String> {
        (name == "orders_create_total").then(|| "orders_created_total".to_owned())
    }

    fn kind(&self, name: &str) -> Option<MetricKind> {
        (name == "orders_total").then_some(MetricKind::Gauge)
    }

    fn label_names(&self, selector: &VectorSelector) -> Option<Vec<String>> {
        let common = ["instance", "job"].map(str::to_owned).to_vec();
        match selector.name.as_deref() {
            Some("a_total") => Some([common, vec!["reason".to_owned()]].concat()),
            _ => Some(common),
        }
    }

    fn bucket_bounds(&self, _: &VectorSelector) -> Option<Vec<f64>> {
        Some(vec![0.5, 1.0, 2.5, 5.0, 10.0])
    }

    fn count(&self, expr: &Expr) -> Option<usize> {
        Some(if expr.to_string().contains("crates") { 40 } else { 1 })
    }
}

fn lint_live(expr: &str) -> Vec<Finding> {
    let annotations = [("description".to_owned(), VALUE.to_owned())];
    let alert = Alert {
        name: "A",
        hold: TimeDelta(0),
        labels: &[],
        annotations: &annotations,
        routed: Routed::Unknown,
    };
    check(
        &parse(expr).unwrap(),
        &Context { place: Place::Alert(alert), live: Some(&Shop), ..Context::default() },
    )
}

#[test]
fn live_data_tell_what_the_text_cannot() {
    let first = |expr: &str| {
        let found = lint_live(expr);
        let lint = found.first().map(|one| one.fault.lint());
        (lint, found.into_iter().next().and_then(|one| one.suggestion))
    };
    let corrected = |text: &str| Some(text.to_owned());
    assert_eq!(
        first("sum(rate(orders_create_total[5m])) < 1"),
        (Some(Lint::UnknownMetric), corrected("sum(rate(orders_created_total[5m])) < 1"))
    );
    assert_eq!(first("sum(rate(nothing_total[5m])) < 1"), (Some(Lint::UnknownMetric), None));
    assert_eq!(first("absent(nothing) or nothing == 0"), (None, None));
    assert_eq!(
        first("histogram_quantile(0.95, sum by (le) (rate(d_bucket[5m]))) > 2"),
        (
            Some(Lint::UnsafeBucketBound),
            corrected("histogram_quantile(0.95, sum by (le) (rate(d_bucket[5m]))) > 2.5")
        )
    );
    assert_eq!(first("histogram_quantile(0.95, sum by (le) (rate(d_bucket[5m]))) > 2.5"), (None, None));
    assert_eq!(first("histogram_quantile(0.95, rate(d[5m])) > 2.5").0, Some(Lint::QuantileNeedsBuckets));
    let all = |expr: &str| lint_live(expr).iter().map(|one| one.fault.lint()).collect::<Vec<_>>();
    let told_once = "histogram_quantile(0.95, http_request_duration_seconds) > 2.5";
    assert_eq!(all(told_once), [Lint::QuantileNeedsBuckets]);
    assert_eq!(
        all(&format!("{told_once} and nothing > 1")),
        [Lint::QuantileNeedsBuckets, Lint::UnknownMetric]
    );
    assert_eq!(first("crates < 10"), (Some(Lint::Flood), corrected("count(crates < 10) > 0")));
    let found = lint_live("rate(a_total[5m]) / rate(b_total[5m]) > 0.1");
    let Fault::VectorMismatch(mismatch) = &found[0].fault else { panic!("{found:?}") };
    assert!(format!("{mismatch:?}").contains("reason"), "{mismatch:?}");
    assert_eq!(lint_live("rate(b_total[5m]) / rate(orders_created_total[5m]) > 0.1"), []);
}

/// Rules as careful people write them, of several schools. Each stands for a way to be right.
const RIGHT: &[(&str, &str, &str)] = &[
    ("InstanceDown", "{{ $labels.instance }} of job {{ $labels.job }} is down", "up == 0"),
    (
        "HostOutOfMemory",
        "Node memory is filling up (< 10% left) {{ $value }}",
        "(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 < 10)",
    ),
    (
        "HostUnusualNetworkThroughputIn",
        "probably receiving too much (> 80%) {{ $value }}",
        "((rate(node_network_receive_bytes_total[5m]) / on(instance, device) node_network_speed_bytes) > .80)",
    ),
    (
        "HostUnusualDiskReadRate",
        "Disk is too busy (IO wait > 80%) {{ $value }}",
        "(rate(node_disk_io_time_seconds_total[5m]) > .80)",
    ),
    (
        "HostOutOfDiskSpace",
        "Disk is almost full (< 10% left) {{ $value }}",
        r#"(node_filesystem_avail_bytes{fstype!~"^(fuse.*|tmpfs|cifs|nfs)"} / node_filesystem_size_bytes < .10 and on (instance, device, mountpoint) node_filesystem_readonly == 0)"#,
    ),
    (
        "HostDiskMayFillIn24Hours",
        "will fill in 24 hours {{ $value }}",
        r#"predict_linear(node_filesystem_avail_bytes{fstype!~"^(fuse.*|tmpfs|cifs|nfs)"}[3h], 86400) <= 0 and node_filesystem_avail_bytes > 0"#,
    ),
    (
        "HostHighCpuLoad",
        "CPU load is > 80% {{ $value }}",
        r#"1 - (avg without (cpu) (rate(node_cpu_seconds_total{mode="idle"}[5m]))) > .80"#,
    ),
    (
        "HostCpuStealNoisyNeighbor",
        "CPU steal is > 10% {{ $value }}",
        r#"avg by(instance) (rate(node_cpu_seconds_total{mode="steal"}[5m])) * 100 > 10"#,
    ),
    (
        "HostSwapIsFillingUp",
        "Swap is filling up (>80%) {{ $value }}",
        "((1 - (node_memory_SwapFree_bytes / node_memory_SwapTotal_bytes)) * 100 > 80)",
    ),
    (
        "HostSystemdServiceCrashed",
        "{{ $labels.name }} crashed",
        r#"(node_systemd_unit_state{state="failed"} == 1)"#,
    ),
    ("HostOomKillDetected", "OOM kill detected {{ $value }}", "(increase(node_vmstat_oom_kill[1m]) > 0)"),
    (
        "HostNetworkReceiveErrors",
        "receive errors {{ $value }}",
        "rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) > 0.01",
    ),
    (
        "HostConntrackLimit",
        "conntrack is approaching limit {{ $value }}",
        "node_nf_conntrack_entries / node_nf_conntrack_entries_limit > 0.8",
    ),
    ("HostEdac", "{{ $value }} uncorrectable errors", "node_edac_uncorrectable_errors_total > 0"),
    (
        "HostClockSkew",
        "clock skew {{ $value }}",
        "((node_timex_offset_seconds > 0.05 and deriv(node_timex_offset_seconds[5m]) >= 0) or (node_timex_offset_seconds < -0.05 and deriv(node_timex_offset_seconds[5m]) <= 0))",
    ),
    (
        "NodeFilesystemFilesFillingUp",
        "{{ $labels.device }} has {{ $value }}% inodes left",
        r#"(node_filesystem_files_free{job="node",fstype!=""} / node_filesystem_files{job="node",fstype!=""} * 100 < 40 and predict_linear(node_filesystem_files_free{job="node",fstype!=""}[6h], 24*60*60) < 0 and node_filesystem_readonly{job="node",fstype!=""} == 0)"#,
    ),
    ("PrometheusJobMissing", "A Prometheus job has disappeared", r#"absent(up{job="prometheus"})"#),
    ("PrometheusTargetMissing", "target {{ $labels.instance }} missing", "up == 0"),
    (
        "PrometheusTsdbCompactionsFailed",
        "{{ $value }} compactions failed",
        "increase(prometheus_tsdb_compactions_failed_total[1m]) > 0",
    ),
    ("PostgresqlDown", "Postgresql instance {{ $labels.instance }} is down", "pg_up == 0"),
    (
        "PostgresqlTooManyConnections",
        "too many (> 80%) {{ $value }}",
        "sum by (instance, job, server) (pg_stat_activity_count) > min by (instance, job, server) (pg_settings_max_connections * 0.8)",
    ),
    (
        "PostgresqlHighRollbackRate",
        "Ratio of aborted transactions is > 2% {{ $value }}",
        r#"sum by (datname) (rate(pg_stat_database_xact_rollback{datname!~"template.*"}[3m])) / (sum by (datname) (rate(pg_stat_database_xact_rollback{datname!~"template.*"}[3m])) + sum by (datname) (rate(pg_stat_database_xact_commit{datname!~"template.*"}[3m]))) > 0.02"#,
    ),
    (
        "MysqlSlaveIoThreadNotRunning",
        "{{ $labels.instance }}",
        "( mysql_slave_status_slave_io_running and ON (instance) mysql_slave_status_master_server_id > 0 ) == 0",
    ),
    (
        "RedisOutOfMemory",
        "running out (> 90%) {{ $value }}",
        "redis_memory_used_bytes / redis_memory_max_bytes * 100 > 90 and on(instance) redis_memory_max_bytes > 0",
    ),
    ("RedisMissingMaster", "no master", r#"(count(redis_instance_info{role="master"}) or vector(0)) < 1"#),
    (
        "RedisRejectedConnections",
        "{{ $value }} rejected",
        "increase(redis_rejected_connections_total[1m]) > 0",
    ),
    (
        "NginxHighHttp5xxErrorRate",
        "Too many HTTP 5xx (> 5%) {{ $value }}",
        r#"sum(rate(nginx_http_requests_total{status=~"^5.."}[1m])) / sum(rate(nginx_http_requests_total[1m])) * 100 > 5"#,
    ),
    (
        "BlackboxSslCertificateWillExpireSoon",
        "{{ $labels.instance }} in {{ $value }} days",
        "3 <= round((last_over_time(probe_ssl_earliest_cert_expiry[10m]) - time()) / 86400, 0.1) < 20",
    ),
    ("BlackboxProbeFailed", "{{ $labels.instance }}", "probe_success == 0"),
    (
        "ErrorRatio",
        "{{ $value | humanizePercentage }} of requests fail",
        r#"sum by (service) (rate(http_requests_total{code=~"5.."}[5m])) / sum by (service) (rate(http_requests_total[5m])) > 0.05"#,
    ),
    (
        "ErrorRatioWithFloor",
        "错误率 {{ $value | humanizePercentage }} 超过 5%",
        r#"sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05 and sum(rate(http_requests_total[5m])) > 0.1"#,
    ),
    (
        "ErrorRatioByRoute",
        "{{ $labels.route }} {{ $value }}",
        r#"sum by (route) (rate(http_requests_total{code=~"5.."}[5m])) / ignoring (code) sum by (route) (rate(http_requests_total[5m])) > 0.05"#,
    ),
    (
        "LatencyP99",
        "P99 {{ $value }}s",
        "histogram_quantile(0.99, sum by (le, handler) (rate(http_request_duration_seconds_bucket[5m]))) > 1",
    ),
    (
        "SlowShare",
        "超过 5% 的请求慢于 2 秒：{{ $value }}",
        r#"1 - sum(rate(http_request_duration_seconds_bucket{le="2"}[5m])) / sum(rate(http_request_duration_seconds_count[5m])) > 0.05"#,
    ),
    (
        "MeanLatency",
        "{{ $value }}s",
        "rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m]) > 0.5",
    ),
    (
        "TrafficDrop",
        "流量比上周同一时间下降一半：{{ $value }}",
        "sum(rate(http_requests_total[10m])) / sum(rate(http_requests_total[10m] offset 1w)) < 0.5",
    ),
    ("NoTraffic", "no requests at all", "sum(rate(http_requests_total[10m])) == 0"),
    (
        "ErrorBudgetBurn",
        "burns {{ $value | humanizePercentage }} of the budget (2% in an hour)",
        r#"(job:slo_errors_per_request:ratio_rate1h{job="api"} > (14.4*0.001) and job:slo_errors_per_request:ratio_rate5m{job="api"} > (14.4*0.001))"#,
    ),
    (
        "ErrorBudgetBurnInPlace",
        "错误预算消耗过快 {{ $value }}",
        r#"(sum(rate(http_requests_total{code=~"5.."}[1h])) / sum(rate(http_requests_total[1h])) > (14.4 * 0.001)) and (sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > (14.4 * 0.001))"#,
    ),
    (
        "KubePodCrashLooping",
        "Pod {{ $labels.namespace }}/{{ $labels.pod }}",
        r#"max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff",job="kube-state-metrics"}[5m]) >= 1"#,
    ),
    (
        "KubePodNotReady",
        "{{ $labels.pod }}",
        r#"sum by (namespace, pod, cluster) (max by(namespace, pod, cluster) (kube_pod_status_phase{job="kube-state-metrics", phase=~"Pending|Unknown|Failed"}) * on(namespace, pod, cluster) group_left(owner_kind) topk by(namespace, pod, cluster) (1, max by(namespace, pod, owner_kind, cluster) (kube_pod_owner{owner_kind!="Job"}))) > 0"#,
    ),
    ("KubeletDown", "Kubelet has disappeared from target discovery", r#"absent(up{job="kubelet"} == 1)"#),
    (
        "CPUThrottlingHigh",
        "{{ $value | humanizePercentage }} throttling",
        r#"sum(increase(container_cpu_cfs_throttled_periods_total{container!=""}[5m])) without (id, metrics_path, name, image, endpoint, job, node) / sum(increase(container_cpu_cfs_periods_total[5m])) without (id, metrics_path, name, image, endpoint, job, node) > ( 25 / 100 )"#,
    ),
    (
        "JvmMemoryFillingUp",
        "JVM memory is filling up (> 80%) {{ $value }}",
        r#"(sum by (instance)(jvm_memory_used_bytes{area="heap"}) / sum by (instance)(jvm_memory_max_bytes{area="heap"})) * 100 > 80"#,
    ),
    (
        "SpringErrorRate",
        "{{ $value }}",
        r#"sum(rate(http_server_requests_seconds_count{outcome="SERVER_ERROR"}[5m])) / sum(rate(http_server_requests_seconds_count[5m])) > 0.05"#,
    ),
    (
        "HikariPoolExhausted",
        "连接池用了 {{ $value | humanizePercentage }}，超过 90%",
        "hikaricp_connections_active / hikaricp_connections_max > 0.9",
    ),
    (
        "PoolUsage",
        "连接池使用率 {{ $value | humanizePercentage }}",
        "1 - sum(db_pool_available) / sum(db_pool_size) > 0.9",
    ),
    ("QueueBacklog", "队列积压 {{ $value }}", "sum by (queue) (rabbitmq_queue_messages_ready) > 1000"),
    (
        "PaymentFailures",
        "{{ $labels.provider }} 失败率 {{ $value | humanizePercentage }}",
        "sum by (provider) (rate(payment_failures_total[5m])) / sum by (provider) (rate(payment_requests_total[5m])) > 0.1 and sum by (provider) (increase(payment_requests_total[5m])) >= 20",
    ),
    ("OrdersStopped", "十分钟没有新订单", "sum(increase(orders_created_total[10m])) == 0"),
    ("CronJobLate", "{{ $labels.job_name }}", "time() - backup_last_success_timestamp_seconds > 86400"),
    (
        "DiskIoUtilization",
        "磁盘 IO 使用率 {{ $value }}，超过 90%",
        "max by (instance, device) (rate(node_disk_io_time_seconds_total[5m])) * 100 > 90",
    ),
    ("Watchdog", "always firing", "vector(1)"),
    ("WorkHours", "{{ $value }}", "sum(orders_today) < 5 and on () hour() >= 9"),
    (
        "CacheHitRate",
        "命中率低于 80%: {{ $value }}",
        "sum(rate(cache_hits_total[5m])) / (sum(rate(cache_hits_total[5m])) + sum(rate(cache_misses_total[5m]))) < 0.8",
    ),
    (
        "ConsumerLag",
        "{{ $labels.topic }} {{ $value }}",
        "sum by (consumergroup, topic) (kafka_consumergroup_lag) > 10000",
    ),
];

#[test]
fn right_rules_are_silent() {
    for (name, text, expr) in RIGHT {
        let options = ParseOptions::default();
        assert!(parse_with(expr, options).is_ok(), "{expr}");
        assert_eq!(lint_alert(name, text, expr), [], "{name}: {expr}");
    }
}

#[test]
fn names_are_unique_and_known() {
    let mut names: Vec<_> = Lint::ALL.iter().map(|lint| lint.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Lint::ALL.len());
}
