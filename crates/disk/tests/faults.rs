//! A disk that fails or is full while the log is in use, and what the simulated disk promises about itself.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{ErrorKind, IoSlice};
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::sim::Crash;
use lingshao_disk::{
    Commit, DataDir, Disk, Owner, SealedError, SealedWriter, SimDisk, Wal, WalError, WalOptions,
};

const WAL: &str = "/data/wal";

fn open(disk: &SimDisk) -> (Wal, Vec<u8>) {
    let mut ids = Vec::new();
    let options = WalOptions { segment_bytes_max: 1000 };
    let (wal, _) =
        Wal::open(Arc::new(disk.clone()), Path::new(WAL), options, &mut |record| ids.push(record.kind))
            .unwrap();
    (wal, ids)
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let disk = SimDisk::new();
    let (mut wal, _) = open(&disk);
    let sync = wal.handle();
    wal.append(1, &[1; 50]).unwrap();
    assert_eq!(sync.sync().unwrap(), Commit(1));
    wal.append(2, &[2; 50]).unwrap();
    disk.fail_sync_at(disk.syncs() + 1);
    let cause = "the log takes nothing any more after a failure: \
                 cannot sync a segment in `/data/wal`: Input/output error (os error 5)";
    assert_eq!(sync.sync().unwrap_err().to_string(), cause);
    // The disk syncs again now, and says yes to what it has lost.
    let syncs = disk.syncs();
    assert_eq!(sync.sync().unwrap_err().to_string(), cause);
    assert_eq!(wal.append(3, &[3; 50]).unwrap_err().to_string(), cause);
    assert!(matches!(wal.cut(), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.drop_before(9), Err(WalError::Poisoned { .. })));
    assert!(matches!(wal.close(), Err(WalError::Poisoned { .. })));
    assert_eq!((sync.durable(), disk.syncs()), (Commit(1), syncs), "never tried again");
    assert_eq!(open(&disk.crash_state(Crash::KeepAll)).1, [1], "what the kernel dropped is gone");
    // The next process finds record 2 in memory and shows it: then it must be on the disk, too.
    let next = disk.after_kill();
    assert_eq!(open(&next).1, [1, 2]);
    assert_eq!(open(&next.crash_state(Crash::LoseAll)).1, [1, 2]);
}

#[test]
fn a_full_disk_is_temporary() {
    let disk = SimDisk::new();
    let (mut wal, _) = open(&disk);
    wal.append(1, &[1; 50]).unwrap();
    let bytes = wal.bytes();
    for room in [0, 1, 31, 32, 33, 81] {
        disk.set_free_bytes(Some(room));
        let error = wal.append(2, &[2; 50]).unwrap_err();
        assert_eq!(error.to_string(), "no room on the disk for the log `/data/wal/0000000001.wal`");
        assert_eq!(wal.bytes(), bytes);
        assert_eq!(disk.content(Path::new("/data/wal/0000000001.wal")).unwrap().len() as u64, bytes);
        assert_eq!(wal.handle().sync().unwrap(), Commit(1), "what is there can be acknowledged");
    }
    disk.set_free_bytes(Some(82));
    assert_eq!(wal.append(2, &[2; 50]).unwrap(), Commit(2));
    for room in [0, 40, 100] {
        disk.set_free_bytes(Some(room));
        assert!(matches!(wal.append(3, &[3; 900]), Err(WalError::Full { .. })), "a new segment, {room}");
    }
    disk.set_free_bytes(None);
    assert_eq!(wal.append(3, &[3; 900]).unwrap(), Commit(3));
    wal.handle().sync().unwrap();
    assert_eq!(open(&disk.crash_state(Crash::LoseAll)).1, [1, 2, 3]);
}

#[test]
fn a_log_opens_on_a_full_disk_and_takes_records_when_there_is_room() {
    let disk = SimDisk::new();
    let (mut wal, _) = open(&disk);
    wal.append(1, &[1; 900]).unwrap();
    wal.append(1, &[1; 900]).unwrap();
    drop(wal);
    let disk = disk.after_kill();
    disk.set_free_bytes(Some(0));
    let (mut wal, ids) = open(&disk);
    assert_eq!(ids, [1, 1]);
    assert_eq!(open(&disk.crash_state(Crash::LoseAll)).1, [1, 1], "what was shown is durable");
    assert!(matches!(wal.append(2, b"x"), Err(WalError::Full { .. })));
    assert!(matches!(wal.cut(), Err(WalError::Full { .. })));
    assert_eq!(wal.drop_before(u64::MAX).unwrap(), 1, "the last segment stays");
    assert_eq!(wal.handle().sync().unwrap(), Commit(0));
    disk.set_free_bytes(None);
    assert_eq!(wal.append(2, b"x").unwrap(), Commit(1));
    wal.handle().sync().unwrap();
    assert_eq!(open(&disk.crash_state(Crash::LoseAll)).1, [1, 2]);
}

#[test]
fn a_log_that_cannot_be_cut_back_takes_nothing_any_more() {
    let disk = SimDisk::new();
    let (mut wal, _) = open(&disk);
    disk.set_free_bytes(Some(10));
    disk.fail_truncate(true);
    let error = wal.append(1, &[1; 50]).unwrap_err().to_string();
    assert!(error.contains("cannot cut back segment `/data/wal/0000000001.wal`"), "{error}");
    disk.fail_truncate(false);
    disk.set_free_bytes(None);
    assert!(matches!(wal.append(1, &[1; 50]), Err(WalError::Poisoned { .. })));
}

#[test]
fn one_append_is_one_write_and_one_sync_covers_all_before_it() {
    let disk = SimDisk::new();
    let (mut wal, _) = open(&disk);
    let operations = disk.operations();
    for id in 1..=9 {
        wal.append(id, &[id; 40]).unwrap();
    }
    assert_eq!(disk.operations() - operations, 9);
    let syncs = disk.syncs();
    assert_eq!(wal.handle().sync().unwrap(), Commit(9));
    assert_eq!(wal.handle().sync().unwrap(), Commit(9));
    assert_eq!(disk.syncs() - syncs, 1, "nothing new: no second sync");
}

#[test]
fn a_sealed_file_without_room_is_not_published_and_leaves_nothing() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.set_free_bytes(Some(100));
    let mut writer = SealedWriter::create(Arc::new(disk.clone()), Path::new("/data/1.block")).unwrap();
    writer.section(&[1; 200]).unwrap();
    let error = writer.finish(b"").unwrap_err();
    assert!(matches!(error, SealedError::Full { .. }), "{error}");
    assert_eq!((disk.paths(), disk.free_bytes(Path::new("/data")).unwrap()), (vec![], 100));
}

#[test]
fn a_folder_is_made_whole_or_made_again() {
    let owner = Owner { pid: 1, host: "a".to_owned(), started_at: "b".to_owned() };
    let open = |disk: &SimDisk| DataDir::open(Arc::new(disk.clone()), Path::new("/data"), &owner);
    for at in 1.. {
        let disk = SimDisk::new();
        disk.crash_at(at);
        let outcome = open(&disk);
        for crash in [Crash::LoseAll, Crash::KeepAll, Crash::LengthOnly, Crash::Random { seed: at }] {
            drop(open(&disk.crash_state(crash)).unwrap_or_else(|error| panic!("{error}: {crash:?} at {at}")));
        }
        if !disk.has_crashed() {
            outcome.unwrap();
            let format = disk.crash_state(Crash::LoseAll).content(Path::new("/data/FORMAT"));
            assert_eq!(format, Some(b"lingshao data folder\nformat 1\n".to_vec()), "a folder in use is ours");
            return;
        }
    }
}

fn write(disk: &SimDisk, path: &str, offset: u64, bytes: &[u8]) {
    let file = disk.open_write(Path::new(path)).or_else(|_| disk.create(Path::new(path))).unwrap();
    assert_eq!(file.write_at(offset, &[IoSlice::new(bytes)]).unwrap(), bytes.len());
}

fn sync(disk: &SimDisk, path: &str) -> std::io::Result<()> {
    disk.open_write(Path::new(path)).unwrap().sync()
}

#[test]
fn the_simulated_disk_forgets_what_was_not_synced() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    let content = |crash| disk.crash_state(crash).content(Path::new("/d/f"));
    write(&disk, "/d/f", 0, b"abc");
    sync(&disk, "/d/f").unwrap();
    assert_eq!(content(Crash::LoseAll), None, "its name was not synced");
    assert_eq!(content(Crash::KeepAll), Some(b"abc".to_vec()));
    disk.sync_dir(Path::new("/d")).unwrap();
    write(&disk, "/d/f", 3, b"def");
    assert_eq!(content(Crash::LoseAll), Some(b"abc".to_vec()));
    assert_eq!(content(Crash::KeepAll), Some(b"abcdef".to_vec()));
    assert_eq!(content(Crash::LengthOnly), Some(b"abc\0\0\0".to_vec()));
    disk.fail_sync_at(disk.syncs() + 1);
    assert_eq!(sync(&disk, "/d/f").unwrap_err().raw_os_error(), Some(5));
    sync(&disk, "/d/f").unwrap();
    assert_eq!(disk.content(Path::new("/d/f")), Some(b"abcdef".to_vec()), "programs still see it");
    assert_eq!(content(Crash::KeepAll), Some(b"abc".to_vec()), "but the disk never got it");
    disk.remove(Path::new("/d/f")).unwrap();
    assert_eq!(content(Crash::LoseAll), Some(b"abc".to_vec()));
    assert_eq!(content(Crash::KeepAll), None);
}

#[test]
fn the_simulated_disk_tears_at_sectors() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    write(&disk, "/d/f", 0, &[1; 100]);
    sync(&disk, "/d/f").unwrap();
    disk.sync_dir(Path::new("/d")).unwrap();
    write(&disk, "/d/f", 100, &[2; 2000]);
    let lengths = |sector| {
        let mut lengths: Vec<usize> = (0..200)
            .map(|seed| {
                disk.crash_state(Crash::Torn { sector, seed }).content(Path::new("/d/f")).unwrap().len()
            })
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    };
    assert_eq!(lengths(512), [512, 1024, 1536, 2048, 2100]);
    assert_eq!(lengths(4096), [100, 2100]);
    let random = |seed| disk.crash_state(Crash::Random { seed }).content(Path::new("/d/f")).unwrap();
    assert!((0..50).any(|seed| random(seed)[100..].windows(1000).any(|part| part[0] == 0 && part[600] == 2)));
    assert!((0..50).all(|seed| random(seed)[..100] == [1; 100]), "synced bytes stay");
    assert_eq!(random(7), random(7), "same seed, same state");
}

#[test]
fn the_simulated_disk_runs_full_in_the_middle_of_a_write() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    let file = disk.create(Path::new("/d/f")).unwrap();
    disk.set_free_bytes(Some(5));
    assert_eq!(file.write_at(0, &[IoSlice::new(b"abc"), IoSlice::new(b"defg")]).unwrap(), 5);
    assert_eq!(file.write_at(5, &[IoSlice::new(b"fg")]).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.write_at(0, &[IoSlice::new(b"ABC")]).unwrap(), 3, "room that is taken is ours");
    file.truncate(2).unwrap();
    assert_eq!(disk.free_bytes(Path::new("/d")).unwrap(), 3);
}
