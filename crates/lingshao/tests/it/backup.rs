//! `lingshao backup` and `lingshao restore`: what was acknowledged before a backup is in it, whatever the server does
//! meanwhile; and nothing that is wrong with a backup goes unnoticed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use lingshao_disk::{Disk, RealDisk};
use lingshao_logs::Store;
use lingshao_model::log::{LogBatch, LogTime};
use lingshao_model::{TimeDelta, Timestamp};
use lingshao_tsdb::Db;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Lock, Server, batch, command, encoded, folder, now_millis, run, text};
use crate::logs::{found, ship, start};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

#[track_caller]
fn fails(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    words.iter().for_each(|words| assert!(said.contains(words), "`{words}` is not in: {said}"));
}

fn backup(data: &Path, target: &Path, more: &[&str]) -> Output {
    let (data, target) = (text(data), text(target));
    run(&[&["backup", "--data", &data, "--to", &target], more].concat())
}

fn restore(backup: &Path, data: &Path) -> Output {
    run(&["restore", &text(backup), "--data", &text(data)])
}

/// The backups of a folder, oldest first, and nothing else in it.
#[track_caller]
fn backups(target: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(target).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let is_ours = |path: &PathBuf| text(path).contains("/lingshao-") && text(path).ends_with("Z.tar.zst");
    assert!(paths.iter().all(is_ours), "{paths:?}");
    paths
}

fn target(folder: &TempDir) -> PathBuf {
    let target = folder.path().join("backups");
    fs::create_dir_all(&target).unwrap();
    target
}

fn write(server: &Server, number: i64, base: i64) {
    let labels = [("__name__", "kept"), ("job", "test")];
    assert_eq!(server.write(&batch(&[(&labels, &[(base + number, number as f64)])])).status, 204);
}

/// How many of the numbers from 1 on are there, without a gap.
fn written(server: &Server, base: i64) -> i64 {
    let time = base / 1000 + 60;
    let data = server.data(&format!("/api/v1/query?query={}&time={time}", encoded("kept[1h]")));
    let Some(values) = data["result"][0]["values"].as_array() else { return 0 };
    let is_next = |(place, value): &(i64, &serde_json::Value)| {
        value[1].as_str().and_then(|value| value.parse().ok()) == Some(*place)
    };
    (1..).zip(values).take_while(is_next).count() as i64
}

fn silence(server: &Server) -> String {
    let at =
        |seconds: i64| jiff::Timestamp::from_millisecond(now_millis() + seconds * 1000).unwrap().to_string();
    let silence = json!({ "matchers": [{"name": "alertname", "value": "Night", "isRegex": false, "isEqual": true}],
        "startsAt": at(0), "endsAt": at(86_400), "createdBy": "ming", "comment": "sleep" });
    let headers = [("Content-Type", "application/json")];
    let answer = server.request("POST", "/api/v2/silences", &headers, silence.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["silenceID"].as_str().unwrap().to_owned()
}

/// Lets the other thread end, also when this one fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn what_was_acknowledged_before_a_backup_is_there_after_a_kill_and_a_restore() {
    let folder = folder();
    let (data, target) = (folder.path().join("data"), target(&folder));
    let server = start(&folder, "");
    let base = now_millis() - 600_000;
    let silence = silence(&server);
    ship(&server, "{\"message\":\"支付失败\",\"level\":\"ERROR\"}\n");
    let (acknowledged, stop) = (AtomicI64::new(0), AtomicBool::new(false));
    let (before, output) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                write(&server, number, base);
                if number % 20 == 0 {
                    ship(&server, &format!("{{\"message\":\"line {number}\"}}\n"));
                }
                acknowledged.store(number, Ordering::Release);
            }
        });
        let _stop = Stop(&stop);
        crate::harness::eventually("some writes", || acknowledged.load(Ordering::Acquire) >= 60);
        let before = acknowledged.load(Ordering::Acquire);
        let output = backup(&data, &target, &[]);
        (before, output)
    });
    let line = succeeds(&output);
    server.kill();
    let made = backups(&target).remove(0);
    assert!(line.starts_with(&text(&made)) && line.contains(", verified\n"), "{line}");
    assert!(line.contains("is on the same disk as the data"), "{line}");
    assert_eq!(
        fs::metadata(&made).unwrap().permissions().mode() & 0o777,
        0o600,
        "logs are nobody's business"
    );
    assert!(succeeds(&run(&["backup", "--verify", &text(&made)])).contains(" is right: "));
    // Anybody's tools read it as well.
    let listed = std::process::Command::new("tar").args(["--zstd", "-tf", &text(&made)]).output().unwrap();
    assert!(succeeds(&listed).contains("metrics/wal/0000000001.wal\n"));

    fs::remove_dir_all(&data).unwrap();
    let said = succeeds(&restore(&made, &data));
    assert!(
        said.contains(&format!("restored {} files", listed.stdout.split(|byte| *byte == b'\n').count() - 3)),
        "{said}"
    );
    let server = start(&folder, "");
    assert!(
        before <= written(&server, base),
        "{before} were acknowledged, {} are there",
        written(&server, base)
    );
    assert_eq!(found(&server, "level:ERROR"), ["支付失败"]);
    let lines = found(&server, "message:line");
    assert!(before / 20 <= lines.len() as i64, "{before}: {lines:?}");
    let kept = server.get(&format!("/api/v2/silence/{silence}"));
    assert_eq!(kept.json()["comment"], "sleep", "{}", kept.body);
    // And it works on.
    write(&server, 1, base + 500_000);
}

/// A folder with some data that nobody uses.
fn used(folder: &TempDir) -> PathBuf {
    let server = start(folder, "");
    write(&server, 1, now_millis() - 10_000);
    let lines: String =
        (0..2_000).map(|n| format!("{{\"message\":\"order {}\"}}\n", n * 7_919 % 104_729)).collect();
    ship(&server, &lines);
    server.kill();
    folder.path().join("data")
}

#[test]
fn a_stopped_server_is_backed_up_too_and_old_backups_go() {
    let folder = folder();
    let (data, target) = (used(&folder), target(&folder));
    for name in ["lingshao-2020-01-01T000000Z.tar.zst", "lingshao-2020-01-02T000000Z.tar.zst"] {
        fs::write(target.join(name), "old").unwrap();
    }
    let said = succeeds(&backup(&data, &target, &["--keep", "2"]));
    let left = backups(&target);
    assert_eq!(left.len(), 2);
    assert!(text(&left[0]).ends_with("lingshao-2020-01-02T000000Z.tar.zst"), "{left:?}");
    assert!(said.contains("deleted ") && said.contains("lingshao-2020-01-01T000000Z.tar.zst"), "{said}");
    succeeds(&restore(&left[1], &folder.path().join("new")));
    let config = text(folder.path().join("quiet.yml"));
    let server = Server::try_start(&folder.path().join("new"), &["--config", &config]).unwrap();
    assert_eq!(found(&server, "message:\"order 7919\""), ["order 7919"]);
}

#[test]
fn a_changed_byte_and_a_missing_end_are_named() {
    let folder = folder();
    let (data, target) = (used(&folder), target(&folder));
    succeeds(&backup(&data, &target, &[]));
    let made = backups(&target).remove(0);
    let whole = fs::read(&made).unwrap();
    let changed = folder.path().join("changed.tar.zst");
    let verify = || run(&["backup", "--verify", &text(&changed)]);

    let mut bytes = whole.clone();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&changed, bytes).unwrap();
    fails(&verify(), 1, &["is damaged within `", "use another one"]);
    let new = folder.path().join("new");
    fails(&restore(&changed, &new), 1, &["is damaged within `"]);
    assert!(!new.exists(), "nothing was written");

    fs::write(&changed, &whole[..whole.len() - 100]).unwrap();
    fails(&verify(), 1, &["is cut off in the file behind `state.db`", "copy it again"]);
    fs::write(&changed, "hello").unwrap();
    fails(&verify(), 1, &["is no backup of Lingshao"]);
    fails(&run(&["backup", "--verify", "/nowhere"]), 3, &["cannot read `/nowhere`"]);
}

/// A folder that nobody uses, with files of all kinds.
fn sealed(folder: &TempDir) -> PathBuf {
    let data = used(folder);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let later = Timestamp(now_millis()) + TimeDelta::from_secs(3 * 3600);
    let (db, _) =
        Db::open(disk.clone(), &data.join("metrics"), lingshao_tsdb::Options::default(), later).unwrap();
    db.maintain(later).unwrap();
    db.append(&batch(&[(&[("__name__", "later")], &[(later.0, 1.0)])]), later).unwrap();
    db.close().unwrap();
    let at = LogTime::from(later);
    let (store, _) = Store::open(disk, &data.join("logs"), lingshao_logs::Options::default(), at).unwrap();
    store.maintain(at).unwrap();
    let mut records = LogBatch::default();
    records.begin("shop").time(at);
    store.append(&records, at).unwrap();
    store.close().unwrap();
    data
}

/// The files below a folder with this ending, the longest first.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.append(&mut files(&path, ending));
        } else if text(&path).ends_with(ending) {
            found.push(path);
        }
    }
    found.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().len()));
    found
}

/// What is rotten in the data folder is rotten in its backup, whose own checksums are right.
#[test]
fn a_file_that_was_rotten_before_its_backup_is_named_with_the_place_and_not_restored() {
    let folder = folder();
    let (data, target) = (sealed(&folder), target(&folder));
    let new = folder.path().join("new");
    let name = |path: &Path| text(path.strip_prefix(&data).unwrap());
    let made = |target: &Path| {
        let made = backups(target).remove(0);
        fs::rename(&made, folder.path().join("made.tar.zst")).unwrap();
        folder.path().join("made.tar.zst")
    };
    let said = succeeds(&backup(&data, &target, &[]));
    assert!(!said.contains("damaged"), "{said}");
    succeeds(&run(&["backup", "--verify", &text(made(&target))]));

    let kinds = [
        ("metrics", ".block", true),
        ("metrics", ".wal", false),
        ("logs", ".part", true),
        ("logs", ".wal", false),
        ("logs", "indices", true),
    ];
    for (storage, ending, is_whole_file) in kinds {
        let path = files(&data.join(storage), ending).first().expect(ending).clone();
        let whole = fs::read(&path).unwrap();
        // Header, first section or record, middle, footer or last record, trailer or mark.
        let length = whole.len();
        let everywhere = [8, 20, 60, length / 4, length / 2, length - 40, length - 24, length - 1];
        for at in everywhere.into_iter().filter(|at| *at < length) {
            // Of a sealed file's header nobody reads anything.
            let is_left_out = is_whole_file && 16 <= at;
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&path, &bytes).unwrap();
            let place = format!("`{}` is damaged at byte ", name(&path));
            let said = succeeds(&backup(&data, &target, &[]));
            let made = made(&target);
            // Damage is told where what does not check begins: never behind the byte that was turned.
            let told = |said: &str| {
                let (_, rest) = said.split_once(&place).unwrap_or_else(|| panic!("{at} of {place}: {said}"));
                let offset: String = rest.chars().take_while(char::is_ascii_digit).collect();
                assert!(offset.parse::<usize>().unwrap() <= at, "{at}: {said}");
            };
            told(&said);
            let verified = run(&["backup", "--verify", &text(&made)]);
            fails(&verified, 1, &["holds files that were damaged before it was made", "--without-damaged"]);
            told(&self::said(&verified));
            // What is told is the same for each; restoring takes time, and tells two kinds apart.
            if at == 8 || at == length / 2 {
                fails(&restore(&made, &new), 1, &[&place]);
                assert!(!new.exists(), "nothing was written");
                let restored = run(&["restore", &text(&made), "--data", &text(&new), "--without-damaged"]);
                told(&succeeds(&restored));
                assert_eq!(new.join(name(&path)).exists(), !is_left_out, "{at} of {}", name(&path));
                assert!(new.join("FORMAT").exists());
                fs::remove_dir_all(&new).unwrap();
            }
            fs::remove_file(&made).unwrap();
        }
        fs::write(&path, whole).unwrap();
    }
}

/// SQLite keeps no checksums. What it can find is told; an index is made anew by the copy; a byte within a text passes, unless
/// an audit trail goes over it.
#[test]
fn a_state_db_with_a_rotten_header_or_table_is_named() {
    let folder = folder();
    let (data, target) = (used(&folder), target(&folder));
    let state = data.join("state.db");
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                  c.execute('PRAGMA wal_checkpoint(TRUNCATE)'); \
                  print(*[(page - 1) * 4096 for (page,) in c.execute( \
                      \"SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND 1 < rootpage\")])";
    let roots = std::process::Command::new("python3").args(["-c", script, &text(&state)]).output().unwrap();
    let roots = succeeds(&roots);
    let roots = roots.split_whitespace().map(|offset| offset.parse().unwrap());
    let whole = fs::read(&state).unwrap();
    // The header's magic, page size, schema's number and owner; the table of tables; each table.
    let everywhere: Vec<usize> = [3, 17, 60, 68, 100, 103].into_iter().chain(roots).collect();
    assert!(10 < everywhere.len(), "{everywhere:?}");
    for at in everywhere {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&state, bytes).unwrap();
        let output = backup(&data, &target, &[]);
        assert!(!output.status.success() && said(&output).contains("state.db` "), "{at}: {}", said(&output));
        assert_eq!(backups(&target), [] as [PathBuf; 0], "{at}");
    }
    // What is rotten for ever keeps nobody from a backup of all else.
    let output = backup(&data, &target, &["--without-state"]);
    assert!(
        said(&output).contains("state.db` is left out: silences, boards, sessions, and the ledger"),
        "{}",
        said(&output)
    );
    succeeds(&output);
    let made = backups(&target).remove(0);
    succeeds(&run(&["backup", "--verify", &text(&made)]));
    let new = folder.path().join("new");
    succeeds(&run(&["restore", &text(&made), "--data", &text(&new)]));
    assert!(new.join("metrics").exists() && !new.join("state.db").exists());
}

/// A shop's state.db whose trail somebody has changed; the copy keeps the change, and says so.
#[test]
fn a_forged_audit_trail_is_no_good_backup() {
    let folder = folder();
    let (data, target) = (used(&folder), target(&folder));
    let script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                  c.execute(\"INSERT INTO shop_audit (shop, at, kind, row, hash) VALUES ('lx', 1, 'refund', '{}', 'ab')\"); \
                  c.commit()";
    let forged =
        std::process::Command::new("python3").args(["-c", script, &text(data.join("state.db"))]).status();
    assert!(forged.unwrap().success());
    fails(
        &backup(&data, &target, &[]),
        1,
        &[
            "state.db` cannot be backed up",
            "the audit trail of shop `lx` is broken at entry 1",
            "--without-state",
        ],
    );
    assert_eq!(backups(&target), [] as [PathBuf; 0], "it has no name, and nothing is left of it");
}

#[test]
fn a_folder_that_holds_something_is_not_restored_into() {
    let folder = folder();
    let (data, target) = (used(&folder), target(&folder));
    succeeds(&backup(&data, &target, &[]));
    let made = backups(&target).remove(0);
    fails(&restore(&made, &data), 1, &["is a data folder in use", "nothing was changed", "mv "]);
    fails(&restore(&made, folder.path()), 1, &["is not empty: it holds `", "nothing was changed"]);
    let server = start(&folder, "");
    fails(&restore(&made, &data), 3, &["is held by process ", "stop that process"]);
    server.kill();
}

/// `FORMAT` is written last: a restore that was killed before leaves nothing that passes for data.
#[test]
fn a_half_restored_folder_is_nobodys_data() {
    let folder = folder();
    let (data, target) = (used(&folder), target(&folder));
    succeeds(&backup(&data, &target, &[]));
    let new = folder.path().join("new");
    succeeds(&restore(&backups(&target)[0], &new));
    fs::remove_file(new.join("FORMAT")).unwrap();
    let config = text(folder.path().join("quiet.yml"));
    let Err((status, said)) = Server::try_start(&new, &["--config", &config]) else { panic!("it starts") };
    assert_eq!(status.code(), Some(3));
    assert!(said.contains("and no Lingshao data"), "{said}");
    fails(&restore(&backups(&target)[0], &new), 1, &["is not empty: it holds `"]);
    fails(&backup(&new, &target, &[]), 1, &["there is no file `FORMAT` in it"]);
}

#[test]
fn what_cannot_be_backed_up_is_said() {
    let folder = folder();
    let target = target(&folder);
    let data = folder.path().join("data");
    fails(&backup(folder.path(), &target, &[]), 1, &["is no data folder of Lingshao", "--data"]);
    used(&folder);
    fails(&backup(&data, &folder.path().join("none"), &[]), 3, &["cannot use the folder", "mkdir"]);
    fails(&backup(&data, &data.join("logs"), &[]), 1, &["lies in the data folder", "elsewhere"]);
    fails(&run(&["backup"]), 2, &["--to"]);
    fs::write(data.join("FORMAT"), "lingshao data folder\nformat 7\n").unwrap();
    fails(&backup(&data, &target, &[]), 1, &["has format 7, this release knows 1"]);
}

/// Whoever holds the write lock of state.db keeps nobody from copying it.
#[test]
fn a_busy_state_is_copied_all_the_same() {
    let folder = folder();
    let (data, target) = (used(&folder), target(&folder));
    let _lock = Lock::take(&data.join("state.db"));
    succeeds(&backup(&data, &target, &[]));
}

/// The config says where the data lie, also a state.db elsewhere; in the backup it lies with the rest.
#[test]
fn the_config_says_where_the_data_are() {
    let folder = folder();
    let (data, state) = (folder.path().join("kept"), folder.path().join("elsewhere.db"));
    let config = folder.path().join("placed.yml");
    fs::write(&config, format!("data: {}\nstate: {{url: 'sqlite://{}'}}\n", text(&data), text(&state)))
        .unwrap();
    let server = Server::try_start(&data, &["--config", &text(&config)]).unwrap();
    let silence = silence(&server);
    let target = target(&folder);
    let output = command()
        .env("LINGSHAO_CONFIG", text(&config))
        .args(["backup", "--to", &text(&target)])
        .output()
        .unwrap();
    succeeds(&output);
    server.kill();
    let new = folder.path().join("new");
    succeeds(&restore(&backups(&target)[0], &new));
    let server = Server::try_start(&new, &["--config", &text(folder.path().join("quiet.yml"))]).unwrap();
    assert_eq!(server.get(&format!("/api/v2/silence/{silence}")).status, 200);
}
