//! A picture of the folder, taken while samples arrive and blocks are sealed, merged and deleted, opens as a storage that
//! holds all that was appended before.

#![allow(clippy::unwrap_used)] // A failed step is a failed test.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use lingshao_disk::{Disk, Picture, RealDisk};
use lingshao_model::{
    Cancel, LabelsBuilder, MatchOp, Matcher, Selection, SeriesBatch, SeriesSource, Timestamp,
};
use lingshao_tsdb::{Db, Options};

const BEGIN: i64 = 1_700_000_000_000;
const STEP: i64 = 1_000;
const PICTURES: usize = 25;

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
    let (dir, copies) = (folder.path().join("metrics"), folder.path().join("copies"));
    let db = open(&dir);
    let (appended, stop, sealed) = (AtomicI64::new(0), AtomicBool::new(false), AtomicI64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut step = 0;
            while !stop.load(Ordering::Relaxed) {
                append(&db, step);
                step += 1;
                appended.store(step, Ordering::Release);
                // Sealing and merging without a pause: hours of a server's life in each picture's time.
                if step % 5 == 0 {
                    db.seal(Timestamp(BEGIN + step * STEP)).unwrap();
                    db.maintain(Timestamp(BEGIN + step * STEP)).unwrap();
                    sealed.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        });
        let _stop = Stop(&stop);
        for number in 0..PICTURES {
            std::thread::sleep(std::time::Duration::from_millis(15));
            let before = appended.load(Ordering::Acquire);
            let turn = |path: &Path, _: bool| match path.to_str()? {
                name if name.ends_with(".tmp") => None,
                name => Some(u8::from(!name.ends_with(".wal"))),
            };
            let picture = Picture::take(&RealDisk::new(), &dir, &turn).unwrap();
            // The storage goes on, and deletes what is in the picture.
            std::thread::sleep(std::time::Duration::from_millis(10));
            let copy = copies.join(number.to_string());
            for file in &picture.files {
                let mut content = vec![0; file.bytes as usize];
                let read = file.read_at(0, &mut content).unwrap();
                assert_eq!(read, content.len());
                fs::create_dir_all(copy.join(&file.path).parent().unwrap()).unwrap();
                fs::write(copy.join(&file.path), content).unwrap();
            }
            let kept = steps(&open(&copy));
            assert!(before <= kept, "picture {number}: {before} steps were appended, {kept} are there");
        }
    });
    assert!(sealed.load(Ordering::Relaxed) > 20, "blocks came and went meanwhile");
}
