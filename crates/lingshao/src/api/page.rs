//! `/`, `/graph` and `/assets/…`: the page and its files.

use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::app::App;
use crate::server::reply::{self, Reply};
use crate::server::request::Call;

/// The page. Where there is none, whoever asks is sent to the plain one, with all that the link says.
pub(super) async fn page(app: &App, call: &Call) -> Reply {
    let (prefix, uri) = (&app.live().web.route_prefix, &call.parts.uri);
    if uri.path() == prefix {
        // Without its slash, all that the page asks for would be looked for one folder above.
        return moved(StatusCode::PERMANENT_REDIRECT, &format!("{prefix}/"), uri.query());
    }
    match app.pages.index().await {
        Some(page) => page,
        None => moved(StatusCode::FOUND, &format!("{prefix}/plain"), uri.query()),
    }
}

/// One of its files.
pub(super) async fn file(app: &App, call: &Call) -> Reply {
    app.pages.file(call.name.as_deref().unwrap_or(""), &call.parts.headers).await
}

fn moved(status: StatusCode, path: &str, query: Option<&str>) -> Reply {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut reply = reply::empty(status);
    let place =
        HeaderValue::from_str(&format!("{path}{query}")).expect("it was part of a request's first line");
    reply.headers_mut().insert(header::LOCATION, place);
    reply
}
