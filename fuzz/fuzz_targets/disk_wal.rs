//! Whatever lies in a log's folder: it opens, shows nothing that was not written, and opens the same again.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lingshao_disk::{Recovery, SimDisk, Wal, WalError, WalOptions};

const WAL: &str = "/data/wal";
const OPTIONS: WalOptions = WalOptions { segment_bytes_max: 300 };
const RECORDS: u8 = 8;

fuzz_target!(|data: &[u8]| {
    let Some((mode, rest)) = data.split_first() else { return };
    let disk = if mode % 2 == 0 { raw(rest) } else { damaged(rest) };
    let (shown, recovery) = match open(&disk, mode % 2 == 1) {
        Ok(opened) => opened,
        Err(WalError::NewerFormat { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let (again, second) = open(&disk, mode % 2 == 1).expect("it has just been opened");
    assert_eq!(again, shown, "the second opening shows something else");
    assert_eq!(second.losses, recovery.losses, "the second opening tells something else");
});

fn open(disk: &SimDisk, ours: bool) -> Result<(Vec<(u8, Vec<u8>)>, Recovery), WalError> {
    let mut shown = Vec::new();
    let (mut wal, recovery) = Wal::open(Arc::new(disk.clone()), Path::new(WAL), OPTIONS, &mut |record| {
        shown.push((record.kind, record.payload.to_vec()));
    })?;
    if ours {
        assert!(shown.is_sorted_by(|a, b| a.0 < b.0), "order");
        assert!(shown.iter().all(|(id, own)| *own == payload(*id)), "wrong data");
    }
    assert_eq!(recovery.records, shown.len() as u64);
    wal.cut().expect("the disk works");
    Ok((shown, recovery))
}

fn segment(number: u8) -> PathBuf {
    Path::new(WAL).join(format!("{number:010}.wal"))
}

fn payload(id: u8) -> Vec<u8> {
    vec![id; usize::from(id) * 9]
}

/// The input itself, cut into segments: a length byte, then as many bytes times four.
fn raw(mut data: &[u8]) -> SimDisk {
    let disk = SimDisk::new();
    for number in 1..=4 {
        let Some((length, rest)) = data.split_first() else { break };
        let (content, rest) = rest.split_at(rest.len().min(usize::from(*length) * 4));
        disk.put(&segment(number), content);
        data = rest;
    }
    disk
}

/// A log of ours with damage: three bytes each say where and what.
fn damaged(data: &[u8]) -> SimDisk {
    let disk = SimDisk::new();
    let (mut wal, _) =
        Wal::open(Arc::new(disk.clone()), Path::new(WAL), OPTIONS, &mut |_| {}).expect("the disk is empty");
    for id in 1..=RECORDS {
        wal.append(id, &payload(id)).expect("the disk works");
        if id % 3 == 0 {
            wal.handle().sync().expect("the disk works");
        }
    }
    drop(wal);
    let paths = disk.paths();
    for damage in data.chunks_exact(3) {
        let path = &paths[usize::from(damage[0] >> 4) % paths.len()];
        let mut content = disk.content(path).expect("it was listed");
        let at = (usize::from(damage[0] & 3) << 8 | usize::from(damage[1])) % (content.len() + 1);
        match damage[0] >> 2 & 3 {
            0 => content.truncate(at),
            1 => content.splice(at..at, [damage[2]; 5]).for_each(drop),
            _ => content.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= damage[2]),
        }
        disk.put(path, &content);
    }
    disk
}
