//! A disk that gives back other bytes than it was given: what is lost is said at start, counted, and nothing else goes.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Server, batch, folder, now_millis};

/// Header of a record of the log (`docs/format/wal.md`).
const RECORD_HEADER_BYTES: usize = 32;

fn storage(folder: &TempDir) -> PathBuf {
    folder.path().join("data/metrics")
}

/// Turns over one byte of the first log segment; the place is found from its length.
fn flip(folder: &TempDir, place: impl Fn(usize) -> usize) {
    let path = storage(folder).join("wal/0000000001.wal");
    let mut bytes = fs::read(&path).unwrap();
    let at = place(bytes.len());
    bytes[at] ^= 0xff;
    fs::write(&path, bytes).unwrap();
}

/// Lines of the log at a level.
fn said(server: &Server, level: &str) -> Vec<String> {
    server.log().lines().filter(|line| line.contains(&format!(" {level} "))).map(str::to_owned).collect()
}

#[test]
fn what_the_disk_lost_is_said_at_start_and_stays_on_the_page() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    for index in 0..20 {
        let sent = batch(&[(&[("__name__", "later"), ("n", &index.to_string())], &[(t, 1.0)])]);
        assert_eq!(server.write(&sent).status, 204);
    }
    server.kill();
    flip(&folder, |length| length / 2);
    fs::write(storage(&folder).join("blocks/broken.block"), "no block").unwrap();

    let server = Server::start(&folder);
    let errors = said(&server, "ERROR");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("a damaged block was set aside") && errors[0].contains("broken.block"));
    for part in ["records of the log are lost", "segment=1", "records=1", "quarantine/0000000001.wal"] {
        assert!(errors[1].contains(part), "`{part}` is not in: {}", errors[1]);
    }
    assert_eq!(server.figure("lingshao_storage_losses"), 1.0);
    assert_eq!(server.figure("lingshao_storage_lost_records"), 1.0);
    assert_eq!(server.figure("lingshao_storage_quarantined_blocks"), 1.0);
    assert_eq!(server.data("/api/v1/status/runtimeinfo")["corruptionCount"], 2);
    let rest = server.data(&format!("/api/v1/query?query=count(later)&time={}", t / 1000));
    assert_ne!(rest["result"], json!([]), "what is behind the damage is there");
}

/// Without the mark at its end, a log whose last record is damaged looks like one that a crash cut short.
#[test]
fn after_a_graceful_end_nothing_is_cut_and_damage_does_not_pass_for_a_crash() {
    let folder = folder();
    let server = Server::start(&folder);
    let t = now_millis();
    assert_eq!(server.write(&batch(&[(&[("__name__", "kept")], &[(t, 4.0)])])).status, 204);
    let stop = |server: Server| {
        server.signal("-TERM");
        let (status, log) = server.wait();
        assert!(status.success() && !log.contains("WARN"), "{log}");
    };
    stop(server);
    let server = Server::start(&folder);
    assert!(!server.log().contains("cut off"), "{}", server.log());
    assert_eq!(server.figure("lingshao_storage_losses"), 0.0);
    let data = server.data(&format!("/api/v1/query?query=kept&time={}", t / 1000));
    assert_eq!(data["result"][0]["value"][1], "4");
    stop(server);

    flip(&folder, |length| length - RECORD_HEADER_BYTES - 1);
    let server = Server::start(&folder);
    assert_eq!(server.figure("lingshao_storage_lost_records"), 1.0, "{}", server.log());
}
