//! Searches that go on: scrolls and points in time.

use super::body::{Body, Context};
use super::params::{list, shorten};
use super::search::Shards;
use super::{EsError, UrlParams, duration};
use crate::json::Value;

/// Longest name of a scroll or a point in time: ours are far shorter.
const ID_BYTES_MAX: usize = 4096;
/// Most names of one request.
const IDS_MAX: usize = 1000;

/// `_search/scroll`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrollRequest {
    /// The scroll.
    pub id: String,
    /// How long it stays from now on, milliseconds; `None`: as before.
    pub keep_alive: Option<u64>,
}

/// Parameters of `_search/scroll`.
pub const SCROLL_PARAMETERS: &[&str] = &["rest_total_hits_as_int", "scroll", "scroll_id", "typed_keys"];
/// Parameters of `POST /INDEX/_pit`.
pub const PIT_PARAMETERS: &[&str] = &[
    "allow_no_indices",
    "allow_partial_search_results",
    "expand_wildcards",
    "ignore_unavailable",
    "keep_alive",
    "preference",
    "routing",
];

/// Reads which scroll goes on: by the body, the path (`/_search/scroll/ID`) or a parameter.
pub fn read_scroll(
    bytes: &[u8],
    path_id: Option<&str>,
    params: &UrlParams,
    context: &Context<'_>,
) -> Result<ScrollRequest, EsError> {
    let mut id = path_id.or(params.get("scroll_id")).map(str::to_owned);
    let mut keep_alive = params.get("scroll").map(|text| duration::read(text, "scroll")).transpose()?;
    let (body, root) = Body::parse(bytes, context)?;
    for (name, value) in body.object(&root, "scroll")? {
        match name.as_str() {
            "scroll_id" => id = Some(body.scalar(value, name)?),
            "scroll" => keep_alive = Some(duration::read(&body.scalar(value, name)?, "scroll")?),
            _ => {
                let reason = format!(
                    "Unknown parameter [{}] in request body or parameter is of the wrong type",
                    shorten(name)
                );
                return Err(EsError::argument(reason));
            }
        }
    }
    let id = id.filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX);
    let id = id.ok_or_else(|| validation("scrollId is missing"))?;
    Ok(ScrollRequest { id, keep_alive })
}

/// Reads which scrolls end; `None`: all (`_all`).
pub fn read_clear_scroll(
    bytes: &[u8],
    path_id: Option<&str>,
    context: &Context<'_>,
) -> Result<Option<Vec<String>>, EsError> {
    let mut ids = path_id.map(list).unwrap_or_default();
    // Old clients send the bare names.
    match bytes.trim_ascii().first() {
        None | Some(b'{') => {
            let (body, root) = Body::parse(bytes, context)?;
            for (name, value) in body.object(&root, "scroll")? {
                match name.as_str() {
                    "scroll_id" => ids = body.texts(value, name)?,
                    _ => {
                        let reason = format!(
                            "Unknown parameter [{}] in request body or parameter is of the wrong type",
                            shorten(name)
                        );
                        return Err(EsError::argument(reason));
                    }
                }
            }
        }
        Some(_) => ids = list(&String::from_utf8_lossy(bytes)),
    }
    match ids.as_slice() {
        [] => Err(validation("no scroll ids specified")),
        [all] if all == "_all" => Ok(None),
        _ if ids.len() > IDS_MAX => Err(validation(&format!("more than {IDS_MAX} scroll ids"))),
        _ => Ok(Some(ids)),
    }
}

/// Reads how long a point in time stays, milliseconds.
pub fn read_open_pit(params: &UrlParams) -> Result<u64, EsError> {
    match params.get("keep_alive") {
        Some(text) => duration::read(text, "keep_alive"),
        None => Err(validation("[keep_alive] is not specified")),
    }
}

/// Reads which point in time ends.
pub fn read_close_pit(bytes: &[u8], context: &Context<'_>) -> Result<String, EsError> {
    let (body, root) = Body::parse(bytes, context)?;
    let Value::Object(members) = &root.value else { return Err(validation("[id] is not specified")) };
    match members.as_slice() {
        [(name, value)] if name == "id" => body.scalar(value, "id"),
        [] => Err(validation("[id] is not specified")),
        [(name, value), ..] => {
            Err(body
                .content_error(value, &format!("[close_point_in_time] unknown field [{}]", shorten(name))))
        }
    }
}

fn validation(what: &str) -> EsError {
    EsError::new(400, "action_request_validation_exception", format!("Validation Failed: 1: {what};"))
}

/// `{"id": "…", "_shards": {…}}`
pub fn render_pit(id: &str, shards: Shards) -> Vec<u8> {
    let mut out = format!("{{\"id\":{},\"_shards\":", serde_json::json!(id)).into_bytes();
    shards.write(&mut out);
    out.push(b'}');
    out
}

/// What ending scrolls or points in time answers: how many there were. Elasticsearch's status is 404 when there was none.
pub fn render_freed(count: usize) -> Vec<u8> {
    format!("{{\"succeeded\":true,\"num_freed\":{count}}}").into_bytes()
}

#[cfg(test)]
mod tests {
    use lingshao_model::log::{LogTime, Mapping};

    use super::*;

    fn with_context<T>(read: impl Fn(&Context<'_>) -> T) -> T {
        let mapping = Mapping::default();
        read(&Context { now: LogTime(0), time_zone: &jiff::tz::TimeZone::UTC, mapping: &mapping })
    }

    #[test]
    fn scrolls_are_named_in_three_ways() {
        let read = |text: &str, path: Option<&str>, pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let params = UrlParams::new("/_search/scroll", pairs);
            with_context(|context| read_scroll(text.as_bytes(), path, &params, context))
        };
        let scroll = |id: &str, keep_alive| Ok(ScrollRequest { id: id.to_owned(), keep_alive });
        assert_eq!(read(r#"{"scroll_id": "a", "scroll": "1m"}"#, None, &[]), scroll("a", Some(60_000)));
        assert_eq!(read("", Some("b"), &[("scroll", "30s")]), scroll("b", Some(30_000)));
        assert_eq!(read("", None, &[("scroll_id", "c")]), scroll("c", None));
        let refused = |text: &str| read(text, None, &[]).unwrap_err().reason;
        assert_eq!(refused(""), "Validation Failed: 1: scrollId is missing;");
        assert_eq!(
            refused(r#"{"x": 1}"#),
            "Unknown parameter [x] in request body or parameter is of the wrong type"
        );
    }

    #[test]
    fn ends_are_named_too() {
        let clear = |text: &str, path: Option<&str>| {
            with_context(|context| read_clear_scroll(text.as_bytes(), path, context))
        };
        let ids = |ids: &[&str]| Ok(Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()));
        assert_eq!(clear(r#"{"scroll_id": ["a", "b"]}"#, None), ids(&["a", "b"]));
        assert_eq!(clear(r#"{"scroll_id": "a"}"#, None), ids(&["a"]));
        assert_eq!(clear("a,b", None), ids(&["a", "b"]));
        assert_eq!(clear("", Some("_all")), Ok(None));
        assert_eq!(clear("", None).unwrap_err().reason, "Validation Failed: 1: no scroll ids specified;");
        let close = |text: &str| with_context(|context| read_close_pit(text.as_bytes(), context));
        assert_eq!(close(r#"{"id": "p"}"#).as_deref(), Ok("p"));
        assert_eq!(close("{}").unwrap_err().reason, "Validation Failed: 1: [id] is not specified;");
        assert_eq!(read_open_pit(&UrlParams::default()).unwrap_err().status, 400);
        assert_eq!(
            render_pit("p", Shards { total: 1, failed: 0 }),
            br#"{"id":"p","_shards":{"failed":0,"skipped":0,"successful":1,"total":1}}"#
        );
    }
}
