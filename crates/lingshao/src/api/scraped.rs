//! What is scraped, how it went, and what the pages say about their metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use lingshao_model::{Labels, Matcher};
use lingshao_wire::prometheus_api::ParameterError;
use lingshao_wire::rfc3339;
use serde_json::{Map, Value, json};

use super::answer::{ApiError, success};
use super::query::limit;
use crate::app::App;
use crate::scrape::{Family, TargetView};
use crate::server::reply::Reply;
use crate::server::request::Parameters;

type Answer = Result<Reply, ApiError>;

fn object(labels: &Labels) -> Value {
    let pairs = labels.iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// `targets`: active and dropped ones.
pub(super) fn targets(app: &App, parameters: &Parameters) -> Answer {
    let state = parameters.get("state").unwrap_or("any").to_ascii_lowercase();
    let pool = parameters.get("scrapePool");
    let wanted = |name: &str| pool.is_none_or(|pool| pool == name);
    let shows = |kind: &str| state == kind || state != "active" && state != "dropped";
    let active: Vec<Value> = app
        .scraper
        .targets()
        .iter()
        .filter(|target| shows("active") && wanted(&target.pool))
        .map(active)
        .collect();
    let pools = app.scraper.pools();
    let pools = || pools.iter().filter(|pool| shows("dropped") && wanted(&pool.name));
    let dropped: Vec<Value> = pools()
        .flat_map(|pool| pool.dropped.iter().map(|labels| (labels, &pool.name)))
        .map(|(labels, pool)| json!({"discoveredLabels": object(labels), "scrapePool": pool}))
        .collect();
    let counts: Map<String, Value> =
        pools().map(|pool| (pool.name.clone(), Value::from(pool.dropped_count))).collect();
    Ok(success(&json!({"activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts})))
}

fn active(target: &TargetView) -> Value {
    // Go's zero time, which is what clients take for "never".
    let at = target.last.at.map_or("0001-01-01T00:00:00Z".to_owned(), rfc3339::format);
    json!({
        "discoveredLabels": object(&target.discovered),
        "labels": object(&target.labels),
        "scrapePool": target.pool,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": target.last.error,
        "lastScrape": at,
        "lastScrapeDuration": target.last.took.as_seconds(),
        "health": target.last.health.as_str(),
        "scrapeInterval": target.interval.to_string(),
        "scrapeTimeout": target.timeout.to_string(),
    })
}

/// `scrape_pools`
pub(super) fn pools(app: &App) -> Answer {
    let names: Vec<Value> = app.scraper.pools().iter().map(|pool| Value::from(pool.name.as_str())).collect();
    Ok(success(&json!({"scrapePools": names})))
}

fn family(family: &Family) -> Value {
    json!({"type": family.kind.as_str(), "help": family.help, "unit": family.unit})
}

/// `metadata`: by metric, what its targets say, each saying once.
pub(super) fn metadata(app: &App, parameters: &Parameters) -> Answer {
    let metric = parameters.get("metric");
    let per_metric = positive(parameters, "limit_per_metric")?;
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for target in app.scraper.targets() {
        for (name, own) in
            target.last.metadata.iter().filter(|(name, _)| metric.is_none_or(|metric| metric == *name))
        {
            let said = found.entry(name.clone()).or_default();
            let own = family(own);
            if said.len() < per_metric && !said.contains(&own) {
                said.push(own);
            }
        }
    }
    let limit = limit(parameters)?.unwrap_or(usize::MAX);
    let object: Map<String, Value> =
        found.into_iter().take(limit).map(|(name, said)| (name, Value::from(said))).collect();
    Ok(success(&Value::Object(object)))
}

fn positive(parameters: &Parameters, name: &str) -> Result<usize, ApiError> {
    let Some(text) = parameters.get(name) else { return Ok(usize::MAX) };
    Ok(lingshao_wire::prometheus_api::limit(name, text)?.unwrap_or(usize::MAX))
}

/// `targets/metadata`: by target, what its page says.
pub(super) fn targets_metadata(app: &Arc<App>, parameters: &Parameters) -> Answer {
    let matchers: Vec<Matcher> = match parameters.get("match_target") {
        Some(text) => lingshao_promql::parse_selector(text)
            .map_err(|error| ParameterError::new("match_target", error.to_string()))?,
        None => Vec::new(),
    };
    let matches = |labels: &Labels| {
        matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or("")))
    };
    let metric = parameters.get("metric");
    let limit = limit(parameters)?.unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    for target in app.scraper.targets().iter().filter(|target| matches(&target.labels)) {
        let named =
            target.last.metadata.iter().filter(|(name, _)| metric.is_none_or(|metric| metric == *name));
        for (name, own) in named.take(limit.saturating_sub(rows.len())) {
            let mut row = family(own);
            row["target"] = object(&target.labels);
            row["metric"] = Value::from(name.as_str());
            rows.push(row);
        }
    }
    Ok(success(&Value::from(rows)))
}
