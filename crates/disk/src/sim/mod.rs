//! A disk in memory that remembers what was synced, for tests of everything that keeps files.
//!
//! [`SimDisk::crash_state`] answers the disk as a power cut would leave it, in each of the ways of [`Crash`]. A disk
//! can be told to crash at its n-th operation, to fail its n-th sync (and to drop silently what should have been
//! synced, as Linux does), to run full, to fail truncation, and to be unable to read some bytes. Same calls, same
//! seeds: same states.
//!
//! Folders are durable as soon as they are made, which is what [`Disk::create_dir_all`] promises. A rename is atomic;
//! it is durable when either of its folders is synced. Only files can be renamed.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::disk::{Disk, Entry, Lock, LockGuard, ReadFile, WriteFile};
use file::FileState;

/// In which way unsynced data and names survive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crash {
    /// Nothing unsynced survives.
    LoseAll,
    /// Everything survives.
    KeepAll,
    /// Operations survive in order up to one of them, which survives up to a multiple of `sector` in the file.
    Torn {
        /// 512 and 4096 are what devices do.
        sector: u64,
        /// Chooses where.
        seed: u64,
    },
    /// Each sector of 512 bytes is as it was at one of the moments since the sync, and so is each file's length;
    /// each name operation survives or not.
    Random {
        /// Chooses which.
        seed: u64,
    },
    /// Names and lengths survive, content does not: files end in zeros.
    LengthOnly,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    files: Vec<FileState>,
    /// As programs see it.
    names: BTreeMap<PathBuf, usize>,
    /// As it is on the platter.
    durable_names: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    /// What of `names` is not in `durable_names`, in order.
    unsynced: Vec<NameOp>,
    locks: BTreeMap<PathBuf, String>,
    operations: u64,
    syncs: u64,
    randoms: u64,
    crash_at: Option<u64>,
    crashed: bool,
    fail_sync_at: Option<u64>,
    fail_truncate: bool,
    free_bytes: Option<u64>,
    unreadable: Vec<(PathBuf, Range<u64>)>,
}

#[derive(Clone, Debug)]
enum NameOp {
    Create(PathBuf, usize),
    Remove(PathBuf),
    /// From, to, and which file: its new name does not depend on how the old one came about.
    Rename(PathBuf, PathBuf, usize),
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    file: usize,
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
}

/// What becomes of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// It happens, the program does not learn of it, and nothing happens after it.
    Last,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// Writing operations so far: create, write, truncate, sync, rename, remove, folder sync.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Syncs so far, of files and folders.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Lets the power fail during an operation, counted as by [`SimDisk::operations`] from 1. It may have happened in
    /// part or whole; every later call answers an error.
    pub fn crash_at(&self, operation: u64) {
        self.state().crash_at = Some(operation);
    }

    /// Whether the power has failed.
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Lets a sync fail, counted as by [`SimDisk::syncs`] from 1. What it should have synced never gets to the disk
    /// although programs go on seeing it; later syncs succeed.
    pub fn fail_sync_at(&self, sync: u64) {
        self.state().fail_sync_at = Some(sync);
    }

    /// Lets files be shortened no more, or again.
    pub fn fail_truncate(&self, fail: bool) {
        self.state().fail_truncate = fail;
    }

    /// Lets files grow by so many bytes, then the disk is full. `None`: without limit.
    pub fn set_free_bytes(&self, bytes: Option<u64>) {
        self.state().free_bytes = bytes;
    }

    /// Makes reads that touch these bytes fail with `EIO`.
    pub fn make_unreadable(&self, path: &Path, bytes: Range<u64>) {
        self.state().unreadable.push((path.to_owned(), bytes));
    }

    /// A file's content as programs see it.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        state.names.get(path).map(|file| state.files[*file].seen.clone())
    }

    /// Puts a file on the disk, durable at once; also the way to damage one.
    pub fn put(&self, path: &Path, content: &[u8]) {
        let mut state = self.state();
        state.dirs.extend(path.ancestors().skip(1).map(Path::to_owned));
        let file = state.add_file(FileState::durable(content.to_vec()));
        state.names.insert(path.to_owned(), file);
        state.durable_names.insert(path.to_owned(), file);
    }

    /// All files, as programs see them.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// The disk as a power cut now would leave it. It has no faults set and nobody holds a lock.
    pub fn crash_state(&self, crash: Crash) -> SimDisk {
        let state = self.state();
        let mut dice = Dice::new(match crash {
            Crash::Torn { sector, seed } => seed.wrapping_mul(2).wrapping_add(sector),
            Crash::Random { seed } => !seed,
            _ => 0,
        });
        let names = state.names_after(crash, &mut dice);
        let mut after = State { dirs: state.dirs.clone(), randoms: state.randoms, ..State::default() };
        let mut moved = BTreeMap::new();
        for (path, file) in &names {
            let file = *moved.entry(*file).or_insert_with(|| {
                after.add_file(FileState::durable(state.files[*file].after(crash, &mut dice)))
            });
            after.names.insert(path.clone(), file);
        }
        after.durable_names = after.names.clone();
        SimDisk(Arc::new(Mutex::new(after)))
    }

    /// The disk as a program finds it that starts after another one was killed: what was not synced is still to be
    /// seen, and still to be lost in a power cut. It has no faults set and nobody holds a lock.
    pub fn after_kill(&self) -> SimDisk {
        let state = self.state();
        SimDisk(Arc::new(Mutex::new(State {
            files: state.files.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            dirs: state.dirs.clone(),
            unsynced: state.unsynced.clone(),
            randoms: state.randoms,
            ..State::default()
        })))
    }

    /// A number that differs for disks with different names or contents, as programs see them.
    pub fn fingerprint(&self) -> u64 {
        let state = self.state();
        let mut hasher = DefaultHasher::new();
        for (path, file) in &state.names {
            (path, &state.files[*file].seen).hash(&mut hasher);
        }
        hasher.finish()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while the simulated disk is held")
    }

    fn handle(&self, path: &Path, file: usize) -> Arc<SimFile> {
        Arc::new(SimFile { disk: self.clone(), path: path.to_owned(), file })
    }
}

impl State {
    fn add_file(&mut self, file: FileState) -> usize {
        self.files.push(file);
        self.files.len() - 1
    }

    /// Every call begins here.
    fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(power_cut()) } else { Ok(()) }
    }

    /// Every call that changes something begins here.
    fn operation(&mut self) -> io::Result<Fate> {
        self.alive()?;
        self.operations += 1;
        self.crashed = self.crash_at == Some(self.operations);
        Ok(if self.crashed { Fate::Last } else { Fate::Done })
    }

    /// Whether a sync works; a crashing one does not happen: what is in flight then is decided by the crash state.
    fn sync(&mut self) -> io::Result<bool> {
        if self.operation()? == Fate::Last {
            return Err(power_cut());
        }
        self.syncs += 1;
        Ok(self.fail_sync_at != Some(self.syncs))
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        self.alive()?;
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename_now(&mut self, op: NameOp) {
        op.apply(&mut self.names);
        self.unsynced.push(op);
    }

    fn names_after(&self, crash: Crash, dice: &mut Dice) -> BTreeMap<PathBuf, usize> {
        let mut names = self.durable_names.clone();
        let prefix = dice.below(self.unsynced.len() as u64 + 1) as usize;
        for (index, op) in self.unsynced.iter().enumerate() {
            let survives = match crash {
                Crash::LoseAll => false,
                Crash::KeepAll | Crash::LengthOnly => true,
                Crash::Torn { .. } => index < prefix,
                Crash::Random { .. } => dice.below(2) == 0,
            };
            if survives {
                op.apply(&mut names);
            }
        }
        names
    }

    /// How much of a write the disk has room for.
    fn room(&mut self, file: usize, offset: u64, bytes: u64) -> io::Result<u64> {
        let Some(free) = self.free_bytes else { return Ok(bytes) };
        let growth = (offset + bytes).saturating_sub(self.files[file].seen.len() as u64);
        let taken = growth.min(free);
        let room = bytes - (growth - taken).min(bytes);
        if room == 0 && bytes > 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.free_bytes = Some(free - taken);
        Ok(room)
    }

    fn give_back(&mut self, bytes: u64) {
        self.free_bytes = self.free_bytes.map(|free| free + bytes);
    }
}

impl NameOp {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameOp::Create(path, file) => drop(names.insert(path.clone(), *file)),
            NameOp::Remove(path) => drop(names.remove(path)),
            NameOp::Rename(from, to, file) => {
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(to.clone(), *file);
            }
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let is_in = |path: &Path| path.parent() == Some(dir);
        match self {
            NameOp::Create(path, _) | NameOp::Remove(path) => is_in(path),
            NameOp::Rename(from, to, _) => is_in(from) || is_in(to),
        }
    }
}

impl Disk for SimDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.alive()?;
        if state.names.contains_key(dir) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let state = self.state();
        state.alive()?;
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let entry = |path: &Path, bytes: usize, is_dir| {
            let name = path.file_name().filter(|_| path.parent() == Some(dir))?;
            Some(Entry { name: name.to_string_lossy().into_owned(), bytes: bytes as u64, is_dir })
        };
        let files = state.names.iter().filter_map(|(path, file)| {
            let bytes = state.files[*file].seen.len();
            entry(path, bytes, false)
        });
        let dirs = state.dirs.iter().filter_map(|path| entry(path, 0, true));
        let mut entries: Vec<Entry> = files.chain(dirs).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn WriteFile>> {
        let mut state = self.state();
        let fate = state.operation()?;
        if !path.parent().is_some_and(|dir| state.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let file = match state.names.get(path).copied() {
            Some(file) => {
                let bytes = state.files[file].seen.len() as u64;
                state.give_back(bytes);
                state.files[file].truncate(0);
                file
            }
            None => {
                let file = state.add_file(FileState::default());
                state.rename_now(NameOp::Create(path.to_owned(), file));
                file
            }
        };
        fate.told()?;
        Ok(self.handle(path, file))
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn WriteFile>> {
        let file = self.state().file(path)?;
        Ok(self.handle(path, file))
    }

    fn open_read(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let file = self.state().file(path)?;
        Ok(self.handle(path, file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file(from)?;
        if !to.parent().is_some_and(|dir| state.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let fate = state.operation()?;
        state.rename_now(NameOp::Rename(from.to_owned(), to.to_owned(), file));
        fate.told()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file(path)?;
        let fate = state.operation()?;
        let bytes = state.files[file].seen.len() as u64;
        state.give_back(bytes);
        state.rename_now(NameOp::Remove(path.to_owned()));
        fate.told()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let works = state.sync()?;
        if !works {
            return Err(io::Error::from_raw_os_error(EIO)); // A journal that fails does not forget names.
        }
        let state = &mut *state;
        for op in state.unsynced.extract_if(.., |op| op.is_in(dir)) {
            op.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.state();
        state.alive()?;
        Ok(state.free_bytes.unwrap_or(u64::MAX))
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<Lock> {
        let mut state = self.state();
        state.alive()?;
        if let Some(owner) = state.locks.get(path) {
            return Ok(Lock::Busy(owner.trim().to_owned()));
        }
        state.locks.insert(path.to_owned(), owner.to_owned());
        Ok(Lock::Held(Box::new(SimLock { disk: self.clone(), path: path.to_owned() })))
    }

    fn random(&self) -> u64 {
        let mut state = self.state();
        state.randoms += 1;
        Dice::new(state.randoms).next()
    }
}

impl WriteFile for SimFile {
    fn write_at(&self, offset: u64, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.disk.state();
        let fate = state.operation()?;
        let mut content: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let room = state.room(self.file, offset, content.len() as u64)?;
        content.truncate(room as usize);
        let bytes = content.len();
        state.files[self.file].write(offset, content);
        fate.told().map(|()| bytes)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let fate = state.operation()?;
        if state.fail_truncate {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let before = state.files[self.file].seen.len() as u64;
        state.give_back(before.saturating_sub(bytes));
        state.files[self.file].truncate(bytes);
        fate.told()
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let works = state.sync()?;
        state.files[self.file].sync(works);
        if works { Ok(()) } else { Err(io::Error::from_raw_os_error(EIO)) }
    }
}

impl ReadFile for SimFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let state = self.disk.state();
        state.alive()?;
        let end = offset + into.len() as u64;
        let hit = |(path, bytes): &(PathBuf, Range<u64>)| {
            *path == self.path && bytes.start < end && offset < bytes.end
        };
        if state.unreadable.iter().any(hit) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let content = &state.files[self.file].seen;
        let rest = content.get(offset as usize..).unwrap_or_default();
        let bytes = rest.len().min(into.len());
        into[..bytes].copy_from_slice(&rest[..bytes]);
        Ok(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.alive()?;
        Ok(state.files[self.file].seen.len() as u64)
    }
}

impl LockGuard for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        if let Ok(mut state) = self.disk.0.lock() {
            state.locks.remove(&self.path);
        }
    }
}

impl Fate {
    fn told(self) -> io::Result<()> {
        if self == Fate::Last { Err(power_cut()) } else { Ok(()) }
    }
}

const EIO: i32 = 5;

fn power_cut() -> io::Error {
    io::Error::other("simulated power cut")
}

/// Repeatable chance (splitmix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}
