//! What the page asks of our own API: many queries at once, and facts.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::{Answer, Server, batch, eventually, folder, now_millis, push, text};

const PATH: &str = "/api/lingshao/v1/queries";

fn ask(server: &Server, body: &Value) -> Answer {
    server.request("POST", PATH, &[("Content-Type", "application/json")], body.to_string().as_bytes())
}

#[track_caller]
fn results(server: &Server, queries: &Value) -> Vec<Value> {
    let answer = ask(server, &json!({ "queries": queries }));
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["results"].as_array().expect("results").clone()
}

#[test]
fn each_query_of_a_batch_is_answered_as_by_the_prometheus_api_in_its_order() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let series = [("__name__", "orders_total"), ("shop", "店\"1\"")];
    let samples: Vec<(i64, f64)> = (0..=10).map(|step| (t - (10 - step) * 1000, step as f64)).collect();
    assert_eq!(server.write(&batch(&[(&series, &samples)])).status, 204);
    let t = t / 1000;
    let answers = results(
        &server,
        &json!([
            {"id": "value", "query": "orders_total", "time": t},
            {"id": "趋势\"", "query": "sum(orders_total)", "start": t - 4, "end": t, "step": 2},
            {"id": "bad", "query": "sum(", "time": t},
            {"id": "value", "query": "1+1", "time": 4.5},
        ]),
    );
    let same = |answer: &Value, path: &str| {
        let mut answer = answer.clone();
        answer.as_object_mut().unwrap().remove("id");
        assert_eq!(answer, server.get(path).json(), "{path}");
    };
    let ids: Vec<&str> = answers.iter().map(|answer| answer["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["value", "趋势\"", "bad", "value"]);
    same(&answers[0], &format!("/api/v1/query?query=orders_total&time={t}"));
    let range = format!("start={}&end={t}&step=2", t - 4);
    same(&answers[1], &format!("/api/v1/query_range?query=sum(orders_total)&{range}"));
    same(&answers[2], &format!("/api/v1/query?query=sum(&time={t}"));
    assert_eq!(answers[1]["data"]["result"][0]["values"], json!([[t - 4, "6"], [t - 2, "8"], [t, "10"]]));
    assert_eq!(answers[2]["errorType"], "bad_data");
    assert_eq!(answers[3]["data"], json!({"resultType": "scalar", "result": [4.5, "2"]}));
    assert!(server.figure("lingshao_query_samples_read_total") >= 6.0);
}

#[test]
fn a_bad_query_of_a_batch_leaves_the_others_alone() {
    let folder = folder();
    let server = Server::start(&folder);
    let answers = results(
        &server,
        &json!([
            {"id": "a", "query": "1", "start": 10, "end": 5, "step": 1},
            {"id": "b", "query": "1", "start": 0, "end": 11_001, "step": 1},
            {"id": "c", "query": "1", "start": 0, "end": 10},
            {"id": "d", "query": "1", "time": 1, "start": 0, "end": 10, "step": 1},
            {"id": "e", "query": "", "time": 1},
            {"id": "f", "query": "1", "time": 1},
        ]),
    );
    let errors: Vec<&str> = answers.iter().map(|answer| answer["error"].as_str().unwrap_or("none")).collect();
    assert_eq!(errors[0], "invalid parameter \"end\": end timestamp must not be before start time");
    assert!(errors[1].starts_with("exceeded maximum resolution of 11,000 points"), "{}", errors[1]);
    assert_eq!(errors[2], "invalid parameter \"step\": cannot parse \"\" to a valid duration");
    assert_eq!(errors[3], "invalid parameter \"time\": stands beside start, end and step");
    assert!(errors[4].starts_with("invalid parameter \"query\": "), "{}", errors[4]);
    assert_eq!(errors[5], "none");
    assert!(
        answers[..5].iter().all(|answer| answer["status"] == "error" && answer["errorType"] == "bad_data")
    );
}

#[test]
fn what_is_no_batch_is_refused_whole() {
    let folder = folder();
    let server = Server::start(&folder);
    let query = json!({"id": "a", "query": "1", "time": 1});
    let many = ask(&server, &json!({ "queries": vec![query.clone(); 65] }));
    assert_eq!((many.status, many.error().as_str()), (400, "65 queries in one batch; at most 64 are taken"));
    assert_eq!(results(&server, &json!(vec![query; 64])).len(), 64);
    assert_eq!(results(&server, &json!([])).len(), 0);
    for body in [json!({}), json!([]), json!({"queries": [{"query": "1"}]}), json!({"queries": [], "x": 1})] {
        let answer = ask(&server, &body);
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.error().starts_with("the body is no batch of queries: "), "{}", answer.body);
    }
    let long = ask(&server, &json!({"queries": [{"id": "a", "query": "1".repeat(1 << 20)}]}));
    assert_eq!(long.status, 413);
}

#[test]
fn a_batch_ends_when_its_client_leaves() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let mut samples = lingshao_model::SeriesBatch::default();
    for series in 0..300 {
        push(&mut samples, &[("__name__", "m"), ("i", &series.to_string())], &[(t, 1.0)]);
    }
    assert_eq!(server.write(&samples).status, 204);
    // Minutes of work: 64 times 90,000 comparisons at 11,000 instants.
    let slow = "count(m * on() group_left() count(m)) + count(count by(i, j) (label_replace(m, \"j\", \"$1\", \"i\", \"(.*)\")))";
    let t = t / 1000;
    let query = json!({"id": "a", "query": slow, "start": t - 10_000, "end": t, "step": 1});
    let body = json!({ "queries": vec![query; 64] }).to_string();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head =
        format!("POST {PATH} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n", server.address, body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    eventually("the batch runs", || server.figure("lingshao_queries_running") == 1.0);
    drop(stream);
    eventually("the batch has ended", || server.figure("lingshao_queries_running") == 0.0);
}

#[test]
fn what_the_page_needs_to_know_is_told() {
    let folder = folder();
    let config = folder.path().join("about.yml");
    std::fs::write(
        &config,
        "web: {external_url: 'https://monitor.shop.example'}\n\
         global: {scrape_interval: 5s, evaluation_interval: 10s}\n\
         alerting:\n  language: en\n  time_zone: Asia/Tokyo\n  route: {receiver: team}\n  receivers:\n\
         \x20   - name: team\n\
         \x20     wecom_configs: [{url: 'https://qyapi.example/send?key=SECRET'}]\n\
         \x20     webhook_configs: [{url: 'http://127.0.0.1:1/', send_resolved: false}]\n\
         \x20   - name: nobody\n",
    )
    .unwrap();
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    let mut about = server.get("/api/lingshao/v1/about").json();
    let started_at = about.as_object_mut().unwrap().remove("started_at").unwrap();
    assert!(started_at.as_str().unwrap().ends_with('Z') && started_at.as_str().unwrap().starts_with("20"));
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"), "scrape_interval_seconds": 5.0, "evaluation_interval_seconds": 10.0,
        "time_zone": "Asia/Tokyo", "language": "en", "external_url": "https://monitor.shop.example",
        "logs": true, "demo": null,
    });
    assert_eq!(about, expected);
    let receivers = server.get("/api/lingshao/v1/receivers");
    let expected = json!([
        {"name": "team", "integrations": [
            {"kind": "webhook", "send_resolved": false}, {"kind": "wecom", "send_resolved": true},
        ]},
        {"name": "nobody", "integrations": []},
    ]);
    assert_eq!(receivers.json(), expected);
    assert!(!receivers.body.contains("SECRET"));
}
