//! The API as Grafana and promtool call it.

use serde_json::json;

use crate::harness::{Server, batch, encoded, folder, now_millis, text};

fn shop() -> (tempfile::TempDir, Server, i64) {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let up = |instance| [("__name__", "up"), ("instance", instance), ("job", "shop")];
    let (a, b) = (up("a:1"), up("b:1"));
    let utf8 = [("__name__", "up"), ("http.host", "例"), ("job", "other")];
    let answer =
        server.write(&batch(&[(&a, &[(t - 1000, 1.0), (t, 0.0)]), (&b, &[(t, 1.0)]), (&utf8, &[(t, 1.0)])]));
    assert_eq!(answer.status, 204);
    (folder, server, t / 1000)
}

#[test]
fn the_health_check_of_grafana_passes() {
    let (_folder, server, _) = shop();
    let answer = server.post_form("/api/v1/query", "query=1%2B1&time=4");
    assert_eq!(answer.body, r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#);
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    let info = server.data("/api/v1/status/buildinfo");
    assert!(info["version"].as_str().unwrap().starts_with("3."));
    assert!(info.get("features").is_none());
}

#[test]
fn names_values_and_series_are_found_by_selector_range_and_limit() {
    let (_folder, server, t) = shop();
    assert_eq!(
        server.data("/api/v1/labels?match[]=up%7Bjob!%3D%22lingshao%22%7D"),
        json!(["__name__", "http.host", "instance", "job"])
    );
    assert!(server.data("/api/v1/labels").as_array().unwrap().contains(&json!("http.host")));
    assert_eq!(
        server.data("/api/v1/labels?match[]=up%7Bjob%3D%22shop%22%7D"),
        json!(["__name__", "instance", "job"])
    );
    let jobs = server.data("/api/v1/label/job/values?match[]=up&match[]=none");
    assert!(jobs.as_array().unwrap().ends_with(&[json!("other"), json!("shop")]), "{jobs}");
    assert_eq!(server.data("/api/v1/label/U__http_2e_host/values"), json!(["例"]));
    assert_eq!(server.data("/api/v1/label/http%2Ehost/values"), json!(["例"]));
    assert_eq!(server.data("/api/v1/label/job/values?start=1&end=2"), json!([]));
    let limited = server.get("/api/v1/label/instance/values?limit=1&match[]=up%7Bjob%3D%22shop%22%7D").json();
    assert_eq!(
        (&limited["data"], &limited["warnings"]),
        (&json!(["a:1"]), &json!(["results truncated due to limit"]))
    );
    let form = format!("match[]={}&start={}&end={t}", encoded("up{instance=\"b:1\"}"), t - 60);
    let series = server.post_form("/api/v1/series", &form).json();
    assert_eq!(series["data"], json!([{"__name__": "up", "instance": "b:1", "job": "shop"}]));
}

#[test]
fn queries_give_values_limits_and_notes() {
    let (_folder, server, t) = shop();
    let ask = |query: &str, more: &str| {
        server.get(&format!("/api/v1/query?query={}&time={t}{more}", encoded(query))).json()
    };
    assert_eq!(
        ask("sum by (job) (up{job!=\"lingshao\"})", "")["data"]["result"],
        json!([
            {"metric": {"job": "other"}, "value": [t, "1"]},
            {"metric": {"job": "shop"}, "value": [t, "1"]},
        ])
    );
    let limited = ask("up", "&limit=2");
    assert_eq!(limited["data"]["result"].as_array().unwrap().len(), 2);
    assert_eq!(limited["warnings"], json!(["results truncated due to limit"]));
    let later = server.get(&format!("/api/v1/query?query=up&time={}&lookback_delta=5s", t + 60)).json();
    assert_eq!(later["data"]["result"], json!([]));
    let noted = ask("rate(up[1m])", "");
    assert!(noted["infos"][0].as_str().unwrap().contains("might not be a counter"), "{noted}");
    let range = server.data(&format!(
        "/api/v1/query_range?query={}&start={}&end={t}&step=1",
        encoded("up{instance=\"a:1\"}"),
        t - 2
    ));
    assert_eq!(range["resultType"], "matrix");
    assert_eq!(range["result"][0]["values"], json!([[t - 1, "1"], [t, "0"]]));
}

#[test]
fn expressions_are_formatted_and_parsed() {
    let (_folder, server, _) = shop();
    let query = encoded("sum(rate(up[5m]))by(job)");
    assert_eq!(
        server.data(&format!("/api/v1/format_query?query={query}")),
        json!("sum by (job) (rate(up[5m]))")
    );
    assert_eq!(server.data(&format!("/api/v1/parse_query?query={query}"))["type"], json!("aggregation"));
    assert_eq!(server.get("/api/v1/format_query?query=sum(").status, 400);
}

#[test]
fn what_does_not_exist_yet_is_empty_and_not_missing() {
    let (_folder, server, _) = shop();
    for (path, expected) in [
        ("/api/v1/rules", json!({"groups": []})),
        ("/api/v1/alerts", json!({"alerts": []})),
        ("/api/v1/alertmanagers", json!({"activeAlertmanagers": [], "droppedAlertmanagers": []})),
        ("/api/v1/query_exemplars?query=up", json!([])),
    ] {
        assert_eq!(server.data(path), expected, "{path}");
    }
}

#[test]
fn status_pages_tell_what_is_kept_and_how_it_was_started() {
    let (folder, server, _) = shop();
    let storage = server.data("/api/v1/status/tsdb?limit=1");
    assert!(storage["headStats"]["numSeries"].as_u64().unwrap() >= 3);
    assert_eq!(storage["seriesCountByMetricName"].as_array().unwrap().len(), 1);
    let all = server.data("/api/v1/status/tsdb?limit=10000");
    let up = all["seriesCountByMetricName"].as_array().unwrap().iter().find(|row| row["name"] == "up");
    assert!(up.unwrap()["value"].as_u64().unwrap() >= 3);
    let flags = server.data("/api/v1/status/flags");
    assert_eq!(flags["storage.tsdb.path"], text(folder.path().join("data")));
    assert_eq!(flags["web.listen-address"], server.address);
    let info = server.data("/api/v1/status/runtimeinfo");
    assert!(info["timeSeriesCount"].as_u64().unwrap() >= 3);
    assert!(info["startTime"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn our_own_figures_count_what_we_did() {
    let (_folder, server, t) = shop();
    server.data(&format!("/api/v1/query?query=up&time={t}"));
    assert_eq!(server.figure("lingshao_remote_write_samples_total"), 4.0);
    assert_eq!(
        server
            .figure("lingshao_http_requests_total{listener=\"web\",handler=\"/api/v1/write\",code=\"204\"}"),
        1.0
    );
    assert!(server.figure("prometheus_tsdb_head_series") >= 3.0);
    assert!(server.figure("process_resident_memory_bytes") > 1e6);
    assert!(server.figure("lingshao_wal_sync_duration_seconds_count{storage=\"metrics\"}") >= 1.0);
    assert!(server.figure("lingshao_query_samples_read_total") >= 3.0);
}

#[test]
fn routes_of_one_path_are_counted_together() {
    let folder = folder();
    let server = Server::start(&folder);
    let path = "/api/lingshao/v1/session";
    server.get(path);
    server.request("POST", path, &[], br#"{"name":"a","password":"b"}"#);
    let series = format!("lingshao_http_requests_total{{listener=\"web\",handler=\"{path}\",code=\"200\"}}");
    assert_eq!(server.figure(&series), 2.0);
    let page = server.get("/metrics").body;
    assert_eq!(page.matches(&series).count(), 1, "{page}");
}
