use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::fakes::{CA_PEM, FakeSmtp, SmtpFault, SmtpOptions, SmtpSecurity, SmtpStage};

const MAIL: &str = "From: a@example.com\r\nTo: b@example.com\r\nSubject: =?utf-8?b?5ZGK6K2m?= =?utf-8?b?77ya?= x\r\n\
Date: Mon, 23 Nov 2026 03:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/alternative; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\
Content-Transfer-Encoding: base64\r\n\r\n54G15ZOo\r\n--b1\r\nContent-Type: text/html; charset=utf-8\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\r\n<b>=E7=81=\r\n=B5</b>\r\n--b1--\r\n";

struct Client<S: Read + Write>(BufReader<S>);

impl<S: Read + Write> Client<S> {
    /// Sends a line and gives the last line of the answer.
    fn ask(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.trim_end().to_owned();
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, line: &str, code: &str) {
        let answer = self.ask(line);
        assert!(answer.starts_with(code), "{line}: {answer}");
    }

    #[track_caller]
    fn mail(&mut self, data: &str, code: &str) {
        self.expect("MAIL FROM:<a@example.com>", "250");
        self.expect("RCPT TO:<b@example.com>", "250");
        self.expect("DATA", "354");
        self.expect(&format!("{data}."), code);
    }
}

fn connect(fake: &FakeSmtp) -> Client<TcpStream> {
    let stream = TcpStream::connect(fake.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    Client(BufReader::new(stream))
}

fn secured(stream: TcpStream) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CA_PEM.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    Client(BufReader::new(StreamOwned::new(connection, stream)))
}

fn open_server() -> FakeSmtp {
    let options = SmtpOptions { security: SmtpSecurity::Plain, login: None, bytes_max: 2_000 };
    FakeSmtp::start(options).unwrap()
}

fn login(password: &str) -> String {
    format!("AUTH PLAIN {}", STANDARD.encode(format!("\0monitor@example.com\0{password}")))
}

#[test]
fn mail_is_taken_after_starttls_and_a_login() {
    let fake = FakeSmtp::start(SmtpOptions::default()).unwrap();
    let mut client = connect(&fake);
    assert!(client.answer().starts_with("220"));
    client.expect("MAIL FROM:<a@example.com>", "503");
    client.expect("EHLO x", "250");
    client.expect("MAIL FROM:<a@example.com>", "530");
    client.expect(&login("mail-Pa55-w0rd-Zk"), "538");
    client.expect("STARTTLS", "220");
    let mut client = secured(client.0.into_inner());
    client.expect("EHLO x", "250");
    client.expect("MAIL FROM:<a@example.com>", "530");
    client.expect(&login("wrong"), "535");
    client.expect(&login("mail-Pa55-w0rd-Zk"), "235");
    client.mail(MAIL, "250");
    let mails = fake.wait(1, Duration::from_secs(5)).unwrap();
    let mail = &mails[0];
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("a@example.com", &["b@example.com".to_owned()][..])
    );
    assert_eq!((mail.user.as_deref(), mail.tls), (Some("monitor@example.com"), true));
    assert_eq!(mail.header("subject").unwrap(), "告警： x");
    assert_eq!(mail.part("text/plain").unwrap().trim(), "灵哨");
    assert_eq!(mail.part("text/html").unwrap().trim(), "<b>灵</b>");
}

#[test]
fn implicit_tls_and_auth_login() {
    let options = SmtpOptions { security: SmtpSecurity::Implicit, ..SmtpOptions::default() };
    let fake = FakeSmtp::start(options).unwrap();
    let mut client = secured(TcpStream::connect(fake.address()).unwrap());
    assert!(client.answer().starts_with("220"));
    client.expect("EHLO x", "250");
    client.expect("AUTH LOGIN", "334 VXNlcm5hbWU6");
    client.expect(&STANDARD.encode("monitor@example.com"), "334");
    client.expect(&STANDARD.encode("mail-Pa55-w0rd-Zk"), "235");
    client.mail(MAIL, "250");
    assert_eq!(fake.mails().len(), 1);
}

#[test]
fn the_form_of_a_mail_is_judged() {
    let fake = open_server();
    let mut client = connect(&fake);
    client.answer();
    client.expect("EHLO x", "250");
    client.mail(&MAIL.replace("Message-ID: <1@example.com>\r\n", ""), "554");
    client.mail(&MAIL.replace("x\r\nDate", "警\r\nDate"), "554");
    client.mail(&MAIL.replace("54G1", &"5".repeat(1_000)), "554");
    client.mail(&MAIL.replace("54G1", "54\n1"), "554");
    client.mail(&MAIL.replace("54G1", &"54G1\r\n".repeat(400)), "552");
    client.expect("MAIL FROM:<a@example.com> SIZE=2001", "552");
    client.expect("RCPT TO:<b@example.com>", "503");
    client.expect("MAIL FROM:<a@example.com> SIZE=2000", "250");
    client.expect("RCPT TO:<b>", "501");
    client.expect("DATA", "503");
    client.expect("STARTTLS", "502");
    assert!(fake.mails().is_empty());
    client.expect("RSET", "250");
    client.mail(&MAIL.replace("54G1", "..54G1"), "250");
    assert!(fake.mails()[0].data.contains("\r\n.54G1")); // Stuffed dots are taken out.
}

#[test]
fn faults_come_at_their_stage() {
    let fake = open_server();
    fake.script([
        SmtpFault::Answer(SmtpStage::Connect, "421 4.3.2 try later"),
        SmtpFault::Answer(SmtpStage::Recipient, "451 4.3.0 grey"),
        SmtpFault::Answer(SmtpStage::Recipient, "550 5.1.1 unknown"),
        SmtpFault::Drop(SmtpStage::Body),
    ]);
    let mut client = connect(&fake);
    assert_eq!(client.answer(), "421 4.3.2 try later");
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    let mut client = connect(&fake);
    client.answer();
    client.expect("EHLO x", "250");
    client.expect("MAIL FROM:<a@example.com>", "250");
    client.expect("RCPT TO:<b@example.com>", "451");
    client.expect("RCPT TO:<b@example.com>", "550");
    client.mail(MAIL, ""); // The connection ends without an answer,
    assert_eq!(client.answer(), "");
    assert_eq!(fake.mails().len(), 1); // and yet the mail was taken.
}
