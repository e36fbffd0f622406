//! Something that is tried again and again: its failure is told once, and so is its end, with how often it failed.
//! A log that says the same every second is read by nobody, and may lie on the very disk that is full.

/// Different texts that are told of one outage: the second cause is news, the hundredth is noise.
const TEXTS_MAX: usize = 3;

/// How it goes with one thing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outage {
    told: Vec<String>,
    failures: u64,
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// It fails; it may have failed in another way before.
    Failed(String),
    /// It is well again, after this many failures.
    Over { failures: u64 },
}

impl Outage {
    /// Notes the outcome of a try.
    pub(crate) fn note(&mut self, error: Option<&str>) -> Option<News> {
        let Some(error) = error else {
            let Outage { failures, .. } = std::mem::take(self);
            return (failures > 0).then_some(News::Over { failures });
        };
        self.failures += 1;
        if TEXTS_MAX <= self.told.len() || self.told.iter().any(|told| told == error) {
            return None;
        }
        self.told.push(error.to_owned());
        Some(News::Failed(error.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tries: &[Option<&str>], told: &[&str]) {
        let mut outage = Outage::default();
        let words = |news| match news {
            News::Failed(error) => error,
            News::Over { failures } => format!("over after {failures}"),
        };
        let found: Vec<String> = tries.iter().filter_map(|one| outage.note(*one)).map(words).collect();
        assert_eq!(found, told);
    }

    #[test]
    fn a_failure_and_its_end_are_told_once() {
        check(&[None, None], &[]);
        check(&[Some("full"), Some("full"), Some("full"), None, None], &["full", "over after 3"]);
        check(&[Some("full"), None, Some("full")], &["full", "over after 1", "full"]);
    }

    #[test]
    fn another_cause_is_news_and_causes_that_take_turns_are_not() {
        check(
            &[Some("full"), Some("torn"), Some("full"), Some("torn"), None],
            &["full", "torn", "over after 4"],
        );
        check(&[Some("1"), Some("2"), Some("3"), Some("4"), None], &["1", "2", "3", "over after 4"]);
    }
}
