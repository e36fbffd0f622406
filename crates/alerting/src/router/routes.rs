//! The routing tree, flat, with everything about a route in place, and the texts by which Alertmanager calls groups.

use std::collections::HashSet;
use std::fmt::Write;

use lingshao_model::{
    Alert, GroupBy, IntegrationId, Labels, LabelsBuilder, Matcher, Route, Routing, TimeDelta,
};

use super::intervals::Intervals;

/// A routing, ready for use.
#[derive(Debug)]
pub(super) struct Tree {
    /// The root is the first.
    pub(super) nodes: Vec<Node>,
    /// In the order of the file.
    pub(super) receivers: Vec<ReceiverPlan>,
    pub(super) intervals: Intervals,
}

/// A route.
#[derive(Debug)]
pub(super) struct Node {
    matchers: Vec<Matcher>,
    goes_on: bool,
    children: Vec<u32>,
    /// Alertmanager's key of the route; made unique among the routes of one receiver.
    pub(super) key: String,
    /// Which of the tree's receivers.
    pub(super) receiver: u32,
    group_by: GroupBy,
    pub(super) group_wait: TimeDelta,
    pub(super) group_interval: TimeDelta,
    pub(super) repeat_interval: TimeDelta,
    /// Which of the tree's intervals mute it.
    pub(super) mute: Vec<u32>,
    /// In which it is active; always, when there is none.
    pub(super) active: Vec<u32>,
}

/// A receiver and its integrations.
#[derive(Debug)]
pub(super) struct ReceiverPlan {
    pub(super) name: String,
    pub(super) integrations: Vec<(IntegrationId, bool)>,
}

impl Tree {
    pub(super) fn new(routing: &Routing) -> Tree {
        let receivers = routing
            .receivers
            .iter()
            .map(|receiver| ReceiverPlan {
                name: receiver.name.clone(),
                integrations: receiver
                    .integrations
                    .iter()
                    .map(|own| {
                        let to = IntegrationId {
                            receiver: receiver.name.clone(),
                            kind: own.kind,
                            index: own.index,
                        };
                        (to, own.send_resolved)
                    })
                    .collect(),
            })
            .collect();
        let intervals = Intervals::new(&routing.time_intervals);
        let mut tree = Tree { nodes: Vec::new(), receivers, intervals };
        let mut taken = HashSet::new();
        tree.add(&routing.root, None, &mut taken);
        tree
    }

    fn add(&mut self, route: &Route, parent: Option<&str>, taken: &mut HashSet<(String, u32)>) -> u32 {
        let receiver = self.receiver(&route.receiver);
        let plain = route_key(&route.matchers, parent);
        let mut key = plain.clone();
        let mut ordinal = 1;
        while !taken.insert((key.clone(), receiver)) {
            ordinal += 1;
            key = format!("{plain}#{ordinal}"); // Two such routes would overwrite each other's log.
        }
        let named = |names: &[String]| names.iter().filter_map(|name| self.intervals.find(name)).collect();
        let node = Node {
            matchers: route.matchers.clone(),
            goes_on: route.goes_on,
            children: Vec::new(),
            key,
            receiver,
            group_by: route.group_by.clone(),
            group_wait: route.group_wait,
            group_interval: route.group_interval,
            repeat_interval: route.repeat_interval,
            mute: named(&route.mute_time_intervals),
            active: named(&route.active_time_intervals),
        };
        let at = self.nodes.len();
        self.nodes.push(node);
        let children = route.routes.iter().map(|child| self.add(child, Some(&plain), taken)).collect();
        self.nodes[at].children = children;
        u32::try_from(at).expect("a config file has fewer routes")
    }

    /// The receiver of that name; a routing that names none that exists gets one without integrations.
    fn receiver(&mut self, name: &str) -> u32 {
        let at = self.receivers.iter().position(|own| own.name == name).unwrap_or_else(|| {
            self.receivers.push(ReceiverPlan { name: name.to_owned(), integrations: Vec::new() });
            self.receivers.len() - 1
        });
        u32::try_from(at).expect("a config file has fewer receivers")
    }

    /// The routes that take an alert: depth first, a sibling only after one that goes on.
    pub(super) fn matching(&self, labels: &Labels) -> Vec<u32> {
        let mut taken = Vec::new();
        if self.collect(0, labels, &mut taken) {
            taken
        } else {
            Vec::new() // A root with matchers is refused by config files.
        }
    }

    fn collect(&self, at: u32, labels: &Labels, taken: &mut Vec<u32>) -> bool {
        let node = &self.nodes[at as usize];
        if !all_match(&node.matchers, labels) {
            return false;
        }
        let before = taken.len();
        for child in &node.children {
            if self.collect(*child, labels, taken) && !self.nodes[*child as usize].goes_on {
                break;
            }
        }
        if taken.len() == before {
            taken.push(at);
        }
        true
    }

    pub(super) fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    pub(super) fn receiver_of(&self, at: u32) -> &ReceiverPlan {
        &self.receivers[self.node(at).receiver as usize]
    }

    /// Whether somebody is told of ends; `None` when the integration is not there.
    pub(super) fn send_resolved(&self, to: &IntegrationId) -> Option<bool> {
        let receiver = self.receivers.iter().find(|receiver| receiver.name == to.receiver)?;
        receiver.integrations.iter().find(|(own, _)| own == to).map(|(_, send_resolved)| *send_resolved)
    }
}

impl Node {
    /// Leaves the labels of an alert's group in `builder`.
    pub(super) fn group_labels(&self, labels: &Labels, builder: &mut LabelsBuilder) {
        builder.clear();
        for (name, value) in labels {
            let wanted = match &self.group_by {
                GroupBy::All => true,
                GroupBy::Labels(names) => names.iter().any(|own| own == name),
            };
            if wanted {
                builder.push(name, value);
            }
        }
    }

    /// Alertmanager's key of a group of this route.
    pub(super) fn group_key(&self, group_labels: &Labels) -> String {
        let mut key = String::with_capacity(self.key.len() + 2 * group_labels.encoded().len() + 8);
        key.push_str(&self.key);
        key.push_str(":{");
        for (at, (name, value)) in group_labels.iter().enumerate() {
            if at > 0 {
                key.push_str(", ");
            }
            key.push_str(name);
            key.push('=');
            push_quoted(&mut key, value);
        }
        key.push('}');
        key
    }
}

/// Whether all conditions hold; a label that is missing is the empty text.
pub(super) fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or("")))
}

/// `{}/{severity="critical"}`: matchers sorted by name, value and kind, below those of the parents
/// (`alertmanager` `dispatch.Route.Key`, `pkg/labels.Matchers.String`).
fn route_key(matchers: &[Matcher], parent: Option<&str>) -> String {
    let mut sorted: Vec<&Matcher> = matchers.iter().collect();
    sorted.sort_by(|a, b| (a.name(), a.value(), a.op() as u8).cmp(&(b.name(), b.value(), b.op() as u8)));
    let mut key = parent.map(|parent| format!("{parent}/")).unwrap_or_default();
    key.push('{');
    for (at, matcher) in sorted.into_iter().enumerate() {
        if at > 0 {
            key.push(',');
        }
        push_matcher(&mut key, matcher);
    }
    key.push('}');
    key
}

fn push_matcher(key: &mut String, matcher: &Matcher) {
    let reserved = |letter: char| letter.is_whitespace() || "{}!=~,\\\"'`".contains(letter);
    if matcher.name().contains(reserved) {
        push_quoted(key, matcher.name());
        key.push_str(matcher.op().as_str());
        push_quoted(key, matcher.value());
        return;
    }
    key.push_str(matcher.name());
    key.push_str(matcher.op().as_str());
    key.push('"');
    for letter in matcher.value().chars() {
        match letter {
            '\\' => key.push_str("\\\\"),
            '"' => key.push_str("\\\""),
            '\n' => key.push_str("\\n"),
            other => key.push(other),
        }
    }
    key.push('"');
}

/// Go's `%q`.
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            other if is_printable(other) => out.push(other),
            other => {
                let code = u32::from(other);
                let written = match code {
                    0..0x80 => write!(out, "\\x{code:02x}"),
                    0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
                written.expect("a String takes everything");
            }
        }
    }
    out.push('"');
}

fn is_printable(letter: char) -> bool {
    if letter.is_ascii() {
        return (' '..='~').contains(&letter);
    }
    // The standard library's own table; a letter before it, because a combining mark is escaped only in front.
    let mut pair = [b'a'; 5];
    let length = 1 + letter.encode_utf8(&mut pair[1..]).len();
    std::str::from_utf8(&pair[..length]).is_ok_and(|pair| pair.escape_debug().count() == 2)
}

/// Alertmanager's order of the alerts of a message: by `job`, then `instance`, alerts without one last; then by how many
/// labels there are, then by the labels (`types.AlertSlice`, `model.LabelSet.Before`).
pub(super) fn sort_alerts<T>(alerts: Vec<T>, alert: impl Fn(&T) -> &Alert) -> Vec<T> {
    let key = |item: &T| {
        let labels = &alert(item).labels;
        let value = |name: &str| labels.get(name).map_or((true, ""), |value| (false, value));
        let (job, instance) = (value("job"), value("instance"));
        (job.0, job.1.to_owned(), instance.0, instance.1.to_owned(), labels.clone())
    };
    let mut keyed: Vec<_> = alerts.into_iter().map(|item| (key(&item), item)).collect();
    keyed.sort_by(|(a, _), (b, _)| {
        (a.0, &a.1, a.2, &a.3).cmp(&(b.0, &b.1, b.2, &b.3)).then_with(|| compare_sets(&a.4, &b.4))
    });
    keyed.into_iter().map(|(_, item)| item).collect()
}

/// `model.LabelSet.Before`: fewer labels first; else the first difference in the order of names, a missing label first.
pub(super) fn compare_sets(a: &Labels, b: &Labels) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| {
        for ((name_a, value_a), (name_b, value_b)) in a.iter().zip(b.iter()) {
            // The set that has the smaller name is the later one: the other lacks that label.
            let order = name_b.cmp(name_a).then_with(|| value_a.cmp(value_b));
            if order.is_ne() {
                return order;
            }
        }
        std::cmp::Ordering::Equal
    })
}
