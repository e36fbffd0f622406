//! `_msearch`: lines of headers and bodies, and one answer for each.

use super::body::{Body, Context};
use super::indices::IndexOptions;
use super::params::{list, shorten};
use super::{EsError, UrlParams};
use crate::json::Value;

/// Largest request: boards send a hundred searches of 2 kB.
pub const MULTI_BYTES_MAX: usize = 10 << 20;
/// Most searches of one request: their answers are held until the last one is there.
pub const SEARCHES_MAX: usize = 1000;

/// Parameters of `_msearch`.
pub const PARAMETERS: &[&str] = &[
    "allow_no_indices",
    "ccs_minimize_roundtrips",
    "expand_wildcards",
    "ignore_throttled",
    "ignore_unavailable",
    "max_concurrent_searches",
    "max_concurrent_shard_requests",
    "pre_filter_shard_size",
    "rest_total_hits_as_int",
    "routing",
    "search_type",
    "typed_keys",
];

/// One search of several.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiItem<'b> {
    /// Where; empty: where the URL says.
    pub indices: Vec<String>,
    /// Which names may be missing.
    pub options: IndexOptions,
    /// For [`super::search::read`]. What it refuses is the answer to the whole request, as in Elasticsearch, unless the
    /// shards would say it ([`EsError::in_shards`]): then it is the answer to this search.
    pub body: &'b [u8],
}

/// Cuts a request into its searches.
pub fn split<'b>(
    bytes: &'b [u8],
    params: &UrlParams,
    context: &Context<'_>,
) -> Result<Vec<MultiItem<'b>>, EsError> {
    if bytes.len() > MULTI_BYTES_MAX {
        let reason =
            format!("the body has {} bytes, more than {MULTI_BYTES_MAX}; split the request", bytes.len());
        return Err(EsError::new(413, "content_too_long_exception", reason));
    }
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        return Err(EsError::argument("The msearch request must be terminated by a newline [\n]"));
    }
    let default = IndexOptions::of(params)?;
    let mut lines =
        bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut items = Vec::new();
    // A header without a body behind it is no search.
    while let (Some(line), Some(body)) = (lines.next(), lines.next()) {
        if items.len() == SEARCHES_MAX {
            return Err(validation(&format!("more than {SEARCHES_MAX} searches; split the request")));
        }
        let (indices, options) = header(line, default, context)?;
        items.push(MultiItem { indices, options, body });
    }
    match items.is_empty() {
        true => Err(validation("no requests added")),
        false => Ok(items),
    }
}

fn validation(what: &str) -> EsError {
    EsError::new(400, "action_request_validation_exception", format!("Validation Failed: 1: {what};"))
}

fn header(
    line: &[u8],
    default: IndexOptions,
    context: &Context<'_>,
) -> Result<(Vec<String>, IndexOptions), EsError> {
    let (body, root) = Body::parse(line, context)?;
    let Value::Object(members) = &root.value else {
        return Err(body.error(&root, "a header is an object; is there a line too many or too few?"));
    };
    let mut options = default;
    let mut indices = Vec::new();
    for (name, value) in members {
        match name.as_str() {
            "index" | "indices" => {
                let texts = body.texts(value, "index")?;
                indices = texts.iter().flat_map(|text| list(text)).collect();
            }
            "ignore_unavailable" | "ignoreUnavailable" => {
                options.ignore_unavailable = body.flag(value, name)?;
            }
            "allow_no_indices" | "allowNoIndices" => options.allow_no_indices = body.flag(value, name)?,
            "expand_wildcards" => options.expand(&body.texts(value, name)?)?,
            "type"
            | "search_type"
            | "searchType"
            | "preference"
            | "routing"
            | "request_cache"
            | "ignore_throttled"
            | "ccs_minimize_roundtrips"
            | "allow_partial_search_results"
            | "max_concurrent_shard_requests" => {}
            _ => {
                let reason = format!("key [{}] is not supported in the metadata section", shorten(name));
                return Err(EsError::argument(reason));
            }
        }
    }
    Ok((indices, options))
}

/// The answer: each part is the answer to one search, in their order.
pub fn render(took: u64, answers: &[Result<Vec<u8>, EsError>]) -> Vec<u8> {
    let mut out = format!("{{\"took\":{took},\"responses\":[").into_bytes();
    for (number, answer) in answers.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        match answer {
            Ok(json) => {
                out.extend_from_slice(json.strip_suffix(b"}").unwrap_or(json));
                out.extend_from_slice(b",\"status\":200}");
            }
            Err(error) => out.extend_from_slice(&error.render()),
        }
    }
    out.extend_from_slice(b"]}");
    out
}

#[cfg(test)]
mod tests {
    use lingshao_model::log::{LogTime, Mapping};

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, bool, String)>, EsError> {
        let mapping = Mapping::default();
        let context = Context { now: LogTime(0), time_zone: &jiff::tz::TimeZone::UTC, mapping: &mapping };
        let items = split(text.as_bytes(), &UrlParams::default(), &context)?;
        let shown = |item: &MultiItem<'_>| {
            let body = String::from_utf8(item.body.to_vec()).unwrap();
            (item.indices.join("+"), item.options.ignore_unavailable, body)
        };
        Ok(items.iter().map(shown).collect())
    }

    #[test]
    fn lines_are_pairs() {
        let text = "{\"index\":\"a,b\",\"ignore_unavailable\":true,\"search_type\":\"query_then_fetch\"}\r\n{\"size\":1}\n{}\n{}\n\n{}\n{\"index\":[\"c\"]}\n\n";
        let item = |indices: &str, ignore, body: &str| (indices.to_owned(), ignore, body.to_owned());
        assert_eq!(
            read(text),
            Ok(vec![
                item("a+b", true, "{\"size\":1}"),
                item("", false, "{}"),
                item("", false, "{}"),
                item("c", false, ""),
            ])
        );
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        let cases = [
            ("", "Validation Failed: 1: no requests added;"),
            ("{}\n{}", "The msearch request must be terminated by a newline [\n]"),
            ("{}\n", "Validation Failed: 1: no requests added;"),
            ("{\"x\":1}\n{}\n", "key [x] is not supported in the metadata section"),
            ("{\n{}\n", "[1:2] not JSON: a key in quotes is expected here"),
            ("[]\n{}\n", "a header is an object; is there a line too many or too few?"),
        ];
        for (text, reason) in cases {
            assert_eq!(read(text).map_err(|error| error.reason), Err(reason.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn every_search_has_its_own_status() {
        let answers = [Ok(b"{\"took\":1}".to_vec()), Err(EsError::rejected("busy"))];
        assert_eq!(
            String::from_utf8(render(3, &answers)).unwrap(),
            r#"{"took":3,"responses":[{"took":1,"status":200},{"error":{"reason":"busy","root_cause":[{"reason":"busy","type":"es_rejected_execution_exception"}],"type":"es_rejected_execution_exception"},"status":429}]}"#
        );
    }
}
