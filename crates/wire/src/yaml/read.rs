//! Typed reading of a mapping: each getter names its key, and whatever nobody asked for is an error.

use lingshao_model::TimeDelta;

use super::{Diagnostics, Key, Node, Position, Value};

/// A mapping being read. Every getter notes its key as known; [`Keys::finish`] reports the others with the nearest
/// known name. A wrong value is reported where it stands and read as if it were absent.
#[derive(Debug)]
pub struct Keys<'n> {
    section: String,
    at: Position,
    entries: Vec<(&'n Key, &'n Node, bool)>,
    known: Vec<String>,
}

impl<'n> Keys<'n> {
    /// Starts reading; `section` names the mapping in messages. What is no mapping is reported and read as empty.
    pub fn new(node: &'n Node, section: &str, findings: &mut Diagnostics) -> Keys<'n> {
        let entries = match &node.value {
            Value::Map(entries) => entries.iter().map(|(key, value)| (key, value, false)).collect(),
            Value::Null => Vec::new(),
            _ => {
                findings.error(
                    node.at,
                    format!("{section} must be a mapping, not {}", node.kind()),
                    "write `key: value` lines, indented below it",
                );
                Vec::new()
            }
        };
        Keys { section: section.to_owned(), at: node.at, entries, known: Vec::new() }
    }

    /// Where the mapping begins.
    pub fn at(&self) -> Position {
        self.at
    }

    /// Where a key stands; the mapping's beginning if it is absent.
    pub fn key_at(&self, key: &str) -> Position {
        self.entries.iter().find(|(own, ..)| own.text == key).map_or(self.at, |(own, ..)| own.at)
    }

    /// Whether the key is there with a value.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(own, node, _)| own.text == key && node.value != Value::Null)
    }

    /// The value under a key, which becomes known; nothing if it is absent or null.
    pub fn node(&mut self, key: &str) -> Option<&'n Node> {
        if !self.known.iter().any(|known| known == key) {
            self.known.push(key.to_owned());
        }
        let (_, node, taken) = self.entries.iter_mut().find(|(own, ..)| own.text == key)?;
        *taken = true;
        Some(*node).filter(|node| node.value != Value::Null)
    }

    /// A text; scalars of every spelling are texts.
    pub fn text(&mut self, key: &str, findings: &mut Diagnostics) -> Option<String> {
        let node = self.node(key)?;
        scalar(node, key, findings).map(str::to_owned)
    }

    /// `true` or `false`, in the spellings of YAML 1.1 (`yes`, `on`).
    pub fn boolean(&mut self, key: &str, findings: &mut Diagnostics) -> Option<bool> {
        let node = self.node(key)?;
        let parsed = match scalar(node, key, findings)?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        };
        self.expect(parsed, node, key, "must be true or false", findings)
    }

    /// A whole number from 0.
    pub fn number(&mut self, key: &str, findings: &mut Diagnostics) -> Option<u64> {
        let node = self.node(key)?;
        let parsed = scalar(node, key, findings)?.replace('_', "").parse().ok();
        self.expect(parsed, node, key, "must be a whole number from 0", findings)
    }

    /// A span in Prometheus' notation.
    pub fn duration(&mut self, key: &str, findings: &mut Diagnostics) -> Option<TimeDelta> {
        let node = self.node(key)?;
        match TimeDelta::parse(scalar(node, key, findings)?) {
            Ok(span) => Some(span),
            Err(error) => {
                // What follows is how to write it, which the remedy says.
                let error = error.to_string();
                let what = error.split("; ").next().unwrap_or(&error);
                findings.error(
                    node.at,
                    format!("`{key}`: {what}"),
                    "write a number and a unit: 15s, 5m, 1h30m",
                );
                None
            }
        }
    }

    /// A number of bytes: `64MB`, `1.5GiB`; units are powers of 1024 as in Prometheus, a bare number is bytes.
    pub fn bytes(&mut self, key: &str, findings: &mut Diagnostics) -> Option<u64> {
        let node = self.node(key)?;
        let parsed = parse_bytes(scalar(node, key, findings)?);
        self.expect(parsed, node, key, "must be a size such as 512KB, 64MB or 10GB", findings)
    }

    /// The items of a list; a single value is reported.
    pub fn list(&mut self, key: &str, findings: &mut Diagnostics) -> &'n [Node] {
        match self.node(key) {
            None => &[],
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                findings.error(
                    node.at,
                    format!("`{key}` must be a list, not {}", node.kind()),
                    format!("write each item on its own line below `{key}:`, beginning with `- `"),
                );
                &[]
            }
        }
    }

    /// A list of texts, each with its place.
    pub fn texts(&mut self, key: &str, findings: &mut Diagnostics) -> Vec<(String, Position)> {
        let items = self.list(key, findings);
        items.iter().filter_map(|item| Some((scalar(item, key, findings)?.to_owned(), item.at))).collect()
    }

    /// The entries of a mapping from names to anything.
    pub fn map(&mut self, key: &str, findings: &mut Diagnostics) -> &'n [(Key, Node)] {
        match self.node(key) {
            None => &[],
            Some(Node { value: Value::Map(entries), .. }) => entries,
            Some(node) => {
                findings.error(
                    node.at,
                    format!("`{key}` must be a mapping, not {}", node.kind()),
                    format!("write `name: value` lines below `{key}:`"),
                );
                &[]
            }
        }
    }

    /// A mapping from names to texts.
    pub fn text_map(&mut self, key: &str, findings: &mut Diagnostics) -> Vec<(String, String, Position)> {
        let entries = self.map(key, findings);
        let texts = entries.iter().filter_map(|(name, node)| {
            let text = if node.value == Value::Null { "" } else { scalar(node, &name.text, findings)? };
            Some((name.text.clone(), text.to_owned(), name.at))
        });
        texts.collect()
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)], findings: &mut Diagnostics) -> Option<T> {
        let node = self.node(key)?;
        let text = scalar(node, key, findings)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let remedy = format!("write one of: {}", names.join(", "));
            findings.error(node.at, format!("`{key}` cannot be `{text}`"), remedy);
        }
        found
    }

    /// Notes keys that are accepted and do nothing here; one that is there is a warning, unless it is `false`.
    pub fn without_effect(&mut self, keys: &[&str], reason: &str, findings: &mut Diagnostics) {
        for key in keys {
            let at = self.key_at(key);
            let Some(node) = self.node(key) else { continue };
            if !matches!(&node.value, Value::Scalar { text, .. } if text == "false") {
                findings.warning(at, format!("`{key}` has no effect here"), reason);
            }
        }
    }

    /// Notes keys whose effect comes with a later release; one that is there is a warning.
    pub fn no_effect_yet(&mut self, keys: &[&str], findings: &mut Diagnostics) {
        for key in keys {
            let at = self.key_at(key);
            if self.node(key).is_some() {
                findings.warning(at, format!("`{key}` has no effect yet"), "it comes with a later release");
            }
        }
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self, findings: &mut Diagnostics) {
        for (key, _, taken) in &self.entries {
            if *taken {
                continue;
            }
            let names = self.known.iter().map(String::as_str);
            let remedy = match nearest(&key.text, names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "delete it".to_owned(),
            };
            findings.error(key.at, format!("unknown key `{}` in {}", key.text, self.section), remedy);
        }
    }

    fn expect<T>(
        &self,
        parsed: Option<T>,
        node: &Node,
        key: &str,
        must: &str,
        findings: &mut Diagnostics,
    ) -> Option<T> {
        if parsed.is_none() {
            findings.error(node.at, format!("`{key}` {must}"), "");
        }
        parsed
    }
}

fn scalar<'n>(node: &'n Node, key: &str, findings: &mut Diagnostics) -> Option<&'n str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        Value::Null => Some(""),
        _ => {
            findings.error(node.at, format!("`{key}` must be a single value, not {}", node.kind()), "");
            None
        }
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KB" | "KiB" | "K" => 10,
        "MB" | "MiB" | "M" => 20,
        "GB" | "GiB" | "G" => 30,
        "TB" | "TiB" | "T" => 40,
        "PB" | "PiB" | "P" => 50,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift);
    }
    let bytes = number.parse::<f64>().ok()? * (1_u64 << shift) as f64;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// The candidate that a mistyped name most likely meant: at most a third of its letters are wrong.
pub fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    if name.len() > 100 {
        return None;
    }
    let scored = candidates.map(|candidate| (edits(name, candidate), candidate));
    let (distance, candidate) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= name.chars().count().max(candidate.chars().count())).then_some(candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn edits(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut current = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = previous[j] + usize::from(a != b);
            let mut best = replaced.min(previous[j + 1] + 1).min(current[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[right.len()]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Reads `text` with a reader of the keys below and gives the findings.
    fn findings(text: &str) -> Vec<String> {
        let mut findings = Diagnostics::new(Path::new("f.yml"));
        let node = Node::parse(text).unwrap();
        let mut keys = Keys::new(&node, "scrape_configs", &mut findings);
        keys.text("job_name", &mut findings);
        keys.duration("scrape_interval", &mut findings);
        keys.boolean("honor_labels", &mut findings);
        keys.number("sample_limit", &mut findings);
        keys.bytes("body_size_limit", &mut findings);
        keys.texts("targets", &mut findings);
        keys.without_effect(&["enable_http2"], "scrapes speak HTTP/1.1", &mut findings);
        keys.finish(&mut findings);
        findings.finish().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_right_is_silent() {
        let text =
            "job_name: 1\nscrape_interval: 1m\nhonor_labels: yes\nsample_limit: 5\nbody_size_limit: 1.5MB\n";
        assert_eq!(findings(text), [""; 0]);
        assert_eq!(findings("targets: [a, b]\nenable_http2: false\n"), [""; 0]);
    }

    #[test]
    fn mistakes_name_place_key_and_remedy() {
        assert_eq!(
            findings("job_name: x\nscrape_intervall: 5s\n"),
            [
                "f.yml:2:1: error unknown key `scrape_intervall` in scrape_configs\n    did you mean `scrape_interval`?"
            ]
        );
        assert_eq!(
            findings("zzz: 5s\n"),
            ["f.yml:1:1: error unknown key `zzz` in scrape_configs\n    delete it"]
        );
        assert_eq!(
            findings("scrape_interval: fast\n"),
            ["f.yml:1:18: error `scrape_interval`: not a valid duration string\n    \
              write a number and a unit: 15s, 5m, 1h30m"]
        );
        assert_eq!(findings("honor_labels: 7\n"), ["f.yml:1:15: error `honor_labels` must be true or false"]);
        assert_eq!(
            findings("sample_limit: -1\nbody_size_limit: 5 parsecs\n"),
            [
                "f.yml:1:15: error `sample_limit` must be a whole number from 0",
                "f.yml:2:18: error `body_size_limit` must be a size such as 512KB, 64MB or 10GB"
            ]
        );
        assert_eq!(
            findings("enable_http2: true\n"),
            ["f.yml:1:1: warning `enable_http2` has no effect here\n    scrapes speak HTTP/1.1"]
        );
        assert_eq!(
            findings("job_name: [a]\n"),
            ["f.yml:1:11: error `job_name` must be a single value, not a list"]
        );
        assert!(findings("targets: a\n")[0].contains("must be a list, not a single value"));
        assert!(findings("- a\n")[0].contains("scrape_configs must be a mapping, not a list"));
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(parse_bytes("10"), Some(10));
        assert_eq!(parse_bytes("1KB"), Some(1024));
        assert_eq!(parse_bytes("1.5MiB"), Some(3 << 19));
        assert_eq!(parse_bytes("99999999PB"), None);
        assert_eq!(parse_bytes("MB"), None);
    }
}
