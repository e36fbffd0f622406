//! Replies: what is appended to a `Vec<u8>` is a whole JSON value.

use lingshao_model::{Alert, Annotations, Fingerprint, Labels, MatchOp, Matcher, Timestamp};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::rfc3339;

/// One alert as the API shows it.
#[derive(Clone, Copy, Debug)]
pub struct AlertEntry<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// When it ends or would end if nobody said it again.
    pub ends_at: Timestamp,
    /// Names.
    pub receivers: &'a [String],
    /// Whether `silenced_by` or `inhibited_by` keep it from being told.
    pub suppressed: bool,
    /// Ids.
    pub silenced_by: &'a [String],
    /// Alerts.
    pub inhibited_by: &'a [Fingerprint],
    /// Names of time intervals.
    pub muted_by: &'a [String],
}

/// One group of alerts.
#[derive(Clone, Debug)]
pub struct GroupEntry<'a> {
    /// By which the alerts are grouped.
    pub labels: &'a Labels,
    /// The receiver's name.
    pub receiver: &'a str,
    /// In the order in which they are told.
    pub alerts: Vec<AlertEntry<'a>>,
}

/// One silence.
#[derive(Clone, Copy, Debug)]
pub struct SilenceEntry<'a> {
    /// UUID.
    pub id: &'a str,
    /// `active`, `pending` or `expired`.
    pub state: &'a str,
    /// Conditions.
    pub matchers: &'a [Matcher],
    /// First instant.
    pub starts_at: Timestamp,
    /// The end.
    pub ends_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who.
    pub created_by: &'a str,
    /// Why.
    pub comment: &'a str,
}

/// What `GET /status` says.
#[derive(Clone, Copy, Debug)]
pub struct StatusEntry<'a> {
    /// Our name among the peers.
    pub name: &'a str,
    /// All members, ourselves included.
    pub peers: &'a [ClusterPeer],
    /// The configuration as YAML, secrets masked.
    pub config: &'a str,
    /// Since when.
    pub started_at: Timestamp,
    /// The Alertmanager whose API this is.
    pub version: &'a str,
    /// Ours.
    pub revision: &'a str,
}

/// A process that shares our state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterPeer {
    /// Where it listens.
    pub address: String,
    /// Its name.
    pub name: String,
}

/// An instant as Alertmanager writes it: always with milliseconds.
pub fn time(t: Timestamp) -> String {
    let text = rfc3339::format(t);
    if t.0.rem_euclid(1000) == 0 { text.replace('Z', ".000Z") } else { text }
}

/// A JSON string: the body of most errors.
pub fn text(out: &mut Vec<u8>, text: &str) {
    write(out, &text);
}

/// The body of an error that the generated server would find: `{"code": 602, "message": "…"}`.
pub fn error_object(out: &mut Vec<u8>, code: u16, message: &str) {
    write(out, &ErrorObject { code, message });
}

/// `GET /receivers`
pub fn receivers<'a>(out: &mut Vec<u8>, names: impl Iterator<Item = &'a str>) {
    let named: Vec<Named<'_>> = names.map(|name| Named { name }).collect();
    write(out, &named);
}

/// `GET /alerts`
pub fn alerts(out: &mut Vec<u8>, entries: &[AlertEntry<'_>]) {
    let entries: Vec<AlertObject<'_>> = entries.iter().map(AlertObject::of).collect();
    write(out, &entries);
}

/// `GET /alerts/groups`
pub fn groups(out: &mut Vec<u8>, entries: &[GroupEntry<'_>]) {
    let object = |group: &GroupEntry<'_>| {
        let mut own = Vec::new();
        alerts(&mut own, &group.alerts);
        own
    };
    out.push(b'[');
    for (index, group) in entries.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{\"alerts\":" } else { b",{\"alerts\":" });
        out.extend_from_slice(&object(group));
        out.extend_from_slice(b",\"labels\":");
        write(out, &LabelObject(group.labels));
        out.extend_from_slice(b",\"receiver\":");
        write(out, &Named { name: group.receiver });
        out.push(b'}');
    }
    out.push(b']');
}

/// The body of `POST /alerts`.
pub fn posted<'a>(out: &mut Vec<u8>, alerts: impl Iterator<Item = &'a Alert>) {
    let objects: Vec<PostedObject<'a>> = alerts.map(PostedObject::of).collect();
    write(out, &objects);
}

/// `GET /silences`
pub fn silences(out: &mut Vec<u8>, entries: &[SilenceEntry<'_>]) {
    let entries: Vec<SilenceObject<'_>> = entries.iter().map(SilenceObject::of).collect();
    write(out, &entries);
}

/// `GET /silence/{id}`
pub fn silence(out: &mut Vec<u8>, entry: &SilenceEntry<'_>) {
    write(out, &SilenceObject::of(entry));
}

/// What `POST /silences` answers.
pub fn silence_id(out: &mut Vec<u8>, id: &str) {
    #[derive(Serialize)]
    struct Object<'a> {
        #[serde(rename = "silenceID")]
        id: &'a str,
    }
    write(out, &Object { id });
}

/// `GET /status`
pub fn status(out: &mut Vec<u8>, entry: &StatusEntry<'_>) {
    let StatusEntry { name, peers, config, started_at, version, revision } = entry;
    let object = StatusObject {
        cluster: ClusterObject { name, peers, status: "ready" },
        config: ConfigObject { original: config },
        uptime: time(*started_at),
        version_info: VersionObject {
            branch: "",
            build_date: "",
            build_user: "",
            go_version: "",
            revision,
            version,
        },
    };
    write(out, &object);
}

fn write(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("texts and numbers are always JSON, and a Vec takes every byte");
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: u16,
    message: &'a str,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertObject<'a> {
    annotations: AnnotationObject<'a>,
    ends_at: String,
    fingerprint: String,
    receivers: Vec<Named<'a>>,
    starts_at: String,
    status: AlertStatusObject<'a>,
    updated_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
    labels: LabelObject<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertStatusObject<'a> {
    inhibited_by: Vec<String>,
    muted_by: &'a [String],
    silenced_by: &'a [String],
    state: &'a str,
}

impl<'a> AlertObject<'a> {
    fn of(entry: &AlertEntry<'a>) -> AlertObject<'a> {
        let alert = entry.alert;
        AlertObject {
            annotations: AnnotationObject(&alert.annotations),
            ends_at: time(entry.ends_at),
            fingerprint: alert.fingerprint().to_string(),
            receivers: entry.receivers.iter().map(|name| Named { name }).collect(),
            starts_at: time(alert.starts_at),
            status: AlertStatusObject {
                inhibited_by: entry.inhibited_by.iter().map(Fingerprint::to_string).collect(),
                muted_by: entry.muted_by,
                silenced_by: entry.silenced_by,
                state: if entry.suppressed { "suppressed" } else { "active" },
            },
            updated_at: time(alert.updated_at),
            generator_url: &alert.generator_url,
            labels: LabelObject(&alert.labels),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostedObject<'a> {
    annotations: AnnotationObject<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<String>,
    starts_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
    labels: LabelObject<'a>,
}

impl<'a> PostedObject<'a> {
    fn of(alert: &'a Alert) -> PostedObject<'a> {
        PostedObject {
            annotations: AnnotationObject(&alert.annotations),
            ends_at: alert.ends_at.map(time),
            starts_at: time(alert.starts_at),
            generator_url: &alert.generator_url,
            labels: LabelObject(&alert.labels),
        }
    }
}

struct LabelObject<'a>(&'a Labels);

impl Serialize for LabelObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

struct AnnotationObject<'a>(&'a Annotations);

impl Serialize for AnnotationObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SilenceObject<'a> {
    id: &'a str,
    status: SilenceStatusObject<'a>,
    updated_at: String,
    comment: &'a str,
    created_by: &'a str,
    ends_at: String,
    matchers: Vec<MatcherObject<'a>>,
    starts_at: String,
}

#[derive(Serialize)]
struct SilenceStatusObject<'a> {
    state: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MatcherObject<'a> {
    is_equal: bool,
    is_regex: bool,
    name: &'a str,
    value: &'a str,
}

impl<'a> SilenceObject<'a> {
    fn of(entry: &SilenceEntry<'a>) -> SilenceObject<'a> {
        let matcher = |matcher: &'a Matcher| MatcherObject {
            is_equal: matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex),
            is_regex: matches!(matcher.op(), MatchOp::Regex | MatchOp::NotRegex),
            name: matcher.name(),
            value: matcher.value(),
        };
        SilenceObject {
            id: entry.id,
            status: SilenceStatusObject { state: entry.state },
            updated_at: time(entry.updated_at),
            comment: entry.comment,
            created_by: entry.created_by,
            ends_at: time(entry.ends_at),
            matchers: entry.matchers.iter().map(matcher).collect(),
            starts_at: time(entry.starts_at),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusObject<'a> {
    cluster: ClusterObject<'a>,
    config: ConfigObject<'a>,
    uptime: String,
    version_info: VersionObject<'a>,
}

#[derive(Serialize)]
struct ClusterObject<'a> {
    name: &'a str,
    peers: &'a [ClusterPeer],
    status: &'a str,
}

#[derive(Serialize)]
struct ConfigObject<'a> {
    original: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionObject<'a> {
    branch: &'a str,
    build_date: &'a str,
    build_user: &'a str,
    go_version: &'a str,
    revision: &'a str,
    version: &'a str,
}
