//! Databases as they are watched: real servers, the figures that they tell themselves, and the exporters' own pages.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lingshao::collect::database::{Collected, Database};
use lingshao::config::{self, Config};
use lingshao_wire::resp::{self, Reply};
use tempfile::TempDir;

use crate::harness::{Server, eventually, folder, text};
use crate::servers::{self, Client, Kind};

/// Never to be seen anywhere. With a character that must be escaped in an address.
const PASSWORD: &str = "open%2Fsesame";
const PASSWORD_PLAIN: &str = "open/sesame";
const LIMIT: Duration = Duration::from_secs(20);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A Redis of this test's own, with a password, and what it is asked to know the truth.
struct Redis {
    port: u16,
    process: Child,
    folder: TempDir,
}

impl Redis {
    fn start() -> Redis {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let redis = Redis { port, process: Redis::spawn(port, folder.path()), folder };
        redis.await_answer();
        redis
    }

    fn spawn(port: u16, folder: &Path) -> Child {
        Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""])
            .args(["--requirepass", PASSWORD_PLAIN, "--maxmemory", "64mb"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("Redis is installed by `make setup`")
    }

    fn await_answer(&self) {
        eventually("Redis answers", || {
            self.try_ask(&["AUTH", PASSWORD_PLAIN]) == Some(Reply::Status("OK".to_owned()))
        });
    }

    fn start_again(&mut self) {
        self.process = Redis::spawn(self.port, self.folder.path());
        self.await_answer();
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn dsn(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    #[track_caller]
    fn ask(&self, words: &[&str]) -> Reply {
        self.try_ask(words).unwrap()
    }

    fn try_ask(&self, words: &[&str]) -> Option<Reply> {
        self.try_ask_as(PASSWORD_PLAIN, words)
    }

    fn try_ask_as(&self, password: &str, words: &[&str]) -> Option<Reply> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        stream.write_all(&resp::command(&[b"AUTH", password.as_bytes()])).ok()?;
        stream.write_all(&resp::command(&words)).ok()?;
        let mut bytes = Vec::new();
        loop {
            if let Some((_, taken)) = resp::reply(&bytes, 1 << 20).unwrap()
                && let Some((reply, _)) = resp::reply(&bytes[taken..], 1 << 20).unwrap()
            {
                return Some(reply);
            }
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
            bytes.extend_from_slice(&chunk[..read]);
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A server on a port, with a user `mon` who may look, and its address.
async fn watched(kind: Kind) -> (servers::Server, Client, String) {
    let port = free_port();
    let server = servers::start_at(kind, Some(port)).await;
    let mut client = Client::open(&server.url).await;
    let dsn = match kind {
        Kind::Postgres => {
            client
                .run(&format!("CREATE ROLE mon LOGIN PASSWORD '{PASSWORD_PLAIN}' IN ROLE pg_monitor"))
                .await;
            format!("postgres://mon:{PASSWORD}@127.0.0.1:{port}/postgres")
        }
        _ => {
            client.run(&format!("CREATE USER mon@'127.0.0.1' IDENTIFIED BY '{PASSWORD_PLAIN}'")).await;
            client.run("GRANT PROCESS, REPLICATION CLIENT, SLAVE MONITOR ON *.* TO mon@'127.0.0.1'").await;
            format!("mysql://mon:{PASSWORD}@127.0.0.1:{port}/")
        }
    };
    (server, client, dsn)
}

fn parse(text: &str) -> Config {
    let loaded = config::parse(text, Path::new("lingshao.yml"));
    loaded.map(|loaded| loaded.config).unwrap_or_else(|error| panic!("{error}"))
}

/// A collector as the file would make it.
fn database(key: &str, entry: &str) -> Database {
    let config = parse(&format!("collect: {{{key}: [{{{entry}}}]}}\n"));
    Database::new(config.collect.databases().next().unwrap().clone())
}

fn collector(dsn: &str) -> Database {
    let key = dsn.split(':').next().unwrap();
    database(key, &format!("dsn: '{dsn}'"))
}

/// Series of a page with their values.
type Series = BTreeMap<String, f64>;

fn series(page: &[u8]) -> Series {
    let page = std::str::from_utf8(page).unwrap();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

async fn collect(database: &Database) -> Series {
    let Collected { page, failure } = database.collect(LIMIT).await;
    assert_eq!(failure, None);
    let series = series(&page);
    assert!(series.len() > 100, "{series:?}");
    series
}

#[track_caller]
fn value(series: &Series, name: &str) -> f64 {
    *series.get(name).unwrap_or_else(|| {
        let metric = name.split('{').next().unwrap();
        let near: Vec<_> = series.keys().filter(|own| own.starts_with(metric)).collect();
        panic!("{name} is not there, but {near:?}")
    })
}

/// The sum of a metric's series.
fn sum(series: &Series, metric: &str, label: &str) -> f64 {
    let of_metric = |name: &str| name.split('{').next() == Some(metric) && name.contains(label);
    series.iter().filter(|(name, _)| of_metric(name)).map(|(_, value)| value).sum()
}

#[test]
fn postgresql_is_told_as_it_tells_itself() {
    runtime().block_on(async {
        let (server, mut client, dsn) = watched(Kind::Postgres).await;
        client
            .run(
                "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 500)",
            )
            .await;
        // One by one, so that what was inserted is not counted on top of what was found.
        client.run("SELECT pg_stat_force_next_flush()").await;
        client.run("ANALYZE orders").await;
        let collector = collector(&dsn);
        let before = collect(&collector).await;

        assert_eq!(value(&before, "pg_up"), 1.0);
        assert_eq!(value(&before, "pg_settings_max_connections"), 100.0);
        assert_eq!(value(&before, "pg_settings_shared_buffers_bytes"), f64::from(128 << 20));
        assert_eq!(value(&before, "pg_settings_authentication_timeout_seconds"), 60.0);
        let size = client.number("pg_database_size('postgres')").await as f64;
        let told = value(&before, "pg_database_size_bytes{datname=\"postgres\"}");
        assert!((told - size).abs() < 1e6, "{told} {size}");
        let table = "{datname=\"postgres\",schemaname=\"public\",relname=\"orders\"}";
        assert_eq!(value(&before, &format!("pg_stat_user_tables_n_live_tup{table}")), 500.0);
        let size = client.number("pg_table_size('orders')").await as f64;
        assert_eq!(value(&before, &format!("pg_stat_user_tables_table_size_bytes{table}")), size);
        let started = client.number("extract(epoch FROM pg_postmaster_start_time())").await as f64;
        assert!((value(&before, "pg_postmaster_start_time_seconds") - started).abs() <= 1.0);
        assert_eq!(value(&before, "pg_replication_is_replica"), 0.0);
        // Nobody is in this state; it is 0 and no gap.
        let idle = "pg_stat_activity_count{datname=\"postgres\",state=\"idle in transaction\"}";
        assert_eq!(value(&before, idle), 0.0);

        // Somebody takes a lock and keeps it.
        let mut other = Client::open(&server.url).await;
        other.run("BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE").await;
        for _ in 0..20 {
            client.run("SELECT 1").await;
        }
        client.run("SELECT pg_stat_force_next_flush()").await;
        let after = collect(&collector).await;
        assert_eq!(value(&after, "pg_locks_count{datname=\"postgres\",mode=\"exclusivelock\"}"), 1.0);
        let waiting = sum(&after, "pg_stat_activity_count", "state=\"idle in transaction\"");
        assert_eq!(waiting, 1.0);
        let oldest = "state=\"idle in transaction\",usename=\"shop\"";
        assert!(sum(&after, "pg_stat_activity_max_tx_duration", oldest) > 0.0);
        let commits = "pg_stat_database_xact_commit{datid=\"5\",datname=\"postgres\"}";
        assert!(value(&after, commits) - value(&before, commits) >= 20.0);
        // We are one session, are called by our name, write nothing, and are not left waiting.
        let ours = "FROM pg_stat_activity WHERE application_name = 'lingshao'";
        assert_eq!(client.number(&format!("(SELECT count(*) {ours})")).await, 1);
        assert_eq!(sum(&after, "pg_stat_activity_count", "application_name=\"lingshao\""), 1.0);
        assert_eq!(sum(&after, "pg_scrape_collector_success", ""), 14.0);
        assert_eq!(value(&after, "pg_exporter_last_scrape_error"), 0.0);
        assert_eq!(value(&after, "pg_exporter_scrapes_total"), 2.0);
    });
}

#[test]
fn mariadb_is_told_as_it_tells_itself() {
    runtime().block_on(async {
        let (_server, mut client, dsn) = watched(Kind::Mariadb).await;
        client.run("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY)").await;
        client.run("CHANGE MASTER TO MASTER_HOST='10.0.0.4', MASTER_USER='x'").await;
        let collector = collector(&dsn);
        let before = collect(&collector).await;
        assert_eq!(value(&before, "mysql_up"), 1.0);
        assert_eq!(value(&before, "mysql_global_variables_max_connections"), 100.0);
        assert_eq!(value(&before, "mysql_global_variables_innodb_buffer_pool_size"), f64::from(128 << 20));
        // The client and we.
        assert_eq!(value(&before, "mysql_global_status_threads_connected"), 2.0);
        let source = "{master_host=\"10.0.0.4\"}";
        assert_eq!(value(&before, &format!("mysql_slave_status_slave_io_running{source}")), 0.0);
        assert_eq!(sum(&before, "mysql_version_info", "MariaDB"), 1.0);
        client.run("INSERT INTO shop.orders VALUES (1), (2), (3)").await;
        for _ in 0..7 {
            client.run("DELETE FROM shop.orders WHERE id = 99").await;
        }
        let after = collect(&collector).await;
        let rise = |name: &str| value(&after, name) - value(&before, name);
        assert_eq!(rise("mysql_global_status_commands_total{command=\"insert\"}"), 1.0);
        assert_eq!(rise("mysql_global_status_commands_total{command=\"delete\"}"), 7.0);
        // MariaDB 10.11 no longer counts rows under InnoDB's name.
        let writes = "mysql_global_status_handlers_total{handler=\"write\"}";
        assert!(rise(writes) >= 3.0, "{}", rise(writes));
        let pages = sum(&after, "mysql_global_status_buffer_pool_pages", "");
        let truth = "SELECT variable_value FROM information_schema.global_status \
                     WHERE variable_name = 'INNODB_BUFFER_POOL_PAGES_TOTAL'";
        let old = value(&after, "mysql_global_status_buffer_pool_pages{state=\"old\"}");
        assert_eq!(pages - old, client.number(truth).await as f64);
        assert_eq!(sum(&after, "mysql_exporter_collector_success", ""), 3.0);
        // We write nothing, even if we might.
        assert_eq!(client.number("SELECT count(*) FROM shop.orders").await, 3);
    });
}

#[test]
fn redis_is_told_as_it_tells_itself() {
    let redis = Redis::start();
    runtime().block_on(async {
        let collector = collector(&redis.dsn());
        for words in
            [["SET", "a", "1"].as_slice(), &["SET", "b", "2", "EX", "1000"], &["GET", "a"], &["GET", "no"]]
        {
            redis.ask(words);
        }
        redis.ask(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
        let before = collect(&collector).await;
        assert_eq!(value(&before, "redis_up"), 1.0);
        assert_eq!(value(&before, "redis_db_keys{db=\"db0\"}"), 2.0);
        assert_eq!(value(&before, "redis_db_keys_expiring{db=\"db0\"}"), 1.0);
        assert_eq!(value(&before, "redis_keyspace_hits_total"), 1.0);
        assert_eq!(value(&before, "redis_keyspace_misses_total"), 1.0);
        assert_eq!(value(&before, "redis_memory_max_bytes"), f64::from(64 << 20));
        assert_eq!(value(&before, "redis_config_maxclients"), 10_000.0);
        // We are the only one who is connected.
        assert_eq!(value(&before, "redis_connected_clients"), 1.0);
        assert_eq!(value(&before, "redis_commands_total{cmd=\"set\"}"), 2.0);
        assert_eq!(sum(&before, "redis_instance_info", "role=\"master\""), 1.0);
        assert_eq!(sum(&before, "redis_exporter_collector_success", ""), 5.0);
        for _ in 0..10 {
            redis.ask(&["GET", "a"]);
        }
        redis.ask(&["FLUSHALL"]);
        let after = collect(&collector).await;
        assert_eq!(value(&after, "redis_keyspace_hits_total"), 11.0);
        assert_eq!(value(&after, "redis_db_keys{db=\"db0\"}"), 0.0);
        let Reply::Integer(length) = redis.ask(&["SLOWLOG", "LEN"]) else { panic!("no length") };
        let told = value(&after, "redis_slowlog_length");
        assert!(told > 10.0 && told < length as f64, "{told} {length}");
        // Once connected, always connected.
        let connects = "redis_commands_total{cmd=\"client|setname\"}";
        assert_eq!(value(&after, connects), 1.0);
    });
}

/// What one kind of server is asked by its exporter, and which of its metrics are left out here, with the reason.
struct Original {
    program: &'static str,
    environment: fn(&str) -> (&'static str, String),
    arguments: &'static [&'static str],
    left_out: &'static [&'static str],
    prefix: &'static str,
}

const POSTGRES_EXPORTER: Original = Original {
    program: "prometheus-postgres-exporter",
    environment: |dsn| ("DATA_SOURCE_NAME", format!("{dsn}?sslmode=disable")),
    arguments: &[],
    // Debian's 0.11 takes every column that it does not know as a metric; later versions have other names for these.
    left_out: &[
        "pg_stat_database_active_time",
        "pg_stat_database_checksum_",
        "pg_stat_database_idle_in_transaction_time",
        "pg_stat_database_session",
        // Not a number while nothing was archived, or reset: left out then.
        "pg_stat_archiver_last_archive_age",
        "pg_stat_database_stats_reset",
        "postgres_exporter_build_info",
    ],
    prefix: "pg_",
};

const MYSQLD_EXPORTER: Original = Original {
    program: "prometheus-mysqld-exporter",
    environment: |dsn| {
        let (login, host) = dsn.trim_start_matches("mysql://").split_once('@').unwrap();
        let login = login.replace(PASSWORD, PASSWORD_PLAIN);
        ("DATA_SOURCE_NAME", format!("{login}@({})/", host.trim_end_matches('/')))
    },
    arguments: &[],
    // Compression that hardly anybody uses, and what the exporter says of itself.
    left_out: &["mysql_info_schema_innodb_cmp", "mysqld_exporter_build_info"],
    prefix: "mysql_",
};

const REDIS_EXPORTER: Original = Original {
    program: "prometheus-redis-exporter",
    environment: |dsn| ("REDIS_ADDR", dsn.to_owned()),
    arguments: &[],
    // What the exporter says of itself and of keys that it was told to look at.
    left_out: &[
        "redis_exporter_build_info",
        "redis_exporter_scrape_duration_seconds",
        "redis_exporter_last_scrape_connect_time_seconds",
        "redis_target_scrape_request_errors_total",
        "redis_last_key_groups_scrape_duration_milliseconds",
    ],
    prefix: "redis_",
};

struct Exporter(Child);

impl Drop for Exporter {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The exporter's page; nothing where it is not installed.
fn their_page(original: &Original, dsn: &str) -> Option<String> {
    let port = free_port();
    let (name, value) = (original.environment)(dsn);
    let spawned = Command::new(original.program)
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(original.arguments)
        .env(name, value)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _exporter = match spawned {
        Ok(child) => Exporter(child),
        Err(error) => {
            println!("skipped: {} cannot be started: {error}", original.program);
            return None;
        }
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        assert!(Instant::now() < deadline, "{} does not answer", original.program);
        std::thread::sleep(Duration::from_millis(50));
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { continue };
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        if body.contains(&format!("{}up 1", original.prefix)) {
            return Some(body);
        }
    }
}

/// Their names, labels and types, without what only they have.
fn check_against(original: &Original, dsn: &str) {
    let Some(theirs) = their_page(original, dsn) else { return };
    let ours = runtime().block_on(collector(dsn).collect(LIMIT));
    let ours = String::from_utf8(ours.page).unwrap();
    let is_left_out = |name: &str| {
        !name.starts_with(original.prefix) || original.left_out.iter().any(|out| name.starts_with(out))
    };
    let types = |page: &str| -> BTreeMap<String, String> {
        let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        lines.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
    };
    let (their_types, our_types) = (types(&theirs), types(&ours));
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (name, kind) in their_types.iter().filter(|(name, _)| !is_left_out(name)) {
        compared += 1;
        match our_types.get(name) {
            None => wrong.push(format!("{name} is missing")),
            Some(own) if own != kind => wrong.push(format!("{name} is {own} and not {kind}")),
            Some(_) => {}
        }
    }
    println!("{}: {compared} metrics compared, {} are ours", original.program, our_types.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The label `server` says what `instance` says.
    let labels = |page: &str| -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, rest)) = line.split_once('{') else { continue };
            let pairs = rest.split("\",").filter_map(|pair| pair.split_once("=\""));
            // A label without a value is none.
            let pairs = pairs.filter(|(_, value)| !value.starts_with('"') && !value.is_empty());
            let names = pairs.map(|(name, _)| name.to_owned());
            found.entry(name.to_owned()).or_default().extend(names.filter(|name| name != "server"));
        }
        found
    };
    let (theirs, ours) = (labels(&theirs), labels(&ours));
    for (name, their_labels) in theirs.iter().filter(|(name, _)| !is_left_out(name)) {
        let none = BTreeSet::new();
        let lacking: Vec<_> = their_labels.difference(ours.get(name).unwrap_or(&none)).collect();
        // Why it failed is in the log and on the page of targets, and no label.
        if !lacking.is_empty() && name != "redis_exporter_last_scrape_error" {
            wrong.push(format!("{name} lacks {lacking:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn postgresql_has_the_names_of_postgres_exporter() {
    let (_server, _, dsn) = runtime().block_on(watched(Kind::Postgres));
    check_against(&POSTGRES_EXPORTER, &dsn);
}

#[test]
fn mariadb_has_the_names_of_mysqld_exporter() {
    let (_server, _, dsn) = runtime().block_on(watched(Kind::Mariadb));
    check_against(&MYSQLD_EXPORTER, &dsn);
}

#[test]
fn redis_has_the_names_of_redis_exporter() {
    let redis = Redis::start();
    redis.ask(&["SET", "a", "1"]);
    check_against(&REDIS_EXPORTER, &redis.dsn());
}

#[test]
fn a_statement_that_is_refused_costs_its_own_figures_only() {
    let redis = Redis::start();
    redis.ask(&["ACL", "SETUSER", "mon", "on", ">p", "+info", "+ping", "+client"]);
    runtime().block_on(async {
        let series = collect(&collector(&format!("redis://mon:p@127.0.0.1:{}", redis.port))).await;
        assert_eq!(value(&series, "redis_up"), 1.0);
        assert_eq!(value(&series, "redis_exporter_collector_success{collector=\"config\"}"), 0.0);
        assert_eq!(value(&series, "redis_exporter_collector_success{collector=\"info\"}"), 1.0);
        assert_eq!(value(&series, "redis_exporter_last_scrape_error"), 1.0);
        assert_eq!(value(&series, "redis_db_keys{db=\"db0\"}"), 0.0);

        // Without pg_monitor, files of the log may not be listed.
        let (_server, mut client, dsn) = watched(Kind::Postgres).await;
        client.run("REVOKE pg_monitor FROM mon").await;
        let series = collect(&collector(&dsn)).await;
        assert_eq!(value(&series, "pg_scrape_collector_success{collector=\"wal\"}"), 0.0);
        assert_eq!(sum(&series, "pg_scrape_collector_success", ""), 13.0);
        assert_eq!(value(&series, "pg_exporter_last_scrape_error"), 1.0);
        assert!(value(&series, "pg_database_size_bytes{datname=\"postgres\"}") > 1e6);
    });
}

#[test]
fn a_table_that_somebody_changes_keeps_nobody_waiting() {
    runtime().block_on(async {
        let (_server, mut client, dsn) = watched(Kind::Postgres).await;
        client.run("CREATE TABLE orders (id int)").await;
        // As a migration does. Who wants to know the table's size waits for it.
        client.run("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE").await;
        let begun = Instant::now();
        let series = collect(&collector(&dsn)).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        let success =
            |group: &str| value(&series, &format!("pg_scrape_collector_success{{collector=\"{group}\"}}"));
        assert_eq!(
            (success("table_size"), success("stat_user_tables"), success("database_size")),
            (0.0, 1.0, 1.0)
        );
    });
}

#[test]
fn a_rotated_password_works_at_the_next_connect() {
    let redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("redis.dsn");
    let write = |password: &str| {
        std::fs::write(&file, format!("redis://:{password}@127.0.0.1:{}\n", redis.port)).unwrap();
    };
    write(PASSWORD);
    runtime().block_on(async {
        let database = database("redis", &format!("dsn_file: '{}'", file.display()));
        collect(&database).await;
        redis.ask(&["CONFIG", "SET", "requirepass", "new"]);
        // The session goes on; it ends, and the old password is no longer any good.
        collect(&database).await;
        let kill = |password: &str| {
            let killed = redis.try_ask_as(password, &["CLIENT", "KILL", "TYPE", "normal"]);
            assert_eq!(killed, Some(Reply::Integer(1)));
        };
        kill("new");
        let Collected { page, failure } = database.collect(LIMIT).await;
        let failure = failure.unwrap();
        assert!(failure.starts_with("cannot connect: WRONGPASS"), "{failure}");
        assert!(!failure.contains("sesame"), "{failure}");
        assert_eq!(value(&series(&page), "redis_up"), 0.0);
        write("new");
        collect(&database).await;
        // A session that ended between two looks is replaced by the look that finds out.
        kill("new");
        collect(&database).await;
    });
}

#[test]
fn a_server_that_says_nothing_is_down_when_the_time_is_over() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    runtime().block_on(async {
        for (scheme, up) in [("postgres", "pg_up"), ("mysql", "mysql_up"), ("redis", "redis_up")] {
            let begun = Instant::now();
            let database = collector(&format!("{scheme}://u:{PASSWORD}@127.0.0.1:{port}"));
            let Collected { page, failure } = database.collect(Duration::from_millis(300)).await;
            assert_eq!(failure.as_deref(), Some("no complete answer within 0.3s (scrape_timeout)"));
            assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
            let series = series(&page);
            assert_eq!((value(&series, up), series.len()), (0.0, 4), "{series:?}");
        }
    });
}

#[test]
fn what_is_no_such_server_is_down_with_a_reason() {
    let site = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = site.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in site.incoming() {
            let answered =
                stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
            drop(answered);
        }
    });
    runtime().block_on(async {
        let closed = free_port();
        for scheme in ["postgres", "mysql", "redis"] {
            let database = collector(&format!("{scheme}://u:{PASSWORD}@127.0.0.1:{port}"));
            let failure = database.collect(Duration::from_secs(5)).await.failure.unwrap();
            assert!(failure.starts_with("cannot connect: "), "{failure}");
            let database = collector(&format!("{scheme}://u:{PASSWORD}@127.0.0.1:{closed}"));
            let failure = database.collect(Duration::from_secs(5)).await.failure.unwrap();
            assert!(failure.contains("Connection refused"), "{failure}");
        }
    });
}

/// The value of an instant query, if it has one.
fn query(server: &Server, expression: &str) -> Option<String> {
    let answer = server.post_form("/api/v1/query", &format!("query={}", crate::harness::encoded(expression)));
    let result = &answer.json()["data"]["result"];
    Some(result[0]["value"][1].as_str()?.to_owned())
}

/// The alert's state, as the page of rules shows it.
fn state(server: &Server) -> String {
    let groups = server.data("/api/v1/rules")["groups"].clone();
    let rules: Vec<_> =
        groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    let rule = rules.iter().find(|rule| rule["name"] == "DatabaseDown").unwrap();
    rule["state"].as_str().unwrap().to_owned()
}

/// The target of a job: its health, and its last error.
fn target(server: &Server, job: &str) -> (String, String) {
    let targets = server.data("/api/v1/targets");
    let active = targets["activeTargets"].as_array().unwrap();
    let one = active.iter().find(|target| target["labels"]["job"] == job).unwrap();
    (one["health"].as_str().unwrap().to_owned(), one["lastError"].as_str().unwrap().to_owned())
}

#[test]
fn the_plan_s_rule_fires_when_the_database_stops_and_is_resolved_when_it_is_back() {
    let runtime = runtime();
    let (mut postgres, _, postgres_dsn) = runtime.block_on(watched(Kind::Postgres));
    let (_mariadb, _, mysql_dsn) = runtime.block_on(watched(Kind::Mariadb));
    let mut redis = Redis::start();
    let folder = folder();
    let plan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/lingxian/original/alerts.yml");
    // The plan's own rules; a minute is long for a test.
    let rules = std::fs::read_to_string(plan).unwrap().replace("for: 1m", "for: 1s");
    assert!(rules.contains("expr: up{job=\"postgres\"} == 0\n        for: 1s"), "{rules}");
    std::fs::write(folder.path().join("alerts.yml"), rules).unwrap();
    std::fs::write(folder.path().join("pg.dsn"), format!("{postgres_dsn}\n")).unwrap();
    let config = folder.path().join("lingshao.yml");
    let redis_dsn = redis.dsn();
    let write = |redis_entry: &str| {
        let text = format!(
            "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}}\n\
             rule_files: [alerts.yml]\n\
             collect:\n\
             \x20 postgres: [{{dsn_file: pg.dsn}}]\n\
             \x20 mysql: [{{dsn: '{mysql_dsn}'}}]\n\
             \x20 redis: [{{dsn: '{}'{redis_entry}}}]\n",
            redis_dsn
        );
        std::fs::write(&config, text).unwrap();
    };
    write("");
    let server = Server::start_with(&folder, &["--config", &text(&config)]);
    let up = |job: &str| query(&server, &format!("up{{job=\"{job}\"}}"));
    for job in ["postgres", "mysql", "redis"] {
        eventually("all are up", || up(job).as_deref() == Some("1"));
    }
    let address = postgres_dsn.split('@').nth(1).unwrap().split('/').next().unwrap();
    assert_eq!(
        query(&server, &format!("pg_up{{job=\"postgres\",instance=\"{address}\"}}")).as_deref(),
        Some("1")
    );
    eventually("the rule was evaluated", || state(&server) == "inactive");

    postgres.stop();
    eventually("it is down", || up("postgres").as_deref() == Some("0"));
    assert_eq!(query(&server, "pg_up").as_deref(), Some("0"));
    // Its figures have ended.
    assert_eq!(query(&server, "pg_settings_max_connections"), None);
    eventually("the rule fires", || state(&server) == "firing");
    let (health, error) = target(&server, "postgres");
    assert!(health == "down" && error.starts_with("cannot connect: "), "{error}");
    // The others do not notice.
    assert_eq!((up("mysql").as_deref(), up("redis").as_deref()), (Some("1"), Some("1")));

    runtime.block_on(postgres.start_again());
    eventually("it is up again", || up("postgres").as_deref() == Some("1"));
    eventually("the alert is over", || state(&server) == "inactive");
    assert_eq!(target(&server, "postgres"), ("up".to_owned(), String::new()));

    // Redis too is found again.
    redis.stop();
    redis.start_again();
    let process = redis.process.id().to_string();
    eventually("Redis is asked again", || query(&server, "redis_process_id").as_ref() == Some(&process));

    // A reload replaces what has changed.
    write(", instance: cache, job_name: cache");
    assert_eq!(server.request("POST", "/-/reload", &[], b"").status, 200);
    eventually("it goes by its new name", || {
        query(&server, "up{job=\"cache\",instance=\"cache\"}").as_deref() == Some("1")
    });
    assert_eq!(up("redis"), None);
    assert_eq!(up("postgres").as_deref(), Some("1"));

    let seen =
        ["/config", "/targets", "/metrics", "/api/v1/status/config", "/api/v1/targets", "/api/v1/rules"];
    let pages: String = seen.map(|path| server.get(path).body).concat();
    for secret in [PASSWORD, PASSWORD_PLAIN, "sesame"] {
        assert!(!pages.contains(secret) && !server.log().contains(secret), "{pages}\n{}", server.log());
    }
    assert!(pages.contains("process:postgres://127.0.0.1:"), "{pages}");
}
