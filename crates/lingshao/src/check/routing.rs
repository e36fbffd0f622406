//! What becomes of a rule's alerts, as far as its written labels tell.

use std::collections::BTreeSet;

use lingshao_model::{Matcher, Route, Routing};
use lingshao_promql::lint::Routed;

use crate::config::Config;

/// A routing, and the severities that it asks for.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    routing: Routing,
    severities: Vec<String>,
}

/// Who takes an alert.
enum Taker<'r> {
    /// The route at the root, for want of another.
    Root(&'r str),
    /// A route that was written for it.
    Route,
    /// It depends on labels that only the data have.
    Unknown,
}

impl Routes {
    /// None where nobody is told anything, which is a finding of its own, or where others do the telling.
    pub(super) fn of_config(config: &Config) -> Option<Routes> {
        let routing = &config.alerting.routing;
        let tells = routing.receivers.iter().any(|receiver| !receiver.integrations.is_empty());
        if !tells || !config.alertmanagers.is_empty() {
            return None;
        }
        let mut severities = BTreeSet::new();
        add_severities(&routing.root, &mut severities);
        Some(Routes { routing: routing.clone(), severities: severities.into_iter().collect() })
    }

    /// For a rule with these labels.
    pub(super) fn fate(&self, alert: &str, labels: &[(String, String)]) -> Routed<'_> {
        let severity = labels.iter().find(|(name, _)| name == "severity").map(|(_, value)| value);
        let is_asked_for = severity.is_some_and(|severity| self.severities.contains(severity));
        let unmatched = if is_asked_for { &[][..] } else { &self.severities[..] };
        match taker(&self.routing.root, alert, labels) {
            Taker::Root(receiver) if !self.tells(receiver) => Routed::Nobody { receiver, unmatched },
            Taker::Root(_) | Taker::Route | Taker::Unknown => Routed::Told { unmatched },
        }
    }

    fn tells(&self, receiver: &str) -> bool {
        let shape = self.routing.receivers.iter().find(|own| own.name == receiver);
        shape.is_none_or(|shape| !shape.integrations.is_empty())
    }
}

fn add_severities(route: &Route, severities: &mut BTreeSet<String>) {
    let own = route.matchers.iter().filter(|matcher| matcher.name() == "severity");
    severities.extend(own.filter_map(Matcher::listed_values).flatten().map(|value| value.to_string()));
    route.routes.iter().for_each(|child| add_severities(child, severities));
}

fn taker<'r>(root: &'r Route, alert: &str, labels: &[(String, String)]) -> Taker<'r> {
    let mut is_unsure = false;
    for child in &root.routes {
        match takes(child, alert, labels) {
            Some(true) => return Taker::Route,
            Some(false) => {}
            None => is_unsure = true,
        }
    }
    if is_unsure { Taker::Unknown } else { Taker::Root(&root.receiver) }
}

/// Whether all conditions hold; unknown while one bears on a label that the rule does not write, or writes as a template.
fn takes(route: &Route, alert: &str, labels: &[(String, String)]) -> Option<bool> {
    let mut is_known = true;
    for matcher in &route.matchers {
        let written = match matcher.name() {
            "alertname" => Some(alert),
            name => labels.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str()),
        };
        match written.filter(|value| !value.contains("{{")) {
            Some(value) if !matcher.matches(value) => return Some(false),
            Some(_) => {}
            // The data hardly ever have a severity: it is the rule that says it.
            None if matcher.name() == "severity" && written.is_none() && !matcher.matches_empty() => {
                return Some(false);
            }
            None => is_known = false,
        }
    }
    is_known.then_some(true)
}
