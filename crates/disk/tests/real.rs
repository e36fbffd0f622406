//! Log, sealed files and folder on the machine's own disk.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::{
    Commit, DataDir, Disk, Owner, RealDisk, Recovery, SealedFile, SealedWriter, Wal, WalError, WalOptions,
};

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk::new())
}

type Record = (u64, u8, Vec<u8>);

fn open(dir: &Path, segment_bytes_max: u64) -> (Wal, Recovery, Vec<Record>) {
    let mut records = Vec::new();
    let (wal, recovery) = Wal::open(disk(), dir, WalOptions { segment_bytes_max }, &mut |record| {
        records.push((record.segment, record.kind, record.payload.to_vec()));
    })
    .unwrap();
    (wal, recovery, records)
}

fn owner(pid: u32) -> Owner {
    Owner { pid, host: "shop-1".to_owned(), started_at: "2026-11-22 10:00".to_owned() }
}

#[test]
fn what_is_appended_comes_back_with_its_segment_and_kind() {
    let dir = tempfile::tempdir().unwrap();
    let dir = &dir.path().join("metrics/wal");
    let (mut wal, recovery, _) = open(dir, 1000);
    assert_eq!(recovery, Recovery::default());
    assert_eq!(wal.append(1, b"one").unwrap(), Commit(1));
    assert_eq!(wal.append(2, &[7; 880]).unwrap(), Commit(2));
    assert_eq!(wal.append(3, &[8; 900]).unwrap(), Commit(3));
    assert_eq!(wal.cut().unwrap(), 3);
    assert_eq!(wal.cut().unwrap(), 3, "an empty segment is not cut");
    assert_eq!(wal.append(4, b"").unwrap(), Commit(4));
    assert_eq!(wal.handle().durable(), Commit(0));
    assert_eq!(wal.handle().sync().unwrap(), Commit(4));
    drop(wal);
    let (mut wal, recovery, records) = open(dir, 1000);
    let expected = [(1, 1, b"one".to_vec()), (1, 2, vec![7; 880]), (2, 3, vec![8; 900]), (3, 4, Vec::new())];
    assert_eq!(records, expected);
    assert_eq!((recovery.records, recovery.segments), (4, 3));
    assert_eq!((recovery.cut, recovery.losses), (vec![], vec![]));
    assert_eq!(wal.append(5, b"five").unwrap(), Commit(1), "commits count from each opening");
    assert_eq!(wal.drop_before(3).unwrap(), 2);
    wal.close().unwrap();
    let (wal, _, records) = open(dir, 1000);
    assert_eq!(records, [(3, 4, Vec::new()), (4, 5, b"five".to_vec())]);
    assert_eq!(wal.bytes(), 48 + 32 + 48 + 36 + 32 + 48);
}

#[test]
fn a_record_may_be_as_large_as_promised_and_not_larger() {
    let dir = tempfile::tempdir().unwrap();
    let (mut wal, ..) = open(dir.path(), 1000);
    let large = vec![3; lingshao_disk::PAYLOAD_BYTES_MAX];
    wal.append(1, &large).unwrap();
    let too_large = vec![3; lingshao_disk::PAYLOAD_BYTES_MAX + 1];
    assert!(matches!(wal.append(1, &too_large), Err(WalError::TooLarge { bytes: 67_108_865, .. })));
    wal.append(2, b"small").unwrap();
    drop(wal);
    let (_, _, records) = open(dir.path(), 1000);
    assert_eq!(
        records.iter().map(|(_, kind, payload)| (*kind, payload.len())).collect::<Vec<_>>(),
        [(1, 67_108_864), (2, 5)]
    );
}

#[test]
fn threads_share_syncs_while_appends_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut wal, ..) = open(dir.path(), 10_000);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let sync = wal.handle();
            scope.spawn(move || {
                while sync.durable() < Commit(500) {
                    let before = sync.appended();
                    assert!(before <= sync.sync().unwrap());
                }
            });
        }
        for n in 1..=500_u64 {
            assert_eq!(wal.append(1, &n.to_le_bytes()).unwrap(), Commit(n));
        }
    });
    drop(wal);
    let (_, _, records) = open(dir.path(), 10_000);
    let numbers: Vec<u64> =
        records.iter().map(|(_, _, payload)| u64::from_le_bytes(payload[..].try_into().unwrap())).collect();
    assert_eq!(numbers, (1..=500).collect::<Vec<_>>());
}

#[test]
fn files_and_folders_are_for_the_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let _data = DataDir::open(disk(), &data, &owner(1)).unwrap();
    let (mut wal, ..) = open(&data.join("metrics/wal"), 1000);
    wal.append(1, b"x").unwrap();
    let mode = |path: &str| std::fs::metadata(data.join(path)).unwrap().permissions().mode() & 0o7777;
    let names = ["", "metrics", "metrics/wal", "LOCK", "FORMAT", "metrics/wal/0000000001.wal"];
    assert_eq!(names.map(mode), [0o700, 0o700, 0o700, 0o600, 0o600, 0o600]);
}

#[test]
fn the_second_process_learns_who_was_first() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let first = DataDir::open(disk(), &data, &owner(123)).unwrap();
    let error = DataDir::open(disk(), &data, &owner(124)).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "data folder `{}` is held by process 123 on host shop-1 since 2026-11-22 10:00; \
             stop that process or use another folder",
            data.display()
        )
    );
    drop(first);
    DataDir::open(disk(), &data, &owner(124)).unwrap();
    assert_eq!(
        std::fs::read_to_string(data.join("LOCK")).unwrap(),
        "process 124 on host shop-1 since 2026-11-22 10:00\n"
    );
}

#[test]
fn a_folder_that_cannot_be_used_says_why_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let refusal = |name: &str| {
        let error = DataDir::open(disk(), &dir.path().join(name), &owner(1)).unwrap_err().to_string();
        error.replace(&dir.path().display().to_string(), "TMP")
    };
    let put = |name: &str, text: &str| {
        std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        std::fs::write(dir.path().join(name), text).unwrap();
    };
    put("newer/FORMAT", "lingshao data folder\nformat 2\nand more\n");
    assert_eq!(
        refusal("newer"),
        "data folder `TMP/newer` has format 2, this release knows 1; use the newer release again"
    );
    put("other/FORMAT", "something else");
    assert_eq!(
        refusal("other"),
        "`TMP/other/FORMAT` is not what Lingshao wrote; restore it from a backup, or use another folder"
    );
    put("photos/cat.jpg", "");
    assert_eq!(
        refusal("photos"),
        "folder `TMP/photos` holds `cat.jpg` and no Lingshao data; use an empty or a new folder"
    );
    put("file", "");
    assert_eq!(refusal("file"), "`TMP/file` is not a folder; use another name");
    assert_eq!(refusal("file/below"), "`TMP/file/below` is not a folder; use another name");
}

#[test]
fn a_damaged_file_is_moved_aside_under_a_free_name() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(disk(), dir.path(), &owner(1)).unwrap();
    for (content, name) in [("first", "1.block"), ("second", "1.block.2"), ("third", "1.block.3")] {
        let path = dir.path().join("1.block");
        std::fs::write(&path, content).unwrap();
        let aside = data.quarantine(&path).unwrap();
        assert_eq!(aside, dir.path().join("quarantine").join(name));
        assert_eq!(std::fs::read_to_string(aside).unwrap(), content);
        assert!(!path.exists());
    }
}

#[test]
fn sections_of_a_sealed_file_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("1.block");
    let mut writer = SealedWriter::create(disk(), &path).unwrap();
    let contents: Vec<Vec<u8>> = [0, 1, 5000, 300_000, 1_000_000, 3].map(|n| vec![n as u8; n]).into();
    let sections: Vec<_> = contents.iter().map(|content| writer.section(content).unwrap()).collect();
    assert!(!path.exists(), "nothing is published before it is whole");
    let bytes = writer.finish(b"where things are").unwrap();
    assert_eq!(bytes, std::fs::metadata(&path).unwrap().len());
    let file = SealedFile::open(disk(), &path).unwrap();
    assert_eq!(file.footer(), b"where things are");
    let mut out = vec![1, 2, 3];
    for (section, content) in sections.iter().zip(&contents) {
        file.read(*section, &mut out).unwrap();
        assert!(out == *content, "section at {}", section.offset);
    }
    drop(SealedWriter::create(disk(), &dir.path().join("2.block")).unwrap());
    let names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["1.block"], "an unfinished file goes with its writer");
}
