//! One request to a service within bounds of time and size, its secrets masked in everything that is said about it.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lingshao_model::{TimeDelta, Timestamp};
use lingshao_wire::notify::{Answer, Request, Verdict};
use lingshao_wire::prometheus_config::{HttpClientConfig, Secret};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use reqwest::{Client, Method};

use crate::clock;
use crate::scrape::{credentials, describe, http_client, read_at_most};

/// How long a request may take in all: services answer within a second or are ill.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Most of an answer that is read: services say little; an error page's rest says nothing.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const AGENT: &str = concat!("Lingshao/", env!("CARGO_PKG_VERSION"));

/// Connections to one service.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    config: HttpClientConfig,
    timeout: Duration,
}

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Received {
    status: u16,
    retry_after: Option<String>,
    body: Vec<u8>,
    now: Timestamp,
}

impl Received {
    /// For the codecs.
    pub(super) fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.status,
            retry_after: self.retry_after.as_deref(),
            body: &self.body,
            now: self.now,
        }
    }
}

impl Http {
    /// Reads the certificates that the config names.
    pub(super) fn new(config: &HttpClientConfig, timeout: Option<TimeDelta>) -> Result<Http, String> {
        let millis = timeout.map_or(0, |timeout| u64::try_from(timeout.0).unwrap_or(0));
        let timeout = if millis == 0 { TIMEOUT } else { Duration::from_millis(millis) };
        Ok(Http { client: http_client(config)?, config: config.clone(), timeout })
    }

    /// Sends it. What does not come to an answer is tried again later, except for what no request can be made of.
    pub(super) async fn exchange(&self, request: Request) -> Result<Received, Verdict> {
        let deadline = Instant::now() + self.timeout;
        match tokio::time::timeout_at(deadline.into(), self.send(request)).await {
            Ok(result) => result,
            Err(_) => Err(Verdict::retry(format!("no answer within {} s", self.timeout.as_secs_f64()))),
        }
    }

    async fn send(&self, request: Request) -> Result<Received, Verdict> {
        let mut headers =
            credentials(&self.config).await.map_err(|error| Verdict::retry(error.to_string()))?;
        put_headers(&mut headers, &request)?;
        let secrets = Secrets::of_headers(&headers);
        let method = if request.is_post { Method::POST } else { Method::GET };
        let url = reqwest::Url::parse(&request.url)
            .map_err(|error| Verdict::Final(format!("the configured URL is none: {error}")))?;
        let sent = self.client.request(method, url).headers(headers).body(request.body).send().await;
        let mut response = sent.map_err(|error| Verdict::retry(describe(&error)))?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let status = response.status().as_u16();
        let body = read_at_most(&mut response, ANSWER_BYTES_MAX).await;
        let body = body.map_err(|error| Verdict::retry(describe(&error)))?;
        Ok(Received { status, retry_after, body: secrets.mask_bytes(body), now: clock::now() })
    }
}

fn put_headers(headers: &mut HeaderMap, request: &Request) -> Result<(), Verdict> {
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in &request.headers {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Verdict::Final(format!("the header `{name}` holds a character that none can")))?;
        value.set_sensitive(*name == "authorization");
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}

/// Texts that must not be seen, and the mask over them.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

/// Shorter texts are no secrets, and masking them would garble what is said.
const SECRET_CHARS_MIN: usize = 4;
/// Shorter parts of a path are names.
const TOKEN_CHARS_MIN: usize = 16;

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// One more.
    pub(super) fn add(&mut self, secret: &str) {
        if SECRET_CHARS_MIN <= secret.chars().count() && !self.0.iter().any(|own| own == secret) {
            self.0.push(secret.to_owned());
            // The longest first, so that a part does not hide the whole.
            self.0.sort_by_key(|own| std::cmp::Reverse(own.len()));
        }
    }

    /// A URL that is one: also what stands in its query, and the long parts of its path, where tokens are.
    pub(super) fn add_url(&mut self, url: &str) {
        self.add(url);
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        for pair in query.split('&') {
            if let Some((_, value)) = pair.split_once('=') {
                self.add(value);
            }
        }
        let after_scheme = path.split_once("://").map_or(path, |(_, rest)| rest);
        if let Some((authority, rest)) = after_scheme.split_once('/') {
            if let Some((user, _)) = authority.rsplit_once('@') {
                self.add(user);
                self.add(&STANDARD.encode(user));
            }
            rest.split('/').filter(|part| TOKEN_CHARS_MIN <= part.len()).for_each(|part| self.add(part));
        }
    }

    /// The credentials in headers, wherever they were read from.
    fn of_headers(headers: &HeaderMap) -> Secrets {
        let mut secrets = Secrets::default();
        let sensitive = headers.values().filter(|value| value.is_sensitive());
        let texts =
            sensitive.filter_map(|value| value.to_str().ok()).filter_map(|text| text.rsplit(' ').next());
        texts.for_each(|text| secrets.add(text));
        secrets
    }

    /// An answer with every secret masked; one without any stays as it came.
    fn mask_bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        let has = |secret: &String| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        if !self.0.iter().any(has) {
            return bytes;
        }
        self.mask(String::from_utf8_lossy(&bytes).into_owned()).into_bytes()
    }

    /// The credentials of a client.
    pub(super) fn add_client(&mut self, http: &HttpClientConfig) {
        let secrets = [
            http.basic_auth.as_ref().and_then(|auth| auth.password.as_ref()),
            http.authorization.as_ref().and_then(|auth| auth.credentials.as_ref()),
        ];
        secrets.into_iter().flatten().for_each(|secret: &Secret| self.add(secret.reveal()));
        for header in &http.http_headers {
            header.secrets.iter().for_each(|secret| self.add(secret.reveal()));
        }
        if let Some(proxy) = &http.proxy_url {
            self.add_url(proxy.reveal());
        }
    }

    /// The text with every secret masked.
    pub(super) fn mask(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| text.replace(secret, "<secret>"))
    }

    /// A verdict with every secret masked.
    pub(super) fn mask_verdict(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Sent(said) => Verdict::Sent(self.mask(said)),
            Verdict::Retry { after, reason } => Verdict::Retry { after, reason: self.mask(reason) },
            Verdict::TooLong(said) => Verdict::TooLong(self.mask(said)),
            Verdict::Final(said) => Verdict::Final(self.mask(said)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_secret_url_is_said() {
        let mut secrets = Secrets::default();
        secrets.add_url("https://user:pass@h/hook/0123456789abcdef/slack?key=KEY12345&v=1");
        let said = "https://user:pass@h/hook/0123456789abcdef/slack?key=KEY12345&v=1 KEY12345 /hook/0123456789abcdef/slack \
                    user:pass dXNlcjpwYXNz 1";
        let masked = "<secret> <secret> /hook/<secret>/slack <secret> <secret> 1";
        assert_eq!(secrets.mask(said.to_owned()), masked);
        assert_eq!(format!("{secrets:?}"), "Secrets(5)");
    }

    #[test]
    fn a_service_that_quotes_our_header_tells_no_password() {
        let mut headers = HeaderMap::new();
        let mut value = HeaderValue::from_static("Basic Ym9iOnMzY3JldA==");
        value.set_sensitive(true);
        headers.insert(reqwest::header::AUTHORIZATION, value);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let secrets = Secrets::of_headers(&headers);
        let said = "400: authorization: Basic Ym9iOnMzY3JldA== \u{fffd}".to_owned();
        assert_eq!(secrets.mask(said), "400: authorization: Basic <secret> \u{fffd}");
        assert_eq!(secrets.mask_bytes(b"\xffYm9iOnMzY3JldA==".to_vec()), "\u{fffd}<secret>".as_bytes());
        assert_eq!(secrets.mask_bytes(b"\xff ok".to_vec()), b"\xff ok");
    }
}
