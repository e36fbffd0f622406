//! A fake that speaks HTTP/1.1: requests in, answers out, each of them remembered, faults by script.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::journal::{Journal, NotInTime};
use super::server::{Handler, Server};
use super::tls;

/// More than any of the services takes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Head of a request: as large as common servers allow.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Pages that a broken proxy answers with.
const HTML: &str =
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";

/// How one request goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is read and never answered; nothing is taken.
    Hang,
    /// The message is taken; the answer comes one byte at a time with this pause in between.
    SlowDrip(Duration),
    /// The message is taken; the connection is reset in the middle of the answer.
    Reset,
    /// This status, and `Retry-After` in seconds; nothing is taken.
    Status(u16, Option<u32>),
    /// 200 with a page of HTML, as a broken proxy or a captive portal gives; nothing is taken.
    Html,
    /// The message is taken; the request is never answered.
    HangTaken,
    /// The service's own error code in its own form, with the status with which it comes; nothing is taken.
    Code(&'static str),
    /// As [`Fault::Code`], but the message is taken all the same.
    CodeTaken(&'static str),
    /// Answers well, for a place in a script.
    None,
}

/// A request as it arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST`
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

/// An answer, and whether the message was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Beside Content-Length and Content-Type.
    pub headers: Vec<(String, String)>,
    /// JSON, or a page.
    pub body: String,
    /// Whether people see the message now.
    pub taken: bool,
}

/// A request with its answer.
#[derive(Clone, Debug)]
pub struct Received {
    /// When its last byte arrived.
    pub at: SystemTime,
    /// What was asked.
    pub request: Request,
    /// What was answered, unless a fault kept it back.
    pub reply: Reply,
    /// The fault that the script had for it.
    pub fault: Fault,
}

/// What a service answers; all of its strictness is here.
pub trait Service: Send + 'static {
    /// Judges one request.
    fn answer(&mut self, request: &Request, now: SystemTime) -> Reply;
    /// The service's own form of an error.
    fn refusal(&self, code: &str) -> Reply;
}

/// A service on a socket. Ends when dropped.
pub struct Fake<S: Service> {
    server: Server,
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    service: Mutex<S>,
    faults: Mutex<Faults>,
    journal: Journal<Received>,
    tls: Option<TlsAcceptor>,
}

#[derive(Default)]
struct Faults {
    script: VecDeque<Fault>,
    standing: Option<Fault>,
}

impl<S: Service> Fake<S> {
    /// Over plain HTTP.
    pub fn of(service: S) -> io::Result<Fake<S>> {
        Fake::with(service, None)
    }

    /// Over TLS, with a certificate of [`super::CA_PEM`].
    pub fn of_tls(service: S) -> io::Result<Fake<S>> {
        Fake::with(service, Some(tls::acceptor()?))
    }

    fn with(service: S, tls: Option<TlsAcceptor>) -> io::Result<Fake<S>> {
        let inner =
            Inner { service: Mutex::new(service), faults: Mutex::default(), journal: Journal::new(), tls };
        let inner = Arc::new(inner);
        Ok(Fake { server: Server::start(Arc::clone(&inner))?, inner })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base(&self) -> String {
        let scheme = if self.inner.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address())
    }

    /// The next requests meet these, one each; then all is well again.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults(|own| own.script.extend(faults));
    }

    /// Every request meets this, until told otherwise.
    pub fn always(&self, fault: Option<Fault>) {
        self.faults(|own| own.standing = fault);
    }

    /// Connections are refused from now on, open ones are cut.
    pub fn close(&self) -> io::Result<()> {
        self.server.close()
    }

    /// Listens again, on the same port.
    pub fn open(&self) -> io::Result<()> {
        self.server.open()
    }

    /// From now on remembers the newest so many requests only: for a fake that runs for weeks.
    pub fn keep_newest(&self, count: usize) {
        self.inner.journal.keep_newest(count);
    }

    /// Everything that was sent, also what was refused.
    pub fn received(&self) -> Vec<Received> {
        self.inner.journal.all()
    }

    /// What was taken: what people see.
    pub fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|received| received.reply.taken).collect()
    }

    /// Waits until so many were taken.
    pub fn wait_taken(&self, count: usize, patience: Duration) -> Result<Vec<Received>, NotInTime> {
        self.wait(patience, |all| count <= all.iter().filter(|received| received.reply.taken).count())?;
        Ok(self.taken())
    }

    /// Waits until everything sent so far is enough. The question must not ask the fake itself, which waits for it.
    pub fn wait(
        &self,
        patience: Duration,
        enough: impl Fn(&[Received]) -> bool,
    ) -> Result<Vec<Received>, NotInTime> {
        self.inner.journal.wait(patience, enough)
    }

    /// Looks at the service, or changes how it judges.
    pub fn service<R>(&self, use_it: impl FnOnce(&mut S) -> R) -> R {
        use_it(&mut self.inner.service.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.inner.faults.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.target, String::from_utf8_lossy(&self.body))
    }
}

impl Request {
    /// Without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Decoded pairs of the query, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    /// A parameter of the query, the first of that name.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.query().into_iter().find_map(|(own, value)| (own == name).then_some(value))
    }

    /// Name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(own, value)| (own == name).then_some(value.as_str()))
    }

    /// The body as JSON, if it is JSON in UTF-8 and says so.
    pub fn json(&self) -> Option<Value> {
        let kind = self.header("content-type")?;
        kind.to_ascii_lowercase().starts_with("application/json").then_some(())?;
        serde_json::from_slice(&self.body).ok()
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value, taken: bool) -> Reply {
        let headers = vec![("Content-Type".to_owned(), "application/json; charset=UTF-8".to_owned())];
        Reply { status, headers, body: body.to_string(), taken }
    }

    fn status(status: u16, retry_after: Option<u32>) -> Reply {
        let headers = retry_after.map(|seconds| ("Retry-After".to_owned(), seconds.to_string()));
        let headers = headers.into_iter().collect();
        Reply { status, headers, body: format!("fault {status}"), taken: false }
    }

    fn html() -> Reply {
        let headers = vec![("Content-Type".to_owned(), "text/html".to_owned())];
        Reply { status: 200, headers, body: HTML.to_owned(), taken: false }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} -\r\nContent-Length: {}\r\n", self.status, self.body.len());
        self.headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        format!("{head}\r\n{}", self.body).into_bytes()
    }
}

impl<S: Service> Inner<S> {
    fn judge(&self, request: Request) -> Received {
        let at = SystemTime::now();
        let fault = {
            let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            faults.script.pop_front().or_else(|| faults.standing.clone()).unwrap_or(Fault::None)
        };
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        let reply = match &fault {
            Fault::Status(status, retry_after) => Reply::status(*status, *retry_after),
            Fault::Html => Reply::html(),
            Fault::Code(code) => service.refusal(code),
            Fault::Hang => Reply::status(0, None),
            Fault::CodeTaken(code) => {
                let taken = service.answer(&request, at).taken;
                Reply { taken, ..service.refusal(code) }
            }
            Fault::HangTaken | Fault::SlowDrip(_) | Fault::Reset | Fault::None => {
                service.answer(&request, at)
            }
        };
        Received { at, request, reply, fault }
    }

    /// Requests of one connection, one after the other. An error is the client's going away.
    async fn talk(&self, mut stream: impl Wire) -> io::Result<()> {
        while let Some(request) = read_request(&mut stream).await? {
            let last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            let received = self.judge(request);
            let (fault, bytes) = (received.fault.clone(), received.reply.bytes());
            self.journal.push(received);
            match fault {
                Fault::Hang | Fault::HangTaken => std::future::pending().await,
                Fault::Reset => return reset(stream, &bytes).await,
                Fault::SlowDrip(pause) => drip(&mut stream, &bytes, pause).await?,
                _ => stream.write_all(&bytes).await?,
            }
            stream.flush().await?;
            if last {
                return stream.shutdown().await;
            }
        }
        Ok(())
    }
}

impl<S: Service> Handler for Inner<S> {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let ended = match &self.tls {
            None => self.talk(stream).await,
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => self.talk(stream).await,
                Err(error) => Err(error),
            },
        };
        drop(ended); // Clients of a fake go away as they like; what they sent is in the journal.
    }
}

/// A byte stream over a TCP socket.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Half of the answer, then RST instead of FIN.
async fn reset(mut stream: impl Wire, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(&bytes[..bytes.len() / 2]).await?;
    stream.flush().await?;
    // The half must have been read before the reset throws it away.
    tokio::time::sleep(Duration::from_millis(50)).await;
    stream.tcp().set_zero_linger()
}

async fn drip(stream: &mut impl Wire, bytes: &[u8], pause: Duration) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(std::slice::from_ref(byte)).await?;
        stream.flush().await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// `None` when the client has closed between two requests.
async fn read_request(stream: &mut impl Wire) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte keeps the body where it is; a fake need not be fast.
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        }
        if HEAD_BYTES_MAX < head.len() {
            return Err(io::Error::other("the head is too large"));
        }
    }
    let mut request = parse_head(&head).ok_or_else(|| io::Error::other("this is no HTTP/1.1"))?;
    let length = request.header("content-length").map_or(Ok(0), str::parse::<usize>);
    let length = length.map_err(io::Error::other)?;
    if BODY_BYTES_MAX < length || request.header("transfer-encoding").is_some() {
        return Err(io::Error::other("the body is too large, or its length is not told"));
    }
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).await?;
    Ok(Some(request))
}

pub(super) fn parse_head(head: &[u8]) -> Option<Request> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    (first.next()? == "HTTP/1.1").then_some(())?;
    let mut headers = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Request { method, target, headers, body: Vec::new() })
}
