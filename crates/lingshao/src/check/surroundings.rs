//! What is known around a file: what is scraped, who is told, which rules are loaded with it.

use lingshao_model::{RuleGroup, RuleKind};
use lingshao_promql::catalog::FunctionId;
use lingshao_promql::lint::{Job, Scrape};
use lingshao_promql::{Expr, parse};

use super::routing::Routes;
use crate::config::Config;

/// Rules that guard others: expressions that are looked through for every rule on a target, so there is a bound.
const GUARDS_MAX: usize = 1000;

/// What a configuration says, as far as it bears on rules and boards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Whether there is a configuration at all.
    pub(super) is_configured: bool,
    pub(super) scrape: Option<Scrape>,
    pub(super) routes: Option<Routes>,
    /// Expressions that notice absence, or ask what an exporter says of its own.
    pub(super) guards: Vec<Expr>,
}

impl Surroundings {
    /// Of a whole configuration.
    pub(crate) fn of_config(config: &Config) -> Surroundings {
        let global = config.global.scrape_interval;
        let mut jobs: Vec<Job> = config
            .scrape_configs
            .iter()
            .map(|job| Job { name: job.job_name.clone(), interval: job.scrape_interval, is_direct: false })
            .collect();
        jobs.extend(config.collect.host.iter().map(|host| Job {
            name: host.job_name.clone(),
            interval: host.scrape_interval.unwrap_or(global),
            is_direct: true,
        }));
        jobs.extend(config.collect.databases().map(|database| Job {
            name: database.job_name.clone(),
            interval: database.times(&config.global).0,
            is_direct: true,
        }));
        let mut surroundings = Surroundings {
            is_configured: true,
            scrape: Some(Scrape { interval: global, jobs }),
            routes: Routes::of_config(config),
            guards: Vec::new(),
        };
        surroundings.add_rules(&config.rule_groups);
        surroundings
    }

    /// Adds rules that are loaded with the others.
    pub(crate) fn add_rules(&mut self, groups: &[RuleGroup]) {
        let rules = groups.iter().flat_map(|group| &group.rules);
        let alerts = rules.filter(|rule| matches!(rule.kind, RuleKind::Alerting { .. }));
        let may_guard = alerts.filter(|rule| rule.expr.contains("absent") || rule.expr.contains("up"));
        let parsed = may_guard.filter_map(|rule| parse(&rule.expr).ok()).filter(is_guard);
        let room = GUARDS_MAX.saturating_sub(self.guards.len());
        self.guards.extend(parsed.take(room));
    }
}

fn is_guard(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |node| {
        found |= match node {
            Expr::Call(call) => {
                matches!(call.function.id, FunctionId::Absent | FunctionId::AbsentOverTime)
            }
            Expr::Vector(selector) => selector.name.as_deref().is_some_and(|name| name.ends_with("_up")),
            _ => false,
        };
    });
    found
}
