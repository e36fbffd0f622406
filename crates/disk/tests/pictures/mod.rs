//! Pictures of a storage that is at work: each is opened as a storage, and must hold all that was appended before.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use lingshao_disk::{Picture, RealDisk};

const PICTURES: usize = 25;

/// Lets the other thread end, also when this one fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `append`: the step of that number; answers how much has been appended with it. `maintain`: seals and merges. `kept`: opens
/// a copy of the folder, and answers how much is there.
pub(crate) fn of_a_busy_storage(
    dir: &Path,
    copies: &Path,
    append: impl Fn(i64) -> i64 + Sync,
    maintain: impl Fn(i64) + Sync,
    kept: impl Fn(&Path) -> i64,
) {
    let (appended, stop, maintained) = (AtomicI64::new(0), AtomicBool::new(false), AtomicI64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut step = 0;
            while !stop.load(Ordering::Relaxed) {
                appended.store(append(step), Ordering::Release);
                step += 1;
                // Sealing and merging without a pause: hours of a server's life in each picture's time.
                if step % 5 == 0 {
                    maintain(step);
                    maintained.fetch_add(1, Ordering::Relaxed);
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
            let picture = Picture::take(&RealDisk::new(), dir, &turn).unwrap();
            // The storage goes on, and deletes what is in the picture.
            std::thread::sleep(Duration::from_millis(10));
            let copy = copies.join(number.to_string());
            write(&picture, &copy);
            let kept = kept(&copy);
            assert!(before <= kept, "picture {number}: {before} were appended, {kept} are there");
        }
    });
    assert!(maintained.load(Ordering::Relaxed) > 20, "files came and went meanwhile");
}

fn write(picture: &Picture, copy: &Path) {
    for file in &picture.files {
        let mut content = vec![0; file.bytes as usize];
        let read = file.read_at(0, &mut content).unwrap();
        assert_eq!(read, content.len());
        fs::create_dir_all(copy.join(&file.path).parent().unwrap()).unwrap();
        fs::write(copy.join(&file.path), content).unwrap();
    }
}
