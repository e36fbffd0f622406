//! Which names, values and series there are.

use std::sync::Arc;
use std::time::Instant;

use lingshao_model::{Matcher, SelectError, Timestamp};
use lingshao_promql::PATTERNS_MAX;
use lingshao_tsdb::{Found, Snapshot};
use lingshao_wire::prometheus_api::{self, ErrorKind, ParameterError};

use super::answer::{ApiError, written};
use super::query::{TIMEOUT_MAX, limit, time};
use crate::app::App;
use crate::server::reply::Reply;
use crate::server::request::Parameters;

/// Selectors and range of a question about series.
struct Scope {
    sets: Vec<Vec<Matcher>>,
    start: Timestamp,
    end: Timestamp,
    limit: usize,
}

impl Scope {
    fn read(parameters: &Parameters) -> Result<Scope, ApiError> {
        let mut sets = Vec::new();
        let mut patterns = 0;
        for text in parameters.all("match[]") {
            let matchers = selector(text)?;
            patterns += matchers.iter().filter(|matcher| matcher.is_pattern()).count();
            if PATTERNS_MAX < patterns {
                let why = format!("more than {PATTERNS_MAX} regular expressions in one request");
                return Err(ParameterError::new("match[]", why).into());
            }
            sets.push(matchers);
        }
        let start = time(parameters, "start")?.unwrap_or(Timestamp::MIN);
        let end = time(parameters, "end")?.unwrap_or(Timestamp::MAX);
        if end < start {
            return Err(ParameterError::new("end", "end timestamp must not be before start time").into());
        }
        Ok(Scope { sets, start, end, limit: limit(parameters)?.unwrap_or(usize::MAX) })
    }
}

/// At least one matcher has to ask for something, or every series would be answered by mistake.
fn selector(text: &str) -> Result<Vec<Matcher>, ApiError> {
    let matchers = lingshao_promql::parse_selector(text)
        .map_err(|error| ParameterError::new("match[]", error.to_string()))?;
    if matchers.iter().all(Matcher::matches_empty) {
        let why = "match[] must contain at least one non-empty matcher";
        return Err(ApiError::new(ErrorKind::BadData, why));
    }
    Ok(matchers)
}

/// `labels`
pub(super) async fn names(app: &Arc<App>, parameters: &Parameters) -> Result<Reply, ApiError> {
    let scope = Scope::read(parameters)?;
    let find = move |at: &Snapshot| at.label_names(&scope.sets, scope.start, scope.end, scope.limit);
    found(app, find, |out, names| prometheus_api::strings(out, names)).await
}

/// `label/NAME/values`; the name as the path holds it.
pub(super) async fn values(app: &Arc<App>, parameters: &Parameters, name: &str) -> Result<Reply, ApiError> {
    let decoded = decoded(name)?;
    let name = prometheus_api::unescape_name(&decoded).into_owned();
    let scope = Scope::read(parameters)?;
    let find = move |at: &Snapshot| at.label_values(&name, &scope.sets, scope.start, scope.end, scope.limit);
    found(app, find, |out, values| prometheus_api::strings(out, values)).await
}

/// `series`
pub(super) async fn series(app: &Arc<App>, parameters: &Parameters) -> Result<Reply, ApiError> {
    let scope = Scope::read(parameters)?;
    if scope.sets.is_empty() {
        return Err(ApiError::new(ErrorKind::BadData, "no match[] parameter provided"));
    }
    let find = move |at: &Snapshot| at.series(&scope.sets, scope.start, scope.end, scope.limit);
    found(app, find, |out, sets| prometheus_api::label_sets(out, sets)).await
}

async fn found<T: 'static>(
    app: &Arc<App>,
    find: impl FnOnce(&Snapshot) -> Result<Found<T>, SelectError> + Send + 'static,
    show: impl FnOnce(&mut Vec<u8>, &[T]) + Send + 'static,
) -> Result<Reply, ApiError> {
    let turn = app.queries.admit(app, Instant::now() + TIMEOUT_MAX).await?;
    let db = app.db.clone();
    let job = tokio::task::spawn_blocking(move || {
        let mut found = find(&db.snapshot())?;
        if found.truncated {
            found.warnings.push("results truncated due to limit".to_owned());
        }
        drop(turn);
        Ok(written(&found.warnings, |out| show(out, &found.items)))
    });
    match job.await {
        Ok(outcome) => {
            outcome.map_err(|error: SelectError| ApiError::new(ErrorKind::Internal, error.to_string()))
        }
        Err(_) => Err(ApiError::panicked()),
    }
}

/// Percent-decoding of one path segment.
fn decoded(segment: &str) -> Result<String, ApiError> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(ParameterError::new("name", "broken percent-encoding").into()),
        }
    }
    String::from_utf8(bytes).map_err(|_| ParameterError::new("name", "not UTF-8").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_segment_is_decoded_or_refused() {
        assert_eq!(decoded("job").unwrap(), "job");
        assert_eq!(decoded("a%2Eb%e4%b8%ad").unwrap(), "a.b中");
        for broken in ["%", "%2", "%zz", "%ff"] {
            assert!(decoded(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_selector_has_to_ask_for_something() {
        assert_eq!(selector("up{job=\"a\"}").unwrap().len(), 2);
        assert_eq!(selector("{__name__!=\"\"}").unwrap().len(), 1);
        assert_eq!(
            selector("{job=~\".*\"}").unwrap_err().message,
            "match[] must contain at least one non-empty matcher"
        );
    }
}
