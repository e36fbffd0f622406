//! Every word that `check` says of its own, in both languages: one table each, with an arm for every fault.

mod en;
mod zh;

use lingshao_promql::lint::Fault;
use lingshao_wire::grafana::BoardProblem;
use serde::Serialize;

/// A language of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Zh,
    En,
}

impl Language {
    /// As the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set says: `zh_CN.UTF-8` is Chinese.
    pub(crate) fn of_environment() -> Language {
        let set = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
        Language::of_locale(&set.into_iter().find(|value| !value.is_empty()).unwrap_or_default())
    }

    fn of_locale(locale: &str) -> Language {
        if locale.to_ascii_lowercase().starts_with("zh") { Language::Zh } else { Language::En }
    }
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Words {
    pub(crate) zh: String,
    pub(crate) en: String,
}

impl Words {
    /// A text that exists in English only: what readers of files say, which the server says too.
    pub(crate) fn english(text: String) -> Words {
        Words { zh: text.clone(), en: text }
    }

    pub(crate) fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}

/// What is wrong, and what to do.
pub(crate) fn of_fault(fault: &Fault) -> (Words, Words) {
    let ((zh, zh_remedy), (en, en_remedy)) = (zh::of_fault(fault), en::of_fault(fault));
    (Words { zh, en }, Words { zh: zh_remedy, en: en_remedy })
}

/// What is wrong with a board as a whole, and what to do.
pub(crate) fn of_board(problem: &BoardProblem) -> (Words, Words) {
    let ((zh, zh_remedy), (en, en_remedy)) = (zh::of_board(problem), en::of_board(problem));
    (Words { zh, en }, Words { zh: zh_remedy, en: en_remedy })
}

/// What `check` says besides faults.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Say<'s> {
    /// An expression of a panel that does not parse; the parser's words follow.
    CannotParse(&'s str),
    /// A text that is neither rules nor a board nor an expression.
    UnknownKind,
    /// Findings beyond the limit are not told.
    TooMany(usize),
    /// The rest was not looked at.
    OutOfTime,
    /// Stands before a corrected expression.
    Corrected,
}

pub(crate) fn say(what: Say<'_>) -> Words {
    Words { zh: zh::say(what), en: en::say(what) }
}

/// Without needless zeros: `0.05`, `2`.
fn number(value: f64) -> String {
    let rounded = (value * 1e9).round() / 1e9;
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use lingshao_promql::lint::{Contradiction, Lint, Mismatch, Missing, Unrouted, WindowReason};

    use super::*;

    fn name() -> String {
        "metric_x".to_owned()
    }

    /// One of each form that a fault can take.
    fn faults() -> Vec<Fault> {
        let labels = || Some(vec!["job".to_owned()]);
        let quantile = |missing| Fault::QuantileNeedsBuckets { metric: name(), missing };
        let absent = |dependency, is_unguarded| Fault::AbsentBlind { job: name(), dependency, is_unguarded };
        let window = |reason| Fault::ShortWindow { window: "1m".to_owned(), reason };
        let bound = |below, above| Fault::UnsafeBucketBound { metric: name(), threshold: 2.0, below, above };
        let total = |better, is_gauge| Fault::TotalNotRated { metric: name(), better, is_gauge };
        vec![
            Fault::RatioWithoutDenominator { metric: name(), threshold: 0.05 },
            Fault::PerSeriesThreshold { metric: name() },
            quantile(Missing::Buckets),
            quantile(Missing::Rate),
            quantile(Missing::Le),
            Fault::QuantileOutOfRange { quantile: 95.0 },
            absent(Some("pg_up"), true),
            absent(Some("pg_up"), false),
            absent(None, true),
            Fault::VectorMismatch(Mismatch::Never { op: "/", left: labels(), right: Some(Vec::new()) }),
            Fault::VectorMismatch(Mismatch::Never { op: "and", left: None, right: labels() }),
            Fault::VectorMismatch(Mismatch::Fragile {
                numerator: name(),
                denominator: name(),
                differing: vec!["reason".to_owned()],
            }),
            Fault::VectorMismatch(Mismatch::Fragile {
                numerator: name(),
                denominator: name(),
                differing: Vec::new(),
            }),
            Fault::FanOut { metric: name() },
            Fault::StateEnumGauge { metric: name(), state: 3.0, better: Some("better_x") },
            Fault::StateEnumGauge { metric: name(), state: 3.0, better: None },
            Fault::NotSummed { metric: name(), by: "sum" },
            Fault::NotSummed { metric: name(), by: "max" },
            Fault::SelfDivision { metric: name() },
            total(None, false),
            total(Some("better_x"), false),
            total(Some("better_x"), true),
            total(None, true),
            Fault::TextContradicts(Contradiction::Percentile { percent: 95.0 }),
            Fault::TextContradicts(Contradiction::Threshold { said: "> 5%".to_owned(), threshold: 0.1 }),
            Fault::TextContradicts(Contradiction::Direction { said: "> 5".to_owned(), op: "<" }),
            Fault::StaticText { labels: vec!["job".to_owned()], is_ratio: false },
            Fault::StaticText { labels: Vec::new(), is_ratio: true },
            Fault::UnroutedSeverity(Unrouted::Nobody { severity: Some(name()), receiver: name() }),
            Fault::UnroutedSeverity(Unrouted::Nobody { severity: None, receiver: name() }),
            Fault::UnroutedSeverity(Unrouted::Misspelt { severity: name(), known: name() }),
            window(WindowReason::Scrape(15_000)),
            window(WindowReason::Panel),
            window(WindowReason::PanelInterval),
            Fault::UnknownMetric { metric: name(), nearest: Some("metric_y".to_owned()) },
            Fault::UnknownMetric { metric: name(), nearest: None },
            bound(Some(1.0), Some(2.5)),
            bound(Some(1.0), None),
            bound(None, Some(2.5)),
            Fault::Flood { count: 40 },
        ]
    }

    fn is_chinese(text: &str) -> bool {
        text.chars().any(|one| ('\u{4e00}'..='\u{9fff}').contains(&one))
    }

    #[test]
    fn every_check_speaks_both_languages() {
        for lint in Lint::ALL {
            assert!(faults().iter().any(|fault| fault.lint() == lint), "{lint:?} has no words");
        }
        let of_faults = faults().into_iter().map(|fault| of_fault(&fault));
        let problems = [
            BoardProblem::Json("not JSON: a value is expected here".to_owned()),
            BoardProblem::NoPanels,
            BoardProblem::Elements,
        ];
        let of_boards = problems.iter().map(of_board);
        for (message, remedy) in of_faults.chain(of_boards) {
            for words in [message, remedy] {
                assert!(is_chinese(&words.zh) && !is_chinese(&words.en), "{words:?}");
                assert!(words.en.len() > 15 && !words.en.ends_with('.'), "{words:?}");
                assert!(!words.zh.contains('\n') && !words.en.contains('\n'), "{words:?}");
            }
        }
        for what in [Say::CannotParse("x"), Say::UnknownKind, Say::TooMany(5), Say::OutOfTime, Say::Corrected]
        {
            let words = say(what);
            assert!(is_chinese(&words.zh) && !is_chinese(&words.en), "{words:?}");
        }
    }

    #[test]
    fn the_locale_decides_the_language() {
        for locale in ["zh_CN.UTF-8", "zh", "zh-TW", "ZH_cn"] {
            assert_eq!(Language::of_locale(locale), Language::Zh, "{locale}");
        }
        for locale in ["", "C", "en_US.UTF-8", "C.UTF-8", "ja_JP"] {
            assert_eq!(Language::of_locale(locale), Language::En, "{locale}");
        }
    }
}
