//! The loop of every listener of ours: so many connections at once, and an end that waits for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::sleep;

use super::stopped;

/// Pause after the kernel refused a connection (no file descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

/// Serves each connection on a task of its own until `stop` turns true, then waits until every one has ended.
///
/// At most `connections_max` are served at once; further ones wait in the kernel's queue. A connection that does not
/// look at `stop` itself delays the end for as long as its peer likes.
pub(crate) async fn accept<Served>(
    listener: TcpListener,
    connections_max: u32,
    mut stop: watch::Receiver<bool>,
    mut serve: impl FnMut(TcpStream, SocketAddr) -> Served,
) where
    Served: Future<Output = ()> + Send + 'static,
{
    let connections = Arc::new(Semaphore::new(connections_max as usize));
    loop {
        let Ok(permit) = connections.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped(&mut stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let served = serve(stream, peer);
                tokio::spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    // Every connection holds one permit until it ends; having all of them means that none is left.
    drop(connections.acquire_many(connections_max).await);
}
