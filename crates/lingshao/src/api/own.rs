//! Facts that the page needs and no other product's API has.

use http::StatusCode;
use lingshao_wire::alertmanager_api;
use serde_json::json;

use crate::app::App;
use crate::demo::DemoHandle;
use crate::server::reply::{self, Reply};

/// `about`: what never or seldom changes.
pub(super) fn about(app: &App) -> Reply {
    let live = app.live();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": alertmanager_api::time(app.about.started_at),
        "scrape_interval_seconds": live.scrape_interval.as_seconds(),
        "evaluation_interval_seconds": live.evaluation_interval.as_seconds(),
        "time_zone": live.time_zone,
        "language": live.language,
        "external_url": live.web.external_url_at(app.about.listen),
        "logs": true,
        "demo": app.demo.as_ref().map(DemoHandle::about),
    });
    reply::value(StatusCode::OK, &body)
}

/// `troubles`: what of us does not work at the moment, and the folder that it is about.
pub(super) fn troubles(app: &App) -> Reply {
    let troubles = app.telemetry.health.troubles();
    let list: Vec<_> = troubles
        .iter()
        .map(|trouble| {
            json!({
                "part": trouble.part.name(),
                "kind": trouble.kind.name(),
                "since": alertmanager_api::time(trouble.since),
                "error": &*trouble.error,
            })
        })
        .collect();
    reply::value(StatusCode::OK, &json!({ "data": app.about.data.display().to_string(), "troubles": list }))
}

/// `receivers`: who can be told, by which channels; without any address or secret.
pub(super) fn receivers(app: &App) -> Reply {
    let live = app.live();
    let receivers = live.receivers.iter().map(|receiver| {
        let integrations = receiver.integrations.iter().map(|integration| {
            json!({ "kind": integration.kind.name(), "send_resolved": integration.send_resolved })
        });
        json!({ "name": receiver.name, "integrations": integrations.collect::<Vec<_>>() })
    });
    reply::value(StatusCode::OK, &receivers.collect())
}
