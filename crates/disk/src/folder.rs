//! A folder that one process uses at a time: `docs/format/folder.md`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, Lock, LockGuard, read_full, write_all_at};

/// Version of the folder's layout.
const VERSION: u32 = 1;
const TITLE: &str = "lingshao data folder";
/// Longest `FORMAT` file that is read: two short lines, and room for what a newer release adds.
const FORMAT_BYTES_MAX: usize = 4096;
/// Most files of one name that are set aside; a program that damages more of them needs a person.
const ASIDE_MAX: u32 = 10_000;

/// Who uses a folder, for the one who comes second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its process number.
    pub pid: u32,
    /// Its machine.
    pub host: String,
    /// When it was started, as text: this crate has no clock.
    pub started_at: String,
}

/// The line in `LOCK`.
impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on host {} since {}", self.pid, self.host, self.started_at)
    }
}

/// Why a folder cannot be used. Every message names a remedy.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it.
    #[error("data folder `{path}` is held by {owner}; stop that process or use another folder")]
    Held {
        /// The folder.
        path: PathBuf,
        /// The line in its `LOCK`.
        owner: String,
    },
    /// A newer release has used it. Nothing was changed.
    #[error(
        "data folder `{path}` has format {found}, this release knows {known}; use the newer release again"
    )]
    NewerFormat {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Its `FORMAT` says something else than ours would.
    #[error("`{path}` is not what Lingshao wrote; restore it from a backup, or use another folder")]
    BadFormat {
        /// The file.
        path: PathBuf,
    },
    /// There is none of ours.
    #[error("`{path}` is no data folder of Lingshao: there is no file `FORMAT` in it")]
    None {
        /// The folder.
        path: PathBuf,
    },
    /// Something else lives there.
    #[error("folder `{path}` holds `{name}` and no Lingshao data; use an empty or a new folder")]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// One of the strange names.
        name: String,
    },
    /// The user who runs us may not do it.
    #[error(
        "not allowed to {action} `{path}`; make the folder writable for this user (chown), or use another one"
    )]
    Permission {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file system is read-only.
    #[error("cannot {action} `{path}`: the file system is read-only; remount it, or use another folder")]
    ReadOnly {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something that is no folder has the name.
    #[error("`{path}` is not a folder; use another name")]
    NotAFolder {
        /// The name.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another file operation.
    #[error("cannot {action} `{path}`; is the disk full or failing?")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A data folder in use by this process, until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    _lock: Box<dyn LockGuard>,
}

impl DataDir {
    /// Makes or opens a folder, and locks it.
    pub fn open(disk: Arc<dyn Disk>, path: &Path, owner: &Owner) -> Result<DataDir, DataDirError> {
        disk.create_dir_all(path).map_err(|error| failed(error, "make folder", path))?;
        let entries = disk.list(path).map_err(|error| failed(error, "list folder", path))?;
        let formatted = entries.iter().any(|entry| entry.name == "FORMAT");
        if !formatted && let Some(entry) = entries.iter().find(|entry| is_strange(&entry.name)) {
            return Err(DataDirError::NotOurs { path: path.to_owned(), name: entry.name.clone() });
        }
        let lock = path.join("LOCK");
        let lock =
            match disk.lock(&lock, &format!("{owner}\n")).map_err(|error| failed(error, "lock", &lock))? {
                Lock::Held(lock) => lock,
                Lock::Busy(owner) => {
                    let owner = if owner.is_empty() { "another process".to_owned() } else { owner };
                    return Err(DataDirError::Held { path: path.to_owned(), owner });
                }
            };
        // Under the lock: a process that was just making the folder may have finished.
        let format = path.join("FORMAT");
        match read_format(&*disk, &format).map_err(|error| failed(error, "read", &format))? {
            Some(text) => check_format(path, &text)?,
            None => write_format(&*disk, path)?,
        }
        Ok(DataDir { disk, path: path.to_owned(), _lock: lock })
    }

    /// Whether a folder is one of ours, of a format that this release knows. Changes nothing and takes no lock.
    pub fn look(disk: &dyn Disk, path: &Path) -> Result<(), DataDirError> {
        let format = path.join("FORMAT");
        match read_format(disk, &format) {
            Ok(Some(text)) => check_format(path, &text),
            Ok(None) => Err(DataDirError::None { path: path.to_owned() }),
            Err(error) => Err(failed(error, "read", &format)),
        }
    }

    /// The number of the folder's format that this release reads and writes.
    pub const FORMAT: u32 = VERSION;

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that can still be written.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes(&self.path)
    }

    /// Moves a damaged file to the folder's `quarantine`; answers where it is now.
    pub fn quarantine(&self, file: &Path) -> io::Result<PathBuf> {
        quarantine(&*self.disk, file, &self.path.join("quarantine"))
    }
}

/// Moves a damaged file into a folder of such files, under a name that is free there; answers where it is now.
pub fn quarantine(disk: &dyn Disk, file: &Path, aside: &Path) -> io::Result<PathBuf> {
    disk.create_dir_all(aside)?;
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    let taken = disk.list(aside)?;
    let free = |name: &String| taken.iter().all(|entry| entry.name != *name);
    let names = std::iter::once(name.clone()).chain((2..=ASIDE_MAX).map(|n| format!("{name}.{n}")));
    let name = names.into_iter().find(free).ok_or(io::ErrorKind::AlreadyExists)?;
    let target = aside.join(name);
    disk.rename(file, &target)?;
    disk.sync_dir(aside)?;
    disk.sync_dir(file.parent().unwrap_or(Path::new("")))?;
    Ok(target)
}

/// Deletes what unfinished writers left in a folder (`*.tmp`); answers what.
pub fn remove_unfinished(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    for entry in disk.list(dir)? {
        if !entry.is_dir && entry.name.ends_with(".tmp") {
            let path = dir.join(entry.name);
            disk.remove(&path)?;
            removed.push(path);
        }
    }
    if !removed.is_empty() {
        disk.sync_dir(dir)?;
    }
    Ok(removed)
}

/// Whether a name in a folder without `FORMAT` shows that the folder is somebody else's.
fn is_strange(name: &str) -> bool {
    !(name.starts_with('.') || ["LOCK", "FORMAT.tmp", "lost+found"].contains(&name))
}

/// `None`: there is no such file.
fn read_format(disk: &dyn Disk, path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open_read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = vec![0; FORMAT_BYTES_MAX];
    let bytes = read_full(&*file, 0, &mut text)?;
    text.truncate(bytes);
    Ok(Some(text))
}

fn check_format(path: &Path, text: &[u8]) -> Result<(), DataDirError> {
    let version = || {
        let mut lines = std::str::from_utf8(text).ok()?.lines();
        if lines.next()? != TITLE {
            return None;
        }
        lines.next()?.strip_prefix("format ")?.parse::<u32>().ok()
    };
    match version() {
        Some(VERSION) => Ok(()),
        Some(found) if found > VERSION => {
            Err(DataDirError::NewerFormat { path: path.to_owned(), found, known: VERSION })
        }
        _ => Err(DataDirError::BadFormat { path: path.join("FORMAT") }),
    }
}

fn write_format(disk: &dyn Disk, dir: &Path) -> Result<(), DataDirError> {
    let (path, unfinished) = (dir.join("FORMAT"), dir.join("FORMAT.tmp"));
    let text = format!("{TITLE}\nformat {VERSION}\n");
    let publish = || {
        let file = disk.create(&unfinished)?;
        write_all_at(&*file, 0, text.as_bytes(), &[])?;
        file.sync()?;
        disk.rename(&unfinished, &path)?;
        disk.sync_dir(dir)
    };
    publish().map_err(|error| failed(error, "write", &path))
}

fn failed(source: io::Error, action: &'static str, path: &Path) -> DataDirError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied => DataDirError::Permission { action, path, source },
        io::ErrorKind::ReadOnlyFilesystem => DataDirError::ReadOnly { action, path, source },
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            DataDirError::NotAFolder { path, source }
        }
        _ => DataDirError::Io { action, path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: io::ErrorKind, expected: &str) {
        assert_eq!(failed(kind.into(), "lock", Path::new("/d/LOCK")).to_string(), expected);
    }

    #[test]
    fn what_the_system_refuses_comes_with_a_remedy() {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
        check(
            PermissionDenied,
            "not allowed to lock `/d/LOCK`; make the folder writable for this user (chown), or use another one",
        );
        check(
            ReadOnlyFilesystem,
            "cannot lock `/d/LOCK`: the file system is read-only; remount it, or use another folder",
        );
        check(StorageFull, "cannot lock `/d/LOCK`; is the disk full or failing?");
    }
}
