//! What is wrong in the rules and boards that are loaded, and in texts that somebody sends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use lingshao_promql::lint::MetricKind;
use lingshao_wire::exposition::MetricType;
use lingshao_wire::prometheus_api::ParameterError;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::answer::ApiError;
use crate::app::App;
use crate::check::live::Here;
use crate::check::{self, Finding, Scope};
use crate::clock::now;
use crate::server::reply::{self, Reply};
use crate::server::request::{Call, Document};

/// Largest text that is checked: rules of some thousand alerts, or the largest public board.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Longest check, waiting for a turn included; a shop's files take milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);

/// `findings`: of the rule files and boards that the configuration names, as they are on disk now.
pub(super) async fn findings(app: &Arc<App>) -> Result<Reply, ApiError> {
    let deadline = Instant::now() + TIMEOUT;
    let turn = app.queries.admit(app, deadline).await?;
    let live = app.live();
    let job = spawn_blocking(move || {
        let surroundings = Some(&live.surroundings);
        let scope = Scope { surroundings, deadline: Some(deadline), ..Scope::default() };
        let mut findings = check::files::faults(&live.checked_files, &|_| false, &scope);
        findings.truncate(check::FINDINGS_MAX);
        drop(turn);
        answer(&findings)
    });
    job.await.map_err(|_| ApiError::panicked())
}

/// `check`: of a rules file, a board, or an expression; with `live=1` against the data that are here.
pub(super) async fn check(app: &Arc<App>, call: Call) -> Result<Reply, ApiError> {
    let deadline = Instant::now() + TIMEOUT;
    let query = call.parts.uri.query().unwrap_or("").to_owned();
    let is_live =
        form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "live" && value == "1");
    let document = Document::read(call, TEXT_BYTES_MAX, &app.forms).await?;
    let turn = app.queries.admit(app, deadline).await?;
    let live = app.live();
    let here = is_live.then(|| (app.db.snapshot(), kinds(app)));
    let job = spawn_blocking(move || {
        let text = std::str::from_utf8(&document.bytes)
            .map_err(|error| ParameterError::new("body", format!("not UTF-8: {error}")))?;
        let here = here.map(|(snapshot, kinds)| Here::new(snapshot, kinds, now()));
        let scope = Scope {
            surroundings: Some(&live.surroundings),
            live: here.as_ref().map(|here| here as _),
            deadline: Some(deadline),
        };
        let findings = check::sent(text, &scope);
        drop(turn);
        Ok(answer(&findings))
    });
    job.await.map_err(|_| ApiError::panicked())?
}

fn answer(findings: &[Finding]) -> Reply {
    reply::json(StatusCode::OK, json!({ "findings": findings }).to_string().into_bytes())
}

/// What targets say of their metrics.
fn kinds(app: &App) -> HashMap<String, MetricKind> {
    let targets = app.scraper.targets();
    let said = targets.iter().flat_map(|target| target.last.metadata.iter());
    said.map(|(name, family)| {
        let kind = match family.kind {
            MetricType::Counter => MetricKind::Counter,
            MetricType::Gauge => MetricKind::Gauge,
            MetricType::Histogram => MetricKind::Histogram,
            _ => MetricKind::Other,
        };
        (name.clone(), kind)
    })
    .collect()
}
