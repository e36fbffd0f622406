//! What clients ask before they ship, and tables for people.

use std::sync::Arc;

use lingshao_wire::es::EsError;
use lingshao_wire::es::cat::{self, CatAnswer};
use lingshao_wire::es::info::{self, Cluster};
use serde_json::json;

use super::names::Known;
use super::{Answer, Outcome, Request, at, search};
use crate::app::App;
use crate::server::routes::Elasticsearch as E;

/// The cluster's name; clients show it.
const NAME: &str = "lingshao";

pub(super) async fn answer(app: &Arc<App>, endpoint: E, request: &Request) -> Outcome {
    let known = Known::now(app);
    let indices = known.resolve(request.index.as_deref(), &request.params)?;
    let facts = known.facts(&indices);
    let address = request.call.parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let cluster = Cluster {
        name: NAME,
        node: &app.about.member,
        address: address.unwrap_or("127.0.0.1:9200"),
        indices: known.len(),
        healthy: app.telemetry.log_wal.failed.get() == 0.0,
    };
    let (params, seconds) = (&request.params, at().as_millis() / 1000);
    match endpoint {
        E::Root => Ok(Answer::json(info::root(&cluster))),
        E::ClusterHealth => Ok(Answer::json(info::health(&cluster))),
        E::ClusterSettings => Ok(Answer::json(info::cluster_settings())),
        E::ClusterStats => Ok(Answer::value(&cluster_statistics(&cluster, &facts))),
        E::Nodes => Ok(Answer::json(info::nodes(&cluster))),
        E::License => Ok(Answer::json(info::license())),
        E::XPack => Ok(Answer::json(info::xpack())),
        E::Resolve => {
            let aliases: Vec<_> =
                known.aliases().iter().map(|(alias, names)| (alias.clone(), names.clone())).collect();
            Ok(Answer::json(info::resolved(&facts, &aliases)))
        }
        E::CatIndices => table(cat::indices(&facts, params)),
        E::CatHealth => table(cat::health(&cluster, seconds, params)),
        E::CatCount => table(cat::count(search::count_all(app, indices).await?, seconds, params)),
        E::CatAliases => table(cat::aliases(&facts, params)),
        E::CatNodes => table(cat::nodes(&cluster, params)),
        E::CatTemplates => table(cat::templates(params)),
        E::CatShards => table(cat::shards(&cluster, &facts, params)),
        E::CatPlugins => Ok(Answer::text(String::new())),
        _ => Err(EsError::new(500, "exception", "this route has no answer")),
    }
}

fn table(answer: Result<CatAnswer, EsError>) -> Outcome {
    let CatAnswer { content_type, body } = answer?;
    Ok(Answer { content_type, ..Answer::json(body) })
}

fn cluster_statistics(cluster: &Cluster<'_>, facts: &[info::IndexFacts<'_>]) -> serde_json::Value {
    let records: u64 = facts.iter().map(|facts| facts.records).sum();
    let bytes: u64 = facts.iter().map(|facts| facts.bytes).sum();
    json!({
        "cluster_name": cluster.name,
        "status": if cluster.healthy { "green" } else { "red" },
        "indices": { "count": facts.len(), "docs": { "count": records, "deleted": 0 }, "store": { "size_in_bytes": bytes } },
        "nodes": { "count": { "total": 1, "data": 1, "master": 1 } },
    })
}
