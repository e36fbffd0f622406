//! `minimum_should_match`.

use crate::es::EsError;
use crate::es::params::shorten;

/// How many of `optional` clauses are needed: `2`, `-1`, `75%`, `-25%`, `2<75%`, `2<-25% 9<-3`. Below 0 counts as 0;
/// more than there are stays more.
pub(crate) fn needed(text: &str, optional: usize) -> Result<usize, EsError> {
    let wrong =
        || EsError::argument(format!("minimum_should_match: For input string: \"{}\"", shorten(text)));
    if !text.contains('<') {
        return simple(text, optional).ok_or_else(wrong);
    }
    let mut chosen = optional;
    for condition in text.split_whitespace() {
        let (bound, rule) = condition.split_once('<').ok_or_else(wrong)?;
        let bound: usize = bound.trim().parse().map_err(|_| wrong())?;
        let by_rule = simple(rule, optional).ok_or_else(wrong)?;
        if optional <= bound {
            break;
        }
        chosen = by_rule;
    }
    Ok(chosen)
}

fn simple(text: &str, optional: usize) -> Option<usize> {
    let count = i64::try_from(optional).ok()?;
    let number = match text.trim().strip_suffix('%') {
        Some(percent) => {
            let percent: i64 = percent.trim().parse().ok()?;
            count.checked_mul(percent)? / 100
        }
        None => text.trim().parse().ok()?,
    };
    let needed = if text.trim().starts_with('-') { count.checked_add(number)? } else { number };
    usize::try_from(needed.max(0)).ok()
}

#[cfg(test)]
mod tests {
    use super::needed;

    #[track_caller]
    fn check(text: &str, optional: usize, expected: usize) {
        assert_eq!(needed(text, optional), Ok(expected), "{text} of {optional}");
    }

    #[test]
    fn counts_and_shares_are_read() {
        check("2", 4, 2);
        check("5", 4, 5);
        check("-1", 4, 3);
        check("-10", 4, 0);
        check("50%", 4, 2);
        check("75%", 3, 2);
        check("-25%", 4, 3);
        check("-30%", 4, 3);
        check("2<75%", 2, 2);
        check("2<75%", 4, 3);
        check("2<-25% 9<-3", 10, 7);
        check("2<-25% 9<-3", 8, 6);
        check("2<-25% 9<-3", 1, 1);
        for bad in ["", "x", "%", "2<", "<3", "2<x"] {
            assert!(needed(bad, 4).is_err(), "{bad}");
        }
    }
}
