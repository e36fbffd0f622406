//! Rule groups that can be evaluated: expressions and templates are parsed here, once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lingshao_alerting::rules::{AlertState, RuleKey, SavedAlert};
use lingshao_model::{Labels, METRIC_NAME, MatchOp, Rule, RuleGroup, RuleKind, TimeDelta};
use lingshao_promql::{Expr, Limits};
use lingshao_wire::relabel::Relabel;

use super::generator;
use super::group::Group;
use super::log_lines::{LogLines, log_rules};
use super::outlet::Outlet;

/// What all groups have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// `global.evaluation_interval`
    pub(crate) evaluation_interval: TimeDelta,
    /// `global.rule_query_offset`
    pub(crate) query_offset: TimeDelta,
    /// `global.external_labels`
    pub(crate) external_labels: Labels,
    /// `web.external_url`
    pub(crate) external_url: String,
    /// `alerting.alert_relabel_configs`
    pub(crate) alert_relabel: Vec<Relabel>,
    /// IANA name of the zone that `.Local` means in templates.
    pub(crate) time_zone: Option<String>,
    /// Bounds of one expression.
    pub(crate) limits: Limits,
    /// Finds what alerts of log rules bring along.
    pub(crate) log_lines: Option<LogLines>,
}

/// Groups that are ready to start.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(super) groups: Vec<Group>,
    pub(super) outlet: Arc<Outlet>,
}

impl Settings {
    /// Under which labels these rows' firing alerts are told now.
    pub(crate) fn told_as(&self, saved: &[SavedAlert]) -> HashSet<Labels> {
        let firing = saved.iter().filter(|row| row.state == AlertState::Firing);
        firing.filter_map(|row| self.outlet.labels(&row.labels)).collect()
    }
}

/// A rule that cannot be evaluated. Rule files are checked when they are read; this names what slipped through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule `{rule}` in group `{group}` of `{file}`: {message}")]
pub(crate) struct SettingsError {
    file: String,
    group: String,
    rule: String,
    message: String,
}

/// A group as it is declared.
#[derive(Debug)]
pub(super) struct GroupSpec {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) interval: TimeDelta,
    pub(super) query_offset: TimeDelta,
    pub(super) limit: u64,
    pub(super) options: Arc<Options>,
    pub(super) outlet: Arc<Outlet>,
}

/// A rule as it is declared, parsed.
#[derive(Debug)]
pub(super) struct RuleSpec {
    pub(super) rule: Rule,
    pub(super) key: Arc<RuleKey>,
    pub(super) expr: Expr,
    /// In the canonical form, as the API shows it.
    pub(super) query: String,
    pub(super) reads: Reads,
    /// Whose newest records its alerts bring along.
    pub(super) log_rules: Vec<String>,
}

/// Which series an expression, or a template of its rule, may look at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reads {
    /// Any.
    Everything,
    /// Those of these names.
    Names(Vec<String>),
}

impl Settings {
    /// Parses everything.
    pub(crate) fn new(groups: &[RuleGroup], options: Options) -> Result<Settings, SettingsError> {
        let options = Arc::new(options);
        let outlet = Outlet::new(options.external_labels.clone(), options.alert_relabel.clone());
        let outlet = Arc::new(outlet);
        let groups = groups.iter().map(|group| build(group, &options, &outlet)).collect::<Result<_, _>>()?;
        Ok(Settings { groups, outlet })
    }

    /// The groups, for those who evaluate them on a clock of their own.
    pub(crate) fn into_groups(self) -> Vec<Group> {
        self.groups
    }
}

fn build(group: &RuleGroup, options: &Arc<Options>, outlet: &Arc<Outlet>) -> Result<Group, SettingsError> {
    let spec = GroupSpec {
        name: group.name.clone(),
        file: group.file.display().to_string(),
        interval: group.interval.unwrap_or(options.evaluation_interval).max(TimeDelta(1)),
        query_offset: group.query_offset.unwrap_or(options.query_offset),
        limit: group.limit,
        options: Arc::clone(options),
        outlet: Arc::clone(outlet),
    };
    let mut built = Group::new(Arc::new(spec));
    let mut equals: HashMap<(&str, String), usize> = HashMap::new();
    for rule in &group.rules {
        let error = |message: String| SettingsError {
            file: group.file.display().to_string(),
            group: group.name.clone(),
            rule: rule.name.clone(),
            message,
        };
        let labels = Labels::from_pairs(rule.labels.iter().map(|(name, value)| (name, value)));
        let labels = labels.map_err(|problem| error(problem.to_string()))?.to_string();
        let ordinal = equals.entry((&rule.name, labels.clone())).or_default();
        let key = RuleKey {
            file: group.file.display().to_string(),
            group: group.name.clone(),
            name: rule.name.clone(),
            identity: format!("{labels}#{ordinal}"),
        };
        *ordinal += 1;
        let expr = lingshao_promql::parse(&rule.expr).map_err(|problem| error(problem.to_string()))?;
        let query = expr.to_string();
        let generator_url = generator::url(&options.external_url, &query);
        let reads = reads(rule, &expr);
        let log_rules = log_rules(&expr);
        let spec = RuleSpec { rule: rule.clone(), key: Arc::new(key), expr, query, reads, log_rules };
        built.add(spec, generator_url).map_err(|problem| error(problem.to_string()))?;
    }
    Ok(built)
}

fn reads(rule: &Rule, expr: &Expr) -> Reads {
    let queries = |pairs: &[(String, String)]| pairs.iter().any(|(_, text)| text.contains("query"));
    if let RuleKind::Alerting { annotations, .. } = &rule.kind
        && (queries(&rule.labels) || queries(annotations))
    {
        return Reads::Everything;
    }
    let mut has_info = false;
    expr.walk(&mut |node| has_info |= matches!(node, Expr::Call(call) if call.function.name == "info"));
    if has_info {
        return Reads::Everything; // It looks for series that it does not name.
    }
    let name = |matchers: &[lingshao_model::Matcher]| {
        let named = |matcher: &&lingshao_model::Matcher| {
            matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal
        };
        matchers.iter().find(named).map(|matcher| matcher.value().to_owned())
    };
    let names: Option<Vec<String>> =
        expr.selectors().iter().map(|selector| name(&selector.matchers)).collect();
    names.map_or(Reads::Everything, Reads::Names)
}

impl Reads {
    /// Whether any of these names may be among them.
    pub(super) fn touch(&self, names: &[String]) -> bool {
        match self {
            Reads::Everything => !names.is_empty(),
            Reads::Names(own) => own.iter().any(|name| names.contains(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expr: &str, annotation: &str, expected: Option<&[&str]>) {
        let annotations = vec![("summary".to_owned(), annotation.to_owned())];
        let (hold, keep_firing_for) = (TimeDelta::ZERO, TimeDelta::ZERO);
        let rule = Rule {
            name: "a".to_owned(),
            expr: expr.to_owned(),
            labels: Vec::new(),
            kind: RuleKind::Alerting { hold, keep_firing_for, annotations },
            line: 1,
        };
        let expected = expected.map_or(Reads::Everything, |names| {
            Reads::Names(names.iter().map(|name| (*name).to_owned()).collect())
        });
        assert_eq!(reads(&rule, &lingshao_promql::parse(expr).unwrap()), expected, "{expr}");
    }

    #[test]
    fn what_a_rule_looks_at_is_known_by_name_or_not_at_all() {
        check("rate(a[5m]) / on(x) sum(b offset 1h)", "", Some(&["a", "b"]));
        check("1 + 2", "", Some(&[]));
        check("{__name__=~\"a.*\"}", "", None);
        check("a and {job=\"x\"}", "", None);
        check("a", "{{ query \"b\" }}", None);
    }
}
