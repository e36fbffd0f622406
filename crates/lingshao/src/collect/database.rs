//! One watched database: a connection that is kept, a page that is made anew each time, and what it says when there is
//! nobody to ask.
//!
//! Contract: at most one connection a target, kept between pages. A page is made within the time given; what is in the
//! way of that (a refused connection, a wrong password, a silent server) is the collection's failure, told without
//! secrets, with `*_up 0` on the page. A single statement that fails costs its own figures only. The address is read
//! again at every connect, so that a rotated password works.

use std::time::Duration;

use lingshao_wire::exposition::MetricType;
use lingshao_wire::prometheus_config::Secret;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::dsn::{Dsn, DsnError, Kind};
use super::figures::Figures;
use super::{mysql, postgres, redis};
use crate::config::{CollectDatabase, read_text};

/// The collector of one database.
#[derive(Debug)]
pub struct Database {
    settings: CollectDatabase,
    /// Who collects holds it; nobody waits for long, as a target's pages are made one after the other.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connection: Option<Connection>,
    scrapes: u64,
    /// Statements that failed last time, so that each is told once.
    failing: Vec<&'static str>,
}

#[derive(Debug)]
enum Connection {
    Postgres(postgres::Connection),
    Mysql(mysql::Connection),
    Redis(redis::Connection),
}

/// What came of one collection.
#[derive(Debug)]
pub struct Collected {
    /// The page in Prometheus' text format.
    pub page: Vec<u8>,
    /// Why the database counts as down.
    pub failure: Option<String>,
}

/// Why there is nothing to collect.
#[derive(Debug, thiserror::Error)]
pub(super) enum CollectError {
    #[error("`dsn_file`: {0}")]
    File(std::io::Error),
    #[error("the address in `dsn_file`: {0}")]
    Dsn(#[from] DsnError),
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("connected, but asking failed: {0}")]
    Asking(String),
    #[error("no complete answer within {:.1}s (scrape_timeout)", .0.as_secs_f64())]
    Late(Duration),
}

/// How long a collection may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) deadline: Instant,
    /// The server gives up on a statement of ours after this: a third of the whole, so that one slow statement (sizes
    /// of many files) leaves time for the others.
    pub(super) statement: Duration,
}

impl Limits {
    /// Whether another statement would be cut off by the deadline.
    pub(super) fn is_short(&self) -> bool {
        self.deadline.saturating_duration_since(Instant::now()) < self.statement / 2
    }
}

/// What a collection gathers.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) figures: Figures,
    /// Groups of statements: which, how long it took, why it failed.
    pub(super) groups: Vec<Group>,
}

/// One group of statements.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) took: Duration,
    pub(super) error: Option<String>,
}

/// Why a statement gave nothing.
pub(super) enum Stop {
    /// The server refused it; others may go.
    Statement(String),
    /// There is no server any more.
    Connection(String),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Stop {
        match &error {
            // PostgreSQL's class 57P: the server is going down or has ended our session.
            sqlx::Error::Database(refused) if !refused.code().is_some_and(|code| code.starts_with("57P")) => {
                Stop::Statement(refused.message().to_owned())
            }
            _ => Stop::Connection(error.to_string()),
        }
    }
}

impl Stop {
    /// The statement was not sent.
    pub(super) fn late() -> Stop {
        Stop::Statement("not asked: no time left of scrape_timeout".to_owned())
    }

    pub(super) fn message(self) -> String {
        match self {
            Stop::Statement(message) | Stop::Connection(message) => message,
        }
    }
}

impl Gathered {
    /// Notes how a group went. The error: there is no server any more.
    pub(super) fn conclude(
        &mut self,
        name: &'static str,
        begun: Instant,
        outcome: Result<(), Stop>,
    ) -> Result<(), String> {
        match outcome {
            Ok(()) => self.note(name, begun, None),
            Err(Stop::Statement(error)) => self.note(name, begun, Some(error)),
            Err(Stop::Connection(error)) => return Err(error),
        }
        Ok(())
    }

    /// Notes how a statement of a group went; a group fails with its first statement that does.
    pub(super) fn note(&mut self, name: &'static str, begun: Instant, error: Option<String>) {
        let took = begun.elapsed();
        match self.groups.iter_mut().find(|group| group.name == name) {
            Some(group) => {
                group.took += took;
                group.error = group.error.take().or(error);
            }
            None => self.groups.push(Group { name, took, error }),
        }
    }
}

impl Database {
    /// Connects when it first collects.
    pub fn new(settings: CollectDatabase) -> Database {
        Database { settings, state: Mutex::default() }
    }

    /// What it was made of.
    pub fn settings(&self) -> &CollectDatabase {
        &self.settings
    }

    /// Makes a page; awaits at most `limit`.
    pub async fn collect(&self, limit: Duration) -> Collected {
        let begun = Instant::now();
        let limits = Limits { deadline: begun + limit, statement: limit / 3 };
        let mut state = self.state.lock().await;
        state.scrapes += 1;
        let mut gathered = Gathered::default();
        let outcome = match timeout_at(limits.deadline, self.gather(&mut state, &mut gathered, limits)).await
        {
            Ok(outcome) => outcome,
            // The connection was dropped with what it was doing.
            Err(_) => Err(CollectError::Late(limit)),
        };
        let failure = outcome.err().map(|error| error.to_string());
        if failure.is_some() {
            gathered = Gathered::default();
        }
        self.tell(&mut state, &gathered.groups);
        about(self.settings.kind, &mut gathered, failure.as_deref(), state.scrapes, begun.elapsed());
        Collected { page: gathered.figures.page(), failure }
    }

    async fn gather(
        &self,
        state: &mut State,
        gathered: &mut Gathered,
        limits: Limits,
    ) -> Result<(), CollectError> {
        if let Some(mut connection) = state.connection.take() {
            if connection.collect(gathered, limits).await.is_ok() {
                state.connection = Some(connection);
                return Ok(());
            }
            // Closed while it was idle, by a restart or a firewall: a fresh one tells how the server is.
            *gathered = Gathered::default();
        }
        let dsn = self.dsn().await?;
        let connected = Connection::open(self.settings.kind, &dsn, limits).await;
        let mut connection = connected.map_err(|error| CollectError::Connect(dsn.mask(error)))?;
        connection.collect(gathered, limits).await.map_err(|error| CollectError::Asking(dsn.mask(error)))?;
        state.connection = Some(connection);
        Ok(())
    }

    /// The address as it is written now.
    async fn dsn(&self) -> Result<Dsn, CollectError> {
        let text = match (&self.settings.dsn, self.settings.dsn_file.clone()) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) => {
                let read = tokio::task::spawn_blocking(move || read_text(&path)).await;
                let text = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
                Secret::new(text.map_err(CollectError::File)?.trim())
            }
            (None, None) => Secret::default(),
        };
        Ok(Dsn::parse(self.settings.kind, text.reveal())?)
    }

    /// A statement that fails is told when it begins to, not every time.
    fn tell(&self, state: &mut State, groups: &[Group]) {
        let (job, instance) = (&self.settings.job_name, &self.settings.instance);
        for group in groups {
            let Some(error) = &group.error else { continue };
            if !state.failing.contains(&group.name) {
                tracing::warn!(%job, %instance, collector = group.name, %error, "figures of a database are missing");
            }
        }
        state.failing = groups.iter().filter(|one| one.error.is_some()).map(|one| one.name).collect();
    }
}

impl Connection {
    async fn open(kind: Kind, dsn: &Dsn, limits: Limits) -> Result<Connection, String> {
        Ok(match kind {
            Kind::Postgres => Connection::Postgres(postgres::Connection::open(dsn, limits).await?),
            Kind::Mysql => Connection::Mysql(mysql::Connection::open(dsn, limits).await?),
            Kind::Redis => Connection::Redis(redis::Connection::open(dsn).await?),
        })
    }

    async fn collect(&mut self, gathered: &mut Gathered, limits: Limits) -> Result<(), String> {
        match self {
            Connection::Postgres(connection) => connection.collect(gathered, limits).await,
            Connection::Mysql(connection) => connection.collect(gathered, limits).await,
            Connection::Redis(connection) => connection.collect(gathered).await,
        }
    }
}

/// The figures about the collection itself, under the names of each exporter.
fn about(kind: Kind, gathered: &mut Gathered, failure: Option<&str>, scrapes: u64, took: Duration) {
    let names = match kind {
        Kind::Postgres => Names { up: "pg", exporter: "pg_exporter", group: "pg_scrape_collector" },
        Kind::Mysql => Names { up: "mysql", exporter: "mysql_exporter", group: "mysql_exporter_collector" },
        Kind::Redis => Names { up: "redis", exporter: "redis_exporter", group: "redis_exporter_collector" },
    };
    let Gathered { figures, groups } = gathered;
    let gauge = MetricType::Gauge;
    let is_up = f64::from(u8::from(failure.is_none()));
    figures.set(&format!("{}_up", names.up), gauge, "Whether the server was reached and answered.", is_up);
    for group in groups.iter() {
        let label = || vec![("collector", group.name.to_owned())];
        let success = f64::from(u8::from(group.error.is_none()));
        let help = "Whether these figures could be read.";
        figures.add(&format!("{}_success", names.group), gauge, help, label(), success);
        let help = "How long these figures took.";
        let name = format!("{}_duration_seconds", names.group);
        figures.add(&name, gauge, help, label(), group.took.as_secs_f64());
    }
    let error = failure.or(groups.iter().find_map(|group| group.error.as_deref()));
    let value = f64::from(u8::from(error.is_some()));
    let name = format!("{}_last_scrape_error", names.exporter);
    figures.set(&name, gauge, "Whether the server or some of its figures could not be read.", value);
    let name = format!("{}_last_scrape_duration_seconds", names.exporter);
    figures.set(&name, gauge, "How long this page took.", took.as_secs_f64());
    let name = format!("{}_scrapes_total", names.exporter);
    figures.set(&name, MetricType::Counter, "Pages made since the start or a reload.", scrapes as f64);
}

struct Names {
    up: &'static str,
    exporter: &'static str,
    group: &'static str,
}
