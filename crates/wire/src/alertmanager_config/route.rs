//! `route` and `inhibit_rules`.

use std::collections::BTreeSet;

use lingshao_model::{GroupBy, InhibitRule, MatchOp, Matcher, Route, TimeDelta};

use crate::label_matchers::parse_matchers;
use crate::yaml::{Diagnostics, Keys, Node, Position, Value, nearest};

/// Names that a route may use.
pub(super) struct Names {
    pub(super) receivers: Vec<String>,
    pub(super) time_intervals: Vec<String>,
}

/// What the topmost route inherits (`prometheus/alertmanager`, `dispatch.DefaultRouteOpts`).
pub(super) fn defaults() -> Route {
    Route {
        receiver: String::new(),
        group_by: GroupBy::Labels(Vec::new()),
        matchers: Vec::new(),
        goes_on: false,
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        group_wait: TimeDelta::from_secs(30),
        group_interval: TimeDelta::from_secs(300),
        repeat_interval: TimeDelta::from_secs(4 * 3600),
        routes: Vec::new(),
    }
}

/// Reads the whole tree and checks what only the topmost route must not have.
pub(super) fn read_root(node: &Node, names: &Names, findings: &mut Diagnostics) -> Route {
    let root = read_route(node, &defaults(), names, findings);
    let at = |key: &str| node.get(key).map_or(node.at, |node| node.at);
    if root.receiver.is_empty() {
        findings.error(node.at, "the topmost route has no `receiver`", "add `receiver: NAME`");
    }
    if !root.matchers.is_empty() {
        let key = ["matchers", "match", "match_re"].into_iter().find(|key| node.get(key).is_some());
        let remedy = "it takes every alert; move the condition into an entry of `routes`";
        findings.error(at(key.unwrap_or("matchers")), "the topmost route must not have matchers", remedy);
    }
    let intervals = [
        ("mute_time_intervals", &root.mute_time_intervals),
        ("active_time_intervals", &root.active_time_intervals),
    ];
    for (key, used) in intervals {
        if !used.is_empty() {
            let remedy = "move it into an entry of `routes`";
            findings.error(at(key), format!("the topmost route must not have `{key}`"), remedy);
        }
    }
    if root.goes_on {
        findings.error(at("continue"), "the topmost route must not have `continue`", "delete it");
    }
    root
}

fn read_route(node: &Node, parent: &Route, names: &Names, findings: &mut Diagnostics) -> Route {
    let mut keys = Keys::new(node, "route", findings);
    let receiver = keys.text("receiver", findings).filter(|name| !name.is_empty());
    if let Some(name) = &receiver {
        let at = keys.node("receiver").map_or(node.at, |node| node.at);
        check_name(name, &names.receivers, "receiver", at, findings);
    }
    let mut route = Route {
        receiver: receiver.unwrap_or_else(|| parent.receiver.clone()),
        group_by: read_group_by(&mut keys, findings).unwrap_or_else(|| parent.group_by.clone()),
        matchers: read_matchers(&mut keys, "", findings),
        goes_on: keys.boolean("continue", findings).unwrap_or(false),
        mute_time_intervals: read_intervals(&mut keys, "mute_time_intervals", names, findings),
        active_time_intervals: read_intervals(&mut keys, "active_time_intervals", names, findings),
        group_wait: keys.duration("group_wait", findings).unwrap_or(parent.group_wait),
        group_interval: positive(&mut keys, "group_interval", parent.group_interval, findings),
        repeat_interval: positive(&mut keys, "repeat_interval", parent.repeat_interval, findings),
        routes: Vec::new(),
    };
    keys.without_effect(&["labels"], "templates see no labels of routes yet", findings);
    let children = keys.list("routes", findings);
    keys.finish(findings);
    for child in children {
        if child.value == Value::Null {
            findings.error(child.at, "an empty entry in `routes`", "delete the lone `-`");
            continue;
        }
        let child = read_route(child, &route, names, findings);
        route.routes.push(child);
    }
    route
}

fn check_name(name: &str, known: &[String], what: &str, at: Position, findings: &mut Diagnostics) {
    if known.iter().any(|own| own == name) {
        return;
    }
    let remedy = match nearest(name, known.iter().map(String::as_str)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("define a {what} of this name"),
    };
    findings.error(at, format!("the route uses the {what} `{name}`, which is not defined"), remedy);
}

fn read_intervals(keys: &mut Keys<'_>, key: &str, names: &Names, findings: &mut Diagnostics) -> Vec<String> {
    let used = keys.texts(key, findings);
    for (name, at) in &used {
        check_name(name, &names.time_intervals, "time interval", *at, findings);
    }
    used.into_iter().map(|(name, _)| name).collect()
}

/// 0 would be a loop without a pause.
fn positive(keys: &mut Keys<'_>, key: &str, inherited: TimeDelta, findings: &mut Diagnostics) -> TimeDelta {
    let span = keys.duration(key, findings);
    if span == Some(TimeDelta::ZERO) {
        let at = keys.node(key).map_or(keys.at(), |node| node.at);
        findings.error(at, format!("`{key}` cannot be zero"), "write 1s or more");
    }
    span.unwrap_or(inherited)
}

fn read_group_by(keys: &mut Keys<'_>, findings: &mut Diagnostics) -> Option<GroupBy> {
    let at = keys.node("group_by")?.at;
    let names = keys.texts("group_by", findings);
    let mut labels = BTreeSet::new();
    let mut is_all = false;
    for (name, at) in names {
        match name.as_str() {
            "..." => is_all = true,
            "" => findings.error(at, "an empty label name in `group_by`", "delete it"),
            _ if !labels.insert(name.clone()) => {
                findings.error(at, format!("`{name}` stands twice in `group_by`"), "delete one");
            }
            _ => {}
        }
    }
    if is_all && !labels.is_empty() {
        let message = "`...` in `group_by` means all labels; no other can stand beside it";
        findings.error(at, message, "write `group_by: ['...']`, or name the labels");
    }
    Some(if is_all { GroupBy::All } else { GroupBy::Labels(labels.into_iter().collect()) })
}

/// Reads `PREFIXmatch`, `PREFIXmatch_re` and `PREFIXmatchers`, in Alertmanager's order: by name, value, operator.
fn read_matchers(keys: &mut Keys<'_>, prefix: &str, findings: &mut Diagnostics) -> Vec<Matcher> {
    let mut matchers = read_equal(keys, &format!("{prefix}match"), findings);
    matchers.append(&mut read_patterns(keys, &format!("{prefix}match_re"), findings));
    for (text, at) in keys.texts(&format!("{prefix}matchers"), findings) {
        match parse_matchers(&text) {
            Ok(mut some) => matchers.append(&mut some),
            Err(error) => {
                let remedy = "write `name=\"value\"`; operators are =, !=, =~ and !~";
                findings.error(at, error.to_string(), remedy);
            }
        }
    }
    let order = |op: MatchOp| match op {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Regex => 2,
        MatchOp::NotRegex => 3,
    };
    matchers.sort_by(|a, b| (a.name(), a.value(), order(a.op())).cmp(&(b.name(), b.value(), order(b.op()))));
    matchers
}

fn read_equal(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) -> Vec<Matcher> {
    let pairs = keys.text_map(key, findings);
    pairs.iter().for_each(|(name, _, at)| check_classic(name, *at, findings));
    pairs.iter().map(|(name, value, _)| Matcher::equal(name, value)).collect()
}

/// The pattern is kept as Alertmanager keeps it, anchored: it shows in the keys of groups.
fn read_patterns(keys: &mut Keys<'_>, key: &str, findings: &mut Diagnostics) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    for (name, node) in keys.map(key, findings) {
        check_classic(&name.text, name.at, findings);
        let Value::Scalar { text, .. } = &node.value else {
            let message = format!("`{}` in `{key}` must be a regular expression", name.text);
            findings.error(node.at, message, "write it, or delete the line");
            continue;
        };
        let built = Matcher::new(MatchOp::Regex, &name.text, text);
        match built.and_then(|_| Matcher::new(MatchOp::Regex, &name.text, &format!("^(?:{text})$"))) {
            Ok(matcher) => matchers.push(matcher),
            Err(error) => findings.error(node.at, error.to_string(), ""),
        }
    }
    matchers
}

/// The older keys know the classic alphabet only, also in Alertmanager 0.34.
fn check_classic(name: &str, at: Position, findings: &mut Diagnostics) {
    let is_classic = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(is_classic) {
        findings.error(at, format!("`{name}` is no classic label name"), "use `matchers`");
    }
}

/// Reads one entry of `inhibit_rules`.
pub(super) fn read_inhibit_rule(node: &Node, findings: &mut Diagnostics) -> InhibitRule {
    let mut keys = Keys::new(node, "inhibit_rules", findings);
    let name = keys.text("name", findings).filter(|name| !name.is_empty());
    findings.set_subject(name.map(|name| format!("inhibit rule {name}")));
    let source = read_matchers(&mut keys, "source_", findings);
    let target = read_matchers(&mut keys, "target_", findings);
    let mut equal = Vec::new();
    for (name, at) in keys.texts("equal", findings) {
        if name.is_empty() {
            findings.error(at, "an empty label name in `equal`", "delete it");
        }
        equal.push(name);
    }
    if source.is_empty() || target.is_empty() {
        let message = "an inhibit rule without conditions on both sides holds for all alerts";
        findings.warning(node.at, message, "add `source_matchers` and `target_matchers`");
    }
    keys.finish(findings);
    findings.set_subject(None);
    InhibitRule { source, target, equal }
}
