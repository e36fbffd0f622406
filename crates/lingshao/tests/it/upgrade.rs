//! `lingshao upgrade --check`, and an upgrade under load: a new binary in the old one's place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tempfile::TempDir;

use crate::harness::{
    Server, WRITE_HEADERS, batch, encoded, eventually, folder, free_port, now_millis, request, run, text,
};
use crate::logs::{ship, start};
use lingshao_wire::{remote_write, snappy};

fn used(folder: &TempDir) -> PathBuf {
    let server = start(folder, "");
    ship(&server, "{\"message\":\"kept\"}\n");
    server.kill();
    folder.path().join("data")
}

fn check(data: &Path, config: Option<&Path>) -> Output {
    let (data, config) = (text(data), config.map(text));
    let mut arguments = vec!["upgrade", "--check", "--data", &data];
    config.iter().for_each(|config| arguments.extend(["--config", config]));
    run(&arguments)
}

#[track_caller]
fn says(output: &Output, code: i32, words: &[&str]) {
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    words.iter().for_each(|words| assert!(said.contains(words), "`{words}` is not in: {said}"));
}

/// Names, lengths and times of all files below a folder, but for the memory that SQLite's readers share.
fn state(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::metadata(&path).unwrap();
        if meta.is_dir() {
            all.extend(state(&path));
        }
        if !text(&path).ends_with("-shm") {
            all.insert(path, (meta.len(), meta.modified().unwrap()));
        }
    }
    all
}

fn sql(database: &Path, statements: &str) {
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2])";
    let done = Command::new("python3").args(["-c", script, &text(database), statements]).status().unwrap();
    assert!(done.success());
}

/// What `run` says of the same folder.
fn refused_by_run(folder: &TempDir, words: &[&str]) {
    let config = text(folder.path().join("quiet.yml"));
    let Err((status, said)) = Server::try_start(&folder.path().join("data"), &["--config", &config]) else {
        panic!("it starts")
    };
    assert_eq!(status.code(), Some(3), "{said}");
    words.iter().for_each(|words| assert!(said.contains(words), "`{words}` is not in: {said}"));
}

#[test]
fn this_versions_folder_is_taken_over_and_not_touched() {
    let folder = folder();
    let data = used(&folder);
    let before = state(&data);
    let config = folder.path().join("logs.yml");
    let output = check(&data, Some(&config));
    says(
        &output,
        0,
        &[
            "logs.yml`: accepted",
            "format 1, which this version reads",
            "schema 5; the version before",
            "of formats that this version reads",
            "this version can take over",
        ],
    );
    assert_eq!(state(&data), before, "looking changes nothing");
    says(&check(&folder.path().join("none"), None), 0, &["there is none yet"]);
    let server = start(&folder, "");
    says(&check(&data, Some(&config)), 0, &["this version can take over"]);
    drop(server);
}

#[test]
fn a_newer_folder_is_refused_by_the_check_and_by_run() {
    let folder = folder();
    let data = used(&folder);
    fs::write(data.join("FORMAT"), "lingshao data folder\nformat 2\n").unwrap();
    let words = ["has format 2, this release knows 1; use the newer release again"];
    says(&check(&data, None), 1, &[&words[..], &["this version cannot take over"]].concat());
    refused_by_run(&folder, &words);
}

#[test]
fn a_newer_state_is_refused_by_the_check_and_by_run() {
    let folder = folder();
    let data = used(&folder);
    sql(&data.join("state.db"), "PRAGMA user_version = 99");
    let words = ["has schema 99; this version knows 5", "install the version that wrote it"];
    says(&check(&data, None), 1, &words);
    refused_by_run(&folder, &words);
}

#[test]
fn an_older_state_is_brought_forward_and_the_check_says_that_there_is_no_way_back() {
    let folder = folder();
    let data = used(&folder);
    let older =
        "DROP TABLE shop_ledger; DROP TABLE shop_audit; DROP TABLE shop_meta; PRAGMA user_version = 4";
    sql(&data.join("state.db"), older);
    says(
        &check(&data, None),
        0,
        &["schema 4; the first start makes schema 5", "no way back but a backup", "lingshao backup"],
    );
    drop(start(&folder, ""));
    says(&check(&data, None), 0, &["schema 5; the version before can be installed again"]);
}

#[test]
fn a_newer_file_or_a_config_that_is_not_accepted_is_a_refusal() {
    let folder = folder();
    let data = used(&folder);
    let config = folder.path().join("future.yml");
    fs::write(&config, "global: {}\nhologram: {}\n").unwrap();
    says(&check(&data, Some(&config)), 1, &["is not accepted", "hologram", "cannot take over"]);
    // A sealed file's trailer says its format, under its own checksum.
    let sealed = data.join("metrics/blocks/9-9.block");
    fs::write(&sealed, newer_sealed()).unwrap();
    says(&check(&data, None), 1, &["9-9.block` has format 2, this release knows 1"]);
}

/// An empty sealed file of format 2 (docs/format/sealed.md).
fn newer_sealed() -> Vec<u8> {
    let mut file = b"LSHAOSEA\x02\0\0\0\0\0\0\0".to_vec();
    let mut trailer = [0; 32];
    trailer[0] = 16;
    trailer[16] = 2;
    trailer[24..].copy_from_slice(b"LSHAOSEA");
    let checked: Vec<u8> = [&trailer[..20], &trailer[24..]].concat();
    trailer[20..24].copy_from_slice(&crc32c(&checked).to_le_bytes());
    file.extend_from_slice(&trailer);
    file
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0x82F6_3B78 } else { 0 })
    })
}

/// A copy of the binary at a path of its own, which is replaced as `dpkg` does: a new file, renamed over the old one.
#[test]
fn an_upgrade_under_load_loses_nothing_that_was_acknowledged() {
    let folder = folder();
    let (binary, data) = (folder.path().join("lingshao"), folder.path().join("data"));
    let address = format!("127.0.0.1:{}", free_port());
    let install = || {
        fs::copy(env!("CARGO_BIN_EXE_lingshao"), folder.path().join("new")).unwrap();
        fs::rename(folder.path().join("new"), &binary).unwrap();
    };
    let begin = || {
        let mut command = Command::new(&binary);
        command.args([
            "run",
            "--listen",
            &address,
            "--data",
            &text(&data),
            "--config",
            &text(folder.path().join("quiet.yml")),
        ]);
        command.env("LINGSHAO_LOG", "error").stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let (base, acknowledged, stop) = (now_millis() - 600_000, Mutex::new(Vec::new()), AtomicBool::new(false));
    let is_up = || request(&address, "GET", "/-/ready", &[], b"").is_ok_and(|answer| answer.status == 200);
    install();
    let mut child = begin();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                let one = batch(&[(&[("__name__", "kept")], &[(base + number, number as f64)])]);
                let body = snappy::compress(&remote_write::encode_v1(&one));
                match request(&address, "POST", "/api/v1/write", WRITE_HEADERS, &body) {
                    Ok(answer) if answer.status == 204 => acknowledged.lock().unwrap().push(number),
                    // It is being replaced; a sender tries again later.
                    _ => std::thread::sleep(std::time::Duration::from_millis(5)),
                }
            }
        });
        let _stop = StopOnDrop(&stop);
        for _ in 0..3 {
            let before = acknowledged.lock().unwrap().len();
            eventually("writes are acknowledged", || before + 30 <= acknowledged.lock().unwrap().len());
            install();
            let checked =
                Command::new(&binary).args(["upgrade", "--check", "--data", &text(&data)]).output().unwrap();
            says(&checked, 0, &["this version can take over"]);
            let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
            assert!(told.success() && child.wait().unwrap().success(), "it ends cleanly");
            child = begin();
            eventually("it is up again", is_up);
        }
    });
    let numbers = acknowledged.into_inner().unwrap();
    let query = format!("/api/v1/query?query={}&time={}", encoded("kept[1h]"), base / 1000 + 600);
    let answer = request(&address, "GET", &query, &[], b"").unwrap().json();
    child.kill().unwrap();
    child.wait().unwrap();
    let values = answer["data"]["result"][0]["values"].as_array().unwrap().clone();
    let kept: Vec<i64> = values.iter().map(|value| value[1].as_str().unwrap().parse().unwrap()).collect();
    let lost: Vec<&i64> = numbers.iter().filter(|number| kept.binary_search(number).is_err()).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), numbers.len());
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
