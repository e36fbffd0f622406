//! The line before a record: `{"create":{"_index":"shop","_id":"1"}}`.

use std::borrow::Cow;

use super::{BulkError, Planned, Refusal, Scanner, Verb};

/// Elasticsearch's limits.
const INDEX_BYTES_MAX: usize = 255;
const ID_BYTES_MAX: usize = 512;

/// What the last action line said. Lines that repeat are not read again.
#[derive(Debug)]
pub(super) struct Action<'b> {
    line: &'b str,
    pub(super) verb: Verb,
    pub(super) index: String,
    pub(super) id: Option<String>,
    requires_alias: bool,
    /// Whatever document follows: status, kind, reason.
    pub(super) refusal: Option<(u16, &'static str, Cow<'static, str>)>,
}

impl Default for Action<'_> {
    fn default() -> Self {
        Action {
            line: "",
            verb: Verb::Index,
            index: String::new(),
            id: None,
            requires_alias: false,
            refusal: None,
        }
    }
}

impl<'b> Action<'b> {
    /// Reads the line with this number.
    pub(super) fn read(
        &mut self,
        line: &'b str,
        number: usize,
        default_index: Option<&str>,
    ) -> Result<(), BulkError> {
        if line == self.line {
            return Ok(());
        }
        self.line = line;
        self.id = None;
        self.requires_alias = false;
        self.index.clear();
        self.index.push_str(default_index.unwrap_or_default());
        Parser { scanner: Scanner::new(line), number, scratch: String::new() }.action(self)?;
        if self.index.is_empty() {
            return Err(BulkError::invalid("index is missing"));
        }
        self.refusal = self.check();
        Ok(())
    }

    pub(super) fn refuse(&self, status: u16, kind: &'static str, reason: Cow<'static, str>) -> Planned {
        let (index, id) = (self.index.clone(), self.id.clone());
        Planned::Refused(Box::new(Refusal { index, id, status, kind, reason }))
    }

    fn check(&self) -> Option<(u16, &'static str, Cow<'static, str>)> {
        let index = &self.index;
        if let Some(fault) = index_fault(index) {
            let reason = format!("Invalid index name [{index}], {fault}");
            return Some((400, "invalid_index_name_exception", reason.into()));
        }
        if self.requires_alias {
            let reason = format!(
                "no such index [{index}] and [require_alias] request flag is [true] and [{index}] is not an alias"
            );
            return Some((404, "index_not_found_exception", reason.into()));
        }
        let kind = "illegal_argument_exception";
        match &self.id {
            Some(id) if id.is_empty() => {
                return Some((400, kind, "if _id is specified it must not be empty".into()));
            }
            Some(id) if id.len() > ID_BYTES_MAX => {
                let reason = format!(
                    "id is too long, must be no longer than {ID_BYTES_MAX} bytes but was: {}",
                    id.len()
                );
                return Some((400, kind, reason.into()));
            }
            _ => {}
        }
        let reason = match self.verb {
            Verb::Index | Verb::Create => return None,
            Verb::Update => "log records are immutable: [update] is not supported; send another record",
            Verb::Delete => {
                "log records are immutable: [delete] is not supported; retention removes them by age"
            }
        };
        Some((400, kind, reason.into()))
    }
}

/// What Elasticsearch has against a name.
fn index_fault(name: &str) -> Option<&'static str> {
    if name.len() > INDEX_BYTES_MAX {
        return Some("index name is too long, it must be at most 255 bytes");
    }
    if name.starts_with(['_', '-', '+']) {
        return Some("must not start with '_', '-', or '+'");
    }
    if name == "." || name == ".." {
        return Some("must not be '.' or '..'");
    }
    if name.contains(['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', ':'])
        || name.contains(char::is_control)
    {
        return Some(
            "must not contain the following characters \
             ['\\','/','*','?','\"','<','>','|',' ',',','#',':'] and control characters",
        );
    }
    name.chars().any(char::is_uppercase).then_some("must be lowercase")
}

struct Parser<'l> {
    scanner: Scanner<'l>,
    /// Of the line, from 1.
    number: usize,
    scratch: String,
}

impl Parser<'_> {
    fn action(&mut self, action: &mut Action<'_>) -> Result<(), BulkError> {
        self.scanner.blanks();
        self.open("expected START_OBJECT")?;
        let verb = self.name()?;
        action.verb = match &*verb {
            "index" => Verb::Index,
            "create" => Verb::Create,
            "update" => Verb::Update,
            "delete" => Verb::Delete,
            other => {
                let expected = format!(
                    "expected field [create], [delete], [index] or [update] but found [{}]",
                    excerpt(other)
                );
                return Err(self.malformed(&expected));
            }
        };
        self.open("expected START_OBJECT")?;
        self.scanner.blanks();
        while !self.scanner.eat(b'}') {
            let name = self.name()?;
            self.parameter(&name, action)?;
            self.scanner.blanks();
            if self.scanner.eat(b',') {
                self.scanner.blanks();
            } else if self.scanner.peek() != Some(b'}') {
                return Err(self.found("expected END_OBJECT"));
            }
        }
        self.scanner.blanks();
        if !self.scanner.eat(b'}') || self.scanner.end().is_err() {
            return Err(self.found("expected END_OBJECT"));
        }
        Ok(())
    }

    fn parameter(&mut self, name: &str, action: &mut Action<'_>) -> Result<(), BulkError> {
        let value = self.value(name)?;
        match name {
            "_index" => action.index = value.unwrap_or_default(),
            "_id" => action.id = value,
            "op_type" if action.verb == Verb::Index && value.as_deref() == Some("create") => {
                action.verb = Verb::Create;
            }
            "require_alias" => action.requires_alias = value.as_deref() == Some("true"),
            // They change nothing here: there is one shard, no pipeline, no type, and no second version of a record.
            "op_type"
            | "_type"
            | "routing"
            | "_routing"
            | "pipeline"
            | "version"
            | "version_type"
            | "_version"
            | "_version_type"
            | "if_seq_no"
            | "if_primary_term"
            | "retry_on_conflict"
            | "_retry_on_conflict"
            | "_source"
            | "dynamic_templates"
            | "list_executed_pipelines"
            | "require_data_stream" => {}
            other => {
                let line = self.number;
                let reason = format!(
                    "Action/metadata line [{line}] contains an unknown parameter [{}]",
                    excerpt(other)
                );
                return Err(BulkError::malformed(reason));
            }
        }
        Ok(())
    }

    fn open(&mut self, expected: &str) -> Result<(), BulkError> {
        if self.scanner.eat(b'{') { Ok(()) } else { Err(self.found(expected)) }
    }

    /// A name and its colon.
    fn name(&mut self) -> Result<String, BulkError> {
        self.scanner.blanks();
        if self.scanner.peek() != Some(b'"') {
            return Err(self.found("expected FIELD_NAME"));
        }
        let Ok(name) = self.scanner.string(&mut self.scratch).map(str::to_owned) else {
            return Err(self.malformed("a string is never closed"));
        };
        self.scanner.blanks();
        if !self.scanner.eat(b':') {
            return Err(self.malformed("expected a colon behind a name"));
        }
        self.scanner.blanks();
        Ok(name)
    }

    /// A simple value as text; `None` for `null` and for what may be an object.
    fn value(&mut self, name: &str) -> Result<Option<String>, BulkError> {
        match self.scanner.peek() {
            Some(b'"') => {
                let text = self.scanner.string(&mut self.scratch).map(|text| Some(text.to_owned()));
                text.map_err(|_| self.malformed("a string is never closed"))
            }
            Some(b'{' | b'[') if !matches!(name, "_source" | "dynamic_templates") => {
                let expected = format!("expected a simple value for field [{}]", excerpt(name));
                Err(self.found(&expected))
            }
            _ => {
                let token = self.scanner.skip_text().map_err(|_| self.found("expected a value"))?;
                Ok((token != "null").then(|| token.to_owned()))
            }
        }
    }

    fn malformed(&self, what: &str) -> BulkError {
        BulkError::malformed(format!("Malformed action/metadata line [{}], {what}", self.number))
    }

    /// As Elasticsearch names tokens.
    fn found(&self, expected: &str) -> BulkError {
        let token = match self.scanner.peek() {
            Some(b'{') => "START_OBJECT",
            Some(b'}') => "END_OBJECT",
            Some(b'[') => "START_ARRAY",
            Some(b']') => "END_ARRAY",
            Some(b'"') => "VALUE_STRING",
            Some(b'-' | b'0'..=b'9') => "VALUE_NUMBER",
            Some(b't' | b'f') => "VALUE_BOOLEAN",
            Some(b'n') => "VALUE_NULL",
            _ => "null",
        };
        self.malformed(&format!("{expected} but found [{token}]"))
    }
}

/// Enough of a name to find it again.
fn excerpt(text: &str) -> &str {
    &text[..text.floor_char_boundary(64)]
}
