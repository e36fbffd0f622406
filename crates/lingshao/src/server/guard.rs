//! What stands between a parsed request and its handler: host, route, method, credentials, right, origin.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;

use super::encoding;
use super::reply::{self, Reply};
use super::request::Call;
use super::routes::{Door, Route};
use crate::api;
use crate::app::{App, Live};
use crate::clock::now;
use crate::elasticsearch;
use crate::security::access::{Access, Caller, Right};

/// Longest URL; a query that needs more is sent as a form.
const URL_BYTES_MAX: usize = 16 << 10;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The page sends it with everything.
const LINGSHAO_UI: HeaderName = HeaderName::from_static("x-lingshao-ui");

/// Answers one request, whatever it is.
pub(crate) async fn answer(app: Arc<App>, door: Door, peer: IpAddr, request: Request<Incoming>) -> Reply {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let live = app.live();
    let found = own_path(&live, door, parts.uri.path()).and_then(|path| door.find(path, &parts.method));
    let index = found.map(|found| found.index);
    let name = found.and_then(|found| found.name.map(str::to_owned));
    let version = found.and_then(|found| found.version.map(str::to_owned));
    let index_name = found.and_then(|found| found.index_name.map(str::to_owned));
    let gzip = encoding::accepts(&parts.headers, "gzip");
    let mut reply =
        match admit(&app, &live, door, peer, &parts, index.map(|index| &door.routes()[index])).await {
            Err(refusal) if door == Door::Elasticsearch => {
                elasticsearch::refused_at_the_door(refusal, &parts.method, parts.uri.path())
            }
            Err(refusal) => refusal,
            Ok((route, caller)) => {
                let call = Call { parts, body, name, version, index_name, peer, caller };
                let change = Change::of(route, &call);
                let reply = api::dispatch(&app, route.endpoint, call).await;
                change.inspect(|change| change.log(reply.status()));
                reply
            }
        };
    reply::secure(&mut reply);
    if gzip {
        reply = encoding::compress(reply).await;
    }
    app.telemetry.http.observe(door, index, reply.status(), started.elapsed());
    reply
}

/// Something that a person changes: who did it stands in the log.
struct Change {
    user: Option<String>,
    method: Method,
    path: String,
}

impl Change {
    fn of(route: &Route, call: &Call) -> Option<Change> {
        let by_people = matches!(route.right, Right::Silence | Right::Edit | Right::Act | Right::Administer);
        by_people.then(|| Change {
            user: call.caller.as_ref().and_then(|caller| caller.user.clone()),
            method: call.parts.method.clone(),
            path: call.parts.uri.path().to_owned(),
        })
    }

    fn log(&self, status: StatusCode) {
        let Change { user, method, path } = self;
        tracing::info!(user = user.as_deref().unwrap_or("-"), %method, path, status = status.as_u16(), "asked for a change");
    }
}

/// The path below `web.route_prefix`.
fn own_path<'a>(live: &Live, door: Door, path: &'a str) -> Option<&'a str> {
    if door != Door::Web {
        return Some(path);
    }
    match path.strip_prefix(live.web.route_prefix.as_str())? {
        "" if !live.web.route_prefix.is_empty() => Some("/"),
        below => below.starts_with('/').then_some(below),
    }
}

async fn admit<'a>(
    app: &App,
    live: &Live,
    door: Door,
    peer: IpAddr,
    parts: &http::request::Parts,
    route: Option<&'a Route>,
) -> Result<(&'a Route, Option<Caller>), Reply> {
    if URL_BYTES_MAX < parts.uri.path_and_query().map_or(0, |path| path.as_str().len()) {
        let why =
            format!("URL is longer than {URL_BYTES_MAX} bytes; send the parameters as a form with POST");
        return Err(reply::text(StatusCode::URI_TOO_LONG, why));
    }
    let Some(host) = host(parts) else {
        return Err(reply::text(StatusCode::BAD_REQUEST, "exactly one `Host` header is needed"));
    };
    if !live.hosts.allow(host) {
        let why = format!("host `{}` is not ours; add it to `web.hosts`", host.escape_debug());
        return Err(reply::text(StatusCode::MISDIRECTED_REQUEST, why));
    }
    let Some(route) = route else { return Err(reply::text(StatusCode::NOT_FOUND, "no such page")) };
    if !route.methods.include(&parts.method) {
        let allow = door.allow(route.path);
        let mut refusal =
            reply::text(StatusCode::METHOD_NOT_ALLOWED, format!("method not allowed; use {allow}"));
        let allow = HeaderValue::from_str(&allow).expect("our methods are plain text");
        refusal.headers_mut().insert(header::ALLOW, allow);
        return Err(refusal);
    }
    let caller = authorize(app, live, peer, &parts.headers, route.right).await?;
    let reads = parts.method == Method::GET || parts.method == Method::HEAD;
    let header = |name: HeaderName| parts.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if !reads && !live.hosts.same_origin(host, header(header::ORIGIN), header(SEC_FETCH_SITE)) {
        let why = "a page of another origin may not do this; add its host to `web.hosts` if it is yours";
        return Err(reply::text(StatusCode::FORBIDDEN, why));
    }
    Ok((route, caller))
}

/// From the URL if it is absolute, else from the header (RFC 9112 §3.2.2).
fn host(parts: &http::request::Parts) -> Option<&str> {
    let mut headers = parts.headers.get_all(header::HOST).iter();
    let header = headers.next().and_then(|host| host.to_str().ok());
    match (parts.uri.authority(), header, headers.next()) {
        (Some(authority), _, None) => Some(authority.as_str()),
        (None, Some(host), None) => Some(host),
        _ => None,
    }
}

async fn authorize(
    app: &App,
    live: &Live,
    peer: IpAddr,
    headers: &HeaderMap,
    right: Right,
) -> Result<Option<Caller>, Reply> {
    if right == Right::Public {
        return Ok(None);
    }
    match identify(app, live, peer, headers).await {
        Access::Granted(caller) if right.is_given_to(caller.role) => Ok(Some(caller)),
        Access::Granted(caller) => {
            let why = format!("role `{}` may not do this", caller.role.name());
            Err(reply::text(StatusCode::FORBIDDEN, why))
        }
        Access::Refused => {
            let mut refusal = reply::text(StatusCode::UNAUTHORIZED, "name and password are needed");
            // The page asks for them itself; the header would bring up the browser's own dialog.
            if !headers.contains_key(LINGSHAO_UI) {
                let ask = "Basic realm=\"lingshao\", charset=\"UTF-8\"";
                reply::set(&mut refusal, header::WWW_AUTHENTICATE, ask);
            }
            Err(refusal)
        }
        Access::Throttled(wait) => Err(throttled(wait)),
    }
}

/// Who it is: by HTTP Basic, or by the cookie of a session.
pub(crate) async fn identify(app: &App, live: &Live, peer: IpAddr, headers: &HeaderMap) -> Access {
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    if authorization.is_none()
        && !live.users.is_empty()
        && let Some(token) = cookie(headers, app.sessions.cookie_name())
    {
        let found = app.sessions.find(token, &live.users, now()).await;
        return found.map_or(Access::Refused, Access::Granted);
    }
    app.doorkeeper.check(&live.users, peer, authorization).await
}

/// Too many wrong passwords came from this address.
pub(crate) fn throttled(wait: Duration) -> Reply {
    let why = "too many wrong passwords; wait before the next";
    reply::retry(StatusCode::TOO_MANY_REQUESTS, wait.as_secs().max(1), why)
}

/// The value of one cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    cookies.find(|(own, _)| *own == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&'static str], expected: Option<&str>) {
        let lines = lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line)));
        assert_eq!(cookie(&lines.collect(), "session"), expected);
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        check(&["session=a"], Some("a"));
        check(&["x=1; session=a=b; y=2"], Some("a=b"));
        check(&["x=1", "session=a"], Some("a"));
        check(&["xsession=a; session_2=b; session"], None);
        check(&[], None);
    }
}
