//! Which ids arrived lately, so that a repeated record is stored once.

use hashbrown::HashTable;
use rapidhash::v3::rapidhash_v3;

/// Ids of at least the last span of arrival, or half of as many as may be kept.
///
/// Two tables: when the newer one is full or old, it becomes the older one, and the older one is forgotten.
#[derive(Debug)]
pub(crate) struct IdMemory {
    /// Unknown to senders, so that they cannot make ids that collide.
    salt: u64,
    span: i64,
    table_max: usize,
    newer: HashTable<Entry>,
    older: HashTable<Entry>,
    /// Arrival of the first id of the newer table.
    begun: i64,
    scratch: Vec<u8>,
}

/// 128 bits of hash stand for index and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdKey(u64, u64);

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) content: u64,
    pub(crate) seq: u64,
}

#[derive(Debug)]
struct Entry {
    key: IdKey,
    known: Known,
}

impl IdMemory {
    pub(crate) fn new(salt: u64, span: i64, ids_max: usize) -> IdMemory {
        let (newer, older) = (HashTable::new(), HashTable::new());
        let table_max = (ids_max / 2).max(1);
        IdMemory { salt, span, table_max, newer, older, begun: 0, scratch: Vec::new() }
    }

    pub(crate) fn key(&mut self, index: u32, id: &str) -> IdKey {
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.salt.to_le_bytes());
        self.scratch.extend_from_slice(&index.to_le_bytes());
        self.scratch.extend_from_slice(id.as_bytes());
        let first = rapidhash_v3(&self.scratch);
        self.scratch.extend_from_slice(&self.salt.rotate_left(32).to_le_bytes());
        IdKey(first, rapidhash_v3(&self.scratch))
    }

    pub(crate) fn find(&self, key: IdKey) -> Option<Known> {
        let same = |entry: &Entry| entry.key == key;
        let found = self.newer.find(key.0, same).or_else(|| self.older.find(key.0, same));
        found.map(|entry| entry.known)
    }

    /// Remembers an id that is not known.
    pub(crate) fn insert(&mut self, key: IdKey, known: Known, arrived: i64) {
        if self.newer.is_empty() {
            self.begun = arrived;
        }
        if self.newer.len() >= self.table_max || arrived.saturating_sub(self.begun) >= self.span {
            self.older = std::mem::take(&mut self.newer);
            self.begun = arrived;
        }
        self.newer.insert_unique(key.0, Entry { key, known }, |entry| entry.key.0);
    }

    /// Forgets an id that was inserted for a batch that the log did not take.
    pub(crate) fn take_back(&mut self, key: IdKey) {
        let tables = [&mut self.newer, &mut self.older];
        for table in tables {
            if let Ok(entry) = table.find_entry(key.0, |entry| entry.key == key) {
                entry.remove();
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_known_for_a_span_at_least_and_two_at_most() {
        let mut ids = IdMemory::new(7, 100, 1_000);
        let (a, b) = (ids.key(1, "a"), ids.key(1, "b"));
        assert_ne!(a, ids.key(2, "a"), "every index has its own");
        ids.insert(a, Known { content: 5, seq: 1 }, 0);
        ids.insert(b, Known { content: 6, seq: 2 }, 100);
        assert_eq!(ids.find(a), Some(Known { content: 5, seq: 1 }));
        let c = ids.key(1, "c");
        ids.insert(c, Known { content: 7, seq: 3 }, 200);
        assert_eq!((ids.find(a), ids.find(b).map(|known| known.seq)), (None, Some(2)));
        ids.take_back(c);
        assert_eq!((ids.find(c), ids.len()), (None, 1));
    }

    #[test]
    fn more_ids_than_allowed_push_out_the_oldest() {
        let mut ids = IdMemory::new(7, i64::MAX, 4);
        let keys: Vec<_> = (0..6).map(|n| ids.key(1, &n.to_string())).collect();
        for key in &keys {
            ids.insert(*key, Known { content: 0, seq: 0 }, 0);
        }
        let known: Vec<bool> = keys.iter().map(|key| ids.find(*key).is_some()).collect();
        assert_eq!(known, [false, false, true, true, true, true]);
    }
}
