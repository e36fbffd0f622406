//! OTLP over gRPC, unary calls only: HTTP/2 by hyper, gRPC's framing by hand
//! (`grpc/doc/PROTOCOL-HTTP2.md`): five bytes before each message, the status in trailers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::otlp;
use crate::app::App;
use crate::security::access::{Access, Right};
use crate::server::{accept, guard, stopped};

/// Most connections at once: collectors keep one each.
const CONNECTIONS_MAX: u32 = 256;
/// Calls at once on one connection; exporters send one after the other.
const STREAMS_MAX: u32 = 32;
/// A message, compressed or not; the collectors' own limit is 4 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// For a whole call.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A peer that does not answer a ping for so long is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const LOGS_EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Numbers of `google.rpc.Code` that we answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Ok = 0,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Why a call has no message.
#[derive(Debug)]
pub(crate) struct Status {
    /// What the client's library looks at: it repeats calls that were `Unavailable`.
    pub(crate) code: Code,
    /// For a person.
    pub(crate) message: String,
}

impl Status {
    /// A status with its reason.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Status {
        Status { code, message: message.into() }
    }
}

/// Serves until `stop` turns true, then lets every call under way finish.
pub(super) async fn serve(listener: TcpListener, app: Arc<App>, stop: watch::Receiver<bool>) {
    let ends = stop.clone();
    let serve = move |stream, peer| connection(stream, peer, app.clone(), ends.clone());
    accept(listener, CONNECTIONS_MAX, stop, serve).await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Arc<App>, mut stop: watch::Receiver<bool>) {
    let service = service_fn(|request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(answer(&app, peer, request).await) }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(KEEP_ALIVE)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

type Answer = Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>;

async fn answer(app: &Arc<App>, peer: SocketAddr, request: Request<Incoming>) -> Answer {
    match timeout(CALL_TIMEOUT, call(app, peer, request)).await {
        Ok(Ok(message)) => rendered(Some(&message), &Status::new(Code::Ok, "")),
        Ok(Err(status)) => rendered(None, &status),
        Err(_) => rendered(None, &Status::new(Code::DeadlineExceeded, "the call took too long")),
    }
}

async fn call(app: &Arc<App>, peer: SocketAddr, request: Request<Incoming>) -> Result<Vec<u8>, Status> {
    let (parts, body) = request.into_parts();
    authorize(app, peer, &parts.headers).await?;
    if parts.uri.path() != LOGS_EXPORT {
        let why = format!("`{}` is not served; logs are, at {LOGS_EXPORT}", parts.uri.path());
        return Err(Status::new(Code::Unimplemented, why));
    }
    let limited = Limited::new(body, MESSAGE_BYTES_MAX + FRAME_BYTES).collect().await;
    let body = limited
        .map_err(|error| {
            let why =
                format!("cannot read the message: {error}; at most {MESSAGE_BYTES_MAX} bytes are taken");
            Status::new(Code::ResourceExhausted, why)
        })?
        .to_bytes();
    let message = unframed(&body, encoding(&parts.headers)?)?;
    otlp::export(app, message).await
}

async fn authorize(app: &App, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Status> {
    match guard::identify(app, &app.live(), peer.ip(), headers).await {
        Access::Granted(caller) if Right::Ingest.is_given_to(caller.role) => Ok(()),
        Access::Granted(_) => Err(Status::new(Code::PermissionDenied, "this user may not send data")),
        Access::Refused => {
            let why = "name and password are needed: `authorization: Basic …` in the exporter's headers";
            Err(Status::new(Code::Unauthenticated, why))
        }
        Access::Throttled(_) => Err(Status::new(Code::Unavailable, "too many wrong passwords; wait")),
    }
}

/// Compression flag and length.
const FRAME_BYTES: usize = 5;

/// What compressed messages are compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Status> {
    match headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Encoding::Identity),
        Some(b"gzip") => Ok(Encoding::Gzip),
        Some(_) => Err(Status::new(Code::Unimplemented, "messages may be compressed with gzip only")),
    }
}

/// The one message of a unary call.
fn unframed(body: &[u8], encoding: Encoding) -> Result<Vec<u8>, Status> {
    let malformed = |why: &str| Status::new(Code::InvalidArgument, why);
    let Some((frame, message)) = body.split_at_checked(FRAME_BYTES) else {
        return Err(malformed("the message lacks its five bytes of frame"));
    };
    let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]) as usize;
    if length != message.len() {
        return Err(malformed("the call does not hold exactly one message"));
    }
    match (frame[0], encoding) {
        (0, _) => Ok(message.to_vec()),
        (1, Encoding::Gzip) => crate::server::encoding::gunzip(message, MESSAGE_BYTES_MAX)
            .map_err(|error| malformed(&format!("cannot decompress the message: {error}"))),
        (1, Encoding::Identity) => Err(malformed("a compressed message without `grpc-encoding`")),
        _ => Err(malformed("the frame's first byte is neither 0 nor 1")),
    }
}

fn rendered(message: Option<&[u8]>, status: &Status) -> Answer {
    let mut body = BytesMut::new();
    if let Some(message) = message {
        body.put_u8(0);
        body.put_u32(u32::try_from(message.len()).expect("our answers are short"));
        body.put_slice(message);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status.code as u16));
    if !status.message.is_empty() {
        trailers.insert("grpc-message", percent_encoded(&status.message));
    }
    let body = Full::new(body.freeze()).with_trailers(async move { Some(Ok(trailers)) });
    let mut answer = Response::new(body.boxed());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    answer
}

/// Printable ASCII but `%` stays; the rest as `%XX` of its UTF-8.
fn percent_encoded(text: &str) -> HeaderValue {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | ..b' ' | b'\x7f'.. => encoded.push_str(&format!("%{byte:02X}")),
            _ => encoded.push(char::from(byte)),
        }
    }
    HeaderValue::from_str(&encoded).expect("printable ASCII only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &[u8], expected: Result<&[u8], Code>) {
        let read = unframed(body, Encoding::Identity);
        assert_eq!(read.as_deref().map_err(|status| status.code), expected);
    }

    #[test]
    fn a_call_holds_one_message_in_its_frame() {
        check(&[0, 0, 0, 0, 2, 8, 1], Ok(&[8, 1]));
        check(&[0, 0, 0, 0, 0], Ok(&[]));
        check(&[0, 0, 0, 0], Err(Code::InvalidArgument));
        check(&[0, 0, 0, 0, 3, 8, 1], Err(Code::InvalidArgument));
        check(&[1, 0, 0, 0, 2, 8, 1], Err(Code::InvalidArgument));
        check(&[7, 0, 0, 0, 2, 8, 1], Err(Code::InvalidArgument));
    }

    #[test]
    fn messages_of_a_status_are_printable_ascii() {
        assert_eq!(percent_encoded("no 100% 支").as_bytes(), b"no 100%25 %E6%94%AF");
    }
}
