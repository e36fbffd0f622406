//! A group's state, and one round of it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lingshao_alerting::rules::{
    ActiveAlert, AlertState, AlertingRule, Observed, RecordingRule, Round, RuleKey, Sample, SavedAlert,
    SavedChange, value_for_people,
};
use lingshao_alerting::template::{Context, TemplateError};
use lingshao_model::{
    Alert, Cancel, Labels, Refusals, RuleKind, SeriesSource, TimeDelta, Timestamp, is_stale, stale_nan,
};
use lingshao_promql::{Expr, Limits, QueryValue, VectorSample, eval_instant};

use super::outlet::Outlet;
use super::settings::{GroupSpec, RuleSpec};
use super::store::Store;
use super::view::{GroupView, Health, RuleView};
use crate::alertmanager::RuleReport;
use crate::clock::now;
use crate::outage::{News, Outage};

/// A group with what its rules remember.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) spec: Arc<GroupSpec>,
    rules: Vec<RuleState>,
    /// Grows when a reload replaces the rules: a round of the old ones ends then.
    generation: u64,
    /// Series of rules that are gone, to be ended after the next round.
    abandoned: Vec<Labels>,
    /// The instant of the last round.
    last_at: Option<Timestamp>,
    evaluated_at: Option<Timestamp>,
    took: Duration,
    /// What is to be told.
    outbox: RuleReport,
}

#[derive(Debug)]
struct RuleState {
    spec: Arc<RuleSpec>,
    work: Work,
    health: Health,
    last_error: Option<String>,
    outage: Outage,
    evaluated_at: Option<Timestamp>,
    took: Duration,
}

#[derive(Debug)]
enum Work {
    Alerting(AlertingRule),
    Recording(RecordingRule),
}

impl Work {
    fn is_alerting(&self) -> bool {
        matches!(self, Work::Alerting(_))
    }

    fn series(&self) -> Vec<Labels> {
        match self {
            Work::Alerting(rule) => rule.series().cloned().collect(),
            Work::Recording(rule) => rule.series().cloned().collect(),
        }
    }
}

/// Figures of one round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RoundFigures {
    /// Rules evaluated.
    pub(crate) evaluations: u64,
    /// Rules that failed, or whose samples were not taken.
    pub(crate) failures: u64,
    /// Samples that they gave.
    pub(crate) samples: u64,
    /// Time of all rules together.
    pub(crate) rules_took: Duration,
    /// Time of the round.
    pub(crate) took: Duration,
}

impl Group {
    pub(super) fn new(spec: Arc<GroupSpec>) -> Group {
        Group {
            spec,
            rules: Vec::new(),
            generation: 0,
            abandoned: Vec::new(),
            last_at: None,
            evaluated_at: None,
            took: Duration::ZERO,
            outbox: RuleReport::default(),
        }
    }

    /// Adds a rule behind the others.
    pub(super) fn add(&mut self, spec: RuleSpec, generator_url: String) -> Result<(), TemplateError> {
        let work = match AlertingRule::new(&spec.rule, Arc::clone(&spec.key), generator_url) {
            Some(rule) => Work::Alerting(rule?),
            None => Work::Recording(RecordingRule::new(&spec.rule)),
        };
        self.rules.push(RuleState {
            spec: Arc::new(spec),
            work,
            health: Health::Unknown,
            last_error: None,
            outage: Outage::default(),
            evaluated_at: None,
            took: Duration::ZERO,
        });
        Ok(())
    }

    pub(super) fn interval(&self) -> TimeDelta {
        self.spec.interval
    }

    pub(super) fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// Takes what is to be told.
    pub(super) fn take_outbox(&mut self) -> RuleReport {
        std::mem::take(&mut self.outbox)
    }

    /// Drops what is to be told: for those who tell nobody.
    pub(crate) fn forget_outbox(&mut self) {
        self.outbox = RuleReport::default();
    }

    /// Names of the rules that failed last, and why.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().filter_map(|rule| Some((rule.spec.rule.name.as_str(), rule.last_error.as_deref()?)))
    }

    /// The alerts of all rules of this name that are pending or fire.
    pub(crate) fn alerts(&self, name: &str) -> impl Iterator<Item = ActiveAlert> {
        let named = self.rules.iter().filter(move |rule| rule.spec.rule.name == name);
        let alerting = named.filter_map(|rule| match &rule.work {
            Work::Alerting(work) => Some(work),
            Work::Recording(_) => None,
        });
        alerting.flat_map(AlertingRule::active)
    }

    /// Puts another declaration in force. Rules with the same name and labels go on; what others fired has ended.
    pub(super) fn replace(&mut self, next: Group, at: Timestamp) {
        let mut old = std::mem::replace(self, next);
        self.generation = old.generation + 1;
        (self.last_at, self.evaluated_at, self.took) = (old.last_at, old.evaluated_at, old.took);
        self.outbox = std::mem::take(&mut old.outbox);
        self.abandoned = std::mem::take(&mut old.abandoned);
        let identity = |rule: &RuleState| (Arc::clone(&rule.spec.key), rule.work.is_alerting());
        let mut by_identity: HashMap<_, _> =
            old.rules.into_iter().map(|rule| (identity(&rule), rule)).collect();
        for rule in &mut self.rules {
            if let Some(old_rule) = by_identity.remove(&identity(rule)) {
                let superseded = rule.take_over(old_rule, &old.spec.outlet, &self.spec.outlet, at);
                self.outbox.alerts.extend(superseded);
            }
        }
        for rule in by_identity.into_values() {
            self.retire(rule.work, &old.spec, at);
        }
    }

    /// The group is no longer there.
    pub(super) fn retire_all(&mut self, at: Timestamp) {
        self.generation += 1;
        let spec = Arc::clone(&self.spec);
        for rule in std::mem::take(&mut self.rules) {
            self.retire(rule.work, &spec, at);
        }
    }

    fn retire(&mut self, work: Work, spec: &GroupSpec, at: Timestamp) {
        self.abandoned.extend(work.series());
        if let Work::Alerting(rule) = work {
            let mut observed = Observed::default();
            rule.retire(at, &mut observed);
            self.push(observed, spec);
        }
    }

    fn push(&mut self, observed: Observed, spec: &GroupSpec) {
        self.outbox.alerts.extend(spec.outlet.dress(observed.alerts));
        self.outbox.changes.extend(observed.changes);
    }

    /// Takes back what fired or was pending before a restart; `saved` loses the rows that belong to its rules.
    pub(super) fn restore(
        &mut self,
        saved: &mut HashMap<Arc<RuleKey>, Vec<SavedAlert>>,
        at: Timestamp,
        last_seen: impl Fn(&Labels) -> Option<Timestamp>,
    ) {
        let interval = self.spec.interval;
        for rule in &mut self.rules {
            if let Work::Alerting(work) = &mut rule.work
                && let Some(rows) = saved.remove(&rule.spec.key)
            {
                work.restore(rows, at, interval, &last_seen);
            }
        }
    }

    /// Whether one of its rules writes this series.
    pub(super) fn writes(&self, series: &HashSet<&Labels>) -> HashSet<Labels> {
        let all = self.rules.iter().flat_map(|rule| rule.work.series());
        all.filter(|labels| series.contains(labels)).collect()
    }

    /// Series that its rules no longer write.
    pub(super) fn take_abandoned(&mut self) -> Vec<Labels> {
        std::mem::take(&mut self.abandoned)
    }

    /// What the API shows; alerts only when they are wanted.
    pub(crate) fn view(&self, with_alerts: bool) -> GroupView {
        GroupView {
            name: self.spec.name.clone(),
            file: self.spec.file.clone(),
            interval: self.spec.interval,
            limit: self.spec.limit,
            took: self.took,
            evaluated_at: self.evaluated_at,
            rules: self.rules.iter().map(|rule| rule.view(with_alerts)).collect(),
        }
    }

    /// A round begins; when the clock was set back since the last one, all that was measured by it moves along.
    fn begin(&mut self, at: Timestamp, began_at: Timestamp) -> u64 {
        if let Some(last_at) = self.last_at
            && at <= last_at
        {
            let by = at - (last_at + self.spec.interval);
            for rule in &mut self.rules {
                if let Work::Alerting(work) = &mut rule.work {
                    work.clock_moved(by);
                }
            }
        }
        self.last_at = Some(at);
        self.evaluated_at = Some(began_at);
        self.generation
    }
}

impl RuleState {
    /// Goes on where the rule of the same key stood; answers what has to end because it is told under other labels now.
    fn take_over(&mut self, old: RuleState, outlet: &Outlet, next: &Outlet, at: Timestamp) -> Vec<Alert> {
        if self.spec.rule == old.spec.rule {
            (self.health, self.last_error, self.outage) = (old.health, old.last_error, old.outage);
            (self.evaluated_at, self.took) = (old.evaluated_at, old.took);
        }
        match (&mut self.work, old.work) {
            (Work::Alerting(new), Work::Alerting(old)) => {
                let superseded = outlet.superseded(next, old.told(), at);
                new.copy_state(old);
                if !superseded.is_empty() {
                    new.say_again();
                }
                superseded
            }
            (Work::Recording(new), Work::Recording(old)) => {
                new.copy_state(old);
                Vec::new()
            }
            _ => unreachable!("the kind is part of what they were matched by"),
        }
    }

    fn view(&self, with_alerts: bool) -> RuleView {
        let alerts = match &self.work {
            Work::Alerting(rule) => Some((rule.state(), rule.active().filter(|_| with_alerts).collect())),
            Work::Recording(_) => None,
        };
        RuleView {
            spec: Arc::clone(&self.spec),
            alerts,
            health: self.health,
            last_error: self.last_error.clone(),
            took: self.took,
            evaluated_at: self.evaluated_at,
        }
    }
}

/// Samples that wait to be appended, by rule.
#[derive(Default)]
struct Batch {
    samples: Vec<Sample>,
    of_rules: Vec<(usize, Range<usize>)>,
    /// Names of the series among them.
    names: Vec<String>,
    /// What became of the rules that were evaluated: of some, only appending tells.
    outcomes: Vec<(usize, Option<String>)>,
}

impl Batch {
    fn push(&mut self, rule: usize, spec: &RuleSpec, samples: Vec<Sample>) {
        if samples.is_empty() {
            return;
        }
        let begin = self.samples.len();
        self.samples.extend(samples);
        self.of_rules.push((rule, begin..self.samples.len()));
        match &spec.rule.kind {
            RuleKind::Recording => self.names.push(spec.rule.name.clone()),
            RuleKind::Alerting { .. } => self.names.extend(["ALERTS", "ALERTS_FOR_STATE"].map(str::to_owned)),
        }
    }
}

/// One round: every rule in order, each seeing what those before it gave. Ends early when a reload replaces the rules.
pub(crate) fn run_round(
    group: &Mutex<Group>,
    at: Timestamp,
    store: &mut dyn Store,
    cancel: &Cancel,
) -> RoundFigures {
    let began = Instant::now();
    let (spec, generation) = {
        let mut group = lock(group);
        (Arc::clone(&group.spec), group.begin(at, now()))
    };
    let mut turn =
        Turn { group, spec, generation, at, figures: RoundFigures::default(), batch: Batch::default() };
    for index in 0.. {
        let Some(rule) = turn.rule(index) else { break };
        if rule.reads.touch(&turn.batch.names) {
            turn.flush(store);
        }
        turn.evaluate(index, &rule, store, cancel);
    }
    turn.flush(store);
    turn.end_abandoned(store);
    let mut figures = turn.figures;
    figures.took = began.elapsed();
    let mut group = lock(group);
    if group.generation == generation {
        group.took = figures.took;
    }
    figures
}

/// The rules are whole between any two statements that could panic.
pub(super) fn lock(group: &Mutex<Group>) -> MutexGuard<'_, Group> {
    group.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Computes an expression over what the round sees.
type Ask<'a> = dyn Fn(&Expr, Timestamp) -> Result<Vec<VectorSample>, String> + 'a;

/// A round under way.
struct Turn<'g> {
    group: &'g Mutex<Group>,
    spec: Arc<GroupSpec>,
    generation: u64,
    at: Timestamp,
    figures: RoundFigures,
    batch: Batch,
}

impl Turn<'_> {
    /// The group, unless a reload has replaced its rules.
    fn group(&self) -> Option<MutexGuard<'_, Group>> {
        Some(lock(self.group)).filter(|group| group.generation == self.generation)
    }

    fn rule(&self, index: usize) -> Option<Arc<RuleSpec>> {
        Some(Arc::clone(&self.group()?.rules.get(index)?.spec))
    }

    /// The instant of queries and samples.
    fn sample_time(&self) -> Timestamp {
        self.at - self.spec.query_offset
    }

    fn evaluate(&mut self, index: usize, rule: &RuleSpec, store: &dyn Store, cancel: &Cancel) {
        let (began, began_at) = (Instant::now(), now());
        let snapshot = store.snapshot();
        let limits = &self.spec.options.limits;
        let ask = |expr: &Expr, at| ask(expr, &*snapshot, at, limits, cancel);
        let outcome = ask(&rule.expr, self.sample_time());
        let outcome = outcome.and_then(|result| self.judge(index, &result, &ask));
        drop(snapshot);
        self.figures.evaluations += 1;
        self.figures.rules_took += began.elapsed();
        if let Ok(samples) = &outcome {
            self.figures.samples += samples.len() as u64;
        }
        let error = outcome.map(|samples| self.batch.push(index, rule, samples)).err();
        self.batch.outcomes.push((index, error));
        let Some(mut group) = self.group() else { return };
        let state = &mut group.rules[index];
        (state.took, state.evaluated_at) = (began.elapsed(), Some(began_at));
    }

    /// Lets a rule see its result; answers the samples.
    fn judge(&self, index: usize, result: &[VectorSample], ask: &Ask<'_>) -> Result<Vec<Sample>, String> {
        let options = &self.spec.options;
        let round = Round {
            at: self.at,
            interval: self.spec.interval,
            limit: self.spec.limit,
            external_labels: &options.external_labels,
            external_url: &options.external_url,
        };
        let mut query = |text: &str, at: Timestamp| {
            let expr = lingshao_promql::parse(text).map_err(|error| error.to_string())?;
            Ok(ask(&expr, at)?.into_iter().map(|sample| (sample.labels, sample.v)).collect())
        };
        let time_zone = options.time_zone.as_deref();
        let mut context = Context { now: self.at, time_zone, query: Some(&mut query) };
        let elements = result.iter().map(|sample| (&sample.labels, sample.v));
        let Some(mut group) = self.group() else { return Ok(Vec::new()) };
        let mut observed = Observed::default();
        let outcome = match &mut group.rules[index].work {
            Work::Alerting(rule) => rule.observe(elements, &round, &mut context, &mut observed),
            Work::Recording(rule) => rule.observe(elements, self.spec.limit, &mut observed.samples),
        };
        let samples = std::mem::take(&mut observed.samples);
        if let Some(log_lines) = &options.log_lines {
            log_lines.add(&group.rules[index].spec.log_rules, &mut observed.alerts);
        }
        group.push(observed, &self.spec);
        outcome.map(|()| samples).map_err(|error| error.to_string())
    }

    /// Appends what has come together, and says how the rules are: once a round, as a rule whose samples are refused
    /// was never well.
    fn flush(&mut self, store: &mut dyn Store) {
        let batch = std::mem::take(&mut self.batch);
        let refused = self.append(&batch, store);
        let Some(mut group) = self.group() else { return };
        let mut failures = 0;
        for (index, error) in batch.outcomes {
            let refusal = refused.iter().find(|(refused, _)| *refused == index).map(|(_, why)| why.clone());
            let error = error.or(refusal);
            failures += u64::from(error.is_some());
            group.rules[index].set_health(error);
        }
        drop(group);
        self.figures.failures += failures;
    }

    /// What was refused, by rule. A batch of which something was refused is appended again rule by rule, which changes
    /// nothing that was taken, so that the rule can be named.
    fn append(&self, batch: &Batch, store: &mut dyn Store) -> Vec<(usize, String)> {
        let at = self.sample_time();
        let is_whole = |outcome: &Result<Refusals, String>| outcome.as_ref().is_ok_and(Refusals::is_empty);
        if batch.samples.is_empty() || is_whole(&store.append(at, &batch.samples)) {
            return Vec::new();
        }
        let mut refused = Vec::new();
        for (index, range) in &batch.of_rules {
            let mut samples = batch.samples[range.clone()].to_vec();
            // A series that ended here may go on in another rule.
            samples.retain(|sample| !is_stale(sample.value));
            let error = match store.append(at, &samples) {
                Ok(refusals) if refusals.is_empty() => continue,
                Ok(refusals) => refusals.to_string(),
                Err(error) => error,
            };
            refused.push((*index, error));
        }
        refused
    }

    /// Ends the series of rules that are gone, unless another rule of the group writes them now.
    fn end_abandoned(&self, store: &mut dyn Store) {
        let Some(mut group) = self.group() else { return };
        if group.abandoned.is_empty() {
            return;
        }
        let abandoned = group.take_abandoned();
        let written = group.writes(&abandoned.iter().collect());
        drop(group);
        end_series(
            abandoned.into_iter().filter(|labels| !written.contains(labels)),
            self.sample_time(),
            store,
        );
    }
}

/// Writes staleness markers.
pub(super) fn end_series(series: impl Iterator<Item = Labels>, at: Timestamp, store: &mut dyn Store) {
    let markers: Vec<Sample> = series.map(|labels| Sample { labels, value: stale_nan() }).collect();
    if let Err(error) = store.append(at, &markers) {
        tracing::warn!(%error, series = markers.len(), "series of removed rules are not marked as ended");
    }
}

impl RuleState {
    fn set_health(&mut self, error: Option<String>) {
        let RuleKey { file, group, name, .. } = &*self.spec.key;
        match self.outage.note(error.as_deref()) {
            Some(News::Failed(error)) => tracing::warn!(%file, %group, rule = %name, %error, "rule failed"),
            Some(News::Over { failures }) => {
                tracing::info!(%file, %group, rule = %name, failures, "a rule that failed is well again");
            }
            None => {}
        }
        self.health = if error.is_some() { Health::Bad } else { Health::Good };
        self.last_error = error;
    }
}

/// The elements that an expression has.
fn ask(
    expr: &Expr,
    source: &dyn SeriesSource,
    at: Timestamp,
    limits: &Limits,
    cancel: &Cancel,
) -> Result<Vec<VectorSample>, String> {
    let output =
        eval_instant(expr, source, at, limits, cancel).map_err(|error| error.by_timer().to_string())?;
    match output.value {
        QueryValue::Vector(samples) => Ok(samples),
        QueryValue::Scalar { t, v } => Ok(vec![VectorSample { labels: Labels::empty(), t, v }]),
        QueryValue::String { .. } | QueryValue::Matrix(_) => {
            Err("rule result is not a vector or scalar".to_owned())
        }
    }
}

/// Rows of rules that are no longer there: they go, and what they fired has ended.
pub(super) fn orphans(rows: impl Iterator<Item = SavedAlert>, outlet: &Outlet, at: Timestamp) -> RuleReport {
    let mut report = RuleReport::default();
    let mut alerts = Vec::new();
    for row in rows {
        report.changes.push(SavedChange::Gone(row.key()));
        let Some(starts_at) = row.fired_at.filter(|_| row.state == AlertState::Firing) else { continue };
        alerts.push(Alert {
            labels: row.labels,
            annotations: row.annotations,
            starts_at: starts_at.min(at),
            ends_at: Some(at),
            updated_at: at,
            generator_url: String::new(),
            timeout: false,
            value: value_for_people(row.value),
        });
    }
    report.alerts = outlet.dress(alerts);
    report
}
