//! Whether we live, whether we can work, and reading the config again.

use http::StatusCode;

use crate::app::{App, own_page};
use crate::run;
use crate::server::reply::{self, Reply};

pub(super) fn healthy() -> Reply {
    reply::text(StatusCode::OK, "Lingshao is Healthy.")
}

/// Not ready once the disk has failed: what is sent to us is not kept.
pub(super) fn ready(app: &App) -> Reply {
    if app.telemetry.wal.failed.get() == 1.0 || app.telemetry.log_wal.failed.get() == 1.0 {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, crate::durable::SyncFailed);
    }
    reply::text(StatusCode::OK, "Lingshao is Ready.")
}

pub(super) async fn reload(app: &App) -> Reply {
    match run::request_reload(&app.reloads).await {
        Ok(()) => reply::text(StatusCode::OK, "reloaded"),
        Err(error) => {
            let why = format!("not reloaded, the old config stays\n{error}");
            reply::text(StatusCode::INTERNAL_SERVER_ERROR, why)
        }
    }
}

pub(super) fn own_metrics(app: &App) -> Reply {
    let page = own_page(&app.telemetry, &app.db, &app.logs, Some(&app.scraper));
    reply::body(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page)
}
