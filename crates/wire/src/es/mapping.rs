//! Descriptions of fields: `_mapping` in and out, and `_field_caps`.

use std::collections::BTreeMap;

use lingshao_model::log::{FieldKind, FieldMapping, Mapping, SeenField, SeenKinds};
use serde_json::{Map, Value as Json, json};

use super::body::{Body, Context};
use super::params::shorten;
use super::{EsError, UrlParams, glob, query};
use crate::json::{Node, Value};

/// Most described fields of an index (Elasticsearch: `index.mapping.total_fields.limit`, the same).
const FIELDS_MAX: usize = 1000;
/// Deepest nesting (Elasticsearch: `index.mapping.depth.limit`, 20): reading recurses.
const DEPTH_MAX: usize = 20;

/// Reads the body of `PUT /INDEX/_mapping`; `settings` are the index's own, which name its normalizers.
pub fn read(bytes: &[u8], settings: &str, context: &Context<'_>) -> Result<Mapping, EsError> {
    let (body, root) = Body::parse(bytes, context)?;
    of_node(&body, &root, settings)
}

/// Reads `mappings`.
pub(crate) fn of_node(body: &Body<'_>, node: &Node, settings: &str) -> Result<Mapping, EsError> {
    let settings: Json = serde_json::from_str(settings).unwrap_or_default();
    let mut reader = Reader { body, settings, mapping: Mapping::default() };
    for (name, value) in body.object(node, "mappings")? {
        match name.as_str() {
            "properties" => reader.properties(value, "", 1)?,
            "dynamic"
            | "_source"
            | "_meta"
            | "_routing"
            | "dynamic_templates"
            | "date_detection"
            | "numeric_detection"
            | "dynamic_date_formats"
            | "_data_stream_timestamp"
            | "_size"
            | "subobjects"
            | "enabled" => {}
            "runtime" if value.value == Value::Object(Vec::new()) => {}
            _ => {
                let reason = format!(
                    "Failed to parse mapping: Root mapping definition has unsupported parameters:  [{} : …]",
                    shorten(name)
                );
                return Err(EsError::new(400, "mapper_parsing_exception", reason));
            }
        }
    }
    Ok(reader.mapping)
}

struct Reader<'r> {
    body: &'r Body<'r>,
    settings: Json,
    mapping: Mapping,
}

impl Reader<'_> {
    fn properties(&mut self, node: &Node, prefix: &str, depth: usize) -> Result<(), EsError> {
        if depth > DEPTH_MAX {
            let reason = format!(
                "Limit of mapping depth [{DEPTH_MAX}] has been exceeded due to object field [{prefix}]"
            );
            return Err(EsError::argument(reason));
        }
        for (name, value) in self.body.object(node, "properties")? {
            let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            self.property(value, name, depth)?;
        }
        Ok(())
    }

    fn property(&mut self, node: &Node, name: String, depth: usize) -> Result<(), EsError> {
        let wrong = |what: String| {
            EsError::new(400, "mapper_parsing_exception", format!("Failed to parse mapping: {what}"))
        };
        if !matches!(node.value, Value::Object(_)) {
            return Err(wrong(format!(
                "Expected map for property [fields] on field [{name}] but got a value"
            )));
        }
        if let Some(inner) = node.get("properties") {
            self.properties(inner, &name, depth + 1)?;
        }
        let kind = match node.get("type").and_then(Node::text) {
            Some(kind) => kind,
            None if node.get("properties").is_some()
                || node.get("dynamic").is_some()
                || node.get("enabled").is_some() =>
            {
                "object"
            }
            None => return Err(wrong(format!("No type specified for field [{name}]"))),
        };
        let kind = self.kind(kind, node).ok_or_else(|| {
            wrong(format!("No handler for type [{}] declared on field [{name}]", shorten(kind)))
        })?;
        if let Some(inner) = node.get("fields") {
            for (own, value) in self.body.object(inner, "fields")? {
                let full = format!("{name}.{own}");
                self.property(value, full.clone(), depth + 1)?;
                if let Some(field) = self.mapping.fields.get_mut(&full) {
                    field.values_of = Some(name.clone());
                }
            }
        }
        let values_of = match node.get("type").and_then(Node::text) {
            Some("alias") => node.get("path").and_then(Node::text).map(str::to_owned),
            _ => None,
        };
        let parameters = self.parameters(node);
        self.mapping.fields.insert(name, FieldMapping { kind, values_of, parameters });
        if self.mapping.fields.len() > FIELDS_MAX {
            return Err(EsError::argument(format!("Limit of total fields [{FIELDS_MAX}] has been exceeded")));
        }
        Ok(())
    }

    fn kind(&self, name: &str, node: &Node) -> Option<FieldKind> {
        Some(match name {
            "text" | "match_only_text" | "annotated_text" | "search_as_you_type" | "completion" => {
                FieldKind::Text
            }
            "keyword" | "constant_keyword" | "wildcard" | "version" | "binary" | "alias" => {
                let normalizer = node.get("normalizer").and_then(Node::text);
                FieldKind::Keyword { fold_case: normalizer.is_some_and(|name| self.folds_case(name)) }
            }
            "long" | "integer" | "short" | "byte" | "unsigned_long" | "token_count" => FieldKind::Long,
            "double" | "float" | "half_float" | "scaled_float" => FieldKind::Double,
            "date" | "date_nanos" => FieldKind::Date,
            "boolean" => FieldKind::Boolean,
            "ip" => FieldKind::Ip,
            "object"
            | "nested"
            | "flattened"
            | "geo_point"
            | "geo_shape"
            | "point"
            | "shape"
            | "histogram"
            | "aggregate_metric_double"
            | "integer_range"
            | "float_range"
            | "long_range"
            | "double_range"
            | "date_range"
            | "ip_range"
            | "join" => FieldKind::Object,
            _ => return None,
        })
    }

    /// Whether a normalizer makes letters small.
    fn folds_case(&self, name: &str) -> bool {
        let at = |root: &Json| root["analysis"]["normalizer"][name]["filter"].clone();
        let filters = [
            at(&self.settings),
            at(&self.settings["index"]),
            self.settings[format!("analysis.normalizer.{name}.filter")].clone(),
        ];
        name == "lowercase"
            || filters.iter().any(|filter| match filter {
                Json::Array(items) => items.iter().any(|item| item == "lowercase"),
                Json::String(only) => only == "lowercase",
                _ => false,
            })
    }

    /// Everything but the fields inside of an object, which are fields of their own.
    fn parameters(&self, node: &Node) -> String {
        let Value::Object(members) = &node.value else { return "{}".to_owned() };
        let own = |(name, value): &(String, Node)| {
            let text = self.body.text.get(value.start..value.end).unwrap_or("null");
            (name != "properties").then(|| format!("{}:{text}", json!(name)))
        };
        format!("{{{}}}", members.iter().filter_map(own).collect::<Vec<_>>().join(","))
    }
}

/// One index's fields.
#[derive(Clone, Copy, Debug)]
pub struct IndexFields<'a> {
    /// Its name.
    pub index: &'a str,
    /// Those that were described.
    pub mapping: &'a Mapping,
    /// Those that records have had.
    pub seen: &'a [SeenField],
}

/// What Elasticsearch would have made of a field that nobody described.
fn dynamic_type(kinds: SeenKinds) -> &'static str {
    match kinds {
        SeenKinds { text: true, date: false, .. } | SeenKinds { ip: true, .. } => "text",
        SeenKinds { date: true, .. } => "date",
        SeenKinds { float: true, .. } => "float",
        SeenKinds { int: true, .. } => "long",
        SeenKinds { bool: true, .. } => "boolean",
        _ => "text",
    }
}

/// `GET /INDEX/_mapping`
pub fn render(indices: &[IndexFields<'_>]) -> Vec<u8> {
    let one = |fields: &IndexFields<'_>| {
        let properties = properties(fields);
        let mappings = if properties.is_empty() { json!({}) } else { json!({"properties": properties}) };
        (fields.index.to_owned(), json!({"mappings": mappings}))
    };
    Json::Object(indices.iter().map(one).collect()).to_string().into_bytes()
}

/// `GET /INDEX/_mapping/field/FIELDS`
pub fn render_fields(indices: &[IndexFields<'_>], patterns: &[String]) -> Vec<u8> {
    let one = |fields: &IndexFields<'_>| {
        let mut found = Map::new();
        for (name, parameters) in leaves(fields) {
            if patterns.iter().any(|pattern| glob::matches(pattern, &name)) {
                let last = name.rsplit('.').next().unwrap_or(&name).to_owned();
                found.insert(name.clone(), json!({"full_name": name, "mapping": {last: parameters}}));
            }
        }
        (fields.index.to_owned(), json!({"mappings": found}))
    };
    Json::Object(indices.iter().map(one).collect()).to_string().into_bytes()
}

/// Names and parameters of described and seen fields; multi-fields stand in their fields' parameters.
fn leaves(fields: &IndexFields<'_>) -> Vec<(String, Json)> {
    let described = fields
        .mapping
        .fields
        .iter()
        .filter(|(_, field)| field.values_of.is_none() || field.parameters.contains("\"alias\""));
    let mut all: Vec<(String, Json)> = described
        .map(|(name, field)| (name.clone(), serde_json::from_str(&field.parameters).unwrap_or_default()))
        .collect();
    for seen in fields.seen {
        if fields.mapping.fields.contains_key(&seen.name) {
            continue;
        }
        let parameters = match dynamic_type(seen.kinds) {
            "text" => {
                json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}})
            }
            other => json!({"type": other}),
        };
        all.push((seen.name.clone(), parameters));
    }
    all
}

fn properties(fields: &IndexFields<'_>) -> Map<String, Json> {
    let mut root = Map::new();
    for (name, parameters) in leaves(fields) {
        let keys: Vec<&str> = name.split('.').collect();
        place(&mut root, &keys, &parameters);
    }
    root
}

/// Puts a field's parameters below its objects.
fn place(level: &mut Map<String, Json>, keys: &[&str], parameters: &Json) {
    let Some((first, rest)) = keys.split_first() else { return };
    let own = level.entry(*first).or_insert_with(|| json!({}));
    let (Some(own), Some(members)) = (own.as_object_mut(), parameters.as_object()) else { return };
    if rest.is_empty() {
        // An object's own parameters join the fields that stand in it already.
        own.extend(members.clone());
        return;
    }
    let inner = own.entry("properties").or_insert_with(|| json!({}));
    if let Some(inner) = inner.as_object_mut() {
        place(inner, rest, parameters);
    }
}

/// What `_field_caps` asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldCapsRequest {
    /// Patterns of names.
    pub fields: Vec<String>,
    /// Only indices with a record that it finds.
    pub index_filter: Option<lingshao_model::log::LogQuery>,
}

/// Parameters of `_field_caps`.
pub const FIELD_CAPS_PARAMETERS: &[&str] = &[
    "allow_no_indices",
    "expand_wildcards",
    "fields",
    "filters",
    "ignore_unavailable",
    "include_empty_fields",
    "include_unmapped",
    "types",
];

/// Reads `_field_caps`.
pub fn read_field_caps(
    bytes: &[u8],
    params: &UrlParams,
    context: &Context<'_>,
) -> Result<FieldCapsRequest, EsError> {
    let (body, root) = Body::parse(bytes, context)?;
    let mut request =
        FieldCapsRequest { fields: params.list("fields").unwrap_or_default(), index_filter: None };
    for (name, value) in body.object(&root, "field_caps_request")? {
        match name.as_str() {
            "fields" => request.fields.extend(body.texts(value, name)?),
            "index_filter" => request.index_filter = Some(query::read(&body, value, 0)?),
            "runtime_mappings" if value.value == Value::Object(Vec::new()) => {}
            _ => {
                return Err(body.content_error(
                    value,
                    &format!("[field_caps_request] unknown field [{}]", shorten(name)),
                ));
            }
        }
    }
    if request.fields.is_empty() {
        let reason = "Validation Failed: 1: no fields specified;";
        return Err(EsError::new(400, "action_request_validation_exception", reason));
    }
    Ok(request)
}

/// Fields that every record has, with their types and whether they can be aggregated over.
const METADATA: &[(&str, &str, bool)] = &[
    ("_id", "_id", false),
    ("_index", "_index", true),
    ("_source", "_source", false),
    ("_seq_no", "_seq_no", true),
    ("_version", "_version", true),
    ("_routing", "_routing", false),
    ("_ignored", "_ignored", true),
];

/// Answers `_field_caps`.
pub fn render_field_caps(indices: &[IndexFields<'_>], request: &FieldCapsRequest) -> Vec<u8> {
    let is_wanted = |name: &str| request.fields.iter().any(|pattern| glob::matches(pattern, name));
    // By name, then by type: in which indices it is such.
    let mut found: BTreeMap<String, BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    for fields in indices {
        for (name, kind) in types(fields) {
            if is_wanted(&name) {
                found.entry(name).or_default().entry(kind).or_default().push(fields.index);
            }
        }
    }
    let mut fields = Map::new();
    for (name, kinds) in &found {
        let differ = kinds.len() > 1;
        let caps = kinds
            .iter()
            .map(|(kind, indices)| (kind.clone(), caps(kind, differ.then_some(indices.as_slice()))));
        fields.insert(name.clone(), Json::Object(caps.collect()));
    }
    for (name, kind, aggregatable) in
        METADATA.iter().filter(|(name, _, _)| is_wanted(name) && !indices.is_empty())
    {
        let searchable = *name != "_source";
        fields.insert((*name).to_owned(), json!({*kind: {"type": kind, "metadata_field": true, "searchable": searchable, "aggregatable": aggregatable}}));
    }
    let names: Vec<&str> = indices.iter().map(|fields| fields.index).collect();
    json!({"indices": names, "fields": fields}).to_string().into_bytes()
}

fn caps(kind: &str, indices: Option<&[&str]>) -> Json {
    let is_object = matches!(kind, "object" | "nested");
    let mut caps = json!({
        "type": kind,
        "metadata_field": false,
        "searchable": !is_object,
        "aggregatable": !is_object && kind != "text" && kind != "match_only_text",
    });
    if let Some(indices) = indices {
        caps["indices"] = json!(indices);
    }
    caps
}

/// Names and types of an index's fields, multi-fields and objects included.
fn types(fields: &IndexFields<'_>) -> BTreeMap<String, String> {
    let mut types = BTreeMap::new();
    for (name, field) in &fields.mapping.fields {
        let parameters: Json = serde_json::from_str(&field.parameters).unwrap_or_default();
        types.insert(name.clone(), parameters["type"].as_str().unwrap_or("object").to_owned());
    }
    for seen in fields.seen {
        let kind = dynamic_type(seen.kinds);
        if types.contains_key(&seen.name) {
            continue;
        }
        types.insert(seen.name.clone(), kind.to_owned());
        if kind == "text" {
            types.insert(format!("{}.keyword", seen.name), "keyword".to_owned());
        }
    }
    let names: Vec<String> = types.keys().cloned().collect();
    for name in names {
        for (at, _) in name.match_indices('.') {
            types.entry(name[..at].to_owned()).or_insert_with(|| "object".to_owned());
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use lingshao_model::log::LogTime;

    use super::*;

    fn read_text(text: &str, settings: &str) -> Result<Mapping, EsError> {
        let mapping = Mapping::default();
        let context = Context { now: LogTime(0), time_zone: &jiff::tz::TimeZone::UTC, mapping: &mapping };
        read(text.as_bytes(), settings, &context)
    }

    const BODY: &str = r#"{"dynamic": true, "properties": {
        "type": {"type": "text", "fielddata": true, "fields": {"raw": {"type": "keyword"}}},
        "actor": {"properties": {"id": {"type": "long"}, "login": {"type": "keyword", "normalizer": "small"}}},
        "items": {"type": "nested", "properties": {"n": {"type": "float"}}},
        "at": {"type": "date_nanos"}, "who": {"type": "alias", "path": "actor.login"}}}"#;
    const SETTINGS: &str =
        r#"{"analysis": {"normalizer": {"small": {"type": "custom", "filter": ["lowercase"]}}}}"#;

    #[test]
    fn descriptions_are_read() {
        let mapping = read_text(BODY, SETTINGS).unwrap();
        let shown: Vec<String> = mapping
            .fields
            .iter()
            .map(|(name, field)| {
                format!("{name} {:?} {}", field.kind, field.values_of.as_deref().unwrap_or("-"))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "actor Object -",
                "actor.id Long -",
                "actor.login Keyword { fold_case: true } -",
                "at Date -",
                "items Object -",
                "items.n Double -",
                "type Text -",
                "type.raw Keyword { fold_case: false } type",
                "who Keyword { fold_case: false } actor.login",
            ]
        );
        let refused = |text: &str| read_text(text, "{}").unwrap_err().reason;
        assert_eq!(
            refused(r#"{"properties": {"a": {"type": "vector"}}}"#),
            "Failed to parse mapping: No handler for type [vector] declared on field [a]"
        );
        assert_eq!(
            refused(r#"{"properties": {"a": {}}}"#),
            "Failed to parse mapping: No type specified for field [a]"
        );
        assert!(refused(r#"{"_doc": {}}"#).contains("unsupported parameters:  [_doc : …]"));
    }

    fn seen(name: &str, kinds: SeenKinds) -> SeenField {
        SeenField { name: name.to_owned(), kinds, records: 1 }
    }

    #[test]
    fn descriptions_are_given_back_with_what_was_seen() {
        let mapping = read_text(BODY, SETTINGS).unwrap();
        let text = SeenKinds { text: true, ..SeenKinds::default() };
        let int = SeenKinds { int: true, ..SeenKinds::default() };
        let all = [seen("message", text), seen("actor.id", int), seen("http.status", int)];
        let shown: Json =
            serde_json::from_slice(&render(&[IndexFields { index: "a", mapping: &mapping, seen: &all }]))
                .unwrap();
        let properties = &shown["a"]["mappings"]["properties"];
        assert_eq!(
            properties["type"],
            json!({"type": "text", "fielddata": true, "fields": {"raw": {"type": "keyword"}}})
        );
        assert_eq!(
            properties["actor"]["properties"]["login"],
            json!({"type": "keyword", "normalizer": "small"})
        );
        assert_eq!(properties["items"], json!({"type": "nested", "properties": {"n": {"type": "float"}}}));
        assert_eq!(properties["http"], json!({"properties": {"status": {"type": "long"}}}));
        assert_eq!(properties["message"]["fields"]["keyword"]["type"], "keyword");
        let empty = IndexFields { index: "e", mapping: &Mapping::default(), seen: &[] };
        assert_eq!(render(&[empty]), br#"{"e":{"mappings":{}}}"#);
    }

    #[test]
    fn capabilities_differ_by_index() {
        let mapping = Mapping::default();
        let text = SeenKinds { text: true, ..SeenKinds::default() };
        let int = SeenKinds { int: true, ..SeenKinds::default() };
        let (a, b) = ([seen("n", int), seen("o.m", text)], [seen("n", text)]);
        let indices = [
            IndexFields { index: "a", mapping: &mapping, seen: &a },
            IndexFields { index: "b", mapping: &mapping, seen: &b },
        ];
        let request = FieldCapsRequest { fields: vec!["n*".to_owned(), "o*".to_owned()], index_filter: None };
        let shown: Json = serde_json::from_slice(&render_field_caps(&indices, &request)).unwrap();
        assert_eq!(
            shown,
            json!({"indices": ["a", "b"], "fields": {
                "n": {
                    "long": {"type": "long", "metadata_field": false, "searchable": true, "aggregatable": true, "indices": ["a"]},
                    "text": {"type": "text", "metadata_field": false, "searchable": true, "aggregatable": false, "indices": ["b"]},
                },
                "n.keyword": {"keyword": {"type": "keyword", "metadata_field": false, "searchable": true, "aggregatable": true}},
                "o": {"object": {"type": "object", "metadata_field": false, "searchable": false, "aggregatable": false}},
                "o.m": {"text": {"type": "text", "metadata_field": false, "searchable": true, "aggregatable": false}},
                "o.m.keyword": {"keyword": {"type": "keyword", "metadata_field": false, "searchable": true, "aggregatable": true}},
            }})
        );
    }
}
