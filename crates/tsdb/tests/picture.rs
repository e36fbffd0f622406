//! A picture of the folder, taken while samples arrive and blocks are sealed, merged and deleted, opens as a storage that
//! holds all that was appended before.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

#[path = "../../disk/tests/pictures/mod.rs"]
mod pictures;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use lingshao_disk::{Disk, RealDisk};
use lingshao_model::{
    Cancel, LabelsBuilder, MatchOp, Matcher, Selection, SeriesBatch, SeriesSource, Timestamp,
};
use lingshao_tsdb::{Db, Options};

const BEGIN: i64 = 1_700_000_000_000;
const STEP: i64 = 1_000;

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk::new())
}

fn open(dir: &Path) -> Db {
    let options = Options { segment_bytes_max: 4_000, ..Options::default() };
    let (db, report) = Db::open(disk(), dir, options, Timestamp(BEGIN)).unwrap();
    assert_eq!((report.quarantined.len(), report.orphaned, report.unreadable_records), (0, 0, 0));
    assert!(report.wal.is_none_or(|recovery| recovery.losses.is_empty()));
    db
}

fn append(db: &Db, step: i64) {
    let (mut batch, mut labels) = (SeriesBatch::default(), LabelsBuilder::default());
    for name in ["a", "b", "c"] {
        labels.clear();
        labels.push("__name__", name);
        batch.push(Timestamp(BEGIN + step * STEP), None, step as f64);
        batch.finish_series(&mut labels).unwrap();
    }
    let now = Timestamp(BEGIN + step * STEP);
    assert_eq!(db.append(&batch, now).unwrap().stored, 3);
}

/// Steps of which all three series are there, from the first one without a gap.
fn steps(db: &Db) -> i64 {
    let matchers = [Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()];
    let selection = Selection { matchers: &matchers, start: Timestamp::MIN, end: Timestamp::MAX };
    let mut known = Vec::new();
    let warnings = db.snapshot().select(&selection, &Cancel::default(), &mut |series| {
        let whole = series.times.iter().zip(series.values).zip(0..);
        let whole =
            whole.take_while(|((t, value), step)| **t == BEGIN + step * STEP && **value == *step as f64);
        known.push(whole.count() as i64);
        ControlFlow::Continue(())
    });
    assert_eq!(warnings.unwrap(), Vec::<String>::new());
    if known.len() == 3 { known.into_iter().min().unwrap() } else { 0 }
}

#[test]
fn a_picture_of_a_busy_storage_holds_all_that_was_appended_before() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("metrics");
    let db = open(&dir);
    pictures::of_a_busy_storage(
        &dir,
        &folder.path().join("copies"),
        |step| {
            append(&db, step);
            step + 1
        },
        |step| {
            db.seal(Timestamp(BEGIN + step * STEP)).unwrap();
            db.maintain(Timestamp(BEGIN + step * STEP)).unwrap();
        },
        |copy| steps(&open(copy)),
    );
}
