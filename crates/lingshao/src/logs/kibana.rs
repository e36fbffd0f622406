//! For fingers that know the number 5601: the log page is elsewhere.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::server::stopped;

/// Browsers that may be asking at once.
const CONNECTIONS_MAX: usize = 32;
/// For a request's head to come, and for the answer to go.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of a head; what it says does not matter.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Answers every request with the way to `location`, until `stop` turns true.
pub(super) async fn serve(listener: TcpListener, location: String, mut stop: watch::Receiver<bool>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let location: Arc<str> = location.into();
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => return,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let location = location.clone();
        tokio::spawn(async move {
            // A browser that went away needs no answer.
            drop(timeout(PATIENCE, answer(stream, &location)).await);
            drop(permit);
        });
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
