//! Files that are followed by the real binary: through rotation, truncation, restarts and kills, every line once.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Server, eventually, folder};
use crate::logs::{ask, found, start};

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A folder with `app.log`, and the configuration that follows it.
fn app_log() -> (TempDir, PathBuf, String) {
    let folder = folder();
    let path = folder.path().join("app.log");
    let files = format!("logs: {{files: [{{path: '{}', fields: {{service: shop}}}}]}}\n", path.display());
    let config = format!("alerting: {{time_zone: Asia/Shanghai}}\n{files}");
    (folder, path, config)
}

#[track_caller]
fn soon(server: &Server, query: &str, expected: &[&str]) {
    let mut last = Vec::new();
    let deadline = std::time::Instant::now() + crate::harness::PATIENCE;
    while std::time::Instant::now() < deadline {
        last = found(server, query);
        if last == expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(last, expected, "{query}");
}

/// What has been there before nobody wants at the first start; what comes is found with its level, time and fields.
#[test]
fn new_lines_are_found_and_old_ones_only_on_demand() {
    let (folder, path, config) = app_log();
    append(&path, "an old line\n");
    let server = start(&folder, &config);
    eventually("the place is noted", || folder.path().join("data/log-files.json").exists());
    append(
        &path,
        "2025-06-15 08:30:00,123 - lingxian - ERROR - 支付失败\nTraceback (most recent call last):\n",
    );
    append(
        &path,
        "  File \"pay.py\", line 7, in pay\nTimeoutError: channel\n{\"level\":\"warn\",\"msg\":\"库存不足\",\"left\":3}\n",
    );
    eventually("all are found", || found(&server, "service:shop").len() == 2);
    let error = ask(&server, "search", &json!({ "query": "level:ERROR" }))["hits"][0].clone();
    assert_eq!(error["time"], "2025-06-15T00:30:00.123Z");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("支付失败") && message.ends_with("TimeoutError: channel"), "{message}");
    let warning = ask(&server, "search", &json!({ "query": "left:3" }))["hits"][0].clone();
    assert_eq!((&warning["level"], &warning["message"]), (&json!("WARNING"), &json!("库存不足")));
    assert!(found(&server, "old").is_empty());

    // Another pattern, whose files are wanted from their beginning; and a name that appears while we run.
    let other = folder.path().join("other-1.log");
    append(&other, "history\n");
    let both = config.replace(
        "files: [",
        &format!(
            "files: [{{path: '{}', from_beginning: true}}, ",
            folder.path().join("other-*.log").display()
        ),
    );
    drop(server);
    let server = start(&folder, &both);
    soon(&server, "message:history", &["history"]);
    append(&folder.path().join("other-2.log"), "its first line\n");
    soon(&server, "message:\"its first line\"", &["its first line"]);
    assert!(found(&server, "old").is_empty());
}

#[test]
fn a_file_that_is_renamed_is_read_to_its_end_and_the_new_one_from_its_beginning() {
    let (folder, path, config) = app_log();
    fs::write(&path, "").unwrap();
    let server = start(&folder, &config);
    eventually("the place is noted", || folder.path().join("data/log-files.json").exists());
    let mut old = OpenOptions::new().append(true).open(&path).unwrap();
    old.write_all(b"one\n").unwrap();
    soon(&server, "service:shop", &["one"]);
    fs::rename(&path, folder.path().join("app.log.1")).unwrap();
    append(&path, "three\n");
    // The writer has not noticed yet, and is killed in the middle of a line.
    old.write_all(b"two\nhalf a li").unwrap();
    drop(old);
    eventually("both are read", || found(&server, "service:shop").len() == 4);
    let mut all = found(&server, "service:shop");
    all.sort();
    assert_eq!(all, ["half a li", "one", "three", "two"]);
    append(&path, "four\n");
    soon(&server, "message:four", &["four"]);

    // copytruncate: the copy is none of ours.
    fs::copy(&path, folder.path().join("app.log.2")).unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, "five\n");
    soon(&server, "message:five", &["five"]);
    // It may have grown beyond where we were before we look again.
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    append(&path, "six is longer than five was\n");
    soon(&server, "message:six*", &["six is longer than five was"]);
    assert_eq!(found(&server, "service:shop").len(), 7);
}

#[test]
fn what_was_written_while_we_were_away_is_read_once_under_whatever_name() {
    let (folder, path, config) = app_log();
    fs::write(&path, "before our time\n").unwrap();
    let server = start(&folder, &config);
    eventually("the place is noted", || folder.path().join("data/log-files.json").exists());
    // Nothing is read yet, and still it is known where new lines begin.
    server.kill();
    append(&path, "one\n");
    let server = start(&folder, &config);
    soon(&server, "service:shop", &["one"]);
    server.signal("-TERM");
    assert!(server.wait().0.success());

    append(&path, "two\n");
    fs::rename(&path, folder.path().join("app.log.1")).unwrap();
    append(&path, "three\n");
    let server = start(&folder, &config);
    soon(&server, "message:two OR message:three", &["two", "three"]);
    server.kill();

    // Its number goes to another file that is longer: that is no place to go on.
    fs::remove_file(&path).unwrap();
    append(&path, &format!("four {}\n", "x".repeat(200)));
    let server = start(&folder, &config);
    eventually("it is read from its beginning", || found(&server, "message:four*").len() == 1);
    let mut all = found(&server, "service:shop");
    all.iter_mut().for_each(|line| line.truncate(5));
    assert_eq!(all, ["one", "two", "three", "four "]);
}

/// How often each number was found.
fn numbers(server: &Server) -> BTreeMap<u64, u64> {
    let body = json!({ "size": 0, "aggs": { "n": { "terms": { "field": "number", "size": 60_000 } } } });
    let answer = server.elasticsearch("POST", "/logs/_search", &body.to_string()).json();
    let buckets = answer["aggregations"]["n"]["buckets"].as_array().cloned().unwrap_or_default();
    buckets
        .iter()
        .map(|bucket| (bucket["key"].as_u64().unwrap(), bucket["doc_count"].as_u64().unwrap()))
        .collect()
}

/// Numbered lines while the reader is killed and the file is rotated: every number is there once.
#[test]
fn kills_and_rotations_lose_no_line_and_repeat_none() {
    let kills: usize = std::env::var("LINGSHAO_LOG_KILLS").map_or(8, |kills| kills.parse().unwrap());
    // Rotation may be faster than a start of ours: with `*`, files are found that we never saw under their first name.
    let (folder, path, config) = app_log();
    let config = config.replace("app.log'", "app.log*'");
    fs::write(&path, "").unwrap();
    drop({
        let server = start(&folder, &config);
        eventually("the place is noted", || folder.path().join("data/log-files.json").exists());
        server
    });
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut file, mut number) = (OpenOptions::new().append(true).open(&path).unwrap(), 0);
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..10 {
                    writeln!(file, "{{\"message\":\"line\",\"number\":{number}}}").unwrap();
                    number += 1;
                }
                if number % 1500 == 0 {
                    let name = folder.path().join(format!("app.log.{}", number / 1500));
                    fs::rename(&path, name).unwrap();
                    file = File::create(&path).unwrap();
                }
                std::thread::sleep(Duration::from_millis(3));
            }
            number
        });
        for kill in 0..kills {
            let server = start(&folder, &config);
            // Some are killed before the first look, some in the middle of the second.
            std::thread::sleep(Duration::from_millis(200 + (kill as u64 * 137) % 500));
            server.kill();
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    let server = start(&folder, &config);
    eventually("every number is found", || written <= numbers(&server).len() as u64);
    // What comes twice may come later.
    std::thread::sleep(Duration::from_secs(2));
    let counts = numbers(&server);
    println!("{kills} kills, {written} lines, {} rotations", written / 1500);
    let wrong: Vec<_> = (0..written).filter(|number| counts.get(number) != Some(&1)).collect();
    assert!(
        wrong.is_empty(),
        "{} of {written} lines are not there once: {:?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
    assert!(written > 1500, "too little was written to prove anything: {written}");
}

#[test]
fn containers_files_are_found_in_their_folders_and_unwrapped() {
    let folder = folder();
    let containers = folder.path().join("containers");
    fs::create_dir_all(containers.join("4f66ad")).unwrap();
    let pattern = containers.join("*/*-json.log");
    let config = format!("logs: {{files: [{{path: '{}', index: docker}}]}}\n", pattern.display());
    let server = start(&folder, &config);
    eventually("the pattern is noted", || folder.path().join("data/log-files.json").exists());
    let line = |log: &str, stream: &str| {
        json!({ "log": log, "stream": stream, "time": "2025-06-15T00:30:00.123456789Z" }).to_string() + "\n"
    };
    let long = "长".repeat(5400);
    // Docker cuts lines of more than 16 KiB.
    let lines = [
        line("started\n", "stdout"),
        line(&format!("long {long}"), "stdout"),
        line("ERROR 支付失败\n", "stderr"),
        line("end\n", "stdout"),
        line("{\"level\":\"warn\",\"msg\":\"inner\",\"n\":1}\n", "stdout"),
    ];
    let file = containers.join("4f66ad/4f66ad-json.log");
    fs::write(&file, lines[..2].concat()).unwrap();
    soon(&server, "message:started", &["started"]);
    append(&file, &lines[2..].concat());
    eventually("all are found", || found(&server, "*").len() == 4);
    let by = |query: &str| -> Value {
        ask(&server, "search", &json!({ "query": query, "index": "docker" }))["hits"][0].clone()
    };
    let error = by("支付失败");
    assert_eq!((&error["level"], &error["source"]["stream"]), (&json!("ERROR"), &json!("stderr")), "{error}");
    assert_eq!(error["time"], "2025-06-15T00:30:00.123456789Z");
    assert_eq!(by("message:long*")["message"], format!("long {long}end"));
    let inner = by("n:1");
    assert_eq!(
        (&inner["level"], &inner["message"], &inner["source"]["stream"]),
        (&json!("WARNING"), &json!("inner"), &json!("stdout"))
    );
}
