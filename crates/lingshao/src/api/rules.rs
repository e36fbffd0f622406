//! `rules` and `alerts`: what is judged and what came of it, in Prometheus' fields and order (`web/api/v1/api.go`).

use std::collections::HashSet;
use std::time::Duration;

use lingshao_alerting::rules::ActiveAlert;
use lingshao_model::{Matcher, RuleKind, Timestamp};
use lingshao_wire::prometheus_api::{self as wire, ParameterError};
use lingshao_wire::rfc3339;

use super::answer::{ApiError, written};
use crate::app::App;
use crate::rules::{GroupView, RuleView};
use crate::security::hex;
use crate::server::reply::Reply;
use crate::server::request::Parameters;

/// What Go writes for a time that never was.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// `rules`: groups with their rules, in the order of files and names.
pub(super) fn rules(app: &App, parameters: &Parameters) -> Result<Reply, ApiError> {
    let filter = Filter::read(parameters)?;
    let groups = app.rules.groups(!filter.excludes_alerts);
    let (page, next_token) = filter.page(groups)?;
    Ok(written(&[], |out| {
        out.extend_from_slice(br#"{"groups":"#);
        wire::list(out, &page, |out, group| write_group(out, group, filter.excludes_alerts));
        if let Some(token) = next_token {
            out.extend_from_slice(br#","groupNextToken":"#);
            wire::string(out, &token);
        }
        out.push(b'}');
    }))
}

/// `alerts`: all that are pending or fire.
pub(super) fn alerts(app: &App) -> Reply {
    let groups = app.rules.groups(true);
    let rules = groups.iter().flat_map(|group| &group.rules);
    let alerts = rules.flat_map(|rule| rule.alerts.iter().flat_map(|(_, alerts)| alerts));
    written(&[], |out| {
        out.extend_from_slice(br#"{"alerts":"#);
        wire::list(out, alerts, write_alert);
        out.push(b'}');
    })
}

/// Which groups and rules are wanted, and how many groups at a time.
struct Filter {
    rule_names: HashSet<String>,
    group_names: HashSet<String>,
    files: HashSet<String>,
    /// Any of these lists must hold; none at all is no condition.
    matches: Vec<Vec<Matcher>>,
    alerting: bool,
    recording: bool,
    excludes_alerts: bool,
    groups_max: Option<usize>,
    next_token: Option<String>,
}

impl Filter {
    fn read(parameters: &Parameters) -> Result<Filter, ApiError> {
        let set = |name| parameters.all(name).map(str::to_owned).collect();
        let kind = parameters.get("type").unwrap_or("").to_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            return Err(refused("type", format!("not supported value {kind:?}")));
        }
        let matches = parameters.all("match[]").map(|text| {
            lingshao_promql::parse_selector(text).map_err(|error| refused("match[]", error.to_string()))
        });
        let groups_max = parameters.get("group_limit").map(group_limit).transpose()?;
        let next_token = parameters.get("group_next_token").map(str::to_owned);
        if next_token.is_some() && groups_max.is_none() {
            let what = "group_limit needs to be present in order to paginate over the groups";
            return Err(refused("group_next_token", what));
        }
        let excludes_alerts = parameters.get("exclude_alerts").map(|text| {
            boolean(text)
                .ok_or_else(|| refused("exclude_alerts", "error converting exclude_alerts: invalid syntax"))
        });
        Ok(Filter {
            rule_names: set("rule_name[]"),
            group_names: set("rule_group[]"),
            files: set("file[]"),
            matches: matches.collect::<Result<_, _>>()?,
            alerting: kind != "record",
            recording: kind != "alert",
            excludes_alerts: excludes_alerts.transpose()?.unwrap_or(false),
            groups_max,
            next_token,
        })
    }

    /// The groups of one page with the rules that are wanted, and the token of the first of the next page.
    fn page(&self, groups: Vec<GroupView>) -> Result<(Vec<GroupView>, Option<String>), ApiError> {
        let mut page = Vec::new();
        let mut is_found = self.next_token.is_none();
        for mut group in groups {
            is_found = is_found || self.next_token.as_ref() == Some(&token(&group));
            if !is_found || !self.wants_group(&group) {
                continue;
            }
            group.rules.retain(|rule| self.wants_rule(rule));
            if group.rules.is_empty() {
                continue;
            }
            if self.groups_max.is_some_and(|max| page.len() == max) {
                return Ok((page, Some(token(&group))));
            }
            page.push(group);
        }
        if !is_found {
            let token = self.next_token.as_deref().unwrap_or("");
            let what = format!("invalid group_next_token '{token}'. were rule groups changed?");
            return Err(refused("group_next_token", what));
        }
        Ok((page, None))
    }

    fn wants_group(&self, group: &GroupView) -> bool {
        let wanted = |set: &HashSet<String>, name: &String| set.is_empty() || set.contains(name);
        wanted(&self.group_names, &group.name) && wanted(&self.files, &group.file)
    }

    fn wants_rule(&self, rule: &RuleView) -> bool {
        let declared = rule.rule();
        let kind = if rule.alerts.is_some() { self.alerting } else { self.recording };
        let value = |name: &str| {
            let label = declared.labels.iter().find(|(own, _)| own == name);
            label.map_or("", |(_, value)| value)
        };
        let holds = |list: &Vec<Matcher>| list.iter().all(|matcher| matcher.matches(value(matcher.name())));
        kind && (self.rule_names.is_empty() || self.rule_names.contains(&declared.name))
            && (self.matches.is_empty() || self.matches.iter().any(holds))
    }
}

fn refused(name: &str, what: impl Into<String>) -> ApiError {
    ParameterError::new(name, what).into()
}

fn group_limit(text: &str) -> Result<usize, ApiError> {
    let number: i32 = text.parse().map_err(|_| {
        let what = format!(
            "group_limit needs to be a valid number: strconv.ParseInt: parsing {text:?}: invalid syntax"
        );
        refused("group_limit", what)
    })?;
    usize::try_from(number)
        .ok()
        .filter(|number| *number > 0)
        .ok_or_else(|| refused("group_limit", "group_limit needs to be greater than 0"))
}

/// As Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Names a group in `group_next_token`: SHA-1 of file and name, as Prometheus makes it.
fn token(group: &GroupView) -> String {
    let text = format!("{};{}", group.file, group.name);
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    hex(digest.as_ref())
}

fn write_group(out: &mut Vec<u8>, group: &GroupView, excludes_alerts: bool) {
    field(out, b"{\"name\":", |out| wire::string(out, &group.name));
    field(out, b",\"file\":", |out| wire::string(out, &group.file));
    field(out, b",\"rules\":", |out| {
        wire::list(out, &group.rules, |out, rule| write_rule(out, rule, excludes_alerts));
    });
    field(out, b",\"interval\":", |out| wire::number(out, group.interval.as_seconds()));
    field(out, b",\"limit\":", |out| out.extend_from_slice(group.limit.to_string().as_bytes()));
    field(out, b",\"evaluationTime\":", |out| seconds(out, group.took));
    field(out, b",\"lastEvaluation\":", |out| instant(out, group.evaluated_at));
    out.push(b'}');
}

fn write_rule(out: &mut Vec<u8>, view: &RuleView, excludes_alerts: bool) {
    let rule = view.rule();
    match (&rule.kind, &view.alerts) {
        (RuleKind::Alerting { hold, keep_firing_for, annotations }, Some((state, alerts))) => {
            field(out, b"{\"state\":", |out| wire::string(out, state.name()));
            field(out, b",\"name\":", |out| wire::string(out, &rule.name));
            field(out, b",\"query\":", |out| wire::string(out, view.query()));
            field(out, b",\"duration\":", |out| wire::number(out, hold.as_seconds()));
            field(out, b",\"keepFiringFor\":", |out| wire::number(out, keep_firing_for.as_seconds()));
            field(out, b",\"labels\":", |out| pairs(out, &rule.labels));
            field(out, b",\"annotations\":", |out| pairs(out, annotations));
            field(out, b",\"alerts\":", |out| match excludes_alerts {
                true => out.extend_from_slice(b"null"), // As Go writes a list that was never made.
                false => wire::list(out, alerts, write_alert),
            });
            out.push(b',');
        }
        _ => {
            field(out, b"{\"name\":", |out| wire::string(out, &rule.name));
            field(out, b",\"query\":", |out| wire::string(out, view.query()));
            if !rule.labels.is_empty() {
                field(out, b",\"labels\":", |out| pairs(out, &rule.labels));
            }
            out.push(b',');
        }
    }
    field(out, b"\"health\":", |out| wire::string(out, view.health.name()));
    if let Some(error) = &view.last_error {
        field(out, b",\"lastError\":", |out| wire::string(out, error));
    }
    field(out, b",\"evaluationTime\":", |out| seconds(out, view.took));
    field(out, b",\"lastEvaluation\":", |out| instant(out, view.evaluated_at));
    let kind = if view.alerts.is_some() { "alerting" } else { "recording" };
    field(out, b",\"type\":", |out| wire::string(out, kind));
    out.push(b'}');
}

fn write_alert(out: &mut Vec<u8>, alert: &ActiveAlert) {
    field(out, b"{\"labels\":", |out| wire::label_set(out, &alert.labels));
    field(out, b",\"annotations\":", |out| wire::object(out, alert.annotations.iter()));
    field(out, b",\"state\":", |out| wire::string(out, alert.state.name()));
    field(out, b",\"activeAt\":", |out| instant(out, Some(alert.active_at)));
    if alert.keep_firing_since.is_some() {
        field(out, b",\"keepFiringSince\":", |out| instant(out, alert.keep_firing_since));
    }
    field(out, b",\"value\":", |out| wire::string(out, &wire::scientific(alert.value)));
    out.push(b'}');
}

fn field(out: &mut Vec<u8>, name: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(name);
    write(out);
}

fn pairs(out: &mut Vec<u8>, pairs: &[(String, String)]) {
    wire::object(out, pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
}

fn seconds(out: &mut Vec<u8>, took: Duration) {
    wire::number(out, took.as_secs_f64());
}

fn instant(out: &mut Vec<u8>, at: Option<Timestamp>) {
    wire::string(out, &at.map_or(NEVER.to_owned(), rfc3339::format));
}
