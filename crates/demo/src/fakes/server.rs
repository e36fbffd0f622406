//! A listener on 127.0.0.1 with a thread of its own, that can be closed and opened again on the same port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Most connections at once; further ones wait in the kernel.
const CONNECTIONS_MAX: usize = 1_000;
/// How long somebody who opens or closes a fake waits for its thread.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);

/// What becomes of one connection.
pub(crate) trait Handler: Send + Sync + 'static {
    fn serve(self: Arc<Self>, stream: TcpStream) -> impl Future<Output = ()> + Send;
}

pub(crate) struct Server {
    address: SocketAddr,
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

enum Command {
    Open(SyncSender<io::Result<()>>),
    Close(SyncSender<io::Result<()>>),
}

impl Server {
    pub(crate) fn start<H: Handler>(handler: Arc<H>) -> io::Result<Server> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (commands, orders) = mpsc::channel(1); // One person commands a fake.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(format!("fake {address}")).spawn(move || {
            runtime.block_on(serve(listener, orders, &handler));
        })?;
        Ok(Server { address, commands: Some(commands), thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on connections are refused, and those that are open are cut.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.command(Command::Close)
    }

    /// Listens again, on the same port.
    pub(crate) fn open(&self) -> io::Result<()> {
        self.command(Command::Open)
    }

    fn command(&self, command: fn(SyncSender<io::Result<()>>) -> Command) -> io::Result<()> {
        let (done, answer) = sync_channel(1);
        let commands = self.commands.as_ref().expect("taken out only in drop");
        commands.try_send(command(done)).map_err(|_| io::Error::other("the fake's thread has ended"))?;
        answer.recv_timeout(COMMAND_PATIENCE).map_err(io::Error::other)?
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join()); // A panic in there has been printed, and has failed whoever waited for a message.
        }
    }
}

/// The port is ours also while connections are refused.
enum Door {
    Open(TcpListener),
    Shut(TcpSocket),
}

/// Runs until nobody can command any more.
async fn serve<H: Handler>(
    listener: std::net::TcpListener,
    mut orders: mpsc::Receiver<Command>,
    handler: &Arc<H>,
) {
    let address = listener.local_addr().expect("a bound socket has an address");
    let mut door = Some(Door::Open(TcpListener::from_std(listener).expect("inside a runtime")));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => {
                let (moved, done) = match order {
                    None => return,
                    Some(Command::Close(done)) => {
                        connections.shutdown().await;
                        (shut(door.take(), address).await, done)
                    }
                    Some(Command::Open(done)) => (open(door.take()), done),
                };
                let (new, answer) = moved.map_or_else(|error| (None, Err(error)), |new| (Some(new), Ok(())));
                door = new;
                drop(done.send(answer)); // Whoever asked may have stopped waiting.
            }
            Some(stream) = accept(door.as_ref()), if connections.len() < CONNECTIONS_MAX => {
                connections.spawn(Arc::clone(handler).serve(stream));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// A socket that is bound and does not listen: connections are refused, and nobody else gets the port.
async fn shut(door: Option<Door>, address: SocketAddr) -> io::Result<Door> {
    if let Some(Door::Shut(socket)) = door {
        return Ok(Door::Shut(socket));
    }
    drop(door);
    let mut tries_left = 100;
    loop {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        match socket.bind(address) {
            // Somebody's short-lived client was given the port in the moment in which it was nobody's.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries_left > 0 => {
                tries_left -= 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            bound => return bound.map(|()| Door::Shut(socket)),
        }
    }
}

fn open(door: Option<Door>) -> io::Result<Door> {
    match door {
        Some(Door::Shut(socket)) => socket.listen(1_024).map(Door::Open),
        Some(open) => Ok(open),
        None => Err(io::Error::other("the port was lost before")),
    }
}

async fn accept(door: Option<&Door>) -> Option<TcpStream> {
    match door {
        Some(Door::Open(listener)) => listener.accept().await.ok().map(|(stream, _)| stream),
        _ => std::future::pending().await,
    }
}
