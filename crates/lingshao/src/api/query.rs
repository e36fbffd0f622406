//! PromQL over HTTP: evaluation within limits of number, time and memory, ended when its client goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use lingshao_model::{Cancel, TimeDelta, Timestamp};
use lingshao_promql::{EvalError, Expr, Limits, Output, QueryValue};
use lingshao_tsdb::Snapshot;
use lingshao_wire::prometheus_api::{self, ErrorKind, ParameterError, Range};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;

use super::answer::{ApiError, success};
use super::syntax_tree;
use crate::app::App;
use crate::clock::now;
use crate::server::reply::{self, Reply};
use crate::server::request::Parameters;

/// Queries evaluated at once, as Prometheus has it.
pub(crate) const RUNNING_MAX: usize = 20;
/// Queries that wait for their turn; a board of 40 panels opened by two people.
const WAITING_MAX: usize = 80;
/// Longest evaluation, waiting included; a client may ask for less.
pub(super) const TIMEOUT_MAX: Duration = Duration::from_secs(120);
/// Prometheus' cap on points of one series.
const POINTS_MAX: i64 = 11_000;

/// Lets in a limited number of queries.
#[derive(Debug)]
pub(crate) struct QueryGate {
    /// Running and waiting ones.
    places: Arc<Semaphore>,
    running: Arc<Semaphore>,
    bytes_max: u64,
}

/// A place among the running ones, and one among all.
pub(super) type Turn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl QueryGate {
    /// With so much memory for each evaluation.
    pub(crate) fn new(bytes_max: u64) -> QueryGate {
        QueryGate {
            places: Arc::new(Semaphore::new(RUNNING_MAX + WAITING_MAX)),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
            bytes_max,
        }
    }

    /// Memory for each evaluation.
    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Waits for a turn; turned away when too many wait already.
    pub(super) async fn admit(&self, app: &App, deadline: Instant) -> Result<Turn, ApiError> {
        let telemetry = &app.telemetry.queries;
        let place = self.places.clone().try_acquire_owned().map_err(|_| {
            telemetry.overloads.add(1);
            ApiError::new(ErrorKind::Unavailable, "too many queries are waiting; try again later")
        })?;
        let _waiting = telemetry.waiting.enter();
        match timeout_at(deadline.into(), self.running.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok((turn, place)),
            _ => Err(ApiError::new(ErrorKind::Timeout, "query timed out in query queue")),
        }
    }
}

/// Ends an evaluation when its handler is dropped, which happens when the client hangs up.
pub(super) struct CancelOnDrop(pub(super) Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// When an expression is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// Once.
    Instant(Timestamp),
    /// At every step.
    Range(Range),
}

impl Moment {
    /// From the parameters of a range query; a missing one is the empty text.
    pub(super) fn range(start: &str, end: &str, step: &str) -> Result<Moment, ApiError> {
        let range = prometheus_api::range(start, end, step)?;
        if POINTS_MAX < (range.end - range.start).0 / range.step.0 {
            return Err(ApiError::new(
                ErrorKind::BadData,
                "exceeded maximum resolution of 11,000 points per timeseries. \
                 Try decreasing the query resolution (?step=XX)",
            ));
        }
        Ok(Moment::Range(range))
    }

    pub(super) fn evaluate(
        self,
        expr: &Expr,
        source: &Snapshot,
        limits: &Limits,
        cancel: &Cancel,
    ) -> Result<Output, EvalError> {
        match self {
            Moment::Instant(at) => lingshao_promql::eval_instant(expr, source, at, limits, cancel),
            Moment::Range(Range { start, end, step }) => {
                lingshao_promql::eval_range(expr, source, start, end, step, limits, cancel)
            }
        }
    }
}

/// `query`: one instant.
pub(super) async fn instant(app: &Arc<App>, parameters: &Parameters) -> Result<Reply, ApiError> {
    let at = time(parameters, "time")?.unwrap_or_else(now);
    evaluate(app, parameters, Moment::Instant(at)).await
}

/// `query_range`: many instants.
pub(super) async fn range(app: &Arc<App>, parameters: &Parameters) -> Result<Reply, ApiError> {
    let text = |name| parameters.get(name).unwrap_or("");
    evaluate(app, parameters, Moment::range(text("start"), text("end"), text("step"))?).await
}

pub(super) fn expression(text: &str) -> Result<Expr, ApiError> {
    Ok(lingshao_promql::parse(text).map_err(|error| ParameterError::new("query", error.to_string()))?)
}

async fn evaluate(app: &Arc<App>, parameters: &Parameters, moment: Moment) -> Result<Reply, ApiError> {
    let limit = limit(parameters)?;
    let limits = limits(app.queries.bytes_max, parameters)?;
    let deadline = Instant::now() + timeout(parameters)?;
    let query = parameters.get("query").unwrap_or("").to_owned();
    let turn = app.queries.admit(app, deadline).await?;

    let cancel = Cancel::default();
    let _gone = CancelOnDrop(cancel.clone());
    let (worker, worker_cancel) = (app.clone(), cancel.clone());
    let job = tokio::task::spawn_blocking(move || {
        let telemetry = &worker.telemetry.queries;
        let (started, _busy) = (Instant::now(), telemetry.running.enter());
        // Here too: compiling a query's regular expressions takes up to a second of a core.
        let outcome = expression(&query).and_then(|expr| {
            moment.evaluate(&expr, &worker.db.snapshot(), &limits, &worker_cancel).map_err(ApiError::from)
        });
        telemetry.seconds.observe(started.elapsed());
        // The turn is kept until the work is really over, also when nobody waits for it any more.
        drop(turn);
        outcome.map(|output| {
            telemetry.samples_read.add(output.samples_read);
            rendered(output, &query, limit)
        })
    });
    match timeout_at(deadline.into(), job).await {
        Ok(Ok(Ok(body))) => Ok(reply::json(StatusCode::OK, body)),
        Ok(Ok(Err(error))) => Err(error),
        Ok(Err(_)) => Err(ApiError::panicked()),
        Err(_) => {
            // Leaving cancels the evaluation.
            app.telemetry.queries.timeouts.add(1);
            Err(EvalError::Timeout.into())
        }
    }
}

pub(super) fn rendered(mut output: Output, query: &str, limit: Option<usize>) -> Vec<u8> {
    let mut warnings = output.warnings(query);
    if limit.is_some_and(|limit| truncate(&mut output.value, limit)) {
        warnings.push("results truncated due to limit".to_owned());
    }
    let mut body = Vec::new();
    prometheus_api::success(&mut body, &warnings, &output.infos(query), |out| match &output.value {
        QueryValue::Scalar { t, v } => prometheus_api::scalar(out, *t, *v),
        QueryValue::String { t, s } => prometheus_api::text(out, *t, s),
        QueryValue::Vector(samples) => {
            prometheus_api::vector(out, samples.iter().map(|sample| (&sample.labels, sample.t.0, sample.v)));
        }
        QueryValue::Matrix(series) => {
            prometheus_api::matrix(out, series.iter().map(|series| (&series.labels, &series.points[..])));
        }
    });
    body
}

/// Whether anything was cut off.
fn truncate(value: &mut QueryValue, limit: usize) -> bool {
    let before = match value {
        QueryValue::Vector(samples) => samples.len(),
        QueryValue::Matrix(series) => series.len(),
        QueryValue::Scalar { .. } | QueryValue::String { .. } => 0,
    };
    match value {
        QueryValue::Vector(samples) => samples.truncate(limit),
        QueryValue::Matrix(series) => series.truncate(limit),
        QueryValue::Scalar { .. } | QueryValue::String { .. } => {}
    }
    limit < before
}

impl From<EvalError> for ApiError {
    fn from(error: EvalError) -> ApiError {
        let kind = match error {
            EvalError::Timeout => ErrorKind::Timeout,
            EvalError::Cancelled => ErrorKind::Canceled,
            EvalError::Storage(_) => ErrorKind::Internal,
            EvalError::TooManySamples | EvalError::TooMuchMemory { .. } | EvalError::Execution(_) => {
                ErrorKind::Execution
            }
        };
        ApiError::new(kind, error.to_string())
    }
}

fn limits(bytes_max: u64, parameters: &Parameters) -> Result<Limits, ApiError> {
    let mut limits = Limits { bytes_max, ..Limits::default() };
    if let Some(lookback) = duration(parameters, "lookback_delta")? {
        if lookback <= TimeDelta::ZERO {
            return Err(ParameterError::new("lookback_delta", "must be greater than zero").into());
        }
        limits.lookback = lookback;
    }
    Ok(limits)
}

fn timeout(parameters: &Parameters) -> Result<Duration, ApiError> {
    let asked = duration(parameters, "timeout")?.map(|asked| u64::try_from(asked.0).unwrap_or(0));
    Ok(asked.map_or(TIMEOUT_MAX, |millis| Duration::from_millis(millis).min(TIMEOUT_MAX)))
}

/// `None` is no limit.
pub(super) fn limit(parameters: &Parameters) -> Result<Option<usize>, ApiError> {
    Ok(parameters.get("limit").map(|text| prometheus_api::limit("limit", text)).transpose()?.flatten())
}

pub(super) fn time(parameters: &Parameters, name: &str) -> Result<Option<Timestamp>, ApiError> {
    Ok(parameters.get(name).map(|text| prometheus_api::time(name, text)).transpose()?)
}

fn duration(parameters: &Parameters, name: &str) -> Result<Option<TimeDelta>, ApiError> {
    Ok(parameters.get(name).map(|text| prometheus_api::duration(name, text)).transpose()?)
}

/// `query_exemplars`: they are counted and dropped on arrival, so there are none.
pub(super) async fn exemplars(app: &Arc<App>, parameters: &Parameters) -> Result<Reply, ApiError> {
    parsed(app, parameters, |_| json!([])).await
}

/// `format_query`: the expression over several lines.
pub(super) async fn format(app: &Arc<App>, parameters: &Parameters) -> Result<Reply, ApiError> {
    parsed(app, parameters, |expr| Value::from(expr.prettify())).await
}

/// `parse_query`: the expression's tree.
pub(super) async fn parse(app: &Arc<App>, parameters: &Parameters) -> Result<Reply, ApiError> {
    parsed(app, parameters, syntax_tree::json).await
}

/// What can be said of an expression without evaluating it.
async fn parsed(
    app: &Arc<App>,
    parameters: &Parameters,
    say: impl FnOnce(&Expr) -> Value + Send + 'static,
) -> Result<Reply, ApiError> {
    let query = parameters.get("query").unwrap_or("").to_owned();
    let turn = app.queries.admit(app, Instant::now() + TIMEOUT_MAX).await?;
    let job = tokio::task::spawn_blocking(move || {
        let outcome = expression(&query).map(|expr| success(&say(&expr)));
        drop(turn);
        outcome
    });
    job.await.map_err(|_| ApiError::panicked())?
}
