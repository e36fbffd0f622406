//! Money, in whole fen. Yuan exist only where litemall's DECIMAL columns want them.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;

/// An amount in fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fen(pub(crate) i64);

impl Fen {
    /// As a DECIMAL(10,2) column takes it: `12.30`.
    pub(crate) fn yuan(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100)
    }

    pub(crate) fn times(self, quantity: u32) -> Fen {
        Fen(self.0 * i64::from(quantity))
    }

    /// What is left when `other` is taken off, at least nothing.
    pub(crate) fn less(self, other: Fen) -> Fen {
        Fen((self.0 - other.0).max(0))
    }
}

impl Add for Fen {
    type Output = Fen;

    fn add(self, other: Fen) -> Fen {
        Fen(self.0 + other.0)
    }
}

impl Sum for Fen {
    fn sum<I: Iterator<Item = Fen>>(amounts: I) -> Fen {
        amounts.fold(Fen(0), Add::add)
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} fen", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fen_become_yuan_without_loss() {
        for (fen, yuan) in
            [(0, "0.00"), (5, "0.05"), (1_230, "12.30"), (99_999_999, "999999.99"), (-7, "-0.07")]
        {
            assert_eq!(Fen(fen).yuan(), yuan);
        }
    }
}
