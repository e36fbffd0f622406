//! `context`: what happened just before and after a record, in its index.

use std::sync::Arc;

use http::StatusCode;
use lingshao_logs::{SearchError, SearchLimits, Snapshot};
use lingshao_model::Cancel;
use lingshao_model::log::{
    LogHit, LogQuery, LogSearch, LogTime, Missing, Number, SortField, SortKey, SortOrder, SortValue,
};
use serde::Deserialize;

use super::question::Which;
use super::search::{by_time, place};
use super::{Refusal, body, render};
use crate::app::App;
use crate::server::reply::{self, Reply};
use crate::server::request::Call;

/// Records on each side.
const SIDE_MAX: usize = 500;
const SIDE_DEFAULT: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    index: String,
    seq: u64,
    before: Option<usize>,
    after: Option<usize>,
    #[serde(default)]
    query: String,
}

/// `context`
pub(in crate::api) async fn context(app: &Arc<App>, call: Call) -> Reply {
    answer(app, call).await.unwrap_or_else(|refusal| refusal.render())
}

async fn answer(app: &Arc<App>, call: Call) -> Result<Reply, Refusal> {
    let question: Question = body(app, call).await?;
    let (before, after) = (question.before.unwrap_or(SIDE_DEFAULT), question.after.unwrap_or(SIDE_DEFAULT));
    if SIDE_MAX < before.max(after) {
        return Err(Refusal::Parameter(format!("`before` and `after` are at most {SIDE_MAX}")));
    }
    let scope = Which::new(&question.query, None, None, Some(&question.index)).resolve(app)?;
    let seq = question.seq;
    let found = app.logs.ask(move |snapshot, cancel| {
        let around = Around { snapshot, indices: &scope.indices, query: &scope.query, cancel };
        around.record(seq, before, after)
    });
    let Some(hits) = found.await? else {
        return Err(Refusal::Parameter(format!("there is no record {seq} any more")));
    };
    let mut body = b"{\"hits\":".to_vec();
    render::records(&mut body, hits.iter().map(|hit| &hit.record));
    body.push(b'}');
    Ok(reply::json(StatusCode::OK, body))
}

struct Around<'a> {
    snapshot: &'a Snapshot,
    indices: &'a [String],
    query: &'a LogQuery,
    cancel: &'a Cancel,
}

impl Around<'_> {
    /// In the order of time; nothing if the record is gone.
    fn record(&self, seq: u64, before: usize, after: usize) -> Result<Option<Vec<LogHit>>, SearchError> {
        let previous = i64::try_from(seq).unwrap_or(i64::MAX).saturating_sub(1);
        let arrival =
            SortKey { field: SortField::Arrival, order: SortOrder::Ascending, missing: Missing::Last };
        let cursor = vec![SortValue::Number(Number::Int(previous))];
        let itself = self.search(LogQuery::All, arrival, Some(cursor), 1)?;
        let Some(itself) = itself.into_iter().next().filter(|hit| hit.record.seq == seq) else {
            return Ok(None);
        };
        let time: LogTime = itself.record.time;
        let mut hits = self.search(self.query.clone(), by_time(true), Some(place(time, seq)), before)?;
        hits.reverse();
        hits.push(itself);
        hits.extend(self.search(self.query.clone(), by_time(false), Some(place(time, seq)), after)?);
        Ok(Some(hits))
    }

    fn search(
        &self,
        query: LogQuery,
        key: SortKey,
        after: Option<Vec<SortValue>>,
        size: usize,
    ) -> Result<Vec<LogHit>, SearchError> {
        let search =
            LogSearch { sort: vec![key], after, ..LogSearch::new(self.indices.to_vec(), query, size) };
        self.snapshot.search(&search, &SearchLimits::default(), self.cancel).map(|found| found.hits)
    }
}
