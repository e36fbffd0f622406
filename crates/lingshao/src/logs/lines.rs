//! JSON lines over TCP, as Logstash's `tcp` input with the `json_lines` codec takes them.
//!
//! Contract: nothing is acknowledged on this protocol, but a sender that closes its side and waits for ours to close
//! knows that everything is durable. What the storage cannot take for the moment is kept and tried again, while nothing
//! more is read: the sender's own buffers fill, and it decides what to do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use lingshao_wire::log_lines::Framer;

use super::Logs;
use super::take::{self, Work};
use crate::server::{accept, stopped};

/// Most senders at once: each process of a shop keeps one connection.
const CONNECTIONS_MAX: u32 = 512;
/// What is read before it is handed on, when a sender sends much.
const CHUNK_BYTES: usize = 256 << 10;
const READ_BYTES: usize = 64 << 10;
/// How long we wait for more before we hand on what is there: what a sender writes in pieces becomes one batch.
const GATHERING: Duration = Duration::from_millis(20);

/// Serves until `stop` turns true; then what has been read is made durable.
pub(super) async fn serve(listener: TcpListener, logs: Arc<Logs>, stop: watch::Receiver<bool>) {
    serve_framed(listener, logs, Framer::lines, take::lines, stop).await;
}

/// The same for another framing, and another form of lines.
pub(super) async fn serve_framed(
    listener: TcpListener,
    logs: Arc<Logs>,
    framer: fn() -> Framer,
    decode: fn(&[u8], Work<'_>),
    stop: watch::Receiver<bool>,
) {
    let ends = stop.clone();
    let serve = move |stream, peer| {
        let connection =
            Connection { stream, peer, logs: logs.clone(), framer: framer(), decode, lines: Vec::new() };
        connection.run(ends.clone())
    };
    accept(listener, CONNECTIONS_MAX, stop, serve).await;
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    logs: Arc<Logs>,
    framer: Framer,
    decode: fn(&[u8], Work<'_>),
    /// Whole ones, not handed on yet.
    lines: Vec<u8>,
}

impl Connection {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let open = tokio::select! {
                open = self.gather() => open,
                () = stopped(&mut stop) => false,
            };
            if !open {
                self.framer.finish(&mut |line| keep(&mut self.lines, line));
            }
            if !self.lines.is_empty() {
                let lines = std::mem::take(&mut self.lines);
                if self.logs.take_patiently(lines, self.decode, &mut stop).await.is_err() {
                    return; // Without a close on our side the sender knows that something may be missing.
                }
            }
            if !open {
                return self.close().await;
            }
        }
    }

    /// Reads until a chunk is full, or the sender pauses; whether there may be more.
    async fn gather(&mut self) -> bool {
        let mut bytes = Vec::with_capacity(READ_BYTES);
        loop {
            let read = self.stream.read_buf(&mut bytes);
            let read = match self.lines.is_empty() {
                true => read.await,
                false => match timeout(GATHERING, read).await {
                    Ok(read) => read,
                    Err(_) => return true,
                },
            };
            match read {
                Ok(0) => return false,
                Ok(_) => {
                    self.framer.push(&bytes, &mut |line| keep(&mut self.lines, line));
                    bytes.clear();
                    if CHUNK_BYTES <= self.lines.len() {
                        return true;
                    }
                }
                Err(error) => {
                    tracing::debug!(peer = %self.peer, %error, "a sender of lines went away");
                    return false;
                }
            }
        }
    }

    async fn close(mut self) {
        if self.logs.all_durable().await.is_ok() {
            // The sender may have gone already.
            drop(self.stream.shutdown().await);
        }
    }
}

/// An object may be written over several lines; inside of JSON a line's end is a blank.
pub(super) fn keep(lines: &mut Vec<u8>, line: &[u8]) {
    lines.extend(line.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
    lines.push(b'\n');
}
