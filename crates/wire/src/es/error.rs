//! Errors as Elasticsearch tells them.

use serde_json::{Map, Value, json};

use crate::yaml::Position;

/// Why a request is refused: the `error` object and the status of its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {reason}")]
pub struct EsError {
    /// HTTP status.
    pub status: u16,
    /// `type`: the exception's name in snake case, which clients look at.
    pub kind: &'static str,
    /// For a person.
    pub reason: String,
    /// Where in the body.
    pub at: Option<Position>,
    /// The index that it is about.
    pub index: Option<String>,
    /// Whether it is said by the shards, as what is found out only while a search runs.
    pub in_shards: bool,
    /// What lies below it.
    pub caused_by: Option<Box<EsError>>,
}

impl EsError {
    /// Any error.
    pub fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> EsError {
        let reason = reason.into();
        EsError { status, kind, reason, at: None, index: None, in_shards: false, caused_by: None }
    }

    /// The body cannot be read.
    pub fn parsing(at: Position, reason: impl Into<String>) -> EsError {
        EsError { at: Some(at), ..EsError::new(400, "parsing_exception", reason) }
    }

    /// A value that cannot be used.
    pub fn argument(reason: impl Into<String>) -> EsError {
        EsError::new(400, "illegal_argument_exception", reason)
    }

    /// What a shard would say of a query that cannot be answered.
    pub fn query(reason: impl Into<String>) -> EsError {
        EsError::new(400, "query_shard_exception", reason).of_shards()
    }

    /// An argument that only the shards look at.
    pub fn shard_argument(reason: impl Into<String>) -> EsError {
        EsError::argument(reason).of_shards()
    }

    /// There is no such index.
    pub fn no_index(index: &str) -> EsError {
        let error = EsError::new(404, "index_not_found_exception", format!("no such index [{index}]"));
        EsError { index: Some(index.to_owned()), ..error }
    }

    /// There is one of this name already.
    pub fn index_exists(index: &str) -> EsError {
        let error =
            EsError::new(400, "resource_already_exists_exception", format!("index [{index}] already exists"));
        EsError { index: Some(index.to_owned()), ..error }
    }

    /// A scroll or a point in time that is not, or no longer, there.
    pub fn no_context(id: &str) -> EsError {
        let reason = format!("No search context found for id [{id}]");
        EsError::new(404, "search_context_missing_exception", reason).of_shards()
    }

    /// Try again later.
    pub fn rejected(reason: impl Into<String>) -> EsError {
        EsError::new(429, "es_rejected_execution_exception", reason)
    }

    /// No or wrong credentials (401), or a right is missing (403).
    pub fn security(status: u16, reason: impl Into<String>) -> EsError {
        EsError::new(status, "security_exception", reason)
    }

    /// No such route.
    pub fn no_handler(method: &str, path: &str) -> EsError {
        EsError::argument(format!("no handler found for uri [{path}] and method [{method}]"))
    }

    /// With what lies below it.
    pub fn because(self, cause: EsError) -> EsError {
        EsError { caused_by: Some(Box::new(cause)), ..self }
    }

    /// As the shards say it.
    pub fn of_shards(self) -> EsError {
        EsError { in_shards: true, ..self }
    }

    /// Said of this index.
    pub fn of_index(self, index: &str) -> EsError {
        EsError { index: Some(index.to_owned()), ..self }
    }

    /// `{"error":{…},"status":…}`
    pub fn render(&self) -> Vec<u8> {
        self.answer().to_string().into_bytes()
    }

    /// The same as a value, an item of `_msearch`'s answers.
    pub(crate) fn answer(&self) -> Value {
        json!({"error": self.full(), "status": self.status})
    }

    fn full(&self) -> Value {
        let own = self.object();
        if !self.in_shards {
            let mut error = own;
            error.insert("root_cause".to_owned(), Value::Array(vec![Value::Object(self.root())]));
            return Value::Object(error);
        }
        let index = self.index.as_deref().unwrap_or("_all");
        json!({
            "root_cause": [self.root()],
            "type": "search_phase_execution_exception",
            "reason": "all shards failed",
            "phase": "query",
            "grouped": true,
            "failed_shards": [{"shard": 0, "index": index, "node": super::NODE_ID, "reason": own}],
        })
    }

    /// Itself without what lies below.
    fn root(&self) -> Map<String, Value> {
        let mut root = self.object();
        root.remove("caused_by");
        root
    }

    fn object(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("type".to_owned(), self.kind.into());
        object.insert("reason".to_owned(), self.reason.clone().into());
        if let Some(at) = self.at {
            object.insert("line".to_owned(), at.line.into());
            object.insert("col".to_owned(), at.column.into());
        }
        if let Some(index) = &self.index {
            if self.kind == "index_not_found_exception" {
                object.insert("resource.type".to_owned(), "index_or_alias".into());
                object.insert("resource.id".to_owned(), index.clone().into());
            }
            object.insert("index_uuid".to_owned(), "_na_".into());
            object.insert("index".to_owned(), index.clone().into());
        }
        if let Some(cause) = &self.caused_by {
            object.insert("caused_by".to_owned(), Value::Object(cause.object()));
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &EsError, expected: &Value) {
        let read: Value = serde_json::from_slice(&error.render()).unwrap();
        assert_eq!(&read, expected);
    }

    #[test]
    fn errors_are_told_as_clients_read_them() {
        let own = json!({"type": "index_not_found_exception", "reason": "no such index [x]", "index": "x",
            "resource.type": "index_or_alias", "resource.id": "x", "index_uuid": "_na_"});
        let mut error = own.clone();
        error["root_cause"] = json!([own]);
        check(&EsError::no_index("x"), &json!({"error": error, "status": 404}));

        let own = json!({"type": "parsing_exception", "reason": "unknown query [x]", "line": 1, "col": 11});
        let mut error = own.clone();
        error["root_cause"] = json!([own]);
        error["caused_by"] = json!({"type": "named_object_not_found_exception", "reason": "y"});
        let cause = EsError::new(400, "named_object_not_found_exception", "y");
        let at = Position { line: 1, column: 11 };
        check(
            &EsError::parsing(at, "unknown query [x]").because(cause),
            &json!({"error": error, "status": 400}),
        );

        let own = json!({"type": "query_shard_exception", "reason": "Failed", "index": "shop", "index_uuid": "_na_"});
        check(
            &EsError::query("Failed").of_index("shop"),
            &json!({"status": 400, "error": {
                "root_cause": [own], "type": "search_phase_execution_exception",
                "reason": "all shards failed", "phase": "query", "grouped": true,
                "failed_shards": [{"shard": 0, "index": "shop", "node": crate::es::NODE_ID, "reason": own}],
            }}),
        );
    }
}
