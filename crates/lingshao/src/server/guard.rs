//! What stands between a parsed request and its handler: host, route, method, credentials, right, origin.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;

use super::reply::{self, Reply};
use super::request::{Call, Caller};
use super::routes::{self, Found, ROUTES, Route};
use crate::api;
use crate::app::{App, Live};
use crate::security::access::{self, Access, Right, role_name};

/// Longest URL; a query that needs more is sent as a form.
const URL_BYTES_MAX: usize = 16 << 10;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Answers one request, whatever it is.
pub(crate) async fn answer(app: Arc<App>, peer: IpAddr, request: Request<Incoming>) -> Reply {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let live = app.live();
    let found = own_path(&live, parts.uri.path()).and_then(|path| routes::find(path, &parts.method));
    let index = found.map(|found| found.index);
    let segment = |own: fn(&Found<'_>) -> Option<String>| found.as_ref().and_then(own);
    let name = segment(|found| found.name.map(str::to_owned));
    let version = segment(|found| found.version.map(str::to_owned));
    let mut reply = match admit(&app, &live, peer, &parts, index.map(|index| &ROUTES[index])).await {
        Err(refusal) => refusal,
        Ok((route, caller)) => {
            api::dispatch(&app, route.endpoint, Call { parts, body, name, version, caller }).await
        }
    };
    reply::secure(&mut reply);
    app.telemetry.http.observe(index, reply.status(), started.elapsed());
    reply
}

/// The path below `web.route_prefix`.
fn own_path<'a>(live: &Live, path: &'a str) -> Option<&'a str> {
    match path.strip_prefix(live.route_prefix.as_str())? {
        "" if !live.route_prefix.is_empty() => Some("/"),
        below => below.starts_with('/').then_some(below),
    }
}

async fn admit<'a>(
    app: &App,
    live: &Live,
    peer: IpAddr,
    parts: &http::request::Parts,
    route: Option<&'a Route>,
) -> Result<(&'a Route, Caller), Reply> {
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
        let allow = routes::allow(route.path);
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
) -> Result<Caller, Reply> {
    if right == Right::Public {
        return Ok(Caller::default());
    }
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    match app.doorkeeper.check(&live.users, peer, authorization).await {
        Access::Granted(role) if right.is_given_to(role) => {
            let name = if live.users.is_empty() { None } else { authorization.and_then(access::user_name) };
            Ok(Caller { name: name.unwrap_or_default(), role: Some(role) })
        }
        Access::Granted(role) => {
            let why = format!("role `{}` may not do this", role_name(role));
            Err(reply::text(StatusCode::FORBIDDEN, why))
        }
        Access::Refused => {
            let mut refusal = reply::text(StatusCode::UNAUTHORIZED, "name and password are needed");
            reply::set(&mut refusal, header::WWW_AUTHENTICATE, "Basic realm=\"lingshao\", charset=\"UTF-8\"");
            Err(refusal)
        }
        Access::Throttled(wait) => Err(reply::retry(
            StatusCode::TOO_MANY_REQUESTS,
            wait.as_secs().max(1),
            "too many wrong passwords; wait before the next",
        )),
    }
}
