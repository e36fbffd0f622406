//! Alerts on their way to people, and what is told to whom.

use std::fmt;

use crate::{Labels, Timestamp};

/// Name and text pairs, sorted by name, no name twice. Unlike labels they may be empty, and are no identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations(Box<[(String, String)]>);

impl Annotations {
    /// Sorts; of two texts under one name the later stays.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Annotations {
        let mut sorted: Vec<(String, String)> = pairs.into_iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0)); // Stable: the later one of equals comes last.
        sorted.reverse();
        sorted.dedup_by(|earlier, later| earlier.0 == later.0);
        sorted.reverse();
        Annotations(sorted.into_boxed_slice())
    }

    /// In ascending order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The text under a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(own, _)| own.as_str().cmp(name)).ok()?;
        Some(&self.0[at].1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Something that is, or was, wrong. Its labels are its identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Identity; holds `alertname` when it comes from a rule.
    pub labels: Labels,
    /// For people.
    pub annotations: Annotations,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when. `None`: until whoever raised it says otherwise; in the future: it ends by itself then.
    pub ends_at: Option<Timestamp>,
    /// When it was last said.
    pub updated_at: Timestamp,
    /// Where the expression can be looked at.
    pub generator_url: String,
    /// Whether `ends_at` is our `resolve_timeout` and not its sender's word.
    pub timeout: bool,
    /// What the expression gave when it last held, as people read it; empty when whoever raised it did not say. For
    /// messages only: no API of Alertmanager's has it.
    pub value: String,
}

impl Alert {
    /// Whether it has ended.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at <= now)
    }

    /// The identity as Alertmanager's API shows it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.labels)
    }
}

/// FNV-1a of sorted label names and values, each followed by 0xff; Alertmanager's public identity of an alert
/// (`prometheus/common`, `model/fingerprinting.go`). Displays as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// Computes it.
    pub fn of(labels: &Labels) -> Fingerprint {
        let mut sum: u64 = 0xcbf2_9ce4_8422_2325;
        let mut add = |byte: u8| sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        for (name, value) in labels.iter() {
            name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]).for_each(&mut add);
        }
        Fingerprint(sum)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The kinds of ways on which people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntegrationKind {
    /// Alertmanager's JSON to any URL.
    Webhook,
    /// SMTP.
    Email,
    /// A WeCom group robot.
    WeCom,
    /// A WeCom application, Alertmanager's `wechat`.
    WeChat,
    /// A DingTalk group robot.
    DingTalk,
    /// A Feishu or Lark group robot.
    Feishu,
    /// Short messages by Aliyun or Tencent.
    Sms,
}

impl IntegrationKind {
    /// The name in the API, in figures and, with `_configs` behind it, in the config.
    pub fn name(self) -> &'static str {
        match self {
            IntegrationKind::Webhook => "webhook",
            IntegrationKind::Email => "email",
            IntegrationKind::WeCom => "wecom",
            IntegrationKind::WeChat => "wechat",
            IntegrationKind::DingTalk => "dingtalk",
            IntegrationKind::Feishu => "feishu",
            IntegrationKind::Sms => "sms",
        }
    }

    /// All of them.
    pub const ALL: [IntegrationKind; 7] = [
        IntegrationKind::Webhook,
        IntegrationKind::Email,
        IntegrationKind::WeCom,
        IntegrationKind::WeChat,
        IntegrationKind::DingTalk,
        IntegrationKind::Feishu,
        IntegrationKind::Sms,
    ];
}

/// One integration of one receiver: the place where a queue stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntegrationId {
    /// The receiver's name.
    pub receiver: String,
    /// Which of its `…_configs`.
    pub kind: IntegrationKind,
    /// Which entry there, from 0.
    pub index: u16,
}

impl fmt::Display for IntegrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}[{}]", self.receiver, self.kind.name(), self.index)
    }
}

/// Stays the same over retries and restarts, so that a receiver can tell a repeat. Displays as 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u128);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// One group of alerts that one integration is to be told about: a row of the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its identity.
    pub id: DeliveryId,
    /// The group's key, as Alertmanager writes it: `{}/{severity="critical"}:{alertname="x"}`.
    pub group_key: String,
    /// To whom.
    pub to: IntegrationId,
    /// The labels by which the alerts are grouped.
    pub group_labels: Labels,
    /// What is firing and has not ended, and what has ended since the receiver was last told; never empty. In
    /// Alertmanager's order: by `job`, `instance`, then all labels.
    pub alerts: Vec<Alert>,
    /// The instant at which "has ended" was judged: an alert is resolved when `ends_at <= decided_at`.
    pub decided_at: Timestamp,
    /// Why now.
    pub reason: DeliveryReason,
}

/// Why a group is told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryReason {
    /// The receiver knows nothing of this group.
    First,
    /// Further alerts fire, or some have ended.
    Changed,
    /// Nothing has changed for `repeat_interval`.
    Repeat,
}

impl Delivery {
    /// Whether anything in it still fires.
    pub fn is_firing(&self) -> bool {
        self.firing().next().is_some()
    }

    /// Those that fire.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| !alert.is_resolved(self.decided_at))
    }

    /// Those that have ended.
    pub fn resolved(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.iter().filter(|alert| alert.is_resolved(self.decided_at))
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver took it; its answer in a few words, without secrets.
    Sent(String),
    /// It will never take it, or was given up: why, without secrets.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_annotations_win_and_names_are_sorted() {
        let pairs = [("b", "1"), ("a", "2"), ("b", "3")].map(|(n, t)| (n.to_owned(), t.to_owned()));
        let annotations = Annotations::from_pairs(pairs);
        assert_eq!(annotations.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
        assert_eq!(annotations.get("b"), Some("3"));
        assert_eq!(annotations.get("c"), None);
    }

    #[test]
    fn fingerprints_are_those_of_alertmanager() {
        // Asked from Alertmanager 0.25 for these labels.
        let labels = Labels::from_pairs([("alertname", "test1"), ("severity", "warning")]).unwrap();
        assert_eq!(Fingerprint::of(&labels).to_string(), "8f14a41207c8456c");
        assert_eq!(Fingerprint::of(&Labels::empty()).to_string(), "cbf29ce484222325");
    }
}
