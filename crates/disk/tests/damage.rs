//! Flipped bytes, lost files and unreadable sectors: never a panic, never wrong data, the rest is served, and what
//! is lost is named.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lingshao_disk::sim::Crash;
use lingshao_disk::{
    Cut, Disk, Loss, Recovery, SealedError, SealedFile, SealedWriter, Section, SimDisk, Wal, WalError,
    WalOptions,
};

const WAL: &str = "/data/wal";
const OPTIONS: WalOptions = WalOptions { segment_bytes_max: 400 };
/// Records of 92 bytes: three go into a segment of 400.
const PAYLOAD: usize = 60;

fn segment(number: u64) -> PathBuf {
    Path::new(WAL).join(format!("{number:010}.wal"))
}

fn payload(id: u8) -> Vec<u8> {
    (0..PAYLOAD as u8).map(|at| id.wrapping_mul(17) ^ at).collect()
}

fn open(disk: &SimDisk) -> (Wal, Recovery, Vec<u8>) {
    let mut ids = Vec::new();
    let (wal, recovery) = Wal::open(Arc::new(disk.clone()), Path::new(WAL), OPTIONS, &mut |record| {
        assert_eq!(record.payload, payload(record.kind), "wrong data");
        ids.push(record.kind);
    })
    .unwrap();
    (wal, recovery, ids)
}

/// Records 1 to 10 in segments 1 to 4, written one by one with a sync after each.
fn written(close: bool) -> SimDisk {
    let disk = SimDisk::new();
    let (mut wal, ..) = open(&disk);
    for id in 1..=10 {
        wal.append(id, &payload(id)).unwrap();
        wal.handle().sync().unwrap();
    }
    if close {
        wal.close().unwrap();
    }
    assert_eq!(disk.paths(), [segment(1), segment(2), segment(3), segment(4)]);
    disk
}

fn copy(disk: &SimDisk) -> SimDisk {
    disk.crash_state(Crash::KeepAll)
}

fn flip(disk: &SimDisk, path: &Path, at: usize, mask: u8) -> SimDisk {
    let disk = copy(disk);
    let mut content = disk.content(path).unwrap();
    content[at] ^= mask;
    disk.put(path, &content);
    disk
}

#[test]
fn any_flipped_byte_of_a_closed_log_costs_one_record_at_most_and_is_reported() {
    let whole = written(true);
    for path in whole.paths() {
        for at in 0..whole.content(&path).unwrap().len() {
            for mask in [1, 0x80, 0xff] {
                let disk = flip(&whole, &path, at, mask);
                let (_, recovery, ids) = open(&disk);
                let lost: Vec<u8> = (1..=10).filter(|id| !ids.contains(id)).collect();
                let place = format!("byte {at} of {}, {recovery:?}", path.display());
                assert!(
                    ids.is_sorted() && ids.len() + lost.len() == 10 && lost.len() <= 1,
                    "{ids:?}: {place}"
                );
                let told: u64 = recovery.losses.iter().map(|loss| loss.records.unwrap()).sum();
                assert_eq!(told, lost.len() as u64, "{place}");
                assert!(recovery.losses.len() + recovery.cut.len() == 1, "{place}");
                if let [Loss { quarantined, .. }] = &recovery.losses[..] {
                    assert_eq!(disk.content(quarantined.as_ref().unwrap()), disk.content(&path), "{place}");
                }
                let (_, again, ids_again) = open(&disk);
                assert_eq!((ids_again, again.losses), (ids, recovery.losses), "the next start: {place}");
            }
        }
    }
}

#[test]
fn any_flipped_byte_of_a_crashed_log_loses_no_more_than_its_last_records_and_is_reported() {
    let whole = written(false);
    for path in whole.paths() {
        for at in 0..whole.content(&path).unwrap().len() {
            let (_, recovery, ids) = open(&flip(&whole, &path, at, 0x10));
            let place = format!("byte {at} of {}, {recovery:?}", path.display());
            // Nothing was written after record 10: if it is bad it passes for torn.
            let lost: Vec<u8> = (1..=10).filter(|id| !ids.contains(id)).collect();
            assert!(lost.len() <= 1, "{ids:?}: {place}");
            let told: u64 = recovery.losses.iter().filter_map(|loss| loss.records).sum();
            assert!(told == lost.len() as u64 || lost == [10], "{place}");
            assert_eq!(recovery.losses.len() + recovery.cut.len(), 1, "{place}");
        }
    }
}

/// As [`written`], but nothing was ever synced: no record proves another one.
fn unproven() -> SimDisk {
    let disk = SimDisk::new();
    let (mut wal, ..) = open(&disk);
    for id in 1..=10 {
        wal.append(id, &payload(id)).unwrap();
    }
    disk
}

#[test]
fn a_log_that_is_only_looked_at_tells_of_any_flipped_byte_and_of_no_half_written_record() {
    for (name, whole) in [("closed", written(true)), ("killed", written(false)), ("unproven", unproven())] {
        let losses = |disk: &SimDisk| Wal::examine(disk, Path::new(WAL)).unwrap().losses;
        assert_eq!(losses(&whole), [], "{name}");
        for (number, path) in (1..).zip(whole.paths()) {
            for at in 0..whole.content(&path).unwrap().len() {
                for mask in [1, 0x80, 0xff] {
                    let found = losses(&flip(&whole, &path, at, mask));
                    let place = format!("byte {at} of {}, {name}: {found:?}", path.display());
                    assert!(!found.is_empty(), "{place}");
                    assert!(found[0].segment == number && found[0].offset <= at as u64, "{place}");
                }
            }
        }
        // What a killed writer leaves: fewer bytes, or zeros.
        let last = if name == "closed" { continue } else { segment(4) };
        let content = whole.content(&last).unwrap();
        for bytes in 0..content.len() {
            let disk = copy(&whole);
            disk.put(&last, &content[..bytes]);
            assert_eq!(losses(&disk), [], "{name}, {bytes} bytes");
            if 48 <= bytes {
                disk.put(&last, &[&content[..48], &vec![0; bytes - 48][..]].concat());
                assert_eq!(losses(&disk), [], "{name}, zeros up to {bytes}");
            }
        }
    }
}

#[test]
fn a_bad_record_in_the_middle_is_named_and_its_segment_set_aside() {
    let disk = flip(&written(true), &segment(2), 48 + 92 + 40, 1);
    let (_, recovery, ids) = open(&disk);
    assert_eq!(ids, [1, 2, 3, 4, 6, 7, 8, 9, 10]);
    let quarantined = Some(PathBuf::from("/data/quarantine/0000000002.wal"));
    let loss = Loss { segment: 2, offset: 140, bytes: 92, records: Some(1), quarantined };
    assert_eq!(recovery.losses, [loss]);
    assert_eq!((recovery.records, recovery.segments, recovery.cut), (9, 4, vec![]));
}

#[test]
fn opening_a_log_proves_that_what_it_showed_is_durable() {
    let disk = written(false);
    drop(open(&disk));
    let (_, recovery, ids) = open(&flip(&disk, &segment(4), 48 + 40, 1));
    assert_eq!(ids, (1..=9).collect::<Vec<_>>());
    assert_eq!((recovery.losses.len(), recovery.losses[0].records, recovery.cut), (1, Some(1), vec![]));
}

#[test]
fn a_missing_segment_is_a_loss_of_its_records() {
    let disk = written(true);
    disk.remove(&segment(2)).unwrap();
    let (_, recovery, ids) = open(&disk);
    assert_eq!(ids, [1, 2, 3, 7, 8, 9, 10]);
    let loss = Loss { segment: 3, offset: 48, bytes: 0, records: Some(3), quarantined: None };
    assert_eq!((recovery.losses, recovery.cut), (vec![loss], vec![]));
}

#[test]
fn a_segment_that_ends_too_early_is_a_loss() {
    let disk = written(true);
    let content = disk.content(&segment(1)).unwrap();
    disk.put(&segment(1), &content[..48 + 92]);
    let (_, recovery, ids) = open(&disk);
    assert_eq!(ids, [1, 4, 5, 6, 7, 8, 9, 10]);
    let loss = Loss { segment: 2, offset: 48, bytes: 0, records: Some(2), quarantined: None };
    assert_eq!(recovery.losses, [loss]);
}

#[test]
fn a_segment_of_zeros_is_a_loss() {
    for number in 1..=3 {
        let disk = written(true);
        let bytes = disk.content(&segment(number)).unwrap().len();
        disk.put(&segment(number), &vec![0; bytes]);
        let (_, recovery, ids) = open(&disk);
        let lost = (number as u8 - 1) * 3;
        assert_eq!(ids, (1..=10).filter(|id| !(lost + 1..=lost + 3).contains(id)).collect::<Vec<_>>());
        assert_eq!((recovery.losses[0].segment, recovery.losses[0].records), (number, Some(3)));
        assert_eq!(recovery.losses.len(), 1);
    }
}

#[test]
fn a_log_of_garbage_opens_empty_and_keeps_the_garbage_aside() {
    let disk = written(true);
    for path in disk.paths() {
        disk.put(&path, &[0x5a; 300]);
    }
    let (mut wal, recovery, ids) = open(&disk);
    assert_eq!((ids, recovery.losses.len()), (vec![], 4));
    assert_eq!(recovery.losses[3].quarantined, Some("/data/quarantine/0000000004.wal".into()));
    wal.append(1, &payload(1)).unwrap();
    wal.close().unwrap();
    let (_, again, ids) = open(&disk);
    assert_eq!((ids, again.losses), (vec![1], recovery.losses), "the next start tells the same");
}

#[test]
fn a_sector_that_cannot_be_read_is_a_loss_even_at_the_end() {
    let disk = SimDisk::new();
    let options = WalOptions { segment_bytes_max: 1 << 20 };
    let open = |disk: &SimDisk| {
        let mut ids = Vec::new();
        let replay = &mut |record: &lingshao_disk::Replayed<'_>| ids.push(record.kind);
        let (wal, recovery) = Wal::open(Arc::new(disk.clone()), Path::new(WAL), options, replay).unwrap();
        (wal, recovery, ids)
    };
    let (mut wal, ..) = open(&disk);
    for id in 1..=100 {
        wal.append(id, &[id; 968]).unwrap(); // 1000 bytes each
    }
    wal.handle().sync().unwrap();
    drop(wal);
    let middle = copy(&disk);
    middle.make_unreadable(&segment(1), 50_000..50_001);
    let (_, recovery, ids) = open(&middle);
    // The window that fails begins where the last read ended, so pieces of 4096 begin at a multiple of it.
    assert_eq!(recovery.losses.len(), 1, "{recovery:?}");
    let lost = recovery.losses[0].records.unwrap();
    assert!((4..=6).contains(&lost) && ids.len() as u64 + lost == 100, "{recovery:?}");
    assert_eq!((ids[0], ids[ids.len() - 1], recovery.cut), (1, 100, vec![]));

    disk.make_unreadable(&segment(1), 100_000..100_001);
    let (_, recovery, ids) = open(&disk);
    assert!(93 <= ids.len() && ids.len() < 100 && recovery.cut.is_empty(), "{recovery:?}");
    assert_eq!((recovery.losses.len(), recovery.losses[0].records), (1, None));
}

#[test]
fn a_torn_tail_is_cut_and_reported() {
    let disk = written(false);
    let mut content = disk.content(&segment(4)).unwrap();
    content.extend([9; 33]);
    disk.put(&segment(4), &content);
    let (_, recovery, ids) = open(&disk);
    assert_eq!(ids, (1..=10).collect::<Vec<_>>());
    assert_eq!(recovery.cut, [Cut { segment: 4, offset: 48 + 92, bytes: 33 }]);
    assert_eq!(open(&disk).1.cut, [], "once");
}

#[test]
fn a_record_inside_a_payload_is_data() {
    let disk = SimDisk::new();
    let (mut wal, ..) = open(&disk);
    wal.append(1, &payload(1)).unwrap();
    let own = disk.content(&segment(1)).unwrap();
    // A sender that had read the disk: the record itself, and it with a later sequence and a right checksum.
    let mut forged = own[48..].to_vec();
    forged[8] = 3;
    forged[28] ^= 1; // It cannot know the salt.
    let crc = crc32c::crc32c(&forged[4..]).to_le_bytes();
    forged[..4].copy_from_slice(&crc);
    wal.append(2, &forged).unwrap();
    wal.append(3, &payload(3)).unwrap();
    wal.handle().sync().unwrap();
    wal.append(4, &payload(4)).unwrap();
    let mut kinds = Vec::new();
    let disk = flip(&disk, &segment(1), 48 + 92 + 5, 0x40);
    Wal::open(Arc::new(disk), Path::new(WAL), OPTIONS, &mut |record| kinds.push(record.kind)).unwrap();
    assert_eq!(kinds, [1, 3, 4]);
}

#[test]
fn a_newer_log_is_refused_by_name_and_left_alone() {
    let disk = written(true);
    let mut content = disk.content(&segment(3)).unwrap();
    content[8] = 2;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&content[..12]), &content[16..48]);
    content[12..16].copy_from_slice(&crc.to_le_bytes());
    disk.put(&segment(3), &content);
    disk.put(&segment(1), b"damaged"); // Not repaired either.
    let (before, operations) = (disk.fingerprint(), disk.operations());
    let error = Wal::open(Arc::new(disk.clone()), Path::new(WAL), OPTIONS, &mut |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "segment `/data/wal/0000000003.wal` has format 2, this release knows 1; use the newer release again"
    );
    assert!(matches!(error, WalError::NewerFormat { found: 2, known: 1, .. }));
    assert_eq!((disk.fingerprint(), disk.operations()), (before, operations));
}

#[test]
fn replay_of_long_segments_takes_records_in_pieces() {
    let disk = SimDisk::new();
    let options = WalOptions { segment_bytes_max: 8 << 20 };
    let shared: Arc<dyn Disk> = Arc::new(disk);
    let lengths: Vec<usize> = (0..60).map(|n| n * 7919 % 300_001).chain([700_000, 0, 262_144, 1]).collect();
    let (mut wal, _) = Wal::open(Arc::clone(&shared), Path::new(WAL), options, &mut |_| {}).unwrap();
    for (index, length) in lengths.iter().enumerate() {
        wal.append(index as u8, &vec![index as u8; *length]).unwrap();
    }
    let mut replayed = Vec::new();
    let replay = &mut |record: &lingshao_disk::Replayed<'_>| {
        assert!(record.payload.iter().all(|byte| *byte == record.kind));
        replayed.push(record.payload.len());
    };
    Wal::open(shared, Path::new(WAL), options, replay).unwrap();
    assert_eq!(replayed, lengths);
}

fn sealed() -> (SimDisk, Vec<(Section, Vec<u8>)>) {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/data")).unwrap();
    let mut writer = SealedWriter::create(Arc::new(disk.clone()), Path::new("/data/1.block")).unwrap();
    let contents = [payload(1), Vec::new(), payload(2), vec![0; 100]];
    let sections = contents.into_iter().map(|content| (writer.section(&content).unwrap(), content)).collect();
    writer.finish(b"footer").unwrap();
    (disk, sections)
}

#[test]
fn any_flipped_byte_of_a_sealed_file_is_noticed_where_it_is_and_the_rest_is_served() {
    let (whole, sections) = sealed();
    let path = Path::new("/data/1.block");
    let bytes = whole.content(path).unwrap().len();
    for at in 0..bytes {
        let disk = flip(&whole, path, at, 4);
        let file = match SealedFile::open(Arc::new(disk), path) {
            Ok(file) => file,
            Err(error) => {
                let is_footer = bytes - 32 - b"footer".len() <= at;
                assert!(error.is_damage() && is_footer, "byte {at}: {error}");
                continue;
            }
        };
        for (section, content) in &sections {
            let from = section.offset as usize;
            let is_in = (from..from + content.len() + 4).contains(&at);
            let mut out = Vec::new();
            match file.read(*section, &mut out) {
                Ok(()) => assert!(!is_in && out == *content, "byte {at} of section at {from}"),
                Err(SealedError::Damaged { path: told, offset }) => {
                    assert!(is_in && told == path && offset == section.offset && out.is_empty(), "byte {at}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn a_cut_or_newer_sealed_file_and_a_wrong_section_are_refused() {
    let (whole, sections) = sealed();
    let path = Path::new("/data/1.block");
    let content = whole.content(path).unwrap();
    for bytes in 0..content.len() {
        let disk = SimDisk::new();
        disk.put(path, &content[..bytes]);
        assert!(SealedFile::open(Arc::new(disk), path).unwrap_err().is_damage(), "{bytes} bytes");
    }
    let file = SealedFile::open(Arc::new(whole.clone()), path).unwrap();
    let right = sections[0].0;
    let wrong = [
        Section { offset: right.offset + 1, ..right },
        Section { bytes: right.bytes - 1, ..right },
        Section { offset: 0, ..right },
        Section { offset: u64::MAX, bytes: u32::MAX },
        Section { offset: right.offset, bytes: u32::MAX },
    ];
    for section in wrong {
        assert!(file.read(section, &mut Vec::new()).unwrap_err().is_damage(), "{section:?}");
    }
    let mut newer = content;
    let trailer = newer.len() - 32;
    newer[trailer + 16] = 2;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&newer[trailer..trailer + 20]), &newer[trailer + 24..]);
    newer[trailer + 20..trailer + 24].copy_from_slice(&crc.to_le_bytes());
    whole.put(path, &newer);
    assert_eq!(
        SealedFile::open(Arc::new(whole), path).unwrap_err().to_string(),
        "`/data/1.block` has format 2, this release knows 1; use the newer release again"
    );
}
