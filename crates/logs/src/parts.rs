//! The list of parts, and what is in them: summed up when the list changes, not when somebody asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::part::Part;
use crate::store::IndexSize;

/// All parts at one moment, oldest generations first.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    all: Vec<Arc<Part>>,
    /// By the index's number.
    sizes: BTreeMap<u32, IndexSize>,
    bytes: u64,
}

impl Parts {
    pub(crate) fn new(mut all: Vec<Arc<Part>>) -> Parts {
        all.sort_by_key(|part| (part.generations, part.day));
        let mut sizes: BTreeMap<u32, IndexSize> = BTreeMap::new();
        for (index, size) in all.iter().flat_map(|part| part.sizes()) {
            sizes.entry(*index).or_default().add(*size);
        }
        let bytes = all.iter().map(|part| part.bytes()).sum();
        Parts { all, sizes, bytes }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Part>> {
        self.all.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is sealed of an index.
    pub(crate) fn size_of(&self, index: u32) -> IndexSize {
        self.sizes.get(&index).copied().unwrap_or_default()
    }
}
