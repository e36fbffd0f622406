//! One SMTP session, command by command.

use std::io;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use super::mail::{Mail, header};
use super::{Inner, SmtpFault, SmtpSecurity, SmtpStage};

/// RFC 5321 §4.5.3.1: a line of a mail with its CRLF.
const LINE_BYTES_MAX: usize = 1_000;
/// A command; logins may be long.
const COMMAND_BYTES_MAX: u64 = 12_288;
const RECIPIENTS_MAX: usize = 100;

pub(super) async fn serve(inner: &Inner, stream: TcpStream) -> io::Result<()> {
    if inner.options.security == SmtpSecurity::Implicit {
        let stream = inner.tls.accept(stream).await?;
        return Session::new(inner, BufStream::new(stream), true).run(true).await.map(|_| ());
    }
    let mut plain = Session::new(inner, BufStream::new(stream), false);
    if plain.run(true).await? == Ended::WithStartTls {
        let stream = plain.stream.into_inner();
        let stream = inner.tls.accept(stream).await?;
        Session::new(inner, BufStream::new(stream), true).run(false).await?;
    }
    Ok(())
}

#[derive(PartialEq)]
enum Ended {
    Closed,
    WithStartTls,
}

struct Session<'a, S> {
    inner: &'a Inner,
    stream: S,
    tls: bool,
    greeted: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// What follows a command.
enum Then {
    Say(String),
    StartTls,
    ReadMail,
    Quit,
}

impl<'a, S: AsyncBufRead + AsyncWrite + Unpin> Session<'a, S> {
    fn new(inner: &'a Inner, stream: S, tls: bool) -> Self {
        Session { inner, stream, tls, greeted: false, user: None, from: None, to: Vec::new() }
    }

    async fn run(&mut self, greet: bool) -> io::Result<Ended> {
        if greet && !self.reply(SmtpStage::Connect, "220 mx.example.com ESMTP").await? {
            return Ok(Ended::Closed);
        }
        loop {
            let Some(line) = self.line().await? else { return Ok(Ended::Closed) };
            let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            let verb = verb.to_ascii_uppercase();
            let then = if verb == "AUTH" { self.login(rest).await? } else { self.command(&verb, rest) };
            let going_on = match then {
                Then::Say(text) => self.answer(stage_of(&verb), &text).await?,
                Then::StartTls if self.reply(SmtpStage::StartTls, "220 2.0.0 go ahead").await? => {
                    return Ok(Ended::WithStartTls);
                }
                Then::StartTls => false,
                Then::ReadMail => self.mail().await?,
                Then::Quit => {
                    self.say("221 2.0.0 bye").await?;
                    false
                }
            };
            if !going_on {
                return Ok(Ended::Closed);
            }
        }
    }

    fn command(&mut self, verb: &str, rest: &str) -> Then {
        let options = &self.inner.options;
        let say = |text: &str| Then::Say(text.to_owned());
        match verb {
            "EHLO" => self.hello(rest),
            "HELO" => {
                self.greeted = true;
                say("250 mx.example.com")
            }
            "STARTTLS" if self.tls || options.security == SmtpSecurity::Plain => say("502 5.5.1 not offered"),
            "STARTTLS" => Then::StartTls,
            "NOOP" => say("250 2.0.0 ok"),
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                say("250 2.0.0 ok")
            }
            "QUIT" => Then::Quit,
            "MAIL" | "RCPT" | "DATA" if !self.greeted => say("503 5.5.1 EHLO first"),
            "MAIL" | "RCPT" | "DATA" if options.security == SmtpSecurity::StartTls && !self.tls => {
                say("530 5.7.0 must issue a STARTTLS command first")
            }
            "MAIL" | "RCPT" | "DATA" if options.login.is_some() && self.user.is_none() => {
                say("530 5.7.0 authentication required")
            }
            "MAIL" => self.sender(rest),
            "RCPT" => self.recipient(rest),
            "DATA" if self.to.is_empty() => say("503 5.5.1 RCPT first"),
            "DATA" => Then::ReadMail,
            _ => say("502 5.5.2 command not recognized"),
        }
    }

    fn hello(&mut self, name: &str) -> Then {
        if name.is_empty() {
            return Then::Say("501 5.5.4 EHLO needs a name".to_owned());
        }
        self.greeted = true;
        let options = &self.inner.options;
        let mut lines = vec!["mx.example.com".to_owned(), format!("SIZE {}", options.bytes_max)];
        lines.push("8BITMIME".to_owned());
        if options.security == SmtpSecurity::StartTls && !self.tls {
            lines.push("STARTTLS".to_owned());
        } else if options.login.is_some() {
            lines.push("AUTH PLAIN LOGIN".to_owned());
        }
        let last = lines.len() - 1;
        let lines = lines.iter().enumerate();
        let lines: Vec<String> =
            lines.map(|(at, line)| format!("250{}{line}", if at == last { ' ' } else { '-' })).collect();
        Then::Say(lines.join("\r\n"))
    }

    fn sender(&mut self, rest: &str) -> Then {
        let Some((address, parameters)) = path_of(rest, "FROM:") else {
            return Then::Say("501 5.1.7 bad sender".to_owned());
        };
        let size = parameters.split(' ').find_map(|one| one.strip_prefix("SIZE=")?.parse::<usize>().ok());
        if size.is_some_and(|size| self.inner.options.bytes_max < size) {
            return Then::Say("552 5.3.4 message size exceeds fixed limit".to_owned());
        }
        self.from = Some(address);
        Then::Say("250 2.1.0 ok".to_owned())
    }

    fn recipient(&mut self, rest: &str) -> Then {
        let text = match path_of(rest, "TO:") {
            _ if self.from.is_none() => "503 5.5.1 MAIL first",
            Some((address, _)) if address.contains('@') && self.to.len() < RECIPIENTS_MAX => {
                self.to.push(address);
                "250 2.1.5 ok"
            }
            Some((address, _)) if address.contains('@') => "452 4.5.3 too many recipients",
            _ => "501 5.1.3 bad recipient",
        };
        Then::Say(text.to_owned())
    }

    /// PLAIN and LOGIN.
    async fn login(&mut self, rest: &str) -> io::Result<Then> {
        let say = |text: &str| Ok(Then::Say(text.to_owned()));
        let Some((user, password)) = self.inner.options.login.clone() else {
            return say("502 5.5.1 not offered");
        };
        if self.inner.options.security != SmtpSecurity::Plain && !self.tls {
            return say("538 5.7.11 encryption required");
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let text = if initial.is_empty() { self.ask("334 ").await? } else { decoded(initial) };
                let mut parts = text.split('\0').skip(1).map(str::to_owned);
                parts.next().zip(parts.next())
            }
            "LOGIN" => {
                let user =
                    if initial.is_empty() { self.ask("334 VXNlcm5hbWU6").await? } else { decoded(initial) };
                Some((user, self.ask("334 UGFzc3dvcmQ6").await?))
            }
            _ => return say("504 5.5.4 mechanism not known"),
        };
        if given != Some((user.clone(), password)) {
            return say("535 5.7.8 authentication credentials invalid");
        }
        self.user = Some(user);
        say("235 2.7.0 authentication successful")
    }

    async fn ask(&mut self, challenge: &str) -> io::Result<String> {
        self.say(challenge).await?;
        Ok(decoded(&self.line().await?.unwrap_or_default()))
    }

    /// Everything between DATA and the lonely dot. Gives whether the session goes on.
    async fn mail(&mut self) -> io::Result<bool> {
        match self.inner.fault(SmtpStage::Data) {
            None => self.say("354 end with <CRLF>.<CRLF>").await?,
            Some(fault) => return self.meet(&fault).await,
        }
        let mut data = Vec::new();
        let mut verdict = "250 2.0.0 queued".to_owned();
        loop {
            let Some(line) = self.data_line().await? else { return Ok(false) };
            if line == b".\r\n" {
                break;
            }
            if !line.ends_with(b"\r\n") || line[..line.len() - 2].iter().any(|byte| b"\r\n".contains(byte)) {
                verdict = "554 5.6.0 a bare CR or LF, or a line over 998 bytes".to_owned();
            }
            let line = if line.starts_with(b".") { &line[1..] } else { &line[..] };
            if self.inner.options.bytes_max < data.len() + line.len() {
                verdict = "552 5.3.4 message size exceeds fixed limit".to_owned();
            } else {
                data.extend_from_slice(line);
            }
        }
        let (from, to) = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        let (at, user, tls) = (SystemTime::now(), self.user.clone(), self.tls);
        let mail = Mail { at, from, to, user, tls, data: String::from_utf8_lossy(&data).into_owned() };
        if let Err(why) = check_form(&mail.data) {
            verdict = format!("554 5.6.0 {why}");
        }
        let fault = self.inner.fault(SmtpStage::Body);
        if verdict.starts_with("250") && !matches!(fault, Some(SmtpFault::Answer(..))) {
            self.inner.journal.push(mail);
        }
        match fault {
            Some(fault) => self.meet(&fault).await,
            None => self.say(&verdict).await.map(|()| true),
        }
    }

    /// A line of at most [`LINE_BYTES_MAX`], or the part of a longer one.
    async fn data_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = u64::try_from(LINE_BYTES_MAX).expect("a thousand fits");
        (&mut self.stream).take(limit).read_until(b'\n', &mut line).await?;
        Ok((!line.is_empty()).then_some(line))
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        (&mut self.stream).take(COMMAND_BYTES_MAX).read_line(&mut line).await?;
        Ok(line.strip_suffix("\r\n").map(str::to_owned))
    }

    async fn answer(&mut self, stage: Option<SmtpStage>, text: &str) -> io::Result<bool> {
        match stage {
            Some(stage) => self.reply(stage, text).await,
            None => self.say(text).await.map(|()| true),
        }
    }

    /// The usual answer, or the fault of this stage. Gives whether the session goes on.
    async fn reply(&mut self, stage: SmtpStage, usual: &str) -> io::Result<bool> {
        match self.inner.fault(stage) {
            Some(fault) => self.meet(&fault).await,
            None => self.say(usual).await.map(|()| true),
        }
    }

    async fn meet(&mut self, fault: &SmtpFault) -> io::Result<bool> {
        match fault {
            SmtpFault::Drop(_) => Ok(false),
            SmtpFault::Hang(_) => std::future::pending().await,
            SmtpFault::Answer(_, text) => {
                self.say(text).await?;
                Ok(!text.starts_with("421")) // The server says that it closes.
            }
        }
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }
}

fn stage_of(verb: &str) -> Option<SmtpStage> {
    match verb {
        "EHLO" | "HELO" => Some(SmtpStage::Hello),
        "AUTH" => Some(SmtpStage::Auth),
        "MAIL" => Some(SmtpStage::Mail),
        "RCPT" => Some(SmtpStage::Recipient),
        _ => None,
    }
}

/// Address and parameters of `FROM:<a@b> SIZE=1`.
fn path_of<'a>(rest: &'a str, keyword: &str) -> Option<(String, &'a str)> {
    let (own, path) = rest.split_at_checked(keyword.len())?;
    own.eq_ignore_ascii_case(keyword).then_some(())?;
    let (address, parameters) = path.strip_prefix('<')?.split_once('>')?;
    Some((address.to_owned(), parameters.trim()))
}

fn decoded(text: &str) -> String {
    STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// What filters of large providers throw away: RFC 5322 §3.6, and headers that are not ASCII.
fn check_form(data: &str) -> Result<(), String> {
    let (head, _) = data.split_once("\r\n\r\n").ok_or("headers without end")?;
    if !head.is_ascii() {
        return Err("headers must be ASCII".to_owned());
    }
    for name in ["From", "To", "Subject", "Date", "Message-ID"] {
        if header(head, name).is_none_or(|value| value.is_empty()) {
            return Err(format!("no header {name}"));
        }
    }
    if header(head, "Message-ID").is_some_and(|id| !id.starts_with('<') || !id.contains('@')) {
        return Err("a Message-ID is <left@right>".to_owned());
    }
    Ok(())
}
