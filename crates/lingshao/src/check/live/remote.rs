//! A running server, asked over the Prometheus HTTP API.

use std::cell::RefCell;
use std::collections::HashMap;

use anyhow::anyhow;
use lingshao_promql::Expr;
use lingshao_promql::ast::VectorSelector;
use lingshao_promql::lint::{Live, MetricKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Metrics, bounds, kind, plain_text};
use crate::cli::client;
use crate::failure::Failure;

/// A server, with what it has answered. Names are asked once; everything else as it is needed, and only once.
pub(crate) struct Remote {
    url: String,
    metrics: Metrics,
    labels: RefCell<HashMap<String, Option<Vec<String>>>>,
    rows: RefCell<HashMap<String, Option<Vec<Labels>>>>,
}

/// A row's labels, with its value under the empty name.
type Labels = HashMap<String, String>;

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Vector {
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    metric: Labels,
    #[serde(default)]
    value: Option<(f64, String)>,
}

#[derive(Deserialize)]
struct Said {
    r#type: String,
}

impl Remote {
    /// Asks for the names of all metrics, so that a wrong address is told at once.
    pub(crate) fn ask(url: &str) -> Result<Remote, Failure> {
        let answer = client::ask(url, "/api/v1/label/__name__/values", &[])?;
        let shown = client::without_password(url);
        if answer.status != 200 {
            let error = anyhow!("{shown} answered {} when asked for the names of its metrics", answer.status);
            return Err(Failure::environment(error).remedy("name and password may stand in the URL"));
        }
        let names: Envelope<Vec<String>> = serde_json::from_slice(&answer.body)
            .map_err(|error| Failure::environment(anyhow!("{shown} is no Prometheus server: {error}")))?;
        let said: HashMap<String, Vec<Said>> = data(url, "/api/v1/metadata", &[]).unwrap_or_default();
        let kinds = said.into_iter().filter_map(|(name, said)| Some((name, kind(&said.first()?.r#type))));
        Ok(Remote {
            url: url.to_owned(),
            metrics: Metrics { names: names.data.into_iter().collect(), kinds: kinds.collect() },
            labels: RefCell::default(),
            rows: RefCell::default(),
        })
    }

    fn query(&self, query: &str) -> Option<Vec<Labels>> {
        let ask = || {
            let vector: Vector = data(&self.url, "/api/v1/query", &[("query", query)])?;
            let row = |row: Row| {
                let value = row.value.map(|(_, value)| (String::new(), value));
                row.metric.into_iter().chain(value).collect()
            };
            Some(vector.result.into_iter().map(row).collect())
        };
        self.rows.borrow_mut().entry(query.to_owned()).or_insert_with(ask).clone()
    }
}

/// What the server answers; nothing if it does not, or says that it cannot.
fn data<T: DeserializeOwned>(url: &str, path: &str, fields: &[(&str, &str)]) -> Option<T> {
    let answer = client::ask(url, path, fields).ok()?;
    let envelope: Envelope<Value> = serde_json::from_slice(&answer.body).ok()?;
    serde_json::from_value(envelope.data).ok()
}

impl Live for Remote {
    fn has_metric(&self, name: &str) -> Option<bool> {
        self.metrics.has(name)
    }

    fn nearest_metric(&self, name: &str) -> Option<String> {
        self.metrics.nearest(name)
    }

    fn kind(&self, name: &str) -> Option<MetricKind> {
        self.metrics.kind(name)
    }

    fn label_names(&self, selector: &VectorSelector) -> Option<Vec<String>> {
        let text = plain_text(selector);
        let ask = || data(&self.url, "/api/v1/labels", &[("match[]", &text)]);
        self.labels.borrow_mut().entry(text.clone()).or_insert_with(ask).clone()
    }

    fn bucket_bounds(&self, selector: &VectorSelector) -> Option<Vec<f64>> {
        let rows = self.query(&format!("count by (le) ({})", plain_text(selector)))?;
        Some(bounds(rows.into_iter().filter_map(|mut row| row.remove("le"))))
    }

    fn count(&self, expr: &Expr) -> Option<usize> {
        let rows = self.query(&format!("count({expr})"))?;
        let Some(row) = rows.first() else { return Some(0) };
        row.get("").and_then(|value| value.parse::<f64>().ok()).map(|count| count as usize)
    }
}
