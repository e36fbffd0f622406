//! The first start, the second one, two at once, and the end.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Server, encoded, eventually, run, text};

const DAY: f64 = 86_400.0;

/// The series of the board's thirteen tiles.
const TILES: [&str; 16] = [
    "node_cpu_seconds_total",
    "node_memory_MemAvailable_bytes",
    "node_filesystem_avail_bytes",
    "node_network_receive_bytes_total",
    "http_requests_total",
    "http_request_duration_seconds_bucket",
    "http_requests_total{status=~\"5..\"}",
    "http_requests_in_flight",
    "active_users",
    "orders_today",
    "sales_today_fen",
    "group_buys_ended_total{result=\"success\"}",
    "group_buys_ended_total{result=\"failed\"}",
    "payment_requests_total",
    "payment_failures_total",
    "product_stock",
];

#[track_caller]
fn start(folder: &Path) -> Server {
    Server::try_start_command(&[], "demo", folder, &[])
        .unwrap_or_else(|(status, log)| panic!("it ended with {status}:\n{log}"))
}

/// The value of an expression that gives one, now or at a time.
fn value(server: &Server, expression: &str, ago: f64) -> Option<f64> {
    let path = format!("/api/v1/query?query={}&time={}", encoded(expression), now() - ago);
    let data = server.data(&path);
    data["result"].as_array()?.first()?["value"][1].as_str()?.parse().ok()
}

fn now() -> f64 {
    crate::harness::now_millis() as f64 / 1000.0
}

#[test]
fn a_newcomer_sees_every_tile_with_two_weeks_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let server = start(folder.path());
    println!("answers after {:?}", begun.elapsed());
    for tile in TILES {
        assert!(value(&server, &format!("count({tile})"), 0.0).is_some(), "{tile} now");
        assert!(value(&server, &format!("count({tile})"), DAY).is_some(), "{tile} yesterday");
        assert!(value(&server, &format!("count({tile})"), 13.9 * DAY).is_some(), "{tile} two weeks ago");
    }
    let requests = value(&server, "sum(rate(http_requests_total[10m]))", 3.0 * DAY).unwrap();
    assert!((0.5..500.0).contains(&requests), "{requests} requests a second");
    eventually("live samples of the host", || {
        let age = value(&server, "time() - max(timestamp(node_time_seconds))", 0.0);
        age.is_some_and(|age| age < 6.0)
    });
    let boards = server.get("/api/search").json();
    assert_eq!(
        (&boards[0]["title"], boards.as_array().unwrap().len()),
        (&Value::from("灵鲜好物监控面板"), 1)
    );
    let state = server.get("/api/lingshao/v1/demo").json();
    let names: Vec<_> =
        state["incidents"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["payment-outage", "slow-database", "failed-group", "stock-run-down"]);
    assert_eq!(state["incidents"][0]["state"], "idle");
    assert_eq!(server.get("/api/lingshao/v1/demo/inbox").json()["messages"], Value::Array(Vec::new()));
    assert_eq!(server.request("POST", "/demo/incidents/fire", &[], b"").status, 404);
    let rules = server.data("/api/v1/rules");
    let files: Vec<_> =
        rules["groups"].as_array().unwrap().iter().map(|group| group["file"].as_str().unwrap()).collect();
    assert!(files.iter().any(|file| file.ends_with("original/alerts.yml")), "{files:?}");
    assert_eq!(rules["groups"][0]["interval"], 5);
}

#[test]
fn a_later_start_fills_what_is_missing_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let samples = "sum(count_over_time(active_users[15d]))";
    let first = start(folder.path());
    let before = value(&first, samples, 0.0).unwrap();
    assert!(before > 40_000.0, "{before}");
    first.signal("-INT");
    let (status, log) = first.wait();
    assert!(status.success(), "{log}");
    assert!(log.contains("history written"), "{log}");

    let again = start(folder.path());
    assert!(!again.log().contains("writing history"), "a second later nothing is missing: {}", again.log());
    again.kill();

    // A life that begins an hour from now: the clock is set, as waiting takes too long.
    let offset = folder.path().join("clock-offset");
    std::fs::write(&offset, "3600000").unwrap();
    let environment = [("LINGSHAO_CLOCK_OFFSET_FILE", offset.to_str().unwrap())];
    let later = Server::try_start_command(&environment, "demo", folder.path(), &[])
        .unwrap_or_else(|(status, log)| panic!("it ended with {status}:\n{log}"));
    assert!(
        ["119", "120", "121"]
            .iter()
            .any(|samples| later.log().contains(&format!("samples_per_series={samples}"))),
        "{}",
        later.log()
    );
    let after = value(&later, samples, -3600.0).unwrap();
    assert!((100.0..1_000.0).contains(&(after - before)), "{before} samples, later {after}");
    let gap = value(&later, "sum(count_over_time(active_users[1h]))", -3600.0).unwrap();
    assert!((118.0..400.0).contains(&gap), "{gap} in the last hour");
}

#[test]
fn a_folder_has_one_demo_and_what_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path());
    let config = std::fs::read_to_string(folder.path().join("lingshao.yml")).unwrap();
    let data = text(folder.path());
    let second = run(&["demo", "--data", &data, "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(3), "{said}");
    assert!(said.contains("is held by process"), "{said}");
    assert_eq!(std::fs::read_to_string(folder.path().join("lingshao.yml")).unwrap(), config);
    let busy = run(&["demo", "--data", &text(folder.path().join("other")), "--listen", &first.address]);
    assert_eq!(busy.status.code(), Some(3));
    let wide = run(&["demo", "--data", &data, "--listen", "0.0.0.0:0"]);
    let said = String::from_utf8(wide.stderr).unwrap();
    assert_eq!(wide.status.code(), Some(1), "{said}");
    assert!(said.contains("a demo has no users"), "{said}");
    assert_eq!(run(&["demo", "--speed", "0"]).status.code(), Some(2));
    // What a stranger reads is what is in force.
    let checked = run(&["check", &text(folder.path().join("lingshao.yml"))]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert_eq!(
        first.data("/api/v1/targets")["activeTargets"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|target| target["labels"]["instance"] == "shop")
            .count(),
        1
    );
}
