//! A picture of the folder, taken while records arrive and parts are sealed, merged and deleted, opens as a storage that
//! holds all that was appended before.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use lingshao_disk::{Disk, Picture, RealDisk};
use lingshao_logs::{Options, SearchLimits, Store};
use lingshao_model::Cancel;
use lingshao_model::log::{LogBatch, LogQuery, LogSearch, LogTime, LogValue, TotalWanted};

const NOW: LogTime = LogTime(1_750_000_000_000_000_000);
const DAY: i64 = 86_400_000_000_000;
const PICTURES: usize = 25;

fn open(dir: &Path) -> Store {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let options = Options { segment_bytes_max: 4_000, ..Options::default() };
    let (store, report) = Store::open(disk, dir, options, NOW).unwrap();
    // The list of indices may not be written yet when the first parts are: the log brings it back.
    assert_eq!((report.quarantined.len(), report.unreadable_records), (0, 0));
    assert!(report.wal.is_none_or(|recovery| recovery.losses.is_empty()));
    store
}

/// One record for each of three days, in an index that is made on the way.
fn append(store: &Store, step: i64) {
    let mut batch = LogBatch::default();
    for day in 0..3 {
        let mut record = batch.begin(if step < 50 { "shop" } else { "depot" });
        record.time(LogTime(NOW.0 - day * DAY / 2));
        record.field("step", LogValue::Int(step), false);
        record.finish();
    }
    store.append(&batch, NOW).unwrap();
}

/// Of both indices, of which the second does not exist at first.
fn records(store: &Store) -> i64 {
    let count = |index: &str| {
        let search = LogSearch {
            total: TotalWanted::Exact,
            ..LogSearch::new(vec![index.to_owned()], LogQuery::All, 1)
        };
        let found = store.snapshot().search(&search, &SearchLimits::default(), &Cancel::default());
        found.map_or(0, |found| found.total as i64)
    };
    count("shop") + count("depot")
}

/// Lets the other thread end, also when this one fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_picture_of_a_busy_storage_holds_all_that_was_appended_before() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, copies) = (folder.path().join("logs"), folder.path().join("copies"));
    let store = open(&dir);
    let (appended, stop, sealed) = (AtomicI64::new(0), AtomicBool::new(false), AtomicI64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut step = 0;
            while !stop.load(Ordering::Relaxed) {
                append(&store, step);
                step += 1;
                appended.store(step * 3, Ordering::Release);
                // Sealing and merging without a pause: hours of a server's life in each picture's time.
                if step % 5 == 0 {
                    store.seal(NOW).unwrap();
                    store.maintain(NOW).unwrap();
                    sealed.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        let _stop = Stop(&stop);
        for number in 0..PICTURES {
            std::thread::sleep(Duration::from_millis(15));
            let before = appended.load(Ordering::Acquire);
            let turn = |path: &Path, _: bool| match path.to_str()? {
                name if name.ends_with(".tmp") => None,
                name => Some(u8::from(!name.ends_with(".wal"))),
            };
            let picture = Picture::take(&RealDisk::new(), &dir, &turn).unwrap();
            // The storage goes on, and deletes what is in the picture.
            std::thread::sleep(Duration::from_millis(10));
            let copy = copies.join(number.to_string());
            for file in &picture.files {
                let mut content = vec![0; file.bytes as usize];
                let read = file.read_at(0, &mut content).unwrap();
                assert_eq!(read, content.len());
                fs::create_dir_all(copy.join(&file.path).parent().unwrap()).unwrap();
                fs::write(copy.join(&file.path), content).unwrap();
            }
            let kept = records(&open(&copy));
            assert!(before <= kept, "picture {number}: {before} records were appended, {kept} are there");
            assert_eq!(kept % 3, 0, "batches are whole");
        }
    });
    assert!(sealed.load(Ordering::Relaxed) > 20, "parts came and went meanwhile");
}
