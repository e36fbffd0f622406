//! Callbacks: signed, encrypted, and sent until they are answered with 2xx, from a thread of their own.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::Journal;
use super::signature::{Signer, Signing};

/// More than a test makes while the other side hangs.
const WAITING_MAX: usize = 10_000;
/// How often one is sent that is not answered with 2xx; the pauses double.
const TRIES_MAX: u32 = 4;
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(5);
/// More than the head of any answer.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// What goes wrong with one callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeFault {
    /// Sent well, for a place in a script.
    None,
    /// Never sent.
    Lost,
    /// Sent twice, also if it was answered well.
    Twice,
    /// Sent after the next one.
    Late,
    /// Signed by somebody else.
    Forged,
    /// First with a signature that is wrong on purpose, then well.
    Probe,
}

/// A callback that was sent, once for each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentNotice {
    /// When it was answered.
    pub at: SystemTime,
    /// The same each time that the same is told.
    pub id: String,
    /// `TRANSACTION.SUCCESS`, `REFUND.SUCCESS` …
    pub event: String,
    /// `out_refund_no`, or `out_trade_no` of a payment.
    pub about: String,
    /// HTTP status of the answer, if there was one.
    pub status: Option<u16>,
}

/// What is to be told, and where.
#[derive(Clone)]
pub(super) struct Notice {
    pub(super) url: String,
    pub(super) id: String,
    pub(super) event: String,
    pub(super) about: String,
    /// `refund` or `transaction`.
    pub(super) kind: &'static str,
    pub(super) content: Value,
    /// By which key it is signed, as the other side calls it.
    pub(super) key: &'static str,
}

pub(super) struct Notifier {
    queue: Option<SyncSender<(Notice, NoticeFault)>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
struct Postman {
    signer: Arc<Signer>,
    journal: Arc<Journal<SentNotice>>,
    ends: Arc<AtomicBool>,
}

impl Notifier {
    pub(super) fn start(signer: Arc<Signer>, journal: Arc<Journal<SentNotice>>) -> io::Result<Notifier> {
        let (queue, notices) = sync_channel(WAITING_MAX);
        let ends = Arc::new(AtomicBool::new(false));
        let postman = Postman { signer, journal, ends: Arc::clone(&ends) };
        let run = move || postman.deliver_all(&notices);
        let thread = std::thread::Builder::new().name("fake callbacks".to_owned()).spawn(run)?;
        Ok(Notifier { queue: Some(queue), ends, thread: Some(thread) })
    }

    pub(super) fn tell(&self, notice: Notice, fault: NoticeFault) {
        let queue = self.queue.as_ref().expect("taken out only in drop");
        queue.try_send((notice, fault)).expect("fewer callbacks wait than have room");
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed); // Nobody waits for what was not sent yet.
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join()); // A panic in there has been printed, and whoever waits for a callback misses it.
        }
    }
}

impl Postman {
    fn deliver_all(&self, notices: &Receiver<(Notice, NoticeFault)>) {
        let mut late: Option<Notice> = None;
        for (notice, fault) in notices {
            match fault {
                NoticeFault::Lost => {}
                NoticeFault::Late => {
                    late = Some(notice);
                    continue;
                }
                NoticeFault::Forged => {
                    self.post(&notice, Signing::Forged);
                }
                NoticeFault::Probe => {
                    self.post(&notice, Signing::Probe);
                    self.deliver(&notice);
                }
                NoticeFault::Twice => {
                    self.deliver(&notice);
                    self.deliver(&notice);
                }
                NoticeFault::None => self.deliver(&notice),
            }
            late.take().iter().for_each(|held| self.deliver(held));
        }
    }

    fn deliver(&self, notice: &Notice) {
        for tried in 0..TRIES_MAX {
            if self.ends.load(Ordering::Relaxed) {
                return;
            }
            let status = self.post(notice, Signing::Honest);
            if status.is_some_and(|status| (200..300).contains(&status)) {
                return;
            }
            std::thread::sleep(PAUSE * 2_u32.pow(tried));
        }
    }

    fn post(&self, notice: &Notice, how: Signing) -> Option<u16> {
        let body = envelope(notice, &self.signer);
        let headers = self.signer.headers(how, notice.key, &body);
        let status = send(&notice.url, &headers, &body).ok();
        self.journal.push(SentNotice {
            at: SystemTime::now(),
            id: notice.id.clone(),
            event: notice.event.clone(),
            about: notice.about.clone(),
            status,
        });
        status
    }
}

fn envelope(notice: &Notice, signer: &Signer) -> String {
    let associated_data = notice.kind;
    let (nonce, ciphertext) = signer.seal(associated_data, &notice.content.to_string());
    json!({
        "id": notice.id,
        "create_time": super::rfc3339(SystemTime::now()),
        "resource_type": "encrypt-resource",
        "event_type": notice.event,
        "summary": "callback of the demo",
        "resource": {
            "original_type": notice.kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": ciphertext,
            "associated_data": associated_data,
            "nonce": nonce,
        },
    })
    .to_string()
}

/// One POST over plain HTTP; the status of its answer.
fn send(url: &str, headers: &[(String, String)], body: &str) -> io::Result<u16> {
    let strange = || io::Error::other("callbacks of the fake go to http://HOST:PORT/PATH");
    let rest = url.strip_prefix("http://").ok_or_else(strange)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = host.to_socket_addrs()?.next().ok_or_else(strange)?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = format!("POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    head += "Content-Type: application/json\r\nUser-Agent: Mozilla/4.0\r\n";
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    status.and_then(|digits| digits.parse().ok()).ok_or_else(|| io::Error::other("no HTTP answer"))
}
