//! `export`: all records of a question as a file, in pieces, oldest first.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use lingshao_logs::{SearchLimits, Snapshot};
use lingshao_model::log::{LogHit, LogSearch};
use lingshao_wire::log_json;
use tokio::sync::mpsc;

use super::question::{Scope, Which};
use super::search::{SIZE_MAX, by_time, place};
use super::{Refusal, render};
use crate::app::App;
use crate::server::reply::{Content, Reply};
use crate::server::request::{Call, Parameters};

/// Most records of a file: some 300 MB; a spreadsheet takes no more rows than this.
const RECORDS_MAX: usize = 1_000_000;
/// Pieces that wait for the client: about a megabyte.
const PIECES_WAITING: usize = 4;

#[derive(Clone, Debug)]
enum Format {
    Ndjson,
    /// With these columns behind time, level and message.
    Csv(Vec<String>),
}

/// `export`
pub(in crate::api) async fn export(app: &Arc<App>, call: Call) -> Reply {
    answer(app, call).await.unwrap_or_else(|refusal| refusal.render())
}

async fn answer(app: &Arc<App>, call: Call) -> Result<Reply, Refusal> {
    let parameters = Parameters::read(call, &app.forms).await?;
    let get = |name| parameters.get(name);
    let format = match get("format").unwrap_or("ndjson") {
        "ndjson" => Format::Ndjson,
        "csv" => Format::Csv(
            get("fields")
                .unwrap_or("")
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
        other => {
            return Err(Refusal::Parameter(format!("`format`: `{other}` is neither `ndjson` nor `csv`")));
        }
    };
    let scope = Which::new(get("query").unwrap_or(""), get("from"), get("to"), get("index")).resolve(app)?;
    let (kind, name) = match format {
        Format::Ndjson => ("application/x-ndjson", "attachment; filename=\"logs.ndjson\""),
        Format::Csv(_) => ("text/csv; charset=utf-8", "attachment; filename=\"logs.csv\""),
    };
    let (pieces, taken) = mpsc::channel(PIECES_WAITING);
    tokio::spawn(write(app.clone(), scope, format, pieces));
    let mut reply = Response::new(Content::Pieces(taken));
    *reply.status_mut() = StatusCode::OK;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(reply)
}

/// Page after page of one moment, until the end, the limit, or until nobody takes them any more.
async fn write(app: Arc<App>, scope: Scope, format: Format, pieces: mpsc::Sender<Bytes>) {
    let snapshot = app.logs.store().snapshot();
    let mut search = LogSearch {
        sort: vec![by_time(false)],
        ..LogSearch::new(scope.indices.clone(), scope.whole_query(), SIZE_MAX)
    };
    if pieces.send(head(&format)).await.is_err() {
        return;
    }
    let mut written = 0;
    loop {
        let hits = match page(&app, snapshot.clone(), search.clone()).await {
            Ok(hits) => hits,
            Err(error) => {
                // The status has been sent: the file says that it is not whole.
                drop(pieces.send(note(&format, &format!("the export ended early: {error}"))).await);
                return;
            }
        };
        written += hits.len();
        let Some(last) = hits.last() else { return };
        search.after = Some(place(last.record.time, last.record.seq));
        if pieces.send(rows(&format, &hits)).await.is_err() {
            return;
        }
        if RECORDS_MAX <= written {
            let why = format!("the export ends after {RECORDS_MAX} records; ask for a shorter time");
            drop(pieces.send(note(&format, &why)).await);
            return;
        }
    }
}

async fn page(app: &App, snapshot: Snapshot, search: LogSearch) -> Result<Vec<LogHit>, Refusal> {
    let limits = SearchLimits::default();
    let found = app.logs.ask_at(snapshot, move |snapshot, cancel| snapshot.search(&search, &limits, cancel));
    Ok(found.await?.hits)
}

fn head(format: &Format) -> Bytes {
    match format {
        Format::Ndjson => Bytes::new(),
        Format::Csv(fields) => {
            let columns = ["time", "level", "message"].into_iter().chain(fields.iter().map(String::as_str));
            // The mark lets Excel read Chinese.
            Bytes::from(format!("\u{feff}{}\r\n", columns.map(quoted).collect::<Vec<_>>().join(",")))
        }
    }
}

fn rows(format: &Format, hits: &[LogHit]) -> Bytes {
    let mut out = Vec::new();
    for LogHit { record, .. } in hits {
        match format {
            Format::Ndjson => {
                log_json::write(record, &mut out);
                out.push(b'\n');
            }
            Format::Csv(fields) => {
                let of = |name: &str| record.value(name).map(render::cell).unwrap_or_default();
                let level = record.level.map_or("", |level| level.name()).to_owned();
                let first = [record.time.to_string(), level, of("message")];
                let cells = first.into_iter().chain(fields.iter().map(|name| of(name)));
                let line = cells.map(|cell| quoted(&cell)).collect::<Vec<_>>().join(",");
                out.extend_from_slice(line.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
    }
    Bytes::from(out)
}

/// A last line that no reader takes for a record.
fn note(format: &Format, why: &str) -> Bytes {
    match format {
        Format::Ndjson => Bytes::from(format!("{}\n", serde_json::json!({ "_export": why }))),
        Format::Csv(_) => Bytes::from(format!("{}\r\n", quoted(why))),
    }
}

/// RFC 4180; a cell that a spreadsheet would compute gets an apostrophe before it.
fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !cell.contains(['"', ',', '\n', '\r']) {
        return cell.to_owned();
    }
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, expected: &str) {
        assert_eq!(quoted(cell), expected);
    }

    #[test]
    fn cells_are_quoted_and_never_computed() {
        check("支付失败", "支付失败");
        check("a,b", "\"a,b\"");
        check("say \"x\"", "\"say \"\"x\"\"\"");
        check("=1+2", "\"'=1+2\"");
        check("", "");
    }
}
