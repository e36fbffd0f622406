//! Opening the log storage, and keeping it in order.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use lingshao_disk::Disk;
use lingshao_logs::{OpenReport, Options, Store, StoreError};
use lingshao_model::log::LogTime;
use lingshao_model::{MatchOp, Matcher, TimeDelta};
use lingshao_tsdb::Db;

use super::{memory, start};
use crate::clock::now;
use crate::config::Logs;
use crate::failure::Failure;

/// Between two looks: what was taken in a burst leaves memory soon.
pub(super) const MAINTAIN_PAUSE: Duration = Duration::from_secs(2);

/// Opens the folder `logs`.
pub(super) fn open(
    disk: Arc<dyn Disk>,
    data: &Path,
    config: &Logs,
    memory_bytes: Option<u64>,
) -> Result<Arc<Store>, Failure> {
    let folder = data.join("logs");
    let (store, report) = Store::open(disk, &folder, options(config, memory_bytes), LogTime::from(now()))
        .with_context(|| format!("cannot open the log storage in `{}`", folder.display()))
        .map_err(Failure::environment)?;
    log_report(&report);
    Ok(Arc::new(store))
}

fn options(config: &Logs, memory_bytes: Option<u64>) -> Options {
    let defaults = Options::default();
    Options {
        retention: config.retention,
        size_bytes_max: config.size_bytes_max,
        tail_bytes_max: memory::log_tail_bytes_max(memory_bytes).min(defaults.tail_bytes_max),
        ..defaults
    }
}

fn log_report(report: &OpenReport) {
    tracing::info!(replayed = report.replayed, "log storage opened");
    for damage in &report.quarantined {
        tracing::error!(%damage, "a damaged part was set aside in `quarantine`; its records are lost");
    }
    start::log_recovery(report.wal.as_ref());
    if report.catalog_lost {
        tracing::error!("the list of indices was damaged: mappings and settings are lost, records are not");
    }
    if report.unreadable_records > 0 {
        tracing::error!(batches = report.unreadable_records, "batches of log records are lost");
    }
}

/// Lets the storage seal, merge and forget.
pub(super) fn maintain(store: &Store) -> Result<(), StoreError> {
    let done = store.maintain(LogTime::from(now()))?;
    for damage in &done.damage {
        tracing::error!(%damage, "a part of the log storage is damaged and stays as it is");
    }
    if done.sealed + done.merged + done.deleted > 0 {
        tracing::debug!(
            sealed = done.sealed,
            merged = done.merged,
            deleted = done.deleted,
            "logs maintained"
        );
    }
    Ok(())
}

/// Whether somebody exports `http_requests_total` himself: counting the same requests twice would be worse than not.
pub(super) fn requests_are_exported(db: &Db) -> bool {
    let matcher = |name: &str, op, value: &str| Matcher::new(op, name, value).expect("no regular expression");
    let sets = [vec![
        matcher("__name__", MatchOp::Equal, "http_requests_total"),
        matcher("instance", MatchOp::NotEqual, "logs"),
    ]];
    let at = now();
    let recent = at - TimeDelta::from_secs(300);
    db.snapshot().series(&sets, recent, at, 1).is_ok_and(|found| !found.items.is_empty())
}
