//! Redis, and what speaks like it, under redis_exporter's names. Tested with Redis 7.0.
//!
//! Contract: one connection, one round trip a page, and only commands that read. Without TLS: an address
//! `rediss://` is refused when the file is read.

mod info;

use std::time::{SystemTime, UNIX_EPOCH};

use lingshao_wire::exposition::MetricType;
use lingshao_wire::resp::{self, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::database::Gathered;
use super::dsn::Dsn;
use super::figures::Figures;

/// INFO of a server with hundreds of commands is 50 kB; SLOWLOG GET 1 is cut by the server.
const REPLY_BYTES_MAX: usize = 4 << 20;
/// Taken from the socket at a time.
const READ_BYTES: usize = 32 << 10;
/// Events of LATENCY LATEST. Redis knows some 20.
const EVENTS_MAX: usize = 64;

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// What has come and was not read yet.
    waiting: Vec<u8>,
}

/// What is asked besides INFO: the group that it counts to, and the words.
const COMMANDS: [(&str, &[&str]); 7] = [
    ("config", &["CONFIG", "GET", "maxmemory"]),
    ("config", &["CONFIG", "GET", "maxclients"]),
    ("config", &["CONFIG", "GET", "io-threads"]),
    ("slowlog", &["SLOWLOG", "LEN"]),
    ("slowlog", &["SLOWLOG", "GET", "1"]),
    ("latency", &["LATENCY", "LATEST"]),
    ("ping", &["PING"]),
];

impl Connection {
    pub(super) async fn open(dsn: &Dsn) -> Result<Connection, String> {
        let stream = TcpStream::connect(&dsn.address).await.map_err(|error| error.to_string())?;
        let mut own = Connection { stream, waiting: Vec::new() };
        if let Some(password) = &dsn.password {
            let mut words = vec!["AUTH"];
            words.extend(dsn.user.as_deref());
            words.push(password.reveal());
            own.send(&[&words]).await?;
            if let Reply::Error(error) = own.reply().await? {
                return Err(error);
            }
        }
        // So that CLIENT LIST tells people who this is; servers that do not know the command need not.
        own.send(&[&["CLIENT", "SETNAME", "lingshao"]]).await?;
        match own.reply().await? {
            Reply::Error(error) if error.starts_with("NOAUTH") => Err(error),
            _ => Ok(own),
        }
    }

    pub(super) async fn collect(&mut self, gathered: &mut Gathered) -> Result<(), String> {
        let begun = Instant::now();
        let mut commands: Vec<&[&str]> = vec![&["INFO", "ALL"]];
        commands.extend(COMMANDS.map(|(_, words)| words));
        self.send(&commands).await?;
        let info = match self.reply().await? {
            Reply::Error(error) => return Err(error),
            reply => reply.text().ok_or("INFO is no text")?,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        info::add(&info, now, &mut gathered.figures);
        gathered.note("info", begun, None);
        for (group, words) in COMMANDS {
            let begun = Instant::now();
            let error = match self.reply().await? {
                Reply::Error(error) => Some(error),
                reply => {
                    add(words, &reply, &mut gathered.figures);
                    None
                }
            };
            gathered.note(group, begun, error);
        }
        Ok(())
    }

    async fn send(&mut self, commands: &[&[&str]]) -> Result<(), String> {
        let mut bytes = Vec::new();
        for words in commands {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            bytes.append(&mut resp::command(&words));
        }
        self.stream.write_all(&bytes).await.map_err(|error| error.to_string())
    }

    async fn reply(&mut self) -> Result<Reply, String> {
        loop {
            if let Some((reply, taken)) =
                resp::reply(&self.waiting, REPLY_BYTES_MAX).map_err(|error| error.to_string())?
            {
                self.waiting.drain(..taken);
                return Ok(reply);
            }
            self.waiting.reserve(READ_BYTES);
            let read = self.stream.read_buf(&mut self.waiting).await.map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("the server closed the connection".to_owned());
            }
        }
    }
}

fn add(words: &[&str], reply: &Reply, figures: &mut Figures) {
    let gauge = MetricType::Gauge;
    match (words, reply) {
        (["CONFIG", "GET", name], Reply::List(pair)) => {
            let value = pair.get(1).and_then(Reply::text).and_then(|text| text.parse().ok());
            if let Some(value) = value {
                let name = format!("redis_config_{}", name.replace('-', "_"));
                figures.set(&name, gauge, "A setting of the server.", value);
            }
        }
        (["SLOWLOG", "LEN"], Reply::Integer(length)) => {
            figures.set("redis_slowlog_length", gauge, "Slow commands that are kept.", *length as f64);
        }
        (["SLOWLOG", "GET", ..], Reply::List(entries)) => slowest(entries.first(), figures),
        (["LATENCY", "LATEST"], Reply::List(events)) => {
            for event in events.iter().take(EVENTS_MAX) {
                spike(event, figures);
            }
        }
        _ => {}
    }
}

/// The newest slow command: its number, when, how many microseconds, and its words, which are nobody's business.
fn slowest(entry: Option<&Reply>, figures: &mut Figures) {
    let fields = match entry {
        Some(Reply::List(fields)) => fields.as_slice(),
        _ => &[],
    };
    let integer = |index: usize| match fields.get(index) {
        Some(Reply::Integer(value)) => *value as f64,
        _ => 0.0,
    };
    let gauge = MetricType::Gauge;
    figures.set("redis_slowlog_last_id", gauge, "The newest slow command's number.", integer(0));
    let help = "How long the newest slow command took.";
    figures.set("redis_last_slow_execution_duration_seconds", gauge, help, integer(2) / 1e6);
}

/// An event, when it last took long, and how many milliseconds.
fn spike(event: &Reply, figures: &mut Figures) {
    let Reply::List(fields) = event else { return };
    let [name, Reply::Integer(at), Reply::Integer(millis), ..] = fields.as_slice() else { return };
    let Some(name) = name.text() else { return };
    let label = || vec![("event_name", name.clone())];
    let gauge = MetricType::Gauge;
    figures.add("redis_latency_spike_last", gauge, "When an event last took long.", label(), *at as f64);
    let help = "How long it took then.";
    figures.add("redis_latency_spike_duration_seconds", gauge, help, label(), *millis as f64 / 1e3);
}
