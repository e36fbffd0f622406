//! Texts of labels and annotations, and what their expansion depends on, so that it need not be repeated.

use lingshao_model::Labels;

use super::Round;
use crate::template::{Context, RuleData, RuleTemplate, TemplateError};

/// What the expansion of a text may change with, each including those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Depends {
    /// It has no actions.
    Nothing,
    /// Labels of the element.
    Labels,
    /// Its value.
    Value,
    /// The time, or other series.
    Time,
}

/// A label or annotation of a rule.
#[derive(Debug)]
pub(super) struct RuleText {
    pub(super) name: String,
    /// The text as it is written.
    pub(super) written: String,
    /// `None` without actions.
    template: Option<RuleTemplate>,
    depends: Depends,
}

impl RuleText {
    /// `template` is its name in errors.
    pub(super) fn parse(template: &str, name: &str, text: &str) -> Result<RuleText, TemplateError> {
        let depends = depends(text);
        let template = RuleTemplate::parse(template, text)?;
        let template = (depends != Depends::Nothing).then_some(template);
        Ok(RuleText { name: name.to_owned(), written: text.to_owned(), template, depends })
    }

    pub(super) fn depends(&self) -> Depends {
        self.depends
    }

    /// The text for one element; that of an error when it cannot be expanded, as in Prometheus.
    pub(super) fn expand(
        &self,
        source: &Labels,
        value: f64,
        round: &Round<'_>,
        context: &mut Context<'_>,
    ) -> String {
        let Some(template) = &self.template else { return self.written.clone() };
        let data = RuleData {
            labels: source,
            value,
            external_labels: round.external_labels,
            external_url: round.external_url,
        };
        let text = template.expand(&data, context);
        text.unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }
}

/// From the words of the text alone: rather too much than too little. `now` and `query` are the only functions that
/// look outside; the value is `$value` or `.Value`, or part of the whole data, which is a dot or dollar sign with no
/// name behind it.
fn depends(text: &str) -> Depends {
    if !text.contains("{{") {
        Depends::Nothing
    } else if text.contains("now") || text.contains("query") {
        Depends::Time
    } else if text.contains("alue") || names_everything(text) {
        Depends::Value
    } else {
        Depends::Labels
    }
}

fn names_everything(text: &str) -> bool {
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let named = |next: &char| next.is_alphanumeric() || *next == '_';
        if matches!(character, '.' | '$') && !characters.peek().is_some_and(named) {
            return true;
        }
    }
    false
}

/// A value as people read it on a phone: two decimals from 1 on, four digits below, no trailing zeros.
pub fn value_for_people(value: f64) -> String {
    if !value.is_finite() {
        let sign = if value > 0.0 { "+" } else { "" };
        return if value.is_nan() { "NaN".to_owned() } else { format!("{sign}{value}") };
    }
    let size = value.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-4) {
        return format!("{value:.3e}");
    }
    let decimals = [(1.0, 2), (0.1, 4), (0.01, 5), (0.001, 6)].into_iter().find(|(from, _)| *from <= size);
    let text = format!("{value:.*}", decimals.map_or(7, |(_, decimals)| decimals));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_value(value: f64, expected: &str) {
        assert_eq!(value_for_people(value), expected, "{value:?}");
    }

    #[test]
    fn values_are_short_and_say_enough() {
        check_value(3.0, "3");
        check_value(0.0, "0");
        check_value(100.0, "100");
        check_value(-2.5, "-2.5");
        check_value(95.238_095, "95.24");
        check_value(0.052_345_678, "0.05235");
        check_value(0.1, "0.1");
        check_value(0.000_2, "0.0002");
        check_value(12_345_678.9, "12345678.9");
        check_value(0.000_012_346, "1.235e-5");
        check_value(2e15, "2.000e15");
        check_value(f64::NAN, "NaN");
        check_value(f64::INFINITY, "+inf");
    }

    #[test]
    fn what_a_text_depends_on_is_seen_in_its_words() {
        for (text, expected) in [
            ("超过5%", Depends::Nothing),
            ("a.b $x }}", Depends::Nothing),
            ("{{ $labels.instance }} is down", Depends::Labels),
            ("{{ .Labels.job }} on {{ $externalURL }}", Depends::Labels),
            ("{{ $value | humanize }}", Depends::Value),
            ("{{ .Value }}", Depends::Value),
            ("{{ printf \"%v\" . }}", Depends::Value),
            ("{{ with $ }}{{ .Labels }}{{ end }}", Depends::Value),
            ("{{ $labels.instance }} is down.", Depends::Value),
            ("{{ query \"up\" | first | value }}", Depends::Time),
            ("{{ (now | toTime).Year }}", Depends::Time),
        ] {
            assert_eq!(depends(text), expected, "{text}");
        }
    }
}
