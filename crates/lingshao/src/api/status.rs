//! What is running, with which settings, and what it keeps.

use lingshao_model::Timestamp;
use lingshao_wire::rfc3339;
use serde_json::{Value, json};

use super::answer::{ApiError, success};
use super::query::limit;
use crate::app::App;
use crate::clock::now;
use crate::server::reply::Reply;
use crate::server::request::Parameters;

type Answer = Result<Reply, ApiError>;

/// Rows of each table of `status/tsdb`, as Prometheus has it.
const ROWS_DEFAULT: usize = 10;
/// More would be a way to list everything.
const ROWS_MAX: usize = 10_000;

/// Those elsewhere that are told of our alerts.
pub(super) fn alertmanagers(app: &App) -> Answer {
    let views = app.external.views();
    let list = |urls: &[String]| urls.iter().map(|url| json!({"url": url})).collect::<Vec<_>>();
    Ok(success(&json!({
        "activeAlertmanagers": list(&views.active),
        "droppedAlertmanagers": list(&views.dropped),
    })))
}

/// Without `features`: with them Grafana takes us for Mimir. The version is the Prometheus whose API this is, for
/// clients that switch on it; ours stands beside it.
pub(super) fn build_info() -> Answer {
    Ok(success(&json!({
        "version": "3.14.0",
        "revision": concat!("lingshao-", env!("CARGO_PKG_VERSION")),
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    })))
}

pub(super) fn config(app: &App) -> Answer {
    Ok(success(&json!({"yaml": app.live().config_yaml})))
}

/// Under Prometheus' names where there is one.
pub(super) fn flags(app: &App) -> Answer {
    let about = &app.about;
    let config = about.config_file.as_ref().map_or(String::new(), |file| file.display().to_string());
    Ok(success(&json!({
        "config.file": config,
        "web.listen-address": about.listen,
        "storage.tsdb.path": about.data.display().to_string(),
        "storage.tsdb.retention.time": about.storage.retention.to_string(),
        "insecure": about.insecure.to_string(),
        "query.lookback-delta": "5m",
        "query.max-concurrency": "20",
        "query.max-samples": "50000000",
        "query.timeout": "2m",
        "web.enable-lifecycle": "true",
        "web.enable-remote-write-receiver": "true",
    })))
}

pub(super) fn runtime_info(app: &App) -> Answer {
    let about = &app.about;
    let reload = &app.telemetry.reload;
    let stats = app.db.stats();
    Ok(success(&json!({
        "startTime": rfc3339::format(about.started_at),
        "serverTime": rfc3339::format(now()),
        "CWD": std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default(),
        "hostname": rustix::system::uname().nodename().to_string_lossy(),
        "reloadConfigSuccess": reload.successful.get() == 1.0,
        "lastConfigTime": rfc3339_of(reload.last_success.get()),
        "timeSeriesCount": stats.head_series,
        "storageRetention": about.storage.retention.to_string(),
        "corruptionCount": app.telemetry.storage.corruptions(),
        "goroutineCount": 0,
        "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
        "GOGC": "",
        "GODEBUG": "",
    })))
}

fn rfc3339_of(seconds: f64) -> String {
    rfc3339::format(Timestamp::from_seconds(seconds).unwrap_or_default())
}

/// The largest names and labels of what is in memory.
pub(super) fn tsdb(app: &App, parameters: &Parameters) -> Answer {
    let rows = limit(parameters)?.unwrap_or(ROWS_DEFAULT).min(ROWS_MAX);
    let stats = app.db.stats();
    let found = app.db.cardinality(rows);
    let table = |rows: &[(String, u64)]| -> Value {
        rows.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    };
    let millis = |t: Option<Timestamp>, none: i64| t.map_or(none, |t| t.0);
    Ok(success(&json!({
        "headStats": {
            "numSeries": stats.head_series,
            "numLabelPairs": found.label_pairs,
            "chunkCount": stats.head_samples,
            "minTime": millis(stats.head_min_time, i64::MAX),
            "maxTime": millis(stats.head_max_time, i64::MIN),
        },
        "seriesCountByMetricName": table(&found.series_by_metric),
        "labelValueCountByLabelName": table(&found.values_by_label),
        "memoryInBytesByLabelName": table(&found.bytes_by_label),
        "seriesCountByLabelValuePair": table(&found.series_by_pair),
    })))
}

pub(super) fn wal_replay() -> Answer {
    Ok(success(&json!({"min": 0, "max": 0, "current": 0, "state": "done"})))
}
