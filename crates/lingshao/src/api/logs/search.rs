//! `search`: records with their histogram, page by page; or what is newer, as soon as it is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use lingshao_logs::SearchLimits;
use lingshao_model::log::{
    Aggregation, AggregationKind, Case, FieldSelection, FieldTest, Interval, Level, LogFound, LogQuery,
    LogSearch, LogTime, Missing, Number, QueryValue, SortField, SortKey, SortOrder, SortValue, Test,
    TotalWanted, ValueSource,
};
use serde::Deserialize;
use tokio::time::timeout;

use super::question::{Scope, Which};
use super::{Refusal, body, render};
use crate::app::App;
use crate::server::reply::{self, Reply};
use crate::server::request::Call;

/// Most records of one answer.
pub(super) const SIZE_MAX: usize = 1_000;
const SIZE_DEFAULT: usize = 100;
/// Columns of a histogram; a wide screen has some 2,000 pixels.
const BUCKETS_MAX: u32 = 500;
/// Longest wait for something new; proxies cut connections that are silent for a minute.
const WAIT_MAX: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
struct Question {
    #[serde(flatten)]
    which: Which,
    size: Option<usize>,
    order: Option<Order>,
    after: Option<String>,
    histogram: Option<Histogram>,
    after_seq: Option<u64>,
    wait_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Desc,
    Asc,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Histogram {
    buckets: u32,
}

/// `search`
pub(in crate::api) async fn search(app: &Arc<App>, call: Call) -> Reply {
    match answer(app, call).await {
        Ok(reply) => reply,
        Err(refusal) => refusal.render(),
    }
}

async fn answer(app: &Arc<App>, call: Call) -> Result<Reply, Refusal> {
    let question: Question = body(app, call).await?;
    let size = question.size.unwrap_or(SIZE_DEFAULT);
    if SIZE_MAX < size {
        return Err(Refusal::Parameter(format!("`size`: {size} records in one answer; at most {SIZE_MAX}")));
    }
    match question.after_seq {
        Some(seq) => follow(app, &question, seq, size).await,
        None => page(app, &question, size).await,
    }
}

/// One page of what there is.
async fn page(app: &Arc<App>, question: &Question, size: usize) -> Result<Reply, Refusal> {
    let started = Instant::now();
    let scope = question.which.resolve(app)?;
    let buckets = question.histogram.map(|wanted| Buckets::new(&scope, wanted.buckets)).transpose()?;
    let descending = question.order.unwrap_or_default() == Order::Desc;
    let search = LogSearch {
        sort: vec![by_time(descending)],
        after: question.after.as_deref().map(read_cursor).transpose()?,
        total: TotalWanted::Exact,
        aggregations: buckets.iter().map(Buckets::aggregation).collect(),
        ..LogSearch::new(scope.indices.clone(), scope.whole_query(), size)
    };
    let found = app.logs.ask(move |snapshot, cancel| {
        let found = snapshot.search(&search, &SearchLimits::default(), cancel)?;
        Ok((found, snapshot.last_seq()))
    });
    let (found, last_seq) = found.await?;
    let took = started.elapsed();
    let body = render::page(&found, &scope.notices, buckets.as_ref(), size, last_seq, took);
    Ok(reply::json(StatusCode::OK, body))
}

/// What arrived after a record, oldest first; waits for it if there is nothing yet.
async fn follow(app: &Arc<App>, question: &Question, seq: u64, size: usize) -> Result<Reply, Refusal> {
    let started = Instant::now();
    let scope = question.which.resolve(app)?;
    let wait = Duration::from_millis(question.wait_ms.unwrap_or(0)).min(WAIT_MAX);
    let mut arrivals = app.logs.arrivals();
    let mut after = seq;
    loop {
        arrivals.mark_unchanged();
        let (found, last_seq) = newer(app, &scope, after, size).await?;
        let left = wait.saturating_sub(started.elapsed());
        if !found.hits.is_empty() || left.is_zero() {
            // A full page ends where it ends: the next question begins there.
            let is_full = found.hits.len() == size;
            let last_seq = found.hits.last().filter(|_| is_full).map_or(last_seq, |hit| hit.record.seq);
            let body = render::page(&found, &scope.notices, None, size, last_seq, started.elapsed());
            return Ok(reply::json(StatusCode::OK, body));
        }
        after = last_seq;
        // Whether the time is over or something came, the next look tells.
        drop(timeout(left, arrivals.changed()).await);
    }
}

async fn newer(app: &Arc<App>, scope: &Scope, seq: u64, size: usize) -> Result<(LogFound, u64), Refusal> {
    let arrival = SortKey { field: SortField::Arrival, order: SortOrder::Ascending, missing: Missing::Last };
    let search = LogSearch {
        sort: vec![arrival],
        after: Some(vec![SortValue::Number(Number::Int(i64::try_from(seq).unwrap_or(i64::MAX)))]),
        ..LogSearch::new(scope.indices.clone(), scope.whole_query(), size)
    };
    let found = app.logs.ask(move |snapshot, cancel| {
        let found = snapshot.search(&search, &SearchLimits::default(), cancel)?;
        Ok((found, snapshot.last_seq()))
    });
    Ok(found.await?)
}

/// By when it happened.
pub(super) fn by_time(descending: bool) -> SortKey {
    let order = if descending { SortOrder::Descending } else { SortOrder::Ascending };
    SortKey { field: SortField::Time, order, missing: Missing::Last }
}

/// A place in the order of time: nanoseconds and arrival number.
pub(super) fn cursor(time: LogTime, seq: u64) -> String {
    format!("{}.{seq}", time.0)
}

fn read_cursor(text: &str) -> Result<Vec<SortValue>, Refusal> {
    let parts = text.split_once('.').and_then(|(time, seq)| Some((time.parse().ok()?, seq.parse().ok()?)));
    let (time, seq) =
        parts.ok_or_else(|| Refusal::Parameter("`after` is no `cursor` of an answer".to_owned()))?;
    Ok(place(LogTime(time), seq))
}

/// The same for the storage.
pub(super) fn place(time: LogTime, seq: u64) -> Vec<SortValue> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    [time.0, seq].map(|number| SortValue::Number(Number::Int(number))).to_vec()
}

/// Columns of the histogram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets {
    pub(super) interval: i64,
    from: LogTime,
    to: LogTime,
}

/// Lengths of columns that people can read, in seconds.
const INTERVALS: [i64; 21] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    172_800, 604_800, 2_592_000,
];

impl Buckets {
    /// So many or fewer of them over the time of the question.
    fn new(scope: &Scope, wanted: u32) -> Result<Buckets, Refusal> {
        if wanted == 0 || BUCKETS_MAX < wanted {
            return Err(Refusal::Parameter(format!(
                "`histogram.buckets` must lie between 1 and {BUCKETS_MAX}"
            )));
        }
        let (from, to) = (scope.from, scope.to);
        if from == LogTime::MIN || to == LogTime::MAX {
            let why = "a histogram needs both `from` and `to`";
            return Err(Refusal::Parameter(why.to_owned()));
        }
        let seconds = (to.0.saturating_sub(from.0) / 1_000_000_000).max(1);
        let least = seconds / i64::from(wanted);
        let interval = INTERVALS.into_iter().find(|interval| least <= *interval).unwrap_or(least);
        Ok(Buckets { interval: interval * 1_000_000_000, from, to })
    }

    fn aggregation(&self) -> Aggregation {
        let levels = Level::ALL.map(|level| (level.name().to_owned(), level_is(level)));
        let filters = AggregationKind::Filters { filters: levels.into(), other: Some("none".to_owned()) };
        Aggregation {
            name: "time".to_owned(),
            kind: AggregationKind::DateHistogram {
                source: ValueSource { field: "_time".to_owned(), missing: None },
                interval: Interval::Fixed(self.interval),
                time_zone: "UTC".to_owned(),
                offset: 0,
                min_count: 0,
                extended_bounds: Some((self.from, self.to)),
                hard_bounds: None,
                order: Vec::new(),
            },
            inner: vec![Aggregation { name: "level".to_owned(), kind: filters, inner: Vec::new() }],
        }
    }
}

fn level_is(level: Level) -> LogQuery {
    LogQuery::Field(Box::new(FieldTest {
        fields: FieldSelection::One("level".to_owned()),
        test: Test::Is { value: QueryValue::new(level.name()), case: Case::Fold },
        lenient: true,
    }))
}
