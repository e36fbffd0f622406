//! The Elasticsearch API as its clients see it, on the real binary.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{folder, now_millis};
use crate::logs::{ship, start};

/// Steps of the scenarios in `conformance/es` that hold; more is welcome, less is a loss.
const CONFORMANCE_STEPS: u32 = 270;

#[test]
fn every_answer_names_the_product_and_a_version_that_shippers_accept() {
    let folder = folder();
    let server = start(&folder, "");
    let root = server.elasticsearch("GET", "/", "");
    assert_eq!(root.header("X-Elastic-Product"), Some("Elasticsearch"));
    let version = root.json()["version"]["number"].as_str().unwrap().to_owned();
    assert!(version.starts_with("8."), "{version}");
    for (method, path, status) in [
        ("HEAD", "/", 200),
        ("GET", "/_license", 200),
        ("GET", "/_cluster/health?wait_for_status=yellow", 200),
        ("HEAD", "/_cat/health", 200),
        ("GET", "/_cat/indices?v", 200),
        ("GET", "/_nodes/http", 200),
        ("GET", "/nothing/_search", 404),
        ("GET", "/_nothing", 400),
        ("DELETE", "/_cluster/health", 405),
        ("POST", "/_sql", 400),
    ] {
        let answer = server.elasticsearch(method, path, "");
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.header("X-Elastic-Product"), Some("Elasticsearch"), "{method} {path}");
        if 400 <= status && method != "HEAD" {
            let error = answer.json();
            assert_eq!(error["status"], status, "{error}");
            assert!(error["error"]["root_cause"][0]["reason"].is_string(), "{error}");
        }
    }
}

#[test]
fn what_shippers_install_is_kept_and_given_back() {
    let folder = folder();
    let server = start(&folder, "");
    for (path, body, list) in [
        ("/_index_template/filebeat", json!({ "index_patterns": ["filebeat-*"] }), "index_templates"),
        ("/_component_template/parts", json!({ "template": {} }), "component_templates"),
    ] {
        assert_eq!(server.elasticsearch("GET", path, "").status, 404, "{path}");
        let put = server.elasticsearch("PUT", path, &body.to_string());
        assert_eq!((put.status, &put.json()["acknowledged"]), (200, &json!(true)), "{path}");
        assert_eq!(server.elasticsearch("GET", path, "").json()[list].as_array().unwrap().len(), 1);
    }
    assert_eq!(server.elasticsearch("GET", "/_ingest/pipeline", "").json(), json!({}));
    assert_eq!(
        server.elasticsearch("GET", "/_index_template/other-*", "").json(),
        json!({"index_templates": []})
    );
    let policy = json!({ "policy": { "phases": {} } });
    server.elasticsearch("PUT", "/_ilm/policy/filebeat", &policy.to_string());
    server.elasticsearch("PUT", "/_ingest/pipeline/p1", "{\"processors\":[]}");
    server.kill();
    let server = start(&folder, "");
    let kept = server.elasticsearch("GET", "/_ilm/policy/filebeat", "").json();
    assert_eq!(kept["filebeat"]["policy"], policy["policy"]);
    assert_eq!(server.elasticsearch("GET", "/_ingest/pipeline/p1", "").json()["p1"]["processors"], json!([]));
    assert_eq!(server.elasticsearch("DELETE", "/_ingest/pipeline/p1", "").status, 200);
    assert_eq!(server.elasticsearch("GET", "/_ingest/pipeline/p1", "").status, 404);
}

#[test]
fn bulk_tells_of_every_item() {
    let folder = folder();
    let server = start(&folder, "");
    let body = "{\"index\":{\"_index\":\"shop\"}}\n{\"message\":\"one\"}\n\
                {\"create\":{\"_index\":\"shop\",\"_id\":\"x\"}}\n{\"message\":\"two\"}\n\
                {\"index\":{\"_index\":\"Upper\"}}\n{\"message\":\"three\"}\n\
                {\"index\":{\"_index\":\"shop\"}}\n{\"message\":\n\
                {\"delete\":{\"_index\":\"shop\",\"_id\":\"x\"}}\n\
                {\"update\":{\"_index\":\"shop\",\"_id\":\"x\"}}\n{\"doc\":{}}\n";
    let answer = server.elasticsearch("POST", "/_bulk", body).json();
    let statuses: Vec<_> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_object().unwrap().values().next().unwrap()["status"].as_u64().unwrap())
        .collect();
    assert_eq!(answer["errors"], true);
    assert_eq!((statuses[0], statuses[1]), (201, 201));
    assert!(statuses[2..].iter().all(|status| (400..500).contains(status) && *status != 429), "{statuses:?}");
    let malformed = server.elasticsearch("POST", "/_bulk", "{\"index\":{\"_index\":\"shop\"}\n{}\n");
    assert_eq!(malformed.status, 400, "{}", malformed.body);
}

#[test]
fn indices_are_made_described_renamed_and_deleted() {
    let folder = folder();
    let server = start(&folder, "");
    let made = json!({ "mappings": { "properties": { "level": { "type": "keyword" } } }, "aliases": { "current": {} } });
    assert_eq!(server.elasticsearch("PUT", "/shop-1", &made.to_string()).status, 200);
    let again = server.elasticsearch("PUT", "/shop-1", "");
    assert_eq!(again.json()["error"]["type"], "resource_already_exists_exception");
    server.elasticsearch("POST", "/shop-1/_doc", "{\"level\":\"ERROR\",\"amount\":1.5,\"ok\":true}");
    let mapping = server.elasticsearch("GET", "/shop-1/_mapping", "").json();
    let properties = &mapping["shop-1"]["mappings"]["properties"];
    assert_eq!(
        (&properties["level"]["type"], &properties["ok"]["type"]),
        (&json!("keyword"), &json!("boolean"))
    );
    let found = server.elasticsearch("GET", "/current/_search?q=level:ERROR", "").json();
    assert_eq!(found["hits"]["total"]["value"], 1);
    let caps = server.elasticsearch("GET", "/shop-1/_field_caps?fields=*", "").json();
    assert_eq!(caps["fields"]["level"]["keyword"]["aggregatable"], true, "{caps}");
    server.kill();

    let server = start(&folder, "");
    assert_eq!(server.elasticsearch("HEAD", "/shop-1", "").status, 200);
    assert_eq!(
        server.elasticsearch("GET", "/_alias/current", "").json()["shop-1"]["aliases"]["current"],
        json!({})
    );
    assert_eq!(server.elasticsearch("DELETE", "/*", "").status, 400);
    assert_eq!(server.elasticsearch("DELETE", "/shop-1", "").status, 200);
    assert_eq!(server.elasticsearch("HEAD", "/shop-1", "").status, 404);
}

#[test]
fn scrolls_and_points_in_time_show_one_moment_page_by_page() {
    let folder = folder();
    let server = start(&folder, "");
    ship(&server, &(0..25).map(|n| format!("{{\"message\":\"m{n}\",\"n\":{n}}}\n")).collect::<String>());
    let first = server
        .elasticsearch("POST", "/logs/_search?scroll=1m", "{\"size\":10,\"sort\":[{\"n\":\"asc\"}]}")
        .json();
    let point = server.elasticsearch("POST", "/logs/_pit?keep_alive=1m", "").json();
    ship(&server, "{\"message\":\"later\",\"n\":-1}\n");

    let id = &first["_scroll_id"];
    let mut seen: Vec<Value> = Vec::new();
    let mut page = first.clone();
    while let Some(hits) = page["hits"]["hits"].as_array().filter(|hits| !hits.is_empty()) {
        seen.extend(hits.iter().map(|hit| hit["_source"]["n"].clone()));
        page =
            server.elasticsearch("POST", "/_search/scroll", &json!({ "scroll_id": id }).to_string()).json();
    }
    assert_eq!(json!(seen), json!((0..25).collect::<Vec<_>>()));
    let ended = server.elasticsearch("DELETE", "/_search/scroll", &json!({ "scroll_id": [id] }).to_string());
    assert_eq!(ended.json()["num_freed"], 1);
    let gone = server.elasticsearch("POST", "/_search/scroll", &json!({ "scroll_id": id }).to_string());
    assert_eq!(gone.status, 404);

    let mut after: Option<Value> = None;
    let mut seen = Vec::new();
    loop {
        let mut question = json!({ "size": 10, "sort": [{ "n": "desc" }], "pit": { "id": point["id"], "keep_alive": "1m" } });
        if let Some(after) = &after {
            question["search_after"] = after.clone();
        }
        let page = server.elasticsearch("POST", "/_search", &question.to_string()).json();
        let hits = page["hits"]["hits"].as_array().unwrap().clone();
        let Some(last) = hits.last() else { break };
        after = Some(last["sort"].clone());
        seen.extend(hits.iter().map(|hit| hit["_source"]["n"].as_i64().unwrap()));
    }
    assert_eq!(seen, (0..25).rev().collect::<Vec<i64>>());
}

/// What Grafana's Elasticsearch source asks when it is tested, explored, and shown on a panel.
#[test]
fn grafana_asks_and_understands() {
    let folder = folder();
    let server = start(&folder, "");
    let end = now_millis();
    let at = |n: i64| end - 600_000 + n * 1000;
    let line = |n: i64| {
        let level = if n % 4 == 0 { "error" } else { "info" };
        json!({ "@timestamp": at(n), "level": level, "message": format!("m{n}"), "took": n }).to_string()
            + "\n"
    };
    ship(&server, &(0..120).map(line).collect::<String>());
    let range = json!({ "range": { "@timestamp": { "gte": end - 3_600_000, "lte": end, "format": "epoch_millis" } } });
    let filter = |query: &str| json!({ "bool": { "filter": [range, { "query_string": { "analyze_wildcard": true, "query": query } }] } });
    let header = json!({ "search_type": "query_then_fetch", "ignore_unavailable": true, "index": "logs" });
    let histogram = json!({ "field": "@timestamp", "fixed_interval": "60s", "min_doc_count": 0, "format": "epoch_millis",
        "extended_bounds": { "min": end - 600_000, "max": end }, "time_zone": "utc" });
    let panel = json!({ "size": 0, "query": filter("level:error"), "aggs": { "2": { "date_histogram": histogram,
        "aggs": { "1": { "avg": { "field": "took" } }, "3": { "percentiles": { "field": "took", "percents": ["50", "95"] } } } } } });
    let by_level = json!({ "size": 0, "query": filter("*"), "aggs": { "4": { "terms": { "field": "level.keyword", "size": 10,
        "order": { "_count": "desc" }, "min_doc_count": 1 } } } });
    let logs = json!({ "size": 5, "query": filter("message:m1*"), "sort": [{ "@timestamp": { "order": "desc", "unmapped_type": "boolean" } },
        { "_doc": { "order": "desc" } }], "docvalue_fields": ["@timestamp"], "script_fields": {},
        "highlight": { "fields": { "*": {} }, "pre_tags": ["@HIGHLIGHT@"], "post_tags": ["@/HIGHLIGHT@"], "fragment_size": 2_147_483_647 } });
    let body: String = [panel, by_level, logs].iter().map(|search| format!("{header}\n{search}\n")).collect();
    let answer = server.elasticsearch("POST", "/_msearch?max_concurrent_shard_requests=5", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let responses = answer.json()["responses"].as_array().unwrap().clone();
    let buckets = responses[0]["aggregations"]["2"]["buckets"].as_array().unwrap();
    let count: u64 = buckets.iter().map(|bucket| bucket["doc_count"].as_u64().unwrap()).sum();
    assert_eq!(count, 30, "{}", responses[0]);
    assert!(
        buckets
            .iter()
            .any(|bucket| bucket["1"]["value"].is_number() && bucket["3"]["values"]["95.0"].is_number())
    );
    let levels: Vec<_> = responses[1]["aggregations"]["4"]["buckets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| (bucket["key"].as_str().unwrap().to_owned(), bucket["doc_count"].as_u64().unwrap()))
        .collect();
    assert_eq!(levels, [("info".to_owned(), 90), ("error".to_owned(), 30)]);
    let hits = responses[2]["hits"]["hits"].as_array().unwrap();
    assert_eq!((hits.len(), &hits[0]["_source"]["message"]), (5, &json!("m119")), "{}", responses[2]);
    assert!(hits[0]["sort"][0].is_number() && hits[0]["fields"]["@timestamp"].is_array(), "{}", hits[0]);
    let mapping = server.elasticsearch("GET", "/logs/_mapping", "");
    assert_eq!(mapping.status, 200);
}

/// The one that has what the scenarios' runner needs; a Python of one's own may stand before the system's.
fn python() -> &'static str {
    let has_all = |python: &&str| {
        let outcome =
            Command::new(python).args(["-c", "import requests, yaml"]).stderr(Stdio::null()).status();
        outcome.is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(has_all)
        .expect("scripts/setup.sh installs what is missing")
}

#[test]
fn scenarios_of_the_compatibility_suite_hold() {
    let runner = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/tools/estest.py");
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/es");
    if !std::path::Path::new(runner).exists() {
        println!("the scenarios are not here; nothing was judged");
        return;
    }
    let folder = folder();
    let server = start(&folder, "");
    let output = Command::new(python())
        .args([runner, "--verbose", "--url", &format!("http://{}", server.door("elasticsearch"))])
        .args(["es_compatibility", "es_compatibility_info"].map(|name| format!("{scenarios}/{name}")))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = said.lines().last().and_then(|line| line.split(' ').next()?.parse::<u32>().ok());
    let complaint = String::from_utf8_lossy(&output.stderr);
    let passed = passed.unwrap_or_else(|| panic!("no verdict:\n{said}\n{complaint}"));
    assert!(CONFORMANCE_STEPS <= passed, "{passed} steps hold, {CONFORMANCE_STEPS} did:\n{said}");
}
