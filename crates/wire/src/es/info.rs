//! What clients ask before they work: who we are, how we are, which indices there are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lingshao_model::log::LogTime;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::{NODE_ID, VERSION};

/// The process, as a cluster of one node.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// Its name.
    pub name: &'a str,
    /// Of the node: the host's.
    pub node: &'a str,
    /// Where the Elasticsearch API listens.
    pub address: &'a str,
    /// How many indices there are.
    pub indices: usize,
    /// How long it takes to answer.
    pub healthy: bool,
}

/// One index as it is told about.
#[derive(Clone, Copy, Debug)]
pub struct IndexFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// When it was made.
    pub created: LogTime,
    /// How many records it has.
    pub records: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// `settings` as they were given, JSON.
    pub settings: &'a str,
    /// Other names.
    pub aliases: &'a [String],
}

impl IndexFacts<'_> {
    /// 22 characters that stay the same as long as the index lives.
    pub fn uuid(&self) -> String {
        let hash = digest(&SHA256, format!("{}\n{}", self.name, self.created.0).as_bytes());
        URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// `GET /`
pub fn root(cluster: &Cluster<'_>) -> Vec<u8> {
    bytes(&json!({
        "name": cluster.node,
        "cluster_name": cluster.name,
        "cluster_uuid": cluster_uuid(cluster),
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "tar",
            "build_hash": "0000000000000000000000000000000000000000",
            "build_date": "2025-03-20T15:39:59.811110136Z",
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    }))
}

fn cluster_uuid(cluster: &Cluster<'_>) -> String {
    let hash = digest(&SHA256, format!("{}\n{}", cluster.name, cluster.node).as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

/// `GET /_cluster/health`
pub fn health(cluster: &Cluster<'_>) -> Vec<u8> {
    bytes(&json!({
        "cluster_name": cluster.name,
        "status": status(cluster),
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": cluster.indices,
        "active_shards": cluster.indices,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "unassigned_primary_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    }))
}

/// `green` or `red`: there are no replicas to miss.
pub(crate) fn status(cluster: &Cluster<'_>) -> &'static str {
    if cluster.healthy { "green" } else { "red" }
}

/// `GET /_cluster/settings`
pub fn cluster_settings() -> Vec<u8> {
    bytes(&json!({"persistent": {}, "transient": {}, "defaults": {}}))
}

/// `GET /_nodes` and `GET /_nodes/http`
pub fn nodes(cluster: &Cluster<'_>) -> Vec<u8> {
    bytes(&json!({
        "_nodes": {"total": 1, "successful": 1, "failed": 0},
        "cluster_name": cluster.name,
        "nodes": {NODE_ID: {
            "name": cluster.node,
            "transport_address": cluster.address,
            "host": cluster.address.rsplit_once(':').map_or(cluster.address, |(host, _)| host),
            "ip": cluster.address.rsplit_once(':').map_or(cluster.address, |(host, _)| host),
            "version": VERSION,
            "build_flavor": "default",
            "build_type": "tar",
            "roles": ["data", "ingest", "master"],
            "http": {"bound_address": [cluster.address], "publish_address": cluster.address,
                "max_content_length_in_bytes": 104_857_600},
        }},
    }))
}

/// `GET /_license`: shippers refuse to work without an active one.
pub fn license() -> Vec<u8> {
    bytes(&json!({"license": {
        "status": "active",
        "uid": "00000000-0000-0000-0000-000000000000",
        "type": "basic",
        "issue_date": "2025-01-01T00:00:00.000Z",
        "issue_date_in_millis": 1_735_689_600_000_u64,
        "max_nodes": 1000,
        "max_resource_units": null,
        "issued_to": "lingshao",
        "issuer": "lingshao",
        "start_date_in_millis": -1,
    }}))
}

/// `GET /_xpack`
pub fn xpack() -> Vec<u8> {
    let off = json!({"available": false, "enabled": false});
    bytes(&json!({
        "build": {"hash": "0000000000000000000000000000000000000000", "date": "2025-03-20T15:39:59.811110136Z"},
        "license": {"uid": "00000000-0000-0000-0000-000000000000", "type": "basic", "mode": "basic", "status": "active"},
        "features": {"ilm": off, "security": off, "monitoring": off, "ml": off, "watcher": off},
        "tagline": "You know, for X",
    }))
}

/// `{"acknowledged": true}`: a template, a pipeline or a policy that has nothing to say here was taken.
pub fn acknowledged() -> Vec<u8> {
    bytes(&json!({"acknowledged": true}))
}

/// The answer to `PUT /INDEX`.
pub fn created(index: &str) -> Vec<u8> {
    bytes(&json!({"acknowledged": true, "shards_acknowledged": true, "index": index}))
}

/// The answer to calls like `_refresh` and `_flush`, which have nothing to do: what is acknowledged is found.
pub fn refreshed(shards: super::search::Shards) -> Vec<u8> {
    let mut out = b"{\"_shards\":".to_vec();
    shards.write(&mut out);
    out.push(b'}');
    out
}

/// `GET /_resolve/index/PATTERN`
pub fn resolved(indices: &[IndexFacts<'_>], aliases: &[(String, Vec<String>)]) -> Vec<u8> {
    let index = |facts: &IndexFacts<'_>| {
        let mut object = json!({"name": facts.name, "attributes": ["open"]});
        if !facts.aliases.is_empty() {
            object["aliases"] = json!(facts.aliases);
        }
        object
    };
    let alias = |(name, indices): &(String, Vec<String>)| json!({"name": name, "indices": indices});
    bytes(&json!({
        "indices": indices.iter().map(index).collect::<Vec<_>>(),
        "aliases": aliases.iter().map(alias).collect::<Vec<_>>(),
        "data_streams": [],
    }))
}

/// `GET /_alias` and `GET /INDEX/_alias`
pub fn aliases(indices: &[IndexFacts<'_>]) -> Vec<u8> {
    let one = |facts: &IndexFacts<'_>| {
        let own: Map<String, Value> = facts.aliases.iter().map(|alias| (alias.clone(), json!({}))).collect();
        (facts.name.to_owned(), json!({"aliases": own}))
    };
    bytes(&Value::Object(indices.iter().map(one).collect()))
}

/// `GET /INDEX/_settings`: those that were given, in the form that clients read, and our own facts.
pub fn settings(indices: &[IndexFacts<'_>]) -> Vec<u8> {
    let one = |facts: &IndexFacts<'_>| {
        (facts.name.to_owned(), json!({"settings": {"index": index_settings(facts)}}))
    };
    bytes(&Value::Object(indices.iter().map(one).collect()))
}

fn index_settings(facts: &IndexFacts<'_>) -> Value {
    let mut own = json!({
        "number_of_shards": "1",
        "number_of_replicas": "0",
        "creation_date": facts.created.as_millis().to_string(),
        "uuid": facts.uuid(),
        "provided_name": facts.name,
        "version": {"created": "8521000"},
    });
    let given: Value = serde_json::from_str(facts.settings).unwrap_or_default();
    let given = given.get("index").unwrap_or(&given);
    if let (Value::Object(given), Some(own)) = (given, own.as_object_mut()) {
        for (name, value) in given {
            let name = name.strip_prefix("index.").unwrap_or(name);
            own.insert(name.to_owned(), texts(value));
        }
    }
    own
}

/// Numbers and flags are texts in settings.
fn texts(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), texts(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(texts).collect()),
        Value::String(_) | Value::Null => value.clone(),
        other => Value::String(other.to_string()),
    }
}

/// `GET /INDEX`: its aliases, described fields (as [`super::mapping::render`] writes them) and settings.
pub fn index(facts: &IndexFacts<'_>, mappings: &[u8]) -> Vec<u8> {
    let own: Map<String, Value> = facts.aliases.iter().map(|alias| (alias.clone(), json!({}))).collect();
    let mappings: Value = serde_json::from_slice(mappings).unwrap_or_default();
    let mappings = mappings[facts.name]["mappings"].clone();
    let settings = json!({"index": index_settings(facts)});
    bytes(&json!({facts.name: {"aliases": own, "mappings": mappings, "settings": settings}}))
}

/// `GET /_stats`
pub fn stats(indices: &[IndexFacts<'_>]) -> Vec<u8> {
    let figures = |records: u64, bytes: u64| {
        let own = json!({
            "docs": {"count": records, "deleted": 0},
            "shard_stats": {"total_count": 1},
            "store": {"size_in_bytes": bytes, "total_data_set_size_in_bytes": bytes, "reserved_in_bytes": 0},
        });
        json!({"primaries": own, "total": own})
    };
    let one = |facts: &IndexFacts<'_>| {
        let mut own = figures(facts.records, facts.bytes);
        own["uuid"] = json!(facts.uuid());
        own["health"] = json!("green");
        own["status"] = json!("open");
        (facts.name.to_owned(), own)
    };
    let records = indices.iter().map(|facts| facts.records).sum();
    let bytes_all = indices.iter().map(|facts| facts.bytes).sum();
    let shards = indices.len();
    bytes(&json!({
        "_shards": {"total": shards, "successful": shards, "failed": 0},
        "_all": figures(records, bytes_all),
        "indices": indices.iter().map(one).collect::<Map<_, _>>(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: Cluster<'_> =
        Cluster { name: "lingshao", node: "shop-1", address: "127.0.0.1:9200", indices: 2, healthy: true };

    fn read(json: &[u8]) -> Value {
        serde_json::from_slice(json).unwrap()
    }

    fn facts<'a>(aliases: &'a [String]) -> IndexFacts<'a> {
        let settings = r#"{"index": {"number_of_shards": 3}, "analysis": {"x": true}}"#;
        IndexFacts {
            name: "shop",
            created: LogTime::from_millis(1000),
            records: 7,
            bytes: 2048,
            settings,
            aliases,
        }
    }

    #[test]
    fn clients_find_an_elasticsearch() {
        let root = read(&root(&CLUSTER));
        assert_eq!(
            (&root["version"]["number"], &root["version"]["build_flavor"]),
            (&json!("8.17.4"), &json!("default"))
        );
        assert_eq!(root["tagline"], "You Know, for Search");
        assert_eq!(read(&health(&CLUSTER))["status"], "green");
        assert_eq!(read(&license())["license"]["status"], "active");
        assert_eq!(read(&nodes(&CLUSTER))["nodes"][NODE_ID]["http"]["publish_address"], "127.0.0.1:9200");
    }

    #[test]
    fn indices_are_told_about() {
        let aliases = ["current".to_owned()];
        let facts = facts(&aliases);
        let stats = read(&stats(&[facts]));
        assert_eq!(stats["_all"]["primaries"]["docs"]["count"], 7);
        assert_eq!(stats["indices"]["shop"]["total"]["store"]["size_in_bytes"], 2048);
        let settings = read(&settings(&[facts]));
        assert_eq!(settings["shop"]["settings"]["index"]["number_of_shards"], "3");
        assert_eq!(settings["shop"]["settings"]["index"]["creation_date"], "1000");
        assert_eq!(read(&super::aliases(&[facts])), json!({"shop": {"aliases": {"current": {}}}}));
        let resolved = read(&resolved(&[facts], &[("current".to_owned(), vec!["shop".to_owned()])]));
        assert_eq!(
            resolved["indices"],
            json!([{"name": "shop", "attributes": ["open"], "aliases": ["current"]}])
        );
        assert_eq!(resolved["aliases"], json!([{"name": "current", "indices": ["shop"]}]));
        assert_eq!(facts.uuid().len(), 22);
        let index = read(&index(&facts, br#"{"shop":{"mappings":{"properties":{}}}}"#));
        assert_eq!(index["shop"]["mappings"], json!({"properties": {}}));
    }
}
