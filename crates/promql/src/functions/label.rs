//! New label sets from old ones.

use lingshao_model::{Labels, METRIC_NAME, expand_template};
use regex::Regex;

use crate::quote::go_quote;

/// Whether a label belongs to the metric rather than to the series: what a computation drops.
pub(crate) fn is_metadata(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// Without the name, and without type and unit, which no longer hold.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    if labels.iter().any(|(name, _)| is_metadata(name)) {
        labels.filtered(|name| !is_metadata(name))
    } else {
        labels.clone()
    }
}

/// `label_replace` on one set; `None` where the expression does not match.
pub(crate) fn replaced(
    labels: &Labels,
    target: &str,
    template: &str,
    source: &str,
    regex: &Regex,
) -> Option<Labels> {
    let captures = regex.captures(labels.get(source).unwrap_or(""))?;
    let mut value = String::new();
    expand_template(&captures, template, &mut value);
    Some(labels.with(target, &value))
}

/// `label_join` on one set.
pub(crate) fn joined(labels: &Labels, target: &str, separator: &str, sources: &[&str]) -> Labels {
    let values: Vec<&str> = sources.iter().map(|source| labels.get(source).unwrap_or("")).collect();
    labels.with(target, &values.join(separator))
}

/// A set as Prometheus prints it in errors: the name among the other labels.
pub(crate) fn listed(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| {
            let classic = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && !name.starts_with(|first: char| first.is_ascii_digit());
            let name = if classic { name.to_owned() } else { go_quote(name) };
            format!("{name}={}", go_quote(value))
        })
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

/// Any text but the empty one; escapes that were no UTF-8 have become U+FFFD in the parser.
pub(crate) fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_list_the_name_among_the_labels() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "a\"b"), ("k8s.pod", "x")]).unwrap();
        assert_eq!(listed(&labels), r#"{__name__="up", job="a\"b", "k8s.pod"="x"}"#);
        assert_eq!(listed(&Labels::empty()), "{}");
    }
}
