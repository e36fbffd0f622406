//! Sets of rows.

/// Some of the rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    rows: u32,
}

impl Bitmap {
    pub(crate) fn none(rows: u32) -> Bitmap {
        Bitmap { words: vec![0; rows.div_ceil(64) as usize], rows }
    }

    pub(crate) fn all(rows: u32) -> Bitmap {
        let mut words = vec![u64::MAX; rows.div_ceil(64) as usize];
        if let Some(last) = words.last_mut()
            && !rows.is_multiple_of(64)
        {
            *last = (1 << (rows % 64)) - 1;
        }
        Bitmap { words, rows }
    }

    #[inline]
    pub(crate) fn insert(&mut self, row: u32) {
        self.words[row as usize / 64] |= 1 << (row % 64);
    }

    #[inline]
    pub(crate) fn contains(&self, row: u32) -> bool {
        self.words[row as usize / 64] & (1 << (row % 64)) != 0
    }

    pub(crate) fn and(&mut self, other: &Bitmap) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own &= other);
    }

    pub(crate) fn or(&mut self, other: &Bitmap) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own |= other);
    }

    /// Takes out what is in the other one.
    pub(crate) fn and_not(&mut self, other: &Bitmap) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own &= !other);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The rows, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().enumerate().flat_map(|(place, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                (bit < 64).then(|| place as u32 * 64 + bit)
            })
        })
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_do_what_sets_do() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let all = Bitmap::all(rows);
            assert_eq!((all.count(), all.is_empty()), (u64::from(rows), rows == 0));
            assert_eq!(all.iter().collect::<Vec<_>>(), (0..rows).collect::<Vec<_>>());
        }
        let mut thirds = Bitmap::none(100);
        (0..100).step_by(3).for_each(|row| thirds.insert(row));
        let mut even = Bitmap::none(100);
        (0..100).step_by(2).for_each(|row| even.insert(row));
        let mut both = thirds.clone();
        both.and(&even);
        assert!(both.iter().eq((0..100).step_by(6)));
        both.or(&thirds);
        assert_eq!(both, thirds);
        both.and_not(&even);
        assert!(both.contains(3) && !both.contains(6) && both.rows() == 100);
    }
}
