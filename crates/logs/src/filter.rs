//! Which words may stand in a column: a split-block Bloom filter (Putze, Sanders, Singler 2007, as in Parquet).

use lingshao_model::log::words::{fold, words};
use lingshao_model::log::{IpRange, Number};
use rapidhash::v3::rapidhash_v3;

use crate::bytes::Corrupt;

/// Bits a word. 10: about 1 % of words that are not there seem to be.
const BITS: usize = 10;
const BLOCK_BYTES: usize = 32;
const SALT: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// Gathers the different words of a column.
#[derive(Debug)]
pub(crate) struct FilterBuilder {
    hashes: Vec<u64>,
    /// Most words were just seen.
    recent: Box<[u64; 4096]>,
    word: Vec<u8>,
}

/// A filter as it is read.
#[derive(Debug)]
pub(crate) struct Filter(Box<[u8]>);

impl FilterBuilder {
    pub(crate) fn new() -> FilterBuilder {
        FilterBuilder { hashes: Vec::new(), recent: Box::new([0; 4096]), word: Vec::new() }
    }

    pub(crate) fn add_text(&mut self, text: &str) {
        let mut word = std::mem::take(&mut self.word);
        each_key(text, &mut word, &mut |hash| self.add(hash));
        self.word = word;
        if let Some(number) = Number::read(text) {
            self.add(number_key(number));
        }
        if text.contains([':', '.'])
            && let Some(range) = IpRange::read(text).filter(|range| range.first == range.last)
        {
            self.add(ip_key(range.first));
        }
    }

    #[inline]
    fn add(&mut self, hash: u64) {
        let slot = &mut self.recent[hash as usize % 4096];
        if *slot != hash {
            *slot = hash;
            self.hashes.push(hash);
        }
    }

    pub(crate) fn build(mut self) -> Vec<u8> {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        let blocks = (self.hashes.len() * BITS).div_ceil(8 * BLOCK_BYTES).max(1);
        let mut out = vec![0; blocks * BLOCK_BYTES];
        for hash in self.hashes {
            let block = place(hash, blocks);
            for (nth, salt) in SALT.iter().enumerate() {
                let bit = (hash as u32).wrapping_mul(*salt) >> 27;
                out[block + 4 * nth + bit as usize / 8] |= 1 << (bit % 8);
            }
        }
        out
    }
}

impl Filter {
    pub(crate) fn read(bytes: &[u8]) -> Result<Filter, Corrupt> {
        let fits = !bytes.is_empty() && bytes.len().is_multiple_of(BLOCK_BYTES);
        if fits { Ok(Filter(bytes.into())) } else { Err(Corrupt) }
    }

    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        let block = place(hash, self.0.len() / BLOCK_BYTES);
        SALT.iter().enumerate().all(|(nth, salt)| {
            let bit = (hash as u32).wrapping_mul(*salt) >> 27;
            self.0[block + 4 * nth + bit as usize / 8] & (1 << (bit % 8)) != 0
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }
}

fn place(hash: u64, blocks: usize) -> usize {
    (((hash >> 32) * blocks as u64) >> 32) as usize * BLOCK_BYTES
}

/// The keys of a text: its words in any case; of Han each character and each two neighbours.
pub(crate) fn each_key(text: &str, scratch: &mut Vec<u8>, visit: &mut dyn FnMut(u64)) {
    let mut before: Option<(usize, usize)> = None;
    for word in words(text) {
        let bytes = &text.as_bytes()[word.start..word.end];
        if word.han {
            visit(rapidhash_v3(bytes));
            if let Some((start, end)) = before
                && end == word.start
            {
                visit(rapidhash_v3(&text.as_bytes()[start..word.end]));
            }
            before = Some((word.start, word.end));
            continue;
        }
        scratch.clear();
        if bytes.is_ascii() {
            scratch.extend(bytes.iter().map(u8::to_ascii_lowercase));
        } else {
            let mut utf8 = [0; 4];
            text[word.start..word.end]
                .chars()
                .for_each(|letter| scratch.extend_from_slice(fold(letter).encode_utf8(&mut utf8).as_bytes()));
        }
        visit(rapidhash_v3(scratch));
    }
}

/// The key of texts that are this number.
pub(crate) fn number_key(number: Number) -> u64 {
    let float = number.as_f64();
    let float = if float == 0.0 { 0.0 } else { float };
    rapidhash_v3(&float.to_bits().to_le_bytes())
}

/// The key of texts that are this address.
pub(crate) fn ip_key(address: u128) -> u64 {
    rapidhash_v3(&address.to_le_bytes())
}

/// The keys of a query's text.
pub(crate) fn keys(text: &str) -> Vec<u64> {
    let mut all = Vec::new();
    each_key(text, &mut Vec::new(), &mut |key| all.push(key));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_values_are_found_and_others_mostly_not() {
        let mut builder = FilterBuilder::new();
        for n in 0..10_000 {
            builder.add_text(&format!("Order {n} 支付失败"));
        }
        let bytes = builder.build();
        assert!(bytes.len() < 10_100 * BITS / 8 + 64, "{} bytes", bytes.len());
        let filter = Filter::read(&bytes).unwrap();
        let finds = |text: &str| keys(text).into_iter().all(|key| filter.may_contain(key));
        assert!((0..10_000).all(|n| finds(&n.to_string())));
        assert!(finds("ORDER") && finds("付失败"));
        let wrong = (10_000..30_000).filter(|n| finds(&n.to_string())).count();
        assert!(wrong < 600, "{wrong} of 20,000 seem to be there");
    }
}
