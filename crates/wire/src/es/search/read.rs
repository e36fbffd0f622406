//! Bodies and parameters of `_search`.

use lingshao_model::log::{LogQuery, TotalWanted};

use super::{Pit, SearchRequest, Source, WINDOW_MAX, fields, highlight, sort};
use crate::es::body::{Body, Context, did_you_mean, token};
use crate::es::json_filter::{Filter, PATTERNS_MAX};
use crate::es::options::Options;
use crate::es::params::shorten;
use crate::es::{EsError, UrlParams, aggs, duration, query};
use crate::json::{Node, Value};

/// Parameters of `_search`.
pub const PARAMETERS: &[&str] = &[
    "_source",
    "_source_excludes",
    "_source_includes",
    "allow_no_indices",
    "allow_partial_search_results",
    "analyze_wildcard",
    "analyzer",
    "batched_reduce_size",
    "ccs_minimize_roundtrips",
    "default_operator",
    "df",
    "docvalue_fields",
    "expand_wildcards",
    "explain",
    "force_synthetic_source",
    "from",
    "ignore_throttled",
    "ignore_unavailable",
    "include_named_queries_score",
    "lenient",
    "max_concurrent_shard_requests",
    "min_compatible_shard_node",
    "pre_filter_shard_size",
    "preference",
    "q",
    "request_cache",
    "rest_total_hits_as_int",
    "routing",
    "scroll",
    "search_type",
    "seq_no_primary_term",
    "size",
    "sort",
    "source",
    "source_content_type",
    "stats",
    "stored_fields",
    "suggest_field",
    "suggest_mode",
    "suggest_size",
    "suggest_text",
    "terminate_after",
    "timeout",
    "track_scores",
    "track_total_hits",
    "typed_keys",
    "version",
    "wait_for_checkpoints",
];

/// Keys of a body that Elasticsearch knows and we do not.
const REFUSED: &[&str] =
    &["collapse", "indices_boost", "knn", "rank", "rescore", "retriever", "slice", "suggest", "sub_searches"];

/// Reads a search. Parameters win over the body; `q` over its query.
pub fn read(bytes: &[u8], params: &UrlParams, context: &Context<'_>) -> Result<SearchRequest, EsError> {
    let (body, root) = Body::parse(bytes, context)?;
    let Value::Object(members) = &root.value else {
        let reason = format!("Expected [START_OBJECT] but found [{}]", token(&root));
        return Err(body.error(&root, reason));
    };
    let mut request = SearchRequest::default();
    for (name, value) in members {
        request.take(&body, name, value)?;
    }
    request.take_parameters(&body, params)?;
    if let Some((_, after)) = members.iter().find(|(name, _)| name == "search_after") {
        let more = request.pit.is_some();
        request.after = Some(sort::read_after(&body, after, &request.sort, more)?);
    }
    request.mark();
    request.check()?;
    request.departures = body.departures();
    Ok(request)
}

impl Default for SearchRequest {
    fn default() -> SearchRequest {
        SearchRequest {
            query: LogQuery::All,
            post_filter: None,
            from: 0,
            size: 10,
            pit: None,
            scroll: None,
            timeout: None,
            total: TotalWanted::UpTo(10_000),
            total_as_int: false,
            sort: Vec::new(),
            after: None,
            source: Source::Whole,
            fields: Vec::new(),
            doc_values: Vec::new(),
            highlight: None,
            track_scores: false,
            version: false,
            seq_no: false,
            profile: false,
            typed_keys: false,
            aggregations: Vec::new(),
            departures: Vec::new(),
        }
    }
}

impl SearchRequest {
    /// A search inside of an aggregation, of these members.
    pub(in crate::es) fn of_members(
        options: &Options<'_>,
        names: &[&'static str],
        size: usize,
    ) -> Result<SearchRequest, EsError> {
        let mut request = SearchRequest { size, ..SearchRequest::default() };
        for name in names {
            if let Some(node) = options.get(name) {
                request.take(options.body, name, node)?;
            }
        }
        Ok(request)
    }

    /// Takes one member of the body.
    fn take(&mut self, body: &Body<'_>, name: &str, node: &Node) -> Result<(), EsError> {
        match name {
            "query" => self.query = query::read(body, node, 0)?,
            "post_filter" => self.post_filter = Some(query::read(body, node, 0)?),
            "sort" => self.sort = sort::read(body, node)?,
            "from" => self.from = body.count(node, "from")?,
            "size" => self.size = body.count(node, "size")?,
            "aggs" | "aggregations" => self.aggregations = aggs::read(body, node)?,
            "search_after" => {} // When the order is known.
            "track_total_hits" => self.total = total(body, node)?,
            "_source" => self.source = source(body, node)?,
            "fields" => self.fields = fields::read(body, node, "fields")?,
            "docvalue_fields" => self.doc_values = fields::read(body, node, "docvalue_fields")?,
            "highlight" => self.highlight = Some(highlight::read(body, node)?),
            "stored_fields" => self.stored(&body.texts(node, "stored_fields")?),
            "pit" => self.pit = Some(pit(body, node)?),
            "timeout" => self.timeout = Some(duration::read(&body.scalar(node, "timeout")?, "timeout")?),
            "version" => self.version = body.flag(node, "version")?,
            "seq_no_primary_term" => self.seq_no = body.flag(node, "seq_no_primary_term")?,
            "track_scores" => self.track_scores = body.flag(node, "track_scores")?,
            "profile" => self.profile = body.flag(node, "profile")?,
            "explain" => drop(body.flag(node, "explain")?),
            "terminate_after" => drop(body.count(node, "terminate_after")?),
            "min_score" => drop(body.number(node, "min_score")?),
            "stats" => drop(body.texts(node, "stats")?),
            "ext" if is_empty(node) => {}
            "runtime_mappings" | "script_fields" if is_empty(node) => {}
            "runtime_mappings" | "script_fields" => return Err(refused(body, node, name)),
            _ if REFUSED.contains(&name) => return Err(refused(body, node, name)),
            _ => {
                let reason = format!("Unknown key for a {} in [{}].", token(node), shorten(name));
                return Err(body.error(node, reason));
            }
        }
        Ok(())
    }

    fn take_parameters(&mut self, body: &Body<'_>, params: &UrlParams) -> Result<(), EsError> {
        let whole = |name: &str| -> Result<Option<usize>, EsError> {
            params.number(name)?.map(|number| not_negative(name, number)).transpose()
        };
        if let Some(query) = query::of_url(body, params)? {
            self.query = query;
        }
        self.from = whole("from")?.unwrap_or(self.from);
        self.size = whole("size")?.unwrap_or(self.size);
        whole("terminate_after")?;
        if let Some(items) = params.list("sort") {
            self.sort = sort::read_list(body, &items)?;
        }
        if let Some(text) = params.get("track_total_hits") {
            self.total = total_of(text)?;
        }
        if let Some(source) = source_of_url(params)? {
            self.source = source;
        }
        if let Some(names) = params.list("stored_fields") {
            self.stored(&names);
        }
        self.timeout = params.duration("timeout")?.or(self.timeout);
        self.scroll = params.duration("scroll")?;
        self.version = params.flag("version")?.unwrap_or(self.version);
        self.seq_no = params.flag("seq_no_primary_term")?.unwrap_or(self.seq_no);
        self.track_scores = params.flag("track_scores")?.unwrap_or(self.track_scores);
        self.typed_keys = params.flag("typed_keys")?.unwrap_or(false);
        self.total_as_int = params.flag("rest_total_hits_as_int")?.unwrap_or(false);
        check_search_type(params)
    }

    /// `stored_fields`: there are none beside `_source`, which they hide unless it is among them.
    fn stored(&mut self, names: &[String]) {
        if names.iter().all(|name| name != "_source") && self.source == Source::Whole {
            self.source = Source::Nothing;
        }
    }

    /// Hands the query to the highlights, those of `top_hits` included.
    fn mark(&mut self) {
        let query = self.query.clone();
        self.mark_for(&query);
        aggs::mark(&mut self.aggregations, &query);
    }

    /// The same of a search inside of an aggregation.
    pub(in crate::es) fn mark_for(&mut self, query: &LogQuery) {
        if let Some(highlight) = &mut self.highlight {
            highlight.look_for(query);
        }
    }

    fn check(&self) -> Result<(), EsError> {
        let end = self.from.saturating_add(self.size);
        if self.scroll.is_some() && self.size == 0 {
            return Err(validation("[size] cannot be [0] in a scroll context"));
        }
        if self.scroll.is_some() && self.from > 0 {
            return Err(validation("using [from] is not allowed in a scroll context"));
        }
        if self.after.is_some() && self.from > 0 {
            return Err(validation("`from` parameter must be set to 0 when `search_after` is used"));
        }
        if self.scroll.is_some() && self.after.is_some() {
            return Err(validation("`search_after` cannot be used in a scroll context."));
        }
        if self.scroll.is_some() && self.pit.is_some() {
            return Err(validation("using [point in time] is not allowed in a scroll context"));
        }
        if self.scroll.is_some() && self.size > WINDOW_MAX {
            return Err(EsError::shard_argument(format!(
                "Batch size is too large, size must be less than or equal to: [{WINDOW_MAX}] but was [{}]. Scroll batch sizes cost as much memory as result windows so they are controlled by the [index.max_result_window] index level setting.",
                self.size
            )));
        }
        if end > WINDOW_MAX {
            return Err(EsError::shard_argument(format!(
                "Result window is too large, from + size must be less than or equal to: [{WINDOW_MAX}] but was [{end}]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting."
            )));
        }
        Ok(())
    }
}

fn validation(what: &str) -> EsError {
    EsError::new(400, "action_request_validation_exception", format!("Validation Failed: 1: {what};"))
}

fn is_empty(node: &Node) -> bool {
    matches!(&node.value, Value::Object(members) if members.is_empty())
}

fn refused(body: &Body<'_>, node: &Node, name: &str) -> EsError {
    body.error(node, format!("[{name}] is not supported: leave it out of the search"))
}

fn not_negative(name: &str, number: i64) -> Result<usize, EsError> {
    usize::try_from(number)
        .map_err(|_| EsError::argument(format!("[{name}] parameter cannot be negative, found [{number}]")))
}

fn check_search_type(params: &UrlParams) -> Result<(), EsError> {
    match params.get("search_type") {
        None | Some("query_then_fetch" | "dfs_query_then_fetch") => Ok(()),
        Some(other) => Err(EsError::argument(format!("No search type for [{}]", shorten(other)))),
    }
}

fn total(body: &Body<'_>, node: &Node) -> Result<TotalWanted, EsError> {
    total_of(&body.scalar(node, "track_total_hits")?)
}

fn total_of(text: &str) -> Result<TotalWanted, EsError> {
    match (text, text.parse::<i64>()) {
        ("true" | "", _) => Ok(TotalWanted::Exact),
        ("false", _) | (_, Ok(-1)) => Ok(TotalWanted::Nothing),
        (_, Ok(limit @ 0..)) => Ok(TotalWanted::UpTo(limit.unsigned_abs())),
        _ => {
            let reason = format!(
                "[track_total_hits] parameter must be positive or equals to -1, got {}",
                shorten(text)
            );
            Err(EsError::argument(reason))
        }
    }
}

fn source(body: &Body<'_>, node: &Node) -> Result<Source, EsError> {
    let (mut includes, mut excludes) = (Vec::new(), Vec::new());
    match &node.value {
        Value::Bool(true) => return Ok(Source::Whole),
        Value::Bool(false) => return Ok(Source::Nothing),
        Value::Object(members) => {
            for (name, value) in members {
                match name.as_str() {
                    "includes" | "include" => includes = body.texts(value, "_source")?,
                    "excludes" | "exclude" => excludes = body.texts(value, "_source")?,
                    _ => {
                        let meant = did_you_mean(name, &["includes", "excludes"]);
                        return Err(body.error(
                            value,
                            format!("Unknown key for a {} in [{name}].{meant}", token(value)),
                        ));
                    }
                }
            }
        }
        Value::String(_) | Value::Array(_) => includes = body.texts(node, "_source")?,
        _ => {
            let reason = format!(
                "Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT] but found [{}]",
                token(node)
            );
            return Err(body.error(node, reason));
        }
    }
    part(includes, excludes)
}

fn source_of_url(params: &UrlParams) -> Result<Option<Source>, EsError> {
    let includes = match params.get("_source") {
        Some("true" | "") => return Ok(Some(Source::Whole)),
        Some("false") => return Ok(Some(Source::Nothing)),
        Some(_) => params.list("_source"),
        None => None,
    };
    let includes = params.list("_source_includes").or(includes);
    let excludes = params.list("_source_excludes");
    if includes.is_none() && excludes.is_none() {
        return Ok(None);
    }
    part(includes.unwrap_or_default(), excludes.unwrap_or_default()).map(Some)
}

fn part(includes: Vec<String>, excludes: Vec<String>) -> Result<Source, EsError> {
    if includes.len() + excludes.len() > PATTERNS_MAX {
        return Err(EsError::argument(format!("[_source] has more than {PATTERNS_MAX} patterns")));
    }
    let is_whole = excludes.is_empty() && includes.iter().all(|pattern| pattern == "*");
    Ok(if is_whole { Source::Whole } else { Source::Part(Filter::Source { includes, excludes }) })
}

fn pit(body: &Body<'_>, node: &Node) -> Result<Pit, EsError> {
    let (mut id, mut keep_alive) = (None, None);
    for (name, value) in body.object(node, "pit")? {
        match name.as_str() {
            "id" => id = Some(body.scalar(value, "pit")?),
            "keep_alive" => keep_alive = Some(duration::read(&body.scalar(value, "pit")?, "keep_alive")?),
            _ => return Err(body.content_error(value, &format!("[pit] unknown field [{name}]"))),
        }
    }
    let id = id.ok_or_else(|| body.content_error(node, "Required [id]"))?;
    Ok(Pit { id, keep_alive })
}
