//! `_bulk`: taken whole, answered item by item when everything is durable.

use std::sync::Arc;
use std::time::Instant;

use lingshao_logs::{AppendError, Outcome as Stored, id_of};
use lingshao_model::log::LogBatch;
use lingshao_wire::es::EsError;
use lingshao_wire::es_bulk::{self, Answer as ItemAnswer, BulkError, Item, Outcome as ItemOutcome, Planned};

use super::{Answer, Outcome, Request, unread};
use crate::app::App;
use crate::logs::take::PLAIN_BYTES_MAX;
use crate::logs::{TakeError, Taken, Work};
use crate::server::encoding::{GunzipError, gunzip, is_gzip};
use crate::server::intake::IntakeError;

/// Why a body was refused as a whole.
#[derive(Debug)]
enum Fault {
    Gzip(GunzipError),
    Bulk(BulkError),
}

/// What the answer needs of every item when the batch is gone.
struct Plan {
    items: Vec<Item>,
    /// Index and id of each record.
    names: Vec<(Arc<str>, Option<String>)>,
}

pub(super) async fn bulk(app: &Arc<App>, request: Request) -> Outcome {
    let started = Instant::now();
    let default_index = request.index.clone();
    let zipped = is_gzip(&request.call.parts.headers)
        .map_err(|error| EsError::new(415, "media_type_header_exception", error.to_string()))?;
    let body = app.logs.receive(request.call).await.map_err(untaken)?;
    let taken =
        app.logs.take_durably(body, move |bytes, work| plan(bytes, zipped, default_index.as_deref(), work));
    match taken.await {
        Ok(taken) => {
            Ok(Answer::json(render(&taken, u64::try_from(started.elapsed().as_millis()).unwrap_or(0))))
        }
        Err(error) => {
            app.logs.telemetry().overloads.add(u64::from(error.is_temporary()));
            Err(refusal(error))
        }
    }
}

fn plan(bytes: &[u8], zipped: bool, default_index: Option<&str>, work: Work<'_>) -> Result<Plan, Fault> {
    let plain = if zipped { Some(gunzip(bytes, PLAIN_BYTES_MAX).map_err(Fault::Gzip)?) } else { None };
    let Work { reader, batch, .. } = work;
    let items = es_bulk::parse(plain.as_deref().unwrap_or(bytes), default_index, reader, batch)
        .map_err(Fault::Bulk)?;
    let names = names(batch);
    Ok(Plan { items, names })
}

/// Names of indices are few and repeat.
fn names(batch: &LogBatch) -> Vec<(Arc<str>, Option<String>)> {
    let mut last: Option<Arc<str>> = None;
    let mut named = |record: lingshao_model::log::BatchRecord<'_>| {
        let index = match &last {
            Some(index) if **index == *record.index() => index.clone(),
            _ => last.insert(record.index().into()).clone(),
        };
        (index, record.id().map(str::to_owned))
    };
    batch.records().map(&mut named).collect()
}

fn render(taken: &Taken<Plan>, took: u64) -> Vec<u8> {
    let Taken { plan, outcomes, .. } = taken;
    // Made before the answers, which borrow them.
    let ids: Vec<String> = outcomes
        .iter()
        .zip(&plan.names)
        .map(|(outcome, (_, id))| match (id, outcome) {
            (Some(id), _) => id.clone(),
            (None, Stored::Created { seq } | Stored::Same { seq } | Stored::Conflict { seq }) => id_of(*seq),
            (None, Stored::Refused(_)) => String::new(),
        })
        .collect();
    let reasons: Vec<String> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Stored::Refused(refusal) => refusal.to_string(),
            _ => String::new(),
        })
        .collect();
    let answers = plan.items.iter().map(|item| match &item.planned {
        Planned::Record(place) => ItemAnswer {
            verb: item.verb,
            index: &plan.names[*place].0,
            id: Some(ids[*place].as_str()).filter(|id| !id.is_empty()),
            outcome: outcome(&outcomes[*place], &reasons[*place]),
        },
        Planned::Refused(refusal) => ItemAnswer {
            verb: item.verb,
            index: &refusal.index,
            id: refusal.id.as_deref(),
            outcome: ItemOutcome::Refused {
                status: refusal.status,
                kind: refusal.kind,
                reason: &refusal.reason,
            },
        },
    });
    es_bulk::render(took, answers)
}

fn outcome<'a>(stored: &Stored, reason: &'a str) -> ItemOutcome<'a> {
    match stored {
        Stored::Created { seq } => ItemOutcome::Created { seq: *seq },
        Stored::Same { seq } => ItemOutcome::Repeated { seq: *seq },
        Stored::Conflict { .. } => ItemOutcome::Conflict,
        Stored::Refused(_) => {
            ItemOutcome::Refused { status: 400, kind: "document_parsing_exception", reason }
        }
    }
}

pub(super) fn untaken(error: IntakeError) -> EsError {
    match error {
        IntakeError::Body(error) => unread(&error),
        IntakeError::Overloaded(_) => EsError::rejected(error.to_string()),
        IntakeError::Panicked => EsError::new(500, "exception", error.to_string()),
    }
}

fn refusal(error: TakeError<Fault>) -> EsError {
    match error {
        TakeError::Decode(Fault::Gzip(GunzipError::TooLarge(_))) => {
            let reason =
                format!("the body unpacks to more than {PLAIN_BYTES_MAX} bytes; send smaller requests");
            EsError::new(413, "content_too_long_exception", reason)
        }
        TakeError::Decode(Fault::Gzip(error)) => EsError::new(400, "zip_exception", error.to_string()),
        TakeError::Decode(Fault::Bulk(error)) => EsError::new(error.status, error.kind, error.reason),
        TakeError::Append(error) => unappended(&error),
        TakeError::Intake(error) => untaken(error),
        TakeError::Sync(error) => EsError::new(503, "unavailable_exception", error.to_string()),
    }
}

/// Why nothing of a batch was kept.
pub(super) fn unappended(error: &AppendError) -> EsError {
    match error {
        AppendError::TooLarge { .. } => EsError::new(413, "content_too_long_exception", error.to_string()),
        AppendError::Busy { .. } | AppendError::Full(_) => EsError::rejected(error.to_string()),
        AppendError::Failed(_) => EsError::new(503, "unavailable_exception", error.to_string()),
    }
}
