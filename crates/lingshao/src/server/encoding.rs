//! Content codings: which ones a client takes, and gzip for answers that are worth it.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, MultiGzDecoder};
use http::HeaderMap;
use http::header::{self, HeaderValue};

use super::reply::{self, Content, Reply};

/// A smaller answer is one packet in any case.
const BYTES_MIN: usize = 1 << 10;
/// A larger one takes more than a millisecond, and goes to a blocking thread.
const BYTES_INLINE_MAX: usize = 128 << 10;

/// Whether `Accept-Encoding` allows a coding (RFC 9110 §12.5.3). No header is no.
pub(crate) fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut offers = lines.flat_map(|line| line.split(','));
    offers.any(|offer| {
        let (name, weight) = offer.split_once(';').unwrap_or((offer, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(coding) && !refused
    })
}

/// Compresses an answer for a client that takes gzip, unless that is not worth it or has been done.
pub(super) async fn compress(reply: Reply) -> Reply {
    let (mut parts, body) = reply.into_parts();
    let plain = match body {
        Content::Whole(plain) => plain,
        pieces => return Reply::from_parts(parts, pieces),
    };
    let is_text = parts.headers.get(header::CONTENT_TYPE).is_some_and(|value| is_text(value.as_bytes()));
    if plain.len() < BYTES_MIN || !is_text || parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Reply::from_parts(parts, Content::Whole(plain));
    }
    let smaller = if plain.len() <= BYTES_INLINE_MAX {
        gzip(&plain)
    } else {
        let copy = plain.clone();
        tokio::task::spawn_blocking(move || gzip(&copy)).await.ok().flatten()
    };
    parts.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let mut reply = Reply::from_parts(parts, Content::Whole(Bytes::new()));
    match smaller {
        Some(smaller) => {
            *reply.body_mut() = Content::Whole(smaller);
            reply::set(&mut reply, header::CONTENT_ENCODING, "gzip");
        }
        None => *reply.body_mut() = Content::Whole(plain),
    }
    reply
}

fn is_text(content_type: &[u8]) -> bool {
    [&b"application/json"[..], b"text/"].iter().any(|start| content_type.starts_with(start))
}

/// At the lowest level, which makes JSON a tenth of what it was.
fn gzip(plain: &Bytes) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    encoder.write_all(plain).ok()?;
    let smaller = encoder.finish().ok()?;
    (smaller.len() < plain.len()).then(|| Bytes::from(smaller))
}

/// A coding of a request's body that is not gzip.
#[derive(Debug, thiserror::Error)]
#[error("content encoding `{}` is not spoken here; use gzip or none", .0.escape_debug())]
pub(crate) struct UnknownCoding(String);

/// Whether `Content-Encoding` says that a request's body is gzip (RFC 9110 §8.4). No header is no.
pub(crate) fn is_gzip(headers: &HeaderMap) -> Result<bool, UnknownCoding> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?")) {
        None | Some("" | "identity") => Ok(false),
        Some(coding) if coding.eq_ignore_ascii_case("gzip") => Ok(true),
        Some(coding) => Err(UnknownCoding(coding.to_owned())),
    }
}

/// Why gzip could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GunzipError {
    /// It becomes larger than allowed.
    #[error("it unpacks to more than {0} bytes")]
    TooLarge(usize),
    /// It is no gzip.
    #[error("damaged gzip: {0}")]
    Damaged(io::Error),
}

/// Unpacks gzip of one or several members. Takes processor time: call it on a thread that may block.
pub(crate) fn gunzip(packed: &[u8], bytes_max: usize) -> Result<Vec<u8>, GunzipError> {
    let mut decoder = MultiGzDecoder::new(Bounded { bytes: Vec::new(), bytes_max });
    let written = decoder.write_all(packed).and_then(|()| decoder.try_finish());
    let overflowed = decoder.get_ref().bytes.len() >= bytes_max;
    match written.and_then(|()| decoder.finish()) {
        Ok(plain) => Ok(plain.bytes),
        Err(error) if overflowed && error.kind() == io::ErrorKind::FileTooLarge => {
            Err(GunzipError::TooLarge(bytes_max))
        }
        Err(error) => Err(GunzipError::Damaged(error)),
    }
}

/// Takes bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.bytes_max - self.bytes.len();
        if bytes.len() > room {
            self.bytes.extend_from_slice(&bytes[..room]);
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[track_caller]
    fn check(accept: Option<&'static str>, coding: &str, expected: bool) {
        let line = accept.map(|line| (header::ACCEPT_ENCODING, HeaderValue::from_static(line)));
        assert_eq!(accepts(&line.into_iter().collect(), coding), expected, "{accept:?} {coding}");
    }

    #[test]
    fn only_what_a_client_offers_is_used() {
        check(Some("gzip, deflate, br, zstd"), "br", true);
        check(Some("gzip;q=0.5,br;q=0"), "gzip", true);
        check(Some("gzip;q=0.5, br;q=0"), "br", false);
        check(Some("gzip; q=0.000"), "gzip", false);
        check(Some("GZIP"), "gzip", true);
        check(Some("identity"), "gzip", false);
        check(Some(""), "gzip", false);
        check(None, "gzip", false);
    }

    #[tokio::test]
    async fn what_is_small_or_no_text_or_compressed_already_stays_as_it_is() {
        let send = async |content_type, body: Vec<u8>| {
            let reply = compress(reply::body(http::StatusCode::OK, content_type, body)).await;
            let encoding = reply.headers().get(header::CONTENT_ENCODING).cloned();
            (encoding, reply.into_body().collect().await.unwrap().to_bytes())
        };
        let large = b"{\"metric\":{}}".repeat(20_000);
        for size in [2_000, large.len()] {
            let (encoding, body) = send("application/json", large[..size].to_vec()).await;
            assert_eq!(encoding.unwrap(), "gzip");
            assert!(body.len() < size / 10);
            let mut plain = Vec::new();
            std::io::copy(&mut flate2::read::GzDecoder::new(&body[..]), &mut plain).unwrap();
            assert_eq!(plain, large[..size]);
        }
        assert_eq!(send("application/json", large[..1000].to_vec()).await.0, None);
        assert_eq!(send("image/png", large).await.0, None);
    }
}
