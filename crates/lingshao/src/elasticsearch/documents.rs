//! Single records: kept like a `_bulk` of one, found by their id, never changed.

use std::sync::Arc;

use http::StatusCode;
use lingshao_logs::{Outcome as Stored, SearchLimits, id_of};
use lingshao_model::log::{LogQuery, LogSearch};
use lingshao_wire::es::EsError;
use lingshao_wire::log_json::{self, RecordContext, RecordError};
use serde_json::json;

use super::bulk::{unappended, untaken};
use super::names::Known;
use super::{Answer, Outcome, Request, unasked};
use crate::app::App;
use crate::logs::TakeError;

pub(super) fn immutable() -> EsError {
    EsError::argument(
        "records are immutable here: they are neither changed nor deleted one by one; old days are \
                       deleted by `logs.retention`, whole indices by DELETE /INDEX",
    )
}

/// `POST /{index}/_doc`, `PUT /{index}/_doc/{id}`, `PUT /{index}/_create/{id}`
pub(super) async fn index(app: &Arc<App>, request: Request) -> Outcome {
    let index = request.index().to_owned();
    let id = request.name.clone();
    let body = app.logs.receive(request.call).await.map_err(untaken)?;
    let (own_index, own_id) = (index.clone(), id.clone());
    let taken = app.logs.take_durably(body, move |bytes, work| {
        let text = String::from_utf8_lossy(bytes);
        let context = RecordContext { id: own_id.as_deref(), ..RecordContext::new(&own_index) };
        work.reader.record(&text, &context, work.batch)
    });
    let taken = taken.await.map_err(refusal)?;
    let Some(outcome) = taken.outcomes.into_iter().next() else {
        return Err(EsError::new(500, "exception", "the record has no outcome"));
    };
    let (seq, result, status) = match outcome {
        Stored::Created { seq } => (seq, "created", StatusCode::CREATED),
        Stored::Same { seq } => (seq, "noop", StatusCode::OK),
        Stored::Conflict { .. } => {
            let id = id.unwrap_or_default();
            let reason = format!("[{id}]: version conflict, document already exists (current version [1])");
            return Err(EsError::new(409, "version_conflict_engine_exception", reason).of_index(&index));
        }
        Stored::Refused(refusal) => {
            return Err(EsError::new(400, "document_parsing_exception", refusal.to_string()));
        }
    };
    let answer = Answer::value(&json!({
        "_index": index, "_id": id.unwrap_or_else(|| id_of(seq)), "_version": 1, "result": result,
        "_shards": {"total": 1, "successful": 1, "failed": 0}, "_seq_no": seq, "_primary_term": 1,
    }));
    Ok(answer.with_status(status))
}

fn refusal(error: TakeError<RecordError>) -> EsError {
    match error {
        TakeError::Decode(error) => EsError::new(400, "document_parsing_exception", error.to_string()),
        TakeError::Append(error) => unappended(&error),
        TakeError::Intake(error) => untaken(error),
        TakeError::Sync(error) => EsError::new(503, "unavailable_exception", error.to_string()),
    }
}

/// `GET /{index}/_doc/{id}`, `GET /{index}/_source/{id}`
pub(super) async fn get(app: &Arc<App>, request: &Request) -> Outcome {
    let known = Known::now(app);
    let indices = vec![known.one(request.index())?.0.name.clone()];
    let id = request.name.clone().unwrap_or_default();
    let search = LogSearch::new(indices, LogQuery::Ids(vec![id.clone()]), 1);
    let found =
        app.logs.ask(move |snapshot, cancel| snapshot.search(&search, &SearchLimits::default(), cancel));
    let found = found.await.map_err(unasked)?;
    let only_source = request.call.parts.uri.path().contains("/_source/");
    let Some(hit) = found.hits.first() else {
        let missing = json!({"_index": request.index(), "_id": id, "found": false});
        return Ok(Answer::value(&missing).with_status(StatusCode::NOT_FOUND));
    };
    let mut source = Vec::new();
    log_json::write(&hit.record, &mut source);
    if only_source {
        return Ok(Answer::json(source));
    }
    let head = json!({
        "_index": &*hit.record.index, "_id": hit.record.id, "_version": 1, "_seq_no": hit.record.seq,
        "_primary_term": 1, "found": true,
    });
    let mut body = head.to_string().into_bytes();
    body.pop();
    body.extend_from_slice(b",\"_source\":");
    body.extend_from_slice(&source);
    body.push(b'}');
    Ok(Answer::json(body))
}
