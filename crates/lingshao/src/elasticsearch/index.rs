//! Indices: made, described, renamed, told about, deleted. What is changed is durable when it is answered.

use std::sync::Arc;

use http::StatusCode;
use lingshao_disk::Commit;
use lingshao_logs::IndexError;
use lingshao_model::log::{LogQuery, LogTime, SeenField};
use lingshao_wire::es::indices::{self as codec, AliasAction, IndexOptions};
use lingshao_wire::es::mapping::{self, IndexFields};
use lingshao_wire::es::search::Shards;
use lingshao_wire::es::{EsError, glob, info};
use serde_json::json;
use serde_json::value::RawValue;

use super::names::{Kept, Known};
use super::{Answer, Outcome, Request, Zone, at, unasked};
use crate::app::App;

fn refused(error: IndexError) -> EsError {
    match &error {
        IndexError::Exists(name) => EsError::index_exists(name),
        IndexError::Missing(name) => EsError::no_index(name),
        IndexError::Refused(_) => EsError::new(400, "invalid_index_name_exception", error.to_string()),
        IndexError::FieldKind { .. } | IndexError::TooManyFields { .. } => {
            EsError::argument(error.to_string())
        }
        IndexError::Wal(_) => {
            EsError::new(503, "unavailable_exception", format!("{:#}", anyhow::Error::new(error)))
        }
    }
}

async fn durable(app: &App, commit: Commit) -> Result<(), EsError> {
    let outcome = app.logs.durable(commit).await;
    outcome.map_err(|error| EsError::new(503, "unavailable_exception", error.to_string()))
}

/// `PUT /{index}`
pub(super) async fn create(app: &Arc<App>, request: Request) -> Outcome {
    let name = request.index().to_owned();
    let (body, _) = request.body(app).await?;
    let zone = Zone::of(app);
    let wanted = codec::read_index(&body, &zone.reading(&Default::default()))?;
    let settings = RawValue::from_string(wanted.settings).ok();
    let kept = Kept { settings, aliases: wanted.aliases };
    let commit =
        app.logs.store().create_index(&name, wanted.mapping, &kept.to_text(), at()).map_err(refused)?;
    durable(app, commit).await?;
    Ok(Answer::json(info::created(&name)))
}

/// `GET /{index}`, `HEAD /{index}`
pub(super) fn get(app: &App, request: &Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    let mut body = b"{".to_vec();
    for facts in known.facts(&indices) {
        let name = [facts.name.to_owned()];
        let fields = fields_of(app, &known, &name);
        let index = info::index(&facts, &mapping::render(&as_fields(&known, &name, &fields)));
        if body.len() > 1 {
            body.push(b',');
        }
        // One object of one member each.
        body.extend_from_slice(
            index.strip_prefix(b"{").and_then(|own| own.strip_suffix(b"}")).unwrap_or(&index),
        );
    }
    body.push(b'}');
    Ok(Answer::json(body))
}

/// `DELETE /{index}`
pub(super) async fn delete(app: &Arc<App>, request: &Request) -> Outcome {
    let known = Known::now(app);
    let wanted = request.index();
    if wanted.split(',').any(|name| name == "_all" || name.contains('*')) {
        // As Elasticsearch has it since version 8 (`action.destructive_requires_name`).
        return Err(EsError::argument("Wildcard expressions or all indices are not allowed"));
    }
    if let Some(alias) = wanted.split(',').find(|name| known.aliases().contains_key(*name)) {
        let reason = format!(
            "The provided expression [{alias}] matches an alias, specify the corresponding concrete indices instead."
        );
        return Err(EsError::argument(reason));
    }
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    for index in indices {
        let commit = app.logs.store().delete_index(&index).map_err(refused)?;
        durable(app, commit).await?;
    }
    Ok(Answer::json(info::acknowledged()))
}

/// What records of each of these indices have had.
fn fields_of(app: &App, known: &Known, indices: &[String]) -> Vec<(String, Vec<SeenField>)> {
    let snapshot = app.logs.store().snapshot();
    let fields = |name: &String| {
        let seen = snapshot.fields(std::slice::from_ref(name), LogTime::MIN, LogTime::MAX);
        (name.clone(), seen)
    };
    known.chosen(indices).map(|(info, _)| fields(&info.name)).collect()
}

fn as_fields<'a>(
    known: &'a Known,
    indices: &[String],
    fields: &'a [(String, Vec<SeenField>)],
) -> Vec<IndexFields<'a>> {
    let seen = |name: &str| {
        let found = fields.iter().find(|(own, _)| own == name);
        found.map_or(&[][..], |(_, seen)| seen.as_slice())
    };
    known
        .chosen(indices)
        .map(|(info, _)| IndexFields { index: &info.name, mapping: &info.mapping, seen: seen(&info.name) })
        .collect()
}

/// `GET /{index}/_mapping`, `GET /{index}/_mapping/field/{name}`
pub(super) fn get_mapping(app: &App, request: &Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    let fields = fields_of(app, &known, &indices);
    let fields = as_fields(&known, &indices, &fields);
    let body = match &request.name {
        Some(names) => {
            let patterns: Vec<String> = names.split(',').map(str::to_owned).collect();
            mapping::render_fields(&fields, &patterns)
        }
        None => mapping::render(&fields),
    };
    Ok(Answer::json(body))
}

/// `PUT /{index}/_mapping`
pub(super) async fn put_mapping(app: &Arc<App>, request: Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    let (body, _) = request.body(app).await?;
    let zone = Zone::of(app);
    for (info, kept) in known.chosen(&indices) {
        let wanted = mapping::read(&body, kept.settings(), &zone.reading(&info.mapping))?;
        let commit = app.logs.store().put_mapping(&info.name, wanted).map_err(refused)?;
        durable(app, commit).await?;
    }
    Ok(Answer::json(info::acknowledged()))
}

/// `_field_caps`
pub(super) async fn field_capabilities(app: &Arc<App>, request: Request) -> Outcome {
    let known = Known::now(app);
    let mut indices = known.resolve(request.index.as_deref(), &request.params)?;
    let (body, params) = request.body(app).await?;
    params.only(mapping::FIELD_CAPS_PARAMETERS)?;
    let zone = Zone::of(app);
    let wanted = mapping::read_field_caps(&body, &params, &zone.reading(&known.mapping(&indices)))?;
    if let Some(filter) = wanted.index_filter.clone() {
        indices = with_records(app, indices, filter).await?;
    }
    let fields = fields_of(app, &known, &indices);
    Ok(Answer::json(mapping::render_field_caps(&as_fields(&known, &indices, &fields), &wanted)))
}

/// Those in which a query finds something.
async fn with_records(app: &Arc<App>, indices: Vec<String>, query: LogQuery) -> Result<Vec<String>, EsError> {
    let found = app.logs.ask(move |snapshot, cancel| {
        let mut kept = Vec::new();
        for index in indices {
            if super::search::count_of(snapshot, vec![index.clone()], query.clone(), cancel)? > 0 {
                kept.push(index);
            }
        }
        Ok(kept)
    });
    found.await.map_err(unasked)
}

/// `GET /{index}/_settings`
pub(super) fn get_settings(app: &App, request: &Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    Ok(Answer::json(info::settings(&known.facts(&indices))))
}

/// `PUT /{index}/_settings`: kept and given back, without effect.
pub(super) async fn put_settings(app: &Arc<App>, request: Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    let (body, _) = request.body(app).await?;
    let changes: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&body)
        .map_err(|error| EsError::new(400, "x_content_parse_exception", error.to_string()))?;
    for (info, kept) in known.chosen(&indices) {
        let mut settings: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(kept.settings()).unwrap_or_default();
        settings.extend(changes.clone());
        let settings = serde_json::value::to_raw_value(&settings).ok();
        let kept = Kept { settings, aliases: kept.aliases.clone() };
        let commit = app.logs.store().put_settings(&info.name, &kept.to_text()).map_err(refused)?;
        durable(app, commit).await?;
    }
    Ok(Answer::json(info::acknowledged()))
}

/// `_refresh`, `_flush` and their like: what is acknowledged is found already.
pub(super) fn refresh(app: &App, request: &Request) -> Outcome {
    let total = Known::now(app).resolve(request.index.as_deref(), &request.params)?.len();
    Ok(Answer::json(info::refreshed(Shards { total, failed: 0 })))
}

/// `_stats`
pub(super) fn statistics(app: &App, request: &Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    Ok(Answer::json(info::stats(&known.facts(&indices))))
}

/// `_alias`, `/{index}/_alias`, `/_alias/{name}`
pub(super) fn get_aliases(app: &App, request: &Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    let facts = known.facts(&indices);
    let Some(wanted) = &request.name else { return Ok(Answer::json(info::aliases(&facts))) };
    let is_wanted = |alias: &String| wanted.split(',').any(|pattern| glob::matches(pattern, alias));
    let narrowed: Vec<(usize, Vec<String>)> = facts
        .iter()
        .enumerate()
        .map(|(place, facts)| {
            (place, facts.aliases.iter().filter(|alias| is_wanted(alias)).cloned().collect())
        })
        .filter(|(_, aliases): &(usize, Vec<String>)| !aliases.is_empty())
        .collect();
    if narrowed.is_empty() && !wanted.contains('*') {
        let error = json!({ "error": format!("alias [{wanted}] missing"), "status": 404 });
        return Ok(Answer::value(&error).with_status(StatusCode::NOT_FOUND));
    }
    let facts: Vec<_> =
        narrowed.iter().map(|(place, aliases)| info::IndexFacts { aliases, ..facts[*place] }).collect();
    Ok(Answer::json(info::aliases(&facts)))
}

/// `POST /_aliases`
pub(super) async fn change_aliases(app: &Arc<App>, request: Request) -> Outcome {
    let (body, _) = request.body(app).await?;
    let zone = Zone::of(app);
    for action in codec::read_aliases(&body, &zone.reading(&Default::default()))? {
        change(app, action).await?;
    }
    Ok(Answer::json(info::acknowledged()))
}

/// `PUT /{index}/_alias/{name}`
pub(super) async fn put_alias(app: &Arc<App>, request: &Request) -> Outcome {
    let indices = request.index().split(',').map(str::to_owned).collect();
    change(app, AliasAction::Add { indices, aliases: request.name.clone().into_iter().collect() }).await?;
    Ok(Answer::json(info::acknowledged()))
}

/// `DELETE /{index}/_alias/{name}`
pub(super) async fn delete_alias(app: &Arc<App>, request: &Request) -> Outcome {
    let indices = request.index().split(',').map(str::to_owned).collect();
    let aliases = request.name.as_deref().unwrap_or("").split(',').map(str::to_owned).collect();
    change(app, AliasAction::Remove { indices, aliases, must_exist: true }).await?;
    Ok(Answer::json(info::acknowledged()))
}

async fn change(app: &Arc<App>, action: AliasAction) -> Result<(), EsError> {
    let known = Known::now(app);
    let resolve = |names: &[String]| known.resolve_names(names, IndexOptions::default());
    match action {
        AliasAction::Add { indices, aliases } => {
            for (info, kept) in known.chosen(&resolve(&indices)?) {
                let mut all = kept.aliases.clone();
                all.extend(aliases.iter().filter(|alias| !kept.aliases.contains(alias)).cloned());
                keep_aliases(app, &info.name, kept, all).await?;
            }
        }
        AliasAction::Remove { indices, aliases, must_exist } => {
            let is_meant = |alias: &String| aliases.iter().any(|pattern| glob::matches(pattern, alias));
            let mut found = false;
            for (info, kept) in known.chosen(&resolve(&indices)?) {
                let left: Vec<String> =
                    kept.aliases.iter().filter(|alias| !is_meant(alias)).cloned().collect();
                found |= left.len() < kept.aliases.len();
                keep_aliases(app, &info.name, kept, left).await?;
            }
            if must_exist && !found {
                let reason = format!("aliases [{}] missing", aliases.join(","));
                return Err(EsError::new(404, "aliases_not_found_exception", reason));
            }
        }
        AliasAction::RemoveIndex { indices } => {
            // A route of its own needs the administrator's right.
            let reason = format!("[remove_index] is not offered: DELETE /{} does it", indices.join(","));
            return Err(EsError::argument(reason));
        }
    }
    Ok(())
}

async fn keep_aliases(app: &App, index: &str, kept: &Kept, aliases: Vec<String>) -> Result<(), EsError> {
    let kept = Kept { settings: kept.settings.clone(), aliases };
    let commit = app.logs.store().put_settings(index, &kept.to_text()).map_err(refused)?;
    durable(app, commit).await
}
