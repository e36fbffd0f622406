//! The order in which `sort_by_label` puts texts: runs of digits compare as numbers.
//!
//! As facette/natsort, which Prometheus uses, but a total order: numbers of any length are compared as numbers,
//! and texts that differ in leading zeros only, bytewise.

use std::cmp::Ordering;

/// Orders two texts.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (Runs(a), Runs(b));
    loop {
        let order = match (left.next(), right.next()) {
            (Some(own), Some(other)) => compare_runs(own, other),
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_runs(a: &str, b: &str) -> Ordering {
    let is_number = |run: &str| run.as_bytes()[0].is_ascii_digit();
    if is_number(a) && is_number(b) {
        let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
        return a.len().cmp(&b.len()).then_with(|| a.cmp(b));
    }
    a.cmp(b)
}

/// Splits a text into runs of digits and runs of anything else.
struct Runs<'a>(&'a str);

impl<'a> Iterator for Runs<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let digits = self.0.as_bytes().first()?.is_ascii_digit();
        let length = self.0.bytes().take_while(|byte| byte.is_ascii_digit() == digits).count();
        let (run, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digits_compare_as_numbers() {
        let mut texts = [
            "10",
            "4m1000",
            "2",
            "1.11.3",
            "4m5",
            "a",
            "",
            "1.2.3",
            "4m600",
            "100",
            "é",
            "99999999999999999999",
        ];
        texts.sort_by(|a, b| compare(a, b));
        assert_eq!(
            texts,
            [
                "",
                "1.2.3",
                "1.11.3",
                "2",
                "4m5",
                "4m600",
                "4m1000",
                "10",
                "100",
                "99999999999999999999",
                "a",
                "é"
            ]
        );
    }

    proptest! {
        // `sort_by` panics on what is no total order.
        #[test]
        fn it_is_a_total_order(texts in prop::collection::vec("[0-3.a]{0,6}", 3)) {
            let [a, b, c] = [&texts[0], &texts[1], &texts[2]];
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            prop_assert_eq!(compare(a, b).is_eq(), a == b);
            if compare(a, b).is_le() && compare(b, c).is_le() {
                prop_assert!(compare(a, c).is_le());
            }
        }
    }
}
