//! A picture of the folder, taken while records arrive and parts are sealed, merged and deleted, opens as a storage that
//! holds all that was appended before.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

#[path = "../../disk/tests/pictures/mod.rs"]
mod pictures;

use std::path::Path;
use std::sync::Arc;

use lingshao_disk::{Disk, RealDisk};
use lingshao_logs::{Options, SearchLimits, Store};
use lingshao_model::Cancel;
use lingshao_model::log::{LogBatch, LogQuery, LogSearch, LogTime, LogValue, TotalWanted};

const NOW: LogTime = LogTime(1_750_000_000_000_000_000);
const DAY: i64 = 86_400_000_000_000;

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

#[test]
fn a_picture_of_a_busy_storage_holds_all_that_was_appended_before() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("logs");
    let store = open(&dir);
    pictures::of_a_busy_storage(
        &dir,
        &folder.path().join("copies"),
        |step| {
            append(&store, step);
            (step + 1) * 3
        },
        |_| {
            store.seal(NOW).unwrap();
            store.maintain(NOW).unwrap();
        },
        |copy| {
            let kept = records(&open(copy));
            assert_eq!(kept % 3, 0, "batches are whole");
            kept
        },
    );
}
