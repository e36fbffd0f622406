//! Ascending slices of fingerprints as sets, and a slab: the two shapes in which the router keeps its rows.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use lingshao_model::Fingerprint;

/// Whether everything in `part` is in `whole`.
pub(super) fn is_subset(part: &[Fingerprint], whole: &[Fingerprint]) -> bool {
    let mut rest = whole;
    part.iter().all(|wanted| {
        let skip = rest.partition_point(|own| own < wanted);
        rest = &rest[skip..];
        rest.first() == Some(wanted)
    })
}

/// Whether the two have something in common.
pub(super) fn intersects(a: &[Fingerprint], b: &[Fingerprint]) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    short.iter().any(|wanted| contains(long, *wanted))
}

/// What is in `a` and not in `b`.
pub(super) fn difference(a: &[Fingerprint], b: &[Fingerprint]) -> Vec<Fingerprint> {
    let mut rest = b;
    let mut left = Vec::new();
    for own in a {
        let skip = rest.iter().take_while(|other| *other < own).count();
        rest = &rest[skip..];
        if rest.first() != Some(own) {
            left.push(*own);
        }
    }
    left
}

/// What is in either.
pub(super) fn union(a: &[Fingerprint], b: &[Fingerprint]) -> Vec<Fingerprint> {
    let mut both = Vec::with_capacity(a.len() + b.len());
    both.extend_from_slice(a);
    both.extend_from_slice(b);
    both.sort_unstable();
    both.dedup();
    both
}

/// Whether it is in there.
pub(super) fn contains(set: &[Fingerprint], wanted: Fingerprint) -> bool {
    set.binary_search(&wanted).is_ok()
}

/// A fingerprint is a hash already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FingerprintHasher(u64);

impl Hasher for FingerprintHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A map by fingerprint.
pub(super) type FingerprintMap<V> = HashMap<Fingerprint, V, BuildHasherDefault<FingerprintHasher>>;

/// Values with small, stable numbers; numbers of removed values are used again.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.slots[at as usize] = Some(value);
            return at;
        }
        self.slots.push(Some(value));
        u32::try_from(self.slots.len() - 1).expect("limits are far below 2^32")
    }

    pub(super) fn remove(&mut self, at: u32) -> T {
        self.free.push(at);
        self.slots[at as usize].take().expect("removed once")
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().zip(0u32..).filter_map(|(slot, at)| slot.as_ref().map(|value| (at, value)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.slots.iter_mut().zip(0u32..).filter_map(|(slot, at)| slot.as_mut().map(|value| (at, value)))
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    fn index(&self, at: u32) -> &T {
        self.slots[at as usize].as_ref().expect("numbers in use have a value")
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        self.slots[at as usize].as_mut().expect("numbers in use have a value")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[u64]) -> Vec<Fingerprint> {
        numbers.iter().copied().map(Fingerprint).collect()
    }

    #[test]
    fn slices_behave_as_sets() {
        assert!(is_subset(&set(&[]), &set(&[])));
        assert!(is_subset(&set(&[2, 5]), &set(&[1, 2, 4, 5])));
        assert!(!is_subset(&set(&[2, 6]), &set(&[1, 2, 4, 5])));
        assert!(!is_subset(&set(&[0]), &set(&[1])));
        assert_eq!(difference(&set(&[1, 2, 3, 9]), &set(&[2, 3, 4])), set(&[1, 9]));
        assert_eq!(union(&set(&[1, 4]), &set(&[2, 4, 9])), set(&[1, 2, 4, 9]));
        assert!(intersects(&set(&[1, 4]), &set(&[4, 5, 6])));
        assert!(!intersects(&set(&[1, 4]), &set(&[])));
    }

    #[test]
    fn slab_numbers_are_stable_and_used_again() {
        let mut slab = Slab::default();
        assert_eq!((slab.insert('a'), slab.insert('b')), (0, 1));
        assert_eq!(slab.remove(0), 'a');
        assert_eq!(slab.len(), 1);
        assert_eq!(slab.insert('c'), 0);
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(0, &'c'), (1, &'b')]);
    }
}
