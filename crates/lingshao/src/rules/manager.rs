//! All groups: starts them, replaces them, stops them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lingshao_alerting::rules::{AlertState, OUTAGE_TOLERANCE, SavedAlert};
use lingshao_model::{
    Cancel, Labels, METRIC_NAME, Matcher, Selection, SeriesSource, TimeDelta, Timestamp, is_stale,
};
use lingshao_tsdb::Db;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::timeout;

use super::cell::GroupCell;
use super::group::{Group, end_series, lock, orphans};
use super::settings::Settings;
use super::store::Metrics;
use super::view::GroupView;
use crate::alertmanager::RuleReport;
use crate::clock::now;
use crate::telemetry::rules::RulesTelemetry;

/// Groups evaluated at once: each takes a thread, and more of them than cores would only share these.
pub(crate) const EVALUATIONS_MAX: usize = 8;
/// What a round under way has to notice that it is cancelled.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Hands on what a round brought; its future ends when that is committed.
pub(crate) type Tell = Arc<dyn Fn(RuleReport) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The running groups.
#[derive(Debug)]
pub(crate) struct RuleManager {
    shared: Arc<Shared>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What every group's task needs.
pub(super) struct Shared {
    pub(super) db: Arc<Db>,
    pub(super) tell: Tell,
    pub(super) telemetry: Arc<RulesTelemetry>,
    pub(super) turns: Semaphore,
    groups: Mutex<BTreeMap<GroupId, Arc<GroupCell>>>,
}

/// File and name.
pub(super) type GroupId = (String, String);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("groups", &self.groups).finish_non_exhaustive()
    }
}

impl Shared {
    fn groups(&self) -> MutexGuard<'_, BTreeMap<GroupId, Arc<GroupCell>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the series of a group that is gone, except for those that another group writes by now.
    pub(super) fn end_abandoned(&self, series: &[Labels], at: Timestamp) {
        let cells: Vec<Arc<GroupCell>> = self.groups().values().cloned().collect();
        let wanted: HashSet<&Labels> = series.iter().collect();
        let written: HashSet<Labels> =
            cells.iter().flat_map(|cell| lock(&cell.group).writes(&wanted)).collect();
        let ended = series.iter().filter(|labels| !written.contains(*labels)).cloned();
        end_series(ended, at, &mut Metrics::new(&self.db));
    }
}

impl RuleManager {
    /// Starts all groups; needs a runtime. `saved` are the rows of the table of alerts.
    pub(crate) fn start(
        settings: Settings,
        db: Arc<Db>,
        tell: Tell,
        saved: Vec<SavedAlert>,
        telemetry: Arc<RulesTelemetry>,
    ) -> RuleManager {
        let turns = Semaphore::new(EVALUATIONS_MAX);
        let shared = Shared { db, tell, telemetry, turns, groups: Mutex::default() };
        let manager = RuleManager { shared: Arc::new(shared), tasks: Mutex::default() };
        manager.begin(settings, saved);
        manager
    }

    fn begin(&self, settings: Settings, saved: Vec<SavedAlert>) {
        let at = now();
        let pauses = last_seen(&self.shared.db, &saved, at);
        let mut by_rule: HashMap<_, Vec<SavedAlert>> = HashMap::new();
        for row in saved {
            by_rule.entry(Arc::clone(&row.rule)).or_default().push(row);
        }
        for mut group in settings.groups {
            group.restore(&mut by_rule, at, |series| pauses.get(series).copied());
            self.add(group);
        }
        let report = orphans(by_rule.into_values().flatten(), &settings.outlet, at);
        if !report.changes.is_empty() {
            let tell = Arc::clone(&self.shared.tell);
            self.keep(tokio::spawn(async move { tell(report).await }));
        }
    }

    /// Puts other groups in force. Those that stay go on with their alerts, at their own slots.
    pub(crate) fn replace(&self, settings: Settings) {
        // A template that asks questions holds its group meanwhile: other tasks must not wait with us.
        block_in_place(|| self.exchange(settings));
    }

    fn exchange(&self, settings: Settings) {
        let at = now();
        let mut gone: HashSet<GroupId> = self.shared.groups().keys().cloned().collect();
        for group in settings.groups {
            let id = id(&group);
            let existing = self.shared.groups().get(&id).cloned();
            match existing {
                Some(cell) => {
                    gone.remove(&id);
                    let (interval, rules) = (group.interval(), group.rule_count());
                    self.shared.telemetry.declare(&id.0, &id.1, interval, rules);
                    lock(&cell.group).replace(group, at);
                    cell.wake();
                }
                None => self.add(group),
            }
        }
        for id in gone {
            if let Some(cell) = self.shared.groups().remove(&id) {
                self.shared.telemetry.forget(&id.0, &id.1);
                lock(&cell.group).retire_all(at);
                cell.retire();
            }
        }
    }

    fn add(&self, group: Group) {
        let id = id(&group);
        self.shared.telemetry.declare(&id.0, &id.1, group.interval(), group.rule_count());
        let cell = Arc::new(GroupCell::new(id.clone(), group));
        self.shared.groups().insert(id, Arc::clone(&cell));
        self.keep(tokio::spawn(cell.run(Arc::clone(&self.shared))));
    }

    fn keep(&self, task: JoinHandle<()>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Ends all rounds; what was told stays told.
    pub(crate) async fn stop(&self) {
        self.shared.groups().values().for_each(|cell| cell.stop());
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async {
            for mut task in tasks {
                if timeout(STOP_TIMEOUT, &mut task).await.is_err() {
                    task.abort();
                }
            }
        };
        if timeout(STOP_TIMEOUT, all).await.is_err() {
            tracing::warn!("some rule groups did not end in time and are abandoned");
        }
    }

    /// All groups, by file and name.
    pub(crate) fn groups(&self, with_alerts: bool) -> Vec<GroupView> {
        let cells: Vec<Arc<GroupCell>> = self.shared.groups().values().cloned().collect();
        // As in `replace`.
        block_in_place(|| cells.iter().map(|cell| lock(&cell.group).view(with_alerts)).collect())
    }
}

fn id(group: &Group) -> GroupId {
    (group.spec.file.clone(), group.spec.name.clone())
}

/// When each pending alert was last evaluated: its series `ALERTS_FOR_STATE` has a sample of every round.
fn last_seen(db: &Db, saved: &[SavedAlert], at: Timestamp) -> HashMap<Labels, Timestamp> {
    let mut found = HashMap::new();
    if !saved.iter().any(|row| row.state == AlertState::Pending) {
        return found;
    }
    let matchers = [Matcher::equal(METRIC_NAME, "ALERTS_FOR_STATE")];
    let start = at - TimeDelta(OUTAGE_TOLERANCE.0 * 2);
    let selection = Selection { matchers: &matchers, start, end: at };
    let read = db.snapshot().select(&selection, &Cancel::default(), &mut |series| {
        let mut samples = series.times.iter().zip(series.values).rev();
        if let Some((t, _)) = samples.find(|(_, value)| !is_stale(**value)) {
            found.insert(series.labels.clone(), Timestamp(*t));
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = read {
        tracing::warn!(%error, "cannot read how long pending alerts were not evaluated; they begin anew");
    }
    found
}
