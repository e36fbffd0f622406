//! A log line's way through the real binary: taken on every socket, durable, found by every question.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{PATIENCE, Server, command, eventually, folder, now_millis, text};

/// Every listener on a free port.
pub(crate) fn start(folder: &TempDir, more: &str) -> Server {
    let config = folder.path().join("logs.yml");
    let listeners = "listeners: {elasticsearch: '127.0.0.1:0', logstash: '127.0.0.1:0', otlp: '127.0.0.1:0', \
                     syslog: '127.0.0.1:0', kibana: '127.0.0.1:0'}\n";
    std::fs::write(&config, format!("{listeners}{more}")).unwrap();
    Server::start_with(folder, &["--config", &text(&config)])
}

/// Sends lines as a shop does, and waits until we have closed our side: then they are durable.
#[track_caller]
pub(crate) fn ship(server: &Server, lines: &str) {
    let mut stream = TcpStream::connect(server.door("logstash")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(lines.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut end = Vec::new();
    assert_eq!(stream.read_to_end(&mut end).unwrap(), 0, "a clean end");
}

#[track_caller]
pub(crate) fn ask(server: &Server, path: &str, question: &Value) -> Value {
    let answer = server.request(
        "POST",
        &format!("/api/lingshao/v1/logs/{path}"),
        &[],
        question.to_string().as_bytes(),
    );
    assert_eq!(answer.status, 200, "{question}: {}", answer.body);
    answer.json()
}

/// The messages that a query of the log page finds, oldest first.
#[track_caller]
pub(crate) fn found(server: &Server, query: &str) -> Vec<String> {
    let answer = ask(server, "search", &json!({ "query": query, "order": "asc", "size": 1000 }));
    let messages =
        answer["hits"].as_array().unwrap().iter().map(|hit| hit["message"].as_str().unwrap_or("").to_owned());
    let messages: Vec<String> = messages.collect();
    assert_eq!(answer["total"], messages.len());
    messages
}

/// The same by the Elasticsearch API.
#[track_caller]
fn found_by_elasticsearch(server: &Server, query: &str) -> Vec<String> {
    let question = json!({ "size": 1000, "sort": [{ "@timestamp": "asc" }], "query": { "query_string": { "query": query } } });
    let answer = server.elasticsearch("POST", "/_search", &question.to_string());
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let hits = answer.json()["hits"]["hits"].as_array().unwrap().clone();
    hits.iter().map(|hit| hit["_source"]["message"].as_str().unwrap_or("").to_owned()).collect()
}

/// And on the command line.
fn found_by_command(server: &Server, query: &str) -> Vec<String> {
    let output = command()
        .args(["logs", query, "--since", "30d", "--format", "json", "--url", &server.url()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let message = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["message"].as_str().unwrap_or("").to_owned()
    };
    lines.lines().map(message).collect()
}

fn ago(seconds: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(now_millis() - seconds * 1000).unwrap();
    at.strftime("%Y-%m-%dT%H:%M:%S.123Z").to_string()
}

/// Requests of the last hours as the plan's middleware would log them, if it did so rightly.
fn shop_lines() -> String {
    let request = |seconds, level, message, path, status, took, user: i64| {
        json!({ "timestamp": ago(seconds), "level": level, "message": message, "method": "GET", "path": path,
                "status_code": status, "process_time": took, "user_id": user })
    };
    [
        request(7200, "ERROR", "旧的错误", "/api/v1/orders", 500, 0.1, 1),
        request(900, "ERROR", "支付失败: 渠道返回超时", "/api/v1/payments/7/notify", 500, 3.5, 12345),
        request(800, "error", "库存不足", "/api/v1/orders", 409, 0.02, 2),
        request(700, "INFO", "支付成功", "/api/v1/payments/8", 200, 2.0, 12345),
        request(600, "INFO", "slow but fine", "/api/v1/products/9", 200, 2.001, 3),
        request(500, "WARNING", "not the payments", "/api/v1/paymentsx", 500, 0.1, 4),
    ]
    .iter()
    .map(|line| format!("{line}\n"))
    .collect()
}

#[test]
fn the_plans_four_queries_find_the_same_everywhere() {
    let folder = folder();
    let server = start(&folder, "");
    ship(&server, &shop_lines());
    let plan = [
        ("level:ERROR AND timestamp:[now-1h TO now]", vec!["支付失败: 渠道返回超时", "库存不足"]),
        ("process_time:>2 AND timestamp:[now-1h TO now]", vec!["支付失败: 渠道返回超时", "slow but fine"]),
        ("path:/api/v1/payments/* AND status_code:500", vec!["支付失败: 渠道返回超时"]),
        ("user_id:12345", vec!["支付失败: 渠道返回超时", "支付成功"]),
    ];
    for (query, expected) in plan {
        assert_eq!(found(&server, query), expected, "{query}");
        assert_eq!(found_by_elasticsearch(&server, query), expected, "{query}");
        assert_eq!(found_by_command(&server, query), expected, "{query}");
    }
    assert_eq!(found(&server, "付失"), ["支付失败: 渠道返回超时"], "any part of a Chinese text");
}

#[test]
fn the_plans_own_lines_are_understood() {
    let folder = folder();
    let server = start(&folder, "");
    ship(
        &server,
        "Request: GET /api/v1/payments/7\n\
         Response: {\"method\": \"GET\", \"path\": \"/api/v1/payments/7\", \"status_code\": 500, \"process_time\": 2.5, \
         \"client_ip\": \"10.0.0.1\"}\n",
    );
    let answer = ask(&server, "search", &json!({ "query": "path:/api/v1/payments/* AND status_code:500" }));
    let source = &answer["hits"][0]["source"];
    assert_eq!(answer["total"], 1);
    assert_eq!((&source["status_code"], &source["process_time"]), (&json!(500), &json!(2.5)));
    assert!(source["message"].as_str().unwrap().starts_with("Response: {"), "the text stays: {source}");
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill_and_no_more() {
    let folder = folder();
    let server = start(&folder, "");
    let line = |n: i32| json!({ "timestamp": ago(60), "message": "kept", "n": n }).to_string();
    let bulk: String = (0..500)
        .map(|n| format!("{{\"create\":{{\"_index\":\"shop\",\"_id\":\"id-{n}\"}}}}\n{}\n", line(n)))
        .collect();
    let answer = server.elasticsearch("POST", "/_bulk", &bulk);
    assert_eq!((answer.status, &answer.json()["errors"]), (200, &json!(false)));
    ship(&server, &(500..600).map(|n| line(n) + "\n").collect::<String>());
    server.kill();

    let server = start(&folder, "");
    let count =
        |server: &Server| server.elasticsearch("GET", "/_count?q=message:kept", "").json()["count"].clone();
    assert_eq!(count(&server), 600);
    // The sender did not get its answer, and sends again.
    let again = server.elasticsearch("POST", "/_bulk", &bulk).json();
    assert_eq!((&again["errors"], &again["items"][0]["create"]["status"]), (&json!(false), &json!(200)));
    assert_eq!(count(&server), 600, "exactly once");
    let other = "{\"create\":{\"_index\":\"shop\",\"_id\":\"id-1\"}}\n{\"message\":\"another\"}\n";
    let other = server.elasticsearch("POST", "/_bulk", other).json();
    assert_eq!(other["items"][0]["create"]["status"], 409);
}

#[test]
fn a_follower_sees_what_arrives_at_once_and_once() {
    let folder = folder();
    let server = start(&folder, "");
    ship(&server, "{\"message\":\"before\"}\n");
    let last = ask(&server, "search", &json!({ "query": "*" }))["last_seq"].clone();
    let wait = json!({ "query": "message:wanted", "after_seq": last, "wait_ms": 20_000 });
    let follower = std::thread::scope(|scope| {
        let follower = scope.spawn(|| ask(&server, "search", &wait));
        std::thread::sleep(Duration::from_millis(200));
        ship(&server, "{\"message\":\"other\"}\n");
        ship(&server, "{\"message\":\"wanted\"}\n");
        follower.join().unwrap()
    });
    assert_eq!(follower["hits"].as_array().unwrap().len(), 1);
    assert_eq!(follower["hits"][0]["message"], "wanted");
    let next = json!({ "query": "*", "after_seq": follower["last_seq"], "wait_ms": 0 });
    assert_eq!(ask(&server, "search", &next)["hits"], json!([]));
}

#[test]
fn pages_histogram_values_and_context_tell_the_same_story() {
    let folder = folder();
    let server = start(&folder, "");
    let line = |n: i64| {
        let level = if n % 10 == 0 { "ERROR" } else { "INFO" };
        json!({ "timestamp": ago(1000 - n), "level": level, "message": format!("line {n}"), "route": format!("/r/{}", n % 3) })
    };
    ship(&server, &(0..250).map(|n| line(n).to_string() + "\n").collect::<String>());

    let mut question =
        json!({ "query": "", "from": "now-1h", "to": "now", "size": 100, "histogram": { "buckets": 60 } });
    let first = ask(&server, "search", &question);
    assert_eq!((&first["total"], &first["hits"][0]["message"]), (&json!(250), &json!("line 249")));
    assert_eq!(first["more"], true);
    let buckets = first["histogram"]["buckets"].as_array().unwrap();
    let sum =
        |place: usize| buckets.iter().map(|bucket| bucket["counts"][place].as_u64().unwrap()).sum::<u64>();
    assert_eq!(first["histogram"]["levels"], json!(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", null]));
    assert_eq!((sum(1), sum(3)), (225, 25));
    question["after"] = first["cursor"].clone();
    let second = ask(&server, "search", &question);
    assert_eq!(second["hits"][0]["message"], "line 149");

    let values = ask(&server, "values", &json!({ "query": "level:ERROR", "field": "route" }));
    let expected = json!([{ "value": "/r/0", "count": 9 }, { "value": "/r/1", "count": 8 }, { "value": "/r/2", "count": 8 }]);
    assert_eq!(values["values"], expected);
    let fields = ask(&server, "fields", &json!({}));
    let names: Vec<_> = fields["fields"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
    assert!(names.contains(&&json!("route")) && names.contains(&&json!("message")), "{names:?}");

    let hit = &second["hits"][0];
    let context = json!({ "index": hit["index"], "seq": hit["seq"], "before": 2, "after": 1 });
    let around = ask(&server, "context", &context);
    let around: Vec<_> =
        around["hits"].as_array().unwrap().iter().map(|hit| hit["message"].as_str().unwrap()).collect();
    assert_eq!(around, ["line 147", "line 148", "line 149", "line 150"]);
}

#[test]
fn a_file_is_exported_whole_and_no_cell_is_computed() {
    let folder = folder();
    let server = start(&folder, "");
    let lines: String = (0..2500).map(|n| format!("{{\"message\":\"=1+{n}\",\"n\":{n}}}\n")).collect();
    ship(&server, &lines);
    let csv = server.get("/api/lingshao/v1/logs/export?query=*&format=csv&fields=n");
    assert_eq!(csv.status, 200);
    let body = csv.body.replace("\r\n", "\n");
    assert!(body.contains("\u{feff}time,level,message,n\n"), "{}", &body[..200]);
    assert_eq!(body.matches(",\"'=1+").count(), 2500);
    let ndjson = server.get("/api/lingshao/v1/logs/export?query=n:%3E2490").body;
    assert_eq!(ndjson.matches("\"message\"").count(), 9, "{ndjson}");
}

#[test]
fn what_the_configuration_masks_is_found_by_its_whole_value_and_seen_by_nobody() {
    let folder = folder();
    let server = start(&folder, "logs: {mask: {fields: [real_name], mails: on, bank_cards: off}}\n");
    let message = "登录 zhang.san@example.com password=Abc123 13812345678";
    let line = json!({ "message": message, "realName": "张三", "card": "4111111111111111" });
    ship(&server, &format!("{line}\n"));
    let hit = ask(&server, "search", &json!({ "query": "" }))["hits"][0].clone();
    let kept = hit["message"].as_str().unwrap();
    assert!(kept.starts_with("登录 z***@example.com~k"), "{kept}");
    assert!(kept.contains(" password=*** 138****5678~k"), "{kept}");
    assert!(hit["source"]["realName"].as_str().unwrap().starts_with("***~k"), "{hit}");
    assert_eq!(hit["source"]["card"], "4111111111111111", "switched off");
    for (query, count) in [("realName:张三", 1), ("realName:张", 0), ("realName:李四", 0), ("13812345678", 1)]
    {
        assert_eq!(found(&server, query).len(), count, "{query}");
        assert_eq!(found_by_elasticsearch(&server, query).len(), count, "{query}");
    }
    let files = std::fs::read_dir(folder.path().join("data/logs/wal")).unwrap();
    for file in files {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("张三") && !text.contains("Abc123") && !text.contains("zhang.san"));
    }
}

/// The page and the Elasticsearch API mean the same by the name of an index.
#[test]
fn indices_are_chosen_by_name_alias_and_pattern() {
    let folder = folder();
    let server = start(&folder, "");
    for index in ["shop-1", "shop-2", "nginx"] {
        let made = json!({ "aliases": if index == "shop-2" { json!({ "current": {} }) } else { json!({}) } });
        assert_eq!(server.elasticsearch("PUT", &format!("/{index}"), &made.to_string()).status, 200);
        let document = json!({ "message": format!("in {index}") });
        assert_eq!(
            server.elasticsearch("POST", &format!("/{index}/_doc"), &document.to_string()).status,
            201
        );
    }
    let listed = server.get("/api/lingshao/v1/logs/indices").json();
    let aliases = json!([{ "name": "current", "indices": ["shop-2"] }]);
    assert_eq!(listed, json!({ "indices": ["nginx", "shop-1", "shop-2"], "aliases": aliases }));
    for (index, expected) in [
        ("", vec!["in nginx", "in shop-1", "in shop-2"]),
        ("_all", vec!["in nginx", "in shop-1", "in shop-2"]),
        ("current", vec!["in shop-2"]),
        ("curr*,nginx", vec!["in nginx", "in shop-2"]),
        ("shop-*,-shop-2", vec!["in shop-1"]),
        ("none*", vec![]),
    ] {
        let answer = ask(&server, "search", &json!({ "query": "", "index": index }));
        let mut found: Vec<_> =
            answer["hits"].as_array().unwrap().iter().map(|hit| hit["message"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{index}");
        let path = if index.is_empty() { "/_count".to_owned() } else { format!("/{index}/_count") };
        assert_eq!(server.elasticsearch("GET", &path, "").json()["count"], expected.len(), "{index}");
    }
    let question = json!({ "query": "", "index": "shop-1,none" }).to_string();
    let answer = server.request("POST", "/api/lingshao/v1/logs/search", &[], question.as_bytes());
    assert_eq!(
        (answer.status, &answer.json()["error"]["code"]),
        (404, &json!("no-index")),
        "{}",
        answer.body
    );
}

#[test]
fn a_bad_query_is_pointed_at() {
    let folder = folder();
    let server = start(&folder, "");
    let question = json!({ "query": "level:ERROR AND (path:/a" });
    let answer = server.request("POST", "/api/lingshao/v1/logs/search", &[], question.to_string().as_bytes());
    assert_eq!(answer.status, 400, "{}", answer.body);
    let error = answer.json()["error"].clone();
    assert_eq!(error["start"], 16, "{error}");
    let output =
        command().args(["logs", "level:ERROR AND (path:/a", "--url", &server.url()]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("\n                  ^"), "{said}");
}

#[test]
fn counted_lines_become_metrics_and_rules() {
    let folder = folder();
    let rules = "global: {scrape_interval: 1s}\nlogs:\n  log_rules:\n    - {name: payment_failed, query: 支付失败, labels: {team: pay}}\n";
    let server = start(&folder, rules);
    ship(&server, &shop_lines());
    assert_eq!(server.figure("lingshao_log_rule_total{rule=\"payment_failed\",team=\"pay\"}"), 1.0);
    assert_eq!(server.figure("lingshao_log_records_total{level=\"ERROR\"}"), 3.0);
    let sum = "sum(http_requests_total{status=\"500\"})";
    eventually("request records are metrics", || {
        let data = server.data(&format!("/api/v1/query?query={}", crate::harness::encoded(sum)));
        data["result"][0]["value"][1] == "3"
    });
}

/// The job `requests` stands for what request records say: while they say nothing, or the shop says it itself, there is none.
#[test]
fn a_shop_with_metrics_of_its_own_has_no_target_that_says_nothing() {
    let folder = folder();
    let server = start(&folder, "global: {scrape_interval: 1s}\n");
    let is_listed = || {
        let targets = server.data("/api/v1/targets");
        let jobs =
            targets["activeTargets"].as_array().unwrap().iter().map(|one| one["labels"]["job"].clone());
        jobs.collect::<Vec<_>>().contains(&json!("requests"))
    };
    let up = || {
        let query = crate::harness::encoded("up{job=\"requests\"}");
        server.data(&format!("/api/v1/query?query={query}"))["result"].as_array().unwrap().len()
    };
    eventually("our own page was looked at", || {
        server.get("/api/v1/query?query=up").body.contains("lingshao")
    });
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!((is_listed(), up()), (false, 0), "nobody has logged a request");
    ship(&server, &shop_lines());
    eventually("there are request records", || is_listed() && up() == 1);
    let own = [
        ("__name__", "http_requests_total"),
        ("job", "shop"),
        ("instance", "127.0.0.1:8000"),
        ("status", "200"),
    ];
    let sent = crate::harness::batch(&[(&own, &[(crate::harness::now_millis(), 7.0)])]);
    assert_eq!(server.write(&sent).status, 204);
    eventually("the shop says it itself", || !is_listed() && up() == 0);
    let query = crate::harness::encoded("http_requests_total");
    let left = server.data(&format!("/api/v1/query?query={query}"));
    assert_eq!(left["result"].as_array().unwrap().len(), 1, "nothing is counted twice: {left}");
}

#[test]
fn whoever_knows_the_number_of_kibana_is_sent_to_the_log_page() {
    let folder = folder();
    let server = start(&folder, "");
    let answer = crate::harness::request(server.door("kibana"), "GET", "/app/discover", &[], b"").unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("Location"), Some(format!("{}/#/logs", server.url()).as_str()));
}
