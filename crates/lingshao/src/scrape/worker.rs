//! One target's loop: wait for the slot, fetch, store, say how it went.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lingshao_model::{TimeDelta, Timestamp};
use lingshao_tsdb::Db;
use lingshao_wire::exposition::Format;
use lingshao_wire::prometheus_config::ScrapeConfig;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::append::{Appender, Body, Counts, Rules, Times};
use super::client::Job;
use super::fetch::{self, Budget, Fetched};
use super::slots::Slots;
use super::target::Target;
use super::{Health, LastScrape, OwnPage, ScrapeTelemetry, TargetView, add};
use crate::clock::now;
use crate::collect::database::{Collected, Database};

/// What all loops share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) db: Arc<Db>,
    pub(super) telemetry: Arc<ScrapeTelemetry>,
    pub(super) budget: Budget,
    /// Parsing and storing, as many at a time as there are cores.
    pub(super) cores: Arc<Semaphore>,
}

/// What a loop is to do; replaced by reloads.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) source: Source,
    pub(super) target: Target,
    /// The job is over a limit: every scrape fails for this reason.
    pub(super) forbidden: Option<String>,
}

/// Where a page comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A target on the network.
    Http(Arc<Job>),
    /// This process.
    Own(OwnPage, Arc<ScrapeConfig>),
    /// A database, whose collector keeps to the timeout itself, as it has something to say when it is over.
    Database(Arc<Database>, Arc<ScrapeConfig>),
}

impl Plan {
    pub(super) fn config(&self) -> &ScrapeConfig {
        match &self.source {
            Source::Http(job) => &job.config,
            Source::Own(_, config) | Source::Database(_, config) => config,
        }
    }

    fn rules(&self) -> Rules<'_> {
        Rules { job: self.config(), labels: &self.target.labels }
    }
}

/// The manager's end of a loop. Dropping its plan ends the loop and its series.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) plan: watch::Receiver<Arc<Plan>>,
    last: watch::Receiver<LastScrape>,
}

impl Handle {
    /// As the targets API shows it.
    pub(super) fn view(&self, pool: &str) -> TargetView {
        let plan = self.plan.borrow().clone();
        TargetView {
            pool: pool.to_owned(),
            discovered: plan.target.discovered.clone(),
            labels: plan.target.labels.clone(),
            url: plan.target.url.clone(),
            interval: plan.target.interval,
            timeout: plan.target.timeout,
            last: self.last.borrow().clone(),
        }
    }
}

/// A loop, not yet running.
#[derive(Debug)]
pub(super) struct Worker {
    context: Arc<Context>,
    plan: watch::Receiver<Arc<Plan>>,
    last: watch::Sender<LastScrape>,
    appender: Appender,
    slots: Slots,
    hash: u64,
}

impl Worker {
    /// Makes a loop and the manager's end of it.
    pub(super) fn new(
        context: Arc<Context>,
        plan: watch::Receiver<Arc<Plan>>,
        hash: u64,
    ) -> (Worker, Arc<Handle>) {
        let (last, last_receiver) = watch::channel(LastScrape::default());
        let handle = Arc::new(Handle { plan: plan.clone(), last: last_receiver });
        let slots = Slots::new(plan.borrow().target.interval, hash);
        (Worker { context, plan, last, appender: Appender::default(), slots, hash }, handle)
    }

    /// Scrapes until the manager drops the plan, then ends the target's series.
    pub(super) async fn run(mut self) {
        let mut plan = self.plan.borrow_and_update().clone();
        if !matches!(plan.source, Source::Http(_)) {
            // Out of turn, so that who has just started us sees something; it costs nobody else a request.
            self = self.scrape(plan.clone(), now()).await;
        }
        let mut slot = self.slots.after(now());
        loop {
            tokio::select! {
                changed = self.plan.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let new = self.plan.borrow_and_update().clone();
                    slot = self.adopt(&plan, &new, slot);
                    plan = new;
                }
                () = sleep(until(slot)) => {
                    self = self.scrape(plan.clone(), slot).await;
                    let next = self.slots.following(slot, now());
                    let passed = (next - slot).0 / plan.target.interval.0.max(1);
                    add(&self.context.telemetry.slots_missed, u64::try_from(passed - 1).unwrap_or(0));
                    slot = next;
                }
            }
        }
        self.end(plan).await;
    }

    /// A reload: goes on in the same slots if it can, and forgets labels that would be made otherwise now.
    fn adopt(&mut self, old: &Plan, new: &Plan, slot: Timestamp) -> Timestamp {
        let (before, after) = (old.config(), new.config());
        let same_labels = before.honor_labels == after.honor_labels
            && before.metric_relabel_configs == after.metric_relabel_configs
            && before.limits == after.limits
            && before.extra_scrape_metrics == after.extra_scrape_metrics;
        if !same_labels {
            self.appender.rules_changed();
        }
        if old.target.interval == new.target.interval {
            return slot;
        }
        self.slots = Slots::new(new.target.interval, self.hash);
        self.slots.after(now())
    }

    async fn scrape(mut self, plan: Arc<Plan>, slot: Timestamp) -> Worker {
        let started = now();
        let sample = self.slots.sample_time(slot, started);
        add(&self.context.telemetry.scrapes, 1);
        add(&self.context.telemetry.late, u64::from(sample != slot));
        let begun = Instant::now();
        let page = self.fetch(&plan).await;
        let Ok(core) = self.context.cores.clone().acquire_owned().await else { return self };
        let mut appender = std::mem::take(&mut self.appender);
        let context = self.context.clone();
        let before = self.last.borrow().health;
        let stored = spawn_blocking(move || {
            let outcome = if matches!(&page, Ok(page) if page.is_nothing()) {
                idle(&mut appender, &context, &plan, before, sample, begun)
            } else {
                store(&mut appender, &context, &plan, page, sample, begun)
            };
            drop(core);
            (appender, outcome)
        });
        match stored.await {
            Ok((appender, outcome)) => {
                self.appender = appender;
                self.publish(outcome, started);
            }
            Err(error) => tracing::error!(%error, "a scrape could not be stored"),
        }
        self
    }

    async fn fetch(&self, plan: &Plan) -> Result<Page, String> {
        if let Some(reason) = &plan.forbidden {
            return Err(reason.clone());
        }
        let limit = Duration::from_millis(plan.target.timeout.0.unsigned_abs());
        let page = match &plan.source {
            Source::Http(job) => {
                let page = fetch::fetch(job, &plan.target, &self.context.budget);
                timeout(limit, page)
                    .await
                    .map(|page| page.map(Page::Fetched).map_err(|error| error.to_string()))
            }
            Source::Own(page, _) => {
                let render = page.render.clone();
                let made = spawn_blocking(move || {
                    let mut bytes = Vec::new();
                    render(&mut bytes);
                    bytes
                });
                let made = timeout(limit, made).await;
                made.map(|page| page.map(Page::own).map_err(|error| error.to_string()))
            }
            Source::Database(database, _) => {
                let Collected { page, failure } = database.collect(limit).await;
                Ok(Ok(Page::Own { page, failure }))
            }
        };
        page.unwrap_or_else(|_| {
            Err(format!("no complete answer within {} (scrape_timeout)", plan.target.timeout))
        })
    }

    fn publish(&self, outcome: Outcome, at: Timestamp) {
        let telemetry = &self.context.telemetry;
        let counts = &outcome.counts;
        add(&telemetry.failures, u64::from(outcome.error.is_some()));
        add(&telemetry.samples, counts.scraped);
        add(&telemetry.body_bytes, counts.body_bytes);
        add(&telemetry.series_added, counts.added);
        add(&telemetry.duplicates, counts.duplicates);
        add(&telemetry.refused, counts.refusals.total());
        let plan = self.plan.borrow().clone();
        let (job, url) = (&plan.config().job_name, &plan.target.url);
        if !counts.refusals.is_empty() {
            tracing::debug!(%job, target = %url, refusals = %counts.refusals, "samples refused");
        }
        let before = self.last.borrow().health;
        match &outcome.error {
            Some(error) if before != Health::Down => {
                tracing::warn!(%job, target = %url, %error, "scrape failed");
            }
            None if before == Health::Down => tracing::info!(%job, target = %url, "scrape succeeds again"),
            _ => {}
        }
        let changed = counts.added > 0 || self.last.borrow().at.is_none();
        self.last.send_modify(|last| {
            last.health = match &outcome.error {
                Some(_) => Health::Down,
                None if outcome.is_idle => Health::Idle,
                None => Health::Up,
            };
            last.error = outcome.error.unwrap_or_default();
            last.at = Some(at);
            last.took = outcome.took;
            if changed && last.health == Health::Up {
                last.metadata = Arc::new(self.appender.metadata().clone());
            }
        });
    }

    /// The target is gone: so are its series.
    async fn end(mut self, plan: Arc<Plan>) {
        let Ok(core) = self.context.cores.clone().acquire_owned().await else { return };
        let ended = spawn_blocking(move || {
            let at = now();
            let times = Times { sample: at, now: at, took: Duration::ZERO, timeout: plan.target.timeout };
            let ended = self.appender.gone(&self.context.db, plan.rules(), times);
            drop(core);
            ended
        });
        match ended.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "series of a removed target are not marked as ended"),
            Err(error) => tracing::error!(%error, "series of a removed target are not marked as ended"),
        }
    }
}

/// A page before it is read.
enum Page {
    Fetched(Fetched),
    /// Made in this process, with the reason if its target is down all the same.
    Own {
        page: Vec<u8>,
        failure: Option<String>,
    },
}

impl Page {
    fn own(page: Vec<u8>) -> Page {
        Page::Own { page, failure: None }
    }

    /// Whether this process has nothing to say under this name.
    fn is_nothing(&self) -> bool {
        matches!(self, Page::Own { page, failure: None } if page.is_empty())
    }
}

/// How a scrape went.
struct Outcome {
    counts: Counts,
    error: Option<String>,
    took: TimeDelta,
    is_idle: bool,
}

/// Ends the series of a target that is none for the moment, `up` among them: an `up` without a sample beside it would say
/// that something is watched.
fn idle(
    appender: &mut Appender,
    context: &Context,
    plan: &Plan,
    before: Health,
    sample: Timestamp,
    begun: Instant,
) -> Outcome {
    let took = begun.elapsed();
    let times = Times { sample, now: now().max(sample), took, timeout: plan.target.timeout };
    let had_series = matches!(before, Health::Up | Health::Down);
    let ended = had_series.then(|| appender.gone(&context.db, plan.rules(), times)).transpose();
    let error = ended.err().map(|error| error.to_string());
    Outcome { counts: Counts::default(), error, took: TimeDelta::from(took), is_idle: true }
}

/// Reads and stores a page, or ends the target's series if there is none.
fn store(
    appender: &mut Appender,
    context: &Context,
    plan: &Plan,
    page: Result<Page, String>,
    sample: Timestamp,
    begun: Instant,
) -> Outcome {
    let times = |took| Times { sample, now: now().max(sample), took, timeout: plan.target.timeout };
    let mut counts = Counts::default();
    let mut down = None;
    let read = page.and_then(|mut page| {
        let (bytes, format) = match &mut page {
            Page::Own { page, failure } => {
                down = failure.take();
                (page.as_slice(), Format::Text)
            }
            Page::Fetched(fetched) => {
                let format = fetched.format;
                (fetched.unpack().map_err(|error| error.to_string())?, format)
            }
        };
        let times = times(begun.elapsed());
        let page = Body { bytes, format, is_down: down.is_some() };
        let stored = appender.page(&context.db, page, plan.rules(), times, &mut counts);
        stored.map_err(|error| error.to_string())
    });
    let took = begun.elapsed();
    let mut error = read.err();
    if let Some(reason) = &mut error {
        let failed = appender.failed(&context.db, plan.rules(), times(took), &mut counts, 0.0);
        if let Err(failure) = failed {
            reason.push_str(&format!("; and `up` is not stored: {failure}"));
        }
    }
    Outcome { counts, error: error.or(down), took: TimeDelta::from(took), is_idle: false }
}

/// The wall clock may be set while we sleep; the loop looks again when it wakes.
fn until(slot: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from((slot - now()).0).unwrap_or(0))
}

/// Counts targets.
pub(super) fn set_targets(telemetry: &ScrapeTelemetry, count: usize) {
    telemetry.targets.store(count as u64, Ordering::Relaxed);
}
