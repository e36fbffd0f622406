//! Rule files of Prometheus 3: groups of recording and alerting rules, judged as `promtool check rules` judges them.
//!
//! Contract: no I/O. PromQL and templates are other crates' languages: the caller passes a [`RuleChecks`]. What is wrong
//! is reported where it stands, and all of it at once. Only the first YAML document of a file counts.
//!
//! Deliberately as promtool 3: names of labels and series may hold any UTF-8 (promtool 2 wants the classic alphabet);
//! two rules of one name and one set of labels are a warning.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use lingshao_model::{Rule, RuleGroup, RuleKind, TimeDelta};

use crate::yaml::{Diagnostics, Key, Keys, Node, Position, Value};

/// A file's groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleFile {
    /// In the order of the file.
    pub groups: Vec<RuleGroup>,
    /// Where the rules of all groups stand, one each, in the same order.
    pub sources: Vec<RuleSource>,
}

/// Where the parts of a rule stand in its file.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleSource {
    /// Its name.
    pub name_at: Position,
    /// The expression; none if there is none.
    pub expr: Option<Node>,
    /// The values of its own labels and annotations, by name.
    pub texts: Vec<(String, Node)>,
}

impl RuleSource {
    /// The value of a label or annotation.
    pub fn text(&self, name: &str) -> Option<&Node> {
        self.texts.iter().find(|(own, _)| own == name).map(|(_, node)| node)
    }
}

/// What is wrong with an expression or a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In Prometheus' words.
    pub message: String,
    /// Byte in the text at which it begins.
    pub offset: usize,
}

/// Knows the languages that rules are written in.
pub trait RuleChecks {
    /// Whether a PromQL expression parses.
    fn expression(&self, text: &str) -> Result<(), Problem>;
    /// Whether the template of a label or annotation of the alert `alert` parses.
    fn template(&self, alert: &str, text: &str) -> Result<(), Problem>;
}

/// Longest span that Prometheus can express: 2⁶³ nanoseconds.
const SPAN_MAX: TimeDelta = TimeDelta(i64::MAX / 1_000_000);

impl RuleFile {
    /// Reads a file's text; `file` is its name in the groups.
    pub fn read(text: &str, file: &Path, checks: &dyn RuleChecks, findings: &mut Diagnostics) -> RuleFile {
        let root = match Node::parse_first(text) {
            Ok((root, None)) => root,
            Ok((root, Some(second))) => {
                let remedy = "Prometheus reads the first document only; delete the `---` between them";
                findings.warning(second, "what follows `---` is not read", remedy);
                root
            }
            Err(error) => {
                findings.error(error.at, error.message, "");
                return RuleFile::default();
            }
        };
        let mut keys = Keys::new(&root, "a rule file", findings);
        let nodes = keys.list("groups", findings);
        keys.finish(findings);
        let mut reader = Reader { text, file, checks, findings, sources: Vec::new() };
        let mut seen = HashMap::new();
        let nodes = reader.filled(nodes, "groups");
        let groups: Vec<RuleGroup> = nodes.iter().map(|node| reader.group(node, &mut seen)).collect();
        reader.find_duplicates(&groups);
        RuleFile { groups, sources: reader.sources }
    }

    /// How many rules there are.
    pub fn rule_count(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }
}

struct Reader<'r> {
    text: &'r str,
    file: &'r Path,
    checks: &'r dyn RuleChecks,
    findings: &'r mut Diagnostics,
    sources: Vec<RuleSource>,
}

impl Reader<'_> {
    fn error(&mut self, at: Position, message: impl Into<String>, remedy: &str) {
        self.findings.error(at, message, remedy);
    }

    /// Without entries that hold nothing, as Go's YAML reads them.
    fn filled<'n>(&mut self, nodes: &'n [Node], key: &str) -> Vec<&'n Node> {
        let (filled, empty): (Vec<&Node>, Vec<&Node>) =
            nodes.iter().partition(|node| node.value != Value::Null);
        for node in empty {
            self.findings.warning(node.at, format!("an empty entry in `{key}`"), "delete the lone `-`");
        }
        filled
    }

    fn group(&mut self, node: &Node, seen: &mut HashMap<String, Position>) -> RuleGroup {
        let mut keys = Keys::new(node, "a rule group", self.findings);
        let name = keys.text("name", self.findings).unwrap_or_default();
        let name_at = keys.node("name").map_or(node.at, |node| node.at);
        self.findings.set_subject(Some(format!("group {name}")).filter(|_| !name.is_empty()));
        if name.is_empty() {
            self.error(name_at, "a group without a name", "add `name: NAME`");
        } else if let Some(first) = seen.insert(name.clone(), name_at) {
            let message = format!("group `{name}` stands twice in this file; first in line {}", first.line);
            self.error(name_at, message, "give each group its own name");
        }
        let interval = self.span(&mut keys, "interval").filter(|span| *span > TimeDelta::ZERO);
        let query_offset = self.span(&mut keys, "query_offset");
        let limit = self.limit(&mut keys);
        let labels = self.labels(&mut keys, "labels");
        let rules = keys.list("rules", self.findings);
        keys.finish(self.findings);
        let rules = self.filled(rules, "rules");
        let rules = rules.into_iter().map(|node| self.rule(node, &labels)).collect();
        self.findings.set_subject(None);
        RuleGroup { name, file: self.file.to_owned(), interval, query_offset, limit, rules }
    }

    fn span(&mut self, keys: &mut Keys<'_>, key: &str) -> Option<TimeDelta> {
        let span = keys.duration(key, self.findings)?;
        if span > SPAN_MAX {
            let at = keys.node(key).map_or(keys.at(), |node| node.at);
            self.error(at, format!("`{key}`: duration out of range"), "");
        }
        Some(span)
    }

    /// A whole number; what is below 0 is no limit, as in Prometheus.
    fn limit(&mut self, keys: &mut Keys<'_>) -> u64 {
        let Some(node) = keys.node("limit") else { return 0 };
        let parsed = match &node.value {
            Value::Scalar { text, plain: true } => text.replace('_', "").parse::<i64>().ok(),
            _ => None,
        };
        if parsed.is_none() {
            self.error(node.at, "`limit` must be a whole number", "");
        }
        parsed.and_then(|limit| u64::try_from(limit).ok()).unwrap_or(0)
    }

    fn labels(&mut self, keys: &mut Keys<'_>, key: &str) -> BTreeMap<String, Text> {
        let entries: &[(Key, Node)] = keys.map(key, self.findings);
        let mut texts = BTreeMap::new();
        for (name, node) in entries {
            if name.text.is_empty() || (key == "labels" && name.text == "__name__") {
                let message = format!("invalid {} name: `{}`", key.trim_end_matches('s'), name.text);
                self.error(name.at, message, "");
            }
            match &node.value {
                Value::Scalar { text, .. } => {
                    texts.insert(name.text.clone(), Text { text: text.clone(), node: node.clone() });
                }
                Value::Null => {
                    texts.insert(name.text.clone(), Text { text: String::new(), node: node.clone() });
                }
                _ => self.error(node.at, format!("`{}` must be a text, not {}", name.text, node.kind()), ""),
            }
        }
        texts
    }

    fn rule(&mut self, node: &Node, group_labels: &BTreeMap<String, Text>) -> Rule {
        let group_subject = self.findings.subject();
        let mut keys = Keys::new(node, "a rule", self.findings);
        let record = keys.text("record", self.findings).unwrap_or_default();
        let alert = keys.text("alert", self.findings).unwrap_or_default();
        let is_recording = !record.is_empty();
        let (key, name) = if is_recording { ("record", record) } else { ("alert", alert.clone()) };
        let name_at = keys.node(key).map_or(node.at, |node| node.at);
        if !name.is_empty() {
            self.findings.set_subject(Some(format!("{key} {name}")));
        }
        if name.is_empty() {
            self.error(node.at, "one of `record` and `alert` must be set", "add `alert: NAME`");
        } else if is_recording && !alert.is_empty() {
            self.error(name_at, "only one of `record` and `alert` must be set", "delete one of them");
        }
        let expr = self.expression(&mut keys);
        let hold = self.span(&mut keys, "for").unwrap_or(TimeDelta::ZERO);
        let keep_firing_for = self.span(&mut keys, "keep_firing_for").unwrap_or(TimeDelta::ZERO);
        let own = self.labels(&mut keys, "labels");
        let annotations = self.labels(&mut keys, "annotations");
        if is_recording {
            let spans = [("for", hold), ("keep_firing_for", keep_firing_for)];
            self.check_recording(&keys, &name, name_at, spans, &annotations);
        }
        if !alert.is_empty() {
            self.check_templates(&alert, "label", &own);
            self.check_templates(&alert, "annotation", &annotations);
        }
        let texts = annotations.iter().chain(&own).map(|(name, text)| (name.clone(), text.node.clone()));
        let texts = texts.collect();
        self.sources.push(RuleSource { name_at, expr: keys.node("expr").cloned(), texts });
        keys.finish(self.findings);
        self.findings.set_subject(group_subject);
        let mut labels = group_labels.clone();
        labels.extend(own);
        let kind = match is_recording {
            true => RuleKind::Recording,
            false => RuleKind::Alerting { hold, keep_firing_for, annotations: pairs(annotations) },
        };
        Rule { name, expr, labels: pairs(labels), kind, line: name_at.line }
    }

    fn expression(&mut self, keys: &mut Keys<'_>) -> String {
        let expr = keys.text("expr", self.findings).unwrap_or_default();
        let Some(node) = keys.node("expr").filter(|_| !expr.is_empty()) else {
            self.error(keys.key_at("expr"), "`expr` must be set in a rule", "add `expr: EXPRESSION`");
            return expr;
        };
        if let Err(problem) = self.checks.expression(&expr) {
            let at = node.position_within(self.text, problem.offset);
            self.error(at, format!("cannot parse the expression: {}", problem.message), "");
        }
        expr
    }

    /// What a recording rule may not have.
    fn check_recording(
        &mut self,
        keys: &Keys<'_>,
        name: &str,
        name_at: Position,
        spans: [(&str, TimeDelta); 2],
        annotations: &BTreeMap<String, Text>,
    ) {
        let remedy = "delete it; only an alert has one";
        if !annotations.is_empty() {
            self.error(keys.key_at("annotations"), "`annotations` in a recording rule", remedy);
        }
        for (key, span) in spans {
            if span != TimeDelta::ZERO {
                self.error(keys.key_at(key), format!("`{key}` in a recording rule"), remedy);
            }
        }
        if name.contains(['{', '}']) {
            let message = format!("braces in the name of a recorded series: `{name}`");
            self.error(name_at, message, "conditions on labels belong into `expr`");
        }
    }

    fn check_templates(&mut self, alert: &str, kind: &str, texts: &BTreeMap<String, Text>) {
        for (name, text) in texts {
            if let Err(problem) = self.checks.template(alert, &text.text) {
                let at = text.node.position_within(self.text, problem.offset);
                self.error(at, format!("{kind} `{name}`: {}", problem.message), "");
            }
        }
    }

    /// promtool's only lint: which of two such rules an alert or sample came from cannot be told.
    fn find_duplicates(&mut self, groups: &[RuleGroup]) {
        let mut seen = HashMap::new();
        for rule in groups.iter().flat_map(|group| &group.rules).filter(|rule| !rule.name.is_empty()) {
            let Some(first) = seen.insert((rule.name.as_str(), rule.labels.as_slice()), rule.line) else {
                continue;
            };
            let message = format!("`{}` stands twice with the same labels; first in line {first}", rule.name);
            let remedy = "give one of them another name or another label";
            let at = Position { line: rule.line, column: 1 };
            self.findings.lint("duplicate-rules", at, message, remedy);
        }
    }
}

/// A label's or annotation's text and where it stands.
#[derive(Clone)]
struct Text {
    text: String,
    node: Node,
}

fn pairs(texts: BTreeMap<String, Text>) -> Vec<(String, String)> {
    texts.into_iter().map(|(name, text)| (name, text.text)).collect()
}

#[cfg(test)]
mod tests;
