//! The Elasticsearch listener's answers: requests to nouns by `wire::es`, nouns to the log storage, and back.
//!
//! Contract: every answer carries `X-Elastic-Product`, without which Elastic's clients refuse to go on; every refusal is
//! one of Elasticsearch's own. What has no meaning here (templates, pipelines, policies, data streams) is kept and given
//! back, so that shippers which install them before they ship go on.

mod bulk;
mod contexts;
mod documents;
mod index;
mod info;
pub(crate) mod names;
mod search;
mod stored;

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use lingshao_model::log::{LogTime, Mapping};
use lingshao_wire::date_math;
use lingshao_wire::es::{self, EsError, UrlParams};
use percent_encoding::percent_decode_str;

use crate::app::App;
use crate::clock::now;
use crate::logs::AskError;
use crate::server::reply::{self, Content, Reply};
use crate::server::request::{BodyError, Call, Document};
use crate::server::routes::Elasticsearch as E;

pub(crate) use contexts::Contexts;
pub(crate) use names::LastRead;
pub(crate) use stored::Stored;

const PRODUCT: HeaderName = HeaderName::from_static("x-elastic-product");
const VERSIONED_JSON: &str = "application/vnd.elasticsearch+json;compatible-with=8";

/// Something that is answered with a body or one of Elasticsearch's errors.
type Outcome = Result<Answer, EsError>;

/// What a handler gives back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    /// For the `Warning` header (RFC 7234 §5.5), where we read a query otherwise than Elasticsearch would.
    warnings: Vec<String>,
}

impl Answer {
    fn json(body: Vec<u8>) -> Answer {
        Answer { status: StatusCode::OK, content_type: "application/json", body, warnings: Vec::new() }
    }

    fn value(value: &serde_json::Value) -> Answer {
        Answer::json(value.to_string().into_bytes())
    }

    fn text(body: String) -> Answer {
        Answer { content_type: "text/plain; charset=UTF-8", ..Answer::json(body.into_bytes()) }
    }

    fn with_status(self, status: StatusCode) -> Answer {
        Answer { status, ..self }
    }
}

/// A request, taken apart.
struct Request {
    call: Call,
    params: UrlParams,
    /// The `{index}` segment, decoded.
    index: Option<String>,
    /// The `{name}` segment, decoded.
    name: Option<String>,
}

impl Request {
    fn new(call: Call) -> Request {
        let query = call.parts.uri.query().unwrap_or("");
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let decoded = |segment: &Option<String>| segment.as_deref().map(percent_decoded);
        Request {
            params: UrlParams::new(call.parts.uri.path(), pairs),
            index: decoded(&call.index_name),
            name: decoded(&call.name),
            call,
        }
    }

    /// The index that is made, or written into.
    fn index(&self) -> &str {
        self.index.as_deref().unwrap_or("")
    }

    /// Reads a body that holds a question.
    async fn body(self, app: &App) -> Result<(Vec<u8>, UrlParams), EsError> {
        // Some clients send the question of a GET in a parameter.
        let source = self.params.get("source").map(|text| text.as_bytes().to_vec());
        let document = Document::read(self.call, es::BODY_BYTES_MAX, &app.forms)
            .await
            .map_err(|error| unread(&error))?;
        let body = if document.bytes.is_empty() { source.unwrap_or_default() } else { document.bytes };
        Ok((body, self.params))
    }
}

/// `+` is itself in a path, and a `%` without two digits, too.
fn percent_decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn unread(error: &BodyError) -> EsError {
    let status = error.status().as_u16();
    match error {
        BodyError::TooLarge { .. } => EsError::new(status, "content_too_long_exception", error.to_string()),
        BodyError::Overloaded => EsError::rejected(error.to_string()),
        _ => EsError::new(status, "parse_exception", error.to_string()),
    }
}

fn unasked(error: AskError) -> EsError {
    match error {
        AskError::Overloaded => EsError::rejected(error.to_string()),
        AskError::Timeout => EsError::new(503, "timeout_exception", error.to_string()),
        AskError::Search(error) => EsError::query(error.to_string()),
        AskError::Panicked => EsError::new(500, "exception", error.to_string()),
    }
}

/// Answers one route. The caller has the right to call it.
pub(crate) async fn answer(app: &Arc<App>, endpoint: E, call: Call) -> Reply {
    let versioned = accepts_versioned(&call);
    let request = Request::new(call);
    let params = request.params.clone();
    let outcome = dispatch(app, endpoint, request).await;
    let mut reply = match outcome {
        Ok(answer) => rendered(answer, &params, versioned),
        Err(error) => refused(&error),
    };
    mark(&mut reply);
    reply
}

/// Elastic's clients look for it on every answer.
fn mark(reply: &mut Reply) {
    reply.headers_mut().insert(PRODUCT, HeaderValue::from_static("Elasticsearch"));
}

/// A refusal of the guard, as Elasticsearch says it; its headers stay.
#[expect(clippy::needless_pass_by_value, reason = "what is refused is used up")]
pub(crate) fn refused_at_the_door(refusal: Reply, method: &Method, path: &str) -> Reply {
    let status = refusal.status().as_u16();
    let why = match refusal.body() {
        Content::Whole(text) => String::from_utf8_lossy(text).trim().to_owned(),
        Content::Pieces(_) => String::new(),
    };
    let error = match status {
        401 | 403 => EsError::security(status, why),
        404 => EsError::no_handler(method.as_str(), path),
        405 => EsError::new(status, "method_not_allowed_exception", why),
        429 | 503 => EsError::new(status, "es_rejected_execution_exception", why),
        _ => EsError::new(status, "illegal_argument_exception", why),
    };
    let mut reply = refused(&error);
    for name in [header::WWW_AUTHENTICATE, header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = refusal.headers().get(&name) {
            reply.headers_mut().insert(name, value.clone());
        }
    }
    mark(&mut reply);
    reply
}

/// An error as Elasticsearch says it.
fn refused(error: &EsError) -> Reply {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply::json(status, error.render())
}

fn rendered(answer: Answer, params: &UrlParams, versioned: bool) -> Reply {
    let is_json = answer.content_type == "application/json";
    let body = if is_json { es::finish(answer.body, params) } else { answer.body };
    let content_type = if is_json && versioned { VERSIONED_JSON } else { answer.content_type };
    let mut reply = reply::body(answer.status, content_type, body);
    for warning in answer.warnings {
        let text: String = warning.chars().filter(|one| one.is_ascii() && !one.is_ascii_control()).collect();
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let line = format!("299 Elasticsearch-{} \"{quoted}\"", es::VERSION);
        if let Ok(value) = HeaderValue::from_str(&line) {
            reply.headers_mut().append(header::WARNING, value);
        }
    }
    reply
}

/// Clients of 8.x name a version in the media type, and want to see it again.
fn accepts_versioned(call: &Call) -> bool {
    let accept = call.parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.starts_with("application/vnd.elasticsearch+"))
}

async fn dispatch(app: &Arc<App>, endpoint: E, request: Request) -> Outcome {
    match endpoint {
        E::Bulk => bulk::bulk(app, request).await,
        E::Search => search::search(app, request).await,
        E::MultiSearch => search::multi(app, request).await,
        E::Count => search::count(app, request).await,
        E::Scroll => search::scroll(app, request).await,
        E::EndScroll => search::end_scroll(app, request).await,
        E::OpenPointInTime => search::open_point(app, &request),
        E::ClosePointInTime => search::close_point(app, request).await,
        E::Validate => search::validate(app, request).await,
        E::IndexDocument => documents::index(app, request).await,
        E::GetDocument => documents::get(app, &request).await,
        E::ChangeDocument => Err(documents::immutable()),
        E::CreateIndex => index::create(app, request).await,
        E::FieldCapabilities => index::field_capabilities(app, request).await,
        E::GetIndex => index::get(app, &request),
        E::DeleteIndex => index::delete(app, &request).await,
        E::GetMapping => index::get_mapping(app, &request),
        E::PutMapping => index::put_mapping(app, request).await,
        E::GetSettings => index::get_settings(app, &request),
        E::PutSettings => index::put_settings(app, request).await,
        E::Refresh => index::refresh(app, &request),
        E::Statistics => index::statistics(app, &request),
        E::GetAliases => index::get_aliases(app, &request),
        E::ChangeAliases => index::change_aliases(app, request).await,
        E::PutAlias => index::put_alias(app, &request).await,
        E::DeleteAlias => index::delete_alias(app, &request).await,
        E::StoreDocument => stored::put(app, request).await,
        E::GetStored | E::ListStored => stored::get(app, &request).await,
        E::DeleteStored => stored::delete(app, &request).await,
        E::Refuse => Err(EsError::argument(format!(
            "[{}] is not offered here: records are found with `_search`, and never changed",
            request.call.parts.uri.path()
        ))),
        _ => info::answer(app, endpoint, &request).await,
    }
}

/// In which zone days begin for queries that name none.
struct Zone(jiff::tz::TimeZone);

impl Zone {
    fn of(app: &App) -> Zone {
        Zone(date_math::zone(&app.live().time_zone).unwrap_or(jiff::tz::TimeZone::UTC))
    }

    /// What a body is read against.
    fn reading<'c>(&'c self, mapping: &'c Mapping) -> es::Context<'c> {
        es::Context { now: at(), time_zone: &self.0, mapping }
    }
}

fn at() -> LogTime {
    LogTime::from(now())
}
