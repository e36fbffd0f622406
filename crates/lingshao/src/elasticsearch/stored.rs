//! Templates, pipelines, policies, data streams: kept and given back, without effect.

use std::sync::Arc;

use http::StatusCode;
use lingshao_wire::es::{EsError, glob};
use serde_json::{Map, Value, json};

use super::{Answer, Outcome, Request};
use crate::app::App;
use crate::state::{DocumentStore, StateError};

/// What is kept, and where.
pub(crate) type Stored = DocumentStore;

/// A document of some kind in the path, and how lists of it look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Template,
    IndexTemplate,
    ComponentTemplate,
    Pipeline,
    Policy,
    DataStream,
}

impl Kind {
    fn of(request: &Request) -> Kind {
        match request.call.parts.uri.path() {
            path if path.starts_with("/_index_template") => Kind::IndexTemplate,
            path if path.starts_with("/_component_template") => Kind::ComponentTemplate,
            path if path.starts_with("/_ingest") => Kind::Pipeline,
            path if path.starts_with("/_ilm") => Kind::Policy,
            path if path.starts_with("/_data_stream") => Kind::DataStream,
            _ => Kind::Template,
        }
    }

    /// In the table.
    fn name(self) -> &'static str {
        match self {
            Kind::Template => "template",
            Kind::IndexTemplate => "index_template",
            Kind::ComponentTemplate => "component_template",
            Kind::Pipeline => "pipeline",
            Kind::Policy => "policy",
            Kind::DataStream => "data_stream",
        }
    }

    /// As Elasticsearch lists them.
    fn list(self, found: Vec<(String, Value)>) -> Value {
        let in_list = |items: &'static str, item: &'static str| {
            let list = found.iter().map(|(name, body)| json!({ "name": name, item: body }));
            json!({ items: list.collect::<Vec<_>>() })
        };
        match self {
            Kind::Template | Kind::Pipeline => Value::Object(found.into_iter().collect::<Map<_, _>>()),
            Kind::Policy => {
                let policies = found.into_iter().map(|(name, body)| {
                    let policy = json!({ "version": 1, "modified_date": "1970-01-01T00:00:00.000Z", "policy": body["policy"] });
                    (name, policy)
                });
                Value::Object(policies.collect())
            }
            Kind::IndexTemplate => in_list("index_templates", "index_template"),
            Kind::ComponentTemplate => in_list("component_templates", "component_template"),
            Kind::DataStream => {
                let streams = found.iter().map(|(name, _)| {
                    json!({ "name": name, "timestamp_field": {"name": "@timestamp"}, "indices": [], "generation": 1,
                            "status": "GREEN" })
                });
                json!({ "data_streams": streams.collect::<Vec<_>>() })
            }
        }
    }
}

fn failed(error: StateError) -> EsError {
    EsError::new(503, "unavailable_exception", format!("{:#}", anyhow::Error::new(error)))
}

pub(super) async fn put(app: &Arc<App>, request: Request) -> Outcome {
    let (kind, name) = (Kind::of(&request), request.name.clone().unwrap_or_default());
    let (body, _) = request.body(app).await?;
    let text = if body.is_empty() { "{}".to_owned() } else { String::from_utf8_lossy(&body).into_owned() };
    if let Err(error) = serde_json::from_str::<Map<String, Value>>(&text) {
        return Err(EsError::new(400, "parse_exception", format!("the body is no JSON object: {error}")));
    }
    if !app.stored.put(kind.name(), &name, &text).await.map_err(failed)? {
        let reason = "there are too many templates, pipelines and policies already; delete some";
        return Err(EsError::argument(reason));
    }
    Ok(Answer::value(&json!({ "acknowledged": true })))
}

pub(super) async fn get(app: &Arc<App>, request: &Request) -> Outcome {
    let kind = Kind::of(request);
    let wanted = request.name.as_deref().unwrap_or("*");
    let is_wanted = |name: &str| wanted.split(',').any(|pattern| glob::matches(pattern, name));
    let found = app.stored.of_kind(kind.name()).await.map_err(failed)?;
    let found: Vec<(String, Value)> = found
        .into_iter()
        .filter(|(name, _)| is_wanted(name))
        .map(|(name, body)| (name, serde_json::from_str(&body).unwrap_or(Value::Null)))
        .collect();
    let is_missing = found.is_empty() && request.name.is_some() && !wanted.contains('*');
    if !is_missing {
        return Ok(Answer::value(&kind.list(found)));
    }
    match kind {
        Kind::Template | Kind::Pipeline => Ok(Answer::value(&json!({})).with_status(StatusCode::NOT_FOUND)),
        _ => Err(missing(kind, wanted)),
    }
}

pub(super) async fn delete(app: &Arc<App>, request: &Request) -> Outcome {
    let (kind, name) = (Kind::of(request), request.name.as_deref().unwrap_or(""));
    match app.stored.remove(kind.name(), name).await.map_err(failed)? {
        true => Ok(Answer::value(&json!({ "acknowledged": true }))),
        false => Err(missing(kind, name)),
    }
}

fn missing(kind: Kind, name: &str) -> EsError {
    EsError::new(404, "resource_not_found_exception", format!("{} matching [{name}] not found", kind.name()))
}
