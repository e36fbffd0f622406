//! Queries whose text is cut into words as values are.

use lingshao_model::log::{self, Case, FieldSelection, FieldTest, Join, LogQuery, Test};

use super::{all, any, minimum, no_more};
use crate::es::EsError;
use crate::es::body::{Body, token};
use crate::es::dates;
use crate::es::params::shorten;
use crate::json::{Node, Value};

/// What is said about the words.
#[derive(Clone, Debug, Default)]
struct Wording {
    text: Option<String>,
    all: bool,
    minimum: Option<String>,
    fuzziness: Option<String>,
    prefix: usize,
    slop: u32,
    wordless: bool,
    lenient: bool,
}

/// How the words of a query belong together.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Words,
    BoolPrefix,
    Phrase,
    PhrasePrefix,
}

/// `match`
pub(super) fn plain(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    single(body, node, "match", Shape::Words)
}

/// `match_phrase` and `match_phrase_prefix`
pub(super) fn phrase(body: &Body<'_>, node: &Node, prefix: bool) -> Result<LogQuery, EsError> {
    match prefix {
        true => single(body, node, "match_phrase_prefix", Shape::PhrasePrefix),
        false => single(body, node, "match_phrase", Shape::Phrase),
    }
}

/// `match_bool_prefix`
pub(super) fn bool_prefix(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    single(body, node, "match_bool_prefix", Shape::BoolPrefix)
}

/// `multi_match`
pub(super) fn multi(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let mut wording = Wording::default();
    let mut fields = Vec::new();
    let mut kind = "best_fields".to_owned();
    for (name, value) in body.object(node, "multi_match")? {
        match name.as_str() {
            "fields" => fields = field_names(body, value)?,
            "type" => kind = body.scalar(value, "type")?,
            "tie_breaker" => drop(body.number(value, "tie_breaker")?),
            _ => wording.take(body, value, "multi_match", name)?,
        }
    }
    wording.require(body, node, "multi_match")?;
    let fields = selection(fields);
    let shape = match kind.as_str() {
        "best_fields" | "most_fields" => Shape::Words,
        "phrase" => Shape::Phrase,
        "phrase_prefix" => Shape::PhrasePrefix,
        "bool_prefix" => Shape::BoolPrefix,
        "cross_fields" => return wording.across(body, &fields),
        _ => {
            let known = "best_fields, most_fields, cross_fields, phrase, phrase_prefix, bool_prefix";
            let reason = format!(
                "failed to parse [multi_match] query type [{}]. unknown type, expected one of {known}",
                shorten(&kind)
            );
            return Err(EsError::new(400, "parse_exception", reason));
        }
    };
    wording.query(body, fields, shape)
}

/// `combined_fields`
pub(super) fn combined(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let mut wording = Wording::default();
    let mut fields = Vec::new();
    for (name, value) in body.object(node, "combined_fields")? {
        match name.as_str() {
            "fields" => fields = field_names(body, value)?,
            _ => wording.take(body, value, "combined_fields", name)?,
        }
    }
    wording.require(body, node, "combined_fields")?;
    wording.across(body, &selection(fields))
}

/// `{"FIELD": "text"}` or `{"FIELD": {"query": "text", …}}`
fn single(body: &Body<'_>, node: &Node, query: &str, shape: Shape) -> Result<LogQuery, EsError> {
    let (field, inner) = one_field(body, node, query)?;
    let mut wording = Wording::default();
    match &inner.value {
        Value::Object(members) => {
            for (name, value) in members {
                wording.take(body, value, query, name)?;
            }
        }
        Value::Array(_) | Value::Null => {
            return Err(
                body.error(inner, format!("[{query}] unknown token [{}] after [{field}]", token(inner)))
            );
        }
        _ => wording.text = Some(body.scalar(inner, query)?),
    }
    wording.require(body, inner, query)?;
    wording.query(body, FieldSelection::One(field.to_owned()), shape)
}

/// The only field that a query names.
pub(super) fn one_field<'n>(
    body: &Body<'_>,
    node: &'n Node,
    query: &str,
) -> Result<(&'n str, &'n Node), EsError> {
    match body.object(node, query)? {
        [(field, inner)] => Ok((field, inner)),
        [] => Err(EsError::argument("fieldName must not be null or empty")),
        [(first, _), (second, at), ..] => {
            let reason =
                format!("[{query}] query doesn't support multiple fields, found [{first}] and [{second}]");
            Err(body.error(at, reason))
        }
    }
}

/// Fields with `^boost`, which is forgotten.
pub(super) fn field_names(body: &Body<'_>, node: &Node) -> Result<Vec<String>, EsError> {
    let names = body.texts(node, "fields")?;
    Ok(names.into_iter().map(|name| name.split('^').next().unwrap_or_default().to_owned()).collect())
}

/// No fields: all of them.
pub(super) fn selection(mut fields: Vec<String>) -> FieldSelection {
    if fields.is_empty() || fields.iter().any(|field| field == "*") {
        return FieldSelection::Any;
    }
    match fields.len() {
        1 if !fields[0].contains('*') => FieldSelection::One(fields.remove(0)),
        _ => FieldSelection::Several(fields),
    }
}

impl Wording {
    /// Takes one member of the query.
    fn take(&mut self, body: &Body<'_>, node: &Node, query: &str, name: &str) -> Result<(), EsError> {
        match name {
            "query" => self.text = Some(body.scalar(node, query)?),
            "operator" => self.all = is_and(body, node)?,
            "minimum_should_match" => self.minimum = Some(body.scalar(node, name)?),
            "fuzziness" => self.fuzziness = Some(body.scalar(node, name)?),
            "prefix_length" => self.prefix = body.count(node, name)?,
            "slop" => self.slop = u32::try_from(body.count(node, name)?).unwrap_or(u32::MAX),
            "lenient" => self.lenient = body.flag(node, name)?,
            "zero_terms_query" => self.wordless = is_all(body, node)?,
            "max_expansions" => drop(body.count(node, name)?),
            "fuzzy_transpositions" | "auto_generate_synonyms_phrase_query" => drop(body.flag(node, name)?),
            "fuzzy_rewrite" | "cutoff_frequency" => drop(body.scalar(node, name)?),
            "analyzer" => known_analyzer(&body.scalar(node, name)?)?,
            _ => no_more(body, node, query, name)?,
        }
        Ok(())
    }

    fn require(&self, body: &Body<'_>, node: &Node, query: &str) -> Result<(), EsError> {
        match self.text {
            Some(_) => Ok(()),
            None if query == "multi_match" => {
                Err(body.error(node, "No text specified for multi_match query"))
            }
            None => Err(body.error(node, "No text specified for text query")),
        }
    }

    fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    fn query(&self, body: &Body<'_>, fields: FieldSelection, shape: Shape) -> Result<LogQuery, EsError> {
        if self.fuzziness.is_some() && shape == Shape::Words {
            return self.fuzzy(&fields);
        }
        let join = match shape {
            Shape::Words | Shape::BoolPrefix => self.join()?,
            Shape::Phrase | Shape::PhrasePrefix => Join::Phrase { slop: self.slop },
        };
        let test = Test::Words {
            value: dates::value(body, &fields, self.text()),
            join,
            prefix_last: matches!(shape, Shape::BoolPrefix | Shape::PhrasePrefix),
            wordless: self.wordless,
            case: Case::Exact,
        };
        Ok(LogQuery::Field(Box::new(FieldTest { fields, test, lenient: self.lenient })))
    }

    fn join(&self) -> Result<Join, EsError> {
        Ok(match &self.minimum {
            _ if self.all => Join::All,
            Some(minimum) => match minimum::needed(minimum, words(self.text()).len())? {
                0 | 1 => Join::Any,
                needed => Join::AtLeast(needed),
            },
            None => Join::Any,
        })
    }

    /// Every word in any of the fields (`cross_fields`).
    fn across(&self, body: &Body<'_>, fields: &FieldSelection) -> Result<LogQuery, EsError> {
        let mut queries = Vec::new();
        for word in words(self.text()) {
            body.clause()?;
            let one = Wording { text: Some(word.to_owned()), lenient: self.lenient, ..Wording::default() };
            queries.push(one.query(body, fields.clone(), Shape::Words)?);
        }
        self.joined(queries)
    }

    /// Every word but for a few edits.
    fn fuzzy(&self, fields: &FieldSelection) -> Result<LogQuery, EsError> {
        let fuzziness = self.fuzziness.as_deref().unwrap_or_default();
        let mut queries = Vec::new();
        for word in words(self.text()) {
            let text = word.to_lowercase();
            let edits = edits(fuzziness, &text)?;
            let test = Test::Fuzzy { text, edits, prefix: self.prefix };
            let test = FieldTest { fields: fields.clone(), test, lenient: self.lenient };
            queries.push(LogQuery::Field(Box::new(test)));
        }
        self.joined(queries)
    }

    fn joined(&self, queries: Vec<LogQuery>) -> Result<LogQuery, EsError> {
        if queries.is_empty() {
            return Ok(if self.wordless { LogQuery::All } else { LogQuery::Nothing });
        }
        let minimum = self.minimum.as_deref().map(|minimum| minimum::needed(minimum, queries.len()));
        Ok(match minimum.transpose()? {
            _ if self.all => all(queries),
            Some(min) if min > 1 => super::some(queries, min),
            _ => any(queries),
        })
    }
}

/// `AND`, `or`.
fn is_and(body: &Body<'_>, node: &Node) -> Result<bool, EsError> {
    let text = body.scalar(node, "operator")?;
    match text.to_ascii_lowercase().as_str() {
        "and" => Ok(true),
        "or" => Ok(false),
        _ => {
            let reason =
                format!("No enum constant org.elasticsearch.index.query.Operator.{}", shorten(&text));
            Err(EsError::argument(reason))
        }
    }
}

fn is_all(body: &Body<'_>, node: &Node) -> Result<bool, EsError> {
    let text = body.scalar(node, "zero_terms_query")?;
    match text.to_ascii_lowercase().as_str() {
        "all" => Ok(true),
        "none" => Ok(false),
        _ => Err(body.error(node, format!("Unsupported zero_terms_query value [{}]", shorten(&text)))),
    }
}

/// There is one way of cutting texts; names that come close to it are accepted.
pub(super) fn known_analyzer(name: &str) -> Result<(), EsError> {
    match name {
        "standard" | "default" | "simple" | "whitespace" | "stop" => Ok(()),
        _ => Err(EsError::query(format!("analyzer [{}] not found", shorten(name)))),
    }
}

/// How many edits a word of this length may have: `AUTO`, `AUTO:3,6`, 0, 1 or 2.
pub(super) fn edits(fuzziness: &str, text: &str) -> Result<u8, EsError> {
    let length = text.chars().count();
    Ok(match edits_of(fuzziness)? {
        Ok(edits) => edits,
        Err((low, high)) => u8::from(length >= low) + u8::from(length >= high),
    })
}

/// So many edits, or from which lengths on one and two.
pub(super) fn edits_of(fuzziness: &str) -> Result<Result<u8, (usize, usize)>, EsError> {
    let wrong = || EsError::argument(format!("Invalid fuzziness value: {}", shorten(fuzziness)));
    let upper = fuzziness.to_ascii_uppercase();
    match upper.strip_prefix("AUTO") {
        Some("") => Ok(Err((3, 6))),
        Some(bounds) => {
            let (low, high) = bounds.trim_start_matches(':').split_once(',').ok_or_else(wrong)?;
            Ok(Err((low.parse().map_err(|_| wrong())?, high.parse().map_err(|_| wrong())?)))
        }
        None => {
            let edits: f64 = fuzziness.parse().map_err(|_| wrong())?;
            if [0.0, 1.0, 2.0].contains(&edits) { Ok(Ok(edits as u8)) } else { Err(wrong()) }
        }
    }
}

/// The words of a query's text; a run of Han characters is one.
pub(crate) fn words(text: &str) -> Vec<&str> {
    let mut spans: Vec<(usize, usize, bool)> = Vec::new();
    for word in log::words::words(text) {
        match spans.last_mut() {
            Some((_, end, true)) if word.han && *end == word.start => *end = word.end,
            _ => spans.push((word.start, word.end, word.han)),
        }
    }
    spans.into_iter().map(|(start, end, _)| &text[start..end]).collect()
}
