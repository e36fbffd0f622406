//! `_search` and everything like it.

use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use lingshao_logs::{SearchError, SearchLimits, Snapshot};
use lingshao_model::Cancel;
use lingshao_model::log::{LogFound, LogQuery, LogSearch, Mapping, Number, SortValue, TotalWanted};
use lingshao_wire::es::search::{self as codec, Answer as SearchAnswer, SearchRequest, Shards};
use lingshao_wire::es::{EsError, UrlParams, count as counting, cursor, multi as several};
use serde_json::json;

use super::contexts::{Context, Scroll};
use super::names::Known;
use super::{Answer, Outcome, Request, Zone, unasked, unread};
use crate::app::App;
use crate::server::request::Document;

/// Warnings of one answer: each is a line of its head, and clients limit heads.
const WARNINGS_MAX: usize = 8;

/// `_search`
pub(super) async fn search(app: &Arc<App>, request: Request) -> Outcome {
    let started = Instant::now();
    request.params.only(codec::PARAMETERS)?;
    let known = Known::now(app);
    let index = request.index.clone();
    let (body, params) = request.body(app).await?;
    let indices = known.resolve(index.as_deref(), &params)?;
    let asked = Asked::read(app, &known, indices, &body, &params)?;
    if asked.request.scroll.is_some() {
        return begin_scroll(app, asked, started).await;
    }
    let warnings = asked.request.departures();
    Ok(Answer { warnings, ..Answer::json(asked.answer(app, started).await?) })
}

/// A search with what it is asked of.
struct Asked {
    request: SearchRequest,
    indices: Vec<String>,
    snapshot: Snapshot,
    pit_id: Option<String>,
}

impl Asked {
    fn read(
        app: &App,
        known: &Known,
        indices: Vec<String>,
        body: &[u8],
        params: &UrlParams,
    ) -> Result<Asked, EsError> {
        let request = read(app, body, params, &known.mapping(&indices))?;
        let Some(pit) = &request.pit else {
            let snapshot = app.logs.store().snapshot();
            return Ok(Asked { request, indices, snapshot, pit_id: None });
        };
        let Context { snapshot, indices, .. } = app.contexts.get(&pit.id, pit.keep_alive)?;
        let pit_id = Some(pit.id.clone());
        // Again, with the fields of the indices that the point in time holds.
        let request = read(app, body, params, &known.mapping(&indices))?;
        Ok(Asked { request, indices, snapshot, pit_id })
    }

    async fn answer(self, app: &App, started: Instant) -> Result<Vec<u8>, EsError> {
        let Asked { request, indices, snapshot, pit_id } = self;
        let shards = indices.len();
        let found = run(app, snapshot, request.search(indices)).await?;
        let answer = SearchAnswer { pit_id: pit_id.as_deref(), ..head(&found, shards, started) };
        Ok(codec::render(found, &request, &answer))
    }
}

fn read(app: &App, body: &[u8], params: &UrlParams, fields: &Mapping) -> Result<SearchRequest, EsError> {
    let mut request = codec::read(body, params, &Zone::of(app).reading(fields))?;
    let settings = app.logs.settings();
    request.query = settings.masked(request.query);
    request.post_filter = request.post_filter.map(|query| settings.masked(query));
    Ok(request)
}

async fn run(app: &App, snapshot: Snapshot, search: LogSearch) -> Result<LogFound, EsError> {
    let found = app
        .logs
        .ask_at(snapshot, move |snapshot, cancel| snapshot.search(&search, &SearchLimits::default(), cancel));
    found.await.map_err(unasked)
}

fn head(found: &LogFound, shards: usize, started: Instant) -> SearchAnswer<'static> {
    for damage in &found.damage {
        tracing::error!(%damage, "a search could not read everything");
    }
    SearchAnswer {
        took: millis(started),
        timed_out: false,
        shards: Shards { total: shards, failed: usize::from(!found.damage.is_empty()) },
        scroll_id: None,
        pit_id: None,
    }
}

fn millis(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

async fn begin_scroll(app: &Arc<App>, asked: Asked, started: Instant) -> Outcome {
    let Asked { request, indices, snapshot, .. } = asked;
    let keep_alive = request.scroll;
    let id = app.contexts.open(snapshot, indices, Some(Scroll { request, after: None }), keep_alive)?;
    page(app, &id, None, started).await
}

/// The next page of a scroll.
async fn page(app: &Arc<App>, id: &str, keep_alive: Option<u64>, started: Instant) -> Outcome {
    let Context { snapshot, indices, scroll, .. } = app.contexts.get(id, keep_alive)?;
    let Some(Scroll { request, after }) = scroll else { return Err(EsError::no_context(id)) };
    let shards = indices.len();
    let mut search = request.search(indices);
    if after.is_some() {
        search.after.clone_from(&after);
        search.aggregations.clear();
    }
    let found = run(app, snapshot, search).await?;
    let end = found.hits.last().map(|hit| {
        let seq = Number::Int(i64::try_from(hit.record.seq).unwrap_or(i64::MAX));
        hit.sort.iter().cloned().chain([SortValue::Number(seq)]).collect()
    });
    app.contexts.advance(id, end.or(after));
    let answer = SearchAnswer { scroll_id: Some(id), ..head(&found, shards, started) };
    Ok(Answer { warnings: request.departures(), ..Answer::json(codec::render(found, &request, &answer)) })
}

/// `_search/scroll`
pub(super) async fn scroll(app: &Arc<App>, request: Request) -> Outcome {
    let started = Instant::now();
    request.params.only(cursor::SCROLL_PARAMETERS)?;
    let name = request.name.clone();
    let (body, params) = request.body(app).await?;
    let zone = Zone::of(app);
    let wanted = cursor::read_scroll(&body, name.as_deref(), &params, &zone.reading(&Mapping::default()))?;
    page(app, &wanted.id, wanted.keep_alive, started).await
}

/// `DELETE _search/scroll`
pub(super) async fn end_scroll(app: &Arc<App>, request: Request) -> Outcome {
    let name = request.name.clone();
    let (body, _) = request.body(app).await?;
    let zone = Zone::of(app);
    let freed = match cursor::read_clear_scroll(&body, name.as_deref(), &zone.reading(&Mapping::default()))? {
        Some(ids) => app.contexts.close(&ids),
        None => app.contexts.close_scrolls(),
    };
    Ok(freed_answer(freed))
}

fn freed_answer(freed: usize) -> Answer {
    let status = if freed == 0 { StatusCode::NOT_FOUND } else { StatusCode::OK };
    Answer::json(cursor::render_freed(freed)).with_status(status)
}

/// `POST /{index}/_pit?keep_alive=1m`
pub(super) fn open_point(app: &App, request: &Request) -> Outcome {
    request.params.only(cursor::PIT_PARAMETERS)?;
    let keep_alive = cursor::read_open_pit(&request.params)?;
    let indices = Known::now(app).resolve(request.index.as_deref(), &request.params)?;
    let total = indices.len();
    let id = app.contexts.open(app.logs.store().snapshot(), indices, None, Some(keep_alive))?;
    Ok(Answer::json(cursor::render_pit(&id, Shards { total, failed: 0 })))
}

/// `DELETE _pit`
pub(super) async fn close_point(app: &Arc<App>, request: Request) -> Outcome {
    let (body, _) = request.body(app).await?;
    let zone = Zone::of(app);
    let id = cursor::read_close_pit(&body, &zone.reading(&Mapping::default()))?;
    Ok(freed_answer(app.contexts.close(&[id])))
}

/// `_msearch`: one after the other; a search that cannot be answered leaves the others alone.
pub(super) async fn multi(app: &Arc<App>, request: Request) -> Outcome {
    let started = Instant::now();
    request.params.only(several::PARAMETERS)?;
    let (index, params) = (request.index.clone(), request.params.clone());
    let document = Document::read(request.call, several::MULTI_BYTES_MAX, &app.forms)
        .await
        .map_err(|error| unread(&error))?;
    let (known, zone) = (Known::now(app), Zone::of(app));
    let items = several::split(&document.bytes, &params, &zone.reading(&Mapping::default()))?;
    let (mut answers, mut warnings) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        let names = match (item.indices.is_empty(), &index) {
            (true, Some(index)) => index.split(',').map(str::to_owned).collect(),
            _ => item.indices,
        };
        let asked = known
            .resolve_names(&names, item.options)
            .and_then(|indices| Asked::read(app, &known, indices, item.body, &params));
        answers.push(match asked {
            Ok(asked) => {
                warnings.extend(asked.request.departures());
                asked.answer(app, Instant::now()).await
            }
            // What cannot be read is the answer to all of it; what only the shards would know, to one.
            Err(error) if error.status == 400 && !error.in_shards => return Err(error),
            Err(error) => Err(error),
        });
    }
    warnings.dedup();
    warnings.truncate(WARNINGS_MAX);
    Ok(Answer { warnings, ..Answer::json(several::render(millis(started), &answers)) })
}

/// `_count`
pub(super) async fn count(app: &Arc<App>, request: Request) -> Outcome {
    request.params.only(counting::PARAMETERS)?;
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    let (body, params) = request.body(app).await?;
    let query = counting::read(&body, &params, &Zone::of(app).reading(&known.mapping(&indices)))?;
    let query = app.logs.settings().masked(query);
    let total = indices.len();
    let count = app.logs.ask(move |snapshot, cancel| count_of(snapshot, indices, query, cancel));
    let count = count.await.map_err(unasked)?;
    Ok(Answer::json(counting::render(count, Shards { total, failed: 0 })))
}

/// How many records these indices have.
pub(super) async fn count_all(app: &App, indices: Vec<String>) -> Result<u64, EsError> {
    let count = app.logs.ask(move |snapshot, cancel| count_of(snapshot, indices, LogQuery::All, cancel));
    count.await.map_err(unasked)
}

/// How many records a query finds.
pub(super) fn count_of(
    snapshot: &Snapshot,
    indices: Vec<String>,
    query: LogQuery,
    cancel: &Cancel,
) -> Result<u64, SearchError> {
    let search = LogSearch { total: TotalWanted::Exact, ..LogSearch::new(indices, query, 0) };
    snapshot.search(&search, &SearchLimits::default(), cancel).map(|found| found.total)
}

/// `_validate/query`
pub(super) async fn validate(app: &Arc<App>, request: Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    let (body, params) = request.body(app).await?;
    let shards = json!({ "total": 1, "successful": 1, "failed": 0 });
    let answer = match counting::read(&body, &params, &Zone::of(app).reading(&known.mapping(&indices))) {
        Ok(_) => json!({ "valid": true, "_shards": shards }),
        Err(error) if error.status == 400 => {
            json!({ "valid": false, "_shards": shards, "error": format!("{}: {}", error.kind, error.reason) })
        }
        Err(error) => return Err(error),
    };
    Ok(Answer::value(&answer))
}
