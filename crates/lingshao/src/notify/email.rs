//! Mails by SMTP; a storm of them becomes one. The envelope goes to all at once; when the server refuses that for good, to each alone, so that one
//! bad address does not keep the news from the others. The Message-ID comes from the delivery, so that a mail that was
//! sent twice (the answer to DATA was lost) can be told apart from two.

use std::time::Duration;

use lettre::address::{Address, Envelope};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Identity, Tls, TlsParameters, TlsVersion as SmtpTlsVersion,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use lingshao_model::Delivery;
use lingshao_wire::alertmanager_config::EmailConfig;
use lingshao_wire::notify::Verdict;
use lingshao_wire::prometheus_config::{TlsConfig, TlsVersion};
use ring::digest::{SHA256, digest};

use super::http::Secrets;
use super::integration::{Source, Told};
use super::local_time;
use super::words::{DETAILED_MAX, Text, Words};
use crate::failure::with_causes;
use crate::security::hex;

/// One step of the conversation, as a mail server may take its time with greylisting and scanning.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// The whole conversation.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest text of a mail; templates write less.
const TEXT_BYTES_MAX: usize = 256 << 10;
/// Most addresses of one mail.
const RECIPIENTS_MAX: usize = 100;
/// Headers that the mail itself makes.
const OWN_HEADERS: [&str; 5] = ["date", "mime-version", "content-type", "content-transfer-encoding", "bcc"];

/// A mail server and what is written to whom.
#[derive(Debug)]
pub(super) struct Email {
    config: EmailConfig,
    password: Option<Source>,
    to: Text,
    from: Text,
    subject: Text,
    html: Option<Text>,
    text: Option<Text>,
    headers: Vec<(String, Text)>,
    port: u16,
    is_implicit_tls: bool,
}

/// A mail on its way.
#[derive(Debug)]
pub(super) struct Mail {
    /// What was wrong when it was written; nothing can be sent then.
    broken: Option<String>,
    from: Option<Address>,
    /// Those who have not got it yet.
    to: Vec<Address>,
    bytes: Vec<u8>,
    sent: usize,
    refused: Vec<String>,
}

impl Email {
    /// Reads what can be wrong with it.
    pub(super) fn new(config: &EmailConfig) -> Result<Email, String> {
        let port = port(&config.smarthost.port)?;
        let password = Source::of(config.auth_password.as_ref(), config.auth_password_file.as_ref());
        let has_secret = config.auth_secret.is_some() || config.auth_secret_file.is_some();
        if !config.auth_username.is_empty() && password.is_none() && has_secret {
            return Err("CRAM-MD5 is not spoken: give `auth_password` for PLAIN or LOGIN".to_owned());
        }
        let part = |text: Option<&str>, name| match text {
            Some("") => None,
            text => Some(Text::new(text, name)),
        };
        let mut subject = Text::new(None, "email.default.subject");
        let mut headers = Vec::new();
        for (name, template) in &config.headers {
            let text = Text::new(Some(template), "");
            match name.to_ascii_lowercase().as_str() {
                "subject" => subject = text,
                own if OWN_HEADERS.contains(&own) => {}
                _ => headers.push((name.clone(), text)),
            }
        }
        let email = Email {
            password,
            to: Text::new(Some(&config.to), ""),
            from: Text::new(Some(&config.from), ""),
            subject,
            html: part(config.html.as_deref(), "email.default.html"),
            text: part(config.text.as_deref(), "lingshao.email.text"),
            headers,
            port,
            is_implicit_tls: config.force_implicit_tls.unwrap_or(port == 465),
            config: config.clone(),
        };
        email.tls()?; // A bad certificate fails the start or the reload.
        Ok(email)
    }

    /// Its templates.
    pub(super) fn texts(&self) -> Vec<&Text> {
        let parts = [Some(&self.to), Some(&self.from), Some(&self.subject), self.text.as_ref()];
        parts
            .into_iter()
            .flatten()
            .chain(self.html.as_ref())
            .chain(self.headers.iter().map(|(_, text)| text))
            .collect()
    }

    /// The mail for a delivery.
    pub(super) fn compose(&self, words: &Words, told: &Told<'_>) -> Mail {
        match self.write(words, told) {
            Ok(mail) => mail,
            Err(reason) => Mail {
                broken: Some(reason),
                from: None,
                to: Vec::new(),
                bytes: Vec::new(),
                sent: 0,
                refused: Vec::new(),
            },
        }
    }

    fn write(&self, words: &Words, told: &Told<'_>) -> Result<Mail, String> {
        let delivery = told.first();
        let fill = |text: &Text| words.title(text, delivery, told.now);
        let from = mailboxes(&fill(&self.from))?;
        let [from] = from.as_slice() else { return Err("`from` must be exactly one address".to_owned()) };
        let to = mailboxes(&fill(&self.to))?;
        if to.is_empty() || RECIPIENTS_MAX < to.len() {
            return Err(format!("`to` must be 1 to {RECIPIENTS_MAX} addresses"));
        }
        let domain = from.email.domain();
        let addresses: Vec<Address> = to.iter().map(|mailbox| mailbox.email.clone()).collect();
        let envelope =
            Envelope::new(Some(from.email.clone()), addresses.clone()).map_err(|error| error.to_string())?;
        let mut builder = lettre::Message::builder()
            .envelope(envelope)
            .from(from.clone())
            .message_id(Some(message_id(told, domain)));
        for mailbox in to {
            builder = builder.to(mailbox);
        }
        let subject = match told.deliveries {
            [_] => fill(&self.subject),
            several => words.digest_title(several.len()),
        };
        builder = builder.raw_header(header("Subject", &subject)?);
        builder = self.thread(builder, delivery, words, domain)?;
        for (name, text) in &self.headers {
            builder = builder.raw_header(header(name, &fill(text))?);
        }
        let message = builder.multipart(self.body(words, told)).map_err(|error| error.to_string())?;
        Ok(Mail {
            broken: None,
            from: Some(from.email.clone()),
            to: addresses,
            bytes: message.formatted(),
            sent: 0,
            refused: Vec::new(),
        })
    }

    /// Mails of one group, and of one day where that was asked for, answer a mail that was never sent: clients show
    /// them as one thread.
    fn thread(
        &self,
        builder: MessageBuilder,
        delivery: &Delivery,
        words: &Words,
        domain: &str,
    ) -> Result<MessageBuilder, String> {
        if !self.config.threading.enabled {
            return Ok(builder);
        }
        let day = match self.config.threading.thread_by_date.as_str() {
            "daily" => local_time(delivery.decided_at, words.time_zone(), "%Y-%m-%d"),
            _ => String::new(),
        };
        let thread = format!("<{}@{domain}>", short_hash(&format!("{}\n{day}", delivery.group_key)));
        Ok(builder.raw_header(header("References", &thread)?).raw_header(header("In-Reply-To", &thread)?))
    }

    fn body(&self, words: &Words, told: &Told<'_>) -> MultiPart {
        let delivery = told.first();
        let digest = || words.digest(&told.all(), TEXT_BYTES_MAX);
        let is_one = told.deliveries.len() == 1;
        let tell = |text: &Text| {
            let filled = is_one.then(|| words.tell(text, delivery, told.now, TEXT_BYTES_MAX)).flatten();
            filled.unwrap_or_else(digest)
        };
        let html = self.html.as_ref().map(|html| self.html(html, words, told));
        let text = self.text.as_ref().map(tell).or_else(|| html.is_none().then(digest));
        // The preferred part stands last (RFC 2046, 5.1.4).
        let parts = [(text, ContentType::TEXT_PLAIN), (html, ContentType::TEXT_HTML)];
        let parts = parts
            .into_iter()
            .filter_map(|(body, kind)| body.map(|body| SinglePart::builder().content_type(kind).body(body)));
        parts.fold(MultiPart::alternative().build(), MultiPart::singlepart)
    }

    fn html(&self, html: &Text, words: &Words, told: &Told<'_>) -> String {
        let delivery = told.first();
        let is_many = 1 < told.deliveries.len() || DETAILED_MAX < delivery.alerts.len();
        if !is_many || (told.deliveries.len() == 1 && !html.is_default()) {
            match words.fill_html(html.template(), delivery, told.now) {
                Ok(filled) if !filled.trim().is_empty() => return filled,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(integration = %delivery.to, %error, "template failed; the short text is sent");
                }
            }
        }
        let text = words.digest(&told.all(), TEXT_BYTES_MAX);
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!(
            "<!DOCTYPE html><html><body><pre style=\"white-space:pre-wrap\">{escaped}</pre></body></html>"
        )
    }

    /// Sends it to those who have not got it yet.
    pub(super) async fn send(&self, mail: &mut Mail) -> Verdict {
        if let Some(reason) = &mail.broken {
            return Verdict::Final(reason.clone());
        }
        let mut secrets = Secrets::default();
        let verdict = match tokio::time::timeout(TIMEOUT, self.try_send(mail, &mut secrets)).await {
            Ok(Ok(verdict) | Err(verdict)) => verdict,
            Err(_) => Verdict::retry(format!("no end within {} s", TIMEOUT.as_secs())),
        };
        secrets.mask_verdict(verdict)
    }

    async fn try_send(&self, mail: &mut Mail, secrets: &mut Secrets) -> Result<Verdict, Verdict> {
        let password = match &self.password {
            Some(password) => Some(password.read().await?),
            None => None,
        };
        password.iter().for_each(|password| secrets.add(password));
        let transport = self.transport(password).map_err(Verdict::Final)?;
        match deliver(&transport, mail, mail.to.clone()).await {
            Ok(said) => {
                mail.sent += mail.to.len();
                mail.to.clear();
                return Ok(mail.sent_verdict(said));
            }
            Err(Verdict::Final(reason)) if 1 < mail.to.len() => {
                tracing::debug!(%reason, "the mail is sent to each address alone");
            }
            Err(verdict) => return Ok(verdict),
        }
        let mut said = String::new();
        while let Some(to) = mail.to.first().cloned() {
            match deliver(&transport, mail, vec![to.clone()]).await {
                Ok(answer) => {
                    mail.sent += 1;
                    said = answer;
                }
                Err(Verdict::Final(reason)) => mail.refused.push(format!("{to}: {reason}")),
                Err(verdict) => return Ok(verdict),
            }
            mail.to.remove(0);
        }
        Ok(mail.sent_verdict(said))
    }

    fn transport(&self, password: Option<String>) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let host = self.host();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(self.port)
            .timeout(Some(STEP_TIMEOUT))
            .tls(self.tls()?);
        if !self.config.hello.is_empty() {
            let hello = one_line(&self.config.hello).replace(' ', "");
            builder = builder.hello_name(ClientId::Domain(hello));
        }
        if !self.config.auth_username.is_empty() {
            let password = password.unwrap_or_default();
            builder = builder.credentials(Credentials::new(self.config.auth_username.clone(), password));
            // Go's PLAIN, which Alertmanager uses, keeps silent in the clear too, except on the same host.
            let may_say_plain = self.is_implicit_tls || self.config.require_tls || is_loopback(host);
            builder = builder.authentication(match may_say_plain {
                true => vec![Mechanism::Plain, Mechanism::Login],
                false => vec![Mechanism::Login],
            });
        }
        Ok(builder.build())
    }

    fn host(&self) -> &str {
        match self.config.smarthost.host.as_str() {
            "" => "localhost",
            host => host,
        }
    }

    fn tls(&self) -> Result<Tls, String> {
        if self.is_implicit_tls {
            return Ok(Tls::Wrapper(tls_parameters(&self.config.tls_config, self.host())?));
        }
        if self.config.require_tls {
            return Ok(Tls::Required(tls_parameters(&self.config.tls_config, self.host())?));
        }
        Ok(Tls::None)
    }
}

impl Mail {
    fn sent_verdict(&self, said: String) -> Verdict {
        let refused = self.refused.join(", ");
        match (self.sent, refused.is_empty()) {
            (0, _) => Verdict::Final(refused),
            (_, true) => Verdict::Sent(said),
            (sent, false) => Verdict::Sent(format!("{said}; to {sent} addresses, not to {refused}")),
        }
    }
}

async fn deliver(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    mail: &Mail,
    to: Vec<Address>,
) -> Result<String, Verdict> {
    let envelope = Envelope::new(mail.from.clone(), to).map_err(|error| Verdict::Final(error.to_string()))?;
    match transport.send_raw(&envelope, &mail.bytes).await {
        Ok(response) => {
            let words = response.message().collect::<Vec<_>>().join(" ");
            let line: String = one_line(&words).chars().take(200).collect();
            Ok(format!("{} {line}", response.code()))
        }
        Err(error) => {
            let said: String = one_line(&with_causes(&error)).chars().take(300).collect();
            // 5xx and what this side cannot do will be the same next time; the rest may pass.
            if error.is_permanent() || error.is_client() {
                Err(Verdict::Final(said))
            } else {
                Err(Verdict::retry(said))
            }
        }
    }
}

fn tls_parameters(config: &TlsConfig, host: &str) -> Result<TlsParameters, String> {
    let name = config.server_name.clone().unwrap_or_else(|| host.to_owned());
    let mut builder =
        TlsParameters::builder(name).dangerous_accept_invalid_certs(config.insecure_skip_verify);
    if let Some(pem) = crate::scrape::pem(config.ca.as_deref(), config.ca_file.as_deref(), "ca_file")? {
        let certificate =
            Certificate::from_pem(&pem).map_err(|error| format!("`ca_file`: {}", with_causes(&error)))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    let chain = crate::scrape::pem(config.cert.as_deref(), config.cert_file.as_deref(), "cert_file")?;
    let key = config.key.as_ref().map(|key| key.reveal());
    let key = crate::scrape::pem(key, config.key_file.as_deref(), "key_file")?;
    if let (Some(chain), Some(key)) = (chain, key) {
        let identity = Identity::from_pem(&chain, &key)
            .map_err(|error| format!("`cert_file`: {}", with_causes(&error)))?;
        builder = builder.identify_with(identity);
    }
    if config.min_version == Some(TlsVersion::Tls13) {
        builder = builder.set_min_tls_version(SmtpTlsVersion::Tlsv13);
    }
    builder.build_rustls().map_err(|error| format!("`tls_config`: {}", with_causes(&error)))
}

fn port(text: &str) -> Result<u16, String> {
    match text {
        "smtp" => Ok(25),
        "submission" => Ok(587),
        "smtps" | "submissions" | "ssmtp" => Ok(465),
        number => number.parse().map_err(|_| format!("`smarthost`: {number:?} is no port")),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Addresses divided by commas; each must be whole.
fn mailboxes(text: &str) -> Result<Vec<Mailbox>, String> {
    let mut parts = vec![String::new()];
    let mut is_quoted = false;
    for c in text.chars() {
        match c {
            ',' if !is_quoted => parts.push(String::new()),
            c => {
                is_quoted ^= c == '"';
                parts.last_mut().expect("there is always one").push(c);
            }
        }
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_err(|_| format!("{part:?} is no mail address"))).collect()
}

/// A header whose value cannot end it: control characters are blanks.
fn header(name: &str, value: &str) -> Result<HeaderValue, String> {
    let is_token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    let name = HeaderName::new_from_ascii(name.to_owned()).ok().filter(|_| is_token);
    let name = name.ok_or("a name under `headers` is no header's")?;
    Ok(HeaderValue::new(name, one_line(value)))
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// `<DELIVERY@domain of the sender>`; of a digest a hash of all.
fn message_id(told: &Told<'_>, domain: &str) -> String {
    match told.deliveries {
        [delivery] => format!("<{}@{domain}>", delivery.id),
        several => {
            let ids: Vec<String> = several.iter().map(|delivery| delivery.id.to_string()).collect();
            format!("<{}@{domain}>", short_hash(&ids.join(" ")))
        }
    }
}

fn short_hash(text: &str) -> String {
    hex(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_whole() {
        let read = |text| mailboxes(text).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        let two = ["a@x.cn".to_owned(), "\"Li, Si\" <b@x.cn>".to_owned()];
        assert_eq!(read("a@x.cn, \"Li, Si\" <b@x.cn>,"), Ok(two.to_vec()));
        assert_eq!(read("a@x.cn b"), Err("\"a@x.cn b\" is no mail address".to_owned()));
        assert_eq!(
            read("a@x.cn>\r\nRCPT TO:<c@x.cn"),
            Err("\"a@x.cn>\\r\\nRCPT TO:<c@x.cn\" is no mail address".to_owned())
        );
    }

    #[test]
    fn a_value_cannot_add_headers() {
        let mut headers = lettre::message::header::Headers::new();
        headers.insert_raw(header("Subject", "a\r\nBcc: evil@x.cn\n\n<html>").unwrap());
        assert_eq!(headers.to_string(), "Subject: a Bcc: evil@x.cn <html>\r\n");
        assert!(header("X-A\r\nBcc", "b").is_err());
        assert!(header("", "b").is_err());
    }

    #[test]
    fn ports_may_have_names() {
        assert_eq!((port("smtps"), port("587"), port("x").is_err()), (Ok(465), Ok(587), true));
    }
}
