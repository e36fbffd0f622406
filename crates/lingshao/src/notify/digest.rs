//! Many alerts in few bytes: what a robot gets instead of a storm, and what is told when a group is too large for the
//! usual text. Pure.
//!
//! Alerts with one name and severity share a line: how many, since when, and which, by the labels in which they
//! differ. What does not fit is counted, never silently left out.

use std::collections::BTreeMap;

use lingshao_model::{Alert, Delivery, Timestamp};
use lingshao_wire::notify::text::without_markup;
use lingshao_wire::notify::webhook::common_labels;

use super::{Language, local_time};

/// Bytes of a line, so that parts are cut between names and not inside of one.
const LINE_BYTES: usize = 300;
/// Longest name of one alert: its labels may be longer than a message.
const NAME_CHARS_MAX: usize = 60;
/// Bytes kept for the line that counts what is not listed.
const REST_BYTES: usize = 200;

/// What a digest is written for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    /// All bytes that it may take.
    pub(super) bytes_max: usize,
    /// In which language.
    pub(super) language: Language,
    /// In which zone.
    pub(super) time_zone: &'a str,
    /// Where everything can be looked at.
    pub(super) link: &'a str,
}

/// Alerts that share a line. Ordered as they are told: firing first, critical first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    is_resolved: bool,
    rank: u8,
    name: String,
    severity: String,
}

/// A severity's place: the shop's own words come between `critical` and what is known to be less.
pub(super) fn severity_rank(severity: &str) -> u8 {
    match severity {
        "critical" | "page" | "emergency" | "fatal" => 0,
        "error" | "major" | "high" => 1,
        "warning" | "warn" | "minor" => 3,
        "info" | "notice" | "low" | "none" | "debug" => 4,
        _ => 2,
    }
}

/// Writes it.
pub(super) fn write(deliveries: &[&Delivery], page: &Page<'_>) -> String {
    let classes = classes(deliveries);
    let mut out =
        Writer { text: String::new(), line: 0, bytes_max: page.bytes_max.saturating_sub(REST_BYTES) };
    out.push_line(&headline(deliveries, &classes, page.language));
    let mut unlisted = 0;
    for (class, alerts) in &classes {
        let title = title(class, alerts, page);
        if !out.push_line(&title) {
            unlisted += alerts.len();
            continue;
        }
        let names = names(alerts);
        let listed = names.iter().take_while(|name| out.push_name(name)).count();
        unlisted += if names.is_empty() { 0 } else { alerts.len() - listed };
    }
    let rest = match (page.language, unlisted) {
        (_, 0) => page.link.to_owned(),
        (Language::Chinese, count) => format!("另有 {count} 条未列出：{}", page.link),
        (Language::English, count) => format!("{count} more are not listed: {}", page.link),
    };
    out.text.push('\n');
    out.text.push_str(&rest);
    out.text
}

fn classes<'a>(deliveries: &[&'a Delivery]) -> BTreeMap<Class, Vec<&'a Alert>> {
    let mut classes: BTreeMap<Class, Vec<&Alert>> = BTreeMap::new();
    for delivery in deliveries {
        for alert in &delivery.alerts {
            let severity = alert.labels.get("severity").unwrap_or_default();
            let class = Class {
                is_resolved: alert.is_resolved(delivery.decided_at),
                rank: severity_rank(severity),
                name: short(alert.labels.get("alertname").unwrap_or("?")),
                severity: short(severity),
            };
            classes.entry(class).or_default().push(alert);
        }
    }
    classes
}

fn headline(deliveries: &[&Delivery], classes: &BTreeMap<Class, Vec<&Alert>>, language: Language) -> String {
    let count = |resolved: bool| {
        let of = classes.iter().filter(|(class, _)| class.is_resolved == resolved);
        of.map(|(_, alerts)| alerts.len()).sum::<usize>()
    };
    let (firing, resolved, groups) = (count(false), count(true), deliveries.len());
    match language {
        Language::Chinese => format!("【告警汇总】{groups} 组：触发 {firing} 条，恢复 {resolved} 条"),
        Language::English => format!("[Digest] {groups} groups: {firing} firing, {resolved} resolved"),
    }
}

fn title(class: &Class, alerts: &[&Alert], page: &Page<'_>) -> String {
    let since = alerts.iter().map(|alert| alert.starts_at).min().unwrap_or(Timestamp(0));
    let since = local_time(since, page.time_zone, "%m-%d %H:%M");
    let severity = if class.severity.is_empty() { String::new() } else { format!("[{}] ", class.severity) };
    let (name, count) = (&class.name, alerts.len());
    let what =
        alerts.first().and_then(|alert| alert.annotations.get("summary")).map(short).unwrap_or_default();
    let what = if what.is_empty() || alerts.len() > 1 && !is_common_summary(alerts) {
        String::new()
    } else {
        format!(" {what}")
    };
    match (page.language, class.is_resolved) {
        (Language::Chinese, false) => format!("🔴 {severity}{name}{what} ×{count}（{since} 起）"),
        (Language::Chinese, true) => format!("✅ 已恢复 {severity}{name}{what} ×{count}"),
        (Language::English, false) => format!("🔴 {severity}{name}{what} ×{count} (since {since})"),
        (Language::English, true) => format!("✅ resolved {severity}{name}{what} ×{count}"),
    }
}

fn is_common_summary(alerts: &[&Alert]) -> bool {
    let first = alerts.first().and_then(|alert| alert.annotations.get("summary"));
    alerts.iter().all(|alert| alert.annotations.get("summary") == first)
}

/// Each alert by the labels that it does not share with all others of its line; nothing when there are none.
fn names(alerts: &[&Alert]) -> Vec<String> {
    let Some((first, others)) = alerts.split_first() else { return Vec::new() };
    let mut common = common_labels(std::slice::from_ref(*first));
    for alert in others {
        common.retain(|(name, value)| alert.labels.get(name) == Some(*value));
    }
    // What all share names nobody; of a single alert the instance does.
    let is_own = |name: &str| match alerts.len() {
        1 => matches!(name, "instance" | "service" | "job"),
        _ => !common.iter().any(|(common, _)| *common == name),
    };
    let names = alerts.iter().map(|alert| {
        let own = alert.labels.iter().filter(|(name, _)| is_own(name)).map(|(_, value)| value);
        short(&own.collect::<Vec<_>>().join("/"))
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// Without markup and not longer than a name should be.
fn short(text: &str) -> String {
    without_markup(text).chars().take(NAME_CHARS_MAX).collect()
}

/// Text within a number of bytes, in lines of bearable length.
struct Writer {
    text: String,
    line: usize,
    bytes_max: usize,
}

impl Writer {
    fn push_line(&mut self, line: &str) -> bool {
        if self.bytes_max < self.text.len() + line.len() + 1 {
            return false;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
        self.line = LINE_BYTES; // Names begin a line of their own.
        true
    }

    fn push_name(&mut self, name: &str) -> bool {
        if self.bytes_max < self.text.len() + name.len() + 2 {
            return false;
        }
        if LINE_BYTES < self.line + name.len() + 2 {
            self.text.push('\n');
            self.line = 0;
        } else {
            self.text.push_str(", ");
            self.line += 2;
        }
        self.text.push_str(name);
        self.line += name.len();
        true
    }
}

#[cfg(test)]
mod tests {
    use lingshao_model::{Annotations, DeliveryId, DeliveryReason, IntegrationId, IntegrationKind, Labels};

    use super::*;

    fn delivery(alerts: &[(&str, &str, &str, bool)]) -> Delivery {
        let alert = |(name, severity, instance, ended): &(&str, &str, &str, bool)| Alert {
            labels: Labels::from_pairs([
                ("alertname", *name),
                ("severity", *severity),
                ("instance", *instance),
            ])
            .unwrap(),
            annotations: Annotations::default(),
            starts_at: Timestamp(1_767_323_045_000),
            ends_at: ended.then_some(Timestamp(1_767_323_046_000)),
            updated_at: Timestamp(0),
            generator_url: String::new(),
            timeout: false,
            value: String::new(),
        };
        Delivery {
            id: DeliveryId(1),
            group_key: String::new(),
            to: IntegrationId { receiver: String::new(), kind: IntegrationKind::WeCom, index: 0 },
            group_labels: Labels::empty(),
            alerts: alerts.iter().map(alert).collect(),
            decided_at: Timestamp(1_767_323_100_000),
            reason: DeliveryReason::First,
        }
    }

    #[track_caller]
    fn check(deliveries: &[Delivery], bytes_max: usize, expected: &[&str]) {
        let page =
            Page { bytes_max, language: Language::English, time_zone: "Asia/Shanghai", link: "http://l" };
        let text = write(&deliveries.iter().collect::<Vec<_>>(), &page);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert!(text.len() <= bytes_max);
    }

    #[test]
    fn lines_are_shared_and_ordered_by_how_bad_it_is() {
        let first = delivery(&[("Disk", "warning", "a", false), ("Cpu", "info", "a", true)]);
        let second = delivery(&[("Disk", "warning", "<b>", false), ("Down", "critical", "c", false)]);
        check(
            &[first, second],
            1_000,
            &[
                "[Digest] 2 groups: 3 firing, 1 resolved",
                "🔴 [critical] Down ×1 (since 01-02 11:04)",
                "c",
                "🔴 [warning] Disk ×2 (since 01-02 11:04)",
                "a, ＜b＞",
                "✅ resolved [info] Cpu ×1",
                "a",
                "http://l",
            ],
        );
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let names: Vec<String> = (0..50).map(|n| format!("host-{n:02}")).collect();
        let alerts: Vec<_> = names.iter().map(|name| ("Disk", "warning", name.as_str(), false)).collect();
        check(
            &[delivery(&alerts)],
            330,
            &[
                "[Digest] 1 groups: 50 firing, 0 resolved",
                "🔴 [warning] Disk ×50 (since 01-02 11:04)",
                "host-00, host-01, host-02, host-03, host-04",
                "45 more are not listed: http://l",
            ],
        );
    }
}
