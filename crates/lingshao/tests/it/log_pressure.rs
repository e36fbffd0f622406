//! More logs than there is room for: senders are told to come again, or wait; what was acknowledged is kept once.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::json;

use crate::durability::SmallDisk;
use crate::harness::{Answer, PATIENCE, Server, eventually, folder, request};
use crate::logs::{found, start};

/// A thousand records of some 300 bytes that do not compress, with ids.
fn bulk(batch: u64) -> String {
    let mut state = batch.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut line = |n| {
        let noise: String = (0..16).map(|_| format!("{:016x}", random())).collect();
        let record = json!({ "message": "filling", "batch": batch, "n": n, "noise": noise });
        format!("{{\"create\":{{\"_index\":\"fill\",\"_id\":\"{batch}-{n}\"}}}}\n{record}\n")
    };
    (0..1000).map(&mut line).collect()
}

fn count(server: &Server, query: &str) -> u64 {
    let path = format!("/_count?q={}", crate::harness::encoded(query));
    server.elasticsearch("GET", &path, "").json()["count"].as_u64().unwrap()
}

#[test]
fn a_full_disk_refuses_logs_until_there_is_room_and_loses_none() {
    let Some(disk) = SmallDisk::mount(12) else { return };
    let folder = &disk.0;
    let followed = folder.path().join("app.log");
    std::fs::write(&followed, "").unwrap();
    let config = format!("logs: {{files: [{{path: '{}', from_beginning: true}}]}}\n", followed.display());
    let server = start(folder, &config);
    let ballast = folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 8 << 20]).unwrap();

    let mut acknowledged = 0;
    let refusal: Answer = loop {
        let answer = server.elasticsearch("POST", "/_bulk", &bulk(acknowledged));
        match answer.status {
            200 => assert_eq!(answer.json()["errors"], false, "{}", answer.body),
            _ => break answer,
        }
        acknowledged += 1;
        assert!(acknowledged < 200, "12 MiB are full at some time");
    };
    assert_eq!(refusal.status, 429, "{}", refusal.body);
    let error = &refusal.json()["error"];
    assert_eq!(error["type"], "es_rejected_execution_exception");
    assert!(error["reason"].as_str().unwrap().contains("the disk has no room"), "{error}");
    assert!(acknowledged > 0, "some fitted");

    // Everybody else is told the same in his own words.
    let large = "x".repeat(400_000);
    let otlp = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{ "body": { "stringValue": large } }] }] }] });
    let loki = json!({ "streams": [{ "stream": {}, "values": [["1749947400123456789", large]] }] });
    for (path, body) in [("/v1/logs", otlp), ("/loki/api/v1/push", loki)] {
        let headers = [("Content-Type", "application/json")];
        let answer = server.request("POST", path, &headers, body.to_string().as_bytes());
        assert_eq!(
            (answer.status, answer.header("Retry-After")),
            (503, Some("1")),
            "{path}: {}",
            answer.body
        );
    }
    // Lines have no answers: they wait on their connection, and in their file.
    let mut sender = TcpStream::connect(server.door("logstash")).unwrap();
    sender.set_read_timeout(Some(PATIENCE)).unwrap();
    let lines: String = (0..1000)
        .map(|n| format!("{{\"message\":\"waiting\",\"n\":{n},\"x\":\"{}\"}}\n", "y".repeat(400)))
        .collect();
    sender.write_all(lines.as_bytes()).unwrap();
    sender.shutdown(Shutdown::Write).unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    sender.set_nonblocking(true).unwrap();
    let early = sender.read(&mut [0]);
    assert!(early.is_err(), "we have not closed, so nobody believes that it is durable: {early:?}");
    sender.set_nonblocking(false).unwrap();
    assert_eq!(count(&server, "message:filling"), acknowledged * 1000, "questions are answered all the time");

    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(sender.read(&mut [0]).unwrap(), 0, "closed: durable");
    let mut file = std::fs::OpenOptions::new().append(true).open(&followed).unwrap();
    file.write_all("from the file\n".as_bytes()).unwrap();
    eventually("the file is followed again", || found(&server, "message:\"from the file\"").len() == 1);
    assert_eq!(
        server.elasticsearch("POST", "/_bulk", &bulk(acknowledged)).status,
        200,
        "the sender came again"
    );
    server.kill();
    let server = start(folder, &config);
    assert_eq!(count(&server, "message:filling"), (acknowledged + 1) * 1000);
    assert_eq!(count(&server, "message:waiting"), 1000);
    assert_eq!(count(&server, "message:\"from the file\""), 1);
}

#[test]
fn bodies_of_logs_beyond_the_memory_for_them_are_told_to_come_again() {
    const BODY: usize = 16 << 20;
    let folder = folder();
    let server = start(&folder, "");
    let address = server.door("elasticsearch");
    let head = format!(
        "POST /_bulk HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {BODY}\r\n\r\n"
    );
    let mut held: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(address).unwrap()).collect();
    for stream in &mut held {
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b' '; BODY - 1]).unwrap();
    }
    eventually("they are all in the server's memory", || server.memory("VmRSS") > 64 << 20);
    std::thread::sleep(Duration::from_millis(300));
    let one = "{\"create\":{\"_index\":\"shop\"}}\n{\"message\":\"patient\"}\n";
    let headers = [("Content-Type", "application/x-ndjson")];
    let bulk = || request(address, "POST", "/_bulk", &headers, one.as_bytes()).unwrap();
    let otlp = || server.request("POST", "/v1/logs", &[("Content-Type", "application/json")], b"{}");
    let (bulk_answer, otlp_answer) = std::thread::scope(|scope| {
        let bulk = scope.spawn(bulk);
        let otlp = otlp();
        (bulk.join().unwrap(), otlp)
    });
    assert_eq!(bulk_answer.status, 429, "{}", bulk_answer.body);
    assert_eq!(bulk_answer.json()["error"]["type"], "es_rejected_execution_exception");
    assert_eq!(
        (otlp_answer.status, otlp_answer.header("Retry-After")),
        (503, Some("1")),
        "{}",
        otlp_answer.body
    );
    drop(held);
    eventually("there is room again", || bulk().status == 200);
    assert_eq!(found(&server, "*"), ["patient"]);
    assert!(server.memory("VmHWM") < 300 << 20);
}

/// Some sender is faster than the disk: memory stays bounded, nothing is lost, and nobody has to know.
#[test]
fn a_sender_that_does_not_wait_is_slowed_down_and_loses_nothing() {
    const LINES: u64 = 120_000;
    let folder = folder();
    let server = start(&folder, "");
    std::thread::scope(|scope| {
        for sender in 0..4_u64 {
            let server = &server;
            scope.spawn(move || {
                let line = |n: u64| {
                    format!(
                        "{{\"message\":\"fast\",\"sender\":{sender},\"n\":{n},\"pad\":\"{}\"}}\n",
                        "长".repeat(100)
                    )
                };
                let lines: String = (0..LINES / 4).map(line).collect();
                crate::logs::ship(server, &lines);
            });
        }
    });
    assert_eq!(count(&server, "message:fast"), LINES);
    let peak = server.memory("VmHWM");
    assert!(peak < 400 << 20, "{} MiB", peak >> 20);
    server.kill();
    let server = start(&folder, "");
    assert_eq!(count(&server, "message:fast"), LINES);
}
