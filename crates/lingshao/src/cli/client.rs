//! Asking a running server over HTTP.

use std::time::Duration;

use anyhow::{Context, anyhow};
use reqwest::{Client, Url};

use crate::failure::Failure;

/// Longest wait for a connection; a server that is there answers in milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Somewhat more than the server's own limit for a query.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(130);
/// Answers above this are cut off: the server's own bound on a result is of this order.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// Status and body of an answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// What a request carries.
enum Content {
    Nothing,
    Form(String),
    Json(String),
}

/// POSTs a form, or GETs when there are no fields.
pub(crate) fn ask(base: &str, path: &str, fields: &[(&str, &str)]) -> Result<Answer, Failure> {
    let content = match fields {
        [] => Content::Nothing,
        fields => {
            Content::Form(form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish())
        }
    };
    exchange(base, path, content, ANSWER_TIMEOUT)
}

/// GETs what a server has at hand.
pub(crate) fn ask_within(base: &str, path: &str, patience: Duration) -> Result<Answer, Failure> {
    exchange(base, path, Content::Nothing, patience)
}

/// POSTs JSON.
pub(crate) fn ask_json(base: &str, path: &str, body: &serde_json::Value) -> Result<Answer, Failure> {
    exchange(base, path, Content::Json(body.to_string()), ANSWER_TIMEOUT)
}

fn exchange(base: &str, path: &str, content: Content, patience: Duration) -> Result<Answer, Failure> {
    let mut url = Url::parse(base)
        .with_context(|| format!("`{}` is no URL", without_password(base)))
        .map_err(|error| Failure::input(error).remedy("write it like http://127.0.0.1:9090"))?;
    let prefix = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{prefix}{path}"));
    let shown = without_password(base);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::environment(anyhow::Error::new(error).context("cannot start a runtime")))?;
    runtime.block_on(send(url, content, patience)).map_err(|error| {
        Failure::environment(error.context(format!("cannot ask {shown}")))
            .remedy("is `lingshao run` running there? another address is given with --url")
    })
}

async fn send(url: Url, content: Content, patience: Duration) -> anyhow::Result<Answer> {
    crate::security::tls::install_provider();
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(patience)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // A machine without certificates may still ask a server without TLS.
        .tls_backend_preconfigured(crate::scrape::system_tls().map_err(anyhow::Error::msg)?)
        .build()?;
    let post = |kind, body: String| client.post(url.clone()).header("content-type", kind).body(body);
    let request = match content {
        Content::Nothing => client.get(url),
        Content::Form(form) => post("application/x-www-form-urlencoded", form),
        Content::Json(json) => post("application/json", json),
    };
    // The URL may hold a password, and the error would print it.
    let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        body.extend_from_slice(&piece);
        if ANSWER_BYTES_MAX < body.len() {
            return Err(anyhow!("the answer is larger than {ANSWER_BYTES_MAX} bytes"));
        }
    }
    Ok(Answer { status: response.status().as_u16(), body })
}

/// For messages.
pub(crate) fn without_password(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let authority_end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..authority_end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => url.rsplit_once('@').map_or(url, |(_, host)| host).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_url_is_never_shown() {
        for (url, shown) in [
            ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
            ("https://li:se:cr@et@host/x@y", "https://host/x@y"),
            ("li:secret@host", "host"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
