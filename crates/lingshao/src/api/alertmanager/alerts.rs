//! Alerts and their groups, and alerts that clients post.

use std::sync::Arc;

use http::StatusCode;
use lingshao_alerting::router::{AlertFilter, AlertRefusal, AlertView};
use lingshao_model::{Alert, Matcher, TimeDelta, Timestamp, anchored_regex};
use lingshao_wire::alertmanager_api::{self as wire, AlertEntry, GroupEntry};
use tokio::task::spawn_blocking;

use super::{
    Answer, Refusal, bad, body_error, document, flag, json, matchers, not_durable, panicked, refuse, stopped,
};
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
/// Alerts that an answer names when they are refused: an answer should not be larger than what was sent.
const NAMED_MAX: usize = 20;
/// Of the labels of each.
const LABELS_CHARS_MAX: usize = 1000;

/// `GET /api/v2/alerts`
pub(in crate::api) async fn list(app: &App, parameters: &Parameters) -> Answer {
    let (filter, slow) = filter(parameters).await?;
    let views = app.alerts.look(move |router, now| router.alerts(&filter, now)).await.map_err(stopped)?;
    let count = views.len();
    rendered(count, move || {
        let wanted = views.iter().filter(|view| has_all(view, &slow));
        let own = wanted.map(Own::of).collect::<Vec<_>>();
        let entries: Vec<AlertEntry<'_>> = own.iter().map(Own::entry).collect();
        let mut out = Vec::new();
        wire::alerts(&mut out, &entries);
        out
    })
    .await
}

/// `GET /api/v2/alerts/groups`
pub(in crate::api) async fn groups(app: &App, parameters: &Parameters) -> Answer {
    let (filter, slow) = filter(parameters).await?;
    let mut views = app.alerts.look(move |router, now| router.groups(&filter, now)).await.map_err(stopped)?;
    let count = views.iter().map(|group| group.alerts.len()).sum();
    rendered(count, move || {
        views.iter_mut().for_each(|group| group.alerts.retain(|view| has_all(view, &slow)));
        views.retain(|group| !group.alerts.is_empty());
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

/// What the owner of all alerts looks at, and the patterns that are tried elsewhere: some that take long, held against
/// every alert, would keep it from telling anybody anything.
async fn filter(parameters: &Parameters) -> Result<(AlertFilter, Vec<Matcher>), Refusal> {
    let receiver = parameters.get("receiver").map(anchored_regex).transpose();
    let (slow, quick) = matchers(parameters).await?.into_iter().partition(Matcher::is_pattern);
    let filter = AlertFilter {
        matchers: quick,
        receiver: receiver.map_err(|error| bad(&format!("failed to parse receiver param: {error}")))?,
        active: flag(parameters, "active"),
        silenced: flag(parameters, "silenced"),
        inhibited: flag(parameters, "inhibited"),
        muted: flag(parameters, "muted"),
    };
    Ok((filter, slow))
}

/// By the rules of `filter`: a label that is not there counts as empty.
fn has_all(view: &AlertView, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(view.alert.labels.get(matcher.name()).unwrap_or("")))
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
    let (mut alerts, mut said, mut wrong) = (Vec::with_capacity(posted.len()), Vec::new(), 0);
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
                wrong += 1;
                if said.len() < NAMED_MAX {
                    said.push(why);
                }
            }
        }
    }
    let refused = app.alerts.post(alerts).await.map_err(not_durable)?;
    let over = |reason: &AlertRefusal| {
        matches!(
            reason,
            AlertRefusal::TooManyAlerts(_) | AlertRefusal::TooManyBytes(_) | AlertRefusal::TooManyGroups(_)
        )
    };
    let full = refused.iter().any(|one| over(&one.reason));
    let named = refused.iter().take(NAMED_MAX).map(|one| {
        let labels: String = one.labels.to_string().chars().take(LABELS_CHARS_MAX).collect();
        format!("{labels}: {}", one.reason)
    });
    let count = wrong + refused.len();
    said.extend(named);
    match (count, full) {
        (0, _) => Ok(json(|_| {})),
        (_, true) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, &told(said, count))),
        (_, false) => Err(bad(&told(said, count))),
    }
}

/// What is wrong with the first alerts, and how many there are.
fn told(mut said: Vec<String>, count: usize) -> String {
    said.truncate(NAMED_MAX);
    if said.len() < count {
        said.push(format!("and {} more", count - said.len()));
    }
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_the_first_of_many_wrong_alerts() {
        assert_eq!(told(vec!["a".to_owned(), "b".to_owned()], 2), "a; b");
        let many: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        let said = told(many, 90_000);
        assert!(said.starts_with("0; 1; ") && said.ends_with("; 19; and 89980 more"), "{said}");
    }
}
