//! Buckets by owner and key, and rows by owner.

use hashbrown::HashTable;
use lingshao_model::log::{BucketKey, LogTime, Number};

use super::values::Value;
use crate::bitmap::Bitmap;

/// Buckets of all owners, numbered as they come.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    pub(super) all: Vec<OneBucket>,
    numbers: HashTable<u32>,
    /// Memory that has not been accounted for yet.
    new_bytes: usize,
    /// By owner, when they are finished.
    pub(super) by_owner: Vec<Vec<u32>>,
}

#[derive(Debug)]
pub(super) struct OneBucket {
    owner: u32,
    hash: u64,
    pub(super) keys: Vec<BucketKey>,
    pub(super) count: u64,
}

impl Buckets {
    /// The number of an owner's bucket for a value.
    pub(super) fn number(&mut self, owner: u32, value: Value<'_>) -> u32 {
        let hash = value.hash() ^ u64::from(owner).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let all = &self.all;
        let same = |number: &u32| {
            let own = &all[*number as usize];
            own.hash == hash && own.owner == owner && value.is(&own.keys[0])
        };
        match self.numbers.find(hash, same) {
            Some(number) => *number,
            None => self.add(owner, hash, vec![value.key()]),
        }
    }

    /// The number of an owner's bucket for a combination.
    pub(super) fn number_of_keys(&mut self, owner: u32, keys: &[BucketKey]) -> u32 {
        let hash = keys.iter().fold(u64::from(owner), |hash, key| {
            (hash.rotate_left(7) ^ hash_of(key)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        });
        let all = &self.all;
        let same = |number: &u32| {
            let own = &all[*number as usize];
            own.hash == hash && own.owner == owner && own.keys == keys
        };
        match self.numbers.find(hash, same) {
            Some(number) => *number,
            None => self.add(owner, hash, keys.to_vec()),
        }
    }

    fn add(&mut self, owner: u32, hash: u64, keys: Vec<BucketKey>) -> u32 {
        let number = self.all.len() as u32;
        let text = |key: &BucketKey| if let BucketKey::Text(text) = key { text.len() } else { 0 };
        self.new_bytes += 120 + keys.iter().map(|key| 32 + text(key)).sum::<usize>();
        self.all.push(OneBucket { owner, hash, keys, count: 0 });
        let all = &self.all;
        self.numbers.insert_unique(hash, number, |number| all[*number as usize].hash);
        number
    }

    pub(super) fn take_bytes(&mut self) -> usize {
        std::mem::take(&mut self.new_bytes)
    }

    pub(super) fn group(&mut self) {
        self.by_owner.clear();
        for (number, bucket) in self.all.iter().enumerate() {
            let owner = bucket.owner as usize;
            if self.by_owner.len() <= owner {
                self.by_owner.resize_with(owner + 1, Vec::new);
            }
            self.by_owner[owner].push(number as u32);
        }
    }

    pub(super) fn of(&self, owner: u32) -> &[u32] {
        self.by_owner.get(owner as usize).map_or(&[], |own| own)
    }
}

fn hash_of(key: &BucketKey) -> u64 {
    match key {
        BucketKey::Null => 1,
        BucketKey::Text(text) => Value::Text(text).hash(),
        BucketKey::Number(number) => Value::Number(*number).hash(),
        BucketKey::Bool(value) => Value::Bool(*value).hash(),
        BucketKey::Time(LogTime(nanos)) => Value::Time(*nanos).hash(),
        BucketKey::Place(place) => Value::Number(Number::Int(*place as i64)).hash(),
    }
}

/// Pairs of row and owner, by row.
pub(super) struct Offsets<'a> {
    pairs: &'a [(u32, u32)],
    owners: Vec<u32>,
    /// Of each row, where its owners begin.
    starts: Vec<u32>,
}

impl<'a> Offsets<'a> {
    pub(super) fn new(pairs: &'a [(u32, u32)], rows: u32) -> Offsets<'a> {
        let mut starts = vec![0; rows as usize + 1];
        pairs.iter().for_each(|(row, _)| starts[*row as usize + 1] += 1);
        (1..starts.len()).for_each(|row| starts[row] += starts[row - 1]);
        Offsets { owners: pairs.iter().map(|(_, owner)| *owner).collect(), pairs, starts }
    }

    #[inline]
    pub(super) fn of(&self, row: u32) -> &[u32] {
        let row = row as usize;
        &self.owners[self.starts[row] as usize..self.starts[row + 1] as usize]
    }

    /// The rows that have owners.
    pub(super) fn rows(&self) -> Bitmap {
        let mut rows = Bitmap::none(self.starts.len() as u32 - 1);
        self.pairs.iter().for_each(|(row, _)| rows.insert(*row));
        rows
    }

    /// Puts a row into the nth of so many buckets of each of its owners.
    pub(super) fn put(&self, row: u32, width: usize, nth: usize, inside: &mut Vec<(u32, u32)>) {
        inside.extend(self.of(row).iter().map(|owner| (row, owner * width as u32 + nth as u32)));
    }
}
