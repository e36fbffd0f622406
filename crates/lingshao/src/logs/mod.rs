//! What lies between the ways in, the log storage, and those who ask it.
//!
//! Contract: records are visible when they are appended and acknowledged when they are durable; what the storage cannot
//! take for the moment is refused in a way that makes the sender come again. What is counted of records (levels, rules,
//! requests) is counted once, when they are stored.

pub(crate) mod ask;
pub(crate) mod doors;
mod files;
mod grpc;
mod kibana;
mod lines;
pub(crate) mod otlp;
pub(crate) mod query;
mod requests;
pub(crate) mod rules;
pub(crate) mod settings;
mod syslog;
pub(crate) mod take;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use lingshao_disk::Commit;
use lingshao_logs::{AppendError, Appended, Outcome, SearchLimits, Snapshot, Store};
use lingshao_model::Cancel;
use lingshao_model::log::{LogBatch, LogTime};
use lingshao_model::log::{LogRecord, LogSearch, Missing, SortField, SortKey, SortOrder};
use tokio::sync::watch;

use crate::clock::now;
use crate::durable::{Durable, SyncFailed};
use crate::failure::with_causes;
use crate::outage::{News, Outage};
use crate::run::Waker;
use crate::server::intake::Intake;
use crate::telemetry::logs::LogsTelemetry;

pub(crate) use ask::{AskError, AskGate};
pub(crate) use files::Files;
pub(crate) use requests::Requests;
pub(crate) use settings::Settings;
pub(crate) use take::{Buffers, TakeError, Taken, Work};

/// Appended bytes after which the storage is asked whether something is to be sealed.
const WAKING_BYTES: usize = 8 << 20;
/// How long a sender is kept waiting while rows leave memory, before it is told to come again.
const SEALING_PATIENCE: Duration = Duration::from_secs(5);
const SEALING_PAUSE: Duration = Duration::from_millis(10);
/// Lines that an alert brings along, and how long they are: a message of WeCom holds 4,096 bytes.
const LINES_OF_ALERT: usize = 5;
const LINE_CHARS_MAX: usize = 120;

/// The log storage as the rest of the process sees it. One, shared.
#[derive(Debug)]
pub(crate) struct Logs {
    store: Arc<Store>,
    durable: Durable,
    maintainer: Waker,
    /// Since the maintainer was last woken.
    unsealed_bytes: AtomicUsize,
    gate: AskGate,
    intake: Arc<Intake<Buffers>>,
    settings: RwLock<Arc<Settings>>,
    telemetry: Arc<LogsTelemetry>,
    requests: Arc<Requests>,
    own_outage: Mutex<Outage>,
    /// The newest record's number.
    arrivals: watch::Sender<u64>,
}

impl Logs {
    /// Over a storage that is open, with the one who waits for its disk.
    pub(crate) fn new(
        store: Arc<Store>,
        durable: Durable,
        maintainer: Waker,
        settings: Settings,
        telemetry: Arc<LogsTelemetry>,
    ) -> Logs {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (arrivals, _) = watch::channel(store.snapshot().last_seq());
        Logs {
            store,
            durable,
            maintainer,
            unsealed_bytes: AtomicUsize::new(0),
            gate: AskGate::new(cores),
            intake: Arc::new(Intake::new(cores)),
            settings: RwLock::new(Arc::new(settings)),
            telemetry,
            requests: Arc::default(),
            own_outage: Mutex::default(),
            arrivals,
        }
    }

    /// The storage itself, for those who manage indices.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What is configured.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another configuration in force, for what arrives from now on.
    pub(crate) fn replace(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Our own figures of it.
    pub(crate) fn telemetry(&self) -> &LogsTelemetry {
        &self.telemetry
    }

    /// What request records say, as a page of metrics.
    pub(crate) fn requests(&self) -> Arc<Requests> {
        self.requests.clone()
    }

    /// Stores a batch and counts what was stored. Blocks while memory is being freed by sealing, for some seconds at
    /// most: call it on a thread that may.
    pub(crate) fn append(&self, batch: &LogBatch) -> Result<Appended, AppendError> {
        let arrived = LogTime::from(now());
        let appended = self.append_in_time(batch, arrived)?;
        let settings = self.settings();
        self.telemetry.observe(batch, &appended, &settings.rules, arrived);
        if settings.counts_requests {
            self.requests.observe(batch);
        }
        let newest = appended.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Created { seq } => Some(*seq),
            _ => None,
        });
        if let Some(newest) = newest.max() {
            self.arrivals.send_if_modified(|last| {
                let is_newer = *last < newest;
                *last = newest.max(*last);
                is_newer
            });
        }
        Ok(appended)
    }

    /// Stores records of our own, which nobody waits for; blocks like [`Logs::append`]. That they are not stored is told
    /// once, until one is.
    pub(crate) fn append_own(&self, batch: &LogBatch) {
        let error = self.append(batch).err().map(|error| with_causes(&error));
        match self.own_outage.lock().unwrap_or_else(PoisonError::into_inner).note(error.as_deref()) {
            Some(News::Failed(error)) => {
                tracing::warn!(%error, "facts of the shop's monitors are not among the log records");
            }
            Some(News::Over { failures }) => {
                tracing::info!(failures, "facts of the shop's monitors are among the log records again");
            }
            None => {}
        }
    }

    fn append_in_time(&self, batch: &LogBatch, arrived: LogTime) -> Result<Appended, AppendError> {
        let bytes = batch.bytes();
        if WAKING_BYTES <= self.unsealed_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes {
            self.unsealed_bytes.store(0, Ordering::Relaxed);
            self.maintainer.wake();
        }
        let deadline = Instant::now() + SEALING_PATIENCE;
        loop {
            match self.store.append(batch, arrived) {
                Err(AppendError::Busy { .. }) if Instant::now() < deadline => {
                    self.maintainer.wake();
                    std::thread::sleep(SEALING_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    /// Returns when a commit, and all before it, would survive a power cut.
    pub(crate) async fn durable(&self, commit: Commit) -> Result<(), SyncFailed> {
        self.durable.wait(commit).await
    }

    /// The same for everything that was appended so far.
    pub(crate) async fn all_durable(&self) -> Result<(), SyncFailed> {
        self.durable.wait(self.store.wal().appended()).await
    }

    /// Runs a question over what there is at this moment.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Snapshot, &lingshao_model::Cancel) -> Result<T, lingshao_logs::SearchError>
        + Send
        + 'static,
    ) -> Result<T, AskError> {
        self.gate.ask(self.store.snapshot(), question).await
    }

    /// The same over what there was at another moment.
    pub(crate) async fn ask_at<T: Send + 'static>(
        &self,
        snapshot: Snapshot,
        question: impl FnOnce(&Snapshot, &lingshao_model::Cancel) -> Result<T, lingshao_logs::SearchError>
        + Send
        + 'static,
    ) -> Result<T, AskError> {
        self.gate.ask(snapshot, question).await
    }

    /// The newest records that a log rule found lately, a line each, for messages; `None` without any. May block for a
    /// moment.
    pub(crate) fn newest_of_rule(&self, name: &str) -> Option<String> {
        let settings = self.settings();
        let rule = settings.rules.iter().find(|rule| rule.name == name)?;
        let by_time =
            SortKey { field: SortField::Time, order: SortOrder::Descending, missing: Missing::Last };
        let search = LogSearch {
            sort: vec![by_time],
            ..LogSearch::new(self.store.index_names(), rule.query.clone(), LINES_OF_ALERT)
        };
        let found =
            self.store.snapshot().search(&search, &SearchLimits::default(), &Cancel::default()).ok()?;
        let zone = jiff::tz::TimeZone::get(&settings.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let lines: Vec<String> =
            found.hits.iter().rev().map(|hit| line_of_alert(&hit.record, &zone)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Changes when a record has arrived.
    pub(crate) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }
}

/// `20:30:01 支付失败: …`, cut where a telephone would.
fn line_of_alert(record: &LogRecord, zone: &jiff::tz::TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(record.time.as_millis()).unwrap_or_default();
    let at = at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string();
    let message = record.text("message").or_else(|| record.text("path")).unwrap_or("");
    let plain: String =
        message.chars().map(|one| if one.is_control() { ' ' } else { one }).take(LINE_CHARS_MAX).collect();
    let more = if LINE_CHARS_MAX < message.chars().count() { "…" } else { "" };
    format!("{at} {plain}{more}")
}
