//! Nouns as rows of `state.db` and back: JSON objects (docs/format/state.md).

use std::sync::Arc;

use lingshao_alerting::router::{GroupKey, GroupRow, LogEntry, LogKey, Silence, SilenceId};
use lingshao_alerting::rules::{AlertState, RuleKey, SavedAlert, SavedKey};
use lingshao_model::{
    Alert, Annotations, Delivery, DeliveryId, DeliveryReason, Fingerprint, IntegrationId, IntegrationKind,
    Labels, MatchOp, Matcher, TimeDelta, Timestamp,
};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a row is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    /// It is no JSON of the expected shape.
    #[error("not a row of this table: {0}")]
    Json(#[from] serde_json::Error),
    /// A text in it has no meaning here.
    #[error("`{0}` is not known here")]
    Unknown(String),
}

/// Name and text pairs as a JSON object.
#[derive(Debug, Default)]
pub(super) struct Pairs(Vec<(String, String)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, text) in &self.0 {
            map.serialize_entry(name, text)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Pairs {
    pub(super) fn of(pairs: &Labels) -> Pairs {
        Pairs(pairs.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn of_annotations(pairs: &Annotations) -> Pairs {
        Pairs(pairs.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
    }

    pub(super) fn labels(self) -> Result<Labels, RowError> {
        Labels::from_pairs(self.0).map_err(|error| RowError::Unknown(error.to_string()))
    }

    fn annotations(self) -> Annotations {
        Annotations::from_pairs(self.0)
    }
}

pub(super) fn to_text(row: &impl Serialize) -> String {
    serde_json::to_string(row).expect("rows have text keys and no maps that fail")
}

/// `rule_alerts`
#[derive(Serialize, Deserialize)]
struct RuleAlertRow {
    file: String,
    group: String,
    rule: String,
    identity: String,
    labels: Pairs,
    annotations: Pairs,
    state: String,
    active_at: i64,
    fired_at: Option<i64>,
    resolved_at: Option<i64>,
    keep_firing_since: Option<i64>,
    /// As text: JSON has no NaN and no infinity.
    value: String,
}

const STATES: [(AlertState, &str); 3] =
    [(AlertState::Pending, "pending"), (AlertState::Firing, "firing"), (AlertState::Resolved, "resolved")];

pub(super) fn rule_alert_key(key: &SavedKey) -> String {
    let RuleKey { file, group, name, identity } = &*key.rule;
    to_text(&(file, group, name, identity, Pairs::of(&key.labels)))
}

pub(super) fn write_rule_alert(alert: &SavedAlert) -> String {
    let RuleKey { file, group, name, identity } = (*alert.rule).clone();
    let state = STATES.iter().find(|(state, _)| *state == alert.state).map_or("", |(_, name)| name);
    let millis = |t: Option<Timestamp>| t.map(|t| t.0);
    to_text(&RuleAlertRow {
        file,
        group,
        rule: name,
        identity,
        labels: Pairs::of(&alert.labels),
        annotations: Pairs::of_annotations(&alert.annotations),
        state: state.to_owned(),
        active_at: alert.active_at.0,
        fired_at: millis(alert.fired_at),
        resolved_at: millis(alert.resolved_at),
        keep_firing_since: millis(alert.keep_firing_since),
        value: alert.value.to_string(),
    })
}

pub(super) fn read_rule_alert(text: &str) -> Result<SavedAlert, RowError> {
    let row: RuleAlertRow = serde_json::from_str(text)?;
    let state = STATES.iter().find(|(_, name)| *name == row.state).map(|(state, _)| *state);
    let value = row.value.parse().map_err(|_| RowError::Unknown(row.value.clone()))?;
    Ok(SavedAlert {
        rule: Arc::new(RuleKey { file: row.file, group: row.group, name: row.rule, identity: row.identity }),
        labels: row.labels.labels()?,
        annotations: row.annotations.annotations(),
        state: state.ok_or(RowError::Unknown(row.state))?,
        active_at: Timestamp(row.active_at),
        fired_at: row.fired_at.map(Timestamp),
        resolved_at: row.resolved_at.map(Timestamp),
        keep_firing_since: row.keep_firing_since.map(Timestamp),
        value,
    })
}

/// `alerts`, and in deliveries
#[derive(Serialize, Deserialize)]
pub(super) struct AlertRow {
    labels: Pairs,
    annotations: Pairs,
    starts_at: i64,
    ends_at: Option<i64>,
    updated_at: i64,
    generator_url: String,
    timeout: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    value: String,
}

impl AlertRow {
    pub(super) fn of(alert: &Alert) -> AlertRow {
        AlertRow {
            labels: Pairs::of(&alert.labels),
            annotations: Pairs::of_annotations(&alert.annotations),
            starts_at: alert.starts_at.0,
            ends_at: alert.ends_at.map(|t| t.0),
            updated_at: alert.updated_at.0,
            generator_url: alert.generator_url.clone(),
            timeout: alert.timeout,
            value: alert.value.clone(),
        }
    }

    pub(super) fn alert(self) -> Result<Alert, RowError> {
        Ok(Alert {
            labels: self.labels.labels()?,
            annotations: self.annotations.annotations(),
            starts_at: Timestamp(self.starts_at),
            ends_at: self.ends_at.map(Timestamp),
            updated_at: Timestamp(self.updated_at),
            generator_url: self.generator_url,
            timeout: self.timeout,
            value: self.value,
        })
    }
}

pub(super) fn write_alert(alert: &Alert) -> String {
    to_text(&AlertRow::of(alert))
}

pub(super) fn read_alert(text: &str) -> Result<Alert, RowError> {
    serde_json::from_str::<AlertRow>(text)?.alert()
}

/// An integration in a row.
#[derive(Serialize, Deserialize)]
pub(super) struct IntegrationRow {
    receiver: String,
    kind: String,
    index: u16,
}

impl IntegrationRow {
    pub(super) fn of(id: &IntegrationId) -> IntegrationRow {
        let IntegrationId { receiver, kind, index } = id;
        IntegrationRow { receiver: receiver.clone(), kind: kind.name().to_owned(), index: *index }
    }

    pub(super) fn id(self) -> Result<IntegrationId, RowError> {
        let kind = IntegrationKind::ALL.into_iter().find(|kind| kind.name() == self.kind);
        let kind = kind.ok_or(RowError::Unknown(self.kind))?;
        Ok(IntegrationId { receiver: self.receiver, kind, index: self.index })
    }
}

/// `outbox`
#[derive(Serialize, Deserialize)]
struct DeliveryRow {
    v: u8,
    id: String,
    group_key: String,
    to: IntegrationRow,
    group_labels: Pairs,
    alerts: Vec<AlertRow>,
    decided_at: i64,
    reason: String,
}

/// The version of [`DeliveryRow`].
const DELIVERY_VERSION: u8 = 1;

const REASONS: [(DeliveryReason, &str); 3] = [
    (DeliveryReason::First, "first"),
    (DeliveryReason::Changed, "changed"),
    (DeliveryReason::Repeat, "repeat"),
];

pub(super) fn reason_name(reason: DeliveryReason) -> &'static str {
    REASONS.iter().find(|(own, _)| *own == reason).map_or("", |(_, name)| name)
}

pub(super) fn write_delivery(delivery: &Delivery) -> String {
    to_text(&DeliveryRow {
        v: DELIVERY_VERSION,
        id: delivery.id.to_string(),
        group_key: delivery.group_key.clone(),
        to: IntegrationRow::of(&delivery.to),
        group_labels: Pairs::of(&delivery.group_labels),
        alerts: delivery.alerts.iter().map(AlertRow::of).collect(),
        decided_at: delivery.decided_at.0,
        reason: reason_name(delivery.reason).to_owned(),
    })
}

pub(super) fn read_delivery(text: &str) -> Result<Delivery, RowError> {
    let row: DeliveryRow = serde_json::from_str(text)?;
    if row.v != DELIVERY_VERSION {
        return Err(RowError::Unknown(format!("version {}", row.v)));
    }
    let reason = REASONS.iter().find(|(_, name)| *name == row.reason).map(|(reason, _)| *reason);
    let id = u128::from_str_radix(&row.id, 16).map_err(|_| RowError::Unknown(row.id.clone()))?;
    Ok(Delivery {
        id: DeliveryId(id),
        group_key: row.group_key,
        to: row.to.id()?,
        group_labels: row.group_labels.labels()?,
        alerts: row.alerts.into_iter().map(AlertRow::alert).collect::<Result<_, _>>()?,
        decided_at: Timestamp(row.decided_at),
        reason: reason.ok_or(RowError::Unknown(row.reason))?,
    })
}

/// Fingerprints as 16 hex digits each, in one text: a group may have thousands.
fn fingerprints_text(fingerprints: &[Fingerprint]) -> String {
    fingerprints.iter().map(Fingerprint::to_string).collect()
}

fn fingerprints(text: &str) -> Result<Vec<Fingerprint>, RowError> {
    let unknown = || RowError::Unknown(text.to_owned());
    let read = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 16)?;
        u64::from_str_radix(digits, 16).ok().map(Fingerprint)
    };
    text.as_bytes().chunks(16).map(|digits| read(digits).ok_or_else(unknown)).collect()
}

/// `groups`
#[derive(Serialize, Deserialize)]
struct GroupRowText {
    group_key: String,
    receiver: String,
    labels: Pairs,
    next_at: i64,
    flushed: bool,
    left: String,
}

pub(super) fn write_group(row: &GroupRow) -> String {
    to_text(&GroupRowText {
        group_key: row.key.group_key.clone(),
        receiver: row.key.receiver.clone(),
        labels: Pairs::of(&row.labels),
        next_at: row.next_at.0,
        flushed: row.flushed,
        left: fingerprints_text(&row.left),
    })
}

pub(super) fn read_group(text: &str) -> Result<GroupRow, RowError> {
    let row: GroupRowText = serde_json::from_str(text)?;
    Ok(GroupRow {
        key: GroupKey { group_key: row.group_key, receiver: row.receiver },
        labels: row.labels.labels()?,
        next_at: Timestamp(row.next_at),
        flushed: row.flushed,
        left: fingerprints(&row.left)?,
    })
}

/// `log`
#[derive(Serialize, Deserialize)]
struct LogRow {
    group_key: String,
    to: IntegrationRow,
    firing: String,
    resolved: String,
    muted: String,
    at: i64,
    expires_at: i64,
    repeat_interval: i64,
}

pub(super) fn log_key(key: &LogKey) -> String {
    to_text(&(&key.group_key, &key.to.receiver, key.to.kind.name(), key.to.index))
}

pub(super) fn write_log(entry: &LogEntry) -> String {
    to_text(&LogRow {
        group_key: entry.key.group_key.clone(),
        to: IntegrationRow::of(&entry.key.to),
        firing: fingerprints_text(&entry.firing),
        resolved: fingerprints_text(&entry.resolved),
        muted: fingerprints_text(&entry.muted),
        at: entry.at.0,
        expires_at: entry.expires_at.0,
        repeat_interval: entry.repeat_interval.0,
    })
}

pub(super) fn read_log(text: &str) -> Result<LogEntry, RowError> {
    let row: LogRow = serde_json::from_str(text)?;
    Ok(LogEntry {
        key: LogKey { group_key: row.group_key, to: row.to.id()? },
        firing: fingerprints(&row.firing)?,
        resolved: fingerprints(&row.resolved)?,
        muted: fingerprints(&row.muted)?,
        at: Timestamp(row.at),
        expires_at: Timestamp(row.expires_at),
        repeat_interval: TimeDelta(row.repeat_interval),
    })
}

/// `silences`
#[derive(Serialize, Deserialize)]
struct SilenceRow {
    id: String,
    matchers: Vec<MatcherRow>,
    starts_at: i64,
    ends_at: i64,
    updated_at: i64,
    created_by: String,
    comment: String,
}

#[derive(Serialize, Deserialize)]
struct MatcherRow {
    name: String,
    op: String,
    value: String,
}

const OPS: [MatchOp; 4] = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];

impl MatcherRow {
    fn of(matcher: &Matcher) -> MatcherRow {
        let text = str::to_owned;
        MatcherRow {
            name: text(matcher.name()),
            op: text(matcher.op().as_str()),
            value: text(matcher.value()),
        }
    }

    fn matcher(&self) -> Result<Matcher, RowError> {
        let op = OPS.into_iter().find(|op| op.as_str() == self.op);
        let op = op.ok_or_else(|| RowError::Unknown(self.op.clone()))?;
        Matcher::new(op, &self.name, &self.value).map_err(|error| RowError::Unknown(error.to_string()))
    }
}

pub(super) fn write_silence(silence: &Silence) -> String {
    to_text(&SilenceRow {
        id: silence.id.0.clone(),
        matchers: silence.matchers.iter().map(MatcherRow::of).collect(),
        starts_at: silence.starts_at.0,
        ends_at: silence.ends_at.0,
        updated_at: silence.updated_at.0,
        created_by: silence.created_by.clone(),
        comment: silence.comment.clone(),
    })
}

pub(super) fn read_silence(text: &str) -> Result<Silence, RowError> {
    let row: SilenceRow = serde_json::from_str(text)?;
    Ok(Silence {
        id: SilenceId(row.id),
        matchers: row.matchers.iter().map(MatcherRow::matcher).collect::<Result<_, _>>()?,
        starts_at: Timestamp(row.starts_at),
        ends_at: Timestamp(row.ends_at),
        updated_at: Timestamp(row.updated_at),
        created_by: row.created_by,
        comment: row.comment,
    })
}
