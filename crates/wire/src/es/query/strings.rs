//! `query_string`, `q` of a URL, and `simple_query_string`.

use lingshao_model::log::{FieldSelection, LogQuery};

use super::full_text::{edits_of, field_names, known_analyzer, selection};
use super::{minimum, no_more, simple};
use crate::date_math::Clock;
use crate::es::body::Body;
use crate::es::params::shorten;
use crate::es::{EsError, UrlParams, dates};
use crate::json::{Node, Value};
use crate::lucene::{self, Fuzziness, Operator};

/// What `query_string` sets.
#[derive(Default)]
struct Setting {
    text: Option<String>,
    fields: Option<Vec<String>>,
    default_field: Option<String>,
    all: bool,
    lenient: Option<bool>,
    leading_wildcard: Option<bool>,
    slop: u32,
    fuzziness: Option<Fuzziness>,
    prefix: usize,
    minimum: Option<String>,
    zone: Option<String>,
}

/// `query_string`
pub(super) fn query_string(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let mut setting = Setting::default();
    for (name, value) in body.object(node, "query_string")? {
        setting.take(body, value, name)?;
    }
    if setting.text.is_none() {
        return Err(body.error(node, "[query_string] must be provided with a [query]"));
    }
    if setting.default_field.is_some() && setting.fields.is_some() {
        let reason = "addition of [fields] to [default_field] is not allowed: name the fields in one of them";
        return Err(EsError::argument(reason));
    }
    setting.query(body)
}

/// `q`, `df`, `default_operator` and their like; `None` without `q`.
pub(crate) fn of_url(body: &Body<'_>, params: &UrlParams) -> Result<Option<LogQuery>, EsError> {
    let all = match params.get("default_operator").map(str::to_ascii_lowercase).as_deref() {
        None | Some("or") => false,
        Some("and") => true,
        Some(other) => return Err(unknown_operator(other)),
    };
    params.flag("analyze_wildcard")?;
    if let Some(analyzer) = params.get("analyzer") {
        known_analyzer(analyzer)?;
    }
    let lenient = params.flag("lenient")?;
    let Some(text) = params.get("q") else { return Ok(None) };
    let setting = Setting {
        text: Some(text.to_owned()),
        default_field: params.get("df").map(str::to_owned),
        all,
        lenient,
        ..Setting::default()
    };
    setting.query(body).map(Some)
}

fn unknown_operator(name: &str) -> EsError {
    EsError::argument(format!("No enum constant org.elasticsearch.index.query.Operator.{}", shorten(name)))
}

impl Setting {
    fn take(&mut self, body: &Body<'_>, node: &Node, name: &str) -> Result<(), EsError> {
        match name {
            "query" => self.text = Some(body.scalar(node, name)?),
            "fields" if matches!(node.value, Value::Array(_)) => self.fields = Some(field_names(body, node)?),
            "default_field" => self.default_field = Some(body.scalar(node, name)?),
            "default_operator" => match body.scalar(node, name)?.to_ascii_lowercase().as_str() {
                "and" => self.all = true,
                "or" => self.all = false,
                other => return Err(unknown_operator(other)),
            },
            "lenient" => self.lenient = Some(body.flag(node, name)?),
            "allow_leading_wildcard" => self.leading_wildcard = Some(body.flag(node, name)?),
            "phrase_slop" => self.slop = u32::try_from(body.count(node, name)?).unwrap_or(u32::MAX),
            "fuzziness" => self.fuzziness = Some(fuzziness(&body.scalar(node, name)?)?),
            "fuzzy_prefix_length" => self.prefix = body.count(node, name)?,
            "minimum_should_match" => self.minimum = Some(body.scalar(node, name)?),
            "time_zone" => self.zone = Some(body.scalar(node, name)?),
            "analyzer" | "quote_analyzer" => known_analyzer(&body.scalar(node, name)?)?,
            "analyze_wildcard"
            | "auto_generate_synonyms_phrase_query"
            | "enable_position_increments"
            | "escape"
            | "fuzzy_transpositions" => drop(body.flag(node, name)?),
            "fuzzy_max_expansions" | "max_determinized_states" | "tie_breaker" => {
                body.number(node, name).map(drop)?;
            }
            "rewrite" | "fuzzy_rewrite" | "quote_field_suffix" | "type" => drop(body.scalar(node, name)?),
            _ => no_more(body, node, "query_string", name)?,
        }
        Ok(())
    }

    fn query(self, body: &Body<'_>) -> Result<LogQuery, EsError> {
        let own_zone = self.zone.as_deref().map(dates::read_zone).transpose()?;
        let zone = own_zone.as_ref().unwrap_or(body.context.time_zone);
        let fields = match (self.fields, self.default_field) {
            (Some(fields), _) => selection(fields),
            (None, Some(field)) => selection(vec![field]),
            (None, None) => FieldSelection::Any,
        };
        // Asking all fields, Elasticsearch passes over those that cannot hold such a value.
        let lenient =
            self.lenient.unwrap_or(fields == FieldSelection::Any && !names_a_field(self.text.as_deref()));
        if let Some(minimum) = &self.minimum {
            minimum::needed(minimum, 1)?;
        }
        let needed = |optional: usize| match &self.minimum {
            Some(minimum) => minimum::needed(minimum, optional).unwrap_or(0),
            None => 0,
        };
        let usual = lucene::Options::elasticsearch(Clock { now: body.context.now, zone });
        let options = lucene::Options {
            default_fields: fields,
            default_operator: if self.all { Operator::And } else { Operator::Or },
            lenient,
            phrase_slop: self.slop,
            allow_leading_wildcard: self.leading_wildcard.unwrap_or(true),
            fuzziness: self.fuzziness.unwrap_or(usual.fuzziness),
            fuzzy_prefix: self.prefix,
            minimum_should_match: self.minimum.as_ref().map(|_| &needed as lucene::MinimumShouldMatch<'_>),
            ..usual
        };
        let text = self.text.unwrap_or_default();
        let parsed = lucene::parse(&text, &options).map_err(|error| {
            let cause = format!("at character {}: {}", error.start, error.message);
            EsError::query(format!("Failed to parse query [{}]", shorten(&text))).because(EsError::new(
                400,
                "parse_exception",
                cause,
            ))
        })?;
        for departure in &parsed.departures {
            let part = text.get(departure.start..departure.end).unwrap_or(&text);
            body.departs(format!("[{}] was read as {}", shorten(part), departure.kind));
        }
        Ok(parsed.query)
    }
}

/// Whether a text asks a field by name, which is as strict as any other query.
fn names_a_field(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.contains(':'))
}

fn fuzziness(text: &str) -> Result<Fuzziness, EsError> {
    Ok(match edits_of(text)? {
        Ok(edits) => Fuzziness::Edits(edits),
        Err((low, high)) => Fuzziness::Auto { low, high },
    })
}

/// `simple_query_string`
pub(super) fn simple_query_string(body: &Body<'_>, node: &Node) -> Result<LogQuery, EsError> {
    let mut setting = simple::Setting::default();
    let mut text = None;
    for (name, value) in body.object(node, "simple_query_string")? {
        match name.as_str() {
            "query" => text = Some(body.scalar(value, name)?),
            "fields" => setting.fields = selection(field_names(body, value)?),
            "default_operator" => match body.scalar(value, name)?.to_ascii_lowercase().as_str() {
                "and" => setting.all = true,
                "or" => setting.all = false,
                other => return Err(unknown_operator(other)),
            },
            "lenient" => setting.lenient = body.flag(value, name)?,
            "flags" => setting.flags = simple::Flags::read(&body.scalar(value, name)?)?,
            "minimum_should_match" => {
                let minimum = body.scalar(value, name)?;
                minimum::needed(&minimum, 1)?;
                setting.minimum = Some(minimum);
            }
            "fuzzy_prefix_length" => setting.prefix = body.count(value, name)?,
            "analyzer" => known_analyzer(&body.scalar(value, name)?)?,
            "analyze_wildcard" | "auto_generate_synonyms_phrase_query" | "fuzzy_transpositions" => {
                body.flag(value, name).map(drop)?;
            }
            "fuzzy_max_expansions" => drop(body.count(value, name)?),
            "quote_field_suffix" => drop(body.scalar(value, name)?),
            _ => no_more(body, value, "simple_query_string", name)?,
        }
    }
    let text = text.ok_or_else(|| body.error(node, "[simple_query_string] query text missing"))?;
    simple::read(body, &text, &setting)
}
