//! The past that the shop and this host would have had: written before anything is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use lingshao_demo::history::{Host, Scope, Series, Target, series, timestamps};
use lingshao_model::{Labels, TimeDelta, Timestamp};
use lingshao_tsdb::Db;
use tokio::task::spawn_blocking;

use crate::clock::now;
use crate::collect::host::Host as Collector;
use crate::config::CollectHost;
use crate::failure::Failure;

/// How far back it goes.
const HISTORY: TimeDelta = TimeDelta::from_secs(14 * 86_400);
/// A gap shorter than this is left: it is what any restart leaves.
const GAP_MIN: TimeDelta = TimeDelta::from_secs(60);
/// Distance of its samples.
const STEP: Duration = Duration::from_secs(30);
/// Between two words about how far it is.
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);

/// What is to be written.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(super) seed: u64,
    pub(super) orders_total: u64,
    pub(super) cancel: Arc<AtomicBool>,
}

impl History {
    /// Writes what is missing: two weeks into an empty storage, or what lies between its newest sample and now.
    pub(crate) async fn fill(self, db: &Arc<Db>, host: Option<CollectHost>) -> Result<(), Failure> {
        let db = db.clone();
        let filling = spawn_blocking(move || self.write(&db, host.as_ref()));
        let filled = filling.await.map_err(|_| anyhow!("writing the history panicked"));
        let filled = filled.and_then(|filled| filled).context("cannot write the demo's history");
        filled.map_err(|error| {
            Failure::environment(error).remedy("is the disk full? --data names another folder")
        })
    }

    fn write(&self, db: &Db, host: Option<&CollectHost>) -> anyhow::Result<()> {
        let end = now();
        let newest = db.snapshot().time_range().map(|(_, newest)| newest);
        let start = newest.map_or(end - HISTORY, |newest| (newest + TimeDelta(1)).max(end - HISTORY));
        if newest.is_some() && end - start < GAP_MIN {
            return Ok(());
        }
        let scope = Scope {
            seed: self.seed,
            start_ms: start.0,
            end_ms: end.0,
            step: STEP,
            shop: Target { job: "shop".to_owned(), instance: "shop".to_owned() },
            host: host.map(measured),
            orders_total: Some(self.orders_total).filter(|orders| *orders > 0),
        };
        let times: Vec<Timestamp> = timestamps(&scope).into_iter().map(Timestamp).collect();
        if times.is_empty() {
            return Ok(());
        }
        self.import(db, &scope, &times, end)
    }

    fn import(&self, db: &Db, scope: &Scope, times: &[Timestamp], now: Timestamp) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut told = begun;
        let span = times[times.len() - 1] - times[0];
        tracing::info!(%span, samples_per_series = times.len(), "writing history 正在写入历史数据");
        let mut import = db.import(times, now)?;
        for (number, Series { labels, values }) in series(scope).enumerate() {
            if self.cancel.load(Ordering::Relaxed) {
                return Ok(()); // Dropped, the import leaves nothing; the next start begins anew.
            }
            let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let labels =
                Labels::from_pairs(pairs).context("the demo's history has a series without proper labels")?;
            import.add(&labels, &values)?;
            if told.elapsed() >= PROGRESS_PAUSE {
                told = Instant::now();
                tracing::info!(series = number + 1, "writing history 正在写入历史数据");
            }
        }
        let done = import.finish()?;
        let took = format!("{:.1}s", begun.elapsed().as_secs_f64());
        tracing::info!(series = done.series, samples = done.samples, took, "history written 历史数据已写入");
        Ok(())
    }
}

/// This host as the collector sees it that goes on measuring, so that the labels are the same and counters go on.
fn measured(config: &CollectHost) -> Host {
    let collector = Collector::new(config);
    let mut page = Vec::new();
    collector.collect(&mut page);
    let target = Target { job: config.job_name.clone(), instance: collector.instance().to_owned() };
    Host { target, page: String::from_utf8_lossy(&page).into_owned() }
}
