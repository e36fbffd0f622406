//! `session`: who asks, signing in and signing out. For the page; programs use HTTP Basic.

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::json;

use crate::app::{App, Live};
use crate::clock::now;
use crate::security::access::{Access, Caller, Right};
use crate::security::sessions;
use crate::server::guard;
use crate::server::reply::{self, Reply};
use crate::server::request::{Call, Document};

/// A name and a password.
const BODY_BYTES_MAX: usize = 4 << 10;
/// Proxies that speak TLS with the browser and HTTP with us say so in it.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    password: String,
}

/// `GET session`: who asks, and what they may do.
pub(super) async fn look(app: &App, call: &Call) -> Reply {
    let live = app.live();
    match guard::identify(app, &live, call.peer, &call.parts.headers).await {
        Access::Granted(caller) => described(&live, Some(&caller)),
        Access::Refused | Access::Throttled(_) => described(&live, None),
    }
}

/// `POST session`: signs in.
pub(super) async fn sign_in(app: &App, call: Call) -> Reply {
    let live = app.live();
    let (peer, secure) = (call.peer, is_secure(&live, &call.parts.headers));
    let document = match Document::read(call, BODY_BYTES_MAX, &app.forms).await {
        Ok(document) => document,
        Err(error) => return refuse(error.status(), &error.to_string()),
    };
    let Ok(Credentials { name, password }) = serde_json::from_slice(&document.bytes) else {
        return refuse(StatusCode::BAD_REQUEST, "the body must be {\"name\": …, \"password\": …}");
    };
    if live.users.is_empty() {
        return described(&live, Some(&Caller::ANYBODY));
    }
    let caller = match app.doorkeeper.sign_in(&live.users, peer, &name, &password).await {
        Access::Granted(caller) => caller,
        Access::Refused => return refuse(StatusCode::UNAUTHORIZED, "name or password is wrong"),
        Access::Throttled(wait) => return guard::throttled(wait),
    };
    let user = caller.user.as_deref().and_then(|name| live.users.named(name));
    let user = user.expect("whoever signed in is one of the users");
    match app.sessions.open(user, &live.users, now()).await {
        Ok(token) => {
            let seconds = sessions::AGE_MAX.0 / 1000;
            with_cookie(described(&live, Some(&caller)), app, &live, &token, seconds, secure)
        }
        Err(error) => {
            tracing::error!(%error, "cannot begin a session");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "cannot begin a session; see the server's log")
        }
    }
}

/// `DELETE session`: signs out.
pub(super) async fn sign_out(app: &App, call: &Call) -> Reply {
    let live = app.live();
    let headers = &call.parts.headers;
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    if let Some(token) = guard::cookie(headers, app.sessions.cookie_name())
        && let Err(error) = app.sessions.close(token).await
    {
        tracing::error!(%error, "a session was not deleted from state.db");
        let why = "signed out, but state.db cannot be written: after a restart the session would live again";
        reply = refuse(StatusCode::SERVICE_UNAVAILABLE, why);
    }
    with_cookie(reply, app, &live, "", 0, is_secure(&live, headers))
}

fn described(live: &Live, caller: Option<&Caller>) -> Reply {
    let role = caller.map(|caller| caller.role);
    let rights = Right::ALL.into_iter().filter(|right| role.is_some_and(|role| right.is_given_to(role)));
    let body = json!({
        "login_required": !live.users.is_empty(),
        "user": caller.and_then(|caller| caller.user.as_deref()),
        "role": role.map(|role| role.name()),
        "rights": rights.map(Right::name).collect::<Vec<_>>(),
    });
    reply::value(StatusCode::OK, &body)
}

/// No script can read it, no other site's page sends it, and none of our other paths gets it.
fn with_cookie(mut reply: Reply, app: &App, live: &Live, token: &str, seconds: i64, secure: bool) -> Reply {
    let cookie = format!(
        "{}={token}; Path={}/; Max-Age={seconds}; HttpOnly; SameSite=Strict{}",
        app.sessions.cookie_name(),
        live.web.route_prefix,
        if secure { "; Secure" } else { "" },
    );
    let cookie = HeaderValue::from_str(&cookie).expect("a prefix that is checked, and base64");
    reply.headers_mut().insert(header::SET_COOKIE, cookie);
    reply
}

/// Whether the browser speaks TLS, with us or with a proxy before us.
fn is_secure(live: &Live, headers: &HeaderMap) -> bool {
    live.tls.is_some() || headers.get(X_FORWARDED_PROTO).is_some_and(|value| value == "https")
}

fn refuse(status: StatusCode, why: &str) -> Reply {
    reply::value(status, &json!({ "error": why }))
}
