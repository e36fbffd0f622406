//! The files below a folder as they were at one moment, while their owner goes on working: what a backup copies.
//!
//! Held are open files, not copies: what the owner deletes meanwhile can still be read, and nothing of it waits for us.
//! Three habits of the owner make this a moment. Files are never changed but logs, which only grow; a file has a name
//! that no other file ever had, or replaces the file of its name at once; what takes over another file's content is
//! published before that one is deleted. So if all names are the same before and after all files were opened, nothing was
//! published or deleted meanwhile, and the set of files is one that the owner could have left behind in a crash.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, ReadFile};

/// Tries until names stand still. A try takes milliseconds, and an owner publishes a file every few seconds at most.
const TRIES_MAX: usize = 200;
/// Folders within folders that are looked into: days of logs are two deep.
const DEPTH_MAX: usize = 8;

/// Open files of one moment.
#[derive(Debug)]
pub struct Picture {
    /// In the order in which they were opened.
    pub files: Vec<Pictured>,
    /// What was left out, sorted.
    pub left_out: Vec<PathBuf>,
}

/// One of them.
#[derive(Debug)]
pub struct Pictured {
    /// Below the folder.
    pub path: PathBuf,
    /// Its length at that moment; a log has grown since.
    pub bytes: u64,
    file: Arc<dyn ReadFile>,
}

impl Pictured {
    /// Reads at an offset, at most up to the length it had; answers how many bytes it got, 0 at the end.
    ///
    /// The end may come earlier: what was written when the disk was just full is taken back.
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        self.file.read_at(offset, &mut into[..wanted])
    }
}

/// Names found, sorted by turn and then by name; and those without a turn.
#[derive(Debug, Default, PartialEq, Eq)]
struct Names {
    taken: Vec<(u8, PathBuf)>,
    left_out: Vec<PathBuf>,
}

impl Picture {
    /// Opens all files below a folder, lower turns first, names ascending within a turn. `turn` is asked for each file and
    /// folder, by its path below the folder; one without a turn is left out.
    ///
    /// A log comes before what its content moves to: of what was moved meanwhile there are two then, not none.
    pub fn take(
        disk: &dyn Disk,
        dir: &Path,
        turn: &dyn Fn(&Path, bool) -> Option<u8>,
    ) -> io::Result<Picture> {
        for _ in 0..TRIES_MAX {
            let before = names(disk, dir, turn)?;
            let Some(files) = open(disk, dir, &before)? else { continue };
            if names(disk, dir, turn)? == before {
                return Ok(Picture { files, left_out: before.left_out });
            }
        }
        Err(io::Error::other("files come and go too fast"))
    }
}

/// `None` if one of them is gone.
fn open(disk: &dyn Disk, dir: &Path, names: &Names) -> io::Result<Option<Vec<Pictured>>> {
    let mut files = Vec::with_capacity(names.taken.len());
    for (_, path) in &names.taken {
        match disk.open_read(&dir.join(path)) {
            Ok(file) => files.push(Pictured { path: path.clone(), bytes: file.bytes()?, file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(files))
}

fn names(disk: &dyn Disk, dir: &Path, turn: &dyn Fn(&Path, bool) -> Option<u8>) -> io::Result<Names> {
    let mut names = Names::default();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = match disk.list(&dir.join(&folder)) {
            // A day that has just been deleted; the second look tells.
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder != Path::new("") => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = folder.join(&entry.name);
            match turn(&path, entry.is_dir) {
                None => names.left_out.push(path),
                Some(_) if entry.is_dir && folder.components().count() < DEPTH_MAX => folders.push(path),
                Some(turn) => names.taken.push((turn, path)),
            }
        }
    }
    names.taken.sort();
    names.left_out.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SimDisk, WriteFile};
    use std::cell::Cell;
    use std::io::IoSlice;

    fn write(disk: &SimDisk, path: &str, content: &str) -> Arc<dyn WriteFile> {
        let path = Path::new(path);
        disk.create_dir_all(path.parent().unwrap()).unwrap();
        let file = disk.create(path).unwrap();
        file.write_at(0, &[IoSlice::new(content.as_bytes())]).unwrap();
        file
    }

    fn turn(path: &Path, _: bool) -> Option<u8> {
        let name = path.to_str().unwrap();
        (!name.ends_with("LOCK")).then_some(u8::from(!name.ends_with(".wal")))
    }

    fn content(file: &Pictured) -> String {
        let mut bytes = [0; 64];
        let read = file.read_at(0, &mut bytes).unwrap();
        format!("{}={}", file.path.display(), String::from_utf8_lossy(&bytes[..read]))
    }

    #[track_caller]
    fn check(picture: &Picture, expected: &[&str]) {
        assert_eq!(picture.files.iter().map(content).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_written_and_deleted_later_changes_nothing() {
        let disk = SimDisk::new();
        write(&disk, "d/LOCK", "us");
        let log = write(&disk, "d/wal/1.wal", "abc");
        write(&disk, "d/blocks/1", "one");
        let picture = Picture::take(&disk, Path::new("d"), &turn).unwrap();
        log.write_at(3, &[IoSlice::new(b"def")]).unwrap();
        disk.remove(Path::new("d/blocks/1")).unwrap();
        check(&picture, &["wal/1.wal=abc", "blocks/1=one"]);
        assert_eq!(picture.left_out, [Path::new("LOCK")]);
    }

    /// At the third question of a first look the log is moved to a block.
    fn moving<'a>(
        disk: &'a SimDisk,
        asked: &'a Cell<u32>,
        blocks: &'a str,
    ) -> impl Fn(&Path, bool) -> Option<u8> {
        move |path, is_dir| {
            asked.set(asked.get() + 1);
            if asked.get() == 3 {
                write(disk, &format!("d/{blocks}/1"), "abc");
                write(disk, "d/wal/2.wal", "");
                disk.remove(Path::new("d/wal/1.wal")).unwrap();
            }
            turn(path, is_dir)
        }
    }

    /// The third question is about the log: it is gone when it is to be opened.
    #[test]
    fn what_is_gone_before_it_is_opened_is_looked_for_again() {
        let (disk, asked) = (SimDisk::new(), Cell::new(0));
        write(&disk, "d/wal/1.wal", "abc");
        write(&disk, "d/blocks/0", "zero");
        let picture = Picture::take(&disk, Path::new("d"), &moving(&disk, &asked, "blocks")).unwrap();
        check(&picture, &["wal/2.wal=", "blocks/0=zero", "blocks/1=abc"]);
    }

    /// The third question is about a block: the blocks have been listed without the new one, the logs will be listed
    /// without the old one, and all that is listed can be opened. Only a second look tells that something is missing.
    #[test]
    fn what_moves_between_two_folders_is_seen_by_the_second_look() {
        let (disk, asked) = (SimDisk::new(), Cell::new(0));
        write(&disk, "d/wal/1.wal", "abc");
        write(&disk, "d/younger/0", "zero");
        let picture = Picture::take(&disk, Path::new("d"), &moving(&disk, &asked, "younger")).unwrap();
        check(&picture, &["wal/2.wal=", "younger/0=zero", "younger/1=abc"]);
    }

    #[test]
    fn a_folder_that_never_stands_still_is_an_error() {
        let disk = SimDisk::new();
        write(&disk, "d/wal/1.wal", "abc");
        let number = Cell::new(0);
        let restless = |path: &Path, is_dir: bool| {
            number.set(number.get() + 1);
            write(&disk, &format!("d/blocks/{}", number.get()), "");
            disk.remove(Path::new(&format!("d/blocks/{}", number.get() - 1))).ok();
            turn(path, is_dir)
        };
        let error = Picture::take(&disk, Path::new("d"), &restless).unwrap_err();
        assert_eq!(error.to_string(), "files come and go too fast");
    }
}
