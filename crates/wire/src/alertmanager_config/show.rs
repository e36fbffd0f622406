//! The configuration as YAML that Alertmanager's tools and people can read, secrets masked.

use std::path::PathBuf;

use lingshao_model::{GroupBy, InhibitRule, Matcher, Route, TimeInterval, TimeSpan};
use serde::{Serialize, Serializer};

use super::{AlertmanagerConfig, Global, Receiver};
use crate::label_matchers;

impl Serialize for AlertmanagerConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inhibit_rules = self.routing.inhibit_rules.iter().map(ShownInhibitRule::new).collect();
        let time_intervals = self.routing.time_intervals.iter().map(ShownInterval::new).collect();
        let shown = Shown {
            global: &self.global,
            route: ShownRoute::new(&self.routing.root),
            inhibit_rules,
            receivers: &self.receivers,
            templates: &self.templates,
            time_intervals,
        };
        shown.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Shown<'c> {
    global: &'c Global,
    route: ShownRoute<'c>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inhibit_rules: Vec<ShownInhibitRule<'c>>,
    receivers: &'c [Receiver],
    templates: &'c [PathBuf],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    time_intervals: Vec<ShownInterval<'c>>,
}

/// A route with what it has inherited.
#[derive(Serialize)]
struct ShownRoute<'c> {
    receiver: &'c str,
    group_by: Vec<&'c str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matchers: Vec<String>,
    #[serde(skip_serializing_if = "is_empty")]
    mute_time_intervals: &'c [String],
    #[serde(skip_serializing_if = "is_empty")]
    active_time_intervals: &'c [String],
    #[serde(rename = "continue")]
    goes_on: bool,
    group_wait: String,
    group_interval: String,
    repeat_interval: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    routes: Vec<ShownRoute<'c>>,
}

fn is_empty(list: &&[String]) -> bool {
    list.is_empty()
}

fn shown(matchers: &[Matcher]) -> Vec<String> {
    matchers.iter().map(label_matchers::format).collect()
}

impl<'c> ShownRoute<'c> {
    fn new(route: &'c Route) -> ShownRoute<'c> {
        ShownRoute {
            receiver: &route.receiver,
            group_by: match &route.group_by {
                GroupBy::All => vec!["..."],
                GroupBy::Labels(labels) => labels.iter().map(String::as_str).collect(),
            },
            matchers: shown(&route.matchers),
            mute_time_intervals: &route.mute_time_intervals,
            active_time_intervals: &route.active_time_intervals,
            goes_on: route.goes_on,
            group_wait: route.group_wait.to_string(),
            group_interval: route.group_interval.to_string(),
            repeat_interval: route.repeat_interval.to_string(),
            routes: route.routes.iter().map(ShownRoute::new).collect(),
        }
    }
}

#[derive(Serialize)]
struct ShownInhibitRule<'c> {
    source_matchers: Vec<String>,
    target_matchers: Vec<String>,
    #[serde(skip_serializing_if = "is_empty")]
    equal: &'c [String],
}

impl<'c> ShownInhibitRule<'c> {
    fn new(rule: &'c InhibitRule) -> ShownInhibitRule<'c> {
        ShownInhibitRule {
            source_matchers: shown(&rule.source),
            target_matchers: shown(&rule.target),
            equal: &rule.equal,
        }
    }
}

#[derive(Serialize)]
struct ShownInterval<'c> {
    name: &'c str,
    time_intervals: Vec<ShownSpan<'c>>,
}

impl<'c> ShownInterval<'c> {
    fn new(interval: &'c TimeInterval) -> ShownInterval<'c> {
        let time_intervals = interval.spans.iter().map(ShownSpan::new).collect();
        ShownInterval { name: &interval.name, time_intervals }
    }
}

#[derive(Serialize)]
struct ShownSpan<'c> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    times: Vec<ShownTimes>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    weekdays: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    days_of_month: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    months: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    years: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'c str>,
}

#[derive(Serialize)]
struct ShownTimes {
    start_time: String,
    end_time: String,
}

impl<'c> ShownSpan<'c> {
    fn new(span: &'c TimeSpan) -> ShownSpan<'c> {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let day = |day: u8| super::time::WEEKDAYS.get(usize::from(day)).copied().unwrap_or_default();
        let times = span.times.iter();
        ShownSpan {
            times: times
                .map(|(start, end)| ShownTimes { start_time: time(*start), end_time: time(*end) })
                .collect(),
            weekdays: span.weekdays.iter().map(|(a, b)| range(day(*a), day(*b))).collect(),
            days_of_month: span.days_of_month.iter().map(|(a, b)| range(a, b)).collect(),
            months: span.months.iter().map(|(a, b)| range(a, b)).collect(),
            years: span.years.iter().map(|(a, b)| range(a, b)).collect(),
            location: span.location.as_deref(),
        }
    }
}

fn range<T: PartialEq + std::fmt::Display + ?Sized>(first: &T, last: &T) -> String {
    if first == last { first.to_string() } else { format!("{first}:{last}") }
}
