//! Syslog over TCP (RFC 6587, both framings) and UDP (RFC 5426).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lingshao_model::log::LogTime;
use lingshao_wire::log_json::RecordContext;
use lingshao_wire::log_lines::Framer;
use lingshao_wire::syslog;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::time::timeout_at;

use super::take::Work;
use super::{Logs, lines};
use crate::clock::now;
use crate::server::stopped;

/// The largest datagram that IP carries.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// Datagrams that become one batch, and how long the first of them waits.
const DATAGRAMS_BYTES_MAX: usize = 1 << 20;
const GATHERING: Duration = Duration::from_millis(20);

/// Serves streams until `stop` turns true.
pub(super) async fn serve(listener: TcpListener, logs: Arc<Logs>, stop: watch::Receiver<bool>) {
    lines::serve_framed(listener, logs, Framer::syslog, decode, stop).await;
}

/// Serves datagrams until `stop` turns true. They are lost when they cannot be stored: the protocol knows no answer.
pub(super) async fn serve_datagrams(socket: UdpSocket, logs: Arc<Logs>, mut stop: watch::Receiver<bool>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let first = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            () = stopped(&mut stop) => return,
        };
        let mut messages = Vec::new();
        let mut count = keep(&mut messages, &buffer, &first);
        let deadline = tokio::time::Instant::now() + GATHERING;
        while messages.len() < DATAGRAMS_BYTES_MAX {
            match timeout_at(deadline, socket.recv_from(&mut buffer)).await {
                Ok(received) => count += keep(&mut messages, &buffer, &received),
                Err(_) => break,
            }
        }
        let decode = move |_: &[u8], work: Work<'_>| decode(&messages, work);
        if let Err(error) = logs.take_decoded(decode).await {
            logs.telemetry().datagrams_lost.add(count);
            tracing::debug!(%error, count, "syslog datagrams are lost");
        }
    }
}

/// A message that is longer than a line stays one: its line ends become blanks.
fn keep(messages: &mut Vec<u8>, buffer: &[u8], received: &std::io::Result<(usize, SocketAddr)>) -> u64 {
    let Ok((bytes, _)) = received else { return 0 };
    let message = buffer[..*bytes].trim_ascii_end();
    lines::keep(messages, message);
    u64::from(!message.is_empty())
}

/// A message a line.
fn decode(lines: &[u8], work: Work<'_>) {
    let Work { settings, reader, batch } = work;
    let context = RecordContext::new(&settings.index);
    let now = LogTime::from(now());
    for message in lines.split(|byte| *byte == b'\n').filter(|message| !message.trim_ascii().is_empty()) {
        syslog::read(message, now, reader, &context, batch);
    }
}
