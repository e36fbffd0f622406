//! `fields`: what stands in records; `values`: what stands in one field.

use std::sync::Arc;

use http::StatusCode;
use lingshao_logs::SearchLimits;
use lingshao_model::log::{
    Aggregation, AggregationKind, AggregationResult, BucketOrder, LogSearch, SeenField, TermsSelection,
    TotalWanted, ValueSource,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::question::Which;
use super::{Refusal, body, names, render};
use crate::app::App;
use crate::server::reply::{self, Reply};
use crate::server::request::Call;

/// Values of one answer.
const VALUES_MAX: usize = 500;
const VALUES_DEFAULT: usize = 10;

#[derive(Debug, Deserialize)]
struct Values {
    #[serde(flatten)]
    which: Which,
    field: String,
    #[serde(default)]
    prefix: String,
    size: Option<usize>,
}

/// `fields`
pub(in crate::api) async fn fields(app: &Arc<App>, call: Call) -> Reply {
    answer_fields(app, call).await.unwrap_or_else(|refusal| refusal.render())
}

async fn answer_fields(app: &Arc<App>, call: Call) -> Result<Reply, Refusal> {
    let which: Which = body(app, call).await?;
    let scope = which.resolve(app)?;
    let seen = app.logs.ask(move |snapshot, _| Ok(snapshot.fields(&scope.indices, scope.from, scope.to)));
    let fields: Vec<Value> = seen.await?.iter().map(field).collect();
    Ok(reply::value(StatusCode::OK, &json!({ "fields": fields })))
}

fn field(seen: &SeenField) -> Value {
    let kinds = seen.kinds;
    let kinds = names(&[
        ("text", kinds.text),
        ("date", kinds.date),
        ("ip", kinds.ip),
        ("int", kinds.int),
        ("float", kinds.float),
        ("bool", kinds.bool),
    ]);
    json!({ "name": seen.name, "kinds": kinds, "records": seen.records })
}

/// `values`
pub(in crate::api) async fn values(app: &Arc<App>, call: Call) -> Reply {
    answer_values(app, call).await.unwrap_or_else(|refusal| refusal.render())
}

async fn answer_values(app: &Arc<App>, call: Call) -> Result<Reply, Refusal> {
    let question: Values = body(app, call).await?;
    let size = question.size.unwrap_or(VALUES_DEFAULT);
    if size == 0 || VALUES_MAX < size {
        return Err(Refusal::Parameter(format!("`size` must lie between 1 and {VALUES_MAX}")));
    }
    let scope = question.which.resolve(app)?;
    let include = (!question.prefix.is_empty()).then(|| format!("(?i){}.*", regex::escape(&question.prefix)));
    let kind = AggregationKind::Terms {
        source: ValueSource { field: question.field, missing: None },
        size,
        order: vec![BucketOrder::Count { descending: true }, BucketOrder::Key { descending: false }],
        min_count: 1,
        selection: TermsSelection { include, ..TermsSelection::default() },
    };
    let search = LogSearch {
        total: TotalWanted::Exact,
        aggregations: vec![Aggregation { name: "values".to_owned(), kind, inner: Vec::new() }],
        ..LogSearch::new(scope.indices.clone(), scope.whole_query(), 0)
    };
    let found =
        app.logs.ask(move |snapshot, cancel| snapshot.search(&search, &SearchLimits::default(), cancel));
    let found = found.await?;
    let Some(AggregationResult::Buckets(buckets)) = found.aggregations.first() else {
        return Err(Refusal::Parameter("this field has no values to count".to_owned()));
    };
    let values = buckets.buckets.iter().map(|bucket| {
        let value = bucket.keys.first().map_or(Value::Null, render::key);
        json!({ "value": value, "count": bucket.count })
    });
    let answer =
        json!({ "total": found.total, "values": values.collect::<Vec<_>>(), "others": buckets.others });
    Ok(reply::value(StatusCode::OK, &answer))
}
