//! The web listener: connections with limits, TLS, and an end.
//!
//! HTTP/1.1 only: every client that we know speaks it, and HTTP/2 would add its own class of floods.

mod accept;
pub(crate) mod encoding;
pub(crate) mod guard;
pub(crate) mod intake;
pub(crate) mod listen;
mod patient;
pub(crate) mod reply;
pub(crate) mod request;
pub mod routes;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
pub(crate) use accept::accept;
use patient::Patient;
use routes::Door;

/// Most connections at once, each some 20 to 80 KiB of memory: a shop has tens of agents and people, and 64 MiB is
/// what we are ready to spend on somebody who opens them for fun. Further ones wait in the kernel's queue.
const CONNECTIONS_MAX: u32 = 1024;
/// For a client to send its request's head, and to send the next one on the same connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Head of a request: the longest URL, credentials, and what proxies add.
const HEADER_BYTES_MAX: usize = 32 << 10;
/// Read buffer of a connection: a remote-write request of the usual size in a few reads.
const BUFFER_BYTES_MAX: usize = 128 << 10;
/// For a client to take any byte of an answer: a telephone in a tunnel comes out of it in this time.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until `stop` turns true, then lets every request under way finish.
pub(crate) async fn serve(listener: TcpListener, door: Door, app: Arc<App>, stop: watch::Receiver<bool>) {
    let ends = stop.clone();
    let serve = move |stream, peer| connection(stream, door, peer, app.clone(), ends.clone());
    accept(listener, CONNECTIONS_MAX, stop, serve).await;
}

async fn connection(
    stream: TcpStream,
    door: Door,
    peer: SocketAddr,
    app: Arc<App>,
    stop: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let _busy = app.telemetry.http.connections.enter();
    let tls: Option<Arc<ServerConfig>> = app.live().tls.clone();
    match tls {
        None => http(stream, door, peer, &app, stop).await,
        Some(config) => match timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await {
            Ok(Ok(stream)) => http(stream, door, peer, &app, stop).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake timed out"),
        },
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    door: Door,
    peer: SocketAddr,
    app: &Arc<App>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(|request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(guard::answer(app, door, peer.ip(), request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_header_size(HEADER_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(TokioIo::new(Patient::new(stream, STALL_TIMEOUT)), service);
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

pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: the end has come too.
    drop(stop.wait_for(|stop| *stop).await);
}
