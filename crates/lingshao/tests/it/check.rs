//! `lingshao check` on the plan as it was written, as it was corrected, through a config, against a server, and at the API.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Server, batch, folder, now_millis, run, text};

/// The examples' folder.
fn example(name: &str) -> String {
    text(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/lingxian").join(name))
}

/// Findings of files, as JSON.
#[track_caller]
fn findings(arguments: &[&str]) -> Vec<Value> {
    let output = run(&[&["check", "--format", "json"], arguments].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn lints(findings: &[Value]) -> Vec<&str> {
    findings.iter().map(|one| one["lint"].as_str().unwrap_or("-")).collect()
}

/// The plan's mistakes by their number: where each stands, which check finds it, a word of why in both languages, and
/// what is offered.
const ROWS: &[(&str, &str, u64, &str, &str, &str, &str, &str)] = &[
    (
        "1",
        "alerts.yml",
        6,
        "HighErrorRate",
        "ratio-without-denominator",
        "per second",
        "每秒",
        r#"sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05 and sum(rate(http_requests_total[5m])) > 0.1"#,
    ),
    (
        "1",
        "alerts.yml",
        6,
        "HighErrorRate",
        "per-series-threshold",
        "alone",
        "各自",
        r#"sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05 and sum(rate(http_requests_total[5m])) > 0.1"#,
    ),
    (
        "2",
        "alerts.yml",
        16,
        "HighResponseTime",
        "quantile-needs-buckets",
        "always empty",
        "永远为空",
        "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 2",
    ),
    (
        "2c",
        "alerts.yml",
        22,
        "HighResponseTime",
        "text-contradicts",
        "5 % of requests are slower",
        "最慢的 5%",
        "",
    ),
    (
        "3",
        "alerts.yml",
        26,
        "DatabaseDown",
        "absent-blind",
        "the exporter",
        "exporter",
        r#"pg_up == 0 or up{job="postgres"} == 0 or absent(up{job="postgres"})"#,
    ),
    (
        "4",
        "alerts.yml",
        38,
        "HighPaymentFailureRate",
        "vector-mismatch",
        "nothing matches, silently",
        "匹配不上",
        "sum(rate(payment_failures_total[5m])) / sum(rate(payment_requests_total[5m])) > 0.1 and sum(increase(payment_requests_total[5m])) >= 20",
    ),
    (
        "5",
        "alerts.yml",
        48,
        "LowStock",
        "fan-out",
        "one alert for each series",
        "每条序列一条告警",
        "min by (product_id) (product_stock) < 10",
    ),
    (
        "6",
        "alerts.yml",
        58,
        "GroupBuyTimeout",
        "state-enum-gauge",
        "never ends",
        "永远不会恢复",
        "group_buy_expired_unsettled > 0",
    ),
    (
        "7",
        "dashboard.json",
        9,
        "QPS",
        "not-summed",
        "one each, not the whole",
        "不是总数",
        "sum(rate(http_requests_total[$__rate_interval]))",
    ),
    (
        "7",
        "dashboard.json",
        9,
        "QPS",
        "short-window",
        "empty above 30 s",
        "超过 30 秒则为空",
        "sum(rate(http_requests_total[$__rate_interval]))",
    ),
    (
        "2",
        "dashboard.json",
        16,
        "响应时间",
        "quantile-needs-buckets",
        "always empty",
        "永远为空",
        "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[$__rate_interval])))",
    ),
    (
        "8",
        "dashboard.json",
        23,
        "错误率",
        "self-division",
        "always 1",
        "永远是 1",
        r#"(sum(rate(http_requests_total{status=~"5.."}[5m])) or vector(0)) / sum(rate(http_requests_total[5m]))"#,
    ),
    (
        "10",
        "dashboard.json",
        30,
        "活跃用户",
        "not-summed",
        "a value for each process",
        "每个进程",
        "max(active_users)",
    ),
    (
        "9",
        "dashboard.json",
        37,
        "订单数量",
        "total-not-rated",
        "only grows",
        "只增不减",
        "round(sum(increase(orders_created_total[$__range])))",
    ),
];

#[test]
fn every_expression_of_the_plan_is_found_fault_with_in_both_languages() {
    for file in ["alerts.yml", "dashboard.json"] {
        let path = example(&format!("original/{file}"));
        let found = findings(&[&path]);
        let rows: Vec<_> = ROWS.iter().filter(|row| row.1 == file).collect();
        for (number, _, line, subject, lint, en, zh, suggestion) in &rows {
            let is_it = |one: &&Value| one["subject"] == *subject && one["lint"] == *lint;
            let one = found.iter().find(is_it).unwrap_or_else(|| panic!("row {number}: {lint} of {subject}"));
            assert_eq!(one["line"], *line, "row {number}");
            let says = |language: &str, part: &str| one["message"][language].as_str().unwrap().contains(part);
            assert!(says("en", en) && says("zh", zh), "row {number}: {one}");
            assert!(one["remedy"]["en"].is_string() && one["remedy"]["zh"].is_string(), "row {number}");
            assert_eq!(one["suggestion"].as_str().unwrap_or(""), *suggestion, "row {number}");
        }
        let others: Vec<_> = found
            .iter()
            .filter(|one| !rows.iter().any(|row| one["subject"] == row.3 && one["lint"] == row.4))
            .map(|one| one["lint"].as_str().unwrap())
            .collect();
        assert!(others.iter().all(|lint| *lint == "static-text"), "{others:?}");
        let spans = found.iter().filter(|one| one["span"].is_array());
        for one in spans {
            let (expr, span) = (one["expr"].as_str().unwrap(), &one["span"]);
            let part = &expr[span[0].as_u64().unwrap() as usize..span[1].as_u64().unwrap() as usize];
            assert!(!part.is_empty() && expr.contains(part), "{one}");
        }
    }
}

#[test]
fn the_plan_is_reported_line_by_line() {
    let path = example("original/alerts.yml");
    let output = run(&["check", "--lang", "zh", &path]);
    assert!(output.status.success(), "the server takes these rules: {output:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let first: Vec<_> = said.lines().take(3).collect();
    assert_eq!(
        first,
        [
            format!("{path}:6:15: warning [ratio-without-denominator] HighErrorRate: 文字说的是比例，表达式算的却是 `http_requests_total` 每秒的次数：每秒 0.05 次就会触发，与总量多少无关"),
            "    除以全部请求的速率，两边都先求和；再要求有一定流量，否则两次里失败一次就是 50%".to_owned(),
            r#"    改为：sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05 and sum(rate(http_requests_total[5m])) > 0.1"#.to_owned(),
        ]
    );
    let said = run(&["check", "--lang", "en", &path]).stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains(":26:15: warning [absent-blind] DatabaseDown: `up` is whether"), "{said}");
    assert!(said.contains("\n    write: pg_up == 0 or up{"), "{said}");
    assert_eq!(run(&["check", "--strict", &path]).status.code(), Some(1));
}

#[test]
fn the_corrected_examples_are_silent() {
    let files = ["alerts.yml", "dashboard.json", "postgres.yml"].map(example);
    let together: Vec<&str> = files.iter().map(String::as_str).collect();
    for arguments in [&together[..2], &together[..], &together[..1], &together[1..2], &together[2..]] {
        let output = run(&[&["check", "--strict"], arguments].concat());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn the_originals_are_the_plan_word_for_word() {
    let plan = include_str!("../testdata/plan/alerts.yml");
    assert_eq!(std::fs::read_to_string(example("original/alerts.yml")).unwrap(), plan);
    let board = std::fs::read_to_string(example("original/dashboard.json")).unwrap();
    assert!(board.starts_with("{\n  \"dashboard\": {\n    \"title\": \"灵鲜好物监控面板\",\n"), "{board}");
}

#[test]
fn a_board_of_the_corrected_set_has_all_tiles() {
    let board: Value =
        serde_json::from_str(&std::fs::read_to_string(example("dashboard.json")).unwrap()).unwrap();
    assert!(board["schemaVersion"].as_u64().unwrap() >= 39);
    let panels: Vec<&Value> = board["panels"].as_array().unwrap().iter().collect();
    let drawn: Vec<&&Value> = panels.iter().filter(|panel| panel["type"] != "row").collect();
    assert_eq!(drawn.len(), 13 + 5);
    for panel in drawn {
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{panel}");
        assert!(panel["gridPos"]["w"].is_u64() && panel["targets"][0]["refId"] == "A", "{panel}");
    }
}

#[test]
fn a_config_checks_what_it_names_with_what_it_knows() {
    let folder = folder();
    let write = |name: &str, content: &str| {
        std::fs::create_dir_all(folder.path().join("boards")).unwrap();
        std::fs::write(folder.path().join(name), content).unwrap();
        text(folder.path().join(name))
    };
    let rules = |alerts: &str| format!("groups:\n- name: a\n  rules:\n{alerts}");
    write(
        "rules.yml",
        &rules(
            "  - {alert: ApiDown, expr: 'up{job=\"api\"} == 0', labels: {severity: info}}\n  \
               - {alert: WebDown, expr: 'up{job=\"web\"} == 0', labels: {severity: critical}}\n  \
               - {alert: Busy, expr: 'sum(rate(a_total{job=\"api\"}[1m])) > 5', labels: {severity: Warning}}\n",
        ),
    );
    write(
        "boards/b.json",
        r#"{"panels":[{"title":"在线","type":"stat","targets":[{"expr":"active_users"}]}]}"#,
    );
    let config = write(
        "lingshao.yml",
        "scrape_configs: [{job_name: api, scrape_interval: 30s, static_configs: [{targets: ['127.0.0.1:1']}]}]\n\
         rule_files: [rules.yml]\nboards: [boards]\n\
         alerting:\n  receivers:\n  - {name: nobody}\n  - {name: team, webhook_configs: [{url: 'http://h/'}]}\n  \
         route: {receiver: nobody, routes: [{receiver: team, matchers: ['severity=~\"critical|warning\"']}]}\n",
    );
    let found = findings(&[&config]);
    let brief: Vec<_> = found
        .iter()
        .filter(|one| one["lint"].is_string())
        .map(|one| (one["subject"].as_str().unwrap(), one["lint"].as_str().unwrap()))
        .collect();
    assert_eq!(
        brief,
        [
            ("ApiDown", "unrouted-severity"), // Nobody takes it; the job is scraped.
            ("WebDown", "absent-blind"),      // Nothing is scraped under that name.
            ("Busy", "short-window"),         // Two samples at 30 s.
            ("Busy", "unrouted-severity"),    // Routes ask for `warning`.
            ("在线", "not-summed"),
        ]
    );
    assert!(found.iter().any(|one| one["message"]["en"].as_str().unwrap().contains("`warning`")));
    // Named together with their config, files know the same.
    let rules = text(folder.path().join("rules.yml"));
    let both = findings(&[&rules, &config]);
    assert_eq!(lints(&both).len(), lints(&found).len(), "each is told once: {both:#?}");
    let knows = |one: &&Value| one["subject"] == "WebDown" && one["lint"] == "absent-blind";
    assert_eq!(both.iter().filter(knows).count(), 1);
    assert!(!both.iter().any(|one| one["subject"] == "ApiDown" && one["lint"] == "absent-blind"));
}

#[test]
fn a_board_that_is_none_and_expressions_that_are_none_are_errors() {
    let folder = folder();
    let file = |content: &str| {
        let path = folder.path().join("board.json");
        std::fs::write(&path, content).unwrap();
        text(path)
    };
    let said = |content: &str, language: &str| {
        let output = run(&["check", "--lang", language, &file(content)]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let panel = "{\"panels\": [{\"title\": \"a\", \"type\": \"graph\", \"targets\": [\n{\"expr\": \"sum(up{job=\\\"$job\\\"}\"}]}]}";
    assert!(
        said(panel, "en")
            .contains("board.json:2:31: error a: cannot parse the expression: unclosed left parenthesis"),
        "{}",
        said(panel, "en")
    );
    assert!(said(panel, "zh").contains("error a: 表达式无法解析"));
    assert!(said("{\"panels\": [", "zh").contains("board.json:1:13: error JSON 无法读取"));
    assert!(said("{\"spec\": {\"elements\": {}}}", "en").contains("schema v2"));
}

#[test]
fn live_data_tell_unknown_metrics_bounds_and_floods() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let stock: Vec<[(&str, String); 2]> =
        (0..30).map(|id| [("__name__", "crates_left".to_owned()), ("shelf", id.to_string())]).collect();
    let mut samples: Vec<(Vec<(&str, &str)>, f64)> = stock
        .iter()
        .map(|labels| (labels.iter().map(|(name, value)| (*name, value.as_str())).collect(), 3.0))
        .collect();
    for le in ["1", "2.5", "+Inf"] {
        samples.push((vec![("__name__", "wait_seconds_bucket"), ("le", le)], 7.0));
    }
    for labels in &mut samples {
        labels.0.sort_unstable();
    }
    let series: Vec<_> = samples.iter().map(|(labels, value)| (labels.as_slice(), [(t, *value)])).collect();
    let series: Vec<(&[(&str, &str)], &[(i64, f64)])> =
        series.iter().map(|(labels, points)| (*labels, points.as_slice())).collect();
    assert_eq!(server.write(&batch(&series)).status, 204);
    let rules = "groups:\n- name: a\n  rules:\n\
        \x20 - {alert: A, expr: 'crate_left < 1'}\n\
        \x20 - {alert: B, expr: 'crates_left < 10'}\n\
        \x20 - {alert: C, expr: 'histogram_quantile(0.9, sum by (le) (rate(wait_seconds_bucket[5m]))) > 2'}\n";
    let file = folder.path().join("live.yml");
    std::fs::write(&file, rules).unwrap();
    let found = findings(&["--live", &server.url(), &text(&file)]);
    assert_eq!(lints(&found), ["unknown-metric", "flood", "unsafe-bucket-bound"], "{found:#?}");
    assert_eq!(found[0]["suggestion"], "crates_left < 1");
    assert!(found[1]["message"]["zh"].as_str().unwrap().contains("30 条"), "{}", found[1]);
    assert!(found[2]["message"]["en"].as_str().unwrap().contains("between 1 and 2.5"), "{}", found[2]);
    // The API says the same of the text, and nothing of it without live data.
    let asked = server.request("POST", "/api/lingshao/v1/check?live=1", &[], rules.as_bytes());
    assert_eq!(lints(asked.json()["findings"].as_array().unwrap()), lints(&found));
    let asked = server.request("POST", "/api/lingshao/v1/check", &[], rules.as_bytes());
    assert_eq!(asked.json(), json!({"findings": []}));
    let output = run(&["check", "--live", "http://127.0.0.1:1", &text(&file)]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn the_api_tells_what_is_loaded_and_what_is_sent() {
    let folder = folder();
    let rules = "groups:\n- name: a\n  rules:\n  - alert: ErrorRate\n    expr: rate(errors_total[5m]) > 0.1\n    annotations: {summary: 错误率超过10%}\n";
    std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let config = folder.path().join("lingshao.yml");
    std::fs::write(&config, "rule_files: [rules.yml]\n").unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    let found = server.get("/api/lingshao/v1/findings").json();
    let found = found["findings"].as_array().unwrap();
    assert_eq!(lints(found), ["ratio-without-denominator", "static-text"]);
    let first = &found[0];
    assert_eq!((&first["line"], &first["column"], &first["span"]), (&json!(5), &json!(11), &json!([0, 22])));
    assert_eq!((&first["severity"], &first["subject"]), (&json!("warning"), &json!("ErrorRate")));
    assert_eq!(first["expr"], "rate(errors_total[5m]) > 0.1");
    let send = |body: &str| server.request("POST", "/api/lingshao/v1/check", &[], body.as_bytes());
    let found = send(r#"{"expr": "histogram_quantile(0.9, a)"}"#).json();
    assert_eq!(
        found["findings"][0]["suggestion"],
        "histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))"
    );
    assert_eq!(send("{\"panels\": []}").json(), json!({"findings": []}));
    assert_eq!(send("rule_files: [/etc/passwd]").json()["findings"].as_array().unwrap().len(), 1);
    assert_eq!(send(&" ".repeat((1 << 20) + 1)).status, 413);
    assert_eq!(server.request("POST", "/api/lingshao/v1/check", &[], b"\xff\xfe").status, 400);
}

/// The same words by the check, at a start, and at a reload, which keeps what was in force.
#[test]
fn a_log_rule_that_cannot_be_read_is_pointed_into_wherever_it_is_read() {
    let folder = folder();
    let config = folder.path().join("lingshao.yml");
    let write = |query: &str| {
        let rule = format!("    - name: paid\n      query: '{query}'\n      labels: {{team: pay}}\n");
        std::fs::write(&config, format!("logs:\n  log_rules:\n{rule}")).unwrap();
    };
    write("level:ERROR AND (支付");
    let place = format!("{}:4:31: error", config.display());
    let checked = run(&["check", &text(&config)]);
    let said =
        String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains(&place) && said.contains("the query of log rule `paid`"), "{said}");
    let Err((status, said)) = Server::try_start(&folder.path().join("data"), &["--config", &text(&config)])
    else {
        panic!("it starts")
    };
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&place), "{said}");

    write("level:ERROR");
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    write("took:[1 TO");
    let answer = server.request("POST", "/-/reload", &[], b"");
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert!(answer.body.contains(&format!("{}:4:", config.display())), "{}", answer.body);
    let counter = "lingshao_log_rule_total{rule=\"paid\",team=\"pay\"}";
    assert_eq!(server.figure(counter), 0.0, "the old rule is in force");
}
