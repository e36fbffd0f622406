//! `info()`: adds the labels of info series (`target_info`) to the series of the same instance and job.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lingshao_model::{
    Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher, MatcherError, Selection, Timestamp, is_stale,
};

use super::frame::Frame;
use super::grid::Grid;
use super::selector::Looks;
use super::{EvalError, Evaluator};
use crate::annotations::Note;
use crate::ast::{Call, Expr};
use crate::functions::label::listed;

const TARGET_INFO: &str = "target_info";
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// One info series: for each step when its current sample was taken.
struct InfoSeries {
    labels: Labels,
    taken: Vec<Option<i64>>,
}

/// What identifies an info metric's series: the metric's name, and the identifying labels.
type Identity = (String, [String; 2]);

/// The second argument, taken apart.
struct Filter {
    names: Vec<Matcher>,
    /// Conditions on the labels that are taken over, by label.
    data: BTreeMap<String, Vec<Matcher>>,
}

impl Filter {
    fn of(call: &Call) -> Filter {
        let mut filter = Filter { names: Vec::new(), data: BTreeMap::new() };
        let matchers = match call.args.get(1).map(Expr::without_parens) {
            Some(Expr::Vector(selector)) => &*selector.matchers,
            _ => &[],
        };
        for matcher in matchers {
            if matcher.name() == METRIC_NAME {
                filter.names.push(matcher.clone());
            } else {
                filter.data.entry(matcher.name().to_owned()).or_default().push(matcher.clone());
            }
        }
        filter
    }

    /// Whether a series is itself one of the info series.
    fn is_info(&self, labels: &Labels, has_filter: bool) -> bool {
        let name = labels.metric_name().unwrap_or("");
        if !has_filter {
            return name == TARGET_INFO;
        }
        !self.names.is_empty() && self.names.iter().all(|matcher| matcher.matches(name))
    }

    /// Whether a label is to be taken over.
    fn wants(&self, label: &str) -> bool {
        label != METRIC_NAME && (self.data.is_empty() || self.data.contains_key(label))
    }

    /// Whether a series may stay without any info series.
    fn accepts_none(&self) -> bool {
        self.data.values().flatten().all(Matcher::matches_empty)
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn info(&self, call: &Call, grid: Grid) -> Result<Frame<'a>, EvalError> {
        let base = self.frame(&call.args[0], grid)?;
        let filter = Filter::of(call);
        let has_filter = call.args.len() > 1;
        let is_info: Vec<bool> =
            base.keys().iter().map(|key| filter.is_info(&key.labels, has_filter)).collect();
        let infos = self.read_infos(&call.args[0], &base, &is_info, &filter, grid)?;
        let current = current_infos(&infos, grid)?;
        let mut result = Frame::new(&self.budget, grid.count);
        for (row, is_info) in is_info.into_iter().enumerate() {
            self.budget.check()?;
            self.enrich(&base, row, is_info, &filter, &infos, &current, &mut result)?;
        }
        result.retain_present();
        result.merge_same_labels()?;
        Ok(result)
    }

    /// Reads the info series of all instances and jobs that occur.
    fn read_infos(
        &self,
        vector: &Expr,
        base: &Frame<'a>,
        is_info: &[bool],
        filter: &Filter,
        grid: Grid,
    ) -> Result<Vec<InfoSeries>, EvalError> {
        let mut matchers = filter.names.clone();
        if matchers.is_empty() {
            matchers.push(Matcher::equal(METRIC_NAME, TARGET_INFO));
        }
        let count = matchers.len();
        for label in IDENTIFYING {
            let enriched = base.keys().iter().zip(is_info).filter(|(_, is_info)| !**is_info);
            let values: BTreeSet<&str> = enriched.filter_map(|(key, _)| key.labels.get(label)).collect();
            if !values.is_empty() {
                let escaped: Vec<String> = values.into_iter().map(regex::escape).collect();
                let failed = |error: MatcherError| EvalError::execution(error.to_string());
                matchers.push(Matcher::new(MatchOp::Regex, label, &escaped.join("|")).map_err(failed)?);
            }
        }
        if matchers.len() == count {
            return Ok(Vec::new());
        }
        matchers.extend(filter.data.values().flatten().cloned());
        self.read_info_series(&matchers, self.info_looks(vector, grid)?)
    }

    /// Info series are looked up where the first selector of the operand looks: moved by its `offset`, fixed by
    /// its `@`.
    fn info_looks(&self, vector: &Expr, grid: Grid) -> Result<Looks, EvalError> {
        let selectors = vector.selectors();
        let Some(selector) = selectors.first() else { return self.looks(None, None, grid) };
        self.looks(selector.at, selector.offset.as_ref(), grid)
    }

    fn read_info_series(&self, matchers: &[Matcher], looks: Looks) -> Result<Vec<InfoSeries>, EvalError> {
        let lookback = self.limits.lookback.0;
        let start = Timestamp(looks.first.saturating_sub(lookback - 1));
        let selection = Selection { matchers, start, end: Timestamp(looks.last()) };
        let mut found = Vec::new();
        let mut outcome = Ok(());
        let warnings = self.source.select(&selection, self.budget.cancel(), &mut |columns| {
            self.budget.read(columns.times.len());
            outcome = self.budget.take(looks.count as u64, columns.labels.encoded().len() as u64);
            let mut next = 0;
            let taken: Vec<Option<i64>> = (0..looks.count)
                .map(|step| {
                    let look = looks.at(step);
                    while columns.times.get(next).is_some_and(|time| *time <= look) {
                        next += 1;
                    }
                    let at = next.checked_sub(1)?;
                    let is_current =
                        columns.times[at] > look.saturating_sub(lookback) && !is_stale(columns.values[at]);
                    is_current.then_some(columns.times[at])
                })
                .collect();
            found.push(InfoSeries { labels: columns.labels.clone(), taken });
            if outcome.is_ok() {
                std::ops::ControlFlow::Continue(())
            } else {
                std::ops::ControlFlow::Break(())
            }
        })?;
        outcome?;
        warnings.into_iter().for_each(|text| self.note(Note::storage(text)));
        Ok(found)
    }

    /// Adds a series with its info labels; these can change from step to step.
    #[allow(clippy::too_many_arguments, reason = "one step of `info`, whose state this is")]
    fn enrich(
        &self,
        base: &Frame<'a>,
        row: usize,
        is_info: bool,
        filter: &Filter,
        infos: &[InfoSeries],
        current: &CurrentInfos,
        result: &mut Frame<'a>,
    ) -> Result<(), EvalError> {
        let key = &base.keys()[row];
        let partners: Vec<&Vec<Option<usize>>> =
            if is_info { Vec::new() } else { current.partners(&key.labels) };
        let mut targets: HashMap<Vec<usize>, Option<usize>> = HashMap::new();
        for (step, value) in base.row(row).iter().enumerate().filter(|(_, value)| !is_stale(**value)) {
            let matched: Vec<usize> = partners.iter().filter_map(|series| series[step]).collect();
            let target = match targets.get(&matched) {
                Some(target) => *target,
                None => {
                    let target = if matched.is_empty() && !is_info && !filter.accepts_none() {
                        None
                    } else {
                        let labels = enriched(&key.labels, &matched, infos, filter)?;
                        Some(result.push_empty(labels, key.drop_name)?)
                    };
                    targets.insert(matched, target);
                    target
                }
            };
            if let Some(target) = target {
                result.row_mut(target)[step] = *value;
            }
        }
        Ok(())
    }
}

/// For each identity and step the newest info series.
struct CurrentInfos {
    by_identity: BTreeMap<Identity, Vec<Option<usize>>>,
}

impl CurrentInfos {
    /// The info metrics that know the instance and job of a series.
    fn partners(&self, labels: &Labels) -> Vec<&Vec<Option<usize>>> {
        let own = identifying(labels);
        self.by_identity.iter().filter(|((_, other), _)| *other == own).map(|(_, series)| series).collect()
    }
}

fn identifying(labels: &Labels) -> [String; 2] {
    IDENTIFYING.map(|label| labels.get(label).unwrap_or("").to_owned())
}

fn current_infos(infos: &[InfoSeries], grid: Grid) -> Result<CurrentInfos, EvalError> {
    let mut by_identity: BTreeMap<Identity, Vec<Option<usize>>> = BTreeMap::new();
    for (index, info) in infos.iter().enumerate() {
        let identity = (info.labels.metric_name().unwrap_or("").to_owned(), identifying(&info.labels));
        let current = by_identity.entry(identity).or_insert_with(|| vec![None; grid.count]);
        for (step, taken) in info.taken.iter().enumerate() {
            let Some(taken) = *taken else { continue };
            let existing = current[step].and_then(|other| infos[other].taken[step].map(|t| (other, t)));
            match existing {
                Some((_, other)) if other > taken => {}
                Some((other, same)) if same == taken => {
                    let (existing, new) = (listed(&infos[other].labels), listed(&info.labels));
                    return Err(EvalError::execution(format!(
                        "found duplicate series for info metric: existing {existing} @ {taken}, new {new} @ {taken}"
                    )));
                }
                _ => current[step] = Some(index),
            }
        }
    }
    Ok(CurrentInfos { by_identity })
}

/// A series' labels with those of its info series that it lacks.
fn enriched(
    base: &Labels,
    matched: &[usize],
    infos: &[InfoSeries],
    filter: &Filter,
) -> Result<Labels, EvalError> {
    let mut added: BTreeMap<&str, &str> = BTreeMap::new();
    for info in matched {
        for (name, value) in infos[*info].labels.iter().filter(|(name, _)| filter.wants(name)) {
            if added.get(name).is_some_and(|other| *other != value) {
                return Err(EvalError::execution(format!("conflicting label: {name}")));
            }
            if base.get(name).is_none() {
                added.insert(name, value);
            }
        }
    }
    let mut builder = LabelsBuilder::default();
    base.iter().chain(added).for_each(|(name, value)| builder.push(name, value));
    builder.finish().map_err(|error| EvalError::execution(error.to_string()))
}
