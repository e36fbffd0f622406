//! What a rule keeps per element of its result, found again in the next round.
//!
//! An element is found by its labels as the expression gives them, without building anything: ten thousand elements
//! cost ten thousand hashes. Only an element that was not there before is looked up by the labels that the rule
//! makes of it, which are its identity.

use lingshao_model::Labels;
use rapidhash::{HashMapExt, RapidHashMap};

/// Entries by their own labels and by those of the element that they came from.
#[derive(Debug)]
pub(super) struct Roster<T> {
    entries: Vec<Option<Entry<T>>>,
    free: Vec<usize>,
    by_labels: RapidHashMap<Labels, usize>,
    by_source: RapidHashMap<Labels, usize>,
    round: u64,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Entry<T> {
    /// Its identity.
    pub(super) labels: Labels,
    /// The labels of the element, when they tell the identity.
    source: Option<Labels>,
    /// The round in which it was last in the result.
    seen: u64,
    /// What is kept.
    pub(super) value: T,
}

impl<T> Roster<T> {
    pub(super) fn new() -> Roster<T> {
        Roster {
            entries: Vec::new(),
            free: Vec::new(),
            by_labels: RapidHashMap::new(),
            by_source: RapidHashMap::new(),
            round: 0,
        }
    }

    /// A new round: nothing is seen yet.
    pub(super) fn begin(&mut self) {
        self.round += 1;
    }

    /// The entry that this element was bound to.
    pub(super) fn of_source(&self, source: &Labels) -> Option<usize> {
        self.by_source.get(source).copied()
    }

    /// The entry of this identity.
    pub(super) fn of_labels(&self, labels: &Labels) -> Option<usize> {
        self.by_labels.get(labels).copied()
    }

    /// Remembers that an element with these labels is that entry.
    pub(super) fn bind(&mut self, at: usize, source: &Labels) {
        let Some(entry) = self.entries[at].as_mut() else { return };
        if let Some(old) = entry.source.replace(source.clone()) {
            self.by_source.remove(&old);
        }
        self.by_source.insert(source.clone(), at);
    }

    /// Marks an entry as seen in this round; false when it is already.
    pub(super) fn see(&mut self, at: usize) -> bool {
        let round = self.round;
        self.entries[at].as_mut().is_some_and(|entry| std::mem::replace(&mut entry.seen, round) != round)
    }

    /// Whether it was seen in this round.
    pub(super) fn is_seen(&self, at: usize) -> bool {
        self.entries[at].as_ref().is_some_and(|entry| entry.seen == self.round)
    }

    /// The identity at a place that is not empty.
    pub(super) fn labels(&self, at: usize) -> Labels {
        self.entries[at].as_ref().map_or_else(Labels::empty, |entry| entry.labels.clone())
    }

    /// Adds one, seen in this round; its labels are not there yet.
    pub(super) fn insert(&mut self, labels: Labels, value: T) -> usize {
        let entry = Entry { labels: labels.clone(), source: None, seen: self.round, value };
        let at = match self.free.pop() {
            Some(at) => {
                self.entries[at] = Some(entry);
                at
            }
            None => {
                self.entries.push(Some(entry));
                self.entries.len() - 1
            }
        };
        self.by_labels.insert(labels, at);
        at
    }

    pub(super) fn remove(&mut self, at: usize) -> Option<Entry<T>> {
        let entry = self.entries[at].take()?;
        self.by_labels.remove(&entry.labels);
        if let Some(source) = &entry.source {
            self.by_source.remove(source);
        }
        self.free.push(at);
        Some(entry)
    }

    /// Places, some of which may be empty.
    pub(super) fn places(&self) -> std::ops::Range<usize> {
        0..self.entries.len()
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Entry<T>> {
        self.entries.get_mut(at)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.entries.iter().flatten()
    }

    /// Empties it; who comes from where is forgotten too.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Entry<T>> {
        self.by_labels.clear();
        self.by_source.clear();
        self.free.clear();
        std::mem::take(&mut self.entries).into_iter().flatten()
    }
}
