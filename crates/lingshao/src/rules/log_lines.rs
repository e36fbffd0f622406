//! Log records that an alert brings along, when its rule looks at what `logs.log_rules` count.

use std::fmt;
use std::sync::Arc;

use lingshao_model::{Alert, Annotations, MatchOp};
use lingshao_promql::Expr;

/// The counter of all log rules.
const LOG_RULE_METRIC: &str = "lingshao_log_rule_total";
/// The annotation's name; one that the rule's author has written stays.
pub(crate) const ANNOTATION: &str = "log_lines";

/// Finds the newest records of a log rule, a line each; nothing if there is no such rule or no record.
#[derive(Clone)]
pub(crate) struct LogLines(Arc<Find>);

type Find = dyn Fn(&str) -> Option<String> + Send + Sync;

impl LogLines {
    /// By a function that may read the log storage for a moment.
    pub(crate) fn new(find: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> LogLines {
        LogLines(Arc::new(find))
    }

    /// Adds them to alerts that fire.
    pub(super) fn add(&self, log_rules: &[String], alerts: &mut [Alert]) {
        let firing =
            |alert: &&mut Alert| alert.ends_at.is_none() && alert.annotations.get(ANNOTATION).is_none();
        let mut alerts = alerts.iter_mut().filter(firing).peekable();
        if log_rules.is_empty() || alerts.peek().is_none() {
            return;
        }
        let found: Vec<String> = log_rules.iter().filter_map(|rule| (self.0)(rule)).collect();
        if found.is_empty() {
            return;
        }
        let lines = found.join("\n");
        for alert in alerts {
            let annotations = alert.annotations.iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
            let lines = (ANNOTATION.to_owned(), lines.clone());
            alert.annotations = Annotations::from_pairs(annotations.chain([lines]));
        }
    }
}

impl fmt::Debug for LogLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogLines")
    }
}

/// The log rules whose counters an expression looks at by name.
pub(super) fn log_rules(expr: &Expr) -> Vec<String> {
    let mut rules = Vec::new();
    for selector in expr.selectors() {
        let equal = |name: &str| {
            let mut matchers = selector.matchers.iter();
            matchers.find(|matcher| matcher.name() == name && matcher.op() == MatchOp::Equal)
        };
        if equal("__name__").is_some_and(|matcher| matcher.value() == LOG_RULE_METRIC)
            && let Some(rule) = equal("rule")
            && !rules.iter().any(|known| known == rule.value())
        {
            rules.push(rule.value().to_owned());
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use lingshao_model::{Labels, Timestamp};

    use super::*;

    #[track_caller]
    fn check(expr: &str, expected: &[&str]) {
        assert_eq!(log_rules(&lingshao_promql::parse(expr).unwrap()), expected, "{expr}");
    }

    #[test]
    fn an_expression_names_its_log_rules() {
        check("increase(lingshao_log_rule_total{rule=\"a\"}[5m]) > 5", &["a"]);
        check(
            "sum(rate(lingshao_log_rule_total{rule=\"a\"}[5m])) / sum(rate(lingshao_log_rule_total{rule=\"b\"}[5m]))",
            &["a", "b"],
        );
        check("lingshao_log_rule_total{rule=~\"a.*\"} + other{rule=\"x\"}", &[]);
    }

    #[test]
    fn only_what_fires_gets_lines_and_only_once() {
        let alert = |ends_at, annotations: &[(&str, &str)]| {
            let pairs = annotations.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
            Alert {
                labels: Labels::empty(),
                annotations: Annotations::from_pairs(pairs),
                starts_at: Timestamp(1),
                ends_at,
                updated_at: Timestamp(1),
                generator_url: String::new(),
                timeout: false,
                value: String::new(),
            }
        };
        let mut alerts = [
            alert(None, &[("summary", "s")]),
            alert(Some(Timestamp(2)), &[]),
            alert(None, &[(ANNOTATION, "own")]),
        ];
        LogLines::new(|rule| (rule == "a").then(|| "one\ntwo".to_owned()))
            .add(&["a".to_owned(), "b".to_owned()], &mut alerts);
        let lines = alerts.each_ref().map(|alert| alert.annotations.get(ANNOTATION));
        assert_eq!(lines, [Some("one\ntwo"), None, Some("own")]);
        assert_eq!(alerts[0].annotations.get("summary"), Some("s"));
    }
}
