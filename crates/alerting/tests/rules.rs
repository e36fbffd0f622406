//! The laws of rules as stories: at which second the expression has which elements, and what comes of it.
//!
//! In the words of a round: `!a` is said to fire, `!a ended 60` to have ended at second 60; `=a firing` is a row written,
//! `=a gone` one deleted; `~a pending` a sample of `ALERTS`, `~a pending over` its staleness marker.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use lingshao_alerting::rules::{
    AlertState, AlertingRule, Observed, RecordingRule, Round, RuleError, RuleKey, Sample, SavedAlert,
    SavedChange,
};
use lingshao_alerting::template::Context;
use lingshao_model::{Alert, Annotations, Labels, Rule, RuleKind, TimeDelta, Timestamp, is_stale};

fn seconds(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1000)
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn declared(hold: i64, keep_firing_for: i64, own: &[(&str, &str)], annotations: &[(&str, &str)]) -> Rule {
    let hold = TimeDelta::from_secs(hold);
    let keep_firing_for = TimeDelta::from_secs(keep_firing_for);
    let kind = RuleKind::Alerting { hold, keep_firing_for, annotations: pairs(annotations) };
    Rule { name: "Down".to_owned(), expr: "up == 0".to_owned(), labels: pairs(own), kind, line: 1 }
}

fn build(rule: &Rule) -> AlertingRule {
    let text = |text: &str| text.to_owned();
    let key = RuleKey { file: text("f"), group: text("g"), name: text("Down"), identity: text("{}#0") };
    AlertingRule::new(rule, Arc::new(key), "http://x/graph".to_owned()).unwrap().unwrap()
}

/// A rule and how its rounds are told.
struct Story {
    rule: AlertingRule,
    limit: u64,
}

impl Story {
    fn new(hold: i64, keep_firing_for: i64) -> Story {
        Story { rule: build(&declared(hold, keep_firing_for, &[], &[])), limit: 0 }
    }

    fn observe(&mut self, at: i64, result: &[(Labels, f64)]) -> (Result<(), RuleError>, Observed) {
        let external_labels = labels(&[("zone", "cn")]);
        let round = Round {
            at: seconds(at),
            interval: TimeDelta::from_secs(60),
            limit: self.limit,
            external_labels: &external_labels,
            external_url: "http://x",
        };
        let mut observed = Observed::default();
        let elements = result.iter().map(|(labels, value)| (labels, *value));
        let outcome = self.rule.observe(elements, &round, &mut Context::at(seconds(at)), &mut observed);
        (outcome, observed)
    }

    /// One round: the elements by their instance, and what comes of it.
    #[track_caller]
    fn round(&mut self, at: i64, instances: &str, expected: &str) {
        let elements: Vec<(Labels, f64)> = instances
            .split_whitespace()
            .map(|instance| (labels(&[("__name__", "up"), ("instance", instance)]), 0.0))
            .collect();
        let (outcome, observed) = self.observe(at, &elements);
        let mut words = told(&observed);
        words.extend(outcome.err().map(|error| error.to_string()));
        assert_eq!(words.join("; "), expected, "at {at}");
    }
}

fn instance(labels: &Labels) -> String {
    labels.get("instance").unwrap_or("-").to_owned()
}

fn told(observed: &Observed) -> Vec<String> {
    let alert = |alert: &Alert| match alert.ends_at {
        None => format!("!{}", instance(&alert.labels)),
        Some(at) => format!("!{} ended {}", instance(&alert.labels), at.0 / 1000),
    };
    let change = |change: &SavedChange| match change {
        SavedChange::Put(row) => format!("={} {}", instance(&row.labels), row.state.name()),
        SavedChange::Gone(key) => format!("={} gone", instance(&key.labels)),
    };
    let sample = |Sample { labels, value }: &Sample| {
        let over = if is_stale(*value) { " over" } else { "" };
        let state = labels.get("alertstate")?;
        Some(format!("~{} {state}{over}", instance(labels)))
    };
    let alerts = observed.alerts.iter().map(alert);
    alerts
        .chain(observed.changes.iter().map(change))
        .chain(observed.samples.iter().filter_map(sample))
        .collect()
}

#[test]
fn an_alert_waits_fires_is_said_again_ends_and_is_forgotten() {
    let mut story = Story::new(120, 0);
    story.round(0, "", "");
    story.round(60, "a", "=a pending; ~a pending");
    story.round(120, "a", "~a pending");
    story.round(180, "a", "!a; =a firing; ~a firing; ~a pending over");
    story.round(240, "a", "~a firing"); // Exactly the resend delay is not more than it.
    story.round(300, "a", "!a; ~a firing");
    story.round(360, "", "!a ended 360; =a inactive; ~a firing over");
    story.round(420, "", "");
    story.round(480, "", "!a ended 360");
    story.round(360 + 900, "", "!a ended 360");
    story.round(360 + 901, "", "=a gone");
    story.round(360 + 960, "", "");
}

#[test]
fn what_is_pending_and_goes_leaves_nothing() {
    let mut story = Story::new(120, 0);
    story.round(60, "a b", "=a pending; =b pending; ~a pending; ~b pending");
    story.round(120, "b", "=a gone; ~a pending over; ~b pending");
    story.round(180, "a b", "!b; =a pending; =b firing; ~a pending; ~b firing; ~b pending over");
}

#[test]
fn without_for_it_fires_at_once_and_again_after_it_ended() {
    let mut story = Story::new(0, 0);
    story.round(60, "a", "!a; =a firing; ~a firing");
    story.round(120, "", "!a ended 120; =a inactive; ~a firing over");
    story.round(180, "a", "!a; =a firing; ~a firing");
    let (_, observed) = story.observe(320, &[]);
    assert_eq!(observed.alerts[0].starts_at, seconds(180));
}

#[test]
fn keep_firing_for_bridges_gaps() {
    let mut story = Story::new(0, 180);
    story.round(60, "a", "!a; =a firing; ~a firing");
    story.round(120, "", "=a firing; ~a firing"); // The row says since when.
    story.round(180, "", "!a; ~a firing");
    story.round(240, "a", "=a firing; ~a firing");
    story.round(300, "", "!a; =a firing; ~a firing");
    story.round(420, "", "!a; ~a firing");
    story.round(480, "", "!a ended 480; =a inactive; ~a firing over");
}

#[test]
fn over_the_limit_all_is_forgotten_and_what_was_said_times_out() {
    let mut story = Story::new(0, 0);
    story.limit = 2;
    story.round(60, "a b", "!a; !b; =a firing; =b firing; ~a firing; ~b firing");
    story.round(
        120,
        "a b c",
        "!a ended 300; !b ended 300; =a gone; =b gone; ~a firing over; ~b firing over; \
         exceeded limit of 2 with 3 alerts",
    );
    story.round(180, "a", "!a; =a firing; ~a firing");
}

#[test]
fn two_elements_that_become_one_alert_change_nothing() {
    let mut story = Story::new(60, 0);
    story.round(60, "a", "=a pending; ~a pending");
    let same = "vector contains metrics with the same labelset after applying alert labels";
    let twins = [("__name__", "x"), ("__name__", "y")].map(|name| (labels(&[name, ("instance", "a")]), 1.0));
    let (outcome, observed) = story.observe(120, &twins);
    assert_eq!(outcome.unwrap_err().to_string(), same);
    assert_eq!(observed, Observed::default());
    let fresh = [("__name__", "x"), ("__name__", "y")].map(|name| (labels(&[name, ("instance", "z")]), 1.0));
    assert_eq!(story.observe(120, &fresh).0.unwrap_err().to_string(), same);
    story.round(180, "a", "!a; =a firing; ~a firing; ~a pending over");
}

#[test]
fn a_reload_keeps_alerts_and_a_longer_for_pushes_back() {
    let mut story = Story::new(0, 0);
    story.round(60, "a", "!a; =a firing; ~a firing");
    let mut next = build(&declared(300, 0, &[], &[("summary", "new")]));
    next.copy_state(std::mem::replace(&mut story.rule, build(&declared(0, 0, &[], &[]))));
    story.rule = next;
    story.round(120, "a", "!a ended 300; =a pending; ~a pending; ~a firing over");
    let (_, observed) = story.observe(360, &[(labels(&[("__name__", "up"), ("instance", "a")]), 0.0)]);
    assert_eq!(observed.alerts[0].annotations.get("summary"), Some("new"));
    assert_eq!((observed.alerts[0].starts_at, observed.alerts[0].ends_at), (seconds(360), None));
}

#[test]
fn a_removed_rule_ends_what_it_fired() {
    let mut story = Story::new(60, 0);
    story.round(60, "a", "=a pending; ~a pending");
    story.round(120, "a b", "!a; =a firing; =b pending; ~a firing; ~a pending over; ~b pending");
    let series: Vec<String> = story.rule.series().map(ToString::to_string).collect();
    assert_eq!(series.len(), 4, "{series:?}");
    let mut observed = Observed::default();
    story.rule.retire(seconds(130), &mut observed);
    assert_eq!(told(&observed).join("; "), "!a ended 130; =a gone; =b gone");
}

#[test]
fn a_clock_set_back_neither_ends_nor_repeats_anything() {
    let mut story = Story::new(120, 0);
    story.round(3660, "a", "=a pending; ~a pending");
    story.round(3720, "a", "~a pending");
    story.rule.clock_moved(TimeDelta::from_secs(-3600));
    story.round(180, "a", "!a; =a firing; ~a firing; ~a pending over");
}

fn row(state: AlertState, active: i64, fired: Option<i64>, resolved: Option<i64>) -> SavedAlert {
    SavedAlert {
        rule: Arc::clone(build(&declared(0, 0, &[], &[])).key()),
        labels: labels(&[("alertname", "Down"), ("instance", "a")]),
        annotations: Annotations::from_pairs(pairs(&[("summary", "old")])),
        state,
        active_at: seconds(active),
        fired_at: fired.map(seconds),
        resolved_at: resolved.map(seconds),
        keep_firing_since: None,
        value: 7.0,
    }
}

fn restored(hold: i64, row: SavedAlert, now: i64, last_seen: Option<i64>) -> Story {
    let mut story = Story::new(hold, 0);
    let interval = TimeDelta::from_secs(60);
    story.rule.restore(vec![row], seconds(now), interval, |series| {
        assert_eq!(series.to_string(), r#"ALERTS_FOR_STATE{alertname="Down", instance="a"}"#);
        last_seen.map(seconds)
    });
    story
}

#[test]
fn after_a_restart_what_was_pending_waits_for_the_rest() {
    // Pending since 0, evaluated last at 240, down until 1000: 60 of 300 seconds are left.
    let mut story = restored(300, row(AlertState::Pending, 0, None, None), 1000, Some(240));
    story.round(1020, "a", "=a pending; ~a pending");
    story.round(1059, "a", "~a pending");
    story.round(1060, "a", "!a; =a firing; ~a firing; ~a pending over");
    // Down for longer than an hour: anew.
    let mut story = restored(300, row(AlertState::Pending, 0, None, None), 4000, Some(240));
    story.round(4060, "a", "=a pending; ~a pending");
    story.round(4299, "a", "~a pending");
    story.round(4300, "a", "!a; =a firing; ~a firing; ~a pending over");
}

#[test]
fn after_a_restart_nothing_ends_before_its_data_can_be_there() {
    let mut story = restored(60, row(AlertState::Firing, 0, Some(60), None), 1000, None);
    story.round(1010, "", "!a; ~a firing");
    story.round(1070, "", "~a firing");
    story.round(1130, "", "!a ended 1130; =a inactive; ~a firing over");
    // Rounds alone are not enough.
    let mut story = restored(60, row(AlertState::Firing, 0, Some(60), None), 1000, None);
    for at in 1001..1060 {
        let expected = if at == 1001 { "!a; ~a firing" } else { "~a firing" };
        story.round(at, "", expected);
    }
    story.round(1060, "", "!a ended 1060; =a inactive; ~a firing over");
    // What was pending neither fires unseen nor is it forgotten too early.
    let mut story = restored(60, row(AlertState::Pending, 0, None, None), 1000, Some(30));
    story.round(1010, "", "=a pending");
    story.round(1070, "", "");
    story.round(1071, "a", "!a; =a firing; ~a firing; ~a pending over");
}

#[test]
fn after_a_restart_an_end_is_still_said() {
    let mut story = restored(0, row(AlertState::Resolved, 0, Some(0), Some(400)), 1000, None);
    let (_, observed) = story.observe(1010, &[]);
    assert_eq!(told(&observed).join("; "), "!a ended 400");
    assert_eq!(observed.alerts[0].annotations.get("summary"), Some("old"));
    story.round(1301, "", "=a gone");
}

/// Whoever was told that it fires would believe it for ever.
#[test]
fn after_a_restart_what_fired_and_may_not_any_more_has_ended() {
    // Its `for` was made longer while nobody looked.
    let mut story = restored(300, row(AlertState::Firing, 900, Some(960), None), 1000, None);
    story.round(1010, "a", "!a ended 1010; =a pending; ~a pending; ~a firing over");
    // Its group got a limit.
    let mut story = restored(0, row(AlertState::Firing, 900, Some(960), None), 1000, None);
    story.limit = 1;
    let over = "!a ended 1010; =a gone; ~a firing over; exceeded limit of 1 with 2 alerts";
    story.round(1010, "a b", over);
    // A reload comes before the first round, and another one right behind.
    let mut story = restored(0, row(AlertState::Firing, 900, Some(960), None), 1000, None);
    assert_eq!(story.rule.told().count(), 1);
    story.rule.say_again();
    assert_eq!(story.rule.told().count(), 1);
    story.round(1010, "a", "!a; ~a firing");
}

#[test]
fn rows_from_the_future_are_of_a_clock_that_was_set_back() {
    let mut story = restored(60, row(AlertState::Firing, 5000, Some(5060), None), 1000, None);
    let (_, observed) = story.observe(1010, &[]);
    assert_eq!(observed.alerts[0].starts_at, seconds(1000));
}

#[test]
fn labels_and_annotations_are_expanded_over_the_elements_own() {
    let own = [("severity", "{{ if gt $value 5.0 }}critical{{ else }}warning{{ end }}"), ("instance", "")];
    let texts =
        [("summary", "{{ $labels.instance }} {{ $value }} {{ $externalLabels.zone }} {{ $externalURL }}")];
    let mut story = Story { rule: build(&declared(0, 0, &own, &texts)), limit: 0 };
    let element = labels(&[("__name__", "up"), ("instance", "a"), ("job", "shop")]);
    let (_, observed) = story.observe(60, &[(element.clone(), 7.0)]);
    let alert = &observed.alerts[0];
    assert_eq!(alert.labels.to_string(), r#"{alertname="Down", job="shop", severity="critical"}"#);
    assert_eq!(alert.annotations.get("summary"), Some("a 7 cn http://x"));
    assert_eq!(alert.generator_url, "http://x/graph");
    // Another value is another label here, and so another alert.
    let (_, observed) = story.observe(120, &[(element, 3.0)]);
    let names: Vec<_> =
        observed.alerts.iter().map(|alert| (alert.labels.get("severity"), alert.ends_at)).collect();
    assert_eq!(names, [(Some("critical"), Some(seconds(120))), (Some("warning"), None)]);
}

#[test]
fn a_value_that_changes_changes_the_annotation() {
    let mut story = Story {
        rule: build(&declared(0, 0, &[], &[("summary", "at {{ $value }}"), ("fixed", "x")])),
        limit: 0,
    };
    let element = labels(&[("instance", "a")]);
    for (at, value) in [(60, 1.0), (120, 2.0), (180, 2.5)] {
        assert_eq!(story.observe(at, &[(element.clone(), value)]).0, Ok(()));
        let alert = story.rule.active().next().unwrap();
        assert_eq!(alert.annotations.get("summary"), Some(format!("at {value}").as_str()));
        assert_eq!((alert.value, alert.annotations.get("fixed")), (value, Some("x")));
    }
}

#[test]
fn a_template_that_fails_says_so_in_the_text() {
    let mut story =
        Story { rule: build(&declared(0, 0, &[], &[("summary", "{{ template \"nobody\" }}")])), limit: 0 };
    let (_, observed) = story.observe(60, &[(labels(&[("instance", "a")]), 1.0)]);
    let text = observed.alerts[0].annotations.get("summary").unwrap().to_owned();
    assert!(text.starts_with("<error expanding template: error executing template __alert_Down: "), "{text}");
}

#[test]
fn since_when_is_stored_in_whole_seconds() {
    let mut story = Story::new(60, 0);
    let (_, observed) = story.observe(77, &[(labels(&[("instance", "a")]), 1.0)]);
    let since = &observed.samples[1];
    assert_eq!(since.labels.to_string(), r#"ALERTS_FOR_STATE{alertname="Down", instance="a"}"#);
    assert_eq!(since.value, 77.0);
}

fn recording(own: &[(&str, &str)]) -> RecordingRule {
    let kind = RuleKind::Recording;
    let rule =
        Rule { name: "job:up:sum".to_owned(), expr: "x".to_owned(), labels: pairs(own), kind, line: 1 };
    RecordingRule::new(&rule)
}

#[track_caller]
fn check_recorded(rule: &mut RecordingRule, elements: &[(&[(&str, &str)], f64)], limit: u64, expected: &str) {
    let elements: Vec<(Labels, f64)> =
        elements.iter().map(|(pairs, value)| (labels(pairs), *value)).collect();
    let mut samples = Vec::new();
    let outcome = rule.observe(elements.iter().map(|(labels, value)| (labels, *value)), limit, &mut samples);
    let sample = |Sample { labels, value }: &Sample| match is_stale(*value) {
        true => format!("{labels} over"),
        false => format!("{labels} {value}"),
    };
    let words: Vec<String> = samples.iter().map(sample).chain(outcome.err().map(|e| e.to_string())).collect();
    assert_eq!(words.join("; "), expected);
}

#[test]
fn recorded_series_bear_the_rules_labels_and_end_when_they_are_gone() {
    let mut rule = recording(&[("team", "shop"), ("drop", "")]);
    let a: (&[(&str, &str)], f64) = (&[("__name__", "up"), ("job", "a"), ("drop", "x")], 1.0);
    let b: (&[(&str, &str)], f64) = (&[("job", "b"), ("team", "other")], 2.0);
    let first = r#"job:up:sum{job="a", team="shop"} 1; job:up:sum{job="b", team="shop"} 2"#;
    check_recorded(&mut rule, &[a, b], 0, first);
    check_recorded(&mut rule, &[a, b], 2, first);
    check_recorded(&mut rule, &[a, b], 1, "exceeded limit of 1 with 2 series");
    let same = "vector contains metrics with the same labelset after applying rule labels";
    check_recorded(&mut rule, &[a, (&[("job", "a")], 3.0)], 0, same);
    check_recorded(&mut rule, &[(&[("job", "c")], 3.0), (&[("job", "c"), ("__name__", "x")], 3.0)], 0, same);
    let b_alone = r#"job:up:sum{job="b", team="shop"} 2; job:up:sum{job="a", team="shop"} over"#;
    check_recorded(&mut rule, &[b], 0, b_alone);
    check_recorded(&mut rule, &[], 0, r#"job:up:sum{job="b", team="shop"} over"#);
    check_recorded(&mut rule, &[], 0, "");
}
