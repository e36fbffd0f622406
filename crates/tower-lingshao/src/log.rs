//! Records on their way out: a bounded queue and the one task that empties it.
//!
//! A request only copies its line into memory. The task gathers lines for a moment, so that a busy shop pays one write
//! for many, and connects again for as long as it takes. Lines that find the queue full are counted and gone.

use std::cell::RefCell;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::record::Record;
use crate::telemetry::NoRuntime;

/// Where log records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Nowhere.
    Nowhere,
    /// Standard output.
    Stdout,
    /// JSON lines over TCP: `host:port`. What a connection loses when it breaks is what the system had taken, but not
    /// delivered; nothing is sent twice.
    Tcp(String),
}

/// Most bytes that wait: some 8,000 records, a minute at 130 requests a second. As many again may be on their way.
const QUEUE_BYTES_MAX: usize = 4 << 20;
/// Memory that is kept for the next lines.
const BATCH_BYTES_KEPT: usize = 256 << 10;
const LINE_BYTES_KEPT: usize = 4 << 10;
/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(50);
/// How long a connection may take, and how long one write may hang before the connection is given up.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// Pause before connecting again: doubled each time between these two.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long the last records may take when the shop ends.
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

thread_local! {
    /// Where this thread writes its next record.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The queue, from the requests' side.
#[derive(Debug)]
pub(crate) struct Records {
    queue: Option<Arc<Queue>>,
    /// Dropped when no more records come; the task sees it.
    open: Mutex<Option<watch::Sender<()>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Vec<u8>>,
    news: Notify,
    /// The task has ended; nobody empties the queue any more.
    is_closed: AtomicBool,
    dropped: AtomicU64,
    /// How many of these a record has told.
    dropped_told: AtomicU64,
}

impl Records {
    pub(crate) fn start(to: &LogTo) -> Result<Records, NoRuntime> {
        let sink = match to {
            LogTo::Nowhere => {
                return Ok(Records { queue: None, open: Mutex::default(), task: Mutex::default() });
            }
            LogTo::Stdout => Sink::Stdout,
            LogTo::Tcp(address) => {
                Sink::Tcp(Tcp { address: address.clone(), stream: None, pause: PAUSE_MIN })
            }
        };
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| NoRuntime)?;
        let queue = Arc::new(Queue::default());
        let (open, closed) = watch::channel(());
        let task = runtime.spawn(run(Arc::clone(&queue), sink, closed));
        Ok(Records { queue: Some(queue), open: Mutex::new(Some(open)), task: Mutex::new(Some(task)) })
    }

    pub(crate) fn are_wanted(&self) -> bool {
        self.queue.is_some()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.queue.as_ref().map_or(0, |queue| queue.dropped.load(Ordering::Relaxed))
    }

    pub(crate) fn offer(&self, record: &Record<'_>) {
        let Some(queue) = &self.queue else { return };
        if queue.is_closed.load(Ordering::Relaxed) {
            queue.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            record.write(line);
            queue.offer(line);
            line.shrink_to(LINE_BYTES_KEPT);
        });
    }

    pub(crate) async fn close(&self) {
        drop(self.open.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It ends by itself; that it panicked cannot be helped here.
            let _ = task.await;
        }
    }
}

impl Queue {
    /// Takes a JSON object and its line feed. The first that fits after others did not says so.
    fn offer(&self, line: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + line.len() > QUEUE_BYTES_MAX {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = waiting.is_empty();
        let dropped = self.dropped.load(Ordering::Relaxed);
        let untold = dropped - self.dropped_told.load(Ordering::Relaxed);
        match line.strip_suffix("}\n").filter(|_| untold > 0) {
            Some(fields) => {
                waiting.extend_from_slice(format!("{fields},\"records_dropped\":{untold}}}\n").as_bytes());
                self.dropped_told.store(dropped, Ordering::Relaxed); // The lock on `waiting` orders these.
            }
            None => waiting.extend_from_slice(line.as_bytes()),
        }
        drop(waiting);
        if first {
            self.news.notify_one();
        }
    }

    /// Exchanges what waits for an empty buffer, which keeps its memory if that is little.
    fn take(&self, batch: &mut Vec<u8>) {
        batch.clear();
        batch.shrink_to(BATCH_BYTES_KEPT);
        std::mem::swap(batch, &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn count_lost(&self, lines: &[u8]) {
        let lost = lines.iter().filter(|byte| **byte == b'\n').count();
        self.dropped.fetch_add(lost as u64, Ordering::Relaxed);
    }
}

async fn run(queue: Arc<Queue>, mut sink: Sink, mut closed: watch::Receiver<()>) {
    let (mut open, mut batch) = (true, Vec::new());
    while open {
        open = tokio::select! {
            () = queue.news.notified() => true,
            _ = closed.changed() => false,
        };
        if open {
            let _ = timeout(GATHER, closed.changed()).await; // A pause that the end cuts short.
        }
        queue.take(&mut batch);
        let mut sent = 0;
        tokio::select! {
            () = sink.deliver(&batch, &mut sent) => {}
            () = patience_after(&mut closed) => {}
        }
        queue.count_lost(&batch[sent..]);
    }
    queue.is_closed.store(true, Ordering::Relaxed);
    queue.take(&mut batch);
    queue.count_lost(&batch);
    let _ = timeout(CLOSE_PATIENCE, sink.close()).await; // A receiver that does not answer has all there is.
}

async fn patience_after(closed: &mut watch::Receiver<()>) {
    let _ = closed.changed().await; // Nothing is ever sent: this waits for the end.
    sleep(CLOSE_PATIENCE).await;
}

#[derive(Debug)]
enum Sink {
    Stdout,
    Tcp(Tcp),
}

impl Sink {
    /// Delivers whole lines; `sent` grows as they go.
    async fn deliver(&mut self, lines: &[u8], sent: &mut usize) {
        match self {
            Sink::Stdout => {
                let mut stdout = tokio::io::stdout();
                if stdout.write_all(lines).await.is_ok() && stdout.flush().await.is_ok() {
                    *sent = lines.len();
                }
            }
            Sink::Tcp(tcp) => tcp.deliver(lines, sent).await,
        }
    }

    async fn close(self) {
        if let Sink::Tcp(Tcp { stream: Some(mut stream), .. }) = self {
            // The receiver closes when it has everything safe; until then we wait.
            if stream.shutdown().await.is_ok() {
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            }
        }
    }
}

#[derive(Debug)]
struct Tcp {
    address: String,
    stream: Option<TcpStream>,
    pause: Duration,
}

impl Tcp {
    async fn deliver(&mut self, lines: &[u8], sent: &mut usize) {
        while *sent < lines.len() {
            let mut written = *sent;
            match self.write(lines, &mut written).await {
                Ok(()) => *sent = written,
                Err(_) => {
                    self.stream = None;
                    // A line that was cut is sent again whole; the receiver cannot use the piece.
                    let whole =
                        lines[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
                    *sent = whole.max(*sent);
                    sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn write(&mut self, lines: &[u8], written: &mut usize) -> io::Result<()> {
        let mut stream = match self.stream.take().filter(is_open) {
            Some(stream) => stream,
            None => timeout(CONNECT_PATIENCE, TcpStream::connect(&self.address)).await??,
        };
        while *written < lines.len() {
            *written += timeout(WRITE_PATIENCE, stream.write(&lines[*written..])).await??;
        }
        self.pause = PAUSE_MIN;
        self.stream = Some(stream);
        Ok(())
    }
}

/// Whether the receiver has not closed: a write into a closed connection would seem to succeed.
fn is_open(stream: &TcpStream) -> bool {
    match stream.try_read(&mut [0; 64]) {
        Ok(bytes) => bytes > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_18_the_next_record_says_how_many_did_not_fit() {
        let (queue, mut batch) = (Queue::default(), Vec::new());
        queue.offer(&format!("{{\"text\":\"{}\"}}\n", "x".repeat(QUEUE_BYTES_MAX - 20)));
        for _ in 0..3 {
            queue.offer("{\"refused\":\"because there is no room any more\"}\n");
        }
        queue.take(&mut batch);
        queue.offer("{\"a\":1}\n");
        queue.offer("{\"b\":2}\n");
        queue.take(&mut batch);
        assert_eq!(str::from_utf8(&batch).expect("text"), "{\"a\":1,\"records_dropped\":3}\n{\"b\":2}\n");
    }
}
