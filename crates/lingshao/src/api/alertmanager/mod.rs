//! The Alertmanager API v2 (`/api/v2/*`): what amtool, Grafana, karma and Prometheus itself speak.
//!
//! A `POST` is answered with 200 when what it brought would survive a power cut. Error texts and codes are
//! Alertmanager's.

mod alerts;
mod silences;

pub(super) use alerts::{groups, list as list_alerts, post as post_alerts};
pub(super) use silences::{expire, get as get_silence, list as list_silences, set as set_silence};

use http::StatusCode;
use http::header::CONTENT_TYPE;
use lingshao_alerting::router::SILENCE_MATCHERS_MAX;
use lingshao_model::Matcher;
use lingshao_wire::alertmanager_api::{self as wire, BodyError, ClusterPeer, StatusEntry};
use lingshao_wire::label_matchers;
use tokio::task::spawn_blocking;

use crate::alertmanager::{NotDurable, Stopped};
use crate::app::App;
use crate::server::reply::{self, Reply};
use crate::server::request::{self, Call, Document, Parameters};

/// The Alertmanager whose API this is. Only amtool looks at it, and complains when it is not its own: this is the
/// amtool that distributions ship and that we are tested with.
const VERSION: &str = "0.25.0";
/// A posted document; Prometheus sends 64 to 256 alerts at a time, some 200 kB.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Rows of the history that one answer may hold.
const HISTORY_ROWS_DEFAULT: u32 = 100;
const HISTORY_ROWS_MAX: u32 = 10_000;

/// A refusal that is ready to be sent.
type Refusal = Box<Reply>;
type Answer = Result<Reply, Refusal>;

/// `GET /api/v2/status`
pub(super) async fn status(app: &App) -> Answer {
    let members = app.alerts.members().await.map_err(stopped)?;
    let peers: Vec<ClusterPeer> = members
        .into_iter()
        .map(|member| ClusterPeer { address: member.address, name: member.name })
        .collect();
    let live = app.live();
    Ok(json(|out| {
        wire::status(
            out,
            &StatusEntry {
                name: &app.about.member,
                peers: &peers,
                config: &live.alertmanager_yaml,
                started_at: app.about.started_at,
                version: VERSION,
                revision: concat!("lingshao-", env!("CARGO_PKG_VERSION")),
            },
        );
    }))
}

/// `GET /api/v2/receivers`
pub(super) fn receivers(app: &App) -> Reply {
    let live = app.live();
    json(|out| wire::receivers(out, live.receivers.iter().map(|receiver| receiver.name.as_str())))
}

/// `GET /api/lingshao/v1/notifications`: who was told what, newest first, and who is being told or cannot be reached.
pub(super) async fn notifications(app: &App, parameters: &Parameters) -> Answer {
    let rows_max = match parameters.get("limit").map(str::parse::<u32>) {
        None => HISTORY_ROWS_DEFAULT,
        Some(Ok(rows)) => rows.min(HISTORY_ROWS_MAX),
        Some(Err(_)) => return Err(bad("`limit` is no number")),
    };
    let history = app.alerts.history(rows_max).await.map_err(stopped)?;
    let history = history.map_err(|error| {
        tracing::error!(%error, "cannot read the history of notifications");
        refuse(StatusCode::INTERNAL_SERVER_ERROR, "cannot read state.db; see the server's log")
    })?;
    let integrations: Vec<_> = app
        .notifier
        .status()
        .into_iter()
        .map(|one| {
            let (failing_since, error) = one.failing.unzip();
            serde_json::json!({
                "integration": one.id.to_string(),
                "waiting": one.waiting,
                "failingSince": failing_since.map(wire::time),
                "error": error,
                "lastSent": one.last_sent.map(wire::time),
            })
        })
        .collect();
    let integrations = serde_json::Value::from(integrations);
    let body = format!(
        r#"{{"status":"success","data":{{"integrations":{integrations},"notifications":[{}]}}}}"#,
        history.join(",")
    );
    Ok(reply::json(StatusCode::OK, body.into_bytes()))
}

fn json(write: impl FnOnce(&mut Vec<u8>)) -> Reply {
    let mut out = Vec::new();
    write(&mut out);
    reply::json(StatusCode::OK, out)
}

/// An error as Alertmanager's own handlers say it: a JSON string.
fn refuse(status: StatusCode, why: &str) -> Refusal {
    let mut out = Vec::new();
    wire::text(&mut out, why);
    Box::new(reply::json(status, out))
}

fn bad(why: &str) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, why)
}

/// An error as the generated server around them says it.
fn invalid(status: StatusCode, code: u16, why: &str) -> Refusal {
    let mut out = Vec::new();
    wire::error_object(&mut out, code, why);
    Box::new(reply::json(status, out))
}

fn stopped(stopped: Stopped) -> Refusal {
    refuse(StatusCode::SERVICE_UNAVAILABLE, &stopped.to_string())
}

fn not_durable(error: NotDurable) -> Refusal {
    refuse(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
}

/// go-openapi's code for a required field (`errors/schema.go`).
const CODE_REQUIRED: u16 = 602;
/// And for a value of another type.
const CODE_TYPE: u16 = 601;

fn body_error(error: &BodyError) -> Refusal {
    match error {
        BodyError::Malformed(why) => invalid(StatusCode::BAD_REQUEST, 400, why),
        BodyError::Missing(_) => invalid(StatusCode::UNPROCESSABLE_ENTITY, CODE_REQUIRED, &error.to_string()),
        BodyError::Invalid(why) => bad(why),
    }
}

/// The JSON document of a `POST`.
async fn document(app: &App, call: Call) -> Result<Document, Refusal> {
    let content_type =
        call.parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let plain = content_type.split(';').next().unwrap_or("").trim();
    if !plain.eq_ignore_ascii_case("application/json") {
        let why = format!("unsupported media type {content_type:?}, only [application/json] are allowed");
        return Err(invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, &why));
    }
    let read = Document::read(call, BODY_BYTES_MAX, &app.forms).await;
    read.map_err(|error: request::BodyError| refuse(error.status(), &error.to_string()))
}

/// Conditions of one request, as many as a silence may have: each may be a pattern of a megabyte, and is held against
/// every alert by the one who also decides what is told.
const FILTERS_MAX: usize = SILENCE_MATCHERS_MAX;

/// `filter`, each a matcher. Many patterns take their time, which no worker of the runtime has.
async fn matchers(parameters: &Parameters) -> Result<Vec<Matcher>, Refusal> {
    let texts: Vec<String> = parameters.all("filter").map(str::to_owned).collect();
    if FILTERS_MAX < texts.len() {
        return Err(bad(&format!("more than {FILTERS_MAX} filters in one request")));
    }
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let parse =
        move || texts.iter().map(|text| label_matchers::parse_matcher(text)).collect::<Result<_, _>>();
    spawn_blocking(parse).await.map_err(|_| panicked())?.map_err(|error| bad(&error.to_string()))
}

fn panicked() -> Refusal {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal error; see the server's log")
}

/// A flag as go-openapi reads it (`swag.ConvertBool`): absent is true, an unknown word is false.
fn flag(parameters: &Parameters, name: &str) -> bool {
    let words = ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
    parameters.get(name).is_none_or(|text| words.contains(&text.to_ascii_lowercase().as_str()))
}
