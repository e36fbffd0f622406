//! Money, in whole fen. Yuan exist only where a column or a provider wants them.

use std::fmt;
use std::iter::Sum;

/// An amount in fen. There is no `+`: amounts come from outside, and a sum that does not fit must be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fen(pub i64);

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one point between them.
    #[error("`{0}` is not an amount of money; write it like 12.30")]
    Malformed(String),
    /// A part of a fen: rounding it would be guessing.
    #[error("`{0}` has a part of a fen; amounts end at two decimals")]
    PartOfFen(String),
    /// More than an `i64` of fen.
    #[error("`{0}` is more money than there is")]
    OutOfRange(String),
}

impl Fen {
    /// Nothing.
    pub const ZERO: Fen = Fen(0);

    /// From a DECIMAL of yuan: `12.3`, `12.30`, `12.3000`, `-0.07`.
    pub fn from_yuan(text: &str) -> Result<Fen, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(part) {
            return Err(MoneyError::Malformed(text.to_owned()));
        }
        if part.len() > 2 && part[2..].bytes().any(|byte| byte != b'0') {
            return Err(MoneyError::PartOfFen(text.to_owned()));
        }
        let part = format!("{part}0");
        let fen = format!("{whole}{}", &part[..2]).parse::<i64>();
        let fen = fen.map_err(|_| MoneyError::OutOfRange(text.to_owned()))?;
        Ok(Fen(if negative { -fen } else { fen }))
    }

    /// From a column of whole fen.
    pub fn from_fen(text: &str) -> Result<Fen, MoneyError> {
        text.parse().map(Fen).map_err(|_| MoneyError::Malformed(text.to_owned()))
    }

    /// As a DECIMAL of yuan takes it: `12.30`.
    pub fn yuan(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{}.{:02}", self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100)
    }

    /// The sum, or `None` when it does not fit.
    pub fn checked_add(self, other: Fen) -> Option<Fen> {
        self.0.checked_add(other.0).map(Fen)
    }

    /// What is left of it without `other`, or `None` when that does not fit.
    pub fn checked_sub(self, other: Fen) -> Option<Fen> {
        self.0.checked_sub(other.0).map(Fen)
    }
}

/// Sums stop at the largest amount: a cap that they are compared with is then reached, never passed by.
impl Sum for Fen {
    fn sum<I: Iterator<Item = Fen>>(amounts: I) -> Fen {
        Fen(amounts.fold(0_i64, |sum, amount| sum.saturating_add(amount.0)))
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
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<i64, &str>) {
        let found = Fen::from_yuan(text).map(|fen| fen.0).map_err(|error| error.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn yuan_become_fen_exactly_or_not_at_all() {
        check("12.30", Ok(1230));
        check("12.3", Ok(1230));
        check("12", Ok(1200));
        check("0.07", Ok(7));
        check("-0.07", Ok(-7));
        check("12.3000", Ok(1230));
        check("12.305", Err("`12.305` has a part of a fen; amounts end at two decimals"));
        check("", Err("`` is not an amount of money; write it like 12.30"));
        check("1.", Err("`1.` is not an amount of money; write it like 12.30"));
        check("1e3", Err("`1e3` is not an amount of money; write it like 12.30"));
        check("99999999999999999999", Err("`99999999999999999999` is more money than there is"));
    }

    proptest! {
        #[test]
        fn fen_survive_the_way_to_yuan_and_back(fen in any::<i64>().prop_filter("has a positive", |fen| *fen != i64::MIN)) {
            prop_assert_eq!(Fen::from_yuan(&Fen(fen).yuan()), Ok(Fen(fen)));
        }
    }
}
