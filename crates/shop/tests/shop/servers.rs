//! Databases of this run's own, on sockets in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};

/// A database and, where it has one, its server; both end with it.
pub(crate) struct Server {
    pub(crate) url: String,
    /// How it is started, again too.
    command: Option<Command>,
    process: Option<Child>,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

#[allow(dead_code, reason = "each test program uses its own part of this")]
impl Server {
    /// Ends it; what it has stored stays.
    pub(crate) fn stop(&mut self) {
        // A fast and orderly end: a killed PostgreSQL leaves shared memory behind, and MariaDB does not hear INT.
        self.signal(if self.url.starts_with("postgres") { "-INT" } else { "-TERM" });
        self.signal("-CONT");
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }

    /// From now on it says nothing, as a machine that was switched off, until it is stopped.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    fn signal(&self, signal: &str) {
        if let Some(process) = &self.process {
            let _ = Command::new("kill").args([signal, &process.id().to_string()]).status();
        }
    }

    /// Starts it after a stop, and waits until it answers.
    pub(crate) async fn start_again(&mut self) {
        self.process = self.command.as_mut().map(spawn);
        drop(self.first_client().await);
    }
}

impl Server {
    /// Waits until it answers. A port of its own may be somebody else's for a moment: whoever ends by that begins anew.
    async fn first_client(&mut self) -> Client {
        for _ in 0..600 {
            if let Ok(client) = Client::connect(&self.url).await {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            let has_ended = |process: &mut Child| process.try_wait().is_ok_and(|status| status.is_some());
            if self.process.as_mut().is_some_and(has_ended) {
                self.process = self.command.as_mut().map(spawn);
            }
        }
        panic!("no answer in a minute; run `make setup`, and look at {}", self.url);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Mariadb,
    Sqlite,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Postgres, Kind::Mariadb, Kind::Sqlite];

pub(crate) async fn start(kind: Kind) -> Server {
    start_at(kind, None).await
}

/// The same, on a port of 127.0.0.1 too, where passwords are asked for.
pub(crate) async fn start_at(kind: Kind, port: Option<u16>) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let mut server = match kind {
        Kind::Sqlite => {
            let url = format!("sqlite:{}?mode=rwc", folder.path().join("shop.db").display());
            Server { url, command: None, process: None, _folder: folder }
        }
        Kind::Postgres => postgres(folder, port),
        Kind::Mariadb => mariadb(folder, port),
    };
    let mut client = server.first_client().await;
    match kind {
        Kind::Sqlite => client.run("PRAGMA journal_mode=WAL").await,
        Kind::Mariadb => client.run("SET GLOBAL max_connections=100").await,
        Kind::Postgres => {}
    }
    server
}

fn postgres(folder: tempfile::TempDir, port: Option<u16>) -> Server {
    let bin = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is installed by `make setup`")
        .map(|entry| entry.unwrap().path().join("bin"))
        .max()
        .unwrap();
    let data = folder.path().join("data");
    let mut init = unprivileged(folder.path(), &bin.join("initdb"));
    run(init.args(["-A", "trust", "-U", "shop", "--no-sync", "-D"]).arg(&data));
    let mut server = unprivileged(folder.path(), &bin.join("postgres"));
    server.arg("-D").arg(&data).arg("-k").arg(folder.path());
    server.args(["-c", "fsync=off", "-c", "timezone=UTC"]);
    match port {
        Some(port) => {
            let rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
            std::fs::write(data.join("pg_hba.conf"), rules).unwrap();
            server.args(["-c", "listen_addresses=127.0.0.1", "-c", &format!("port={port}")]);
        }
        None => drop(server.args(["-c", "listen_addresses="])),
    }
    let process = spawn(&mut server);
    // The socket's name has the port in it.
    let port = port.unwrap_or(5432);
    let url = format!("postgres://shop@localhost:{port}/postgres?host={}", folder.path().display());
    Server { url, command: Some(server), process: Some(process), _folder: folder }
}

fn mariadb(folder: tempfile::TempDir, port: Option<u16>) -> Server {
    let data = folder.path().join("data");
    let socket = folder.path().join("socket");
    let mut init = unprivileged(folder.path(), Path::new("mariadb-install-db"));
    // Two that are made at once would share the names of their temporary tables.
    init.env("TMPDIR", folder.path());
    init.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    run(init.arg(format!("--datadir={}", data.display())));
    let mut server = unprivileged(folder.path(), Path::new("mariadbd"));
    server.env("TMPDIR", folder.path());
    server.args(["--no-defaults", "--innodb-flush-log-at-trx-commit=0"]);
    match port {
        Some(port) => server.args(["--bind-address=127.0.0.1", &format!("--port={port}")]),
        None => server.arg("--skip-networking"),
    };
    server.arg(format!("--datadir={}", data.display())).arg(format!("--socket={}", socket.display()));
    let process = spawn(server.arg(format!("--pid-file={}", folder.path().join("pid").display())));
    let url = format!("mysql://root@localhost/mysql?socket={}", socket.display());
    Server { url, command: Some(server), process: Some(process), _folder: folder }
}

/// Both servers refuse to run as root.
fn unprivileged(folder: &Path, program: &Path) -> Command {
    let id = Command::new("id").arg("-u").output().unwrap().stdout;
    if id != b"0\n" {
        return Command::new(program);
    }
    run(Command::new("chown").arg("nobody").arg(folder));
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--clear-groups", "--regid=nogroup"]).arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command.current_dir("/tmp").output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn spawn(command: &mut Command) -> Child {
    let command = command.current_dir(PathBuf::from("/tmp")).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Whoever else works on the shop's database: a payer, the shop's own job, a test that looks.
pub(crate) enum Client {
    Postgres(PgConnection),
    Mysql(MySqlConnection),
    Sqlite(SqliteConnection),
}

macro_rules! on {
    ($client:expr, $connection:ident => $body:expr) => {
        match $client {
            Client::Postgres($connection) => $body,
            Client::Mysql($connection) => $body,
            Client::Sqlite($connection) => $body,
        }
    };
}

impl Client {
    pub(crate) async fn connect(url: &str) -> Result<Client, sqlx::Error> {
        Ok(match url.split(':').next().unwrap() {
            "postgres" => Client::Postgres(PgConnection::connect(url).await?),
            "mysql" => Client::Mysql(MySqlConnection::connect(url).await?),
            _ => Client::Sqlite(SqliteConnection::connect(url).await?),
        })
    }

    pub(crate) async fn open(url: &str) -> Client {
        Client::connect(url).await.unwrap()
    }

    /// Statements, of which nothing is awaited but success.
    pub(crate) async fn run(&mut self, sql: &str) {
        let sql = sql.to_owned();
        let done = on!(self, connection => sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(connection).await.map(drop));
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// One statement; how many rows it changed.
    pub(crate) async fn change(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = sql.to_owned();
        on!(self, connection => {
            sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(|done| done.rows_affected())
        })
    }

    /// The one whole number that a SELECT gives; zero for NULL.
    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        let text = match self {
            Client::Mysql(_) => format!("SELECT CAST(COALESCE(({sql}), 0) AS SIGNED)"),
            _ => format!("SELECT CAST(COALESCE(({sql}), 0) AS BIGINT)"),
        };
        let found = on!(self, connection => {
            sqlx::query_scalar::<_, i64>(AssertSqlSafe(text)).fetch_one(connection).await
        });
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// All statements or none; none, too, when the first changes no row.
    pub(crate) async fn together(&mut self, statements: &[String]) -> Result<bool, sqlx::Error> {
        let begin = if matches!(self, Client::Sqlite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.change_raw(begin).await?;
        for (index, sql) in statements.iter().enumerate() {
            match self.change(sql).await {
                Ok(0) if index == 0 => {
                    self.change_raw("ROLLBACK").await?;
                    return Ok(false);
                }
                Ok(_) => {}
                Err(error) => {
                    self.change_raw("ROLLBACK").await?;
                    return Err(error);
                }
            }
        }
        self.change_raw("COMMIT").await?;
        Ok(true)
    }

    async fn change_raw(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        on!(self, connection => sqlx::raw_sql(sql).execute(connection).await.map(drop))
    }
}
