//! `queries`: many queries in one request, over one snapshot. What a board asks every two seconds.
//!
//! Each answer carries its own status, so that one bad tile leaves the others alone. A batch takes one turn of those
//! that all queries share and runs on one thread: boards wait for each other, and rules for none of them.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use lingshao_model::{Cancel, Timestamp};
use lingshao_promql::{EvalError, Limits};
use lingshao_tsdb::Snapshot;
use lingshao_wire::prometheus_api::{self, ErrorKind, ParameterError};
use serde::Deserialize;
use serde_json::Number;
use tokio::time::timeout_at;

use super::answer::{ApiError, write_error};
use super::query::{self, CancelOnDrop, Moment, TIMEOUT_MAX};
use crate::app::App;
use crate::clock::now;
use crate::server::reply::{self, Reply};
use crate::server::request::{Call, Document};

/// Queries of one batch: a board of 13 tiles asks for 39.
const QUERIES_MAX: usize = 64;
/// The longest expressions of a board, 64 times.
const BODY_BYTES_MAX: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    queries: Vec<Query>,
}

/// One of them: with `start`, `end` and `step` over a range, else at `time`, else now.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    id: String,
    query: String,
    time: Option<Number>,
    start: Option<Number>,
    end: Option<Number>,
    step: Option<Number>,
}

impl Query {
    fn moment(&self, now: Timestamp) -> Result<Moment, ApiError> {
        let text = |number: &Option<Number>| number.as_ref().map(Number::to_string).unwrap_or_default();
        if self.start.is_none() && self.end.is_none() && self.step.is_none() {
            let time = self.time.as_ref().map(|time| prometheus_api::time("time", &time.to_string()));
            return Ok(Moment::Instant(time.transpose()?.unwrap_or(now)));
        }
        if self.time.is_some() {
            return Err(ParameterError::new("time", "stands beside start, end and step").into());
        }
        Moment::range(&text(&self.start), &text(&self.end), &text(&self.step))
    }
}

/// `queries`
pub(super) async fn batch(app: &Arc<App>, call: Call) -> Result<Reply, ApiError> {
    let document = Document::read(call, BODY_BYTES_MAX, &app.forms).await?;
    let batch: Batch = serde_json::from_slice(&document.bytes).map_err(|error| {
        ApiError::new(ErrorKind::BadData, format!("the body is no batch of queries: {error}"))
    })?;
    if QUERIES_MAX < batch.queries.len() {
        let why = format!("{} queries in one batch; at most {QUERIES_MAX} are taken", batch.queries.len());
        return Err(ApiError::new(ErrorKind::BadData, why));
    }
    drop(document);
    let deadline = Instant::now() + TIMEOUT_MAX;
    let turn = app.queries.admit(app, deadline).await?;

    let cancel = Cancel::default();
    let _gone = CancelOnDrop(cancel.clone());
    let (worker, worker_cancel) = (app.clone(), cancel.clone());
    let mut job = tokio::task::spawn_blocking(move || {
        let body = Evaluation::new(&worker, &worker_cancel).all(&batch.queries);
        drop(turn);
        body
    });
    let done = match timeout_at(deadline.into(), &mut job).await {
        Ok(done) => done,
        Err(_) => {
            // What is done by then is answered; the rest says that it ran out of time.
            app.telemetry.queries.timeouts.add(1);
            cancel.cancel();
            job.await
        }
    };
    done.map(|body| reply::json(StatusCode::OK, body)).map_err(|_| ApiError::panicked())
}

/// The answering of one batch.
struct Evaluation<'a> {
    app: &'a App,
    snapshot: Snapshot,
    limits: Limits,
    cancel: &'a Cancel,
    now: Timestamp,
}

impl<'a> Evaluation<'a> {
    fn new(app: &'a App, cancel: &'a Cancel) -> Evaluation<'a> {
        let limits = Limits { bytes_max: app.queries.bytes_max(), ..Limits::default() };
        Evaluation { app, snapshot: app.db.snapshot(), limits, cancel, now: now() }
    }

    fn all(&self, queries: &[Query]) -> Vec<u8> {
        let _busy = self.app.telemetry.queries.running.enter();
        let mut body = br#"{"results":"#.to_vec();
        prometheus_api::list(&mut body, queries, |body, query| self.one(body, query));
        body.push(b'}');
        body
    }

    /// The Prometheus API's answer, with the query's name before it.
    fn one(&self, body: &mut Vec<u8>, query: &Query) {
        body.extend_from_slice(br#"{"id":"#);
        prometheus_api::string(body, &query.id);
        body.push(b',');
        let answer = self.answer(query).unwrap_or_else(|error| {
            let mut answer = Vec::new();
            write_error(&mut answer, &error);
            answer
        });
        put(body, &answer, self.limits.bytes_max);
    }

    fn answer(&self, query: &Query) -> Result<Vec<u8>, ApiError> {
        if self.cancel.is_cancelled() {
            return Err(EvalError::Timeout.into());
        }
        let moment = query.moment(self.now)?;
        let telemetry = &self.app.telemetry.queries;
        let started = Instant::now();
        let outcome = query::expression(&query.query).and_then(|expr| {
            let evaluated = moment.evaluate(&expr, &self.snapshot, &self.limits, self.cancel);
            evaluated.map_err(|error| error.by_timer().into())
        });
        telemetry.seconds.observe(started.elapsed());
        outcome.map(|output| {
            telemetry.samples_read.add(output.samples_read);
            query::rendered(output, &query.query, None)
        })
    }
}

/// Adds an answer behind the brace and the name that stand there already. All answers of a batch together may be as
/// large as a single one.
fn put(body: &mut Vec<u8>, answer: &[u8], bytes_max: u64) {
    if (body.len() + answer.len()) as u64 <= bytes_max {
        body.extend_from_slice(&answer[1..]);
        return;
    }
    let why = format!("the answers of this batch exceed {bytes_max} bytes; ask for less at once");
    let mut refusal = Vec::new();
    write_error(&mut refusal, &ApiError::new(ErrorKind::Execution, why));
    body.extend_from_slice(&refusal[1..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_budget_of_a_batch_is_named_and_the_rest_is_kept() {
        let answered = |bytes_max| {
            let mut body = br#"{"id":"a","#.to_vec();
            put(&mut body, br#"{"status":"success","data":1}"#, bytes_max);
            String::from_utf8(body).unwrap()
        };
        assert_eq!(answered(39), r#"{"id":"a","status":"success","data":1}"#);
        let refusal = r#"{"id":"a","status":"error","errorType":"execution","error":"the answers of this batch exceed 38 bytes; ask for less at once"}"#;
        assert_eq!(answered(38), refusal);
    }
}
