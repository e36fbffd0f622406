//! A mail server (RFC 5321) that demands TLS and a login like the providers' submission ports, and is strict about
//! the mail's form.

mod mail;
mod session;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::journal::{Journal, NotInTime};
use super::server::{Handler, Server};
use super::tls;

pub use mail::Mail;

/// How connections are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Port 25 of old: TLS is not offered.
    Plain,
    /// Port 587: STARTTLS is demanded before a login or a mail.
    StartTls,
    /// Port 465: TLS from the first byte.
    Implicit,
}

/// How a mail server is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpOptions {
    /// How connections are protected.
    pub security: SmtpSecurity,
    /// User and password that must log in; `None` takes mail from anybody.
    pub login: Option<(String, String)>,
    /// Largest mail.
    pub bytes_max: usize,
}

impl Default for SmtpOptions {
    fn default() -> SmtpOptions {
        let login = Some(("monitor@example.com".to_owned(), "mail-Pa55-w0rd-Zk".to_owned()));
        SmtpOptions { security: SmtpSecurity::StartTls, login, bytes_max: 10 << 20 }
    }
}

/// A place in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpStage {
    /// Before the greeting.
    Connect,
    /// EHLO or HELO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// The end of AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// After the mail's last line. A mail is taken before the connection drops or hangs here.
    Body,
}

/// How a session goes wrong, once its stage is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpFault {
    /// This answer instead of the usual one: `451 4.3.0 try again later`.
    Answer(SmtpStage, &'static str),
    /// The connection is closed without an answer.
    Drop(SmtpStage),
    /// No answer, for ever.
    Hang(SmtpStage),
}

impl SmtpFault {
    fn stage(&self) -> SmtpStage {
        match self {
            SmtpFault::Answer(stage, _) | SmtpFault::Drop(stage) | SmtpFault::Hang(stage) => *stage,
        }
    }
}

/// A running mail server. Ends when dropped.
pub struct FakeSmtp {
    server: Server,
    inner: Arc<Inner>,
}

struct Inner {
    options: SmtpOptions,
    tls: TlsAcceptor,
    faults: Mutex<Faults>,
    journal: Journal<Mail>,
}

#[derive(Default)]
struct Faults {
    script: VecDeque<SmtpFault>,
    standing: Option<SmtpFault>,
}

impl FakeSmtp {
    /// On a free port.
    pub fn start(options: SmtpOptions) -> io::Result<FakeSmtp> {
        let (tls, faults, journal) = (tls::acceptor()?, Mutex::default(), Journal::new());
        let inner = Arc::new(Inner { options, tls, faults, journal });
        Ok(FakeSmtp { server: Server::start(Arc::clone(&inner))?, inner })
    }

    /// `smarthost`
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// These happen in this order, each when its stage is reached; then all is well again.
    pub fn script(&self, faults: impl IntoIterator<Item = SmtpFault>) {
        self.inner.faults().script.extend(faults);
    }

    /// Every session meets this, until told otherwise.
    pub fn always(&self, fault: Option<SmtpFault>) {
        self.inner.faults().standing = fault;
    }

    /// Connections are refused from now on, open ones are cut.
    pub fn close(&self) -> io::Result<()> {
        self.server.close()
    }

    /// Listens again, on the same port.
    pub fn open(&self) -> io::Result<()> {
        self.server.open()
    }

    /// From now on remembers the newest so many mails only: for a server that runs for weeks.
    pub fn keep_newest(&self, count: usize) {
        self.inner.journal.keep_newest(count);
    }

    /// What was taken.
    pub fn mails(&self) -> Vec<Mail> {
        self.inner.journal.all()
    }

    /// Waits until so many were taken.
    pub fn wait(&self, count: usize, patience: Duration) -> Result<Vec<Mail>, NotInTime> {
        self.inner.journal.wait(patience, |mails| count <= mails.len())
    }
}

impl Inner {
    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault of a stage, taken out of the script.
    fn fault(&self, stage: SmtpStage) -> Option<SmtpFault> {
        let mut faults = self.faults();
        if faults.script.front().is_some_and(|fault| fault.stage() == stage) {
            return faults.script.pop_front();
        }
        faults.standing.clone().filter(|fault| fault.stage() == stage)
    }
}

impl Handler for Inner {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        drop(session::serve(&self, stream).await); // Clients go away as they like; what they sent is in the journal.
    }
}
