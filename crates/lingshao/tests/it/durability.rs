//! Acknowledged means kept.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use lingshao_model::SeriesBatch;
use serde_json::json;

use crate::harness::{Server, batch, encoded, eventually, folder, now_millis, push, text};

/// Values that a careless path would change.
const VALUES: [f64; 10] = [
    0.1,
    -0.0,
    f64::MIN_POSITIVE / 8.0,
    f64::MAX,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e21,
    123_456_789.123_456_79,
    f64::EPSILON,
    -1.0,
];

#[test]
fn what_was_acknowledged_before_a_kill_is_there_bit_for_bit() {
    let folder = folder();
    let server = Server::start(&folder);
    let end = now_millis();
    let samples: Vec<(i64, f64)> = VALUES
        .iter()
        .enumerate()
        .map(|(index, value)| (end - 10_000 + index as i64 * 1000 + 7, *value))
        .collect();
    let labels = [("__name__", "kept"), ("job", "test"), ("text", "价格 \"x\"\\\n")];
    let answer = server.write(&batch(&[(&labels, &samples)]));
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    server.kill();

    let server = Server::start(&folder);
    let data = server.data(&format!("/api/v1/query?query={}&time={}", encoded("kept[1m]"), end / 1000));
    assert_eq!(data["result"][0]["metric"]["text"], "价格 \"x\"\\\n");
    let values = data["result"][0]["values"].as_array().expect("points");
    assert_eq!(values.len(), samples.len());
    for (point, (t, value)) in values.iter().zip(&samples) {
        assert_eq!(point[0], json!(*t as f64 / 1000.0));
        let read: f64 = point[1].as_str().expect("a text").parse().expect("a number");
        assert_eq!(read.to_bits(), value.to_bits(), "{value:e} came back as {}", point[1]);
    }
}

/// A kill cannot show a missing sync, for the kernel keeps the pages; the count of syncs can.
#[test]
fn each_write_of_a_lone_client_is_synced_before_its_answer() {
    let folder = folder();
    let server = Server::start(&folder);
    let syncs = || server.figure("lingshao_wal_sync_duration_seconds_count{storage=\"metrics\"}");
    let before = syncs();
    let t = now_millis();
    for index in 0..50 {
        assert_eq!(server.write(&batch(&[(&[("__name__", "lone")], &[(t + index, 1.0)])])).status, 204);
    }
    assert!(syncs() - before >= 50.0, "{} syncs for 50 writes", syncs() - before);
}

#[test]
fn data_nobody_waited_for_is_synced_on_sigterm_and_the_exit_code_is_zero() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    assert_eq!(server.write(&batch(&[(&[("__name__", "drained")], &[(t, 4.0)])])).status, 204);
    server.signal("-TERM");
    let started = Instant::now();
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(started.elapsed() < Duration::from_secs(10));
    let server = Server::start(&folder);
    let data = server.data(&format!("/api/v1/query?query=drained&time={}", t / 1000));
    assert_eq!(data["result"][0]["value"], json!([t / 1000, "4"]));
}

#[test]
fn a_request_under_way_is_finished_when_sigterm_comes() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let batch = batch(&[(&[("__name__", "under_way")], &[(t, 1.0)])]);
    let body = lingshao_wire::snappy::compress(&lingshao_wire::remote_write::encode_v1(&batch));
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let head = format!(
        "POST /api/v1/write HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        server.address,
        body.len()
    );
    let (first, second) = body.split_at(body.len() / 2);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(first).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    server.signal("-TERM");
    std::thread::sleep(Duration::from_millis(500));
    stream.write_all(second).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    let server = Server::start(&folder);
    let data = server.data(&format!("/api/v1/query?query=under_way&time={}", t / 1000));
    assert_eq!(data["result"][0]["value"][1], "1");
}

#[test]
fn a_client_that_hangs_does_not_hold_up_the_end() {
    let folder = folder();
    let server = Server::start(&folder);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream
        .write_all(b"POST /api/v1/write HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx")
        .unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    server.signal("-TERM");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    assert!(started.elapsed() < Duration::from_millis(11_000), "{:?}", started.elapsed());
}

#[test]
fn sending_the_same_again_changes_nothing() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    let once = batch(&[(&[("__name__", "again")], &[(t - 1000, 1.0), (t, 2.0)])]);
    assert_eq!(server.write(&once).status, 204);
    assert_eq!(server.write(&once).status, 204);
    let data = server.data(&format!("/api/v1/query?query={}&time={}", encoded("again[1m]"), t / 1000));
    assert_eq!(data["result"][0]["values"], json!([[(t - 1000) / 1000, "1"], [t / 1000, "2"]]));
}

/// A tmpfs that the test fills. Needs root; says so where it is not.
pub(crate) struct SmallDisk(pub(crate) tempfile::TempDir);

impl SmallDisk {
    pub(crate) fn mount(mebibytes: u32) -> Option<SmallDisk> {
        let folder = folder();
        let size = format!("size={mebibytes}m");
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs", &text(folder.path())])
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            std::fs::write(folder.path().join("quiet.yml"), "global: {}\n").unwrap();
            return Some(SmallDisk(folder));
        }
        println!("skipped: mounting a tmpfs needs root");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(std::process::Command::new("umount").args(["-l", &text(self.0.path())]).status());
    }
}

/// Some 10 bytes of log per sample.
fn thousand_samples(index: i64, end: i64) -> SeriesBatch {
    let mut batch = SeriesBatch::default();
    for series in 0..1000_i64 {
        let t = end - 3_600_000 + index * 1000;
        push(
            &mut batch,
            &[("__name__", "filling"), ("series", &series.to_string())],
            &[(t, (series * index) as f64 * 0.1)],
        );
    }
    batch
}

#[test]
fn a_full_disk_stops_intake_but_not_queries_and_room_resumes_it() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let server = Server::start(&disk.0);
    let end = now_millis();
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 5 << 20]).unwrap();
    let refused = (0..2000).map(|index| (index, server.write(&thousand_samples(index, end))));
    let mut stored = 0;
    let mut refusal = None;
    for (index, answer) in refused {
        match answer.status {
            204 => stored = index + 1,
            _ => {
                refusal = Some(answer);
                break;
            }
        }
    }
    let refusal = refusal.expect("8 MiB are full at some time");
    assert_eq!(refusal.status, 503, "{}", refusal.body);
    assert!(refusal.header("Retry-After").is_some());
    assert!(refusal.body.starts_with("no room on the disk for the log"), "{}", refusal.body);
    let count = |server: &Server| {
        let query = encoded("count_over_time(filling{series=\"7\"}[2h])");
        server.data(&format!("/api/v1/query?query={query}&time={}", end / 1000))["result"][0]["value"][1]
            .clone()
    };
    assert_eq!(count(&server), stored.to_string());

    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(server.write(&thousand_samples(stored, end)).status, 204, "room resumes intake by itself");
    server.kill();
    let server = Server::start(&disk.0);
    assert_eq!(count(&server), (stored + 1).to_string());
}

/// Ten hours of a full disk are two lines about each thing, and a sentence for whoever looks.
#[test]
fn a_full_disk_is_told_once_with_its_end_and_shown_meanwhile() {
    let Some(disk) = SmallDisk::mount(12) else { return };
    let path = |name: &str| disk.0.path().join(name);
    let followed = path("app.log");
    std::fs::write(&followed, "").unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
         logs: {{files: [{{path: '{}', from_beginning: true}}]}}\n",
        followed.display()
    );
    let rules =
        "groups: [{name: told, rules: [{record: told:one, expr: '1'}, {record: told:two, expr: time()}]}]\n";
    std::fs::write(path("told.yml"), config).unwrap();
    std::fs::write(path("rules.yml"), rules).unwrap();
    let server = Server::start_with(&disk.0, &["--config", &text(path("told.yml"))]);
    let troubles = || server.get("/api/lingshao/v1/troubles").json();
    let health = || server.data("/api/v1/rules")["groups"][0]["rules"][1]["health"].clone();
    eventually("the rules work", || health() == "ok");
    assert_eq!(troubles()["troubles"], json!([]));

    // Lines first, as they need room in their file.
    let line = format!("{{\"message\":\"waits\",\"noise\":\"{}\"}}\n", "x".repeat(5000));
    std::fs::write(path("lines"), line.repeat(200)).unwrap();
    let full_at = now_millis();
    let mut ballast = std::fs::File::create(path("ballast")).unwrap();
    while ballast.write(&[1; 4096]).is_ok() {}
    std::fs::rename(path("lines"), &followed).unwrap();
    let kinds = || {
        let told = troubles();
        let list = told["troubles"].as_array().unwrap().clone();
        list.iter().map(|one| format!("{} {}", one["part"], one["kind"]).replace('"', "")).collect::<Vec<_>>()
    };
    eventually("both parts are told", || {
        let found = kinds();
        ["metrics full", "logs full"].iter().all(|one| found.contains(&(*one).to_owned()))
    });
    // What is small may still find room behind the end of a file, in its last block.
    eventually("the rules are told", || health() == "err");
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(health(), "err", "not well between evaluating and appending either");
    }
    let told = troubles();
    let metrics = &told["troubles"][0];
    assert!(metrics["error"].as_str().unwrap().contains("No space left on device"), "{metrics}");
    assert_eq!(told["data"], text(path("data")));
    let since = metrics["since"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
    assert!((full_at - 1000..full_at + 5000).contains(&since), "{metrics}, full at {full_at}");
    assert_eq!(server.figure("lingshao_degraded{part=\"metrics\"}"), 1.0);

    drop(ballast);
    std::fs::remove_file(path("ballast")).unwrap();
    eventually("it is over", || troubles()["troubles"] == json!([]));
    assert_eq!(health(), "ok");
    assert_eq!(server.figure("lingshao_degraded{part=\"metrics\"}"), 0.0);
    let log = server.log();
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    for (text, expected) in [
        ("rule failed", 2),
        ("a rule that failed is well again", 2),
        ("lines of a file could not be stored", 1),
        ("lines of a file are stored again", 1),
        ("what is given to us is not kept part=\"metrics\" kind=\"full\"", 1),
        ("what is given to us is kept again part=\"metrics\"", 1),
    ] {
        assert_eq!(count(text), expected, "{text}:\n{log}");
    }
}
