//! Relabelling rules: what Prometheus' `relabel_configs` and `metric_relabel_configs` do to a label set.
//!
//! Contract: rules are checked whole when they are read ([`Relabel::read`]); applying them cannot fail. Patterns are
//! anchored, in Go's syntax, linear-time. Semantics follow prometheus `model/relabel/relabel.go` at 3.x.

mod md5;

use lingshao_model::{LabelsBuilder, anchored_regex, expand_template};
use regex::Regex;
use serde::{Serialize, Serializer};

use crate::yaml::{Diagnostics, Keys, Node};

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relabel {
    /// Labels whose values, joined by the separator, are what the rule looks at. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    source_labels: Vec<String>,
    /// Stands between the values. Default: `;`.
    separator: String,
    /// What the joined values (for label actions: the names) must match as a whole. Default: `(.*)`.
    regex: Pattern,
    /// Divisor of `hashmod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    modulus: Option<u64>,
    /// The label that is written or compared.
    #[serde(skip_serializing_if = "String::is_empty")]
    target_label: String,
    /// What is written, with `$1` for groups. Default: `$1`.
    replacement: String,
    /// What the rule does. Default: `replace`.
    action: Action,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Writes the expanded replacement into the target label where the values match.
    Replace,
    /// Drops everything that does not match.
    Keep,
    /// Drops what matches.
    Drop,
    /// Drops everything whose values are not the target label's.
    KeepEqual,
    /// Drops everything whose values are the target label's.
    DropEqual,
    /// Writes MD5 of the values modulo `modulus` into the target label.
    HashMod,
    /// Copies each label whose name matches to the expanded name.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Writes the values in lower case into the target label.
    Lowercase,
    /// Writes the values in upper case into the target label.
    Uppercase,
}

const ACTIONS: [(&str, Action); 11] = [
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";
const DEFAULT_SEPARATOR: &str = ";";

#[derive(Clone, Debug)]
struct Pattern {
    text: String,
    compiled: Regex,
}

/// Equal when written alike; the compiled form follows from the text.
impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// Applies rules in order; answers whether the set is kept. A set that is not kept is left half done.
pub fn apply(rules: &[Relabel], labels: &mut LabelsBuilder) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl Relabel {
    /// Reads a list of rules; what is wrong with one is reported and the rule left out.
    pub fn read_list(nodes: &[Node], section: &str, findings: &mut Diagnostics) -> Vec<Relabel> {
        nodes.iter().filter_map(|node| Relabel::read(node, section, findings)).collect()
    }

    /// Reads one rule.
    pub fn read(node: &Node, section: &str, findings: &mut Diagnostics) -> Option<Relabel> {
        let mut keys = Keys::new(node, section, findings);
        let action = read_action(&mut keys, findings);
        let source_labels = keys.texts("source_labels", findings);
        let separator = keys.text("separator", findings).unwrap_or_else(|| DEFAULT_SEPARATOR.to_owned());
        let regex = read_regex(&mut keys, findings);
        let rule = Relabel {
            source_labels: source_labels.into_iter().map(|(name, _)| name).collect(),
            separator,
            regex: regex?,
            modulus: keys.number("modulus", findings),
            target_label: keys.text("target_label", findings).unwrap_or_default(),
            replacement: keys.text("replacement", findings).unwrap_or_else(|| DEFAULT_REPLACEMENT.to_owned()),
            action: action?,
        };
        let wrong = rule.mistake(&keys);
        if let Some(wrong) = &wrong {
            findings.error(keys.at(), format!("{section}: {wrong}"), "");
        }
        keys.finish(findings);
        wrong.is_none().then_some(rule)
    }

    /// What Prometheus' `Config.Validate` refuses.
    fn mistake(&self, keys: &Keys<'_>) -> Option<String> {
        use Action::{DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, Lowercase, Replace, Uppercase};
        let name = ACTIONS.iter().find(|(_, action)| *action == self.action).map_or("", |(name, _)| name);
        let writes = matches!(self.action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual);
        if writes && self.target_label.is_empty() {
            return Some(format!("action `{name}` needs `target_label`"));
        }
        if self.action == HashMod && self.modulus.unwrap_or(0) == 0 {
            return Some("action `hashmod` needs a `modulus` above 0".to_owned());
        }
        let forbidden: &[&str] = match self.action {
            Lowercase | Uppercase => &["replacement"],
            KeepEqual | DropEqual => &["regex", "modulus", "separator", "replacement"],
            LabelDrop | LabelKeep => {
                &["source_labels", "target_label", "modulus", "separator", "replacement"]
            }
            _ => &[],
        };
        let forbidden = forbidden.iter().find(|key| keys.has(key) && !self.is_default(key))?;
        Some(format!("action `{name}` takes no `{forbidden}`"))
    }

    fn is_default(&self, key: &str) -> bool {
        match key {
            "regex" => self.regex.text == DEFAULT_REGEX,
            "separator" => self.separator == DEFAULT_SEPARATOR,
            "replacement" => self.replacement == DEFAULT_REPLACEMENT,
            "modulus" => self.modulus == Some(0),
            "source_labels" => self.source_labels.is_empty(),
            _ => self.target_label.is_empty(),
        }
    }

    fn apply(&self, labels: &mut LabelsBuilder) -> bool {
        let pattern = &self.regex.compiled;
        match self.action {
            Action::Keep => return pattern.is_match(&self.joined(labels)),
            Action::Drop => return !pattern.is_match(&self.joined(labels)),
            Action::KeepEqual => return self.is_equal(labels),
            Action::DropEqual => return !self.is_equal(labels),
            Action::Replace => self.replace(labels),
            Action::HashMod => {
                let hash = md5::last_eight_bytes(self.joined(labels).as_bytes());
                let remainder = hash % self.modulus.unwrap_or(1).max(1);
                set(labels, &self.target_label, &remainder.to_string());
            }
            Action::Lowercase => {
                let value = self.joined(labels).to_lowercase();
                set(labels, &self.target_label, &value);
            }
            Action::Uppercase => {
                let value = self.joined(labels).to_uppercase();
                set(labels, &self.target_label, &value);
            }
            Action::LabelMap => self.map_names(labels),
            Action::LabelDrop => retain(labels, |name| !pattern.is_match(name)),
            Action::LabelKeep => retain(labels, |name| pattern.is_match(name)),
        }
        true
    }

    fn joined(&self, labels: &LabelsBuilder) -> String {
        let mut joined = String::new();
        for (index, name) in self.source_labels.iter().enumerate() {
            if index > 0 {
                joined.push_str(&self.separator);
            }
            joined.push_str(labels.get(name).unwrap_or(""));
        }
        joined
    }

    fn is_equal(&self, labels: &LabelsBuilder) -> bool {
        self.joined(labels) == labels.get(&self.target_label).unwrap_or("")
    }

    fn replace(&self, labels: &mut LabelsBuilder) {
        let joined = self.joined(labels);
        let Some(captures) = self.regex.compiled.captures(&joined) else { return };
        let (mut target, mut value) = (String::new(), String::new());
        expand_template(&captures, &self.target_label, &mut target);
        expand_template(&captures, &self.replacement, &mut value);
        if !target.is_empty() {
            set(labels, &target, &value);
        }
    }

    fn map_names(&self, labels: &mut LabelsBuilder) {
        let mut copies: Vec<(String, String)> = Vec::new();
        for (name, value) in labels.pairs() {
            if let Some(captures) = self.regex.compiled.captures(name) {
                let mut mapped = String::new();
                expand_template(&captures, &self.replacement, &mut mapped);
                copies.push((mapped, value.to_owned()));
            }
        }
        copies.iter().filter(|(name, _)| !name.is_empty()).for_each(|(name, value)| set(labels, name, value));
    }
}

/// Replaces or adds a label; an empty value removes it.
pub fn set(labels: &mut LabelsBuilder, name: &str, value: &str) {
    labels.remove(name);
    labels.push(name, value);
}

fn retain(labels: &mut LabelsBuilder, keep: impl Fn(&str) -> bool) {
    let gone: Vec<String> =
        labels.pairs().filter(|(name, _)| !keep(name)).map(|(name, _)| name.to_owned()).collect();
    gone.iter().for_each(|name| labels.remove(name));
}

fn read_action(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<Action> {
    let at = keys.node("action").map(|node| node.at);
    let Some(text) = keys.text("action", findings) else { return Some(Action::Replace) };
    let lower = text.to_ascii_lowercase();
    let action = ACTIONS.iter().find(|(name, _)| *name == lower).map(|(_, action)| *action);
    if action.is_none() {
        let names: Vec<&str> = ACTIONS.iter().map(|(name, _)| *name).collect();
        let remedy = format!("write one of: {}", names.join(", "));
        findings.error(at.unwrap_or(keys.at()), format!("`action` cannot be `{text}`"), remedy);
    }
    action
}

fn read_regex(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<Pattern> {
    let at = keys.node("regex").map_or(keys.at(), |node| node.at);
    let text = keys.text("regex", findings).unwrap_or_else(|| DEFAULT_REGEX.to_owned());
    match anchored_regex(&text) {
        Ok(compiled) => Some(Pattern { text, compiled }),
        Err(error) => {
            findings.error(
                at,
                format!("`regex`: {error}"),
                "patterns are in Go's RE2 syntax, anchored at both ends",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn rules(yaml: &str) -> Result<Vec<Relabel>, String> {
        let node = Node::parse(yaml).unwrap();
        let crate::yaml::Value::List(nodes) = &node.value else { panic!("a list of rules") };
        let mut findings = Diagnostics::new(Path::new("f"));
        let rules = Relabel::read_list(nodes, "relabel_configs", &mut findings);
        let found: Vec<String> = findings.finish().iter().map(ToString::to_string).collect();
        if found.is_empty() { Ok(rules) } else { Err(found.join("\n")) }
    }

    /// `a=1 b=2` before, the same after, or `dropped`.
    #[track_caller]
    fn check(yaml: &str, before: &str, after: &str) {
        let mut labels = LabelsBuilder::default();
        before.split_whitespace().for_each(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            labels.push(name, value);
        });
        let kept = apply(&rules(yaml).unwrap(), &mut labels);
        let set = labels.finish().unwrap();
        let pairs: Vec<String> = set.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(if kept { pairs.join(" ") } else { "dropped".to_owned() }, after);
    }

    #[test]
    fn replace_writes_what_the_groups_caught() {
        check(
            "[{source_labels: [a], regex: 'f(.*)', target_label: d, replacement: 'ch${1}-ch${1}'}]",
            "a=foo b=bar",
            "a=foo b=bar d=choo-choo",
        );
        check(
            "[{source_labels: [a, b], regex: 'f(.*);(.*)r', target_label: a, replacement: 'b${1}${2}m'}]",
            "a=foo b=bar c=baz",
            "a=boobam b=bar c=baz",
        );
        check("[{source_labels: [a], target_label: b}]", "a=x b=y", "a=x b=x");
        check("[{source_labels: [none], target_label: b}]", "a=x b=y", "a=x");
        check("[{target_label: z, replacement: fixed}]", "a=x", "a=x z=fixed");
        check("[{source_labels: [a], regex: no, target_label: b, replacement: z}]", "a=x b=y", "a=x b=y");
        check(
            "[{source_labels: [a], regex: '(.*)/(.*)', target_label: '${1}', replacement: '$2'}]",
            "a=k/v",
            "a=k/v k=v",
        );
        check(
            "[{source_labels: [a], regex: '.*(b).*', target_label: d, replacement: $1$$}]",
            "a=abc",
            "a=abc d=b$",
        );
        check("[{source_labels: [a, b], separator: '', target_label: c}]", "a=1 b=2", "a=1 b=2 c=12");
    }

    #[test]
    fn keep_and_drop_decide_on_the_whole_value() {
        check("[{source_labels: [a], regex: 'fo', action: keep}]", "a=foo", "dropped");
        check("[{source_labels: [a], regex: 'fo+', action: keep}]", "a=foo", "a=foo");
        check("[{source_labels: [a], regex: '.*o', action: DROP}]", "a=foo", "dropped");
        check("[{source_labels: [a], regex: 'o', action: drop}]", "a=foo", "a=foo");
        check("[{source_labels: [a], target_label: b, action: keepequal}]", "a=1 b=1", "a=1 b=1");
        check("[{source_labels: [a], target_label: b, action: keepequal}]", "a=1 b=2", "dropped");
        check("[{source_labels: [a], target_label: b, action: dropequal}]", "a=1 b=1", "dropped");
        check("[{source_labels: [a], target_label: b, action: dropequal}]", "a=1", "a=1");
    }

    #[test]
    fn labels_are_mapped_dropped_kept_hashed_and_cased() {
        check(
            "[{regex: '(b.*)', replacement: 'bar_${1}', action: labelmap}]",
            "a=foo b1=bar b2=baz",
            "a=foo b1=bar b2=baz bar_b1=bar bar_b2=baz",
        );
        check("[{regex: 'b.*', action: labeldrop}]", "a=foo b1=bar b2=baz", "a=foo");
        check("[{regex: 'b.*', action: labelkeep}]", "a=foo b1=bar b2=baz", "b1=bar b2=baz");
        check(
            "[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]",
            "a=foo b=bar c=baz",
            "a=foo b=bar c=baz d=976",
        );
        check(
            "[{source_labels: [a], target_label: u, action: uppercase}, {source_labels: [a], target_label: a, action: lowercase}]",
            "a=bAr123Foo",
            "a=bar123foo u=BAR123FOO",
        );
    }

    #[track_caller]
    fn check_error(yaml: &str, expected: &str) {
        let error = rules(yaml).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn rules_that_prometheus_refuses_are_errors() {
        check_error(
            "[{action: replace}]",
            "f:1:2: error relabel_configs: action `replace` needs `target_label`",
        );
        check_error("[{action: hashmod, target_label: x}]", "`hashmod` needs a `modulus` above 0");
        check_error(
            "[{action: labeldrop, regex: a, target_label: b}]",
            "action `labeldrop` takes no `target_label`",
        );
        check_error("[{action: lowercase, target_label: b, replacement: c}]", "takes no `replacement`");
        check_error("[{action: keepequal, target_label: b, regex: c}]", "takes no `regex`");
        check_error("[{action: kepp}]", "f:1:11: error `action` cannot be `kepp`");
        check_error(
            "[{target_label: a, regex: 'a(b'}]",
            "f:1:27: error `regex`: cannot use regular expression `a(b`",
        );
        check_error("[{target_label: a, sourcelabels: [b]}]", "did you mean `source_labels`?");
    }
}
