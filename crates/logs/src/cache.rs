//! What queries used of blocks, decoded, within a bound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::block::{Directory, Shapes, Sparse};
use crate::column::Column;
use crate::filter::Filter;

/// A thing of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey {
    /// Number of the part since the start of the process.
    pub(crate) part: u64,
    pub(crate) block: u32,
    pub(crate) item: Item,
}

/// Which thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    Directory,
    Times,
    Seqs,
    Arrived,
    Levels,
    Shapes,
    Ids,
    Sources,
    Column(u32),
    Filter(u32),
}

/// It, shared.
#[derive(Clone, Debug)]
pub(crate) enum Cached {
    Directory(Arc<Directory>),
    Ints(Arc<Vec<i64>>),
    Levels(Arc<Vec<u8>>),
    Shapes(Arc<Shapes>),
    Sparse(Arc<Sparse>),
    Column(Arc<Column>),
    Filter(Arc<Filter>),
}

impl Cached {
    fn bytes(&self) -> usize {
        128 + match self {
            Cached::Directory(directory) => directory.bytes(),
            Cached::Ints(ints) => 8 * ints.len(),
            Cached::Levels(levels) => levels.len(),
            Cached::Shapes(shapes) => shapes.bytes(),
            Cached::Sparse(sparse) => sparse.bytes(),
            Cached::Column(column) => column.bytes(),
            Cached::Filter(filter) => filter.bytes(),
        }
    }
}

/// Keeps what was used last.
#[derive(Debug)]
pub(crate) struct Cache {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    all: HashMap<CacheKey, (Cached, u64)>,
    bytes: usize,
    /// Counts uses.
    clock: u64,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize) -> Cache {
        Cache { bytes_max, state: Mutex::default() }
    }

    pub(crate) fn get(&self, key: CacheKey) -> Option<Cached> {
        let mut state = self.lock();
        state.clock += 1;
        let clock = state.clock;
        let (cached, used) = state.all.get_mut(&key)?;
        *used = clock;
        Some(cached.clone())
    }

    /// Whether a thing is there; does not count as a use.
    pub(crate) fn has(&self, key: CacheKey) -> bool {
        self.lock().all.contains_key(&key)
    }

    pub(crate) fn put(&self, key: CacheKey, cached: Cached) {
        let bytes = cached.bytes();
        // A large column would push out many small things that every query needs.
        if bytes > self.bytes_max / 32 {
            return;
        }
        let mut state = self.lock();
        state.clock += 1;
        let clock = state.clock;
        if state.all.insert(key, (cached, clock)).is_none() {
            state.bytes += bytes;
        }
        if state.bytes > self.bytes_max {
            state.forget_half();
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while caching")
    }
}

impl State {
    /// Forgets what was not used for the longest time.
    fn forget_half(&mut self) {
        let mut uses: Vec<u64> = self.all.values().map(|(_, used)| *used).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let median = *median;
        self.all.retain(|_, (_, used)| *used > median);
        self.bytes = self.all.values().map(|(cached, _)| cached.bytes()).sum();
    }
}
