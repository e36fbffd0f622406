//! One request to a target within bounds of size and time.
//!
//! Contract: a page is read up to the job's body limit and not a byte further, compressed pages are unpacked up to
//! the same limit; credentials go to the target's own host only, never along a redirect to another; the whole
//! exchange, redirects included, ends within the scrape's timeout (the caller's). A page in memory is paid for from
//! one budget that all targets share.

use std::io;
use std::sync::Arc;

use lingshao_wire::exposition::{ContentTypeError, Format};
use lingshao_wire::prometheus_config::{BODY_BYTES_DEFAULT, ScrapeConfig, ScrapeProtocol};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION, USER_AGENT,
};
use reqwest::{Response, StatusCode, Url};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::client::{self, CredentialsError};
use super::target::Target;
use crate::server::encoding::{self, GunzipError};

/// Most redirects that are followed, as Go's client does.
const REDIRECTS_MAX: usize = 10;
/// Pages in memory at a time, all targets together, before unpacking: four of the largest by default. A target
/// waits for its share within its own timeout.
pub const BUDGET_BYTES: usize = 256 << 20;
/// The unit in which the budget is handed out.
const SHARE_BYTES: usize = 1 << 20;

const AGENT: &str = concat!("Lingshao/", env!("CARGO_PKG_VERSION"));

/// The memory that pages under way may take.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Arc::new(Semaphore::new(BUDGET_BYTES / SHARE_BYTES)))
    }
}

/// A page as it came.
#[derive(Debug)]
pub struct Fetched {
    bytes: Vec<u8>,
    is_gzip: bool,
    bytes_max: usize,
    /// How it is written.
    pub format: Format,
    /// Given back when the page is dropped.
    _share: Vec<OwnedSemaphorePermit>,
}

/// Why no page came.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A secret's file cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The connection failed, at any time.
    #[error("{0}")]
    Request(String),
    /// The target answered, but not with a page.
    #[error("server returned HTTP status {0}")]
    Status(StatusCode),
    /// The page is too large.
    #[error("body size limit of {0} bytes exceeded (body_size_limit)")]
    TooLarge(usize),
    /// The compressed page cannot be unpacked.
    #[error("the gzip body is damaged: {0}")]
    Gzip(io::Error),
    /// An encoding that was not asked for.
    #[error("unsupported content encoding `{0}`")]
    Encoding(String),
    /// The content type says nothing that is spoken here.
    #[error(transparent)]
    ContentType(#[from] ContentTypeError),
    /// A redirect that leads nowhere.
    #[error("{0}")]
    Redirect(String),
}

/// Fetches a target's page.
pub async fn fetch(job: &client::Job, target: &Target, budget: &Budget) -> Result<Fetched, FetchError> {
    let url = Url::parse(&target.url).map_err(|error| FetchError::Request(error.to_string()))?;
    let response = request(job, target, url).await?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let format = format(&job.config, response.headers())?;
    let is_gzip = match response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?")) {
        None | Some("" | "identity") => false,
        Some(value) if value.eq_ignore_ascii_case("gzip") => true,
        Some(other) => return Err(FetchError::Encoding(other.chars().take(50).collect())),
    };
    let bytes_max = bytes_max(&job.config);
    let (bytes, share) = read(response, bytes_max, budget).await?;
    Ok(Fetched { bytes, is_gzip, bytes_max, format, _share: share })
}

/// A job's largest page.
pub fn bytes_max(job: &ScrapeConfig) -> usize {
    let limit = if job.limits.body_size_limit == 0 { BODY_BYTES_DEFAULT } else { job.limits.body_size_limit };
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl Fetched {
    /// The page in plain text. Takes processor time: call it on a blocking thread.
    pub fn unpack(&mut self) -> Result<&[u8], FetchError> {
        if self.is_gzip {
            self.bytes = encoding::gunzip(&self.bytes, self.bytes_max).map_err(|error| match error {
                GunzipError::TooLarge(bytes_max) => FetchError::TooLarge(bytes_max),
                GunzipError::Damaged(error) => FetchError::Gzip(error),
            })?;
            self.is_gzip = false;
        }
        Ok(&self.bytes)
    }
}

async fn request(job: &client::Job, target: &Target, first: Url) -> Result<Response, FetchError> {
    let credentials = job.credentials().await?;
    let mut url = first.clone();
    for _ in 0..=REDIRECTS_MAX {
        let mut headers = plain_headers(&job.config, target);
        if is_same_place(&first, &url) {
            headers.extend(credentials.clone());
        }
        let sent = job.client.get(url.clone()).headers(headers).send().await;
        let response = sent.map_err(|error| FetchError::Request(describe(&error)))?;
        let follows = job.config.http.follow_redirects
            && matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        let Some(location) = response.headers().get(LOCATION).filter(|_| follows) else {
            return Ok(response);
        };
        let location = location.to_str().ok().and_then(|location| url.join(location).ok());
        let next = location.filter(|next| matches!(next.scheme(), "http" | "https"));
        url = next.ok_or_else(|| FetchError::Redirect(format!("`{url}` redirects to no URL")))?;
    }
    Err(FetchError::Redirect(format!("stopped after {REDIRECTS_MAX} redirects")))
}

/// Whether credentials may go along: same host and port, and never from TLS into the clear.
fn is_same_place(first: &Url, next: &Url) -> bool {
    first.host() == next.host()
        && first.port_or_known_default() == next.port_or_known_default()
        && (first.scheme() == next.scheme() || next.scheme() == "https")
}

fn plain_headers(job: &ScrapeConfig, target: &Target) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(ACCEPT, &accept(job));
    put(ACCEPT_ENCODING, if job.enable_compression { "gzip" } else { "identity" });
    put(USER_AGENT, AGENT);
    let timeout = target.timeout.as_seconds().to_string();
    put(HeaderName::from_static("x-prometheus-scrape-timeout-seconds"), &timeout);
    headers
}

/// The formats in the job's order, as Prometheus weighs them.
fn accept(job: &ScrapeConfig) -> String {
    let mut text = String::new();
    let mut weight = job.scrape_protocols.len() + 2;
    for protocol in &job.scrape_protocols {
        text.push_str(protocol.media_type());
        if matches!(protocol, ScrapeProtocol::PrometheusText100 | ScrapeProtocol::OpenMetricsText100) {
            text.push_str(";escaping=");
            text.push_str(job.metric_name_escaping_scheme.as_str());
        }
        text.push_str(&format!(";q=0.{weight},"));
        weight -= 1;
    }
    text.push_str(&format!("*/*;q=0.{weight}"));
    text
}

fn format(job: &ScrapeConfig, headers: &HeaderMap) -> Result<Format, ContentTypeError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Format::from_content_type(content_type).or_else(|error| match job.fallback_scrape_protocol {
        Some(ScrapeProtocol::PrometheusText004 | ScrapeProtocol::PrometheusText100) => Ok(Format::Text),
        Some(ScrapeProtocol::OpenMetricsText001 | ScrapeProtocol::OpenMetricsText100) => {
            Ok(Format::OpenMetrics)
        }
        None => Err(error),
    })
}

async fn read(
    mut response: Response,
    bytes_max: usize,
    budget: &Budget,
) -> Result<(Vec<u8>, Vec<OwnedSemaphorePermit>), FetchError> {
    let announced = response.content_length().unwrap_or(0);
    if announced > bytes_max as u64 {
        return Err(FetchError::TooLarge(bytes_max));
    }
    let mut share: Vec<OwnedSemaphorePermit> = Vec::new();
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::Request(describe(&error)))? {
        if chunk.len() > bytes_max - bytes.len() {
            return Err(FetchError::TooLarge(bytes_max));
        }
        let needed = (bytes.len() + chunk.len()).div_ceil(SHARE_BYTES).min(BUDGET_BYTES / SHARE_BYTES);
        while share.len() < needed {
            let one = budget.0.clone().acquire_owned().await;
            share.push(one.map_err(|error| FetchError::Request(error.to_string()))?);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, share))
}

/// The beginning of an answer: what comes behind so many bytes is not read.
pub(crate) async fn read_at_most(
    response: &mut Response,
    bytes_max: usize,
) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while body.len() < bytes_max {
        let Some(chunk) = response.chunk().await? else { break };
        body.extend_from_slice(&chunk[..chunk.len().min(bytes_max - body.len())]);
    }
    Ok(body)
}

/// An error with its causes on one line, the URL (which may hold a token) left out.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(one) = cause {
        let text = one.to_string();
        let is_empty_talk = text.starts_with("client error (");
        if !is_empty_talk && parts.last() != Some(&text) {
            parts.push(text);
        }
        cause = one.source();
    }
    let what = if error.is_connect() { "cannot connect" } else { "the answer broke off" };
    if parts.is_empty() { what.to_owned() } else { format!("{what}: {}", parts.join(": ")) }
}

/// The `Authorization` header of a job.
pub(super) fn authorization(value: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((AUTHORIZATION, value))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn unpack(page: &[u8], bytes_max: usize) -> Result<Vec<u8>, String> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(page).unwrap();
        let bytes = encoder.finish().unwrap();
        let mut fetched =
            Fetched { bytes, is_gzip: true, bytes_max, format: Format::Text, _share: Vec::new() };
        fetched.unpack().map(<[u8]>::to_vec).map_err(|error| error.to_string())
    }

    #[test]
    fn compressed_pages_are_unpacked_up_to_the_limit() {
        assert_eq!(unpack(b"up 1\n", 5).unwrap(), b"up 1\n");
        assert_eq!(
            unpack(b"up 1\n", 4).unwrap_err(),
            "body size limit of 4 bytes exceeded (body_size_limit)"
        );
        let bomb = vec![b'0'; 50 << 20];
        assert!(unpack(&bomb, 1 << 20).unwrap_err().starts_with("body size limit"));
        let mut fetched = Fetched {
            bytes: b"no gzip".to_vec(),
            is_gzip: true,
            bytes_max: 100,
            format: Format::Text,
            _share: Vec::new(),
        };
        assert!(fetched.unpack().unwrap_err().to_string().starts_with("the gzip body is damaged: "));
    }

    #[test]
    fn credentials_stay_in_their_place() {
        let same =
            |first: &str, next: &str| is_same_place(&Url::parse(first).unwrap(), &Url::parse(next).unwrap());
        assert!(same("http://a/", "http://a:80/x") && same("http://a:443/", "https://a/"));
        assert!(!same("http://a/", "http://b/") && !same("http://a/", "http://a:81/"));
        assert!(!same("https://a:1/", "http://a:1/"));
    }

    #[test]
    fn formats_are_asked_for_in_the_order_of_the_job() {
        use lingshao_wire::prometheus_config::Global;
        let mut job = ScrapeConfig::new("a", &Global::default());
        assert_eq!(
            accept(&job),
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
        job.scrape_protocols = vec![ScrapeProtocol::PrometheusText004];
        assert_eq!(accept(&job), "text/plain;version=0.0.4;q=0.3,*/*;q=0.2");
    }
}
