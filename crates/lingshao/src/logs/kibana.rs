//! For fingers that know the number 5601: the log page is elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::server::{accept, stopped};

/// Browsers that may be asking at once.
const CONNECTIONS_MAX: u32 = 32;
/// For a request's head to come, and for the answer to go.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of a head; what it says does not matter.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Answers every request with the way to `location`, until `stop` turns true.
pub(super) async fn serve(listener: TcpListener, location: String, stop: watch::Receiver<bool>) {
    let location: Arc<str> = location.into();
    let ends = stop.clone();
    let serve = move |stream, _| redirect(stream, location.clone(), ends.clone());
    accept(listener, CONNECTIONS_MAX, stop, serve).await;
}

async fn redirect(stream: TcpStream, location: Arc<str>, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        // A browser that went away needs no answer.
        _ = timeout(PATIENCE, answer(stream, &location)) => {}
        () = stopped(&mut stop) => {}
    }
}

async fn answer(mut stream: TcpStream, location: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let body = format!("日志页面 · the log page: {location}\n");
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
