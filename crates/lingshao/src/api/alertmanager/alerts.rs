//! Alerts and their groups, and alerts that clients post.

use std::sync::Arc;

use http::StatusCode;
use lingshao_alerting::router::{AlertFilter, AlertRefusal, AlertView};
use lingshao_model::{Alert, TimeDelta, Timestamp, anchored_regex};
use lingshao_wire::alertmanager_api::{self as wire, AlertEntry, GroupEntry};
use tokio::task::spawn_blocking;

use super::{Answer, Refusal, bad, body_error, document, flag, json, matchers, not_durable, refuse, stopped};
use crate::app::App;
use crate::clock::now;
use crate::server::reply;
use crate::server::request::{Call, Parameters};

/// Until when an alert without an end counts as said: rules say it again every minute, and Prometheus gives a sender
/// four of its rounds.
const SAID_FOR: TimeDelta = TimeDelta::from_secs(240);
/// Rendering or reading that would hold a worker of the runtime for some milliseconds goes elsewhere.
const SMALL_BYTES: usize = 64 << 10;
const SMALL_ALERTS: usize = 200;

/// `GET /api/v2/alerts`
pub(in crate::api) async fn list(app: &App, parameters: &Parameters) -> Answer {
    let filter = filter(parameters)?;
    let views = app.alerts.look(move |router, now| router.alerts(&filter, now)).await.map_err(stopped)?;
    let count = views.len();
    rendered(count, move || {
        let own = views.iter().map(Own::of).collect::<Vec<_>>();
        let entries: Vec<AlertEntry<'_>> = own.iter().map(Own::entry).collect();
        let mut out = Vec::new();
        wire::alerts(&mut out, &entries);
        out
    })
    .await
}

/// `GET /api/v2/alerts/groups`
pub(in crate::api) async fn groups(app: &App, parameters: &Parameters) -> Answer {
    let filter = filter(parameters)?;
    let views = app.alerts.look(move |router, now| router.groups(&filter, now)).await.map_err(stopped)?;
    let count = views.iter().map(|group| group.alerts.len()).sum();
    rendered(count, move || {
        let own: Vec<Vec<Own<'_>>> =
            views.iter().map(|group| group.alerts.iter().map(Own::of).collect()).collect();
        let entries: Vec<GroupEntry<'_>> = views
            .iter()
            .zip(&own)
            .map(|(group, alerts)| GroupEntry {
                labels: &group.labels,
                receiver: &group.receiver,
                alerts: alerts.iter().map(Own::entry).collect(),
            })
            .collect();
        let mut out = Vec::new();
        wire::groups(&mut out, &entries);
        out
    })
    .await
}

/// A view with what the wire wants as texts.
struct Own<'a> {
    view: &'a AlertView,
    silenced_by: Vec<String>,
    ends_at: Timestamp,
}

impl<'a> Own<'a> {
    fn of(view: &'a AlertView) -> Own<'a> {
        let alert: &Arc<Alert> = &view.alert;
        Own {
            view,
            silenced_by: view.silenced_by.iter().map(ToString::to_string).collect(),
            ends_at: alert.ends_at.unwrap_or_else(|| alert.updated_at.max(now()) + SAID_FOR),
        }
    }

    fn entry(&self) -> AlertEntry<'_> {
        AlertEntry {
            alert: &self.view.alert,
            ends_at: self.ends_at,
            receivers: &self.view.receivers,
            suppressed: self.view.is_suppressed(),
            silenced_by: &self.silenced_by,
            inhibited_by: &self.view.inhibited_by,
            muted_by: &self.view.muted_by,
        }
    }
}

async fn rendered(alerts: usize, render: impl FnOnce() -> Vec<u8> + Send + 'static) -> Answer {
    let body = if alerts < SMALL_ALERTS {
        render()
    } else {
        spawn_blocking(render).await.map_err(|_| panicked())?
    };
    Ok(reply::json(StatusCode::OK, body))
}

fn panicked() -> Refusal {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal error; see the server's log")
}

fn filter(parameters: &Parameters) -> Result<AlertFilter, Refusal> {
    let receiver = parameters.get("receiver").map(anchored_regex).transpose();
    Ok(AlertFilter {
        matchers: matchers(parameters)?,
        receiver: receiver.map_err(|error| bad(&format!("failed to parse receiver param: {error}")))?,
        active: flag(parameters, "active"),
        silenced: flag(parameters, "silenced"),
        inhibited: flag(parameters, "inhibited"),
        muted: flag(parameters, "muted"),
    })
}

/// `POST /api/v2/alerts`: those that make sense are taken, the others are named.
pub(in crate::api) async fn post(app: &App, call: Call) -> Answer {
    let document = document(app, call).await?;
    let read = if document.bytes.len() < SMALL_BYTES {
        wire::read_alerts(&document.bytes)
    } else {
        spawn_blocking(move || wire::read_alerts(&document.bytes)).await.map_err(|_| panicked())?
    };
    let posted = read.map_err(|error| body_error(&error))?;
    let (now, resolve_timeout) = (now(), app.live().resolve_timeout);
    let (mut alerts, mut wrong) = (Vec::with_capacity(posted.len()), Vec::new());
    let figures = &app.telemetry.alertmanager;
    for one in posted {
        match one.alert(now, resolve_timeout) {
            Ok(alert) => {
                let ended = alert.is_resolved(now);
                if ended { &figures.received_resolved } else { &figures.received_firing }.add(1);
                alerts.push(alert);
            }
            Err(why) => {
                figures.received_invalid.add(1);
                wrong.push(why);
            }
        }
    }
    let refused = app.alerts.post(alerts).await.map_err(not_durable)?;
    let over = |reason: &AlertRefusal| {
        matches!(reason, AlertRefusal::TooManyAlerts(_) | AlertRefusal::TooManyGroups(_))
    };
    let full = refused.iter().any(|one| over(&one.reason));
    wrong.extend(refused.into_iter().map(|one| format!("{}: {}", one.labels, one.reason)));
    match (wrong.is_empty(), full) {
        (true, _) => Ok(json(|_| {})),
        (false, true) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, &wrong.join("; "))),
        (false, false) => Err(bad(&wrong.join("; "))),
    }
}
