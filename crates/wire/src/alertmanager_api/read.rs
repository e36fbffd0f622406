//! Alerts and silences that clients post.

use std::collections::BTreeMap;
use std::fmt;

use lingshao_model::{Alert, Annotations, Labels, MatchOp, Matcher, TimeDelta, Timestamp};
use serde::Deserialize;
use serde::Deserializer as _;
use serde::de::{SeqAccess, Visitor};

use crate::rfc3339;

/// Why a body was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No JSON of the right shape: 400.
    #[error("{0}")]
    Malformed(String),
    /// A field that must be there is not: 422, with code 602.
    #[error("{0} in body is required")]
    Missing(String),
    /// A value that cannot be used: 400.
    #[error("{0}")]
    Invalid(String),
}

impl BodyError {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            BodyError::Malformed(_) | BodyError::Invalid(_) => 400,
            BodyError::Missing(_) => 422,
        }
    }
}

/// An alert as it was posted; times that were left out, or are Go's zero time, are absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostedAlert {
    /// As they came, empty values included.
    pub labels: Vec<(String, String)>,
    /// As they came.
    pub annotations: Vec<(String, String)>,
    /// `startsAt`
    pub starts_at: Option<Timestamp>,
    /// `endsAt`
    pub ends_at: Option<Timestamp>,
    /// `generatorURL`
    pub generator_url: String,
}

/// A silence as it was posted.
#[derive(Clone, Debug)]
pub struct PostedSilence {
    /// The silence to change.
    pub id: Option<String>,
    /// Never empty in a body of the right shape.
    pub matchers: Vec<Matcher>,
    /// `startsAt`
    pub starts_at: Timestamp,
    /// `endsAt`
    pub ends_at: Timestamp,
    /// `createdBy`
    pub created_by: String,
    /// `comment`
    pub comment: String,
}

type Texts = BTreeMap<String, Option<String>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AlertBody {
    labels: Option<Texts>,
    annotations: Option<Texts>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    #[serde(rename = "generatorURL")]
    generator_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SilenceBody {
    id: Option<String>,
    matchers: Option<Vec<MatcherBody>>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    created_by: Option<String>,
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatcherBody {
    name: Option<String>,
    value: Option<String>,
    is_regex: Option<bool>,
    is_equal: Option<bool>,
}

/// Most alerts of one body: half of what can be kept at all. Prometheus sends 64 to 256.
const POSTED_ALERTS_MAX: usize = 100_000;

/// Reads the body of `POST /api/v2/alerts`. What is read of it takes some kilobyte for each alert: a body of bytes that
/// are many alerts without labels does not fill the memory.
pub fn read_alerts(body: &[u8]) -> Result<Vec<PostedAlert>, BodyError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = reader.deserialize_seq(Alerts).and_then(|alerts| reader.end().map(|()| alerts));
    read.map_err(|error| malformed_alerts(&error.to_string()))?
}

fn malformed_alerts(why: &str) -> BodyError {
    BodyError::Malformed(format!("parsing alerts body from \"\" failed, because {why}"))
}

/// One alert after the other, until one cannot be used; the rest is only looked at.
struct Alerts;

impl<'de> Visitor<'de> for Alerts {
    type Value = Result<Vec<PostedAlert>, BodyError>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of alerts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut alerts = Vec::new();
        while let Some(body) = items.next_element::<AlertBody>()? {
            let posted = match alerts.len() {
                POSTED_ALERTS_MAX => {
                    let why = format!("more than {POSTED_ALERTS_MAX} alerts in one request");
                    Err(BodyError::Invalid(why))
                }
                index => posted_alert(index, body),
            };
            match posted {
                Ok(alert) => alerts.push(alert),
                Err(error) => {
                    // What is no JSON of the right shape is told first.
                    while items.next_element::<AlertBody>()?.is_some() {}
                    return Ok(Err(error));
                }
            }
        }
        Ok(Ok(alerts))
    }
}

fn posted_alert(index: usize, body: AlertBody) -> Result<PostedAlert, BodyError> {
    let malformed = |why: String| malformed_alerts(&why);
    let labels = body.labels.ok_or_else(|| BodyError::Missing(format!("{index}.labels")))?;
    Ok(PostedAlert {
        labels: pairs(labels),
        annotations: pairs(body.annotations.unwrap_or_default()),
        starts_at: optional_time(body.starts_at.as_deref()).map_err(malformed)?,
        ends_at: optional_time(body.ends_at.as_deref()).map_err(malformed)?,
        generator_url: body.generator_url.unwrap_or_default(),
    })
}

fn pairs(texts: Texts) -> Vec<(String, String)> {
    texts.into_iter().map(|(name, text)| (name, text.unwrap_or_default())).collect()
}

/// 0001-01-01T00:00:00Z, which Go programs send for "not set".
const GO_ZERO_TIME: Timestamp = Timestamp(-62_135_596_800_000);

fn optional_time(text: Option<&str>) -> Result<Option<Timestamp>, String> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => match rfc3339::parse(text) {
            Some(GO_ZERO_TIME) => Ok(None),
            Some(t) => Ok(Some(t)),
            None => Err(format!("parsing time {text:?}: not an instant as in RFC 3339")),
        },
    }
}

/// Most matchers of a body that are compiled; each may take a megabyte. A silence may have no more.
const MATCHERS_MAX: usize = 100;

/// Reads the body of `POST /api/v2/silences`.
pub fn read_silence(body: &[u8]) -> Result<PostedSilence, BodyError> {
    let malformed =
        |why: String| BodyError::Malformed(format!("parsing silence body from \"\" failed, because {why}"));
    let body: SilenceBody = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    let missing = |name: &str| BodyError::Missing(name.to_owned());
    let comment = body.comment.ok_or_else(|| missing("comment"))?;
    let created_by = body.created_by.ok_or_else(|| missing("createdBy"))?;
    let time = |name: &str, text: Option<String>| match text {
        None => Err(missing(name)),
        Some(text) => rfc3339::parse(&text)
            .ok_or_else(|| malformed(format!("parsing time {text:?}: not an instant as in RFC 3339"))),
    };
    let ends_at = time("endsAt", body.ends_at)?;
    let matchers = body.matchers.ok_or_else(|| missing("matchers"))?;
    if MATCHERS_MAX < matchers.len() {
        let why = format!("silence invalid: {} matchers, more than {MATCHERS_MAX}", matchers.len());
        return Err(BodyError::Invalid(why));
    }
    let matchers = matchers.into_iter().enumerate().map(|(index, body)| matcher(index, body));
    Ok(PostedSilence {
        id: body.id.filter(|id| !id.is_empty()),
        matchers: matchers.collect::<Result<_, _>>()?,
        starts_at: time("startsAt", body.starts_at)?,
        ends_at,
        created_by,
        comment,
    })
}

fn matcher(index: usize, body: MatcherBody) -> Result<Matcher, BodyError> {
    let missing = |name: &str| BodyError::Missing(format!("matchers.{index}.{name}"));
    let is_regex = body.is_regex.ok_or_else(|| missing("isRegex"))?;
    let name = body.name.ok_or_else(|| missing("name"))?;
    let value = body.value.ok_or_else(|| missing("value"))?;
    let op = match (body.is_equal.unwrap_or(true), is_regex) {
        (true, false) => MatchOp::Equal,
        (false, false) => MatchOp::NotEqual,
        (true, true) => MatchOp::Regex,
        (false, true) => MatchOp::NotRegex,
    };
    Matcher::new(op, &name, &value).map_err(|error| {
        BodyError::Invalid(format!("silence invalid: invalid label matcher {index}: {error}"))
    })
}

impl PostedAlert {
    /// The alert that is meant, received now. One without an end ends by itself after `resolve_timeout`, unless it is
    /// said again. The error is Alertmanager's.
    pub fn alert(self, now: Timestamp, resolve_timeout: TimeDelta) -> Result<Alert, String> {
        let starts_at = self.starts_at.or(self.ends_at).unwrap_or(now);
        let ends_at = self.ends_at.unwrap_or(now + resolve_timeout);
        if ends_at < starts_at {
            return Err("start time must be before end time".to_owned());
        }
        let nameless = |_| "invalid label set: invalid name \"\"".to_owned();
        let labels = Labels::from_pairs(self.labels).map_err(nameless)?;
        if labels.is_empty() {
            return Err("at least one label pair required".to_owned());
        }
        if self.annotations.iter().any(|(name, _)| name.is_empty()) {
            return Err("invalid annotations: invalid name \"\"".to_owned());
        }
        Ok(Alert {
            labels,
            annotations: Annotations::from_pairs(self.annotations),
            starts_at,
            ends_at: Some(ends_at),
            updated_at: now,
            generator_url: self.generator_url,
            timeout: self.ends_at.is_none(),
            value: String::new(),
        })
    }
}
