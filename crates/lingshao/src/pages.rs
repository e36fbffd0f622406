//! The page and its files: from the binary, or from a folder while somebody works on them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use lingshao_ui::{Asset, NONCE_PLACE};
use ring::rand::{SecureRandom, SystemRandom};

use crate::server::encoding;
use crate::server::reply::{self, Reply};

/// Largest file that is served from a folder: several times our largest.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Whoever has it need never ask again.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Whoever has it has to ask whether it is still right.
const ASK_AGAIN: &str = "no-cache";

/// Where pages come from.
#[derive(Debug)]
pub(crate) enum Pages {
    /// The binary, if it was built with them.
    Embedded,
    /// A folder with the result of `npm run build`, read for each request.
    Folder(PathBuf),
}

impl Pages {
    /// From `--ui-dir`, if it is given.
    pub(crate) fn new(folder: Option<PathBuf>) -> anyhow::Result<Pages> {
        let Some(folder) = folder else { return Ok(Pages::Embedded) };
        let folder = folder
            .canonicalize()
            .with_context(|| format!("cannot serve the pages from `{}`", folder.display()))?;
        Ok(Pages::Folder(folder))
    }

    /// The page that loads everything else. `None` when this build has no pages.
    pub(crate) async fn index(&self) -> Option<Reply> {
        let page = match self {
            Pages::Embedded => String::from_utf8_lossy(lingshao_ui::index()?.plain).into_owned(),
            Pages::Folder(folder) => match read(folder.join("index.html")).await {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(refusal) => return Some(*refusal),
            },
        };
        Some(with_nonce(&page))
    }

    /// One of the files below `assets/`.
    pub(crate) async fn file(&self, name: &str, headers: &HeaderMap) -> Reply {
        let nothing = || reply::text(StatusCode::NOT_FOUND, "no such page");
        match self {
            Pages::Embedded => lingshao_ui::find(&format!("assets/{name}"))
                .map_or_else(nothing, |asset| embedded(asset, headers)),
            Pages::Folder(folder) if is_plain(name) => match read(folder.join("assets").join(name)).await {
                Ok(bytes) => {
                    let mut reply = reply::body(StatusCode::OK, lingshao_ui::content_type(name), bytes);
                    reply::set(&mut reply, header::CACHE_CONTROL, ASK_AGAIN);
                    reply
                }
                Err(refusal) => *refusal,
            },
            Pages::Folder(_) => nothing(),
        }
    }
}

/// With a nonce that is good for this one answer, in the page and in its policy. So there is no ETag: an old copy would
/// carry an old nonce.
fn with_nonce(page: &str) -> Reply {
    let mut bytes = [0; 16];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        return reply::text(StatusCode::INTERNAL_SERVER_ERROR, "this machine gives no random bytes");
    }
    let nonce = STANDARD.encode(bytes);
    let page = page.replace(NONCE_PLACE, &nonce);
    let mut reply = reply::body(StatusCode::OK, "text/html; charset=utf-8", page);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'self'"
    );
    let policy = HeaderValue::from_str(&policy).expect("base64 is plain text");
    reply.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    reply::set(&mut reply, header::CACHE_CONTROL, ASK_AGAIN);
    reply
}

/// In the smallest form that the client takes, or not at all when it has it.
fn embedded(asset: &'static Asset, headers: &HeaderMap) -> Reply {
    let brotli = asset.brotli.map(|bytes| ("br", bytes));
    let gzip = asset.gzip.map(|bytes| ("gzip", bytes));
    let coded = [brotli, gzip].into_iter().flatten().find(|(coding, _)| encoding::accepts(headers, coding));
    let etag = match coded {
        Some((coding, _)) => format!("\"{}-{coding}\"", asset.etag),
        None => format!("\"{}\"", asset.etag),
    };
    let mut reply = if has(headers, &etag) {
        reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        let bytes = coded.map_or(asset.plain, |(_, bytes)| bytes);
        reply::body(StatusCode::OK, asset.content_type, Bytes::from_static(bytes))
    };
    if let (Some((coding, _)), StatusCode::OK) = (coded, reply.status()) {
        reply::set(&mut reply, header::CONTENT_ENCODING, coding);
    }
    if brotli.or(gzip).is_some() {
        reply::set(&mut reply, header::VARY, "Accept-Encoding");
    }
    reply::set(&mut reply, header::CACHE_CONTROL, if asset.immutable { FOR_EVER } else { ASK_AGAIN });
    let etag = HeaderValue::from_str(&etag).expect("tags are hex digits and names of codings");
    reply.headers_mut().insert(header::ETAG, etag);
    reply
}

/// Whether `If-None-Match` names the tag (RFC 9110 §13.1.2; a comparison that is weak).
fn has(headers: &HeaderMap, etag: &str) -> bool {
    const NAME: HeaderName = header::IF_NONE_MATCH;
    let lines = headers.get_all(NAME).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Whether a name is one of a file in its folder and leads nowhere else.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().all(plain) && !name.starts_with('.')
}

/// A file of the folder, or how to say that it cannot be had.
async fn read(path: PathBuf) -> Result<Vec<u8>, Box<Reply>> {
    let refuse = |status, path: &Path, why: &dyn std::fmt::Display| {
        Box::new(reply::text(status, format!("`{}`: {why}", path.display())))
    };
    let job = tokio::task::spawn_blocking(move || match std::fs::metadata(&path) {
        Ok(file) if FILE_BYTES_MAX < file.len() => {
            let why = format!("larger than {FILE_BYTES_MAX} bytes");
            Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, &path, &why))
        }
        _ => std::fs::read(&path).map_err(|error| refuse(StatusCode::NOT_FOUND, &path, &error)),
    });
    let panicked = |_| Box::new(reply::text(StatusCode::INTERNAL_SERVER_ERROR, "reading a file panicked"));
    job.await.map_err(panicked)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_no_other_folder() {
        for name in ["index-DfK3x_-Z.js", "a.b.css"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["..", ".env", "%2e%2e%2fsecret", "a\\b", "a/b", "a b", "ä"] {
            assert!(!is_plain(name), "{name}");
        }
    }

    #[test]
    fn a_client_that_has_a_file_is_told_so() {
        let headers =
            |value| [(header::IF_NONE_MATCH, HeaderValue::from_static(value))].into_iter().collect();
        for value in ["\"a-br\"", "W/\"a-br\"", "\"x\", \"a-br\"", "*"] {
            assert!(has(&headers(value), "\"a-br\""), "{value}");
        }
        for value in ["\"a\"", "a-br", ""] {
            assert!(!has(&headers(value), "\"a-br\""), "{value}");
        }
        assert!(!has(&HeaderMap::new(), "\"a-br\""));
    }
}
