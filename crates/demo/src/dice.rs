//! Chance that can be repeated: the same seed, purpose and number give the same throws, on every machine.

use std::f64::consts::TAU;

/// What throws are for, so that no two uses share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// How many orders and visits there are in a stretch of time.
    Arrivals,
    /// What one order is.
    Order,
    /// What one visit is.
    Visit,
    /// How long the shop takes to answer.
    Work,
    /// What is measured besides.
    Noise,
    /// Which incidents there were.
    Incidents,
}

/// A generator: SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64, purpose: Purpose, number: u64) -> Dice {
        let stream = mixed(seed ^ mixed(0x6c69_6e67_7368_616f ^ purpose as u64));
        Dice(mixed(stream.wrapping_add(number.wrapping_mul(GOLDEN))))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mixed(self.0)
    }

    /// At least 0, below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Below `end`, which must not be 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }

    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Poisson; above a mean of 50 its normal approximation, which nobody can tell apart here.
    pub(crate) fn poisson(&mut self, mean: f64) -> u32 {
        if mean > 50.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u32;
        }
        let (floor, mut product, mut count) = ((-mean).exp(), self.unit(), 0);
        while product > floor {
            product *= self.unit();
            count += 1;
        }
        count
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_have_the_moments_they_should() {
        let mut dice = Dice::new(7, Purpose::Noise, 0);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let normal: Vec<f64> = (0..20_000).map(|_| dice.normal()).collect();
        assert!(mean(&normal).abs() < 0.03);
        assert!((mean(&normal.iter().map(|n| n * n).collect::<Vec<_>>()) - 1.0).abs() < 0.04);
        for expected in [0.5, 7.0, 200.0] {
            let counts: Vec<f64> = (0..20_000).map(|_| f64::from(dice.poisson(expected))).collect();
            assert!((mean(&counts) / expected - 1.0).abs() < 0.03, "{expected}");
        }
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_number() {
        let first = |seed, purpose, number| Dice::new(seed, purpose, number).next();
        let one = first(1, Purpose::Order, 5);
        assert_eq!(one, first(1, Purpose::Order, 5));
        assert!(
            one != first(2, Purpose::Order, 5)
                && one != first(1, Purpose::Visit, 5)
                && one != first(1, Purpose::Order, 6)
        );
    }
}
