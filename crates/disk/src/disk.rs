//! What data files stand on: a handful of operations with a real and a simulated implementor.

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Without the folder.
    pub name: String,
    /// Length of a file, 0 for a folder.
    pub bytes: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
}

/// A file system, real or simulated.
///
/// Nothing is durable but by [`WriteFile::sync`] for a file's content and length, and by [`Disk::sync_dir`] for the
/// names in a folder.
pub trait Disk: Send + Sync + Debug {
    /// Makes a folder and those above it, for the owner only. They are durable when it returns.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;
    /// The names in a folder, sorted. Names that are not UTF-8 are not ours and left out.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Makes a file for the owner only, or empties it.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn WriteFile>>;
    /// Opens a file that exists for writing.
    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn WriteFile>>;
    /// Opens a file that exists for reading.
    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;
    /// Gives a file another name on the same file system; what had that name is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Deletes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// How many bytes may still be written below a folder.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Locks a file, made if missing, and writes the owner's line into it; or says whose line is in it.
    fn lock(&self, path: &Path, owner: &str) -> io::Result<Lock>;
    /// A number that a sender of data cannot guess.
    fn random(&self) -> u64;
}

/// A file that is written. Shared: one thread may sync it while another one appends.
pub trait WriteFile: Send + Sync + Debug {
    /// Writes at an offset, as one system call; answers how many bytes it took, which may be fewer than given.
    fn write_at(&self, offset: u64, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Cuts the file or extends it with zeros.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// Makes content and length durable. After an error nobody knows what is on the platter: do not try again.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is read.
pub trait ReadFile: Send + Sync + Debug {
    /// Reads at an offset; answers how many bytes it got, 0 at the end.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Length of the file.
    fn bytes(&self) -> io::Result<u64>;
}

/// The answer to [`Disk::lock`].
#[derive(Debug)]
pub enum Lock {
    /// Ours until the guard is dropped or the process ends.
    Held(Box<dyn LockGuard>),
    /// Somebody else's; their line.
    Busy(String),
}

/// Keeps a lock while it lives.
pub trait LockGuard: Send + Sync + Debug {}

/// Whether an error says that there is no room: full device, quota, or file size limit.
pub(crate) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Writes all parts from `offset` on. Normally one call; a short write is followed by another one, which tells why.
pub(crate) fn write_all_at(file: &dyn WriteFile, offset: u64, head: &[u8], body: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < head.len() + body.len() {
        let parts = [
            IoSlice::new(&head[done.min(head.len())..]),
            IoSlice::new(&body[done.saturating_sub(head.len())..]),
        ];
        match file.write_at(offset + done as u64, &parts) {
            Ok(0) => return Err(io::ErrorKind::StorageFull.into()),
            Ok(bytes) => done += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until `into` is full or the file ends; answers how many bytes it got.
pub(crate) fn read_full(file: &dyn ReadFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match file.read_at(offset + done as u64, &mut into[done..]) {
            Ok(0) => break,
            Ok(bytes) => done += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
