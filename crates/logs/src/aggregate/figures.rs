//! Figures over values: sums, percentiles, different values.

use std::collections::{BTreeMap, HashSet};

use lingshao_model::log::ExtendedStats;

/// Up to so many values, percentiles are exact: a million records take 8 MB.
const EXACT_VALUES_MAX: usize = 1 << 20;
/// Width of the sketch's classes: a percentile is wrong by half a per cent of itself at most.
const ERROR: f64 = 0.005;
/// Smaller ones are 0 to the sketch.
const LEAST: f64 = 1e-12;
/// Up to so many different values, their number is exact.
const EXACT_DIFFERENT_MAX: usize = 65_536;
/// Registers of the estimate beyond: 2^14, an error of 0.8 %.
const REGISTER_BITS: u32 = 14;

/// Sums of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    count: u64,
    sum: f64,
    /// What rounding took from the sum (Neumaier).
    lost: f64,
    min: f64,
    max: f64,
    squares: f64,
}

impl Default for Sums {
    fn default() -> Sums {
        Sums { count: 0, sum: 0.0, lost: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, squares: 0.0 }
    }
}

impl Sums {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        let sum = self.sum + value;
        self.lost +=
            if self.sum.abs() >= value.abs() { (self.sum - sum) + value } else { (value - sum) + self.sum };
        self.sum = sum;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.squares += value * value;
    }

    pub(crate) fn result(&self, times: bool) -> ExtendedStats {
        let (sum, sum_of_squares) = (self.sum + self.lost, self.squares);
        ExtendedStats { count: self.count, sum, min: self.min, max: self.max, sum_of_squares, times }
    }
}

/// Values to take percentiles of: all, or how many lie in each class of relative width.
#[derive(Clone, Debug)]
pub(crate) enum Spread {
    Exact(Vec<f64>),
    Classes(BTreeMap<i64, u64>, u64),
}

impl Default for Spread {
    fn default() -> Spread {
        Spread::Exact(Vec::new())
    }
}

impl Spread {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        match self {
            Spread::Exact(all) if all.len() < EXACT_VALUES_MAX => all.push(value),
            Spread::Exact(all) => {
                let mut classes = BTreeMap::new();
                all.iter().for_each(|value| *classes.entry(class(*value)).or_default() += 1);
                *self = Spread::Classes(classes, EXACT_VALUES_MAX as u64);
                self.add(value);
            }
            Spread::Classes(classes, count) => {
                *classes.entry(class(value)).or_default() += 1;
                *count += 1;
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Spread::Exact(all) => 8 * all.capacity(),
            Spread::Classes(classes, _) => 32 * classes.len(),
        }
    }

    /// The values below which so many per cent lie, interpolated between neighbours.
    pub(crate) fn percentiles(&mut self, percents: &[f64]) -> Vec<(f64, Option<f64>)> {
        match self {
            Spread::Exact(all) => {
                all.sort_unstable_by(f64::total_cmp);
                let all = &*all;
                percents.iter().map(|percent| (*percent, exact(all, *percent))).collect()
            }
            Spread::Classes(classes, count) => {
                let at = |percent: f64| {
                    let rank = (percent / 100.0 * (*count - 1) as f64) as u64;
                    let mut below = 0;
                    let mut found = classes.iter().skip_while(|(_, own)| {
                        below += **own;
                        below <= rank
                    });
                    found.next().map(|(class, _)| middle(*class))
                };
                percents.iter().map(|percent| (*percent, at(*percent))).collect()
            }
        }
    }
}

fn exact(sorted: &[f64], percent: f64) -> Option<f64> {
    let rank = (percent / 100.0).clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (low, share) = (rank.floor(), rank.fract());
    let (low, high) = (sorted[low as usize], sorted[rank.ceil() as usize]);
    Some(if low == high { low } else { low + (high - low) * share })
}

fn class(value: f64) -> i64 {
    if value.abs() < LEAST || value.is_nan() {
        return 0;
    }
    // Shifted so that every class of a positive value is positive.
    let steps = ((value.abs() / LEAST).ln() / width()).floor() as i64 + 1;
    if value < 0.0 { -steps } else { steps }
}

fn middle(class: i64) -> f64 {
    if class == 0 {
        return 0.0;
    }
    let value = LEAST * ((class.unsigned_abs() - 1) as f64 * width() + width() / 2.0).exp();
    if class < 0 { -value } else { value }
}

fn width() -> f64 {
    ((1.0 + ERROR) / (1.0 - ERROR)).ln()
}

/// How many different values: all their hashes, or HyperLogLog's registers.
#[derive(Clone, Debug)]
pub(crate) enum Different {
    Exact(HashSet<u64>),
    Registers(Box<[u8]>),
}

impl Default for Different {
    fn default() -> Different {
        Different::Exact(HashSet::new())
    }
}

impl Different {
    pub(crate) fn add(&mut self, hash: u64) {
        match self {
            Different::Exact(all) => {
                all.insert(hash);
                if all.len() > EXACT_DIFFERENT_MAX {
                    let mut registers = vec![0; 1 << REGISTER_BITS].into_boxed_slice();
                    all.iter().for_each(|hash| register(&mut registers, *hash));
                    *self = Different::Registers(registers);
                }
            }
            Different::Registers(registers) => register(registers, hash),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Different::Exact(all) => all.len() as u64,
            Different::Registers(registers) => {
                let count = registers.len() as f64;
                let sum: f64 = registers.iter().map(|zeros| (-f64::from(*zeros)).exp2()).sum();
                // Flajolet et al. 2007; far above the range that needs linear counting.
                (0.7213 / (1.0 + 1.079 / count) * count * count / sum).round() as u64
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Different::Exact(all) => 16 * all.capacity(),
            Different::Registers(registers) => registers.len(),
        }
    }
}

fn register(registers: &mut [u8], hash: u64) {
    let own = &mut registers[(hash >> (64 - REGISTER_BITS)) as usize];
    let zeros = (hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1)).leading_zeros() as u8 + 1;
    *own = (*own).max(zeros);
}

#[cfg(test)]
mod tests {
    use rapidhash::v3::rapidhash_v3;

    use super::*;

    #[test]
    fn sums_lose_nothing_to_rounding() {
        let mut sums = Sums::default();
        [1e100, 1.0, -1e100, 2.0].iter().for_each(|value| sums.add(*value));
        let result = sums.result(false);
        assert_eq!((result.sum, result.count, result.min, result.max), (3.0, 4, -1e100, 1e100));
    }

    #[test]
    fn percentiles_are_exact_and_beyond_a_bound_nearly_so() {
        let mut spread = Spread::default();
        assert_eq!(spread.percentiles(&[50.0]), [(50.0, None)]);
        (1..=5).for_each(|n| spread.add(f64::from(n)));
        assert_eq!(
            spread.percentiles(&[0.0, 50.0, 90.0, 100.0]).iter().map(|(_, v)| v.unwrap()).collect::<Vec<_>>(),
            [1.0, 3.0, 4.6, 5.0]
        );
        let mut spread = Spread::default();
        let values = 2 * EXACT_VALUES_MAX;
        (0..values).for_each(|n| spread.add(n as f64 - 1000.0));
        for percent in [1.0, 50.0, 99.9] {
            let expected = percent / 100.0 * values as f64 - 1000.0;
            let found = spread.percentiles(&[percent])[0].1.unwrap();
            assert!(
                (found - expected).abs() <= ERROR * expected.abs() + 1.0,
                "{percent}: {found} for {expected}"
            );
        }
        assert!(spread.percentiles(&[0.0])[0].1.unwrap() < -990.0);
    }

    #[test]
    fn different_values_are_counted_exactly_and_then_nearly() {
        let mut different = Different::default();
        let mut add = |n: u32| different.add(rapidhash_v3(&n.to_le_bytes()));
        (0..65_536).for_each(&mut add);
        (0..65_536).for_each(&mut add);
        assert_eq!(different.count(), 65_536);
        (0..1_000_000).for_each(|n: u32| different.add(rapidhash_v3(&n.to_le_bytes())));
        let found = different.count();
        assert!(found.abs_diff(1_000_000) < 25_000, "{found}");
    }
}
